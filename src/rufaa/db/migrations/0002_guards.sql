INSERT INTO rufaa_clock (id, "offset") VALUES (1, interval '0');

-- A move that is not in the law cannot be written down, and a move that is not written down cannot be made.
ALTER TABLE history ADD CONSTRAINT history_is_lawful
    FOREIGN KEY (machine, from_state, event, to_state) REFERENCES law (machine, from_state, event, to_state);

-- BEFORE INSERT OR UPDATE on a machine's table. Argument: the machine's name.
CREATE FUNCTION law_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := '';
    lawful text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.state = OLD.state AND NEW.event = OLD.event THEN
            RETURN NEW;
        END IF;
        was := OLD.state;
    END IF;
    IF NOT EXISTS (
        SELECT FROM law
        WHERE machine = TG_ARGV[0] AND from_state = was AND event = NEW.event AND to_state = NEW.state AND in_force
    ) THEN
        SELECT coalesce(string_agg(event || ' -> ' || to_state, ', ' ORDER BY id), 'nothing, it is final') INTO lawful
        FROM law WHERE machine = TG_ARGV[0] AND from_state = was AND in_force;
        RAISE EXCEPTION 'unlawful move of % %: % --%--> %; lawful: %',
            TG_ARGV[0], NEW.id, coalesce(nullif(was, ''), '(new)'), NEW.event, NEW.state, lawful
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'law';
    END IF;
    RETURN NEW;
END $$;

-- AFTER INSERT OR UPDATE on a machine's table: every move leaves a row, with who made it if an operation said so.
CREATE FUNCTION law_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO history (machine, subject, from_state, event, to_state, actor, reason)
        VALUES (TG_ARGV[0], NEW.id, '', NEW.event, NEW.state,
                nullif(current_setting('rufaa.actor', true), '')::uuid, NEW.reason);
    ELSIF NEW.state <> OLD.state OR NEW.event <> OLD.event THEN
        INSERT INTO history (machine, subject, from_state, event, to_state, actor, reason)
        VALUES (TG_ARGV[0], NEW.id, OLD.state, NEW.event, NEW.state,
                nullif(current_setting('rufaa.actor', true), '')::uuid, NEW.reason);
    END IF;
    RETURN NULL;
END $$;

-- BEFORE UPDATE: the named columns never change once they hold something.
CREATE FUNCTION frozen_columns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
    name text;
BEGIN
    FOREACH name IN ARRAY TG_ARGV LOOP
        IF before -> name <> 'null'::jsonb AND before -> name IS DISTINCT FROM after -> name THEN
            RAISE EXCEPTION '%.% never changes once it is set', TG_TABLE_NAME, name
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'frozen';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

-- BEFORE DELETE OR TRUNCATE (and UPDATE, where a table only grows).
CREATE FUNCTION kept_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'kept';
END $$;

-- BEFORE INSERT: rows that only other tables' triggers may write, since they say what happened there.
CREATE FUNCTION written_by_triggers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'rows of % are written by triggers alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'written_by_triggers';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER history_by_triggers BEFORE INSERT ON history FOR EACH ROW EXECUTE FUNCTION written_by_triggers();
CREATE TRIGGER history_only_grows BEFORE UPDATE OR DELETE ON history
    FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER history_is_kept BEFORE TRUNCATE ON history EXECUTE FUNCTION kept_for_ever();
