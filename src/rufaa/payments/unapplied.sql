-- name: lock_prompts
SELECT id FROM prompt WHERE fee_id = %(fee)s ORDER BY id FOR NO KEY UPDATE
