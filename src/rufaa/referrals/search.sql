-- name: found
-- Their index is read first, whatever the planner thinks of walking through the newest until enough agree: it may have to
-- walk through all.
WITH sought AS MATERIALIZED (
    SELECT referral_id AS id FROM referral_search
    WHERE words @@ search_query(%(text)s::text, %(medical)s::text, %(money)s::text)
        -- what the receiving facility alone may find has to be released
        AND (released OR words @@ (SELECT search_query(%(text)s::text, %(unreleased)s::text, %(money)s::text)))
        AND (%(after)s::uuid IS NULL OR referral_id < %(after)s)
)
SELECT id FROM sought ORDER BY id DESC LIMIT %(limit)s

-- name: found_among
WITH sought AS MATERIALIZED (
    SELECT referral_id AS id FROM referral_search
    WHERE words @@ search_query(%(text)s::text, %(medical)s::text, %(money)s::text)
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
