-- name: state
SELECT
    NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool AS writable,
    to_regclass('django_migrations') IS NOT NULL AS has_migrations

-- name: applied
SELECT app, name FROM django_migrations

-- name: inbox
-- All of these walk partial indexes, or the few rows where an indexed column is null: see tests/observability.
SELECT count(*)::float8 AS number, coalesce(max(extract(epoch FROM rufaa_now() - at)), 0)::float8 AS age_s
FROM (SELECT at FROM inbox WHERE settled_at IS NULL ORDER BY id LIMIT $1) AS unsettled

-- name: live
SELECT state, count(*)::float8 AS number
FROM (SELECT state FROM prompt WHERE state IN ('created', 'pending', 'sending', 'unknown') LIMIT $1) AS live
GROUP BY state

-- name: review
-- A prompt that comes into review opens a task, which is closed when it leaves.
SELECT count(DISTINCT prompt_id)::float8 AS number
FROM (
    SELECT task.prompt_id FROM task JOIN prompt ON prompt.id = task.prompt_id
    WHERE task.closed_at IS NULL AND task.kind = 'review' AND prompt.state = 'review' LIMIT $1
) AS reviewed

-- name: due
SELECT
    CASE WHEN state = 'created' THEN 'send' ELSE 'ask' END AS work,
    count(*)::float8 AS number, max(extract(epoch FROM rufaa_now() - next_at))::float8 AS age_s
FROM (
    SELECT state, next_at FROM prompt
    WHERE next_at IS NOT NULL AND next_at <= rufaa_now() AND NOT (
        state = 'created' AND account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)
    )
    ORDER BY next_at LIMIT $1
) AS due
GROUP BY 1

-- name: held
SELECT count(*)::float8 FROM account_hold WHERE released_at IS NULL

-- name: unapplied
SELECT
    count(*)::float8 AS number, coalesce(sum(free_cents), 0)::float8 AS cents,
    coalesce(max(extract(epoch FROM rufaa_now() - created_at)), 0)::float8 AS age_s
FROM (SELECT free_cents, created_at FROM receipt WHERE state = 'unapplied' LIMIT $1) AS unapplied

-- name: tasks
SELECT kind, count(*)::float8 AS number, max(extract(epoch FROM rufaa_now() - opened_at))::float8 AS age_s
FROM (SELECT kind, opened_at FROM task WHERE closed_at IS NULL LIMIT $1) AS open_task
GROUP BY kind
