-- What was withdrawn after it was agreed to may have gone all the same, as what failed; and of a fee whose money went back
-- no order is given again, either.
CREATE OR REPLACE FUNCTION refund_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := CASE
        WHEN TG_OP = 'INSERT' THEN -NEW.amount_cents
        WHEN NEW.state IN ('withdrawn', 'failed') AND OLD.state NOT IN ('withdrawn', 'failed') THEN NEW.amount_cents
        WHEN NEW.state = 'done' AND OLD.state IN ('withdrawn', 'failed') THEN -NEW.amount_cents  -- it was free in between
        ELSE 0
    END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.fee_id IS NULL AND NEW.fee_id IS NOT NULL THEN
            RAISE EXCEPTION 'refund % is of money that waits, and stays so', NEW.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_promises';
        ELSIF NEW.state = OLD.state THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.state = 'done' THEN
        PERFORM FROM fee WHERE id = NEW.fee_id FOR NO KEY UPDATE;
        PERFORM FROM receipt WHERE id = NEW.receipt_id FOR NO KEY UPDATE;
    END IF;
    IF NEW.fee_id IS NULL THEN
        IF change <> 0 THEN
            UPDATE receipt SET free_cents = free_cents + change WHERE id = NEW.receipt_id;  -- its CHECK guards
        END IF;
    ELSIF (TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM application JOIN fee ON fee.id = application.fee_id
        WHERE application.fee_id = NEW.fee_id AND application.receipt_id = NEW.receipt_id
            AND application.amount_cents = NEW.amount_cents AND fee.state = 'paid'
    )) OR (NEW.state IN ('proposed', 'approved', 'sending', 'resending', 'done') AND EXISTS (
        SELECT FROM refund AS other
        WHERE other.receipt_id = NEW.receipt_id AND other.fee_id = NEW.fee_id AND other.state = 'done'
    )) THEN
        RAISE EXCEPTION 'refund % is not of what receipt % pays of fee %', NEW.id, NEW.receipt_id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_promises';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.method = 'reversal' AND NOT EXISTS (
        SELECT FROM receipt
        WHERE id = NEW.receipt_id AND amount_cents = NEW.amount_cents AND number IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'refund % reverses a part, or a receipt without a number', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_reverses_all';
    END IF;
    RETURN NEW;
END $$;

-- Whether another refund of the same money went, though it had been called failed, so that this one must not: of a fee it
-- is done; of what waited it is done since this one was proposed (one is live at a time), or, where its money was used
-- since, a contradiction that nobody has looked into yet.
CREATE FUNCTION refund_overtaken(refund uuid, receipt uuid, fee uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM refund AS other
        WHERE other.receipt_id = $2 AND other.id <> $1 AND (
            (other.fee_id = $3 AND other.state = 'done')
            OR (other.fee_id IS NULL AND $3 IS NULL AND other.state = 'done'
                AND other.done_at >= (SELECT created_at FROM refund WHERE id = $1))
            OR (other.fee_id IS NULL AND other.state IN ('failed', 'withdrawn') AND EXISTS (
                SELECT FROM task
                WHERE task.refund_id = other.id AND task.kind = 'contradiction' AND task.closed_at IS NULL
            ))
        )
    )
$$;

-- The backup of a restore that nobody has compared with the statement yet, where the money came before that restore.
CREATE FUNCTION receipt_restored(receipt uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT min(restoration.backup_at)
    FROM receipt JOIN restoration ON least(receipt.created_at, receipt.paid_at) <= restoration.restored_at
    WHERE receipt.id = $1 AND restoration.compared_at IS NULL
$$;

-- What a person may close who has looked into it. All else is closed by what it asks for: of a refund that did not go by
-- another one, and of a prompt in review while M-Pesa is asked about it.
CREATE FUNCTION task_closes_by_hand(kind text, refund uuid, prompt uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE kind
        WHEN 'refund' THEN EXISTS (SELECT FROM refund WHERE id = $2 AND state IN ('failed', 'withdrawn'))
        WHEN 'review' THEN EXISTS (SELECT FROM prompt WHERE id = $3 AND next_at IS NULL)
        ELSE kind IN ('contradiction', 'stray', 'claim', 'unread', 'unserved')
    END
$$;
