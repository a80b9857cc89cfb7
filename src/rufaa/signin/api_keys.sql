-- name: add
INSERT INTO api_key (id, user_id, name, prefix, digest, expires_at)
SELECT %(id)s, %(user)s, %(name)s, %(prefix)s, %(digest)s, %(expires_at)s
WHERE %(expires_at)s::timestamptz IS NULL OR %(expires_at)s > rufaa_now()

-- name: revoke
UPDATE api_key SET revoked_at = rufaa_now() WHERE prefix = %(prefix)s AND revoked_at IS NULL

-- name: listed
SELECT prefix, username AS user, name, created_at, expires_at, last_used_at, revoked_at,
    coalesce(expires_at <= rufaa_now(), false) AS expired, is_active AS user_active
FROM api_key JOIN rufaa_user ON rufaa_user.id = user_id
ORDER BY created_at, api_key.id

-- name: use
-- One look at a key that is presented, and at most one write in five minutes. Who finds the row locked leaves the note
-- to the other: nobody who calls waits for it.
WITH found AS (
    SELECT api_key.id, user_id, expires_at, is_active, revoked_at IS NOT NULL AS revoked,
        coalesce(expires_at <= rufaa_now(), false) AS expired
    FROM api_key JOIN rufaa_user ON rufaa_user.id = user_id
    WHERE digest = %(digest)s
), due AS (
    SELECT api_key.id FROM api_key JOIN found ON found.id = api_key.id
    WHERE found.is_active AND NOT found.revoked AND NOT found.expired
        AND (last_used_at IS NULL OR last_used_at < rufaa_now() - interval '5 minutes')
    FOR UPDATE OF api_key SKIP LOCKED
), noted AS (
    UPDATE api_key SET last_used_at = rufaa_now() FROM due WHERE api_key.id = due.id
)
SELECT * FROM found

-- name: check
SELECT revoked_at IS NOT NULL AS revoked FROM api_key WHERE id = %(id)s

-- name: digests
SELECT digest FROM api_key
