-- name: facility
-- Who changes the people of a facility waits for who does already: so two administrators cannot send each other away.
SELECT id FROM facility WHERE id = %(facility)s FOR NO KEY UPDATE

-- name: members
-- Everybody who has or had a role in a facility, or the one person; who works there now comes first. "elsewhere": they
-- run the server, or have a role where the one who asks does not set the people.
SELECT person.id, username, coalesce(nullif(full_name, ''), username) AS name, email, is_active AS active,
    last_login AS last_in_at, left(password, 1) <> '!' AS has_password,
    (SELECT count(*) FROM mfa_authenticator
        WHERE mfa_authenticator.user_id = person.id AND type IN ('totp', 'webauthn')) AS factors,
    here.roles,
    left(password, 1) <> '!' OR last_login IS NOT NULL
        OR EXISTS (SELECT FROM mfa_authenticator WHERE mfa_authenticator.user_id = person.id)
        OR EXISTS (SELECT FROM openid_link WHERE openid_link.user_id = person.id)
        OR EXISTS (SELECT FROM api_key WHERE api_key.user_id = person.id) AS has_come,
    is_superuser OR EXISTS (
        SELECT FROM membership AS other WHERE other.user_id = person.id AND other.revoked_at IS NULL
            AND other.facility_id <> ALL(%(mine)s::uuid[])
    ) AS elsewhere
FROM rufaa_user AS person JOIN (
    SELECT user_id,
        coalesce(array_agg(role ORDER BY role) FILTER (WHERE revoked_at IS NULL), ARRAY[]::text[]) AS roles
    FROM membership WHERE facility_id = %(facility)s AND (%(person)s::uuid IS NULL OR user_id = %(person)s)
    GROUP BY user_id
) AS here ON here.user_id = person.id
ORDER BY cardinality(here.roles) = 0, name, person.id
LIMIT %(limit)s OFFSET %(skip)s

-- name: administrators
-- Whether somebody sets the people of the facility who may sign in.
SELECT EXISTS (
    SELECT FROM membership JOIN rufaa_user AS person ON person.id = user_id
    WHERE facility_id = %(facility)s AND role = 'administrator' AND revoked_at IS NULL AND is_active
) AS some

-- name: give
INSERT INTO membership (id, user_id, facility_id, role)
SELECT id, %(person)s, %(facility)s, role FROM unnest(%(ids)s::uuid[], %(roles)s::text[]) AS given (id, role)

-- name: take
UPDATE membership SET revoked_at = rufaa_now()
WHERE user_id = %(person)s AND facility_id = %(facility)s AND role = ANY(%(roles)s::text[]) AND revoked_at IS NULL
