-- name: find
SELECT referral.id AS referral, referral.state AS referral_state, referral.account_code,
    fee.id AS fee, fee.state AS fee_state, fee.amount_cents, facility.name AS payee, mpesa_books(fee.account_id) AS books
FROM referral
LEFT JOIN fee ON fee.id = referral.fee_id
LEFT JOIN facility ON facility.id = fee.payee_id
WHERE referral.id IN (
    SELECT id FROM referral WHERE id = %(id)s OR account_code = %(text)s
    UNION SELECT id FROM referral WHERE fee_id = %(id)s
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) WHERE prompt.id = %(id)s
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) WHERE prompt.payer_phone = %(phone)s
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) WHERE prompt.checkout_request_id = %(raw)s
    UNION SELECT referral.id FROM referral JOIN prompt USING (fee_id) JOIN receipt ON receipt.prompt_id = prompt.id
        WHERE receipt.number = %(text)s
)
ORDER BY referral.id DESC
LIMIT 20

-- name: moves
SELECT history.at, history.machine, history.from_state, history.event, history.to_state, history.reason,
    rufaa_user.username, prompt.attempt, prompt.payer_phone
FROM history
LEFT JOIN rufaa_user ON rufaa_user.id = history.actor
LEFT JOIN prompt ON prompt.id = history.subject
WHERE history.subject = ANY (ARRAY(
    SELECT %(referral)s::uuid
    UNION ALL SELECT %(fee)s::uuid
    UNION ALL SELECT id FROM prompt WHERE fee_id = %(fee)s
    UNION ALL SELECT receipt.id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id WHERE prompt.fee_id = %(fee)s
))
ORDER BY history.id

-- name: evidence
SELECT evidence.*, coalesce(inbox.at, evidence.at) AS heard_at, prompt.attempt
FROM evidence JOIN prompt ON prompt.id = evidence.prompt_id LEFT JOIN inbox ON inbox.id = evidence.inbox
WHERE prompt.fee_id = %(fee)s ORDER BY evidence.id

-- name: unread
SELECT inbox.at, inbox.source, inbox.outcome, prompt.attempt FROM inbox JOIN prompt ON prompt.id = inbox.subject AND inbox.kind = 'stk'
WHERE prompt.fee_id = %(fee)s AND NOT EXISTS (SELECT FROM evidence WHERE evidence.inbox = inbox.id)
ORDER BY inbox.id

-- name: receipts
SELECT receipt.* FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id
WHERE prompt.fee_id = %(fee)s ORDER BY receipt.created_at

-- name: prompts
SELECT * FROM prompt WHERE fee_id = %(fee)s ORDER BY attempt

-- name: tasks
SELECT kind, why FROM task WHERE fee_id = %(fee)s AND closed_at IS NULL ORDER BY opened_at

-- name: find_strays
SELECT stray.*, receipt.number, receipt.state AS receipt_state, mpesa_books(receipt.account_id) AS books
FROM stray LEFT JOIN receipt ON receipt.id = stray.receipt_id
WHERE stray.prompt = %(id)s OR stray.id = %(id)s OR stray.checkout_request_id = %(raw)s
    OR stray.receipt_number = %(text)s OR receipt.number = %(text)s
ORDER BY stray.id DESC
LIMIT 20

-- name: stray_evidence
SELECT evidence.*, coalesce(inbox.at, evidence.at) AS heard_at
FROM evidence LEFT JOIN inbox ON inbox.id = evidence.inbox
WHERE evidence.stray_id = %(stray)s ORDER BY evidence.id

-- name: stray_tasks
SELECT kind, why FROM task WHERE stray_id = %(stray)s AND closed_at IS NULL ORDER BY opened_at
