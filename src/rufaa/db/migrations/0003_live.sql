-- Every commit tells what it changed: live queries run again where they read it (rufaa.reads, sync.live). What is told are
-- topics, words that whoever reads notes as well. All writers tell, raw SQL too, since triggers do it.

-- Half of an id's random part is enough: two things of one topic cost a run too many, and nothing else.
CREATE FUNCTION rufaa_topic(kind text, id uuid) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT kind || ':' || right(id::text, 12)
$$;

-- At the commit, each topic once in a transaction, in as few notifications as their size allows (8000 bytes); of more than
-- can be worth it just "*": look again. rufaa.told has what this transaction told so far; a savepoint that is rolled back
-- takes both back.
CREATE FUNCTION rufaa_tell(topics text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told text := coalesce(current_setting('rufaa.told', true), '');
    fresh text[];
BEGIN
    IF told = '*' OR cardinality(topics) = 0 THEN
        RETURN;
    END IF;
    fresh := ARRAY(SELECT unnest(topics) EXCEPT SELECT unnest(string_to_array(told, ' ')) EXCEPT SELECT NULL);
    IF cardinality(fresh) = 0 THEN
        RETURN;
    END IF;
    told := told || ' ' || array_to_string(fresh, ' ');
    IF '*' = ANY(fresh) OR length(told) > 60000 THEN
        told := '*';
        PERFORM pg_notify('rufaa_changed', '*');
    ELSE
        PERFORM pg_notify('rufaa_changed', string_agg(topic, ' ')) FROM (
            SELECT topic, sum(length(topic) + 1) OVER (ORDER BY topic) / 7500 AS part FROM unnest(fresh) AS topic
        ) AS parts GROUP BY part;
    END IF;
    PERFORM set_config('rufaa.told', told, true);
END $$;

CREATE FUNCTION rufaa_tell_everything() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY['*']);
    RETURN NULL;
END $$;

-- Lets "told_by" tell of every change of a table, once a statement, from the transition table "changed". "moves": a row's
-- topics may change, so that the rows as they were are told too. What triggers of other tables write here is told by
-- those, which saves a telling for every row of a batch.
CREATE PROCEDURE rufaa_is_live(live regclass, told_by text, moves boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
    told text := format('FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION %I()', told_by);
BEGIN
    EXECUTE format('CREATE TRIGGER live_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS changed %s', live, told);
    EXECUTE format('CREATE TRIGGER live_update AFTER UPDATE ON %s REFERENCING NEW TABLE AS changed %s', live, told);
    EXECUTE format('CREATE TRIGGER live_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS changed %s', live, told);
    IF moves THEN
        EXECUTE format('CREATE TRIGGER live_moved AFTER UPDATE ON %s REFERENCING OLD TABLE AS changed %s', live, told);
    END IF;
    EXECUTE format('CREATE TRIGGER live_truncate AFTER TRUNCATE ON %s EXECUTE FUNCTION rufaa_tell_everything()', live);
END $$;

-- Time that is moved changes what is due and what is over.
CREATE TRIGGER clock_is_live AFTER INSERT OR UPDATE ON rufaa_clock
    FOR EACH STATEMENT EXECUTE FUNCTION rufaa_tell_everything();
