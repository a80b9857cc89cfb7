-- A move's entry has its number, time and writer from the trigger that writes it, once a statement: a batch of payments
-- writes two entries each. Whoever inserts otherwise has them from audit_entry, as before, and so has every writer that
-- gives no number. The sealer's order holds: these triggers come after rows were written, and so their transaction has its
-- number before an entry has one.
DROP TRIGGER audit_1_entry ON audit;
CREATE TRIGGER audit_1_entry BEFORE INSERT ON audit FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 OR NEW.id IS NULL) EXECUTE FUNCTION audit_entry();

CREATE OR REPLACE FUNCTION audit_referral() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
    who uuid := nullif(current_setting('rufaa.actor', true), '')::uuid;
    via text := coalesce(nullif(current_setting('rufaa.via', true), ''), 'server');
    through text := split_part(via, ' ', 1);
    here text := substr(via, length(through) + 2);
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (id, at, kind, actor, channel, place, referral)
        SELECT nextval('audit_number'), this_moment, 'referral.' || event, who, through, here, id FROM after;
    ELSE
        INSERT INTO audit (id, at, kind, actor, channel, place, referral)
        SELECT nextval('audit_number'), this_moment, what.kind, who, through, here, after.id
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
