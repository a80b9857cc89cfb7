-- A notice moves by its law; whom it tells what never changes, and nothing of it is deleted.
CREATE TRIGGER notice_1_law BEFORE INSERT OR UPDATE ON notice FOR EACH ROW EXECUTE FUNCTION law_guard('notice');
CALL rufaa_freezes('notice', 'notice_2_frozen', 'id', 'created_at', 'kind', 'subject', 'referral_id', 'channel');
CALL rufaa_has_history('notice', born => 'notice_6_born', moved => 'notice_6_history');
CREATE TRIGGER notice_7_kept BEFORE DELETE ON notice FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER notice_8_kept BEFORE TRUNCATE ON notice EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER notice_1_by_facts BEFORE INSERT ON notice EXECUTE FUNCTION written_by_triggers();
CREATE TRIGGER notice_wish_1_kept BEFORE UPDATE OR DELETE ON notice_wish FOR EACH ROW EXECUTE FUNCTION kept_for_ever();

-- A text that may have been sent stays as it was: only what certainly was not, or what a person sends again, is worded anew.
CREATE TRIGGER notice_3_said BEFORE UPDATE ON notice FOR EACH ROW
    WHEN (OLD.text <> '' AND NEW.text IS DISTINCT FROM OLD.text AND OLD.state <> 'due')
    EXECUTE FUNCTION frozen_columns('text', 'address');

-- Facts that somebody is to be told of, each once: (referral, kind, subject, channel, when). "at" says whose policy it is:
-- of the facility that refers, which has the patient and the fee, or of the one that receives. What is brought from
-- another app happened long ago, and is told nobody (referrals/bringing.py).
CREATE TYPE notice_fact AS (referral uuid, kind text, subject uuid, channel text, at text, due timestamptz);
CREATE FUNCTION notice_happen(facts notice_fact[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('rufaa.untold', true) = 'yes' THEN
        RETURN;
    END IF;
    INSERT INTO notice (id, state, event, kind, subject, referral_id, channel, due_at, next_at)
    SELECT gen_random_uuid(), 'due', 'happen', fact.kind, fact.subject, fact.referral, fact.channel,
        coalesce(fact.due, rufaa_now()), coalesce(fact.due, rufaa_now())
    FROM unnest(facts) AS fact
    JOIN referral ON referral.id = fact.referral
    JOIN notice_policy ON notice_policy.facility_id
        = CASE fact.at WHEN 'referring' THEN referral.referring_id ELSE referral.receiving_id END
    WHERE notice_policy.mode <> 'off' AND NOT fact.kind = ANY(notice_policy.silent)
    ON CONFLICT (kind, subject) DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('rufaa_work', 'tell');
    END IF;
END $$;
CREATE FUNCTION notice_anybody() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM notice_policy WHERE mode <> 'off')
$$;

-- Of a referral: that it goes on, once it is approved or, in an emergency, confirmed; and its outcome, to the doctor.
CREATE FUNCTION referral_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF notice_anybody() THEN
        PERFORM notice_happen(ARRAY(
            SELECT ROW(after.id, 'received', after.id, 'sms', 'referring', NULL)::notice_fact
            FROM after JOIN before USING (id)
            WHERE before.state = 'pending-admin' AND after.state IN ('awaiting-biodata', 'pending-payment', 'confirmed')
            UNION ALL
            SELECT ROW(after.id, 'outcome', after.id, 'email', 'referring', NULL)::notice_fact
            FROM after JOIN before USING (id)
            WHERE before.state <> 'completed' AND after.state = 'completed'
        ));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER referral_8_told AFTER UPDATE ON referral REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION referral_is_told();

-- Of a prompt: that the phone is about to ask, and that nothing was paid.
CREATE FUNCTION prompt_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF notice_anybody() THEN
        PERFORM notice_happen(ARRAY(
            SELECT ROW(referral.id, 'ringing', after.id, 'sms', 'referring', NULL)::notice_fact
            FROM after JOIN referral ON referral.fee_id = after.fee_id
        ));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prompt_8_told AFTER INSERT ON prompt REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION prompt_is_told();

CREATE FUNCTION prompt_end_is_told() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF notice_anybody() THEN
        PERFORM notice_happen(ARRAY(
            SELECT ROW(referral.id, 'not-paid', after.id, 'sms', 'referring', NULL)::notice_fact
            FROM after JOIN before USING (id) JOIN referral ON referral.fee_id = after.fee_id
            WHERE after.state IN ('unpaid', 'refused') AND before.state NOT IN ('unpaid', 'refused')
                AND after.event <> 'withdrawn'
        ));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prompt_9_told AFTER UPDATE ON prompt REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION prompt_end_is_told();

-- Of a fee: that it is paid.
CREATE FUNCTION fee_is_told() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    IF notice_anybody() THEN
        PERFORM notice_happen(ARRAY(
            SELECT ROW(referral.id, 'paid', after.id, 'sms', 'referring', NULL)::notice_fact
            FROM after JOIN before USING (id) JOIN referral ON referral.fee_id = after.id
            WHERE after.state = 'paid' AND before.state <> 'paid'
        ));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fee_8_told AFTER UPDATE ON fee REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION fee_is_told();

-- Of an appointment: that it is made, in the place of one that was told, that it is lost, and the day before at ten. One that is made on the
-- day before, or on its own day, needs no reminder.
CREATE FUNCTION appointment_facts(appointment uuid, referral uuid, slot uuid, replaces uuid) RETURNS notice_fact[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY[
        ROW(referral, CASE WHEN EXISTS (
            SELECT FROM notice WHERE notice.subject = replaces AND notice.kind IN ('booked', 'moved')
        ) THEN 'moved' ELSE 'booked' END, appointment, 'sms', 'receiving', NULL)::notice_fact
    ] || ARRAY(
        SELECT ROW(referral, 'reminder', appointment, 'sms', 'receiving', remind.at)::notice_fact
        FROM slot AS chosen, LATERAL (
            SELECT (chosen.day - 1 + time '10:00') AT TIME ZONE interval '3 hours' AS at
        ) AS remind
        WHERE chosen.id = slot AND remind.at > rufaa_now()
    )
$$;
CREATE FUNCTION appointment_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT notice_anybody() THEN
        RETURN NULL;
    END IF;
    IF NEW.state = 'booked' AND (TG_OP = 'INSERT' OR OLD.state IN ('held', 'lapsed')) THEN
        PERFORM notice_happen(appointment_facts(NEW.id, NEW.referral_id, NEW.slot_id, NEW.replaces_id));
    ELSIF TG_OP = 'UPDATE' AND NEW.state = 'cancelled' AND OLD.state = 'booked' THEN
        PERFORM notice_happen(ARRAY[ROW(NEW.referral_id, 'cancelled', NEW.id, 'sms', 'receiving', NULL)::notice_fact]);
    ELSIF TG_OP = 'UPDATE' AND NEW.offered_at IS NOT NULL AND OLD.offered_at IS NULL THEN
        PERFORM notice_happen(ARRAY[ROW(NEW.referral_id, 'choose', NEW.id, 'sms', 'receiving', NULL)::notice_fact]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER appointment_9_born AFTER INSERT ON appointment FOR EACH ROW EXECUTE FUNCTION appointment_is_told();
CREATE TRIGGER appointment_9_told AFTER UPDATE ON appointment FOR EACH ROW EXECUTE FUNCTION appointment_is_told();

-- A phone or an address that was missing is there now: what waited for it is due.
CREATE FUNCTION particulars_have_phone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE notice SET next_at = greatest(notice.due_at, rufaa_now())
    FROM referral WHERE referral.particulars_id = NEW.id AND notice.referral_id = referral.id
        AND notice.state = 'due' AND notice.next_at IS NULL AND notice.channel = 'sms';
    IF FOUND THEN
        PERFORM pg_notify('rufaa_work', 'tell');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER particulars_9_phone AFTER UPDATE ON particulars FOR EACH ROW
    WHEN ((NEW.phone <> '' AND OLD.phone = '') OR (NEW.payer_phone <> '' AND OLD.payer_phone = '')) EXECUTE FUNCTION particulars_have_phone();

-- Pages of a referral hear of its messages.
CREATE FUNCTION notice_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('referral', referral_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('notice', 'notice_is_live');
