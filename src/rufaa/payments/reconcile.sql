-- name: due_accounts
SELECT account_id, count(*) AS due FROM prompt
WHERE next_at <= rufaa_now() AND state NOT IN ('created', 'sending') AND checkout_request_id IS NOT NULL
GROUP BY account_id ORDER BY min(next_at)

-- name: claim
UPDATE prompt SET queries = queries + 1, next_at = rufaa_now() + %(again_s)s * interval '1 second'
WHERE id IN (
    SELECT id FROM prompt
    WHERE next_at <= rufaa_now() AND state NOT IN ('created', 'sending') AND checkout_request_id IS NOT NULL
        AND account_id = %(account)s
    ORDER BY next_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING id, account_id, checkout_request_id

-- name: overdue
UPDATE prompt SET state = 'review', event = 'overdue', next_at = NULL, settled_at = rufaa_now()
WHERE id IN (
    SELECT id FROM prompt
    WHERE next_at <= rufaa_now() AND state IN ('pending', 'unknown')
        AND (sent_at <= rufaa_now() - %(give_up_s)s * interval '1 second'
             OR (checkout_request_id IS NULL AND sent_at <= rufaa_now() - %(without_id_s)s * interval '1 second'))
    ORDER BY id
    FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: open_review
INSERT INTO task (id, kind, facility_id, fee_id, prompt_id, why)
SELECT %(id)s, 'review', fee.payee_id, fee.id, prompt.id, %(why)s
FROM prompt JOIN fee ON fee.id = prompt.fee_id
WHERE prompt.id = %(prompt)s
ON CONFLICT DO NOTHING

-- name: next_due
SELECT extract(epoch FROM min(next_at) - rufaa_now()) AS wait_s
FROM prompt WHERE next_at IS NOT NULL AND state <> 'created'
