-- name: moves
-- Of the fee, its prompts, the receipts that pay it or came by one of them or name it, and what of those went back.
WITH receipts AS MATERIALIZED (
    SELECT receipt_id AS id FROM application WHERE fee_id = %(fee)s
    UNION SELECT receipt.id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id WHERE prompt.fee_id = %(fee)s
    UNION SELECT id FROM receipt WHERE names_id = %(fee)s
), subjects AS MATERIALIZED (
    SELECT %(fee)s::uuid AS id
    UNION ALL SELECT id FROM prompt WHERE fee_id = %(fee)s
    UNION ALL SELECT id FROM receipts
    UNION ALL SELECT refund.id FROM refund JOIN receipts ON receipts.id = refund.receipt_id
        WHERE refund.fee_id IS NULL OR refund.fee_id = %(fee)s
)
SELECT history.at, history.machine, history.event, history.actor,
    coalesce(prompt.payer_phone, refund.phone, '') AS phone, coalesce(prompt.code, '') AS code,
    coalesce(receipt.number, refund.number, '') AS number,
    coalesce(refund.amount_cents, receipt.amount_cents, prompt.amount_cents, fee.amount_cents) AS amount_cents
FROM subjects JOIN history ON history.subject = subjects.id
LEFT JOIN fee ON fee.id = history.subject
LEFT JOIN prompt ON prompt.id = history.subject
LEFT JOIN receipt ON receipt.id = history.subject
LEFT JOIN refund ON refund.id = history.subject
ORDER BY history.id DESC
LIMIT %(most)s

-- name: paid_by
SELECT receipt.number, coalesce(receipt.paid_at, application.at) AS paid_at, application.amount_cents
FROM application JOIN receipt ON receipt.id = application.receipt_id
WHERE application.fee_id = %(fee)s
ORDER BY application.at, application.id

-- name: payee
SELECT facility.name FROM fee JOIN facility ON facility.id = fee.payee_id WHERE fee.id = %(fee)s

-- name: waiting
SELECT sum(free_cents)::bigint AS cents FROM receipt
WHERE state = 'unapplied' AND id IN (
    SELECT id FROM receipt WHERE names_id = %(fee)s
    UNION SELECT receipt.id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id WHERE prompt.fee_id = %(fee)s
)
