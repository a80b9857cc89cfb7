-- name: lock_prompts
SELECT id FROM prompt WHERE fee_id = %(fee)s ORDER BY id FOR NO KEY UPDATE

-- name: receipt_moved
UPDATE receipt SET state = %(state)s, event = %(event)s WHERE id = %(id)s
