-- name: lock
SELECT id, state FROM notice WHERE id = %(notice)s AND referral_id = %(referral)s FOR NO KEY UPDATE

-- name: again
-- It is due from now on, and another message than the one before.
UPDATE notice SET state = 'due', event = 'again', reason = '', due_at = rufaa_now(), next_at = rufaa_now(), tries = 0,
    copy = copy + 1, gateway_id = NULL
WHERE id = %(notice)s
