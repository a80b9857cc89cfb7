-- name: take
SELECT id, kind, subject, trusted, at, body, greatest(extract(epoch FROM rufaa_now() - at), 0)::float8 AS waited_s
FROM inbox
WHERE settled_at IS NULL AND (%(only)s::bigint IS NULL OR id = %(only)s)
ORDER BY id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: peek
SELECT id, kind, subject FROM inbox WHERE settled_at IS NULL ORDER BY id LIMIT %(limit)s

-- name: name
UPDATE inbox SET settled_at = rufaa_now(), outcome = new.outcome
FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[]) AS new (id, outcome)
WHERE inbox.id = new.id

-- name: outcome
SELECT outcome FROM inbox WHERE id = %(id)s

-- name: known_prompt
SELECT id FROM prompt WHERE id = %(prompt)s

-- name: known_accounts
SELECT id FROM mpesa_account WHERE id = ANY(%(accounts)s::uuid[])
