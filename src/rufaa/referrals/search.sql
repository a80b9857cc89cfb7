-- name: found
-- Their index is read first, whatever the planner thinks of walking through the newest until enough agree: it may have to
-- walk through all. In the index are only the words that few rows have: of a common one it would make a list of all that
-- have it, before it looks at another. IS TRUE keeps the whole text from the index, as no index serves such a condition.
WITH sought AS MATERIALIZED (
    SELECT referral_id AS id FROM referral_search
    WHERE words @@ (SELECT search_query(%(looked_up)s::text, %(medical)s::text, %(money)s::text))
        AND (
            %(looked_up)s::text = %(text)s::text
            OR (words @@ (SELECT search_query(%(text)s::text, %(medical)s::text, %(money)s::text))) IS TRUE
        )
        -- what the receiving facility alone may find has to be released
        AND (released OR words @@ (SELECT search_query(%(text)s::text, %(unreleased)s::text, %(money)s::text)))
        AND (%(after)s::uuid IS NULL OR referral_id < %(after)s)
)
SELECT id FROM sought ORDER BY id DESC LIMIT %(limit)s

-- name: newest
-- As above, of the newest alone.
SELECT newest.id FROM (
    SELECT referral_id AS id, words, released FROM referral_search
    WHERE %(after)s::uuid IS NULL OR referral_id < %(after)s
    ORDER BY referral_id DESC LIMIT %(newest)s
) AS newest
WHERE words @@ (SELECT search_query(%(text)s::text, %(medical)s::text, %(money)s::text))
    AND (released OR words @@ (SELECT search_query(%(text)s::text, %(unreleased)s::text, %(money)s::text)))
ORDER BY newest.id DESC LIMIT %(limit)s

-- name: found_among
WITH sought AS MATERIALIZED (
    SELECT referral_id AS id FROM referral_search
    WHERE words @@ (SELECT search_query(%(looked_up)s::text, %(medical)s::text, %(money)s::text))
        AND (
            %(looked_up)s::text = %(text)s::text
            OR (words @@ (SELECT search_query(%(text)s::text, %(medical)s::text, %(money)s::text))) IS TRUE
        )
        -- what the receiving facility alone may find has to be released
        AND (released OR words @@ (SELECT search_query(%(text)s::text, %(unreleased)s::text, %(money)s::text)))
        AND (%(after)s::uuid IS NULL OR referral_id < %(after)s)
)
SELECT sought.id
FROM sought JOIN referral ON referral.id = sought.id
WHERE (%(state)s::text IS NULL OR referral.state = %(state)s)
    AND (%(receiving)s::uuid[] IS NULL OR referral.receiving_id = ANY(%(receiving)s::uuid[]))
    AND (%(referring)s::uuid[] IS NULL OR referral.referring_id = ANY(%(referring)s::uuid[]))
ORDER BY sought.id DESC
LIMIT %(limit)s

-- name: words
SELECT word FROM unnest(search_words(%(text)s)) AS word

-- name: common
-- The lexemes that many referrals have, and which share of them, as PostgreSQL counted when it last analysed the table.
SELECT lexeme, share, pg_class.reltuples::float8 AS referrals
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_stats ON schemaname = nspname AND tablename = relname AND attname = 'words',
    unnest(most_common_elems::text::text[], most_common_elem_freqs) AS counted (lexeme, share)
WHERE pg_class.oid = 'referral_search'::regclass AND lexeme IS NOT NULL AND share >= %(share)s

-- name: of_receipt
-- The referrals whose fee it pays, which it names, or whose prompt brought it.
SELECT referral.id
FROM receipt
JOIN LATERAL (
    SELECT fee_id FROM application WHERE application.receipt_id = receipt.id
    UNION SELECT receipt.names_id
    UNION SELECT fee_id FROM prompt WHERE prompt.id = receipt.prompt_id
) AS paid ON true
JOIN referral ON referral.fee_id = paid.fee_id
WHERE receipt.number = %(number)s
