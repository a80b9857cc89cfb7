-- A stored callback is settled once and otherwise never changes. (Compared as columns: a body may be large.)
CREATE FUNCTION inbox_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.settled_at IS NOT NULL OR
        (NEW.id, NEW.at, NEW.prompt, NEW.source, NEW.trusted) IS DISTINCT FROM
        (OLD.id, OLD.at, OLD.prompt, OLD.source, OLD.trusted) OR NEW.body IS DISTINCT FROM OLD.body
    THEN
        RAISE EXCEPTION 'inbox % never changes once it is stored and settled', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inbox_1_frozen BEFORE UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION inbox_guard();
CREATE TRIGGER inbox_2_kept BEFORE DELETE ON inbox FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER inbox_3_kept BEFORE TRUNCATE ON inbox EXECUTE FUNCTION kept_for_ever();
