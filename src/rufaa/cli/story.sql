-- name: inbox
SELECT inbox.*, (SELECT min(again.id) FROM inbox AS again WHERE again.source = 'replay of ' || inbox.id) AS replayed_as
FROM inbox WHERE id = %(inbox)s

-- name: find_receipts
-- By their own id or number, by a refund, a claim or a question of theirs, or by a stored report that tells of them.
SELECT id FROM receipt WHERE id = %(id)s OR number = %(text)s
UNION SELECT receipt_id FROM refund WHERE id = ANY(%(ids)s::uuid[]) OR number = %(text)s OR phone = %(phone)s
UNION SELECT refund.receipt_id FROM inquiry JOIN refund ON refund.id = inquiry.refund_id WHERE inquiry.id = ANY(%(ids)s::uuid[])
UNION SELECT receipt_id FROM claim WHERE id = %(id)s AND receipt_id IS NOT NULL
UNION SELECT receipt_id FROM evidence WHERE inbox = %(inbox)s AND receipt_id IS NOT NULL
ORDER BY id DESC
LIMIT 20

-- name: shown_phones
-- Those that may agree with the phone: it is hidden in the middle, or hashed.
SELECT id, phone_shown FROM receipt
WHERE phone_shown <> '' AND (right(phone_shown, 3) = right(%(phone)s, 3) OR lower(phone_shown) = ANY(%(hashes)s))
ORDER BY id DESC
LIMIT 500

-- name: find_claims
SELECT claim.id FROM claim
LEFT JOIN inquiry ON inquiry.claim_id = claim.id AND inquiry.id = ANY(%(ids)s::uuid[])
WHERE claim.id = %(id)s OR claim.number = %(text)s OR inquiry.id IS NOT NULL OR claim.inbox = %(inbox)s
    OR (claim.account_id, claim.number) IN (
        SELECT account_id, receipt_number FROM evidence WHERE inbox = %(inbox)s AND account_id IS NOT NULL
    )
ORDER BY claim.id DESC
LIMIT 20

-- name: find_numbers
-- Receipt numbers that somebody told of.
SELECT DISTINCT receipt_number AS number FROM evidence
WHERE account_id IS NOT NULL AND receipt_number <> '' AND (receipt_number = %(text)s OR inbox = %(inbox)s)

-- name: find_strays
SELECT stray.*, receipt.number, receipt.state AS receipt_state, mpesa_books(receipt.account_id) AS books,
    (SELECT kind FROM inbox WHERE inbox.id = stray.inbox) AS kind
FROM stray LEFT JOIN receipt ON receipt.id = stray.receipt_id
WHERE stray.prompt = ANY(%(ids)s::uuid[]) OR stray.id = %(id)s OR stray.checkout_request_id = %(raw)s
    OR stray.receipt_number = %(text)s OR receipt.number = %(text)s OR stray.inbox = %(inbox)s
ORDER BY stray.id DESC
LIMIT 20

-- name: find
SELECT referral.id AS referral, referral.state AS referral_state, referral.account_code,
    fee.id AS fee, fee.state AS fee_state, fee.amount_cents, fee.created_at, fee.account_id AS account,
    facility.name AS payee, mpesa_books(fee.account_id) AS books,
    CASE WHEN fee.state NOT IN ('due', 'deferred') THEN
        (SELECT max(at) FROM history WHERE machine = 'fee' AND subject = fee.id) END AS closed_at
FROM referral
LEFT JOIN fee ON fee.id = referral.fee_id
LEFT JOIN facility ON facility.id = fee.payee_id
WHERE referral.id IN (
    SELECT id FROM referral WHERE id = %(id)s OR account_code = ANY(%(codes)s)
    UNION SELECT id FROM referral WHERE fee_id = %(id)s
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id)
        WHERE prompt.id = ANY(%(ids)s::uuid[]) OR prompt.payer_phone = %(phone)s OR prompt.checkout_request_id = %(raw)s
    UNION SELECT referral.id FROM referral JOIN receipt ON receipt.names_id = referral.fee_id
        WHERE receipt.id = ANY(%(receipts)s::uuid[])
    UNION SELECT referral.id FROM referral JOIN application USING (fee_id)
        WHERE application.receipt_id = ANY(%(receipts)s::uuid[])
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) JOIN receipt ON receipt.prompt_id = prompt.id
        WHERE receipt.id = ANY(%(receipts)s::uuid[])
    UNION SELECT referral.id FROM referral JOIN claim USING (fee_id) WHERE claim.id = ANY(%(claims)s::uuid[])
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) JOIN evidence ON evidence.prompt_id = prompt.id
        WHERE evidence.receipt_number <> '' AND evidence.receipt_number = %(text)s
)
ORDER BY referral.id DESC
LIMIT 20

-- name: scope
-- All that a story is about, from the fee, receipts, claims or numbers that it begins with.
WITH prompts AS MATERIALIZED (
    SELECT id FROM prompt WHERE fee_id = %(fee)s
), begun AS MATERIALIZED (
    SELECT unnest(%(receipts)s::uuid[]) AS id
    UNION SELECT receipt_id FROM application WHERE fee_id = %(fee)s
    UNION SELECT id FROM receipt WHERE names_id = %(fee)s OR prompt_id IN (SELECT id FROM prompts)
    UNION SELECT receipt_id FROM claim WHERE fee_id = %(fee)s AND receipt_id IS NOT NULL
), claims AS MATERIALIZED (
    SELECT unnest(%(claims)s::uuid[]) AS id
    UNION SELECT id FROM claim WHERE fee_id = %(fee)s OR receipt_id IN (SELECT id FROM begun)
    UNION SELECT claim.id FROM claim JOIN receipt USING (account_id, number) JOIN begun ON begun.id = receipt.id
), refunds AS MATERIALIZED (
    SELECT id FROM refund WHERE receipt_id IN (SELECT id FROM begun)
)
SELECT ARRAY(SELECT id FROM prompts) AS prompts, ARRAY(SELECT id FROM begun) AS receipts,
    ARRAY(SELECT id FROM claims) AS claims, ARRAY(SELECT id FROM refunds) AS refunds,
    ARRAY(SELECT id FROM inquiry WHERE claim_id IN (SELECT id FROM claims) OR refund_id IN (SELECT id FROM refunds))
        AS inquiries,
    ARRAY(SELECT number FROM receipt WHERE number IS NOT NULL AND id IN (SELECT id FROM begun)
          UNION SELECT number FROM claim WHERE id IN (SELECT id FROM claims) UNION SELECT unnest(%(numbers)s::text[])) AS numbers

-- name: moves
SELECT history.at, history.machine, history.event, history.to_state, history.reason, history.actor,
    rufaa_user.username,
    prompt.attempt, prompt.payer_phone, receipt.number,
    coalesce(refund.amount_cents, receipt.amount_cents, 0) AS amount_cents
FROM history
LEFT JOIN rufaa_user ON rufaa_user.id = history.actor
LEFT JOIN prompt ON prompt.id = history.subject
LEFT JOIN refund ON refund.id = history.subject
LEFT JOIN receipt ON receipt.id = coalesce(refund.receipt_id, history.subject)
WHERE history.subject = ANY(%(subjects)s::uuid[])
ORDER BY history.id

-- name: evidence
SELECT evidence.*, coalesce(inbox.at, evidence.at) AS heard_at, prompt.attempt, claim.number AS claimed,
    refund.amount_cents AS refund_cents
FROM evidence
LEFT JOIN prompt ON prompt.id = evidence.prompt_id
LEFT JOIN claim ON claim.id = evidence.claim_id
LEFT JOIN refund ON refund.id = evidence.refund_id
LEFT JOIN inbox ON inbox.id = evidence.inbox
WHERE evidence.prompt_id = ANY(%(prompts)s::uuid[]) OR evidence.claim_id = ANY(%(claims)s::uuid[])
    OR evidence.refund_id = ANY(%(refunds)s::uuid[]) OR evidence.stray_id = ANY(%(strays)s::uuid[])
    OR (evidence.account_id IS NOT NULL AND evidence.receipt_number = ANY(%(numbers)s))
ORDER BY evidence.id

-- name: unread
-- Reports to an address of this story that are no evidence: not settled yet, or nothing could be made of them.
SELECT inbox.id, inbox.at, inbox.kind, inbox.source, inbox.outcome, inbox.settled_at, prompt.attempt
FROM inbox LEFT JOIN prompt ON prompt.id = inbox.subject
WHERE inbox.subject = ANY(%(orders)s::uuid[])
    AND NOT EXISTS (SELECT FROM evidence WHERE evidence.inbox = inbox.id)
ORDER BY inbox.id

-- name: applications
SELECT application.*, receipt.number, fee.account_code, rufaa_user.username
FROM application
JOIN receipt ON receipt.id = application.receipt_id
JOIN fee ON fee.id = application.fee_id
LEFT JOIN rufaa_user ON rufaa_user.id = application.by
WHERE application.fee_id = %(fee)s OR application.receipt_id = ANY(%(receipts)s::uuid[])
ORDER BY application.at, application.id

-- name: exemptions
SELECT exemption.*, rufaa_user.username
FROM exemption LEFT JOIN rufaa_user ON rufaa_user.id = exemption.proposed_by
WHERE fee_id = %(fee)s ORDER BY exemption.id

-- name: claims
SELECT claim.*, rufaa_user.username, fee.account_code FROM claim
LEFT JOIN rufaa_user ON rufaa_user.id = claim.by
LEFT JOIN fee ON fee.id = claim.fee_id
WHERE claim.id = ANY(%(claims)s::uuid[]) ORDER BY claim.id

-- name: inquiries
SELECT inquiry.created_at, inquiry.code, inquiry.answered_at, inquiry.claim_id IS NOT NULL AS of_claim,
    coalesce(inquiry.receipt_number, '') AS number, refund.amount_cents
FROM inquiry LEFT JOIN refund ON refund.id = inquiry.refund_id
WHERE inquiry.id = ANY(%(inquiries)s::uuid[]) ORDER BY inquiry.id

-- name: receipts
-- pays: what it pays and did not give back; gone: what went back; promised: what a live refund of waiting money has.
SELECT receipt.*, mpesa_books(receipt.account_id) AS books,
    coalesce((SELECT sum(amount_cents) FROM refund WHERE receipt_id = receipt.id AND state = 'done'), 0)::bigint AS gone,
    coalesce((SELECT sum(amount_cents) FROM refund WHERE receipt_id = receipt.id AND fee_id IS NULL
              AND state NOT IN ('withdrawn', 'done', 'failed')), 0)::bigint AS promised
FROM receipt WHERE id = ANY(%(receipts)s::uuid[]) ORDER BY created_at, id

-- name: refunds
SELECT refund.*, receipt.number AS receipt_number, fee.account_code,
    proposer.username AS proposer, approver.username AS approver
FROM refund JOIN receipt ON receipt.id = refund.receipt_id
LEFT JOIN fee ON fee.id = refund.fee_id
LEFT JOIN rufaa_user AS proposer ON proposer.id = refund.proposed_by
LEFT JOIN rufaa_user AS approver ON approver.id = refund.approved_by
WHERE refund.id = ANY(%(refunds)s::uuid[]) ORDER BY refund.id

-- name: prompts
SELECT * FROM prompt WHERE fee_id = %(fee)s ORDER BY attempt

-- name: tasks
-- Of the things of the story; one about an account names the receipt's number in its words.
SELECT task.*, facility.name AS facility, proposed.account_code AS proposed_code, closer.username AS closer
FROM task
LEFT JOIN facility ON facility.id = task.facility_id
LEFT JOIN fee AS proposed ON proposed.id = task.proposed_fee_id
LEFT JOIN rufaa_user AS closer ON closer.id = task.closed_by
WHERE task.fee_id = %(fee)s OR task.prompt_id = ANY(%(prompts)s::uuid[])
    OR task.receipt_id = ANY(%(receipts)s::uuid[]) OR task.claim_id = ANY(%(claims)s::uuid[])
    OR task.refund_id = ANY(%(refunds)s::uuid[]) OR task.stray_id = ANY(%(strays)s::uuid[])
    OR (task.account_id IS NOT NULL AND task.receipt_id IS NULL AND EXISTS (
        SELECT FROM unnest(%(numbers)s::text[]) AS number WHERE position(number IN task.why) > 0))
ORDER BY task.opened_at, task.id

-- name: likely
-- Money that waits and may be meant for this fee, as a person was told.
SELECT receipt.id, receipt.number, receipt.free_cents
FROM task JOIN receipt ON receipt.id = task.receipt_id
WHERE task.proposed_fee_id = %(fee)s AND task.closed_at IS NULL AND receipt.state = 'unapplied'
ORDER BY receipt.id

-- name: holds
-- Of the account, while money was still asked for.
SELECT * FROM account_hold
WHERE account_id = %(account)s AND (released_at IS NULL OR released_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR held_at <= %(until)s)
ORDER BY held_at
