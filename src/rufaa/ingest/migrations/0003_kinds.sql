-- A stored report is settled once and otherwise never changes. (Compared as columns: a body may be large.)
CREATE OR REPLACE FUNCTION inbox_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.settled_at IS NOT NULL OR
        (NEW.id, NEW.at, NEW.kind, NEW.subject, NEW.source, NEW.trusted) IS DISTINCT FROM
        (OLD.id, OLD.at, OLD.kind, OLD.subject, OLD.source, OLD.trusted) OR NEW.body IS DISTINCT FROM OLD.body
    THEN
        RAISE EXCEPTION 'inbox % never changes once it is stored and settled', OLD.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'frozen';
    END IF;
    RETURN NEW;
END $$;
