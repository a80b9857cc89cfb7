-- name: of_referral
-- Newest first; "after" is the id of the last entry shown before.
SELECT audit.id, audit.at, audit.kind, audit.channel, audit.place, audit.actor,
    coalesce(nullif(person.full_name, ''), person.username) AS name
FROM audit LEFT JOIN rufaa_user AS person ON person.id = audit.actor
WHERE audit.referral = %(referral)s
    AND (%(readings)s::boolean IS NULL OR (audit.kind ~ '\.(read|listed)$') = %(readings)s)
    AND (%(after)s::bigint IS NULL
        OR (audit.at, audit.id) < (SELECT before.at, before.id FROM audit AS before WHERE before.id = %(after)s))
ORDER BY audit.at DESC, audit.id DESC
LIMIT %(limit)s

-- name: known
-- A referral by the words that a person has at hand.
SELECT id FROM referral WHERE id = %(id)s::uuid OR account_code = %(word)s OR former_id = %(word)s

-- name: blocks
SELECT number, (extract(epoch FROM at) * 1000000)::bigint, up_to, entries, previous, hash
FROM audit_block WHERE number > %(after)s ORDER BY number LIMIT %(most)s

-- name: entries
SELECT id, (extract(epoch FROM at) * 1000000)::bigint, kind, replace(referral::text, '-', ''),
    replace(actor::text, '-', ''), channel, place
FROM audit WHERE id > %(after)s ORDER BY id LIMIT %(most)s

-- name: oldest_unsealed
SELECT extract(epoch FROM rufaa_now() - min(at))::float8 AS age_s
FROM audit WHERE id > (SELECT coalesce(max(up_to), 0) FROM audit_block)
