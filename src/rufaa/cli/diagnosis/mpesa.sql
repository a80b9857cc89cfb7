-- name: standing
-- What holds the stored accounts up, and whether Safaricom tells of payments to them; the latest callbacks alone are
-- looked at, since they are many.
SELECT account.id, account.c2b_registered_at, account.c2b_urls_for, account.pull_registered_at,
    hold.reason, hold.held_by, extract(epoch FROM rufaa_now() - hold.held_at)::float8 AS held_s,
    (SELECT count(*) FROM prompt
        WHERE prompt.account_id = account.id AND prompt.state = 'created' AND prompt.next_at IS NOT NULL) AS waiting,
    account.id IN (
        SELECT subject FROM (SELECT kind, subject, trusted FROM inbox ORDER BY id DESC LIMIT 1000) AS latest
        WHERE kind = 'c2b' AND trusted
    ) AS told,
    EXISTS (
        SELECT FROM mpesa_account AS other
        WHERE (other.environment, other.short_code) = (account.environment, account.short_code) AND other.id <> account.id
    ) AS shared
FROM mpesa_account AS account
LEFT JOIN account_hold AS hold ON hold.account_id = account.id AND hold.released_at IS NULL
WHERE account.id = ANY(%(accounts)s::uuid[])
