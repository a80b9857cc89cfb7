-- Entries are numbered here, so that the sealer knows when no lower number can appear any more (audit/sealing.py): the
-- transaction has its number before the entry has one. Time and origin are this transaction's, whoever writes.
CREATE SEQUENCE audit_number OWNED BY audit.id;

CREATE FUNCTION audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    via text := coalesce(nullif(current_setting('rufaa.via', true), ''), 'server');
BEGIN
    IF NEW.kind !~ '\.(read|listed)$' THEN
        -- What was written is said by the triggers of what was written, and by nobody else.
        IF pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'entries of % are written by triggers alone', NEW.kind
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'written_by_triggers';
        END IF;
        NEW.actor := nullif(current_setting('rufaa.actor', true), '')::uuid;
        NEW.channel := split_part(via, ' ', 1);
        NEW.place := substr(via, length(NEW.channel) + 2);
    END IF;
    PERFORM pg_current_xact_id();
    NEW.id := nextval('audit_number');
    NEW.at := rufaa_now();
    RETURN NEW;
END $$;
CREATE TRIGGER audit_1_entry BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_entry();
CREATE TRIGGER audit_2_only_grows BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER audit_3_kept BEFORE TRUNCATE ON audit EXECUTE FUNCTION kept_for_ever();

-- A block follows on the last one.
CREATE FUNCTION audit_block_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last audit_block%ROWTYPE;
BEGIN
    SELECT * INTO last FROM audit_block ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.previous <> coalesce(last.hash, decode(repeat('00', 32), 'hex'))
        OR NEW.up_to <= coalesce(last.up_to, 0)
    THEN
        RAISE EXCEPTION 'block % does not follow on the last one', NEW.number
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'audit_block_follows';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_block_1_follows BEFORE INSERT ON audit_block FOR EACH ROW EXECUTE FUNCTION audit_block_follows();
CREATE TRIGGER audit_block_2_only_grows BEFORE UPDATE OR DELETE ON audit_block
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER audit_block_3_kept BEFORE TRUNCATE ON audit_block EXECUTE FUNCTION kept_for_ever();

-- What is written to a record, once a statement. Raw SQL is told of, too.
CREATE FUNCTION audit_referral() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral) SELECT 'referral.' || event, id FROM after;
    ELSE
        INSERT INTO audit (kind, referral)
        SELECT what.kind, after.id
        FROM after JOIN before USING (id) CROSS JOIN LATERAL (
            SELECT 'referral.' || after.event WHERE (after.state, after.event) <> (before.state, before.event)
            UNION ALL SELECT 'referral.release' WHERE before.released_at IS NULL AND after.released_at IS NOT NULL
            UNION ALL SELECT 'medical.write'
                WHERE (after.medical_history, after.lab_results, after.diagnosis)
                    IS DISTINCT FROM (before.medical_history, before.lab_results, before.diagnosis)
        ) AS what (kind);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON referral REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_referral();
CREATE TRIGGER audit_update AFTER UPDATE ON referral REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_referral();

-- Phones are a kind of their own, since they say whose phone is asked for money. New particulars are of a new referral.
CREATE FUNCTION audit_particulars() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (kind, referral)
    SELECT what.kind, referral.id
    FROM after JOIN before USING (id) JOIN referral ON referral.particulars_id = after.id CROSS JOIN LATERAL (
        SELECT 'phones.write' WHERE (after.phone, after.payer_phone) <> (before.phone, before.payer_phone)
        UNION ALL SELECT 'particulars.write'
            WHERE to_jsonb(after) - 'phone' - 'payer_phone' <> to_jsonb(before) - 'phone' - 'payer_phone'
    ) AS what (kind);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_update AFTER UPDATE ON particulars REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_particulars();

-- A prompt tells M-Pesa a phone.
CREATE FUNCTION audit_prompt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (kind, referral) SELECT 'prompt.ask', referral.id FROM after JOIN referral USING (fee_id);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON prompt REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_prompt();

CREATE FUNCTION audit_exemption() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral)
        SELECT 'exemption.propose', referral.id FROM after JOIN referral USING (fee_id);
    ELSE
        INSERT INTO audit (kind, referral)
        SELECT 'exemption.agree', referral.id
        FROM after JOIN before USING (id) JOIN referral ON referral.fee_id = after.fee_id
        WHERE before.seconded_at IS NULL AND after.seconded_at IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON exemption REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_exemption();
CREATE TRIGGER audit_update AFTER UPDATE ON exemption REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_exemption();
