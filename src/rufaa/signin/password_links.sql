-- name: person
-- With everything that ends a link when it changes, and the second in which a life that begins now is over.
SELECT username, is_active, password || ' ' || email AS state, left(password, 1) = '!' AS never_had_one,
    ceil(extract(epoch FROM rufaa_now() + %(life)s::interval))::bigint AS end_s
FROM rufaa_user WHERE id = %(user)s
FOR NO KEY UPDATE

-- name: set
UPDATE rufaa_user SET password = %(password)s WHERE id = %(user)s

-- name: forgetful
-- Who may be meant by what was typed: a name, or an e-mail address, that of up to three people.
SELECT id, username, coalesce(nullif(full_name, ''), username) AS name, email, language FROM rufaa_user
WHERE is_active AND email <> '' AND (lower(username) = lower(%(typed)s) OR email = lower(%(typed)s))
ORDER BY id LIMIT 3
