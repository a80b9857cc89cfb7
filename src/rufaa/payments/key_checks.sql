-- name: ask
INSERT INTO key_check (id, account_id, facility_id, asked_by)
SELECT %(id)s, %(account)s, %(facility)s, %(by)s
WHERE NOT EXISTS (
    SELECT FROM key_check WHERE account_id = %(account)s AND ended_at > rufaa_now() - %(every_s)s * interval '1 second'
)
ON CONFLICT (account_id) WHERE ended_at IS NULL DO NOTHING

-- name: latest
SELECT DISTINCT ON (account_id) account_id, asked_at, ended_at, finding, said,
    ended_at IS NULL AND asked_at < rufaa_now() - %(late_s)s * interval '1 second' AS late
FROM key_check WHERE account_id = ANY(%(accounts)s::uuid[])
ORDER BY account_id, id DESC

-- name: claim
UPDATE key_check SET next_at = rufaa_now() + %(lease_s)s * interval '1 second'
WHERE id = (
    SELECT id FROM key_check WHERE ended_at IS NULL AND next_at <= rufaa_now()
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, account_id

-- name: next_due
SELECT extract(epoch FROM min(next_at) - rufaa_now()) AS wait_s FROM key_check WHERE ended_at IS NULL

-- name: end
UPDATE key_check SET ended_at = rufaa_now(), finding = %(finding)s, said = %(said)s
WHERE id = %(id)s AND ended_at IS NULL
RETURNING facility_id, asked_by
