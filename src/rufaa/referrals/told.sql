-- name: of_referral
-- All that happened to a referral and to the money of its fee. The database's clock goes on within a transaction, so that
-- time is an order; what happened in one instant has the order in which it was written.
WITH receipts AS MATERIALIZED (
    SELECT receipt_id AS id FROM application WHERE fee_id = %(fee)s
    UNION SELECT id FROM receipt WHERE names_id = %(fee)s
    UNION SELECT receipt.id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id WHERE prompt.fee_id = %(fee)s
), subjects AS MATERIALIZED (
    SELECT %(referral)s::uuid AS id
    UNION ALL SELECT %(fee)s::uuid WHERE %(fee)s::uuid IS NOT NULL
    UNION ALL SELECT id FROM prompt WHERE fee_id = %(fee)s
    UNION ALL SELECT id FROM receipts
    UNION ALL SELECT id FROM refund WHERE fee_id = %(fee)s
)
SELECT history.at, history.machine, history.event, history.to_state, history.reason, history.id AS place,
    coalesce(nullif(person.full_name, ''), person.username) AS who, prompt.attempt, prompt.payer_phone, receipt.number,
    coalesce(refund.amount_cents, receipt.amount_cents, fee.amount_cents) AS amount_cents
FROM subjects
JOIN history ON history.subject = subjects.id
LEFT JOIN rufaa_user AS person ON person.id = history.actor
LEFT JOIN prompt ON prompt.id = history.subject
LEFT JOIN fee ON fee.id = history.subject
LEFT JOIN refund ON refund.id = history.subject
LEFT JOIN receipt ON receipt.id = coalesce(refund.receipt_id, history.subject)
UNION ALL
SELECT exemption.created_at, 'exemption', exemption.kind, '', exemption.reason, 0,
    coalesce(nullif(person.full_name, ''), person.username), NULL, NULL, NULL, NULL
FROM exemption LEFT JOIN rufaa_user AS person ON person.id = exemption.proposed_by
WHERE exemption.fee_id = %(fee)s
ORDER BY at, place

-- name: since
-- When each referral came to where it is.
SELECT DISTINCT ON (subject) subject AS id, at FROM history
WHERE machine = 'referral' AND subject = ANY(%(referrals)s::uuid[])
ORDER BY subject, id DESC
