-- name: price
SELECT payee_id AS payee, account_id AS account, amount_cents
FROM price
WHERE facility_id = %(facility)s AND (receiving_id = %(receiving)s OR receiving_id IS NULL)
ORDER BY receiving_id NULLS LAST
LIMIT 1

-- name: insert_fee
INSERT INTO fee (id, state, event, account_code, payee_id, account_id, amount_cents)
VALUES (%(id)s, %(state)s, %(event)s, %(account_code)s, %(payee)s, %(account)s, %(amount_cents)s)

-- name: owed_since
UPDATE fee SET created_at = %(at)s WHERE id = %(fee)s AND created_at > %(at)s

-- name: lock_fee
SELECT * FROM fee WHERE id = %(fee)s FOR NO KEY UPDATE

-- name: move_fee
UPDATE fee SET state = %(state)s, event = %(event)s, reason = %(reason)s WHERE id = %(fee)s

-- name: open_task
INSERT INTO task (id, kind, facility_id, fee_id, prompt_id, receipt_id, why)
VALUES (%(id)s, %(kind)s, %(facility)s, %(fee)s, %(prompt)s, %(receipt)s, %(why)s)
ON CONFLICT DO NOTHING

-- name: open_task_for_prompt
INSERT INTO task (id, kind, facility_id, fee_id, prompt_id, why)
SELECT %(id)s, %(kind)s, fee.payee_id, fee.id, prompt.id, %(why)s
FROM prompt JOIN fee ON fee.id = prompt.fee_id
WHERE prompt.id = %(prompt)s
ON CONFLICT DO NOTHING

-- name: withdraw_exemptions
UPDATE exemption SET withdrawn_at = rufaa_now()
WHERE fee_id = %(fee)s AND seconded_at IS NULL AND withdrawn_at IS NULL

-- name: propose
INSERT INTO exemption (id, fee_id, kind, reason, proposed_by)
VALUES (%(id)s, %(fee)s, %(kind)s, %(reason)s, %(by)s)

-- name: open_proposal
SELECT * FROM exemption WHERE fee_id = %(fee)s AND seconded_at IS NULL AND withdrawn_at IS NULL FOR NO KEY UPDATE

-- name: second
UPDATE exemption SET seconded_by = %(by)s, seconded_at = rufaa_now() WHERE id = %(id)s

-- name: withdraw_unsent
UPDATE prompt SET state = 'refused', event = 'withdrawn', next_at = NULL, settled_at = rufaa_now(),
    message = 'Withdrawn before it was sent.'
WHERE fee_id = %(fee)s AND state = 'created'

-- name: last_prompt
SELECT prompt.*, state IN ('created', 'sending', 'pending', 'unknown') AS live, rufaa_now() AS now,
    state = 'created' AND account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS held
FROM prompt WHERE fee_id = %(fee)s ORDER BY attempt DESC LIMIT 1

-- name: paid_by
-- Of this fee: another's prompt may have been paid with money that somebody applied to it.
SELECT prompt.id AS prompt_id FROM application JOIN receipt ON receipt.id = application.receipt_id
LEFT JOIN prompt ON prompt.id = receipt.prompt_id AND prompt.fee_id = application.fee_id
WHERE application.fee_id = %(fee)s
ORDER BY prompt.id NULLS LAST
LIMIT 1

-- name: pays
SELECT receipt_id, amount_cents FROM application WHERE fee_id = %(fee)s ORDER BY at, id

-- name: doubts
-- Why an open fee may be paid all the same: a prompt in review, or one that was paid with money that somebody used for
-- something else before that was known, as long as a person is asked; and the backup that this server came from.
SELECT
    (SELECT id FROM prompt
     WHERE fee_id = %(fee)s AND (state = 'review' OR (state = 'paid' AND EXISTS (
         SELECT FROM task WHERE task.prompt_id = prompt.id AND task.kind = 'contradiction' AND task.closed_at IS NULL)))
     ORDER BY attempt DESC LIMIT 1) AS in_review,
    (SELECT min(backup_at) FROM restoration JOIN fee ON fee.created_at <= restoration.restored_at
     WHERE restoration.compared_at IS NULL AND fee.id = %(fee)s) AS backup_at

-- name: last_of_phone
SELECT prompt.*, state IN ('created', 'sending', 'pending', 'unknown') AS live, rufaa_now() AS now,
    state = 'created' AND account_id IN (SELECT account_id FROM account_hold WHERE released_at IS NULL) AS held
FROM prompt WHERE payer_phone = %(phone)s
ORDER BY state IN ('created', 'sending', 'pending', 'unknown') DESC, created_at DESC LIMIT 1

-- name: insert_prompt
INSERT INTO prompt (id, state, event, reason, fee_id, account_id, attempt, payer_phone, amount_cents)
VALUES (%(id)s, 'created', 'create', %(reason)s, %(fee)s, %(account)s, %(attempt)s, %(phone)s, %(amount_cents)s)
ON CONFLICT DO NOTHING
