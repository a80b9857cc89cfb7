-- name: lock_fees
SELECT id, state, amount_cents, account_id, payee_id
FROM fee WHERE id IN (SELECT fee_id FROM prompt WHERE id = ANY(%(prompts)s::uuid[]))
ORDER BY id
FOR NO KEY UPDATE

-- name: lock_prompts
-- What is only asked for whether it is there is asked with LIMIT 1: of EXISTS PostgreSQL may make a hash of all evidence.
-- A number is an arrival's as long as no callback that was believed has told it: what anybody else names is not its own.
SELECT
    prompt.id, prompt.fee_id, prompt.account_id, prompt.state, prompt.amount_cents, prompt.payer_phone,
    prompt.checkout_request_id, prompt.merchant_request_id, prompt.unpaid_queries,
    prompt.sent_at, coalesce(extract(epoch FROM (SELECT rufaa_now()) - prompt.sent_at), 0)::float8 AS age_s,
    (SELECT receipt.id FROM receipt WHERE receipt.prompt_id = prompt.id) AS receipt,
    (SELECT receipt.number FROM receipt WHERE receipt.prompt_id = prompt.id) AS receipt_number,
    (SELECT evidence.receipt_number FROM evidence
     WHERE evidence.prompt_id = prompt.id AND evidence.verdict = 'ask' AND evidence.result_code = '0'
     ORDER BY evidence.id DESC LIMIT 1) AS asked_number,
    coalesce((SELECT true FROM evidence
              WHERE evidence.prompt_id = prompt.id AND evidence.result_code = '0' LIMIT 1), false) AS success_claimed,
    coalesce((SELECT (
        SELECT evidence.id FROM evidence
        WHERE evidence.prompt_id = prompt.id AND evidence.receipt_number = receipt.number
            AND evidence.verdict = 'confirms' LIMIT 1
    ) IS NULL FROM receipt WHERE receipt.prompt_id = prompt.id AND receipt.number IS NOT NULL), false)
        AS number_from_arrival
FROM prompt WHERE prompt.id = ANY(%(prompts)s::uuid[])
ORDER BY prompt.id
FOR NO KEY UPDATE

-- name: siblings
-- The other prompts of the same fee whose money could be taken for theirs. The fees are locked: nobody else settles them.
SELECT prompt.id AS of, other.id, receipt.id AS receipt, other.sent_at,
    receipt.id IS NOT NULL AND receipt.number IS NULL AS awaits_number,
    receipt.number IS NOT NULL AND (
        SELECT evidence.id FROM evidence
        WHERE evidence.prompt_id = other.id AND evidence.receipt_number = receipt.number
            AND evidence.verdict = 'confirms' LIMIT 1
    ) IS NULL AS number_from_arrival
FROM prompt
JOIN prompt AS other ON other.fee_id = prompt.fee_id AND other.id <> prompt.id
    AND other.payer_phone = prompt.payer_phone -- a fee's prompts all have its account and amount
LEFT JOIN receipt ON receipt.prompt_id = other.id
WHERE prompt.id = ANY(%(prompts)s::uuid[])
ORDER BY prompt.id, other.id

-- name: checkout_owners
SELECT checkout_request_id AS text, id AS owner FROM prompt WHERE checkout_request_id = ANY(%(texts)s)

-- name: number_owners
SELECT number AS text, id AS owner FROM receipt WHERE number = ANY(%(texts)s)

-- name: lock_account
SELECT pg_advisory_xact_lock(hashtextextended(%(account)s::uuid::text, 0))

-- name: paid_then
-- Money of the lives of prompts that are paid without number, whatever somebody has used it for. Asked apart: in the next
-- statement PostgreSQL would count on many, and make a hash of all receipts.
SELECT DISTINCT receipt.id
FROM unnest(%(accounts)s::uuid[], %(amounts)s::bigint[], %(first)s::timestamptz[], %(last)s::timestamptz[])
    AS silent (account, amount, first, last)
JOIN receipt ON receipt.account_id = silent.account AND receipt.amount_cents = silent.amount
    AND receipt.prompt_id IS NULL AND receipt.account_reference = ''
    AND receipt.paid_at BETWEEN silent.first AND silent.last

-- name: lock_loose
-- Receipts without prompt that the prompts of the batch could adopt (plan.plan says which).
SELECT receipt.id, receipt.account_id, receipt.amount_cents, receipt.number, receipt.paid_at, receipt.names_id,
    receipt.free_cents, receipt.phone_shown, receipt.account_reference, receipt.state <> 'unapplied' AS gone,
    coalesce(told.only_pulled, false) AS only_pulled, coalesce(told.noticed, false) AS noticed
FROM receipt CROSS JOIN LATERAL (
    SELECT bool_and(channel IN ('pull', 'typed')) AS only_pulled, bool_or(channel IN ('c2b', 'pull')) AS noticed FROM evidence
    WHERE evidence.account_id = receipt.account_id AND evidence.receipt_number = receipt.number
) AS told
WHERE receipt.prompt_id IS NULL AND receipt.number IS NOT NULL AND receipt.id IN (
    SELECT id FROM receipt WHERE number = ANY(%(numbers)s)
    UNION SELECT receipt_id FROM application WHERE fee_id = ANY(%(fees)s::uuid[])
    UNION SELECT id FROM receipt WHERE names_id = ANY(%(fees)s::uuid[])
    UNION SELECT receipt.id
        FROM unnest(%(accounts)s::uuid[], %(amounts)s::bigint[]) AS wanted (account, amount)
        JOIN receipt ON receipt.account_id = wanted.account AND receipt.amount_cents = wanted.amount
            AND receipt.prompt_id IS NULL AND receipt.account_reference = '' AND receipt.state = 'unapplied'
    UNION SELECT unnest(%(then)s::uuid[])
)
ORDER BY receipt.id
FOR NO KEY UPDATE OF receipt

-- name: applications
-- After the lock: who held it may have applied the money. And whether a prompt of such a fee can be what brought it.
SELECT receipt_id, fee_id, EXISTS (
    SELECT FROM prompt JOIN receipt ON receipt.id = receipt_id
    WHERE prompt.fee_id = application.fee_id
        AND receipt.paid_at BETWEEN prompt.sent_at - %(before)s::interval AND prompt.sent_at + %(after)s::interval
) AS has_prompt
FROM application WHERE receipt_id = ANY(%(receipts)s::uuid[])

-- name: adopt
UPDATE receipt SET prompt_id = new.prompt, paid_at = coalesce(receipt.paid_at, new.paid_at)
FROM unnest(%(receipts)s::uuid[], %(prompts)s::uuid[], %(paid_at)s::timestamptz[]) AS new (receipt, prompt, paid_at)
WHERE receipt.id = new.receipt

-- name: close_unapplied
-- Nothing of these waits any more.
UPDATE task SET closed_at = rufaa_now(), closed_by = %(by)s, closed_as = %(as)s
WHERE kind = 'unapplied' AND closed_at IS NULL
    AND receipt_id IN (SELECT id FROM receipt WHERE id = ANY(%(receipts)s::uuid[]) AND state <> 'unapplied')

-- name: insert_receipts
-- Here and below, (SELECT rufaa_now()) is the time for all rows, and not anew for each.
INSERT INTO receipt (id, created_at, state, event, number, account_id, amount_cents, paid_at, prompt_id,
                     account_reference, phone_shown, names_id)
SELECT id, (SELECT rufaa_now()), 'unapplied', 'arrive', number, account, amount, paid_at, prompt, reference, phone, names
FROM unnest(%(ids)s::uuid[], %(numbers)s::text[], %(accounts)s::uuid[], %(amounts)s::bigint[],
            %(paid_at)s::timestamptz[], %(prompts)s::uuid[], %(references)s::text[], %(phones)s::text[],
            %(names)s::uuid[])
    AS new (id, number, account, amount, paid_at, prompt, reference, phone, names)

-- name: update_prompts
UPDATE prompt SET
    state = coalesce(new.state, prompt.state),
    event = coalesce(new.event, prompt.event),
    settled_at = CASE WHEN new.settled THEN (SELECT rufaa_now()) ELSE prompt.settled_at END,
    lease_until = CASE WHEN new.state IS NULL THEN prompt.lease_until END,
    checkout_request_id = new.checkout,
    merchant_request_id = new.merchant,
    code = CASE WHEN new.state IS NULL THEN prompt.code ELSE new.code END,
    message = CASE WHEN new.state IS NULL THEN prompt.message ELSE new.message END,
    unpaid_queries = new.unpaid,
    next_at = CASE
        WHEN new.keep THEN prompt.next_at
        WHEN new.next_s IS NULL THEN NULL
        ELSE coalesce(prompt.sent_at, (SELECT rufaa_now())) + new.next_s * interval '1 second'
    END
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(events)s::text[], %(settled)s::bool[], %(checkouts)s::text[],
            %(merchants)s::text[], %(codes)s::text[], %(messages)s::text[], %(unpaid)s::int[], %(keep)s::bool[],
            %(next_s)s::float8[])
    AS new (id, state, event, settled, checkout, merchant, code, message, unpaid, keep, next_s)
WHERE prompt.id = new.id

-- name: apply
INSERT INTO application (at, id, receipt_id, fee_id, amount_cents, by)
SELECT (SELECT rufaa_now()), * FROM unnest(%(ids)s::uuid[], %(receipts)s::uuid[], %(fees)s::uuid[], %(amounts)s::bigint[], %(by)s::uuid[])

-- name: pay_fees
UPDATE fee SET state = 'paid', event = 'pay', reason = '' WHERE id = ANY(%(fees)s::uuid[])

-- name: withdraw_exemptions
UPDATE exemption SET withdrawn_at = rufaa_now()
WHERE fee_id = ANY(%(fees)s::uuid[]) AND seconded_at IS NULL AND withdrawn_at IS NULL

-- name: withdraw_unsent
UPDATE prompt SET state = 'refused', event = 'withdrawn', next_at = NULL, settled_at = rufaa_now(),
    message = 'Withdrawn: the fee was paid before it was sent.'
WHERE fee_id = ANY(%(fees)s::uuid[]) AND state = 'created'

-- name: fill_numbers
UPDATE receipt SET number = new.number, paid_at = coalesce(receipt.paid_at, new.paid_at)
FROM unnest(%(receipts)s::uuid[], %(numbers)s::text[], %(paid_at)s::timestamptz[]) AS new (id, number, paid_at)
WHERE receipt.id = new.id AND receipt.number IS NULL

-- name: insert_evidence
INSERT INTO evidence (at, channel, prompt_id, receipt_id, inbox, verdict, result_code, result_desc, receipt_number,
                      amount_cents, phone_shown, status, body)
SELECT (SELECT rufaa_now()), * FROM unnest(%(channels)s::text[], %(prompts)s::uuid[], %(receipts)s::uuid[], %(inboxes)s::bigint[],
                     %(verdicts)s::text[], %(codes)s::text[], %(descs)s::text[], %(numbers)s::text[],
                     %(amounts)s::bigint[], %(phones)s::text[], %(statuses)s::int[], %(bodies)s::bytea[])

-- name: open_tasks
INSERT INTO task (id, kind, facility_id, fee_id, prompt_id, receipt_id, why)
SELECT * FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(facilities)s::uuid[], %(fees)s::uuid[],
                     %(prompts)s::uuid[], %(receipts)s::uuid[], %(whys)s::text[])
ON CONFLICT DO NOTHING

-- name: close_reviews
UPDATE task SET closed_at = rufaa_now()
WHERE kind = 'review' AND prompt_id = ANY(%(prompts)s::uuid[]) AND closed_at IS NULL
