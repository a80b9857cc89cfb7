-- name: claim
-- Waits for another transaction with the same numbers. No row: that one has committed, and its record is there.
INSERT INTO mutation_record (session, request, digest, caller)
VALUES (%(session)s, %(request)s, %(digest)s, %(caller)s)
ON CONFLICT ON CONSTRAINT mutation_record_once DO NOTHING
RETURNING id;

-- name: kept
SELECT digest, caller, result, waiting, ts_ns FROM mutation_record WHERE session = %(session)s AND request = %(request)s;

-- name: keep
UPDATE mutation_record SET
    result = %(result)s, waiting = %(waiting)s,
    ts_ns = greatest((extract(epoch FROM rufaa_now()) * 1000000)::bigint * 1000, %(floor_ns)s::bigint + 1)
WHERE session = %(session)s AND request = %(request)s
RETURNING ts_ns;

-- name: now
SELECT (extract(epoch FROM rufaa_now()) * 1000000)::bigint * 1000 AS now_ns;

-- name: forget
DELETE FROM mutation_record WHERE id IN (
    SELECT id FROM mutation_record WHERE at < rufaa_now() - %(days)s * interval '1 day' ORDER BY at LIMIT %(most)s
);
