-- name: fees_paid
UPDATE referral SET
    state = CASE WHEN state = 'pending-payment' THEN 'paid' ELSE state END,
    event = CASE WHEN state = 'pending-payment' THEN 'money-seen' ELSE event END,
    reason = CASE WHEN state = 'pending-payment' THEN '' ELSE reason END,
    released_at = coalesce(released_at, (SELECT rufaa_now()))
WHERE fee_id = ANY(%(fees)s::uuid[])

-- name: release
UPDATE referral SET released_at = coalesce(released_at, rufaa_now()) WHERE id = %(referral)s

-- name: store_payer_phone
UPDATE particulars SET payer_phone = %(phone)s WHERE id = %(particulars)s
