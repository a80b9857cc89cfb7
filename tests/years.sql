-- Copies of stories: referrals that were led through the law, with everything that is their own, put into other times.
-- "made" has a row for each copy, "part" names what is a story's own. The columns of each table are filled in by years.py.

-- name: parts
-- What is a story's own, and in a copy is another: by its id, or by its number, with four digits that tell it from others.
CREATE TEMPORARY TABLE part ON COMMIT DROP AS
WITH story AS (
    SELECT story, referral.id AS referral, particulars_id AS particulars, fee_id AS fee
    FROM unnest(%(referrals)s::uuid[]) WITH ORDINALITY AS each (id, story) JOIN referral USING (id)
), receipts AS (
    SELECT story, receipt.id, number, receipt.created_at
    FROM story JOIN receipt ON receipt.names_id = story.fee
        OR receipt.prompt_id IN (SELECT id FROM prompt WHERE fee_id = story.fee)
), own AS (
    SELECT story, referral::text AS key, 'row' AS kind FROM story
    UNION ALL SELECT story, particulars::text, 'row' FROM story
    UNION ALL SELECT story, fee::text, 'row' FROM story WHERE fee IS NOT NULL
    UNION ALL SELECT story, prompt.id::text, 'row' FROM story JOIN prompt ON prompt.fee_id = story.fee
    UNION ALL SELECT story, id::text, 'row' FROM receipts
    UNION ALL SELECT story, application.id::text, 'row' FROM story JOIN application ON application.fee_id = story.fee
    UNION ALL SELECT story, task.id::text, 'row' FROM story JOIN task ON task.fee_id = story.fee
    UNION ALL SELECT story, number, 'number' FROM receipts WHERE number IS NOT NULL
    UNION ALL SELECT story, evidence.inbox::text, 'inbox'
        FROM receipts JOIN evidence ON evidence.receipt_id = receipts.id WHERE evidence.inbox IS NOT NULL
    UNION SELECT story, inbox.id::text, 'inbox'
        FROM story JOIN prompt ON prompt.fee_id = story.fee JOIN inbox ON inbox.subject = prompt.id
)
SELECT story, key, kind, row_number() OVER (PARTITION BY story, kind ORDER BY key) AS place,
    lpad(to_hex(row_number() OVER (PARTITION BY story, kind ORDER BY key)), 4, '0') AS slot
FROM own

-- name: began
CREATE TEMPORARY TABLE began ON COMMIT DROP AS
SELECT story, created_at AS at FROM unnest(%(referrals)s::uuid[]) WITH ORDINALITY AS each (id, story)
JOIN referral USING (id)

-- name: made
-- Numbered %(first)s to %(last)s. Of the first %(count)s the last ones are open still, and end now; those beyond are live.
CREATE TEMPORARY TABLE made ON COMMIT DROP AS
SELECT n, story, place.at, place.at - began.at AS shift,
    lpad(to_hex((extract(epoch FROM place.at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || '8'
        || lpad(to_hex(n), 11, '0') AS head,
    'R' || upper(lpad(to_hex(n), 8, '0')) AS number,
    upper(lpad(to_hex(n * 2654435761 & 4294967295), 8, '0')) AS account_code,
    '2547' || lpad((n * 7919 %% 100000000)::text, 8, '0') AS phone,
    (%(given)s::text[])[1 + chance / 1000 %% cardinality(%(given)s::text[])] || ' '
        || (%(family)s::text[])[1 + chance / 100000 %% cardinality(%(family)s::text[])] || ' P' || n AS name,
    (%(referring)s::uuid[])[who] AS referring, (%(physicians)s::uuid[])[who] AS physician,
    (%(receiving)s::uuid[])[1 + chance / 17 %% cardinality(%(receiving)s::uuid[])] AS receiving
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
CROSS JOIN LATERAL (SELECT (hashint8(n) & 2147483647) AS chance) AS dice
CROSS JOIN LATERAL (
    SELECT greatest(1, 1 + chance / 7 %% (cardinality(%(referring)s::uuid[]) + %(more)s) - %(more)s) AS who,
        rufaa_now() - greatest(0, %(count)s - n) * (%(years)s * interval '1 year') / %(count)s AS at,
        CASE
            WHEN n <= %(count)s - %(open_count)s THEN (%(closed)s::int[])[1 + chance %% 100]
            WHEN n <= %(count)s THEN (%(open)s::int[])[1 + chance %% 100]
            ELSE (%(live)s::int[])[width_bucket(n - %(count)s - 1, %(live_from)s::bigint[])]
        END AS story
) AS place
JOIN began USING (story)

-- name: words
INSERT INTO referral_search (referral_id, words, released)
SELECT referral, words, released
FROM referral_lexemes(ARRAY(SELECT (head || id_slot)::uuid FROM made JOIN stencil_referral USING (story)))

-- name: indexes
-- Those that hold no constraint: they are made anew when all rows are there.
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid
WHERE indrelid::regclass::text = ANY(%(tables)s) AND NOT indisunique AND pg_constraint.oid IS NULL
ORDER BY 1

-- name: columns
SELECT attname AS name, format_type(atttypid, NULL) AS type
FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum

-- name: numbers_go_on
SELECT setval(pg_get_serial_sequence('inbox', 'id'), (SELECT max(id) FROM inbox))
