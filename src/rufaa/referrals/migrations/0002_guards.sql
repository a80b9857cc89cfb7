CREATE TRIGGER referral_1_law BEFORE INSERT OR UPDATE ON referral FOR EACH ROW EXECUTE FUNCTION law_guard('referral');
CREATE TRIGGER referral_2_frozen BEFORE UPDATE ON referral FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'token', 'account_code', 'priority', 'referring_id', 'receiving_id',
                                    'physician_id', 'created_by_id', 'particulars_id', 'fee_id');
CREATE TRIGGER referral_4_history AFTER INSERT OR UPDATE ON referral FOR EACH ROW
    EXECUTE FUNCTION law_history('referral');
CREATE TRIGGER referral_6_kept BEFORE DELETE ON referral FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER referral_7_kept BEFORE TRUNCATE ON referral EXECUTE FUNCTION kept_for_ever();

-- A referral moves on by its fee, whoever writes.
CREATE FUNCTION referral_needs_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fee_state text := (SELECT state FROM fee WHERE id = NEW.fee_id);
BEGIN
    IF NEW.state = 'paid' AND fee_state IS DISTINCT FROM 'paid' THEN
        RAISE EXCEPTION 'referral % cannot be paid: its fee is %', NEW.id, coalesce(fee_state, 'not raised')
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_needs_paid_fee';
    END IF;
    IF NEW.event = 'confirm' AND OLD.state = 'pending-payment' AND fee_state NOT IN ('waived', 'deferred') THEN
        RAISE EXCEPTION 'referral % cannot be confirmed: its fee is %', NEW.id, fee_state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_needs_settled_fee';
    END IF;
    IF NEW.event = 'confirm-emergency' AND NEW.priority <> 'Emergency' THEN
        RAISE EXCEPTION 'referral % is no Emergency', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_is_emergency';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER referral_3_money BEFORE UPDATE ON referral FOR EACH ROW
    WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION referral_needs_money();

-- Finance people see referrals by their payee, so it is the fee's.
CREATE FUNCTION referral_payee_is_the_fees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.payee_id IS DISTINCT FROM (SELECT payee_id FROM fee WHERE id = NEW.fee_id) THEN
        RAISE EXCEPTION 'referral % has another payee than its fee', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_payee_is_the_fees';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER referral_5_payee BEFORE INSERT OR UPDATE OF fee_id, payee_id ON referral FOR EACH ROW
    EXECUTE FUNCTION referral_payee_is_the_fees();

-- A fee that is deferred from the start needs, by the commit, an Emergency.
CREATE FUNCTION fee_born_deferred_needs_emergency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM referral WHERE fee_id = NEW.id AND priority = 'Emergency') THEN
        RAISE EXCEPTION 'fee % cannot be raised as deferred: it is not of an Emergency', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_born_deferred_needs_emergency';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fee_9_deferred AFTER INSERT ON fee DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'deferred') EXECUTE FUNCTION fee_born_deferred_needs_emergency();

-- "Nothing is owed, since the referral was cancelled" needs, by the commit, a cancelled referral.
CREATE FUNCTION fee_cancel_needs_cancelled_referral() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM referral WHERE fee_id = NEW.id AND state = 'cancelled') THEN
        RAISE EXCEPTION 'fee % cannot be given up: its referral is not cancelled', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_cancel_needs_cancelled_referral';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fee_8_cancel AFTER UPDATE ON fee DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.event = 'cancel' AND OLD.event <> 'cancel') EXECUTE FUNCTION fee_cancel_needs_cancelled_referral();
