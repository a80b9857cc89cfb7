-- name: accounts
SELECT account.id, mpesa_books(account.id) AS books, account.environment, access.pull_at
FROM mpesa_account AS account LEFT JOIN mpesa_access AS access ON access.account_id = account.id
ORDER BY account.created_at, account.id

-- name: items
-- What is open, and what was (``also``). asked: how often M-Pesa was; a question that is under way counts.
SELECT 'prompt' AS kind, prompt.id, prompt.account_id, prompt.state, prompt.next_at, prompt.queries AS asked,
    prompt.state IN ('created', 'sending', 'pending', 'unknown', 'review') AS open,
    prompt.checkout_request_id IS NOT NULL AS known_there, prompt.amount_cents, fee.account_code, prompt.attempt,
    receipt.number
FROM prompt JOIN fee ON fee.id = prompt.fee_id LEFT JOIN receipt ON receipt.prompt_id = prompt.id
WHERE prompt.state IN ('created', 'sending', 'pending', 'unknown', 'review') OR prompt.id = ANY(%(also)s::uuid[])
UNION ALL
SELECT 'receipt', receipt.id, receipt.account_id, receipt.state, NULL, 0, receipt.number IS NULL, false,
    receipt.amount_cents, fee.account_code, prompt.attempt, receipt.number
FROM receipt LEFT JOIN prompt ON prompt.id = receipt.prompt_id LEFT JOIN fee ON fee.id = prompt.fee_id
WHERE receipt.number IS NULL OR receipt.id = ANY(%(also)s::uuid[])
UNION ALL
SELECT 'claim', claim.id, claim.account_id, claim.ended_as, claim.next_at, claim.asked, claim.ended_at IS NULL, true,
    claim.amount_cents, fee.account_code, NULL, claim.number
FROM claim LEFT JOIN fee ON fee.id = claim.fee_id
WHERE claim.ended_at IS NULL OR claim.id = ANY(%(also)s::uuid[])
UNION ALL
SELECT 'refund', refund.id, receipt.account_id, refund.state, refund.next_at,
    (SELECT count(*) FROM inquiry WHERE inquiry.refund_id = refund.id), refund.state NOT IN ('withdrawn', 'done', 'failed'),
    refund.originator_conversation_id IS NOT NULL, refund.amount_cents, NULL, NULL, receipt.number
FROM refund JOIN receipt ON receipt.id = refund.receipt_id
WHERE refund.state NOT IN ('withdrawn', 'done', 'failed') OR refund.id = ANY(%(also)s::uuid[])
UNION ALL
SELECT 'stray', stray.id, CASE WHEN stray.receipt_id IS NOT NULL THEN stray.account_id END,
    CASE WHEN stray.receipt_id IS NOT NULL THEN 'found' ELSE 'not found' END, stray.next_at, stray.queries,
    stray.receipt_id IS NULL AND (stray.next_at IS NOT NULL OR EXISTS (
        SELECT FROM task WHERE task.stray_id = stray.id AND task.closed_at IS NULL)),
    stray.checkout_request_id IS NOT NULL AND stray.account_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM stray AS other
        WHERE other.checkout_request_id = stray.checkout_request_id AND other.receipt_id IS NOT NULL),
    stray.amount_cents, NULL, NULL, stray.receipt_number
FROM stray
WHERE (stray.receipt_id IS NULL AND (stray.next_at IS NOT NULL OR EXISTS (
        SELECT FROM task WHERE task.stray_id = stray.id AND task.closed_at IS NULL)))
    OR stray.id = ANY(%(also)s::uuid[])
ORDER BY id

-- name: reports
SELECT count(*) AS reports, rufaa_now() AS now FROM inbox WHERE settled_at IS NULL

-- name: tasks
SELECT task.id, task.kind, task.why, task.refund_id, task.opened_at, facility.name AS facility,
    coalesce(task.account_id, receipt.account_id, fee.account_id, stray.account_id) AS account_id,
    coalesce(receipt.number, claim.number, fee.account_code, refund.id::text, receipt.id::text, stray.receipt_number) AS clue
FROM task
LEFT JOIN facility ON facility.id = task.facility_id
LEFT JOIN fee ON fee.id = task.fee_id
LEFT JOIN receipt ON receipt.id = task.receipt_id
LEFT JOIN claim ON claim.id = task.claim_id
LEFT JOIN refund ON refund.id = task.refund_id
LEFT JOIN stray ON stray.id = task.stray_id
WHERE task.closed_at IS NULL
ORDER BY task.opened_at, task.id

-- name: arrived
SELECT receipt.account_id, receipt.number, receipt.amount_cents, receipt.state,
    (SELECT string_agg(fee.account_code, ', ' ORDER BY fee.account_code)
     FROM application JOIN fee ON fee.id = application.fee_id WHERE application.receipt_id = receipt.id) AS codes
FROM receipt WHERE created_at >= %(since)s AND prompt_id IS NULL
ORDER BY created_at, id

-- name: prompts_due
-- What somebody works on at this moment is asked about anyway: SKIP LOCKED.
UPDATE prompt SET next_at = rufaa_now()
WHERE id IN (
    SELECT id FROM prompt
    WHERE id = ANY(%(ids)s::uuid[]) AND state IN ('pending', 'unknown', 'review') AND checkout_request_id IS NOT NULL
        AND (next_at IS NULL OR next_at > rufaa_now())
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)

-- name: claims_due
UPDATE claim SET next_at = rufaa_now()
WHERE id IN (
    SELECT id FROM claim
    WHERE id = ANY(%(ids)s::uuid[]) AND ended_at IS NULL AND (next_at IS NULL OR next_at > rufaa_now())
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)

-- name: refunds_due
-- Only what is asked about. What would be ordered again keeps its time: a result may still come.
UPDATE refund SET next_at = rufaa_now()
WHERE id IN (
    SELECT id FROM refund
    WHERE id = ANY(%(ids)s::uuid[]) AND state = 'unknown' AND originator_conversation_id IS NOT NULL
        AND next_at > rufaa_now()
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)

-- name: strays_due
UPDATE stray SET next_at = rufaa_now()
WHERE id IN (
    SELECT id FROM stray
    WHERE id = ANY(%(ids)s::uuid[]) AND receipt_id IS NULL AND (next_at IS NULL OR next_at > rufaa_now())
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)

-- name: pulls_due
UPDATE mpesa_access SET pull_at = rufaa_now()
WHERE account_id IN (
    SELECT account_id FROM mpesa_access WHERE pull_at > rufaa_now() ORDER BY account_id FOR NO KEY UPDATE SKIP LOCKED
)

-- name: pulls_left
SELECT count(*) AS pulls FROM mpesa_access WHERE pull_at <= rufaa_now()

-- name: unanswered
-- Questions since then that M-Pesa took, and whose answers have not come.
SELECT count(*) AS questions FROM inquiry
WHERE created_at >= %(since)s AND answered_at IS NULL AND originator_conversation_id IS NOT NULL
