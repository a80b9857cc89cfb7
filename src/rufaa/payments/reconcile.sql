-- name: due_accounts
-- In one order everywhere, since each account's row is locked.
SELECT DISTINCT account_id FROM prompt
WHERE next_at <= rufaa_now() AND state NOT IN ('created', 'sending') AND checkout_request_id IS NOT NULL
ORDER BY account_id

-- name: count_due
SELECT count(*) AS due FROM (
    SELECT FROM prompt
    WHERE next_at <= rufaa_now() AND state NOT IN ('created', 'sending') AND checkout_request_id IS NOT NULL
        AND account_id = %(account)s
    LIMIT %(most)s
) AS found

-- name: claim
-- MATERIALIZED: as a plain subquery the planner may run it again for each row, and claim more than its LIMIT.
WITH due AS MATERIALIZED (
    SELECT id FROM prompt
    WHERE next_at <= rufaa_now() AND state NOT IN ('created', 'sending') AND checkout_request_id IS NOT NULL
        AND account_id = %(account)s
    ORDER BY next_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE prompt SET queries = queries + 1, next_at = rufaa_now() + %(again_s)s * interval '1 second'
FROM due WHERE prompt.id = due.id
RETURNING prompt.id, prompt.account_id, prompt.checkout_request_id

-- name: overdue
UPDATE prompt SET state = 'review', event = 'overdue', next_at = NULL, settled_at = rufaa_now()
WHERE id IN (
    SELECT id FROM prompt
    WHERE next_at <= rufaa_now() AND state = 'unknown' AND checkout_request_id IS NULL
        AND sent_at <= rufaa_now() - %(without_id_s)s * interval '1 second'
    ORDER BY id
    FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: next_due
SELECT extract(epoch FROM min(next_at) - rufaa_now()) AS wait_s
FROM prompt
WHERE next_at IS NOT NULL AND state NOT IN ('created', 'sending')
    AND (checkout_request_id IS NOT NULL OR state = 'unknown')
