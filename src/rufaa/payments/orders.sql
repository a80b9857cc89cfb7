-- name: set_back
-- The clock was ahead when they were put off, and was set back since.
WITH claims AS (
    UPDATE claim SET next_at = rufaa_now() WHERE next_at > rufaa_now() + %(longest_s)s * interval '1 second'
)
UPDATE refund SET next_at = rufaa_now()
WHERE next_at > rufaa_now() + CASE state WHEN 'unknown' THEN %(asked_after_s)s ELSE %(longest_s)s END * interval '1 second'
    OR (state = 'unknown' AND originator_conversation_id IS NULL AND next_at > rufaa_now()
        AND coalesce(sent_at, approved_at) > rufaa_now() + %(longest_s)s * interval '1 second')

-- name: expired
SELECT id FROM refund
WHERE state IN ('sending', 'resending')
    AND (lease_until < rufaa_now() OR lease_until > rufaa_now() + %(longest_s)s * interval '1 second')
ORDER BY id

-- name: silent
SELECT id FROM refund WHERE next_at <= rufaa_now() AND state = 'ordered' ORDER BY id

-- name: not_taken
-- Agreed to, and tried for so long; nobody was asked yet.
SELECT id FROM refund
WHERE state = 'approved' AND next_at IS NOT NULL AND lease > 0
    AND (approved_at <= rufaa_now() - %(patience_s)s * interval '1 second'
        OR approved_at > rufaa_now() + %(longest_s)s * interval '1 second')
    AND NOT EXISTS (SELECT FROM task WHERE task.refund_id = refund.id AND kind = 'refund' AND closed_at IS NULL)
ORDER BY id

-- name: overtaken
-- Agreed to, while another refund of the same money was told to have gone after all.
SELECT id FROM refund WHERE state = 'approved' AND next_at <= rufaa_now()
    AND refund_overtaken(refund.id, refund.receipt_id, refund.fee_id)
ORDER BY id

-- name: claim
-- Agreed to; or of an answer that was lost, with no word since: B2C knows its id again, a reversal says R000001. How long
-- ago it was given is not known where the clock was set back since.
WITH due AS MATERIALIZED (
    SELECT refund.id, receipt.account_id, receipt.number AS receipt_number
    FROM refund JOIN receipt ON receipt.id = refund.receipt_id
    WHERE refund.next_at <= rufaa_now() AND (
        refund.state = 'approved'
        OR (refund.state = 'unknown' AND refund.originator_conversation_id IS NULL AND refund.orders < %(most)s
            AND coalesce(refund.sent_at, refund.approved_at)
                BETWEEN rufaa_now() - %(longest_s)s * interval '1 second' AND rufaa_now() + interval '2 hours'
            AND receipt_restored(refund.receipt_id) IS NULL)
    )
    AND NOT refund_overtaken(refund.id, refund.receipt_id, refund.fee_id)
    ORDER BY refund.next_at, refund.id
    LIMIT %(limit)s
    FOR UPDATE OF refund SKIP LOCKED
)
UPDATE refund SET
    state = CASE state WHEN 'approved' THEN 'sending' ELSE 'resending' END,
    event = CASE state WHEN 'approved' THEN 'claim' ELSE 'resend' END, reason = '',
    lease = lease + 1, lease_until = rufaa_now() + %(lease_s)s * interval '1 second', next_at = NULL,
    orders = orders + 1, sent_at = coalesce(sent_at, rufaa_now())
FROM due WHERE refund.id = due.id
RETURNING refund.*, due.account_id, due.receipt_number

-- name: unclear_refunds
SELECT refund.id, refund.method, refund.originator_conversation_id, receipt.account_id,
    (SELECT count(*) FROM inquiry WHERE inquiry.refund_id = refund.id) AS asked
FROM refund JOIN receipt ON receipt.id = refund.receipt_id
WHERE refund.next_at <= rufaa_now() AND refund.state = 'unknown'
    AND (
        refund.originator_conversation_id IS NOT NULL OR refund.orders >= %(most)s
        OR coalesce(refund.sent_at, refund.approved_at)
            NOT BETWEEN rufaa_now() - %(longest_s)s * interval '1 second' AND rufaa_now() + interval '2 hours'
        OR receipt_restored(refund.receipt_id) IS NOT NULL
        OR refund_overtaken(refund.id, refund.receipt_id, refund.fee_id)
    )
ORDER BY refund.next_at, refund.id
LIMIT %(limit)s
FOR NO KEY UPDATE OF refund SKIP LOCKED

-- name: ask_refund_again
-- It is not ordered again from then on.
UPDATE refund SET next_at = rufaa_now() + %(again_s)s * interval '1 second',
    originator_conversation_id = coalesce(originator_conversation_id, %(conversation)s)
WHERE id = %(refund)s

-- name: unknown_due
SELECT id FROM refund WHERE next_at <= rufaa_now() AND state = 'unknown' ORDER BY id

-- name: put_off_claims
UPDATE claim SET next_at = rufaa_now() + %(s)s * interval '1 second' WHERE next_at <= rufaa_now()

-- name: due_claims
-- At most hourly once half an hour is over, and for a day (claims.next_ask_s).
UPDATE claim SET asked = asked + 1, next_at = rufaa_now() + CASE
        WHEN rufaa_now() BETWEEN created_at AND created_at + interval '30 minutes' THEN interval '5 minutes'
        ELSE interval '1 hour'
    END
WHERE id IN (
    SELECT id FROM claim WHERE next_at <= rufaa_now() AND ended_at IS NULL
    ORDER BY next_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id, account_id, number

-- name: inquire
INSERT INTO inquiry (id, account_id, claim_id, refund_id, receipt_number, original_conversation_id)
VALUES (%(id)s, %(account)s, %(claim)s, %(refund)s, %(number)s, %(conversation)s)

-- name: inquired
UPDATE inquiry SET code = %(code)s, conversation_id = coalesce(conversation_id, %(conversation)s),
    originator_conversation_id = coalesce(originator_conversation_id, %(originator)s)
WHERE id = %(id)s

-- name: keep_ids
UPDATE refund SET conversation_id = coalesce(%(conversation)s, conversation_id),
    originator_conversation_id = coalesce(%(originator)s, originator_conversation_id)
WHERE id = %(id)s AND lease = %(lease)s

-- name: not_ordered
UPDATE refund SET orders = orders - 1, sent_at = CASE WHEN orders > 1 THEN sent_at END WHERE id = %(id)s

-- name: next_due
SELECT extract(epoch FROM least(
    (SELECT min(next_at) FROM refund WHERE next_at IS NOT NULL),
    (SELECT min(lease_until) FROM refund WHERE lease_until IS NOT NULL),
    (SELECT min(next_at) FROM claim WHERE next_at IS NOT NULL)
) - rufaa_now()) AS wait_s
