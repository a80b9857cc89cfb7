-- name: asked_by
-- Recovery codes are none: they come with a factor and go with it.
SELECT DISTINCT facility.name FROM membership JOIN facility ON facility.id = facility_id
WHERE user_id = %(user)s AND revoked_at IS NULL AND second_factor_required
    AND NOT EXISTS (SELECT FROM mfa_authenticator WHERE mfa_authenticator.user_id = %(user)s AND type IN ('totp', 'webauthn'))
ORDER BY facility.name

-- name: forget
DELETE FROM mfa_authenticator WHERE user_id = %(user)s
