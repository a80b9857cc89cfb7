-- Each machine: the law before, the history after, what is frozen, and nothing is ever deleted.
CREATE TRIGGER fee_1_law BEFORE INSERT OR UPDATE ON fee FOR EACH ROW EXECUTE FUNCTION law_guard('fee');
CREATE TRIGGER fee_2_frozen BEFORE UPDATE ON fee FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'account_code', 'payee_id', 'account_id', 'amount_cents');
CREATE TRIGGER fee_4_history AFTER INSERT OR UPDATE ON fee FOR EACH ROW EXECUTE FUNCTION law_history('fee');
CREATE TRIGGER fee_6_kept BEFORE DELETE ON fee FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER fee_7_kept BEFORE TRUNCATE ON fee EXECUTE FUNCTION kept_for_ever();

CREATE TRIGGER prompt_1_law BEFORE INSERT OR UPDATE ON prompt FOR EACH ROW EXECUTE FUNCTION law_guard('prompt');
CREATE TRIGGER prompt_2_frozen BEFORE UPDATE ON prompt FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'fee_id', 'account_id', 'attempt', 'payer_phone', 'amount_cents',
                                    'merchant_request_id', 'checkout_request_id');
CREATE TRIGGER prompt_4_history AFTER INSERT OR UPDATE ON prompt FOR EACH ROW EXECUTE FUNCTION law_history('prompt');
CREATE TRIGGER prompt_6_kept BEFORE DELETE ON prompt FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER prompt_7_kept BEFORE TRUNCATE ON prompt EXECUTE FUNCTION kept_for_ever();

CREATE TRIGGER receipt_1_law BEFORE INSERT OR UPDATE ON receipt FOR EACH ROW EXECUTE FUNCTION law_guard('receipt');
CREATE TRIGGER receipt_2_frozen BEFORE UPDATE ON receipt FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'account_id', 'amount_cents', 'prompt_id', 'number', 'fee_id');
CREATE TRIGGER receipt_4_history AFTER INSERT OR UPDATE ON receipt FOR EACH ROW EXECUTE FUNCTION law_history('receipt');
CREATE TRIGGER receipt_6_kept BEFORE DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER receipt_7_kept BEFORE TRUNCATE ON receipt EXECUTE FUNCTION kept_for_ever();

CREATE TRIGGER evidence_1_only_grows BEFORE UPDATE OR DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER evidence_2_kept BEFORE TRUNCATE ON evidence EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER exemption_1_frozen BEFORE UPDATE ON exemption FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'fee_id', 'kind', 'reason', 'proposed_by', 'seconded_by', 'seconded_at');
CREATE TRIGGER exemption_2_kept BEFORE DELETE ON exemption FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER exemption_3_kept BEFORE TRUNCATE ON exemption EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER task_1_frozen BEFORE UPDATE ON task FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'opened_at', 'kind', 'facility_id', 'fee_id', 'prompt_id', 'receipt_id', 'why',
                                    'closed_at');
CREATE TRIGGER task_2_kept BEFORE DELETE ON task FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER task_3_kept BEFORE TRUNCATE ON task EXECUTE FUNCTION kept_for_ever();

-- Paid needs the money, whoever writes.
CREATE FUNCTION prompt_needs_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM receipt WHERE prompt_id = NEW.id AND amount_cents = NEW.amount_cents) THEN
        RAISE EXCEPTION 'prompt % cannot be paid: there is no receipt for it', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_needs_receipt';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER prompt_3_money BEFORE UPDATE ON prompt FOR EACH ROW
    WHEN (NEW.state = 'paid' AND OLD.state <> 'paid') EXECUTE FUNCTION prompt_needs_receipt();

-- A prompt asks for a whole fee, on the fee's account.
CREATE FUNCTION prompt_asks_for_its_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND amount_cents = NEW.amount_cents AND account_id = NEW.account_id
    ) THEN
        RAISE EXCEPTION 'prompt % does not ask for its fee: another amount or account', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_asks_for_its_fee';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER prompt_5_fee BEFORE INSERT ON prompt FOR EACH ROW EXECUTE FUNCTION prompt_asks_for_its_fee();

CREATE FUNCTION fee_needs_ground() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'paid' AND NOT EXISTS (
        SELECT FROM receipt WHERE fee_id = NEW.id AND state = 'applied' AND amount_cents = NEW.amount_cents
    ) THEN
        RAISE EXCEPTION 'fee % cannot be paid: no receipt of its amount is applied to it', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_receipt';
    END IF;
    IF NEW.event IN ('waive', 'defer') AND NOT EXISTS (
        SELECT FROM exemption WHERE fee_id = NEW.id AND kind = NEW.event AND seconded_by IS NOT NULL AND withdrawn_at IS NULL
    ) THEN
        RAISE EXCEPTION 'fee % does not take %: two people have not agreed', NEW.id, NEW.event
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_two_people';
    END IF;
    IF NEW.state = 'refunded' AND NOT EXISTS (SELECT FROM transfer WHERE kind = 'refunded' AND fee = NEW.id) THEN
        RAISE EXCEPTION 'fee % cannot be refunded: no refund is recorded', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_refund';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fee_3_ground BEFORE UPDATE ON fee FOR EACH ROW
    WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION fee_needs_ground();

-- A receipt is applied to an open fee of its amount and account, and by the commit this fee is paid.
CREATE FUNCTION receipt_fits_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND state IN ('due', 'deferred')
            AND amount_cents = NEW.amount_cents AND account_id = NEW.account_id
    ) THEN
        RAISE EXCEPTION 'receipt % cannot be applied: fee % is not open for its amount and account', NEW.id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_fits_fee';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipt_3_fits BEFORE UPDATE ON receipt FOR EACH ROW
    WHEN (NEW.state = 'applied' AND OLD.state <> 'applied') EXECUTE FUNCTION receipt_fits_fee();

CREATE FUNCTION receipt_paid_its_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fee WHERE id = NEW.fee_id AND state IN ('paid', 'refunded')) THEN
        RAISE EXCEPTION 'receipt % is applied to fee %, which is not paid', NEW.id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_pays_its_fee';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER receipt_5_pays AFTER UPDATE ON receipt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'applied') EXECUTE FUNCTION receipt_paid_its_fee();

-- The books write themselves, so that no writer can forget them: "debit <- credit".
CREATE FUNCTION mpesa_books(account uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'mpesa:' || short_code || CASE WHEN till_number = '' THEN '' ELSE '/' || till_number END
    FROM mpesa_account WHERE id = account
$$;

CREATE FUNCTION fee_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee)
        VALUES ('raised', 'receivable', 'income', NEW.amount_cents, NEW.account_id, NEW.id);
    ELSIF NEW.state = 'waived' AND OLD.state <> 'waived' THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee)
        VALUES ('waived', 'income', 'receivable', NEW.amount_cents, NEW.account_id, NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fee_5_books AFTER INSERT OR UPDATE ON fee FOR EACH ROW EXECUTE FUNCTION fee_books();

CREATE FUNCTION receipt_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, receipt)
        VALUES ('received', mpesa_books(NEW.account_id), 'unapplied', NEW.amount_cents, NEW.account_id, NEW.id);
    ELSIF NEW.state = 'applied' AND OLD.state <> 'applied' THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt)
        VALUES ('applied', 'unapplied', 'receivable', NEW.amount_cents, NEW.account_id, NEW.fee_id, NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER receipt_5_books AFTER INSERT OR UPDATE ON receipt FOR EACH ROW EXECUTE FUNCTION receipt_books();

ALTER TABLE transfer ADD CONSTRAINT transfer_account_fk FOREIGN KEY (account) REFERENCES mpesa_account (id);
ALTER TABLE transfer ADD CONSTRAINT transfer_fee_fk FOREIGN KEY (fee) REFERENCES fee (id);
ALTER TABLE transfer ADD CONSTRAINT transfer_receipt_fk FOREIGN KEY (receipt) REFERENCES receipt (id);
