-- name: start
UPDATE mpesa_access SET pull_at = coalesce(pull_at, rufaa_now()) WHERE account_id = %(account)s

-- name: stop
UPDATE mpesa_access SET pull_at = NULL, pulled_until = NULL WHERE account_id = %(account)s

-- name: claim
UPDATE mpesa_access SET pull_at = rufaa_now() + %(again_s)s * interval '1 second'
WHERE account_id IN (
    -- a time further ahead than any is was written before the clock was set back
    SELECT account_id FROM mpesa_access
    WHERE pull_at <= rufaa_now() OR pull_at > rufaa_now() + %(longest_s)s * interval '1 second'
    ORDER BY pull_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING account_id, rufaa_now() AS now, pulled_until

-- name: next_due
SELECT extract(epoch FROM min(pull_at) - rufaa_now()) AS wait_s FROM mpesa_access WHERE pull_at IS NOT NULL

-- name: told
SELECT receipt_number, amount_cents FROM evidence
WHERE account_id = %(account)s AND channel = 'pull' AND receipt_number = ANY(%(numbers)s)

-- name: done
UPDATE mpesa_access SET pull_at = rufaa_now() + %(after_s)s * interval '1 second',
    pulled_until = coalesce(%(until)s, pulled_until)
WHERE account_id = %(account)s AND pull_at IS NOT NULL

-- name: open_task
INSERT INTO task (id, kind, facility_id, account_id, why)
SELECT %(id)s, 'contradiction', account_payee(%(account)s), %(account)s, %(why)s
ON CONFLICT DO NOTHING

-- name: is_asked
SELECT EXISTS (
    SELECT FROM task WHERE account_id = %(account)s AND kind = 'contradiction' AND closed_at IS NULL AND why = %(why)s
) AS asked
