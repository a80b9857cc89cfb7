-- name: comments
-- The newest, newest first.
SELECT comment.id, comment.created_at, comment.text, comment.author_id,
    coalesce(nullif(person.full_name, ''), person.username) AS author, facility.name AS facility
FROM comment
JOIN rufaa_user AS person ON person.id = comment.author_id
JOIN facility ON facility.id = comment.facility_id
WHERE comment.referral_id = %(referral)s
ORDER BY comment.created_at DESC, comment.id DESC
LIMIT %(limit)s
