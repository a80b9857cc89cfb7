-- Evidence is about one thing, whatever it is; what it reports is at most one receipt.
ALTER TABLE evidence ADD CONSTRAINT evidence_of_one_thing
    CHECK (num_nonnulls(prompt_id, stray_id, claim_id, refund_id, account_id) = 1);

-- Receipts: the fee has gone to the applications; what came with the money is kept.
DROP TRIGGER receipt_2_frozen ON receipt;
CREATE TRIGGER receipt_2_frozen BEFORE UPDATE ON receipt FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'account_id', 'amount_cents', 'prompt_id', 'number', 'account_reference',
                                    'phone_shown', 'names_id');

-- What of a receipt is free is counted by triggers alone: a writer who says otherwise is refused.
CREATE FUNCTION receipt_counts_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.free_cents := NEW.amount_cents;
    ELSIF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'receipt %: free_cents is counted by triggers alone', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_counts_free';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipt_3_free_at_first BEFORE INSERT ON receipt FOR EACH ROW EXECUTE FUNCTION receipt_counts_free();
CREATE TRIGGER receipt_3_free BEFORE UPDATE ON receipt FOR EACH ROW
    WHEN (NEW.free_cents <> OLD.free_cents) EXECUTE FUNCTION receipt_counts_free();

-- By the commit a receipt's state says what became of its money: nothing waits, or something does. Argument: the column
-- that names the receipt.
CREATE FUNCTION receipt_says_what_waits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    here receipt%ROWTYPE;
    pays bigint;
    returned bigint;
    given_back bigint;
    expected text;
BEGIN
    SELECT * INTO here FROM receipt WHERE id = (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
    SELECT coalesce(sum(amount_cents), 0) INTO pays FROM application WHERE receipt_id = here.id;
    SELECT coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NOT NULL), 0),
           coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NULL), 0)
        INTO returned, given_back FROM refund WHERE receipt_id = here.id AND state = 'done';
    expected := CASE
        WHEN here.amount_cents - pays - given_back > 0 THEN 'unapplied'
        WHEN pays - returned > 0 THEN 'applied'
        ELSE 'refunded'
    END;
    IF here.state <> expected THEN
        RAISE EXCEPTION 'receipt % is %, and by its money it is %', here.id, here.state, expected
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_says_what_waits';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER receipt_6_says AFTER INSERT OR UPDATE ON receipt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION receipt_says_what_waits('id');

-- Applications: of free money of the fee's account, to a fee that is open and paid by the commit.
CREATE FUNCTION application_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM receipt JOIN fee ON fee.account_id = receipt.account_id
        WHERE receipt.id = NEW.receipt_id AND fee.id = NEW.fee_id AND fee.state IN ('due', 'deferred')
            AND NEW.amount_cents <= fee.amount_cents
    ) THEN
        RAISE EXCEPTION 'receipt % cannot be applied: fee % is not open for so much on its account',
            NEW.receipt_id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_fits';
    END IF;
    UPDATE receipt SET free_cents = free_cents - NEW.amount_cents WHERE id = NEW.receipt_id;  -- its CHECK guards
    RETURN NEW;
END $$;
CREATE TRIGGER application_1_fits BEFORE INSERT ON application FOR EACH ROW EXECUTE FUNCTION application_fits();
CREATE TRIGGER application_2_only_grows BEFORE UPDATE OR DELETE ON application
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER application_3_kept BEFORE TRUNCATE ON application EXECUTE FUNCTION kept_for_ever();

-- The sum is looked at again: while this application was written, another transaction may have paid the fee.
CREATE FUNCTION application_pays_its_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND state IN ('paid', 'refunded')
            AND amount_cents = (SELECT sum(amount_cents) FROM application WHERE fee_id = NEW.fee_id)
    ) THEN
        RAISE EXCEPTION 'receipt % is applied to fee %, which is not paid by it', NEW.receipt_id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_pays_its_fee';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER application_4_pays AFTER INSERT ON application DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION application_pays_its_fee();

CREATE FUNCTION application_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt)
    SELECT 'applied', 'unapplied', 'receivable', NEW.amount_cents, account_id, NEW.fee_id, NEW.receipt_id
    FROM receipt WHERE id = NEW.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER application_5_books AFTER INSERT ON application FOR EACH ROW EXECUTE FUNCTION application_books();

-- A receipt's own books are its arrival alone now.
CREATE OR REPLACE FUNCTION receipt_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, receipt)
    VALUES ('received', mpesa_books(NEW.account_id), 'unapplied', NEW.amount_cents, NEW.account_id, NEW.id);
    RETURN NULL;
END $$;
DROP TRIGGER receipt_5_books ON receipt;
CREATE TRIGGER receipt_5_books AFTER INSERT ON receipt FOR EACH ROW EXECUTE FUNCTION receipt_books();
DROP TRIGGER receipt_3_fits ON receipt;
DROP FUNCTION receipt_fits_fee();
DROP TRIGGER receipt_5_pays ON receipt;
DROP FUNCTION receipt_paid_its_fee();

-- A prompt's receipt is of its amount and on its account, also one that it adopts.
CREATE OR REPLACE FUNCTION prompt_needs_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM receipt
        WHERE prompt_id = NEW.id AND amount_cents = NEW.amount_cents AND account_id = NEW.account_id
    ) THEN
        RAISE EXCEPTION 'prompt % cannot be paid: there is no receipt for it', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_needs_receipt';
    END IF;
    RETURN NEW;
END $$;

-- Fees: paid by applications that sum to the amount; refunded when all of it was given back.
CREATE OR REPLACE FUNCTION fee_needs_ground() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'paid' AND NEW.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM application WHERE fee_id = NEW.id
    ) THEN
        RAISE EXCEPTION 'fee % cannot be paid: what is applied to it is not its amount', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_receipt';
    END IF;
    IF NEW.event IN ('waive', 'defer') AND NOT EXISTS (
        SELECT FROM exemption WHERE fee_id = NEW.id AND kind = NEW.event AND seconded_by IS NOT NULL AND withdrawn_at IS NULL
    ) THEN
        RAISE EXCEPTION 'fee % does not take %: two people have not agreed', NEW.id, NEW.event
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_two_people';
    END IF;
    IF NEW.state = 'refunded' AND NEW.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND fee = NEW.id
    ) THEN
        RAISE EXCEPTION 'fee % cannot be refunded: not all of it was given back', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_refund';
    END IF;
    RETURN NEW;
END $$;

-- Refunds.
CREATE TRIGGER refund_1_law BEFORE INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION law_guard('refund');
CREATE TRIGGER refund_2_frozen BEFORE UPDATE ON refund FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'receipt_id', 'fee_id', 'amount_cents', 'method', 'phone', 'why',
                                    'proposed_by', 'approved_by', 'approved_at', 'number', 'done_at');
CREATE TRIGGER refund_5_history AFTER INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION law_history('refund');
CREATE TRIGGER refund_6_kept BEFORE DELETE ON refund FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER refund_7_kept BEFORE TRUNCATE ON refund EXECUTE FUNCTION kept_for_ever();

-- Money that waits is promised by the proposal, so that it cannot be applied meanwhile; a paid fee's money is what pays
-- it, and goes back once. Who proposes or ends a refund locks the rows of the money first (fee, then receipt, as everybody
-- does): of two who want the same money the second sees what the first did.
CREATE FUNCTION refund_promises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change bigint := CASE
        WHEN TG_OP = 'INSERT' THEN -NEW.amount_cents
        WHEN NEW.state IN ('withdrawn', 'failed') AND OLD.state NOT IN ('withdrawn', 'failed') THEN NEW.amount_cents
        WHEN NEW.state = 'done' AND OLD.state = 'failed' THEN -NEW.amount_cents  -- it was free in between
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
    )) OR (NEW.state IN ('proposed', 'approved', 'sending', 'done') AND EXISTS (
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
CREATE TRIGGER refund_3_promises BEFORE INSERT OR UPDATE ON refund FOR EACH ROW EXECUTE FUNCTION refund_promises();

CREATE FUNCTION refund_books() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    books uuid;
BEGIN
    SELECT account_id INTO books FROM receipt WHERE id = NEW.receipt_id;
    IF NEW.fee_id IS NOT NULL THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt, refund)
        VALUES ('returned', 'income', 'unapplied', NEW.amount_cents, books, NEW.fee_id, NEW.receipt_id, NEW.id);
    END IF;
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt, refund)
    VALUES ('refunded', 'unapplied', mpesa_books(books), NEW.amount_cents, books, NEW.fee_id, NEW.receipt_id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER refund_4_books AFTER UPDATE ON refund FOR EACH ROW
    WHEN (NEW.state = 'done' AND OLD.state <> 'done') EXECUTE FUNCTION refund_books();
ALTER TABLE transfer ADD CONSTRAINT transfer_refund_fk FOREIGN KEY (refund) REFERENCES refund (id);

-- By the commit that gives money back its receipt says so, and the fee that it paid, once nothing pays it any more.
CREATE CONSTRAINT TRIGGER refund_8_says AFTER UPDATE ON refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'done' AND OLD.state <> 'done') EXECUTE FUNCTION receipt_says_what_waits('receipt_id');

CREATE FUNCTION refund_ends_its_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND state = 'paid'
            AND amount_cents = (SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND fee = NEW.fee_id)
    ) THEN
        RAISE EXCEPTION 'fee % is paid, and all of it was given back', NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_ends_its_fee';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER refund_9_fee AFTER UPDATE ON refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'done' AND OLD.state <> 'done') EXECUTE FUNCTION refund_ends_its_fee();

-- Refunds have a table now whose trigger writes them down: no posting is made by hand any more.
DROP TRIGGER transfer_by_triggers ON transfer;
CREATE TRIGGER transfer_by_triggers BEFORE INSERT ON transfer FOR EACH ROW EXECUTE FUNCTION written_by_triggers();

-- Claims and inquiries keep what they were about.
CREATE TRIGGER claim_1_frozen BEFORE UPDATE ON claim FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'account_id', 'number', 'channel', 'amount_cents', 'paid_at',
                                    'fee_id', 'by', 'inbox', 'receipt_id', 'ended_at');
CREATE TRIGGER claim_2_kept BEFORE DELETE ON claim FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER claim_3_kept BEFORE TRUNCATE ON claim EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER inquiry_1_frozen BEFORE UPDATE ON inquiry FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'created_at', 'account_id', 'claim_id', 'refund_id', 'receipt_number',
                                    'original_conversation_id', 'conversation_id', 'originator_conversation_id',
                                    'answered_at');
CREATE TRIGGER inquiry_2_kept BEFORE DELETE ON inquiry FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER inquiry_3_kept BEFORE TRUNCATE ON inquiry EXECUTE FUNCTION kept_for_ever();

-- Tasks: the new columns keep what they say; who closed it is said once.
DROP TRIGGER task_1_frozen ON task;
CREATE TRIGGER task_1_frozen BEFORE UPDATE ON task FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'opened_at', 'kind', 'facility_id', 'fee_id', 'stray_id', 'prompt_id',
                                    'receipt_id', 'claim_id', 'refund_id', 'account_id', 'proposed_fee_id', 'why',
                                    'closed_at', 'closed_by');
CREATE TRIGGER task_4_closed BEFORE UPDATE ON task FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL AND (NEW.closed_as, NEW.closed_by) IS DISTINCT FROM (OLD.closed_as, OLD.closed_by))
    EXECUTE FUNCTION kept_for_ever();

-- The one payee of an account, where there is just one.
CREATE FUNCTION account_payee(account uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(DISTINCT payee_id) = 1 THEN (array_agg(payee_id))[1] END FROM price WHERE account_id = $1
$$;

-- Whose finance people work the money of a receipt: the payee of the fee that it pays, else of the fee that its prompt
-- asked for, else the one payee of the account, where there is just one.
CREATE FUNCTION receipt_payee(receipt uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT fee.payee_id FROM application JOIN fee ON fee.id = application.fee_id
         WHERE application.receipt_id = $1 ORDER BY application.at LIMIT 1),
        (SELECT fee.payee_id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id JOIN fee ON fee.id = prompt.fee_id
         WHERE receipt.id = $1),
        (SELECT account_payee(account_id) FROM receipt WHERE receipt.id = $1)
    )
$$;
