-- name: known
SELECT (SELECT id FROM prompt WHERE checkout_request_id = %(checkout)s) AS prompt

-- name: keep
INSERT INTO stray (id, prompt, inbox, checkout_request_id, receipt_number, amount_cents, paid_at, account_id, next_at)
SELECT %(id)s, %(prompt)s, %(inbox)s, %(checkout)s, %(number)s, %(amount)s, %(paid_at)s,
    CASE WHEN %(ask)s THEN (SELECT id FROM mpesa_account ORDER BY id LIMIT 1) END,
    CASE WHEN %(ask)s AND EXISTS (SELECT FROM mpesa_account) THEN rufaa_now() END
ON CONFLICT DO NOTHING
RETURNING id, next_at

-- name: about
SELECT id FROM stray WHERE prompt = %(subject)s

-- name: find
SELECT id FROM stray WHERE checkout_request_id = %(checkout)s AND receipt_number = %(number)s

-- name: due_accounts
-- What was put off for longer than anything is was put off while the clock was ahead, which was set back since.
WITH set_back AS (
    UPDATE stray SET next_at = rufaa_now() WHERE next_at > rufaa_now() + interval '2 hours'
)
SELECT DISTINCT account_id FROM stray WHERE next_at <= rufaa_now() ORDER BY account_id

-- name: count_due
SELECT count(*) AS due FROM (
    SELECT FROM stray WHERE next_at <= rufaa_now() AND account_id = %(account)s LIMIT %(most)s
) AS found

-- name: claim
WITH due AS MATERIALIZED (
    SELECT id FROM stray WHERE next_at <= rufaa_now() AND account_id = %(account)s
    ORDER BY next_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE stray SET queries = queries + 1, next_at = rufaa_now() + %(again_s)s * interval '1 second'
FROM due WHERE stray.id = due.id
RETURNING stray.*

-- name: next_due
SELECT extract(epoch FROM min(next_at) - rufaa_now()) AS wait_s FROM stray WHERE next_at IS NOT NULL

-- name: lock
-- How long ago it came is not known where the clock was set back since: long enough for a person to look.
SELECT stray.*, CASE WHEN created_at > rufaa_now() + interval '2 hours' THEN %(give_up_s)s + queries * 3600
    ELSE extract(epoch FROM rufaa_now() - created_at) END::float8 AS age_s,
    (SELECT id FROM mpesa_account WHERE id > stray.account_id ORDER BY id LIMIT 1) AS next_account,
    (SELECT id FROM mpesa_account ORDER BY id LIMIT 1) AS first_account
FROM stray WHERE id = %(id)s
FOR UPDATE

-- name: ask_next
UPDATE stray SET account_id = %(account)s, code = %(code)s,
    next_at = CASE WHEN %(after_s)s::float8 IS NOT NULL THEN rufaa_now() + %(after_s)s * interval '1 second' END
WHERE id = %(id)s

-- name: credited
UPDATE stray SET receipt_id = %(receipt)s, code = %(code)s, next_at = NULL WHERE id = %(id)s

-- name: give_up
UPDATE stray SET code = %(code)s, next_at = NULL WHERE id = %(id)s

-- name: others_receipt
-- One push is one payment, whatever number a second report of it names.
SELECT receipt_id FROM stray WHERE checkout_request_id = %(checkout)s AND receipt_id IS NOT NULL AND id <> %(id)s

-- name: receipt_numbered
SELECT id, prompt_id IS NOT NULL OR EXISTS (SELECT FROM stray WHERE receipt_id = receipt.id) AS of_a_push
FROM receipt WHERE number = %(number)s

-- name: insert_receipt
INSERT INTO receipt (id, state, event, number, account_id, amount_cents, paid_at)
VALUES (%(id)s, 'unapplied', 'arrive', %(number)s, %(account)s, %(amount)s, %(paid_at)s)
ON CONFLICT DO NOTHING

-- name: insert_evidence
INSERT INTO evidence (channel, stray_id, receipt_id, inbox, verdict, result_code, result_desc, receipt_number,
                      amount_cents, phone_shown, status, body)
VALUES (%(channel)s, %(stray)s, %(receipt)s, %(inbox)s, %(verdict)s, %(code)s, %(desc)s, %(number)s,
        %(amount)s, %(phone)s, %(status)s, %(body)s)
ON CONFLICT DO NOTHING

-- name: open_task
-- For the finance people of the one payee of the account, where there is just one.
INSERT INTO task (id, kind, facility_id, stray_id, receipt_id, why)
SELECT %(id)s, %(kind)s, payee.id, %(stray)s, %(receipt)s, %(why)s
FROM (SELECT CASE WHEN count(DISTINCT payee_id) = 1 THEN (array_agg(payee_id))[1] END AS id
      FROM price WHERE account_id = %(account)s) AS payee
ON CONFLICT DO NOTHING

-- name: close_tasks
UPDATE task SET closed_at = rufaa_now() WHERE stray_id = %(stray)s AND kind = 'stray' AND closed_at IS NULL

-- name: close_replayed
UPDATE task SET closed_at = rufaa_now(), closed_as = 'replayed'
WHERE kind = 'stray' AND closed_at IS NULL AND stray_id IN (
    SELECT id FROM stray WHERE inbox = %(inbox)s AND checkout_request_id IS NULL AND receipt_id IS NULL
)
