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
-- One that was paid has failed where its money was used for something else: then its fee is open.
SELECT prompt.attempt, prompt.state IN ('unpaid', 'refused', 'review')
    OR (prompt.state = 'paid' AND fee.state IN ('due', 'deferred')) AS failed
FROM prompt JOIN fee ON fee.id = prompt.fee_id WHERE prompt.fee_id = %(fee)s
ORDER BY prompt.attempt DESC LIMIT 1
