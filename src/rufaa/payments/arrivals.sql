-- name: lock_named
SELECT id, account_code, account_id, amount_cents, state, created_at FROM fee
WHERE account_code = ANY(%(codes)s)
ORDER BY id
FOR NO KEY UPDATE

-- name: near
SELECT id, account_code, account_id, amount_cents, state, created_at FROM fee WHERE account_code = ANY(%(codes)s)

-- name: fees
SELECT id, account_code, account_id, amount_cents, state, created_at FROM fee WHERE id = ANY(%(fees)s::uuid[])

-- name: numbered
SELECT receipt.id, receipt.number, receipt.account_id, receipt.amount_cents, receipt.paid_at,
    EXISTS (SELECT FROM refund WHERE refund.receipt_id = receipt.id AND refund.state = 'done') AS given_back
FROM receipt WHERE number = ANY(%(numbers)s)

-- name: lock_awaiting
SELECT receipt.id, receipt.account_id, receipt.amount_cents, fee.account_code, prompt.payer_phone,
    coalesce(prompt.sent_at, prompt.created_at) AS sent_at,
    ARRAY(SELECT other.sent_at FROM prompt AS other JOIN receipt AS theirs ON theirs.prompt_id = other.id
          WHERE other.fee_id = prompt.fee_id AND other.id <> prompt.id
              AND other.payer_phone = prompt.payer_phone -- a fee's prompts all have its account and amount
              AND theirs.number IS NOT NULL AND other.sent_at IS NOT NULL
              AND (SELECT evidence.id FROM evidence
                   WHERE evidence.prompt_id = other.id AND evidence.receipt_number = theirs.number
                       AND evidence.verdict = 'confirms' LIMIT 1) IS NULL
    ) AS exchanged
FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id JOIN fee ON fee.id = prompt.fee_id
WHERE receipt.number IS NULL AND (
    fee.account_code = ANY(%(codes)s)
    OR (receipt.account_id, receipt.amount_cents) IN (
        SELECT * FROM unnest(%(accounts)s::uuid[], %(amounts)s::bigint[])
    )
)
ORDER BY receipt.id
FOR NO KEY UPDATE OF receipt

-- name: lock_claims
SELECT claim.id, claim.account_id, claim.number, claim.fee_id
FROM claim JOIN unnest(%(accounts)s::uuid[], %(numbers)s::text[]) AS wanted (account, number)
    ON wanted.account = claim.account_id AND wanted.number = claim.number
WHERE claim.ended_at IS NULL
ORDER BY claim.id
FOR NO KEY UPDATE OF claim

-- name: likely
-- Open fees that such money could be meant for, with every phone that was ever asked for them.
SELECT fee.id, fee.account_code, fee.account_id, fee.amount_cents, fee.state, fee.created_at,
    ARRAY(SELECT DISTINCT payer_phone FROM prompt WHERE prompt.fee_id = fee.id) AS phones
FROM fee
WHERE fee.state IN ('due', 'deferred') AND (fee.account_id, fee.amount_cents) IN (
    SELECT * FROM unnest(%(accounts)s::uuid[], %(amounts)s::bigint[])
)
ORDER BY fee.created_at DESC
LIMIT 500

-- name: fill_dates
UPDATE receipt SET paid_at = new.paid_at
FROM unnest(%(receipts)s::uuid[], %(paid_at)s::timestamptz[]) AS new (id, paid_at)
WHERE receipt.id = new.id AND receipt.paid_at IS NULL

-- name: insert_claim
INSERT INTO claim (id, account_id, number, channel, amount_cents, paid_at, account_reference, phone_shown, inbox, next_at)
VALUES (%(id)s, %(account)s, %(number)s, %(channel)s, %(amount)s, %(paid_at)s, %(reference)s, %(phone)s, %(inbox)s,
        rufaa_now() + %(first_s)s * interval '1 second')
ON CONFLICT DO NOTHING

-- name: end_claim
UPDATE claim SET ended_at = rufaa_now(), ended_as = %(as)s, receipt_id = %(receipt)s, next_at = NULL
WHERE id = %(id)s AND ended_at IS NULL

-- name: claim
SELECT claim.*, mpesa_account.short_code, mpesa_account.till_number, EXISTS (
    SELECT FROM mpesa_account AS other
    WHERE (other.environment, other.short_code) = (mpesa_account.environment, mpesa_account.short_code)
        AND other.id <> mpesa_account.id
) AS shared
FROM claim JOIN mpesa_account ON mpesa_account.id = claim.account_id
WHERE claim.id = %(id)s
FOR NO KEY UPDATE OF claim

-- name: insert_evidence
INSERT INTO evidence (channel, account_id, receipt_id, inbox, verdict, result_code, result_desc, receipt_number,
                      amount_cents, phone_shown, status, body)
SELECT * FROM unnest(%(channels)s::text[], %(accounts)s::uuid[], %(receipts)s::uuid[], %(inboxes)s::bigint[],
                     %(verdicts)s::text[], %(codes)s::text[], %(descs)s::text[], %(numbers)s::text[],
                     %(amounts)s::bigint[], %(phones)s::text[], %(statuses)s::int[], %(bodies)s::bytea[])
ON CONFLICT DO NOTHING

-- name: open_task
INSERT INTO task (id, kind, facility_id, account_id, fee_id, receipt_id, proposed_fee_id, why)
SELECT %(id)s, %(kind)s,
    coalesce((SELECT payee_id FROM fee WHERE id = %(fee)s), (SELECT payee_id FROM fee WHERE id = %(proposed)s),
             account_payee(%(account)s)),
    %(account)s, CASE WHEN (SELECT payee_id FROM fee WHERE id = %(fee)s) IS NOT NULL THEN %(fee)s::uuid END,
    %(receipt)s, %(proposed)s, %(why)s
ON CONFLICT DO NOTHING

