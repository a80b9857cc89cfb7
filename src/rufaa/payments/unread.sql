-- name: account_here
SELECT FROM mpesa_account WHERE id = %(id)s

-- name: ask_about_account
-- For the finance people of the one payee of the account, where there is just one.
INSERT INTO task (id, kind, facility_id, account_id, why)
SELECT %(task)s, 'unread', payee.id, %(id)s, %(why)s
FROM (SELECT CASE WHEN count(DISTINCT payee_id) = 1 THEN (array_agg(payee_id))[1] END AS id
      FROM price WHERE account_id = %(id)s) AS payee
ON CONFLICT DO NOTHING

-- name: refund_here
SELECT FROM refund WHERE id = %(id)s

-- name: ask_about_refund
INSERT INTO task (id, kind, facility_id, fee_id, receipt_id, refund_id, account_id, why)
SELECT %(task)s, 'unread', coalesce(fee.payee_id, payee.id), refund.fee_id, refund.receipt_id, refund.id,
    receipt.account_id, %(why)s
FROM refund
JOIN receipt ON receipt.id = refund.receipt_id
LEFT JOIN fee ON fee.id = refund.fee_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN count(DISTINCT payee_id) = 1 THEN (array_agg(payee_id))[1] END AS id
    FROM price WHERE account_id = receipt.account_id
) AS payee
WHERE refund.id = %(id)s
ON CONFLICT DO NOTHING

-- name: close_replayed
UPDATE task SET closed_at = rufaa_now(), closed_as = 'replayed'
WHERE closed_at IS NULL AND (
    (kind = 'unread' AND (refund_id = %(id)s OR (refund_id IS NULL AND account_id = %(id)s)))
    OR (kind = 'contradiction' AND prompt_id = %(id)s AND why = %(why)s)
)
