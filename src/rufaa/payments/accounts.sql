-- name: of_facility
-- With the newest prompt that was answered, whose way through the index of ids is short: newest first.
SELECT account.*, last.at AS prompt_at, last.taken AS prompt_taken, last.said AS prompt_said,
    coalesce(account.owner_id = %(facility)s, account_payee(account.id) = %(facility)s, false) AS own
FROM mpesa_account AS account
LEFT JOIN LATERAL (
    SELECT created_at AS at, checkout_request_id IS NOT NULL AS taken, message AS said FROM prompt
    WHERE prompt.account_id = account.id AND state NOT IN ('created', 'sending')
    ORDER BY prompt.id DESC LIMIT 1
) AS last ON true
WHERE account.owner_id = %(facility)s OR EXISTS (
    SELECT FROM price WHERE price.account_id = account.id AND %(facility)s IN (price.facility_id, price.payee_id)
)
ORDER BY account.created_at, account.id
