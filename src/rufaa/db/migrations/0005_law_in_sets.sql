-- AFTER INSERT (NEW TABLE AS after) and AFTER UPDATE (OLD TABLE AS before, too) on a machine's table: only moves of the law
-- in force. What law_guard is for a row, once a statement. Argument: the machine's name.
CREATE FUNCTION law_holds() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off SET enable_hashjoin = on AS $$
DECLARE
    wrong record;
    lawful text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT after.id, '' AS was, after.event, after.state INTO wrong
        FROM after WHERE NOT EXISTS (
            SELECT FROM law WHERE machine = TG_ARGV[0] AND from_state = '' AND law.event = after.event
                AND to_state = after.state AND in_force
        ) LIMIT 1;
    ELSE
        SELECT after.id, before.state AS was, after.event, after.state INTO wrong
        FROM after JOIN before USING (id)
        WHERE (after.state, after.event) <> (before.state, before.event) AND NOT EXISTS (
            SELECT FROM law WHERE machine = TG_ARGV[0] AND from_state = before.state AND law.event = after.event
                AND to_state = after.state AND in_force
        ) LIMIT 1;
    END IF;
    IF FOUND THEN
        SELECT coalesce(string_agg(event || ' -> ' || to_state, ', ' ORDER BY id), 'nothing, it is final') INTO lawful
        FROM law WHERE machine = TG_ARGV[0] AND from_state = wrong.was AND in_force;
        RAISE EXCEPTION 'unlawful move of % %: % --%--> %; lawful: %',
            TG_ARGV[0], wrong.id, coalesce(nullif(wrong.was, ''), '(new)'), wrong.event, wrong.state, lawful
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'law';
    END IF;
    RETURN NULL;
END $$;

-- Hash joins are on, since a trigger that puts them off for its own search may be what moves the rows (application_fits):
-- of five hundred moves each would be compared with each.
ALTER FUNCTION law_history() SET enable_hashjoin = on;

-- "born": the trigger of new rows, "moved": of changed ones, which had this name before.
CREATE PROCEDURE rufaa_has_law(machine regclass, born text, moved text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TRIGGER %I ON %s', moved, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
        ' EXECUTE FUNCTION law_holds(%L)', born, machine, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS before NEW TABLE AS after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION law_holds(%L)', moved, machine, machine);
END $$;
