-- name: tasks
SELECT task.id, task.opened_at, task.kind, task.why, receipt.number AS receipt_number, receipt.free_cents,
    stray.inbox
FROM task LEFT JOIN receipt ON receipt.id = task.receipt_id LEFT JOIN stray ON stray.id = task.stray_id
WHERE task.closed_at IS NULL AND task.facility_id IS NULL
ORDER BY task.opened_at, task.id

-- name: assign
UPDATE task SET facility_id = %(facility)s WHERE id = %(id)s AND facility_id IS NULL AND closed_at IS NULL
