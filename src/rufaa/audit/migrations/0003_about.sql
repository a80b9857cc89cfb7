-- As before; and a trigger that notes what was written may say behind the place which thing it was, as a digest says it.
CREATE OR REPLACE FUNCTION audit_entry() RETURNS trigger LANGUAGE plpgsql AS $$
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
        NEW.place := concat_ws(' ', nullif(substr(via, length(NEW.channel) + 2), ''), nullif(NEW.place, ''));
    END IF;
    PERFORM pg_current_xact_id();
    NEW.id := nextval('audit_number');
    NEW.at := rufaa_now();
    RETURN NEW;
END $$;
