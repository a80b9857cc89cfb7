-- name: connections
SELECT current_setting('max_connections')::int AS most,
    current_setting('superuser_reserved_connections')::int AS reserved

-- name: servers
SELECT count(*) AS sessions FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'rufaa' AND pid <> pg_backend_pid()

-- name: clock
SELECT clock_timestamp() AS now

-- name: moved
SELECT coalesce(max("offset"), interval '0') AS by FROM rufaa_clock

-- name: accounts
SELECT DISTINCT environment FROM mpesa_account

-- name: prices
SELECT count(*) AS n FROM price

-- name: inbox
SELECT count(*) AS waiting, coalesce(extract(epoch FROM rufaa_now() - min(at)), 0)::float8 AS oldest_s
FROM inbox WHERE settled_at IS NULL

-- name: prompts_due
SELECT count(*) AS waiting, coalesce(extract(epoch FROM rufaa_now() - min(next_at)), 0)::float8 AS oldest_s
FROM prompt WHERE state = 'created' AND next_at <= rufaa_now()
    AND account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) -- those are not to be sent

-- name: questions_due
SELECT count(*) AS waiting, coalesce(extract(epoch FROM rufaa_now() - min(next_at)), 0)::float8 AS oldest_s
FROM prompt WHERE state NOT IN ('created', 'sending') AND next_at <= rufaa_now() AND checkout_request_id IS NOT NULL

-- name: tasks
SELECT kind, count(*) AS open, count(*) FILTER (WHERE facility_id IS NULL) AS nobodys,
    extract(epoch FROM rufaa_now() - min(opened_at))::float8 AS oldest_s
FROM task WHERE closed_at IS NULL GROUP BY kind ORDER BY kind

-- name: receipts_awaiting
SELECT count(*) AS waiting, coalesce(extract(epoch FROM rufaa_now() - min(created_at)), 0)::float8 AS oldest_s
FROM receipt WHERE number IS NULL

-- name: sources
SELECT source FROM inbox ORDER BY id DESC LIMIT 50

-- name: callbacks_arrive
-- Of the prompts that M-Pesa took and that ended last: how many did a callback tell about?
SELECT count(*) AS ended, count(*) FILTER (
    WHERE EXISTS (SELECT FROM inbox WHERE inbox.subject = latest.id AND inbox.kind = 'stk')
) AS told
FROM (
    SELECT id FROM prompt
    WHERE state IN ('paid', 'unpaid', 'review') AND checkout_request_id IS NOT NULL
    ORDER BY settled_at DESC NULLS LAST LIMIT 20
) AS latest

-- name: facilities
SELECT facility.name,
    EXISTS (SELECT FROM price WHERE price.facility_id = facility.id) AS priced,
    EXISTS (
        SELECT FROM membership JOIN rufaa_user AS person ON person.id = membership.user_id
        WHERE facility_id = facility.id AND role = 'physician' AND revoked_at IS NULL AND person.is_active
    ) AS refers,
    EXISTS (
        SELECT FROM membership JOIN rufaa_user AS person ON person.id = membership.user_id
        WHERE facility_id = facility.id AND role = 'administrator' AND revoked_at IS NULL AND person.is_active
    ) AS administered
FROM facility ORDER BY facility.name

-- name: people_without_role
SELECT username FROM rufaa_user AS person
WHERE is_active AND NOT is_superuser
    AND NOT EXISTS (SELECT FROM membership WHERE user_id = person.id AND revoked_at IS NULL)
ORDER BY username

-- name: prices_elsewhere
SELECT facility.name, account.environment
FROM price JOIN facility ON facility.id = price.facility_id JOIN mpesa_account AS account ON account.id = account_id
WHERE account.environment <> %(environment)s ORDER BY facility.name
