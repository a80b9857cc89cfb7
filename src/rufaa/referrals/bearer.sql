-- name: find
SELECT referral.id, referral.token, referral.state, referral.fee_id, referral.released_at IS NOT NULL AS released,
    particulars.name, particulars.payer_phone, particulars.date_of_birth
FROM referral JOIN particulars ON particulars.id = referral.particulars_id
WHERE referral.token = %(token)s

-- name: whereabouts
SELECT referring.name AS referring, receiving.name AS receiving, particulars.booked_date, particulars.booked_time
FROM referral
JOIN particulars ON particulars.id = referral.particulars_id
JOIN facility AS referring ON referring.id = referral.referring_id
JOIN facility AS receiving ON receiving.id = referral.receiving_id
WHERE referral.id = %(referral)s

-- name: receiving
SELECT receiving_id FROM referral WHERE id = %(referral)s

-- name: last_prompt
SELECT attempt, state IN ('unpaid', 'refused', 'review') AS failed
FROM prompt WHERE fee_id = %(fee)s
ORDER BY attempt DESC LIMIT 1
