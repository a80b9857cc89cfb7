-- name: shares
SELECT EXISTS (
    SELECT FROM mpesa_account AS other
    WHERE (other.environment, other.short_code) = (account.environment, account.short_code) AND other.id <> account.id
) AS shares
FROM mpesa_account AS account WHERE account.id = %(account)s

-- name: before
SELECT c2b_registered_at, c2b_urls_for FROM mpesa_account WHERE id = %(account)s FOR NO KEY UPDATE

-- name: intend
UPDATE mpesa_account SET c2b_urls_for = %(public_url)s WHERE id = %(account)s AND c2b_registered_at IS NULL

-- name: c2b_registered
UPDATE mpesa_account SET c2b_registered_at = rufaa_now(), c2b_urls_for = %(public_url)s WHERE id = %(account)s

-- name: pull_registered
UPDATE mpesa_account SET pull_registered_at = rufaa_now() WHERE id = %(account)s

-- name: forget
UPDATE mpesa_account SET c2b_registered_at = NULL, c2b_urls_for = '', pull_registered_at = NULL WHERE id = %(account)s
