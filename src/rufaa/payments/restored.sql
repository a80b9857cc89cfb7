-- name: make_safe
-- Run at the end of the transaction that restores a backup, by psql. Nothing of this may be left out, or come later:
-- from its commit on, a worker could send what still waits. The two moves may be younger than the backup's law.
INSERT INTO law (machine, from_state, event, to_state, in_force) VALUES
    ('prompt', 'created', 'restored', 'unknown', true), ('prompt', 'sending', 'lease-expired', 'unknown', true)
ON CONFLICT (machine, from_state, event, to_state) DO UPDATE SET in_force = true;

-- Their time counts from now, since nobody knows when they were sent: a late callback has the usual three minutes.
UPDATE prompt SET
    state = 'unknown', event = 'restored', code = 'restored', lease_until = NULL,
    message = 'The server was restored from a backup in which this prompt waited: it may have been sent since.',
    sent_at = coalesce(sent_at, rufaa_now()),
    next_at = rufaa_now() + CASE WHEN checkout_request_id IS NULL THEN {wait_s} ELSE 0 END * interval '1 second'
WHERE state = 'created';

UPDATE prompt SET
    state = 'unknown', event = 'lease-expired', code = 'lease-expired', lease_until = NULL,
    message = 'The worker stopped before Daraja answered.',
    next_at = rufaa_now() + CASE WHEN checkout_request_id IS NULL THEN {wait_s} ELSE 0 END * interval '1 second'
WHERE state = 'sending';

-- A refund that waited may have been ordered since, and more than once: that one of its orders failed says nothing of the
-- rest. It is asked about, where it has an id, and never ordered again.
DO $$ BEGIN
    IF to_regclass('refund') IS NOT NULL THEN -- backups of before have none
        INSERT INTO law (machine, from_state, event, to_state, in_force) VALUES
            ('refund', 'approved', 'restored', 'unknown', true), ('refund', 'sending', 'lease-expired', 'unknown', true),
            ('refund', 'resending', 'lease-expired', 'unknown', true)
        ON CONFLICT (machine, from_state, event, to_state) DO UPDATE SET in_force = true;
        UPDATE refund SET
            state = 'unknown',
            event = CASE state WHEN 'approved' THEN 'restored' WHEN 'ordered' THEN 'silent' ELSE 'lease-expired' END,
            orders = orders + CASE state WHEN 'approved' THEN 1 ELSE 0 END, lease_until = NULL,
            sent_at = coalesce(sent_at, rufaa_now()), next_at = rufaa_now(),
            message = 'The server was restored from a backup in which this refund waited: it may have been ordered since.'
        WHERE state IN ('approved', 'sending', 'resending')
            OR (state = 'ordered' AND originator_conversation_id IS NULL);
        UPDATE refund SET orders = orders + 1 WHERE state = 'unknown' AND originator_conversation_id IS NULL;
    END IF;
END $$;

-- A message that waited may have been sent since. What is due later, a reminder say, was not.
DO $$ BEGIN
    IF to_regclass('notice') IS NOT NULL THEN
        INSERT INTO law (machine, from_state, event, to_state, in_force) VALUES
            ('notice', 'due', 'restored', 'unknown', true), ('notice', 'sending', 'lease-expired', 'unknown', true)
        ON CONFLICT (machine, from_state, event, to_state) DO UPDATE SET in_force = true;
        UPDATE notice SET
            state = 'unknown', event = CASE state WHEN 'due' THEN 'restored' ELSE 'lease-expired' END,
            reason = 'restored', lease_until = NULL, next_at = NULL
        WHERE state = 'sending' OR (state = 'due' AND (next_at IS NULL OR next_at <= rufaa_now()));
    END IF;
END $$;

-- The lost server has renewed the token since, and a new one kills the one before (daraja.md §2).
UPDATE mpesa_access SET sealed_token = NULL, token_expires_at = NULL, renewing_until = NULL, renewal = renewal + 1;

DO $$ BEGIN
    IF to_regclass('restoration') IS NOT NULL THEN -- else the caller notes it after its migration
        INSERT INTO restoration (id, backup_at) VALUES ({id}, {backup_at});
    END IF;
END $$;

-- name: note
INSERT INTO restoration (id, backup_at) VALUES (%(id)s, %(backup_at)s) ON CONFLICT (id) DO NOTHING

-- name: all
SELECT * FROM restoration ORDER BY restored_at

-- name: compared
UPDATE restoration SET compared_at = rufaa_now(), compared = %(what)s WHERE compared_at IS NULL

-- name: agreed_to
SELECT id FROM refund
WHERE state = 'unknown' AND next_at IS NOT NULL AND originator_conversation_id IS NULL
    AND receipt_restored(receipt_id) IS NOT NULL
ORDER BY id

-- name: ask_by_id
UPDATE refund SET originator_conversation_id = coalesce(originator_conversation_id, %(conversation)s) WHERE id = %(id)s

-- name: unasked
-- Fees of before, open and with no prompt that M-Pesa is asked about: only the statement tells whether they were paid.
SELECT
    (SELECT count(*) FROM fee WHERE state IN ('due', 'deferred')
        AND created_at <= (SELECT max(restored_at) FROM restoration WHERE compared_at IS NULL)) AS open_fees,
    (SELECT count(*) FROM prompt WHERE state IN ('pending', 'unknown', 'review')) AS unclear_prompts,
    (SELECT count(*) FROM inbox WHERE outcome IN ('unknown-prompt', 'unknown-account', 'unknown-order')) AS unknown_callbacks
