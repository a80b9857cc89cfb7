-- name: expired
SELECT id, channel, tries FROM notice WHERE lease_until < rufaa_now() AND state = 'sending' ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

-- name: due
-- What is due, with all that its wording and the decision need. About money it is told to the phone that pays; where the
-- patient goes is the patient's alone to know. Whose policy it is says what 0002_facts.sql says, too.
WITH due AS MATERIALIZED (
    SELECT * FROM notice WHERE state = 'due' AND next_at <= rufaa_now()
    ORDER BY next_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
SELECT rufaa_now() AS now, due.id, due.kind, due.event, due.due_at, due.copy, due.lease, due.tries, due.channel, due.address, due.text, due.parts,
    referral.id AS referral, referral.account_code, referral.token, referral.state AS referral_state,
    receiving.name AS facility, coalesce(payee.name, '') AS payee,
    whom.phone,
    physician.email, physician.language AS physician_language,
    policy.mode, policy.language, policy.quiet_from, policy.quiet_until, due.kind = ANY(policy.silent) AS silent,
    template.text AS template, wish.wants,
    fee.state AS fee_state, fee.amount_cents, account.short_code, account.till_number,
    CASE WHEN due.kind = 'ringing' THEN prompt.state IN ('created', 'sending', 'pending')
        ELSE EXISTS (SELECT FROM prompt AS other WHERE other.fee_id = fee.id
            AND other.state IN ('created', 'sending', 'pending', 'unknown')) END AS prompt_is_live,
    CASE WHEN due.kind = 'paid' THEN (
        SELECT string_agg(receipt.number, ', ' ORDER BY application.at, receipt.number)
        FROM application JOIN receipt ON receipt.id = application.receipt_id WHERE application.fee_id = fee.id
    ) END AS receipt_number,
    coalesce(appointment.state, '') AS appointment, slot.starts_at
FROM due
JOIN referral ON referral.id = due.referral_id
JOIN particulars ON particulars.id = referral.particulars_id
JOIN facility AS receiving ON receiving.id = referral.receiving_id
JOIN rufaa_user AS physician ON physician.id = referral.physician_id
LEFT JOIN fee ON fee.id = referral.fee_id
LEFT JOIN facility AS payee ON payee.id = fee.payee_id
LEFT JOIN mpesa_account AS account ON account.id = fee.account_id
LEFT JOIN prompt ON due.kind IN ('ringing', 'not-paid') AND prompt.id = due.subject
LEFT JOIN appointment ON due.kind IN ('booked', 'moved', 'choose', 'cancelled', 'reminder') AND appointment.id = due.subject
LEFT JOIN slot ON slot.id = appointment.slot_id
LEFT JOIN notice_policy AS policy ON policy.facility_id
    = CASE WHEN appointment.id IS NULL THEN referral.referring_id ELSE referral.receiving_id END
LEFT JOIN notice_template AS template ON template.facility_id = policy.facility_id AND template.kind = due.kind
    AND template.language = policy.language
CROSS JOIN LATERAL (
    SELECT coalesce(prompt.payer_phone, CASE WHEN due.kind = 'paid'
        THEN coalesce(nullif(particulars.payer_phone, ''), particulars.phone) ELSE particulars.phone END) AS phone
) AS whom
LEFT JOIN LATERAL (
    SELECT wants FROM notice_wish WHERE notice_wish.phone = whom.phone ORDER BY notice_wish.id DESC LIMIT 1
) AS wish ON true
ORDER BY due.next_at, due.id

-- name: claim
UPDATE notice SET state = 'sending', event = 'claim', reason = '', lease = lease + 1, next_at = NULL, tries = tries + 1,
    lease_until = rufaa_now() + %(lease_s)s * interval '1 second', address = %(to)s, text = %(text)s, parts = %(parts)s
WHERE id = %(notice)s

-- name: put_off
UPDATE notice SET next_at = %(until)s WHERE id = %(notice)s

-- name: drop
UPDATE notice SET state = 'dropped', event = 'drop', reason = %(why)s, next_at = NULL WHERE id = %(notice)s

-- name: lock
SELECT id, state, event, lease, tries FROM notice WHERE id = %(notice)s FOR NO KEY UPDATE

-- name: move
UPDATE notice SET state = %(state)s, event = %(event)s, reason = %(reason)s, lease_until = NULL,
    next_at = CASE WHEN %(state)s = 'due' THEN rufaa_now() + %(after_s)s * interval '1 second' END
WHERE id = %(notice)s

-- name: keep_answer
UPDATE notice SET gateway_id = coalesce(gateway_id, %(gateway_id)s), cost = %(cost)s,
    parts = CASE WHEN %(parts)s > 0 THEN %(parts)s ELSE parts END, sent_at = coalesce(sent_at, rufaa_now())
WHERE id = %(notice)s

-- name: next_due
SELECT extract(epoch FROM least(
    (SELECT min(next_at) FROM notice WHERE next_at IS NOT NULL),
    (SELECT min(lease_until) FROM notice WHERE lease_until IS NOT NULL)
) - rufaa_now())::float8
