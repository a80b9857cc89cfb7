-- name: lock_fee
SELECT state FROM fee WHERE id = %(fee)s FOR NO KEY UPDATE

-- name: lock_receipt
SELECT * FROM receipt WHERE id = %(receipt)s FOR NO KEY UPDATE

-- name: standing
SELECT
    (SELECT coalesce(sum(amount_cents), 0)::bigint FROM application WHERE receipt_id = %(receipt)s) AS pays,
    coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NOT NULL), 0)::bigint AS returned,
    coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NULL), 0)::bigint AS given_back
FROM refund WHERE receipt_id = %(receipt)s AND state = 'done'

-- name: live
SELECT id FROM refund
WHERE receipt_id = %(receipt)s AND fee_id IS NOT DISTINCT FROM %(fee)s
    AND state NOT IN ('withdrawn', 'done', 'failed')

-- name: applied_to
-- None of it where it was given back before.
SELECT amount_cents FROM application
WHERE receipt_id = %(receipt)s AND fee_id = %(fee)s AND NOT EXISTS (
    SELECT FROM refund WHERE refund.receipt_id = %(receipt)s AND refund.fee_id = %(fee)s AND refund.state = 'done'
)

-- name: lock_others
-- Of the same money: of a fee's, or, since a fee may have been paid by it since, all of a receipt that waited.
SELECT * FROM refund
WHERE receipt_id = %(receipt)s AND (%(fee)s::uuid IS NULL OR fee_id = %(fee)s) AND id <> %(id)s
    AND state = ANY(%(states)s) AND (%(since)s::timestamptz IS NULL OR created_at > %(since)s OR done_at > %(since)s)
ORDER BY id FOR NO KEY UPDATE

-- name: payer
-- The phone that its prompt rang; C2B shows none whole. Whose money came as a notice and was taken for the prompt's since it
-- agreed with it, as far as it shows, is known once the prompt's own callback names it.
SELECT prompt.payer_phone AS phone FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id
WHERE receipt.id = %(receipt)s AND (receipt.number IS NULL OR EXISTS (
    SELECT FROM evidence WHERE evidence.prompt_id = prompt.id AND evidence.receipt_number = receipt.number
        AND evidence.verdict = 'confirms'
))

-- name: insert
INSERT INTO refund (id, state, event, receipt_id, fee_id, amount_cents, method, phone, why, proposed_by)
VALUES (%(id)s, 'proposed', 'propose', %(receipt)s, %(fee)s, %(amount)s, %(method)s, %(phone)s, %(why)s, %(by)s)

-- name: about
SELECT fee_id, receipt_id FROM refund WHERE id = %(id)s

-- name: lock
SELECT * FROM refund WHERE id = %(id)s FOR NO KEY UPDATE

-- name: approve
UPDATE refund SET state = 'approved', event = 'approve', reason = '', approved_by = %(by)s, approved_at = rufaa_now(),
    next_at = rufaa_now()
WHERE id = %(id)s

-- name: move
UPDATE refund SET state = %(state)s, event = %(event)s, reason = %(reason)s, code = %(code)s, message = %(message)s,
    lease_until = NULL,
    -- an order was there, though all were called not sent; of several nobody knows which
    orders = CASE WHEN state = 'approved' AND %(event)s = 'silent' THEN greatest(orders, least(lease, 2)) ELSE orders END,
    next_at = CASE WHEN %(next_s)s::float8 IS NOT NULL THEN rufaa_now() + %(next_s)s * interval '1 second' END
WHERE id = %(id)s

-- name: done
UPDATE refund SET number = %(number)s, done_at = rufaa_now(), next_at = NULL WHERE id = %(id)s

-- name: receipt_moved
UPDATE receipt SET state = %(state)s, event = %(event)s WHERE id = %(id)s

-- name: fee_refunded
-- Once all that paid it went back.
UPDATE fee SET state = 'refunded', event = 'refund', reason = %(reason)s
WHERE id = %(fee)s AND state = 'paid'
    AND amount_cents = (SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND fee = %(fee)s)

-- name: close_tasks
-- What was asked of a person is done; of a receipt only where nothing of it waits any more.
UPDATE task SET closed_at = rufaa_now(), closed_as = 'refunded'
WHERE closed_at IS NULL AND (
    refund_id = %(refund)s
    OR (kind = 'refund' AND receipt_id = %(receipt)s AND fee_id IS NOT DISTINCT FROM %(fee)s
        AND (%(fee)s::uuid IS NOT NULL OR EXISTS (SELECT FROM receipt WHERE id = %(receipt)s AND state <> 'unapplied'))
        AND (refund_id IS NULL OR EXISTS (
            SELECT FROM refund WHERE refund.id = task.refund_id AND refund.state IN ('failed', 'withdrawn'))))
    OR (kind = 'unapplied' AND receipt_id = %(receipt)s AND %(fee)s::uuid IS NULL
        AND EXISTS (SELECT FROM receipt WHERE id = %(receipt)s AND state <> 'unapplied'))
)

-- name: close_own
UPDATE task SET closed_at = rufaa_now(), closed_as = %(as)s
WHERE closed_at IS NULL AND refund_id = %(refund)s AND kind = 'refund'

-- name: ask_no_more
UPDATE refund SET next_at = NULL WHERE id = %(id)s

-- name: open_task
INSERT INTO task (id, kind, facility_id, fee_id, receipt_id, refund_id, account_id, why)
SELECT %(id)s, %(kind)s, receipt_payee(refund.receipt_id), refund.fee_id, refund.receipt_id, refund.id,
    receipt.account_id, %(why)s
FROM refund JOIN receipt ON receipt.id = refund.receipt_id
WHERE refund.id = %(refund)s
ON CONFLICT DO NOTHING
