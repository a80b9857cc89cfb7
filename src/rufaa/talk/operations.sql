-- name: lock
-- Until the transaction ends nobody else counts this referral's files.
SELECT id FROM referral WHERE id = %(referral)s FOR NO KEY UPDATE

-- name: count
SELECT count(*) AS files FROM attachment WHERE referral_id = %(referral)s

-- name: hold
-- The row stays as it is until the transaction ends.
SELECT author_id, facility_id, removed_at, removed_by_id, removed_reason FROM attachment
WHERE id = %(attachment)s AND referral_id = %(referral)s FOR UPDATE

-- name: remove
UPDATE attachment SET removed_at = rufaa_now(), removed_by_id = %(by)s, removed_reason = %(reason)s
WHERE id = %(attachment)s
