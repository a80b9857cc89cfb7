-- name: lock_receipt
SELECT receipt.*, (SELECT fee_id FROM prompt WHERE prompt.id = receipt.prompt_id) AS asked_for
FROM receipt WHERE number = %(number)s
FOR NO KEY UPDATE OF receipt

-- name: evidence
INSERT INTO evidence (channel, account_id, receipt_id, verdict, receipt_number)
VALUES ('typed', %(account)s, %(receipt)s, 'known', %(number)s)

-- name: propose
UPDATE task SET proposed_fee_id = %(fee)s
WHERE kind = 'unapplied' AND receipt_id = %(receipt)s AND closed_at IS NULL AND proposed_fee_id IS NULL

-- name: close_stale
-- A task keeps what it says; one whose fee takes no money any more makes room for one that does.
UPDATE task SET closed_at = rufaa_now()
WHERE kind = 'unapplied' AND receipt_id = %(receipt)s AND closed_at IS NULL
    AND proposed_fee_id IN (SELECT id FROM fee WHERE id = proposed_fee_id AND state NOT IN ('due', 'deferred'))

-- name: open_task
INSERT INTO task (id, kind, facility_id, account_id, receipt_id, proposed_fee_id, why)
SELECT %(id)s, 'unapplied', (SELECT payee_id FROM fee WHERE id = %(fee)s), receipt.account_id, receipt.id, %(fee)s, %(why)s
FROM receipt WHERE receipt.id = %(receipt)s AND NOT EXISTS (
    SELECT FROM task WHERE kind = 'unapplied' AND receipt_id = %(receipt)s AND closed_at IS NULL
)

-- name: give_way
-- Typed for another fee, where finance has looked into it and closed the question: it can be typed for this one.
UPDATE claim SET ended_at = rufaa_now(), ended_as = 'given-up', next_at = NULL
WHERE account_id = %(account)s AND number = %(number)s AND channel = 'typed' AND fee_id <> %(fee)s AND ended_at IS NULL
    AND EXISTS (SELECT FROM task WHERE task.claim_id = claim.id AND task.closed_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM task WHERE task.claim_id = claim.id AND task.closed_at IS NULL)

-- name: claimed_for_another
SELECT id FROM claim
WHERE account_id = %(account)s AND number = %(number)s AND channel = 'typed' AND fee_id <> %(fee)s AND ended_at IS NULL
LIMIT 1

-- name: claim
INSERT INTO claim (id, account_id, number, channel, fee_id, by, next_at)
VALUES (%(id)s, %(account)s, %(number)s, 'typed', %(fee)s, %(by)s, rufaa_now())
ON CONFLICT DO NOTHING

-- name: known
-- Their money came while they were typed, or by a prompt's own callback.
UPDATE claim SET ended_at = rufaa_now(), ended_as = 'confirmed', receipt_id = receipt.id, next_at = NULL
FROM receipt
WHERE claim.ended_at IS NULL AND receipt.number = claim.number AND receipt.account_id = claim.account_id
    AND coalesce(claim.amount_cents, receipt.amount_cents) = receipt.amount_cents
RETURNING claim.fee_id, receipt.id AS receipt_id

-- name: unconfirmed
SELECT id, channel, number FROM claim
WHERE ended_at IS NULL AND NOT EXISTS (
    SELECT FROM task WHERE task.claim_id = claim.id
)
    -- or made while the clock was ahead
    AND (created_at < rufaa_now() - interval '30 minutes' OR created_at > rufaa_now() + interval '2 hours')
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: open_claim_task
INSERT INTO task (id, kind, facility_id, account_id, fee_id, claim_id, why)
SELECT %(id)s, 'claim', coalesce((SELECT payee_id FROM fee WHERE fee.id = claim.fee_id), account_payee(claim.account_id)),
    claim.account_id,
    CASE WHEN claim.fee_id IS NOT NULL THEN claim.fee_id END, claim.id, %(why)s
FROM claim WHERE claim.id = %(claim)s
ON CONFLICT DO NOTHING

-- name: give_up
-- What is due at this moment is asked about a last time.
UPDATE claim SET next_at = NULL
WHERE ended_at IS NULL AND next_at > rufaa_now() AND (
    created_at < rufaa_now() - interval '1 day'
    OR (created_at > rufaa_now() + interval '2 hours' AND asked >= 30) -- as often as in a day
)

-- name: close_confirmed
UPDATE task SET closed_at = rufaa_now(), closed_as = claim.ended_as
FROM claim
WHERE task.kind = 'claim' AND task.closed_at IS NULL AND claim.id = task.claim_id AND claim.ended_as = 'confirmed'
