-- name: shown
-- An entry, unless the same was shown to the same person by the same way just before. Mostly it was: then nothing is
-- written, and the transaction's commit waits for no disk.
INSERT INTO audit (kind, referral, actor, channel, place)
SELECT %(kind)s::text, %(referral)s::uuid, %(actor)s::uuid, %(channel)s::text, %(place)s::text
WHERE NOT EXISTS (
    SELECT FROM audit AS before
    WHERE before.referral = %(referral)s::uuid
        AND before.at > rufaa_now() - %(same_s)s::float8 * interval '1 second'
        AND before.kind = %(kind)s::text AND before.channel = %(channel)s::text
        AND before.actor IS NOT DISTINCT FROM %(actor)s::uuid
)

-- name: all_shown
-- The same for many; for one, the arrays would cost as much as the rest.
INSERT INTO audit (kind, referral, actor, channel, place)
SELECT shown.kind, shown.referral, %(actor)s::uuid, %(channel)s::text, %(place)s::text
FROM unnest(%(kinds)s::text[], %(referrals)s::uuid[], %(same_s)s::float8[]) AS shown (kind, referral, same_s)
WHERE NOT EXISTS (
    SELECT FROM audit AS before
    WHERE before.referral = shown.referral AND before.at > rufaa_now() - shown.same_s * interval '1 second'
        AND before.kind = shown.kind AND before.channel = %(channel)s::text
        AND before.actor IS NOT DISTINCT FROM %(actor)s::uuid
)

-- name: head
SELECT number, (extract(epoch FROM at) * 1000000)::bigint AS at_us, up_to, entries, previous, hash
FROM audit_block ORDER BY number DESC LIMIT 1

-- name: due
-- The ends of two indexes, whatever stands between them.
SELECT coalesce((SELECT max(id) FROM audit), 0)
    > coalesce((SELECT up_to FROM audit_block ORDER BY number DESC LIMIT 1), 0) AS due

-- name: given_out
-- The highest number that an entry has, or may yet appear with. Numbers above are younger than the next statement.
SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS up_to FROM audit_number

-- name: own_transaction
SELECT pg_current_xact_id()::text::bigint AS xid

-- name: turn
-- Whether it is ours to seal, which is one worker's at a time, and which transactions are over.
SELECT pg_try_advisory_xact_lock(hashtext('rufaa audit')) AS ours,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS over_below,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS begun_below

-- name: unsealed
SELECT id, (extract(epoch FROM at) * 1000000)::bigint, kind, replace(referral::text, '-', ''),
    replace(actor::text, '-', ''), channel, place
FROM audit WHERE id > %(after)s AND id <= %(up_to)s ORDER BY id LIMIT %(most)s

-- name: now_us
SELECT (extract(epoch FROM rufaa_now()) * 1000000)::bigint AS now_us

-- name: seal
INSERT INTO audit_block (number, at, up_to, entries, previous, hash)
VALUES (%(number)s, timestamptz 'epoch' + %(at_us)s * interval '1 microsecond', %(up_to)s, %(entries)s,
    %(previous)s, %(hash)s)
