-- name: note
INSERT INTO logbook (kind, person, facility, actor, address, about)
SELECT %(kind)s, %(person)s::uuid, %(facility)s::uuid, %(actor)s::uuid, %(address)s, %(about)s::jsonb
WHERE NOT EXISTS (
    SELECT FROM logbook AS before
    WHERE before.person IS NOT DISTINCT FROM %(person)s::uuid AND before.kind = %(kind)s::text
        AND before.address = %(address)s::text AND before.at > rufaa_now() - %(same_s)s * interval '1 second'
)

-- name: of_person
SELECT logbook.id, at, kind, person, coalesce(nullif(whom.full_name, ''), whom.username) AS name, actor,
    coalesce(nullif(who.full_name, ''), who.username) AS by, channel, address, about
FROM logbook
LEFT JOIN rufaa_user AS whom ON whom.id = person
LEFT JOIN rufaa_user AS who ON who.id = actor
WHERE person = %(person)s AND kind ~ %(kinds)s
    AND (%(at)s::uuid IS NULL OR facility IS NULL OR facility = %(at)s)
ORDER BY logbook.id DESC LIMIT %(limit)s

-- name: of_facility
SELECT logbook.id, at, kind, person, coalesce(nullif(whom.full_name, ''), whom.username) AS name, actor,
    coalesce(nullif(who.full_name, ''), who.username) AS by, channel, address, about
FROM logbook
LEFT JOIN rufaa_user AS whom ON whom.id = person
LEFT JOIN rufaa_user AS who ON who.id = actor
WHERE facility = %(facility)s AND kind ~ %(kinds)s
ORDER BY logbook.id DESC LIMIT %(limit)s
