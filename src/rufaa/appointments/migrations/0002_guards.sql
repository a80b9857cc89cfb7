-- An appointment moves by its law; who and what it is for never changes, and nothing of it is deleted.
CREATE TRIGGER appointment_1_law BEFORE INSERT OR UPDATE ON appointment FOR EACH ROW EXECUTE FUNCTION law_guard('appointment');
CALL rufaa_freezes('appointment', 'appointment_2_frozen', 'id', 'created_at', 'referral_id', 'slot_id', 'replaces_id');
CALL rufaa_has_history('appointment', born => 'appointment_6_born', moved => 'appointment_6_history');
CREATE TRIGGER appointment_7_kept BEFORE DELETE ON appointment FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER appointment_8_kept BEFORE TRUNCATE ON appointment EXECUTE FUNCTION kept_for_ever();

-- It is in a clinic of the facility that the referral goes to, and begins in a slot that is open and still to come.
CREATE FUNCTION appointment_fits() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    SELECT clinic.facility_id, slot.open, slot.starts_at INTO place
    FROM slot JOIN clinic ON clinic.id = slot.clinic_id WHERE slot.id = NEW.slot_id;
    IF place.facility_id IS DISTINCT FROM (SELECT receiving_id FROM referral WHERE id = NEW.referral_id) THEN
        RAISE EXCEPTION 'appointment % is in another facility than its referral goes to', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'appointment_at_receiving';
    END IF;
    IF NOT place.open OR place.starts_at <= rufaa_now() THEN
        RAISE EXCEPTION 'appointment % begins in a slot that is closed or over', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'appointment_in_open_slot';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER appointment_3_born BEFORE INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION appointment_fits();
CREATE TRIGGER appointment_3_late BEFORE UPDATE ON appointment FOR EACH ROW
    WHEN (OLD.state = 'lapsed' AND NEW.state = 'booked') EXECUTE FUNCTION appointment_fits();

-- Nobody is booked whose fee is neither paid, waived nor deferred; but an Emergency never waits.
CREATE FUNCTION appointment_needs_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owed record;
BEGIN
    SELECT referral.state, referral.priority, fee.state AS fee INTO owed
    FROM referral LEFT JOIN fee ON fee.id = referral.fee_id WHERE referral.id = NEW.referral_id;
    IF owed.state IN ('cancelled', 'rejected') THEN
        RAISE EXCEPTION 'appointment % cannot be booked: its referral is %', NEW.id, owed.state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'appointment_of_open_referral';
    END IF;
    IF owed.priority <> 'Emergency' AND coalesce(owed.fee, '') NOT IN ('paid', 'waived', 'deferred') THEN
        RAISE EXCEPTION 'appointment % cannot be booked: its fee is %', NEW.id, coalesce(owed.fee, 'not raised')
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'appointment_needs_settled_fee';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER appointment_4_booked BEFORE INSERT ON appointment FOR EACH ROW
    WHEN (NEW.state = 'booked') EXECUTE FUNCTION appointment_needs_money();
CREATE TRIGGER appointment_4_money BEFORE UPDATE ON appointment FOR EACH ROW
    WHEN (NEW.state = 'booked' AND OLD.state <> 'booked') EXECUTE FUNCTION appointment_needs_money();

-- A fee that is settled, by whoever, is what its referral's slot waits for: the worker books it. Of thousands of fees in a
-- batch hardly one has a slot that waits: the plan of a hash would read them all.
CREATE FUNCTION fee_settles_appointment() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    UPDATE appointment SET settled_at = rufaa_now()
    FROM after JOIN before USING (id) JOIN referral ON referral.fee_id = after.id
    WHERE after.state IN ('paid', 'waived', 'deferred') AND before.state NOT IN ('paid', 'waived', 'deferred')
        AND appointment.referral_id = referral.id AND appointment.state IN ('held', 'lapsed')
        AND appointment.settled_at IS NULL;
    IF FOUND THEN
        PERFORM pg_notify('rufaa_work', 'book');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fee_7_appointment AFTER UPDATE ON fee REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION fee_settles_appointment();

-- The places of a slot and of its day are counted here, so that no writer can forget them; their checks refuse one too many.
CREATE FUNCTION appointment_takes_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    takes constant text[] := '{held,booked,arrived,seen,missed}';
    change int := (NEW.state = ANY(takes))::int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        change := change - (OLD.state = ANY(takes))::int;
    END IF;
    IF change <> 0 THEN
        UPDATE slot SET taken = taken + change WHERE id = NEW.slot_id;
        UPDATE clinic_day SET taken = clinic_day.taken + change
        FROM slot WHERE slot.id = NEW.slot_id AND (clinic_day.clinic_id, clinic_day.day) = (slot.clinic_id, slot.day);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER appointment_5_born AFTER INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION appointment_takes_place();
CREATE TRIGGER appointment_5_place AFTER UPDATE ON appointment FOR EACH ROW
    WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION appointment_takes_place();

CREATE FUNCTION places_are_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'what is taken of % is counted by triggers alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'places_are_counted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER slot_1_counted BEFORE UPDATE ON slot FOR EACH ROW
    WHEN (NEW.taken <> OLD.taken) EXECUTE FUNCTION places_are_counted();
CREATE TRIGGER slot_1_new BEFORE INSERT ON slot FOR EACH ROW WHEN (NEW.taken <> 0) EXECUTE FUNCTION places_are_counted();
CREATE TRIGGER clinic_day_1_counted BEFORE UPDATE ON clinic_day FOR EACH ROW
    WHEN (NEW.taken <> OLD.taken) EXECUTE FUNCTION places_are_counted();
CREATE TRIGGER clinic_day_1_new BEFORE INSERT ON clinic_day FOR EACH ROW
    WHEN (NEW.taken <> 0) EXECUTE FUNCTION places_are_counted();
-- A time with an appointment stays that time.
CALL rufaa_freezes('slot', 'slot_2_frozen', 'id', 'clinic_id', 'day', 'starts_at');
CALL rufaa_freezes('clinic', 'clinic_2_frozen', 'id', 'created_at', 'facility_id', 'ended_at');

-- A day's hours do not overlap, asked when all of them are there.
CREATE FUNCTION clinic_hours_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM clinic_hours AS other WHERE other.clinic_id = NEW.clinic_id AND other.weekday = NEW.weekday
            AND other.id <> NEW.id AND other.opens < NEW.closes AND other.closes > NEW.opens
    ) THEN
        RAISE EXCEPTION 'hours of clinic % overlap', NEW.clinic_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'clinic_hours_do_not_overlap';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER clinic_hours_1_overlap AFTER INSERT OR UPDATE ON clinic_hours DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION clinic_hours_overlap();

CREATE FUNCTION closure_is_of_the_facility() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM clinic WHERE id = NEW.clinic_id AND facility_id = NEW.facility_id) THEN
        RAISE EXCEPTION 'closure % closes a clinic of another facility', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'closure_is_of_the_facility';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER closure_1_facility BEFORE INSERT ON closure FOR EACH ROW
    WHEN (NEW.clinic_id IS NOT NULL) EXECUTE FUNCTION closure_is_of_the_facility();
CALL rufaa_freezes('closure', 'closure_2_frozen', 'id', 'created_at', 'facility_id', 'clinic_id', 'starts_at', 'ends_at',
                   'reason', 'withdrawn_at');

-- What is told of appointments (db/migrations/0003_live.sql): of the referral, and of the clinic's day.
CREATE FUNCTION appointment_topics(referrals uuid[], slots uuid[]) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT rufaa_topic('referral', id) FROM unnest(referrals) AS id
        UNION SELECT rufaa_topic('clinic', clinic_id) FROM slot WHERE id = ANY(slots)
    )
$$;
CREATE FUNCTION appointment_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(appointment_topics(ARRAY(SELECT referral_id FROM changed), ARRAY(SELECT slot_id FROM changed)));
    RETURN NULL;
END $$;
CALL rufaa_is_live('appointment', 'appointment_is_live');

CREATE FUNCTION clinic_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('clinic', id) FROM changed UNION SELECT rufaa_topic('clinics', facility_id) FROM changed
    ));
    RETURN NULL;
END $$;
CALL rufaa_is_live('clinic', 'clinic_is_live');

CREATE FUNCTION clinics_part_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('clinic', clinic_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('clinic_hours', 'clinics_part_is_live');
CALL rufaa_is_live('clinic_day', 'clinics_part_is_live');
CALL rufaa_is_live('slot', 'clinics_part_is_live');

CREATE FUNCTION closure_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('clinics', facility_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('closure', 'closure_is_live');

-- Nobody is expected for a referral that is over, and no other time is looked for. Slots before their appointments: the order
-- of locks. Of one that is completed, whose time has come was seen, though the desk may have said nothing.
CREATE FUNCTION referral_frees_its_slot() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    slots uuid[] := ARRAY(
        SELECT slot_id FROM appointment
        WHERE referral_id = NEW.id AND state IN ('held', 'booked', 'arrived') ORDER BY slot_id
    );
BEGIN
    IF cardinality(slots) > 0 THEN
        PERFORM FROM slot WHERE id = ANY(slots) ORDER BY id FOR NO KEY UPDATE;
        UPDATE appointment SET state = 'seen', event = 'see', reason = ''
        FROM slot WHERE slot.id = appointment.slot_id AND appointment.referral_id = NEW.id AND NEW.state = 'completed'
            AND (appointment.state = 'arrived' OR (appointment.state = 'booked' AND slot.starts_at <= rufaa_now()));
        UPDATE appointment SET state = 'cancelled', event = 'cancel', reason = 'The referral was ' || NEW.state || '.'
        WHERE referral_id = NEW.id AND state IN ('held', 'booked');
        PERFORM rufaa_tell(appointment_topics(ARRAY[NEW.id], slots));
    END IF;
    UPDATE appointment SET superseded = true
    WHERE referral_id = NEW.id AND state IN ('lapsed', 'cancelled') AND NOT superseded;
    RETURN NULL;
END $$;
CREATE TRIGGER referral_8_slot AFTER UPDATE ON referral FOR EACH ROW
    WHEN (NEW.state IN ('cancelled', 'rejected', 'completed') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION referral_frees_its_slot();

-- Who is expected when is the patient's affair: the audit notes each change (audit/migrations/0002_guards.sql).
CREATE FUNCTION audit_appointment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral) SELECT 'appointment.' || event, referral_id FROM after;
    ELSE
        INSERT INTO audit (kind, referral)
        SELECT 'appointment.' || after.event, after.referral_id FROM after JOIN before USING (id)
        WHERE (after.state, after.event) <> (before.state, before.event);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_insert AFTER INSERT ON appointment REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_appointment();
CREATE TRIGGER audit_update AFTER UPDATE ON appointment REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION audit_appointment();
