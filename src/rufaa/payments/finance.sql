-- name: tasks
-- Each facility's first ones are read in their order from an index of what is open; these few are put in order.
WITH first AS MATERIALIZED (
    SELECT task.*
    FROM (SELECT DISTINCT unnest(%(facilities)s::uuid[]) AS id) AS mine CROSS JOIN LATERAL (
        SELECT * FROM task
        WHERE task.closed_at IS NULL AND task.facility_id = mine.id
            AND (%(kind)s::text IS NULL OR task.kind = %(kind)s)
            AND (%(fee)s::uuid IS NULL OR %(fee)s IN (task.fee_id, task.proposed_fee_id))
            AND (%(after)s::uuid IS NULL
                 OR (task.opened_at, task.id) > (SELECT row.opened_at, row.id FROM task AS row WHERE row.id = %(after)s))
            AND (%(until)s::uuid IS NULL
                 OR (task.opened_at, task.id) <= (SELECT row.opened_at, row.id FROM task AS row WHERE row.id = %(until)s))
        ORDER BY task.opened_at, task.id
        LIMIT %(limit)s
    ) AS task
)
SELECT task.id, task.opened_at, task.kind, task.why, task.fee_id, task.prompt_id, task.receipt_id, task.refund_id,
    task.claim_id, task.proposed_fee_id, fee.account_code, proposed.account_code AS proposed_code,
    receipt.number AS receipt_number, receipt.free_cents,
    task_closes_by_hand(task.kind, task.refund_id, task.prompt_id) AS closes
FROM first AS task
LEFT JOIN fee ON fee.id = task.fee_id
LEFT JOIN fee AS proposed ON proposed.id = task.proposed_fee_id AND proposed.state IN ('due', 'deferred')
LEFT JOIN receipt ON receipt.id = task.receipt_id
ORDER BY task.opened_at, task.id
LIMIT %(limit)s

-- name: count_tasks
SELECT kind, count(*) AS count
FROM (
    SELECT kind FROM task WHERE closed_at IS NULL AND facility_id = ANY(%(facilities)s::uuid[]) LIMIT %(limit)s
) AS open
GROUP BY kind

-- name: waiting
SELECT receipt.id, receipt.created_at, receipt.number, receipt.amount_cents, receipt.free_cents, receipt.paid_at,
    receipt.account_reference, receipt.phone_shown, receipt.account_id, mpesa_books(receipt.account_id) AS books,
    task.why, task.proposed_fee_id, proposed.account_code AS proposed_code, proposed.amount_cents AS proposed_cents
FROM receipt
LEFT JOIN LATERAL (
    SELECT why, proposed_fee_id FROM task
    WHERE task.receipt_id = receipt.id AND task.kind = 'unapplied' AND task.closed_at IS NULL
    ORDER BY opened_at LIMIT 1
) AS task ON true
LEFT JOIN fee AS proposed ON proposed.id = task.proposed_fee_id AND proposed.state IN ('due', 'deferred')
WHERE receipt.state = 'unapplied' AND receipt_payee(receipt.id) = ANY(%(facilities)s::uuid[])
    AND (%(after)s::uuid IS NULL OR (receipt.created_at, receipt.id)
         > (SELECT row.created_at, row.id FROM receipt AS row WHERE row.id = %(after)s))
    AND (%(until)s::uuid IS NULL OR (receipt.created_at, receipt.id)
         <= (SELECT row.created_at, row.id FROM receipt AS row WHERE row.id = %(until)s))
ORDER BY receipt.created_at, receipt.id
LIMIT %(limit)s

-- name: refunds
SELECT refund.*, receipt.number AS receipt_number, fee.account_code
FROM refund JOIN receipt ON receipt.id = refund.receipt_id LEFT JOIN fee ON fee.id = refund.fee_id
WHERE receipt_payee(refund.receipt_id) = ANY(%(facilities)s::uuid[])
    AND (%(after)s::uuid IS NULL OR (refund.created_at, refund.id)
         < (SELECT row.created_at, row.id FROM refund AS row WHERE row.id = %(after)s))
    AND (%(until)s::uuid IS NULL OR (refund.created_at, refund.id)
         >= (SELECT row.created_at, row.id FROM refund AS row WHERE row.id = %(until)s))
ORDER BY refund.created_at DESC, refund.id DESC
LIMIT %(limit)s

-- name: fee
-- Cancelled: what it was paid for will not happen, and a task asks for the refund (operations.cancel_fee).
SELECT fee.id,
    EXISTS (SELECT FROM task WHERE task.kind = 'refund' AND task.fee_id = fee.id AND task.refund_id IS NULL) AS cancelled
FROM fee
WHERE account_code = %(code)s AND payee_id = ANY(%(facilities)s::uuid[])

-- name: receipt
SELECT id FROM receipt WHERE id = %(id)s AND receipt_payee(id) = ANY(%(facilities)s::uuid[])

-- name: refund
SELECT id FROM refund WHERE id = %(id)s AND receipt_payee(receipt_id) = ANY(%(facilities)s::uuid[])

-- name: close_task
UPDATE task SET closed_at = rufaa_now(), closed_by = %(by)s, closed_as = %(as)s
WHERE id = %(id)s AND closed_at IS NULL AND facility_id = ANY(%(facilities)s::uuid[])
    AND task_closes_by_hand(kind, refund_id, prompt_id)
