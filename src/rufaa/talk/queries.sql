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

-- name: files
-- None of their bytes, which stand elsewhere.
SELECT attachment.id, attachment.created_at, attachment.name, attachment.kind, attachment.size_bytes, attachment.sha256,
    attachment.author_id, coalesce(nullif(person.full_name, ''), person.username) AS author,
    attachment.facility_id, facility.name AS facility,
    attachment.removed_at, attachment.removed_reason, coalesce(nullif(remover.full_name, ''), remover.username) AS removed_by
FROM attachment
JOIN rufaa_user AS person ON person.id = attachment.author_id
JOIN facility ON facility.id = attachment.facility_id
LEFT JOIN rufaa_user AS remover ON remover.id = attachment.removed_by_id
WHERE attachment.referral_id = %(referral)s
ORDER BY attachment.created_at, attachment.id

-- name: opened
SELECT attachment.name, attachment.kind, attachment.sha256, attachment_content.content
FROM attachment JOIN attachment_content ON attachment_content.attachment_id = attachment.id
WHERE attachment.id = %(attachment)s AND attachment.referral_id = %(referral)s AND attachment.removed_at IS NULL

-- name: names
SELECT sha256, name FROM attachment WHERE referral_id = %(referral)s ORDER BY created_at, id
