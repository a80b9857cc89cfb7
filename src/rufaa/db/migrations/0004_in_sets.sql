-- What follows every row of a statement is done once for all of them: of a batch of five hundred payments each row would
-- cost a call, a plan's start and a foreign key's own question. What is refused and what is written stays as it was.
--
-- A plan that is kept was made when a table had other sizes. So where a function looks for rows of a table, hash joins and
-- sequential scans are off, and each row is found by its index; where it joins what a statement changed with what was
-- there before, nested loops are off.

-- AFTER INSERT (NEW TABLE AS after) and AFTER UPDATE (OLD TABLE AS before, too) on a machine's table: every move leaves a
-- row, with who made it if an operation said so. Argument: the machine's name.
CREATE OR REPLACE FUNCTION law_history() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
    who uuid := nullif(current_setting('rufaa.actor', true), '')::uuid;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO history (machine, subject, from_state, event, to_state, at, actor, reason)
        SELECT TG_ARGV[0], id, '', event, state, this_moment, who, reason FROM after;
    ELSE
        INSERT INTO history (machine, subject, from_state, event, to_state, at, actor, reason)
        SELECT TG_ARGV[0], after.id, before.state, after.event, after.state, this_moment, who, after.reason
        FROM after JOIN before USING (id) WHERE (after.state, after.event) <> (before.state, before.event);
    END IF;
    RETURN NULL;
END $$;

-- "born": the trigger of new rows, "moved": of changed ones.
CREATE PROCEDURE rufaa_has_history(machine regclass, born text, moved text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
        ' EXECUTE FUNCTION law_history(%L)', born, machine, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS before NEW TABLE AS after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION law_history(%L)', moved, machine, machine);
END $$;

-- BEFORE UPDATE: the named columns never change once they hold something. Only a row that breaks this costs a call.
CREATE PROCEDURE rufaa_freezes(frozen regclass, guard text, VARIADIC columns text[]) LANGUAGE plpgsql AS $$
DECLARE
    broken text;
    named text;
BEGIN
    SELECT string_agg(format('(OLD.%1$I IS NOT NULL AND OLD.%1$I IS DISTINCT FROM NEW.%1$I)', name), ' OR ' ORDER BY place),
        string_agg(format('%L', name), ', ' ORDER BY place)
        INTO broken, named FROM unnest(columns) WITH ORDINALITY AS each (name, place);
    EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s)'
        ' EXECUTE FUNCTION frozen_columns(%s)', guard, frozen, broken, named);
END $$;

-- A move that is not in the law cannot be written down. (A row of the law stays for ever, in force or not.)
ALTER TABLE history DROP CONSTRAINT history_is_lawful;
CREATE FUNCTION history_is_lawful() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.* INTO wrong FROM after WHERE NOT EXISTS (
        SELECT FROM law WHERE law.machine = after.machine AND law.from_state = after.from_state
            AND law.event = after.event AND law.to_state = after.to_state
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no law of % has the move % --%--> %',
            wrong.machine, coalesce(nullif(wrong.from_state, ''), '(new)'), wrong.event, wrong.to_state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'history_is_lawful';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER history_is_lawful AFTER INSERT ON history REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION history_is_lawful();
CALL rufaa_freezes('law', 'law_1_frozen', 'id', 'machine', 'from_state', 'event', 'to_state');
CREATE TRIGGER law_2_kept BEFORE DELETE ON law FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER law_3_kept BEFORE TRUNCATE ON law EXECUTE FUNCTION kept_for_ever();

-- BEFORE INSERT, once a statement: rows that only other tables' triggers may write, since they say what happened there.
CREATE OR REPLACE FUNCTION written_by_triggers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'rows of % are written by triggers alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'written_by_triggers';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER history_by_triggers ON history;
CREATE TRIGGER history_by_triggers BEFORE INSERT ON history FOR EACH STATEMENT EXECUTE FUNCTION written_by_triggers();
