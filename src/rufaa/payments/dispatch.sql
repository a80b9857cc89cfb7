-- name: due_accounts
-- In one order everywhere, since each account's row is locked. Of an account on hold nothing is due.
SELECT DISTINCT account_id FROM prompt
WHERE next_at <= rufaa_now() AND state = 'created'
    AND account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)
ORDER BY account_id

-- name: count_due
-- The hold again: it may have been committed while this worker waited for the account's lock.
SELECT count(*) AS due FROM (
    SELECT FROM prompt
    WHERE next_at <= rufaa_now() AND state = 'created' AND account_id = %(account)s
        AND account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)
    LIMIT %(most)s
) AS found

-- name: claim
-- MATERIALIZED: as a plain subquery the planner may run it again for each row, and claim more than its LIMIT.
WITH due AS MATERIALIZED (
    SELECT prompt.id, fee.account_code
    FROM prompt JOIN fee ON fee.id = prompt.fee_id
    WHERE prompt.next_at <= rufaa_now() AND prompt.state = 'created' AND prompt.account_id = %(account)s
        AND fee.state IN ('due', 'deferred')
        AND prompt.account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)
    ORDER BY prompt.next_at, prompt.id
    LIMIT %(limit)s
    FOR UPDATE OF prompt SKIP LOCKED
)
UPDATE prompt SET
    state = 'sending', event = 'claim', lease = lease + 1, next_at = NULL, sent_at = rufaa_now(),
    lease_until = rufaa_now() + %(lease_s)s * interval '1 second'
FROM due WHERE prompt.id = due.id
RETURNING prompt.id, prompt.lease, prompt.account_id, prompt.payer_phone, prompt.amount_cents, due.account_code

-- name: record
-- Many at once; their rows are locked in the order of all, by id. Of one prompt there may be two, since a first answer is
-- written again after the database was away, and the prompt may have been sent anew meanwhile: the lease tells them apart.
WITH told AS (
    SELECT * FROM unnest(
        %(id)s::uuid[], %(lease)s::int[], %(state)s::text[], %(event)s::text[], %(code)s::text[], %(message)s::text[],
        %(checkout)s::text[], %(merchant)s::text[], %(next_s)s::float8[]
    ) AS told (id, lease, state, event, code, message, checkout, merchant, next_s)
), sending AS MATERIALIZED (
    SELECT prompt.id, told.lease FROM prompt JOIN told ON told.id = prompt.id
    WHERE prompt.lease = told.lease AND prompt.state = 'sending'
    ORDER BY prompt.id FOR UPDATE OF prompt
)
UPDATE prompt SET
    state = told.state, event = told.event, code = told.code, message = told.message, lease_until = NULL,
    checkout_request_id = coalesce(prompt.checkout_request_id, told.checkout),
    merchant_request_id = coalesce(prompt.merchant_request_id, told.merchant),
    next_at = CASE
        WHEN told.state = 'created' THEN rufaa_now() + told.next_s * interval '1 second'
        -- a callback brought the id
        WHEN told.state = 'unknown' AND prompt.checkout_request_id IS NOT NULL THEN rufaa_now()
        ELSE prompt.sent_at + told.next_s * interval '1 second'
    END,
    settled_at = CASE WHEN told.state = 'refused' THEN rufaa_now() END
FROM sending JOIN told ON told.id = sending.id AND told.lease = sending.lease
WHERE prompt.id = sending.id
RETURNING prompt.id, told.lease

-- name: keep_ids
-- The answer to the POST names the push whoever moved the prompt meanwhile; with an id it can be asked about.
UPDATE prompt SET
    checkout_request_id = coalesce(checkout_request_id, %(checkout)s),
    merchant_request_id = coalesce(merchant_request_id, %(merchant)s),
    next_at = CASE WHEN state IN ('unknown', 'review') THEN rufaa_now() ELSE next_at END
WHERE id = %(id)s AND lease = %(lease)s AND %(checkout)s::text IS NOT NULL AND checkout_request_id IS NULL

-- name: withdraw
-- Daraja did not take it, and its fee closed meanwhile. Closed fees never open again.
UPDATE prompt SET state = 'refused', event = 'withdrawn', next_at = NULL, settled_at = rufaa_now(),
    message = 'Withdrawn before it was sent.'
WHERE id IN (
    SELECT prompt.id FROM prompt JOIN fee ON fee.id = prompt.fee_id
    WHERE prompt.next_at <= rufaa_now() AND prompt.state = 'created' AND fee.state NOT IN ('due', 'deferred')
    ORDER BY prompt.id FOR UPDATE OF prompt SKIP LOCKED
)
RETURNING id

-- name: give_up
-- Who asked for it has long gone: a phone must not ring then. Who was told of a hold waits longer, but not for ever; a
-- hold counts for what could still be sent when it began.
WITH late AS MATERIALIZED (
    SELECT prompt.id, was.held
    FROM prompt CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM account_hold AS hold
            WHERE hold.account_id = prompt.account_id
                AND hold.held_at <= prompt.created_at + %(send_for_s)s * interval '1 second'
                AND (hold.released_at IS NULL OR hold.released_at >= prompt.created_at)
        ) AS held
    ) AS was
    WHERE prompt.next_at <= rufaa_now() AND prompt.state = 'created'
        AND prompt.created_at < rufaa_now()
            - CASE WHEN was.held THEN %(held_for_s)s ELSE %(send_for_s)s END * interval '1 second'
    ORDER BY prompt.id FOR UPDATE OF prompt SKIP LOCKED
)
UPDATE prompt SET state = 'refused', event = 'gave-up', next_at = NULL, settled_at = rufaa_now(),
    code = CASE WHEN late.held THEN %(held)s ELSE prompt.code END,
    message = CASE
        WHEN late.held THEN 'Prompts were on hold, and this one waited too long.'
        WHEN prompt.message = '' THEN 'M-Pesa could not be reached in time.'
        ELSE prompt.message
    END
FROM late WHERE prompt.id = late.id
RETURNING prompt.id

-- name: made_in_the_future
-- The clock was set back after it was asked for. How long ago that was is not known: a phone must not ring hours late.
UPDATE prompt SET state = 'refused', event = 'gave-up', next_at = NULL, settled_at = rufaa_now(),
    message = 'The clock was set back before it was sent.'
WHERE id IN (
    SELECT id FROM prompt
    WHERE next_at > rufaa_now() + %(slack_s)s * interval '1 second' AND state = 'created'
        AND created_at > rufaa_now() + %(slack_s)s * interval '1 second'
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: sent_in_the_future
-- As above, after it was sent. It is taken to be sent now, so that it is asked about from the start and in time.
UPDATE prompt SET sent_at = rufaa_now(), next_at = rufaa_now()
WHERE id IN (
    SELECT id FROM prompt
    WHERE next_at > rufaa_now() + %(slack_s)s * interval '1 second' AND state <> 'created'
        AND sent_at > rufaa_now() + %(slack_s)s * interval '1 second'
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: leased_for_too_long
UPDATE prompt SET sent_at = rufaa_now(), lease_until = rufaa_now() + %(lease_s)s * interval '1 second'
WHERE id IN (
    SELECT id FROM prompt
    WHERE lease_until > rufaa_now() + (%(lease_s)s::float8 + %(slack_s)s) * interval '1 second' AND state = 'sending'
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: next_due
-- What is on hold has no time: its release wakes the workers, and that it is given up may be some seconds late.
SELECT extract(epoch FROM least(
    (SELECT min(next_at) FROM prompt WHERE next_at IS NOT NULL AND state = 'created'
        AND account_id NOT IN (SELECT account_id FROM account_hold WHERE released_at IS NULL)),
    (SELECT min(lease_until) FROM prompt WHERE lease_until IS NOT NULL AND state = 'sending')
) - rufaa_now()) AS wait_s

-- name: expire
UPDATE prompt SET
    state = 'unknown', event = 'lease-expired', lease_until = NULL, code = 'lease-expired',
    message = 'The worker stopped before Daraja answered.',
    next_at = CASE WHEN checkout_request_id IS NULL THEN sent_at + %(wait_s)s * interval '1 second' ELSE rufaa_now() END
WHERE id IN (
    SELECT id FROM prompt WHERE lease_until < rufaa_now() AND state = 'sending' ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id
