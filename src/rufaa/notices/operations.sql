-- name: lock
SELECT id, state FROM notice WHERE id = %(notice)s AND referral_id = %(referral)s FOR NO KEY UPDATE

-- name: again
-- It is due from now on, and another message than the one before.
UPDATE notice SET state = 'due', event = 'again', reason = '', due_at = rufaa_now(), next_at = rufaa_now(), tries = 0,
    copy = copy + 1, gateway_id = NULL
WHERE id = %(notice)s

-- name: policy
SELECT mode, language, quiet_from, quiet_until, silent FROM notice_policy WHERE facility_id = %(facility)s

-- name: templates
SELECT kind, language, text FROM notice_template WHERE facility_id = %(facility)s

-- name: of_referral
SELECT id, kind, state, event, reason, channel, due_at, next_at, address, text, parts, cost, sent_at, tries
FROM notice WHERE referral_id = %(referral)s ORDER BY created_at DESC, id DESC LIMIT %(limit)s

-- name: wish
SELECT wants, said, at FROM notice_wish WHERE phone = %(phone)s ORDER BY id DESC LIMIT 1

-- name: concerns
SELECT EXISTS (SELECT FROM notice WHERE referral_id = %(referral)s)
    OR EXISTS (SELECT FROM notice_policy WHERE facility_id = ANY(%(facilities)s::uuid[]) AND mode <> 'off') AS concerns
