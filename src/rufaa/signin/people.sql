-- name: cast
SELECT username, coalesce(nullif(full_name, ''), username) AS name,
    array_agg(ARRAY[role, facility.name] ORDER BY role, facility.name) AS roles
FROM rufaa_user AS person
JOIN membership ON membership.user_id = person.id AND revoked_at IS NULL
JOIN facility ON facility.id = facility_id
WHERE is_active
GROUP BY person.id
ORDER BY person.id
LIMIT 12

-- name: end_sessions
WITH gone AS (
    DELETE FROM usersessions_usersession WHERE user_id = %(user)s AND session_key IS DISTINCT FROM %(but)s::text
    RETURNING session_key
)
DELETE FROM django_session USING gone WHERE django_session.session_key = gone.session_key
RETURNING django_session.session_key

-- name: sessions
SELECT usersessions_usersession.session_key, ip, user_agent, created_at
FROM usersessions_usersession JOIN django_session USING (session_key)
WHERE user_id = %(user)s AND expire_date > clock_timestamp()
ORDER BY created_at DESC, usersessions_usersession.id DESC
LIMIT 50
