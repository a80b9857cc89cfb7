-- What must always hold. Each query names what breaks it, one row each, with ids alone; no row means that it holds.

-- name: fee_paid_by_what_is_applied
SELECT format('fee %s of %s is %s, and %s is applied to it', fee.id, fee.amount_cents, fee.state,
    coalesce(sum(application.amount_cents), 0)) AS what
FROM fee LEFT JOIN application ON application.fee_id = fee.id
GROUP BY fee.id
HAVING coalesce(sum(application.amount_cents), 0)
    <> CASE WHEN fee.state IN ('paid', 'refunded') THEN fee.amount_cents ELSE 0 END
UNION ALL
SELECT format('receipt %s is applied to fee %s, whose account is another', receipt.id, fee.id)
FROM application JOIN receipt ON receipt.id = application.receipt_id JOIN fee ON fee.id = application.fee_id
WHERE receipt.account_id <> fee.account_id

-- name: receipt_used_once
SELECT format('receipt %s of %s pays %s, %s of it was given back and %s is promised back: %s is called free', id,
    amount_cents, pays, given, promised, free_cents) AS what
FROM (
    SELECT receipt.*,
        coalesce((SELECT sum(amount_cents) FROM application WHERE receipt_id = receipt.id), 0) AS pays,
        coalesce((SELECT sum(amount_cents) FROM refund
                  WHERE receipt_id = receipt.id AND fee_id IS NULL AND state = 'done'), 0) AS given,
        coalesce((SELECT sum(amount_cents) FROM refund WHERE receipt_id = receipt.id AND fee_id IS NULL
                  AND state NOT IN ('done', 'withdrawn', 'failed')), 0) AS promised
    FROM receipt
) AS receipt
WHERE free_cents <> amount_cents - pays - given - promised OR free_cents < 0
UNION ALL
SELECT format('receipt %s is %s; %s of it waits, and %s pays fees', receipt.id, receipt.state, waits, pays)
FROM receipt CROSS JOIN LATERAL (
    SELECT coalesce(sum(cents) FILTER (WHERE what IN ('came', 'applied', 'given')), 0) AS waits,
        -coalesce(sum(cents) FILTER (WHERE what IN ('applied', 'returned')), 0) AS pays
    FROM (
        VALUES ('came', receipt.amount_cents)
        UNION ALL SELECT 'applied', -amount_cents FROM application WHERE receipt_id = receipt.id
        UNION ALL SELECT CASE WHEN fee_id IS NULL THEN 'given' ELSE 'returned' END,
            CASE WHEN fee_id IS NULL THEN -amount_cents ELSE amount_cents END
            FROM refund WHERE receipt_id = receipt.id AND state = 'done'
    ) AS each (what, cents)
) AS uses
WHERE receipt.state <> CASE WHEN waits > 0 THEN 'unapplied' WHEN pays > 0 THEN 'applied' ELSE 'refunded' END
UNION ALL
SELECT format('receipt number of %s is in %s receipts', min(id::text), count(*))
FROM receipt WHERE number IS NOT NULL GROUP BY number HAVING count(*) > 1
UNION ALL
SELECT format('prompt %s has %s receipts', prompt_id, count(*))
FROM receipt WHERE prompt_id IS NOT NULL GROUP BY prompt_id HAVING count(*) > 1
UNION ALL
SELECT format('receipt %s pays fee %s %s times', receipt_id, fee_id, count(*))
FROM application GROUP BY receipt_id, fee_id HAVING count(*) > 1

-- name: refund_within_what_came
SELECT format('receipt %s of %s was given back %s', receipt.id, receipt.amount_cents, sum(refund.amount_cents)) AS what
FROM receipt JOIN refund ON refund.receipt_id = receipt.id AND refund.state = 'done'
GROUP BY receipt.id HAVING sum(refund.amount_cents) > receipt.amount_cents
UNION ALL
SELECT format('what receipt %s pays of fee %s was given back %s times', receipt_id, fee_id, count(*))
FROM refund WHERE fee_id IS NOT NULL AND state = 'done' GROUP BY receipt_id, fee_id HAVING count(*) > 1
UNION ALL
SELECT format('fee %s of %s is %s, and %s of it was given back', fee.id, fee.amount_cents, fee.state, given)
FROM fee CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_cents), 0) AS given FROM refund WHERE fee_id = fee.id AND state = 'done'
) AS back
WHERE (fee.state = 'refunded') <> (given >= fee.amount_cents)
UNION ALL
SELECT format('refund %s is %s, and no two people agreed', id, state)
FROM refund
WHERE state NOT IN ('proposed', 'withdrawn') AND (approved_by IS NULL OR approved_by = proposed_by)
UNION ALL
SELECT format('refund %s gives back what pays fee %s, which is %s', refund.id, fee.id, fee.state)
FROM refund JOIN fee ON fee.id = refund.fee_id
WHERE refund.state NOT IN ('withdrawn', 'failed') AND fee.state NOT IN ('paid', 'refunded')
UNION ALL
SELECT format('refund %s is %s, and nothing will be done about it', id, state)
FROM refund
WHERE (state IN ('approved', 'ordered', 'unknown') AND next_at IS NULL
        AND NOT EXISTS (SELECT FROM task WHERE task.refund_id = refund.id AND closed_at IS NULL))
    OR (state IN ('sending', 'resending') AND lease_until IS NULL)

-- name: prompt_paid_by_its_receipt
SELECT format('prompt %s is %s, and %s a receipt of its amount', prompt.id, prompt.state,
    CASE WHEN receipt.id IS NULL THEN 'lacks' ELSE 'has' END) AS what
FROM prompt LEFT JOIN receipt ON receipt.prompt_id = prompt.id
    AND receipt.amount_cents = prompt.amount_cents AND receipt.account_id = prompt.account_id
WHERE (prompt.state = 'paid') <> (receipt.id IS NOT NULL)

-- name: prompt_asks_for_its_fee
SELECT format('prompt %s asks for another amount, or on another account, than fee %s', prompt.id, fee.id) AS what
FROM prompt JOIN fee ON fee.id = prompt.fee_id
WHERE (prompt.amount_cents, prompt.account_id) IS DISTINCT FROM (fee.amount_cents, fee.account_id)

-- name: one_live_prompt
SELECT format('fee %s has %s live prompts', fee_id, count(*)) AS what
FROM prompt WHERE state IN ('created', 'sending', 'pending', 'unknown') GROUP BY fee_id HAVING count(*) > 1
UNION ALL
SELECT format('the phone of prompt %s has %s live prompts', min(id::text), count(*))
FROM prompt WHERE state IN ('created', 'sending', 'pending', 'unknown') GROUP BY payer_phone HAVING count(*) > 1

-- name: live_prompt_goes_on
SELECT format('prompt %s is %s, and nothing will be done about it', id, state) AS what
FROM prompt
WHERE (state IN ('created', 'pending', 'unknown') AND next_at IS NULL) OR (state = 'sending' AND lease_until IS NULL)

-- name: receivable
SELECT format('fee %s of %s is %s, and %s is receivable', id, amount_cents, state, receivable) AS what
FROM (
    SELECT fee.id, fee.state, fee.amount_cents,
        coalesce(sum(CASE WHEN debit = 'receivable' THEN transfer.amount_cents
                          WHEN credit = 'receivable' THEN -transfer.amount_cents END), 0) AS receivable
    FROM fee LEFT JOIN transfer ON transfer.fee = fee.id GROUP BY fee.id
) AS owed
WHERE receivable <> CASE WHEN state IN ('due', 'deferred') THEN amount_cents ELSE 0 END

-- name: unapplied
-- By M-Pesa account.
WITH booked AS (
    SELECT account, sum(CASE WHEN credit = 'unapplied' THEN amount_cents ELSE -amount_cents END) AS cents
    FROM transfer WHERE 'unapplied' IN (debit, credit) GROUP BY account
), held AS (
    SELECT account, sum(cents) AS cents FROM (
        SELECT account_id AS account, amount_cents AS cents FROM receipt
        UNION ALL SELECT receipt.account_id, -application.amount_cents
            FROM application JOIN receipt ON receipt.id = application.receipt_id
        UNION ALL SELECT receipt.account_id, -refund.amount_cents
            FROM refund JOIN receipt ON receipt.id = refund.receipt_id
            WHERE refund.state = 'done' AND refund.fee_id IS NULL
    ) AS each GROUP BY account
)
SELECT format('account %s: %s is unapplied in the books, %s by the receipts', account,
    coalesce(booked.cents, 0), coalesce(held.cents, 0)) AS what
FROM booked FULL JOIN held USING (account) WHERE coalesce(booked.cents, 0) <> coalesce(held.cents, 0)

-- name: mpesa_account
WITH booked AS (
    SELECT account, sum(CASE WHEN debit = mpesa_books(account) THEN amount_cents ELSE -amount_cents END) AS cents
    FROM transfer WHERE mpesa_books(account) IN (debit, credit) GROUP BY account
), came AS (
    SELECT account, sum(cents) AS cents FROM (
        SELECT account_id AS account, amount_cents AS cents FROM receipt
        UNION ALL SELECT receipt.account_id, -refund.amount_cents
            FROM refund JOIN receipt ON receipt.id = refund.receipt_id WHERE refund.state = 'done'
    ) AS each GROUP BY account
)
SELECT format('account %s: %s in the books, %s by the receipts', account,
    coalesce(booked.cents, 0), coalesce(came.cents, 0)) AS what
FROM booked FULL JOIN came USING (account) WHERE coalesce(booked.cents, 0) <> coalesce(came.cents, 0)

-- name: posted
-- Sums may agree by chance; each thing that happened has its own row.
SELECT format('fee %s is not raised in the books', id) AS what FROM fee
WHERE NOT EXISTS (SELECT FROM transfer WHERE kind = 'raised' AND fee = fee.id AND amount_cents = fee.amount_cents
    AND account = fee.account_id)
UNION ALL
SELECT format('fee %s is waived, and the books do not say so', id) FROM fee
WHERE state = 'waived' AND NOT EXISTS (SELECT FROM transfer WHERE kind = 'waived' AND fee = fee.id)
UNION ALL
SELECT format('receipt %s did not arrive in the books', id) FROM receipt
WHERE NOT EXISTS (SELECT FROM transfer WHERE kind = 'received' AND receipt = receipt.id
    AND amount_cents = receipt.amount_cents AND account = receipt.account_id)
UNION ALL
SELECT format('receipt %s is applied to fee %s, and the books do not say so', receipt_id, fee_id) FROM application
WHERE NOT EXISTS (SELECT FROM transfer WHERE kind = 'applied' AND receipt = application.receipt_id
    AND fee = application.fee_id AND amount_cents = application.amount_cents)
UNION ALL
SELECT format('refund %s is done, and the books do not say so', id) FROM refund
WHERE state = 'done' AND (
    NOT EXISTS (SELECT FROM transfer WHERE kind = 'refunded' AND refund = refund.id AND amount_cents = refund.amount_cents)
    OR (fee_id IS NOT NULL AND NOT EXISTS (SELECT FROM transfer WHERE kind = 'returned' AND refund = refund.id
        AND fee = refund.fee_id AND amount_cents = refund.amount_cents))
)

-- name: history_is_lawful
SELECT format('history %s: %s %s --%s--> %s is no move of the law', history.id, machine, history.from_state,
    history.event, history.to_state) AS what
FROM history WHERE NOT EXISTS (
    SELECT FROM law WHERE (law.machine, law.from_state, law.event, law.to_state)
        = (history.machine, history.from_state, history.event, history.to_state)
)

-- name: history_has_no_gap
SELECT format('history %s of %s %s starts from %s, and the move before ended in %s', id, machine, subject,
    coalesce(nullif(from_state, ''), '(new)'), coalesce(before, 'nothing')) AS what
FROM (
    SELECT *, lag(to_state) OVER (PARTITION BY machine, subject ORDER BY id) AS before FROM history
) AS moves
WHERE from_state <> coalesce(before, '')

-- name: history_ends_where_rows_are
WITH now AS (
    SELECT 'referral' AS machine, id, state, event FROM referral
    UNION ALL SELECT 'fee', id, state, event FROM fee
    UNION ALL SELECT 'prompt', id, state, event FROM prompt
    UNION ALL SELECT 'receipt', id, state, event FROM receipt
    UNION ALL SELECT 'refund', id, state, event FROM refund
    UNION ALL SELECT 'appointment', id, state, event FROM appointment
    UNION ALL SELECT 'notice', id, state, event FROM notice
), told AS (
    SELECT DISTINCT ON (machine, subject) machine, subject AS id, to_state, event
    FROM history ORDER BY machine, subject, history.id DESC
)
SELECT format('%s %s is %s by %s, and its history ends in %s by %s', machine, id,
    coalesce(now.state, 'gone'), coalesce(now.event, 'nothing'),
    coalesce(told.to_state, 'nothing'), coalesce(told.event, 'nothing')) AS what
FROM now FULL JOIN told USING (machine, id)
WHERE (now.state, now.event) IS DISTINCT FROM (told.to_state, told.event)

-- name: referral_paid_by_its_fee
SELECT format('referral %s is paid, and its fee is %s', referral.id, coalesce(fee.state, 'not raised')) AS what
FROM referral LEFT JOIN fee ON fee.id = referral.fee_id
WHERE referral.state = 'paid' AND coalesce(fee.state, '') NOT IN ('paid', 'refunded')

-- name: referral_waits_for_no_paid_fee
SELECT format('referral %s waits for a fee that is paid', referral.id) AS what
FROM referral JOIN fee ON fee.id = referral.fee_id
WHERE referral.state = 'pending-payment' AND fee.state = 'paid'

-- name: referral_payee
SELECT format('referral %s is shown to another payee than its fee''s', referral.id) AS what
FROM referral LEFT JOIN fee ON fee.id = referral.fee_id
WHERE referral.payee_id IS DISTINCT FROM fee.payee_id

-- name: exempted_by_two
SELECT format('fee %s was %s, and no two people agreed', fee.id, fee.state) AS what
FROM fee WHERE event IN ('waive', 'defer') AND NOT EXISTS (
    SELECT FROM exemption WHERE fee_id = fee.id AND kind = fee.event AND withdrawn_at IS NULL
        AND seconded_by IS NOT NULL AND seconded_by <> proposed_by
)

-- name: receipt_has_evidence
SELECT format('receipt %s is in the books, and no report says so', receipt.id) AS what
FROM receipt WHERE NOT EXISTS (
    SELECT FROM evidence WHERE evidence.receipt_id = receipt.id
        OR (evidence.prompt_id = receipt.prompt_id AND verdict = 'confirms')
        OR (evidence.account_id = receipt.account_id AND evidence.receipt_number = receipt.number)
)
UNION ALL
SELECT format('receipt %s came by stray %s, and no account says so', receipt_id, stray.id)
FROM stray WHERE receipt_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM evidence WHERE evidence.stray_id = stray.id AND verdict = 'confirms'
)

-- name: person_knows
SELECT format('receipt %s waits in unapplied, and is nobody''s task', id) AS what
FROM receipt WHERE state = 'unapplied' AND NOT EXISTS (SELECT FROM task WHERE task.receipt_id = receipt.id)
UNION ALL
SELECT format('prompt %s is in review, and is nobody''s task', id)
FROM prompt WHERE state = 'review' AND NOT EXISTS (SELECT FROM task WHERE task.prompt_id = prompt.id)
UNION ALL
SELECT format('stray %s may be money, is not asked about, and is nobody''s task', id)
FROM stray WHERE receipt_id IS NULL AND next_at IS NULL AND NOT EXISTS (SELECT FROM task WHERE task.stray_id = stray.id)

-- name: callback_kept
SELECT format('inbox %s is settled, and nobody can tell how', id) AS what
FROM inbox WHERE settled_at IS NOT NULL AND outcome = ''
UNION ALL
SELECT format('evidence %s came by a callback that is not in the inbox', evidence.id)
FROM evidence LEFT JOIN stray ON stray.id = evidence.stray_id
WHERE evidence.inbox IS NOT NULL AND NOT EXISTS (
    SELECT FROM inbox WHERE inbox.id = evidence.inbox AND settled_at IS NOT NULL AND CASE inbox.kind
        WHEN 'stk' THEN inbox.subject = coalesce(evidence.prompt_id, stray.prompt)
        WHEN 'c2b' THEN inbox.subject = evidence.account_id
        ELSE inbox.subject = evidence.refund_id OR EXISTS (
            SELECT FROM inquiry WHERE inquiry.id = inbox.subject
                AND (inquiry.refund_id = evidence.refund_id OR inquiry.claim_id = evidence.claim_id)
        )
    END
)

-- name: places_are_what_appointments_take
WITH takes AS (
    SELECT slot.id, slot.clinic_id, slot.day, slot.taken, slot.capacity, (
        SELECT count(*) FROM appointment
        WHERE slot_id = slot.id AND state IN ('held', 'booked', 'arrived', 'seen', 'missed')
    ) AS people FROM slot
)
SELECT format('slot %s of %s places has %s people, and %s are counted', id, capacity, people, taken) AS what
FROM takes WHERE people <> taken OR people > capacity
UNION ALL
SELECT format('day %s of clinic %s has %s people, and %s are counted', day, clinic_id, sum(people), clinic_day.taken)
FROM takes JOIN clinic_day USING (clinic_id, day)
GROUP BY clinic_id, day, clinic_day.taken, clinic_day.capacity
HAVING sum(people) <> clinic_day.taken OR sum(people) > clinic_day.capacity

-- name: file_is_what_its_digest_says
SELECT format('attachment %s has other bytes than its digest says, or none', attachment.id) AS what
FROM attachment LEFT JOIN attachment_content ON attachment_content.attachment_id = attachment.id
WHERE octet_length(content) IS DISTINCT FROM size_bytes OR sha256(content) IS DISTINCT FROM attachment.sha256

-- name: figures
-- Noted in a backup's manifest, and compared after its restore.
SELECT 'books ' || name AS name, sum(cents)::bigint AS number FROM (
    SELECT debit AS name, amount_cents AS cents FROM public.transfer
    UNION ALL SELECT credit, -amount_cents FROM public.transfer
) AS each GROUP BY name
UNION ALL
SELECT 'receipts ' || state || ' ' || what, number FROM (
    SELECT state, count(*)::bigint AS count, sum(amount_cents)::bigint AS cents FROM public.receipt GROUP BY state
) AS receipts CROSS JOIN LATERAL (VALUES ('count', count), ('cents', cents)) AS two (what, number)
UNION ALL
SELECT 'fees ' || state || ' cents', sum(amount_cents)::bigint FROM public.fee GROUP BY state
UNION ALL
SELECT 'prompts ' || state, count(*)::bigint FROM public.prompt GROUP BY state
ORDER BY 1
