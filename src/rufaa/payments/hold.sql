-- name: hold
INSERT INTO account_hold (id, account_id, reason, held_by) VALUES (%(id)s, %(account)s, %(reason)s, %(by)s)
ON CONFLICT (account_id) WHERE released_at IS NULL DO NOTHING

-- name: release
UPDATE account_hold SET released_at = rufaa_now(), released_by = %(by)s
WHERE account_id = %(account)s AND released_at IS NULL

-- name: held_now
SELECT * FROM account_hold WHERE released_at IS NULL

-- name: holds
SELECT * FROM account_hold WHERE account_id = %(account)s ORDER BY held_at DESC, id DESC

-- name: waiting
SELECT id FROM prompt WHERE next_at IS NOT NULL AND state = 'created' AND account_id = %(account)s
