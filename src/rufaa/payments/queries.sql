-- name: summaries
SELECT
    fee.id, fee.state, fee.amount_cents, fee.account_id,
    (SELECT string_agg(receipt.number, ', ' ORDER BY application.at, receipt.number)
     FROM application JOIN receipt ON receipt.id = application.receipt_id
     WHERE application.fee_id = fee.id) AS receipt_number,
    (SELECT count(*) FROM prompt WHERE prompt.fee_id = fee.id AND prompt.sent_at IS NOT NULL) AS sent,
    (SELECT true FROM prompt WHERE prompt.fee_id = fee.id AND prompt.state = 'review' LIMIT 1) AS in_review,
    fee.payee_id, fee.state IN ('due', 'deferred')
        AND EXISTS (SELECT FROM prompt WHERE prompt.fee_id = fee.id AND prompt.state = 'paid') AS disputed,
    CASE WHEN fee.state IN ('due', 'deferred') THEN (
        SELECT true FROM prompt JOIN task ON task.prompt_id = prompt.id
        WHERE prompt.fee_id = fee.id AND prompt.state = 'paid'
            AND task.kind = 'contradiction' AND task.closed_at IS NULL LIMIT 1
    ) END AS asked,
    fee.account_code, account.short_code, account.till_number,
    fee.account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS account_held,
    exemption.kind AS proposed_kind, exemption.reason AS proposed_reason, exemption.proposed_by
FROM fee JOIN mpesa_account AS account ON account.id = fee.account_id
LEFT JOIN exemption
    ON exemption.fee_id = fee.id AND exemption.seconded_at IS NULL AND exemption.withdrawn_at IS NULL
WHERE fee.id = ANY(%(fees)s::uuid[])

-- name: last_attempts
SELECT DISTINCT ON (prompt.fee_id)
    prompt.*, receipt.number AS receipt_number, receipt.paid_at, receipt.state AS receipt_state, rufaa_now() AS now,
    fee.state AS fee_state, fee.account_code, account.short_code, account.till_number,
    fee.payee_id, prompt.state = 'paid' AND fee.state IN ('due', 'deferred') AS disputed,
    CASE WHEN prompt.state = 'paid' AND fee.state IN ('due', 'deferred') THEN (
        SELECT true FROM task
        WHERE task.prompt_id = prompt.id AND task.kind = 'contradiction' AND task.closed_at IS NULL LIMIT 1
    ) END AS asked,
    (SELECT true FROM application
     WHERE application.receipt_id = receipt.id AND application.fee_id = prompt.fee_id LIMIT 1) AS pays,
    prompt.account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS account_held
FROM prompt JOIN fee ON fee.id = prompt.fee_id JOIN mpesa_account AS account ON account.id = prompt.account_id
LEFT JOIN receipt ON receipt.prompt_id = prompt.id
WHERE prompt.fee_id = ANY(%(fees)s::uuid[])
ORDER BY prompt.fee_id, prompt.attempt DESC

-- name: attempts
SELECT
    prompt.*, receipt.number AS receipt_number, receipt.paid_at, receipt.state AS receipt_state, rufaa_now() AS now,
    fee.state AS fee_state, fee.account_code, account.short_code, account.till_number,
    fee.payee_id, prompt.state = 'paid' AND fee.state IN ('due', 'deferred') AS disputed,
    CASE WHEN prompt.state = 'paid' AND fee.state IN ('due', 'deferred') THEN (
        SELECT true FROM task
        WHERE task.prompt_id = prompt.id AND task.kind = 'contradiction' AND task.closed_at IS NULL LIMIT 1
    ) END AS asked,
    (SELECT true FROM application
     WHERE application.receipt_id = receipt.id AND application.fee_id = prompt.fee_id LIMIT 1) AS pays,
    prompt.account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS account_held
FROM prompt JOIN fee ON fee.id = prompt.fee_id JOIN mpesa_account AS account ON account.id = prompt.account_id
LEFT JOIN receipt ON receipt.prompt_id = prompt.id
WHERE prompt.fee_id = %(fee)s
ORDER BY prompt.attempt DESC

-- name: attempt
SELECT
    prompt.*, receipt.number AS receipt_number, receipt.paid_at, receipt.state AS receipt_state, rufaa_now() AS now,
    fee.state AS fee_state, fee.account_code, account.short_code, account.till_number,
    fee.payee_id, prompt.state = 'paid' AND fee.state IN ('due', 'deferred') AS disputed,
    CASE WHEN prompt.state = 'paid' AND fee.state IN ('due', 'deferred') THEN (
        SELECT true FROM task
        WHERE task.prompt_id = prompt.id AND task.kind = 'contradiction' AND task.closed_at IS NULL LIMIT 1
    ) END AS asked,
    (SELECT true FROM application
     WHERE application.receipt_id = receipt.id AND application.fee_id = prompt.fee_id LIMIT 1) AS pays,
    prompt.account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS account_held
FROM prompt JOIN fee ON fee.id = prompt.fee_id JOIN mpesa_account AS account ON account.id = prompt.account_id
LEFT JOIN receipt ON receipt.prompt_id = prompt.id
WHERE prompt.id = %(prompt)s
