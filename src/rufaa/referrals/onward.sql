-- name: of_referral
SELECT id FROM referral WHERE onward_of_id = %(referral)s
