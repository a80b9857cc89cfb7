-- name: link
INSERT INTO openid_link (id, user_id, issuer, subject) VALUES (%(id)s, %(user)s, %(issuer)s, %(subject)s)
ON CONFLICT (issuer, subject) WHERE removed_at IS NULL DO NOTHING

-- name: unlink
UPDATE openid_link SET removed_at = rufaa_now() FROM rufaa_user
WHERE rufaa_user.id = user_id AND lower(username) = lower(%(username)s) AND issuer = %(issuer)s AND subject = %(subject)s AND removed_at IS NULL

-- name: whose
SELECT user_id, username, is_active FROM openid_link JOIN rufaa_user ON rufaa_user.id = user_id
WHERE issuer = %(issuer)s AND subject = %(subject)s AND removed_at IS NULL

-- name: listed
SELECT username AS user, issuer, subject, created_at FROM openid_link JOIN rufaa_user ON rufaa_user.id = user_id
WHERE removed_at IS NULL ORDER BY username, issuer, subject
