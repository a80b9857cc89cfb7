-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('notice_wish/' || %(phone)s, 0))

-- name: wish
INSERT INTO notice_wish (phone, wants, said, actor)
SELECT %(phone)s, %(wants)s, %(said)s, %(actor)s
WHERE %(wants)s IS DISTINCT FROM (SELECT wants FROM notice_wish WHERE phone = %(phone)s ORDER BY id DESC LIMIT 1)
