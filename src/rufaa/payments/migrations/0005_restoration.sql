CREATE TRIGGER restoration_1_frozen BEFORE UPDATE ON restoration FOR EACH ROW
    EXECUTE FUNCTION frozen_columns('id', 'backup_at', 'restored_at', 'compared_at', 'compared');
CREATE TRIGGER restoration_2_kept BEFORE DELETE ON restoration FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER restoration_3_kept BEFORE TRUNCATE ON restoration EXECUTE FUNCTION kept_for_ever();

-- A fee of before the restore may have been paid in the time that is lost here. Who asks for it all the same says why.
CREATE FUNCTION prompt_after_restoration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM restoration JOIN fee ON fee.created_at <= restoration.restored_at
        WHERE restoration.compared_at IS NULL AND fee.id = NEW.fee_id
    ) THEN
        RAISE EXCEPTION 'prompt % asks for a fee that may be paid: this server was restored from a backup', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_after_restoration';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER prompt_8_restored BEFORE INSERT ON prompt FOR EACH ROW
    WHEN (btrim(NEW.reason) = '') EXECUTE FUNCTION prompt_after_restoration();
