-- name: served_long_ago_push
SELECT account_id FROM mpesa_access WHERE account_id = ANY(%(accounts)s) ORDER BY push_tat NULLS FIRST, account_id LIMIT %(limit)s

-- name: served_long_ago_query
SELECT account_id FROM mpesa_access WHERE account_id = ANY(%(accounts)s) ORDER BY query_tat NULLS FIRST, account_id LIMIT %(limit)s

-- name: lock_budget
SELECT access.push_tat, access.query_tat, account.pushes_per_s, account.queries_per_min, rufaa_now() AS now
FROM mpesa_access AS access JOIN mpesa_account AS account ON account.id = access.account_id
WHERE access.account_id = %(account)s
FOR UPDATE OF access

-- name: store_push
UPDATE mpesa_access SET push_tat = %(tat)s WHERE account_id = %(account)s

-- name: store_query
UPDATE mpesa_access SET query_tat = %(tat)s WHERE account_id = %(account)s

-- name: at_hand
SELECT access.sealed_token, coalesce(access.token_expires_at > rufaa_now(), false) AS fresh, access.renewal,
    account.sealed_keys, account.base_url
FROM mpesa_access AS access JOIN mpesa_account AS account ON account.id = access.account_id
WHERE access.account_id = %(account)s

-- name: begin_renewal
-- Only who saw the present token may replace it, and only while nobody else is at it. A lease that ends later than any
-- lease can was taken before the clock was set back.
UPDATE mpesa_access SET renewal = renewal + 1, renewing_until = rufaa_now() + %(lease_s)s * interval '1 second'
WHERE account_id = %(account)s AND renewal = %(seen)s AND (
    renewing_until IS NULL OR renewing_until < rufaa_now()
    OR renewing_until > rufaa_now() + %(lease_s)s * interval '1 second'
)
RETURNING renewal

-- name: store_token
-- Counts once more: who saw no token while this one was on its way must look again before it asks for another.
UPDATE mpesa_access SET
    renewal = renewal + 1,
    sealed_token = %(sealed)s,
    token_expires_at = rufaa_now() + %(lives_s)s * interval '1 second',
    renewing_until = NULL
WHERE account_id = %(account)s AND renewal = %(renewal)s

-- name: end_renewal
UPDATE mpesa_access SET renewing_until = NULL WHERE account_id = %(account)s AND renewal = %(renewal)s
