-- name: policy
SELECT mode, language, quiet_from, quiet_until, silent FROM notice_policy WHERE facility_id = %(facility)s

-- name: templates
SELECT kind, language, text FROM notice_template WHERE facility_id = %(facility)s

-- name: of_referral
SELECT id, kind, state, reason, channel, due_at, address, text, parts, cost
FROM notice WHERE referral_id = %(referral)s ORDER BY created_at DESC, id DESC LIMIT %(limit)s

-- name: wish
SELECT wants FROM notice_wish WHERE phone = %(phone)s ORDER BY id DESC LIMIT 1

-- name: concerns
SELECT EXISTS (SELECT FROM notice WHERE referral_id = %(referral)s)
    OR EXISTS (SELECT FROM notice_policy WHERE facility_id = ANY(%(facilities)s::uuid[]) AND mode <> 'off') AS concerns
