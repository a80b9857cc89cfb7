-- The tables, functions and guards of an empty database, as the migrations make them.
-- Written by `make schema`: change a migration, never this.

SET LOCAL search_path = '';
SET LOCAL check_function_bodies = false;
SET LOCAL client_min_messages = warning;

CREATE TYPE public.notice_fact AS (
	referral uuid,
	kind text,
	subject uuid,
	channel text,
	at text,
	due timestamp with time zone
);

CREATE FUNCTION public.account_hold_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('account', account_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.account_payee(account uuid) RETURNS uuid
    LANGUAGE sql STABLE
    AS $_$
    SELECT CASE WHEN count(DISTINCT payee_id) = 1 THEN (array_agg(payee_id))[1] END FROM price WHERE account_id = $1
$_$;

CREATE FUNCTION public.application_books() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, fee, receipt)
    SELECT this_moment, 'applied', 'unapplied', 'receivable', after.amount_cents, receipt.account_id, after.fee_id,
        after.receipt_id
    FROM after JOIN receipt ON receipt.id = after.receipt_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.application_fits() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.* INTO wrong
    FROM after LEFT JOIN receipt ON receipt.id = after.receipt_id LEFT JOIN fee ON fee.id = after.fee_id
    WHERE (receipt.account_id = fee.account_id AND fee.state IN ('due', 'deferred')
        AND after.amount_cents <= fee.amount_cents) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'receipt % cannot be applied: fee % is not open for so much on its account',
            wrong.receipt_id, wrong.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_fits';
    END IF;
    UPDATE receipt SET
        free_cents = free_cents - used.cents,
        state = CASE WHEN used.waits > 0 THEN 'unapplied' ELSE 'applied' END,
        event = CASE WHEN used.waits > 0 THEN 'part-apply' ELSE 'apply' END
    FROM (
        SELECT of.receipt_id, of.cents, money.amount_cents
            - (SELECT sum(amount_cents) FROM application WHERE application.receipt_id = of.receipt_id)
            - coalesce((SELECT sum(amount_cents) FROM refund
                WHERE refund.receipt_id = of.receipt_id AND fee_id IS NULL AND refund.state = 'done'), 0) AS waits
        FROM (SELECT receipt_id, sum(amount_cents) AS cents FROM after GROUP BY receipt_id) AS of
        JOIN receipt AS money ON money.id = of.receipt_id
    ) AS used
    WHERE receipt.id = used.receipt_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.application_pays_its_fee() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND state IN ('paid', 'refunded')
            AND amount_cents = (SELECT sum(amount_cents) FROM application WHERE fee_id = NEW.fee_id)
    ) THEN
        RAISE EXCEPTION 'receipt % is applied to fee %, which is not paid by it', NEW.receipt_id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_pays_its_fee';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.appointment_facts(appointment uuid, referral uuid, slot uuid, replaces uuid) RETURNS public.notice_fact[]
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.appointment_fits() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.appointment_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(appointment_topics(ARRAY(SELECT referral_id FROM changed), ARRAY(SELECT slot_id FROM changed)));
    RETURN NULL;
END $$;

CREATE FUNCTION public.appointment_is_told() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.appointment_needs_money() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.appointment_takes_place() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.appointment_topics(referrals uuid[], slots uuid[]) RETURNS text[]
    LANGUAGE sql STABLE
    AS $$
    SELECT ARRAY(
        SELECT rufaa_topic('referral', id) FROM unnest(referrals) AS id
        UNION SELECT rufaa_topic('clinic', clinic_id) FROM slot WHERE id = ANY(slots)
    )
$$;

CREATE FUNCTION public.attachment_content_is_it() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM attachment
        WHERE id = NEW.attachment_id AND size_bytes = octet_length(NEW.content) AND sha256 = sha256(NEW.content)
    ) THEN
        RAISE EXCEPTION 'attachment % has other bytes than its digest and its size say', NEW.attachment_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'attachment_content_is_it';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.attachment_needs_content() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM attachment_content WHERE attachment_id = NEW.id) THEN
        RAISE EXCEPTION 'attachment % has no bytes', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'attachment_needs_content';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_appointment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.audit_attachment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral, place)
        SELECT 'attachment.add', referral_id, 'sha256:' || encode(sha256, 'hex') FROM after;
    ELSE
        INSERT INTO audit (kind, referral, place)
        SELECT 'attachment.remove', after.referral_id, 'sha256:' || encode(after.sha256, 'hex')
        FROM after JOIN before USING (id) WHERE before.removed_at IS NULL AND after.removed_at IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_block_follows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    last audit_block%ROWTYPE;
BEGIN
    SELECT * INTO last FROM audit_block ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(last.number, 0) + 1
        OR NEW.previous <> coalesce(last.hash, decode(repeat('00', 32), 'hex'))
        OR NEW.up_to <= coalesce(last.up_to, 0)
    THEN
        RAISE EXCEPTION 'block % does not follow on the last one', NEW.number
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'audit_block_follows';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.audit_comment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO audit (kind, referral) SELECT 'comment.write', referral_id FROM after;
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_entry() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.audit_exemption() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit (kind, referral)
        SELECT 'exemption.propose', referral.id FROM after JOIN referral USING (fee_id);
    ELSE
        INSERT INTO audit (kind, referral)
        SELECT 'exemption.agree', referral.id
        FROM after JOIN before USING (id) JOIN referral ON referral.fee_id = after.fee_id
        WHERE before.seconded_at IS NULL AND after.seconded_at IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_particulars() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO audit (kind, referral)
    SELECT what.kind, referral.id
    FROM after JOIN before USING (id) JOIN referral ON referral.particulars_id = after.id CROSS JOIN LATERAL (
        SELECT 'phones.write' WHERE (after.phone, after.payer_phone) <> (before.phone, before.payer_phone)
        UNION ALL SELECT 'particulars.write'
            WHERE to_jsonb(after) - 'phone' - 'payer_phone' <> to_jsonb(before) - 'phone' - 'payer_phone'
    ) AS what (kind);
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_prompt() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO audit (kind, referral) SELECT 'prompt.ask', referral.id FROM after JOIN referral USING (fee_id);
    RETURN NULL;
END $$;

CREATE FUNCTION public.audit_referral() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    AS $$
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

CREATE FUNCTION public.clinic_hours_overlap() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.clinic_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('clinic', id) FROM changed UNION SELECT rufaa_topic('clinics', facility_id) FROM changed
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION public.clinics_part_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('clinic', clinic_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.closure_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('clinics', facility_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.closure_is_of_the_facility() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM clinic WHERE id = NEW.clinic_id AND facility_id = NEW.facility_id) THEN
        RAISE EXCEPTION 'closure % closes a clinic of another facility', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'closure_is_of_the_facility';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.evidence_points() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT 'prompt' AS what, after.prompt_id AS at INTO wrong
    FROM after LEFT JOIN prompt ON prompt.id = after.prompt_id
    WHERE after.prompt_id IS NOT NULL AND prompt.id IS NULL LIMIT 1;
    IF NOT FOUND THEN
        SELECT 'receipt' AS what, after.receipt_id AS at INTO wrong
        FROM after LEFT JOIN receipt ON receipt.id = after.receipt_id
        WHERE after.receipt_id IS NOT NULL AND receipt.id IS NULL LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'evidence points to % %, which there is not', wrong.what, wrong.at
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'evidence_points';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.facility_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('facility', id) FROM changed
        UNION SELECT 'facilities' FROM changed
        UNION SELECT rufaa_topic('person', user_id) FROM changed JOIN membership ON facility_id = changed.id
            WHERE revoked_at IS NULL
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_books() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee)
    VALUES ('waived', 'income', 'receivable', NEW.amount_cents, NEW.account_id, NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_born_deferred_needs_emergency() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM referral WHERE fee_id = NEW.id AND priority = 'Emergency') THEN
        RAISE EXCEPTION 'fee % cannot be raised as deferred: it is not of an Emergency', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_born_deferred_needs_emergency';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_cancel_needs_cancelled_referral() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM referral WHERE fee_id = NEW.id AND state = 'cancelled') THEN
        RAISE EXCEPTION 'fee % cannot be given up: its referral is not cancelled', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_cancel_needs_cancelled_referral';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('fee', id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_is_told() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION public.fee_needs_ground() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'paid' AND before.state <> 'paid' AND after.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM application WHERE application.fee_id = after.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % cannot be paid: what is applied to it is not its amount', wrong.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_receipt';
    END IF;
    SELECT after.id, after.event INTO wrong FROM after JOIN before USING (id)
    WHERE after.state <> before.state AND after.event IN ('waive', 'defer') AND 0 = (
        SELECT count(*) FROM exemption
        WHERE exemption.fee_id = after.id AND kind = after.event AND seconded_by IS NOT NULL AND withdrawn_at IS NULL
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % does not take %: two people have not agreed', wrong.id, wrong.event
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_two_people';
    END IF;
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'refunded' AND before.state <> 'refunded' AND after.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND transfer.fee = after.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % cannot be refunded: not all of it was given back', wrong.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_refund';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_raises() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, fee)
    SELECT this_moment, 'raised', 'receivable', 'income', amount_cents, account_id, id FROM after;
    RETURN NULL;
END $$;

CREATE FUNCTION public.fee_settles_appointment() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION public.frozen_columns() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.history_is_lawful() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.inbox_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.kept_for_ever() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are kept: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'kept';
END $$;

CREATE FUNCTION public.key_check_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('account', account_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.law_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.law_history() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    SET enable_hashjoin TO 'on'
    AS $$
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

CREATE FUNCTION public.law_holds() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    SET enable_hashjoin TO 'on'
    AS $$
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

CREATE FUNCTION public.logbook_entry() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.at := rufaa_now();
    NEW.actor := coalesce(NEW.actor, nullif(current_setting('rufaa.actor', true), '')::uuid);
    NEW.channel := split_part(coalesce(nullif(current_setting('rufaa.via', true), ''), 'server'), ' ', 1);
    RETURN NEW;
END $$;

CREATE FUNCTION public.logbook_facility() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO logbook (kind, facility, about)
    SELECT 'facility.changed', after.id, (
        SELECT jsonb_object_agg(one.key, jsonb_build_array(to_jsonb(before) -> one.key, one.value))
        FROM jsonb_each(to_jsonb(after)) AS one WHERE one.value IS DISTINCT FROM to_jsonb(before) -> one.key
    )
    FROM after JOIN before USING (id)
    WHERE after IS DISTINCT FROM before;
    RETURN NULL;
END $$;

CREATE FUNCTION public.logbook_factor() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO logbook (kind, person, about)
    SELECT CASE TG_OP WHEN 'INSERT' THEN 'factor.added' ELSE 'factor.removed' END, user_id,
        jsonb_build_object('type', type)
    FROM changed;
    RETURN NULL;
END $$;

CREATE FUNCTION public.logbook_membership() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO logbook (kind, person, facility, about)
        SELECT 'role.given', user_id, facility_id, jsonb_build_object('role', role) FROM after WHERE revoked_at IS NULL;
    ELSE
        INSERT INTO logbook (kind, person, facility, about)
        SELECT CASE WHEN after.revoked_at IS NULL THEN 'role.given' ELSE 'role.taken' END,
            after.user_id, after.facility_id, jsonb_build_object('role', after.role)
        FROM after JOIN before USING (id)
        WHERE (after.revoked_at IS NULL) <> (before.revoked_at IS NULL);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.logbook_price() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO logbook (kind, facility, about)
        SELECT 'price.set', facility_id, jsonb_build_object('to', amount_cents, 'receiving', receiving_id,
            'payee', payee_id, 'account', account_id)
        FROM after;
    ELSE
        INSERT INTO logbook (kind, facility, about)
        SELECT 'price.set', after.facility_id, jsonb_build_object('from', before.amount_cents, 'to', after.amount_cents,
            'receiving', after.receiving_id, 'payee', after.payee_id, 'account', after.account_id)
        FROM after JOIN before USING (id)
        WHERE (after.amount_cents, after.payee_id, after.account_id)
            <> (before.amount_cents, before.payee_id, before.account_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.logbook_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO logbook (kind, person, about)
        SELECT 'person.added', id, jsonb_build_object('username', username) FROM after;
    ELSE
        INSERT INTO logbook (kind, person, about)
        SELECT what.kind, after.id, what.about
        FROM after JOIN before USING (id) CROSS JOIN LATERAL (
            SELECT 'person.switched-off', '{}'::jsonb WHERE before.is_active AND NOT after.is_active
            UNION ALL SELECT 'person.switched-on', '{}' WHERE after.is_active AND NOT before.is_active
            UNION ALL SELECT 'person.renamed', jsonb_build_object('from', before.username, 'to', after.username)
                WHERE after.username <> before.username
            UNION ALL SELECT 'email.set', '{}' WHERE after.email <> before.email
            UNION ALL SELECT 'operator.set', jsonb_build_object('to', after.is_superuser)
                WHERE after.is_superuser <> before.is_superuser
        ) AS what (kind, about);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.membership_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('person', user_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.mpesa_account_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('account', id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.mpesa_books(account uuid) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT 'mpesa:' || short_code || CASE WHEN till_number = '' THEN '' ELSE '/' || till_number END
    FROM mpesa_account WHERE id = account
$$;

CREATE FUNCTION public.notice_anybody() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM notice_policy WHERE mode <> 'off')
$$;

CREATE FUNCTION public.notice_happen(facts public.notice_fact[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.notice_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('referral', referral_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.of_fee_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('fee', fee_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.of_receipt_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT receipt_topics(ARRAY(SELECT receipt_id FROM changed))));
    RETURN NULL;
END $$;

CREATE FUNCTION public.particulars_are_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('referral', referral.id) FROM changed JOIN referral ON referral.particulars_id = changed.id
    ));
    RETURN NULL;
END $$;

CREATE FUNCTION public.particulars_are_sought() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (OLD.name, OLD.external_id, OLD.phone, OLD.payer_phone)
        IS DISTINCT FROM (NEW.name, NEW.external_id, NEW.phone, NEW.payer_phone)
    THEN
        PERFORM referrals_are_sought(ARRAY(SELECT id FROM referral WHERE particulars_id = NEW.id));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.particulars_have_phone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE notice SET next_at = greatest(notice.due_at, rufaa_now())
    FROM referral WHERE referral.particulars_id = NEW.id AND notice.referral_id = referral.id
        AND notice.state = 'due' AND notice.next_at IS NULL AND notice.channel = 'sms';
    IF FOUND THEN
        PERFORM pg_notify('rufaa_work', 'tell');
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.places_are_counted() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'what is taken of % is counted by triggers alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'places_are_counted';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.price_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT 'prices' FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.prompt_after_restoration() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM restoration JOIN fee ON fee.created_at <= restoration.restored_at
        WHERE restoration.compared_at IS NULL AND fee.id = NEW.fee_id
    ) THEN
        RAISE EXCEPTION 'prompt % asks for a fee that may be paid: this server was restored from a backup', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_after_restoration';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.prompt_asks_for_its_fee() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND amount_cents = NEW.amount_cents AND account_id = NEW.account_id
    ) THEN
        RAISE EXCEPTION 'prompt % does not ask for its fee: another amount or account', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_asks_for_its_fee';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.prompt_end_is_told() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
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

CREATE FUNCTION public.prompt_is_told() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF notice_anybody() THEN
        PERFORM notice_happen(ARRAY(
            SELECT ROW(referral.id, 'ringing', after.id, 'sms', 'referring', NULL)::notice_fact
            FROM after JOIN referral ON referral.fee_id = after.fee_id
        ));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.prompt_needs_receipt() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'paid' AND before.state <> 'paid' AND NOT coalesce((
        SELECT receipt.amount_cents = after.amount_cents AND receipt.account_id = after.account_id
        FROM receipt WHERE receipt.prompt_id = after.id
    ), false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'prompt % cannot be paid: there is no receipt for it', wrong
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_needs_receipt';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.receipt_books() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, receipt)
    SELECT this_moment, 'received', account.books, 'unapplied', after.amount_cents, after.account_id, after.id
    FROM after JOIN (
        SELECT id, mpesa_books(id) AS books FROM (SELECT DISTINCT account_id AS id FROM after) AS of
    ) AS account ON account.id = after.account_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.receipt_counts_free() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.free_cents := NEW.amount_cents;
    ELSIF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'receipt %: free_cents is counted by triggers alone', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_counts_free';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.receipt_is_adopted() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM prompt WHERE id = NEW.prompt_id) THEN
        RAISE EXCEPTION 'receipt % points to prompt %, which there is not', NEW.id, NEW.prompt_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'receipt_points';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.receipt_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT receipt_topics(ARRAY(SELECT id FROM changed))));
    RETURN NULL;
END $$;

CREATE FUNCTION public.receipt_payee(receipt uuid) RETURNS uuid
    LANGUAGE sql STABLE
    AS $_$
    SELECT coalesce(
        (SELECT fee.payee_id FROM application JOIN fee ON fee.id = application.fee_id
         WHERE application.receipt_id = $1 ORDER BY application.at LIMIT 1),
        (SELECT fee.payee_id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id JOIN fee ON fee.id = prompt.fee_id
         WHERE receipt.id = $1),
        (SELECT facility_id FROM task
         WHERE task.receipt_id = $1 AND kind = 'unapplied' AND facility_id IS NOT NULL ORDER BY opened_at DESC LIMIT 1),
        (SELECT account_payee(account_id) FROM receipt WHERE receipt.id = $1)
    )
$_$;

CREATE FUNCTION public.receipt_points() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.id, 'prompt' AS what, after.prompt_id AS at INTO wrong
    FROM after LEFT JOIN prompt ON prompt.id = after.prompt_id
    WHERE after.prompt_id IS NOT NULL AND prompt.id IS NULL LIMIT 1;
    IF NOT FOUND THEN
        SELECT NULL::uuid AS id, 'account' AS what, pointed.account_id AS at INTO wrong
        FROM (SELECT DISTINCT account_id FROM after) AS pointed
        LEFT JOIN mpesa_account ON mpesa_account.id = pointed.account_id
        WHERE mpesa_account.id IS NULL LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'a receipt points to % %, which there is not', wrong.what, wrong.at
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'receipt_points';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.receipt_restored(receipt uuid) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $_$
    SELECT min(restoration.backup_at)
    FROM receipt JOIN restoration ON least(receipt.created_at, receipt.paid_at) <= restoration.restored_at
    WHERE receipt.id = $1 AND restoration.compared_at IS NULL
$_$;

CREATE FUNCTION public.receipt_says_what_waits() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    here receipt%ROWTYPE;
    pays bigint;
    returned bigint;
    given_back bigint;
    expected text;
BEGIN
    SELECT * INTO here FROM receipt WHERE id = (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
    SELECT coalesce(sum(amount_cents), 0) INTO pays FROM application WHERE receipt_id = here.id;
    SELECT coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NOT NULL), 0),
           coalesce(sum(amount_cents) FILTER (WHERE fee_id IS NULL), 0)
        INTO returned, given_back FROM refund WHERE receipt_id = here.id AND state = 'done';
    expected := CASE
        WHEN here.amount_cents - pays - given_back > 0 THEN 'unapplied'
        WHEN pays - returned > 0 THEN 'applied'
        ELSE 'refunded'
    END;
    IF here.state <> expected THEN
        RAISE EXCEPTION 'receipt % is %, and by its money it is %', here.id, here.state, expected
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'receipt_says_what_waits';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.receipt_topics(receipts uuid[]) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
    WITH of_fee AS (
        SELECT fee.id, fee.payee_id FROM application JOIN fee ON fee.id = application.fee_id
        WHERE application.receipt_id = ANY(receipts)
        UNION
        SELECT fee.id, fee.payee_id
        FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id JOIN fee ON fee.id = prompt.fee_id
        WHERE receipt.id = ANY(receipts)
    )
    SELECT rufaa_topic('fee', id) FROM of_fee
    UNION SELECT rufaa_topic('money', payee_id) FROM of_fee
    UNION SELECT rufaa_topic('money', account_payee(account_id))
        FROM (SELECT DISTINCT account_id FROM receipt WHERE id = ANY(receipts)) AS account
    UNION SELECT rufaa_topic('tasks', facility_id) FROM task WHERE receipt_id = ANY(receipts)
$$;

CREATE FUNCTION public.referral_frees_its_slot() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.referral_goes_onward() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    first_one referral%ROWTYPE;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.onward_of_id IS DISTINCT FROM NEW.onward_of_id THEN
            RAISE EXCEPTION 'referral % was no referral onward when it was made', NEW.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_goes_onward';
        END IF;
        RETURN NULL;
    END IF;
    SELECT * INTO first_one FROM referral WHERE id = NEW.onward_of_id;
    IF NEW.referring_id IS DISTINCT FROM first_one.receiving_id THEN
        RAISE EXCEPTION 'referral % does not come from where % went', NEW.id, NEW.onward_of_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_goes_onward';
    ELSIF first_one.state NOT IN ('confirmed', 'completed') THEN
        RAISE EXCEPTION 'referral % cannot go on from %, which is %', NEW.id, NEW.onward_of_id, first_one.state
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_goes_onward';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.referral_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('referral', id) FROM changed
        UNION SELECT rufaa_topic('list', facility) || ':' || state
            FROM changed CROSS JOIN unnest(ARRAY[referring_id, receiving_id, payee_id]) AS facility
        UNION SELECT rufaa_topic('own', physician_id) || ':' || state FROM changed
    ));
    IF TG_OP = 'INSERT' THEN
        PERFORM rufaa_tell(ARRAY(
            SELECT rufaa_topic('referral', onward_of_id) FROM changed WHERE onward_of_id IS NOT NULL
        ));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.referral_is_sought() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    AS $$
DECLARE
    otherwise uuid[];
    released uuid[];
    taken_back uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        otherwise := ARRAY(SELECT id FROM after);
    ELSE
        SELECT
            array_agg(after.id) FILTER (WHERE after.payee_id IS DISTINCT FROM before.payee_id),
            array_agg(after.id) FILTER (WHERE before.released_at IS NULL AND after.released_at IS NOT NULL),
            array_agg(after.id) FILTER (WHERE before.released_at IS NOT NULL AND after.released_at IS NULL)
            INTO otherwise, released, taken_back FROM after JOIN before USING (id);
    END IF;
    IF cardinality(released) > 0 THEN
        PERFORM referrals_are_released(released, true);
    END IF;
    IF cardinality(taken_back) > 0 THEN
        PERFORM referrals_are_released(taken_back, false);
    END IF;
    IF cardinality(otherwise) > 0 THEN
        PERFORM referrals_are_sought(otherwise);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.referral_is_told() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.referral_lexemes(referrals uuid[]) RETURNS TABLE(referral uuid, words tsvector, released boolean)
    LANGUAGE sql STABLE
    AS $_$
    SELECT referral.id, array_to_tsvector(array_remove(
        search_words(particulars.name) || lower(referral.account_code)
        || ARRAY(SELECT '$' || word FROM unnest(search_words(particulars.external_id)) AS word)
        || ARRAY[
            '#' || nullif(reverse(particulars.phone), ''),
            '#' || nullif(reverse(particulars.payer_phone), ''),
            '@f' || replace(referring_id::text, '-', ''),
            '@p' || replace(physician_id::text, '-', ''),
            '@r' || replace(receiving_id::text, '-', ''),
            '@m' || replace(payee_id::text, '-', '')
        ], NULL
    )), released_at IS NOT NULL
    FROM referral JOIN particulars ON particulars.id = referral.particulars_id
    WHERE referral.id = ANY(referrals)
$_$;

CREATE FUNCTION public.referral_needs_money() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_nestloop TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT * INTO wrong FROM (
        SELECT after.id, before.state AS was, after.state, after.event, after.priority,
            (SELECT fee.state FROM fee WHERE fee.id = after.fee_id) AS fee
        FROM after JOIN before USING (id) WHERE after.state <> before.state
    ) AS moved
    WHERE (state = 'paid' AND fee IS DISTINCT FROM 'paid')
        OR (event = 'confirm' AND was = 'pending-payment' AND fee NOT IN ('waived', 'deferred'))
        OR (event = 'confirm-emergency' AND priority <> 'Emergency')
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF wrong.state = 'paid' THEN
        RAISE EXCEPTION 'referral % cannot be paid: its fee is %', wrong.id, coalesce(wrong.fee, 'not raised')
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_needs_paid_fee';
    ELSIF wrong.event = 'confirm' THEN
        RAISE EXCEPTION 'referral % cannot be confirmed: its fee is %', wrong.id, wrong.fee
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_needs_settled_fee';
    END IF;
    RAISE EXCEPTION 'referral % is no Emergency', wrong.id
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_is_emergency';
END $$;

CREATE FUNCTION public.referral_payee_is_the_fees() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.payee_id IS DISTINCT FROM (SELECT payee_id FROM fee WHERE id = NEW.fee_id) THEN
        RAISE EXCEPTION 'referral % has another payee than its fee', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'referral_payee_is_the_fees';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.referrals_are_released(changed uuid[], so boolean) RETURNS void
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    UPDATE referral_search SET released = so WHERE referral_id = ANY(changed);
END $$;

CREATE FUNCTION public.referrals_are_sought(changed uuid[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
    INSERT INTO referral_search (referral_id, words, released)
    SELECT referral, words, released FROM referral_lexemes(changed)
    ON CONFLICT (referral_id) DO UPDATE SET words = excluded.words, released = excluded.released;
END $$;

CREATE FUNCTION public.refund_books() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    books uuid;
BEGIN
    SELECT account_id INTO books FROM receipt WHERE id = NEW.receipt_id;
    IF NEW.fee_id IS NOT NULL THEN
        INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt, refund)
        VALUES ('returned', 'income', 'unapplied', NEW.amount_cents, books, NEW.fee_id, NEW.receipt_id, NEW.id);
    END IF;
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee, receipt, refund)
    VALUES ('refunded', 'unapplied', mpesa_books(books), NEW.amount_cents, books, NEW.fee_id, NEW.receipt_id, NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION public.refund_ends_its_fee() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM fee WHERE id = NEW.fee_id AND state = 'paid'
            AND amount_cents = (SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND fee = NEW.fee_id)
    ) THEN
        RAISE EXCEPTION 'fee % is paid, and all of it was given back', NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_ends_its_fee';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.refund_overtaken(refund uuid, receipt uuid, fee uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    SELECT EXISTS (
        SELECT FROM refund AS other
        WHERE other.receipt_id = $2 AND other.id <> $1 AND (
            (other.fee_id = $3 AND other.state = 'done')
            OR (other.fee_id IS NULL AND $3 IS NULL AND other.state = 'done'
                AND other.done_at >= (SELECT created_at FROM refund WHERE id = $1))
            OR (other.fee_id IS NULL AND other.state IN ('failed', 'withdrawn') AND EXISTS (
                SELECT FROM task
                WHERE task.refund_id = other.id AND task.kind = 'contradiction' AND task.closed_at IS NULL
            ))
        )
    )
$_$;

CREATE FUNCTION public.refund_promises() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    change bigint := CASE
        WHEN TG_OP = 'INSERT' THEN -NEW.amount_cents
        WHEN NEW.state IN ('withdrawn', 'failed') AND OLD.state NOT IN ('withdrawn', 'failed') THEN NEW.amount_cents
        WHEN NEW.state = 'done' AND OLD.state IN ('withdrawn', 'failed') THEN -NEW.amount_cents  -- it was free in between
        ELSE 0
    END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.fee_id IS NULL AND NEW.fee_id IS NOT NULL THEN
            RAISE EXCEPTION 'refund % is of money that waits, and stays so', NEW.id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_promises';
        ELSIF NEW.state = OLD.state THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'INSERT' OR NEW.state = 'done' THEN
        PERFORM FROM fee WHERE id = NEW.fee_id FOR NO KEY UPDATE;
        PERFORM FROM receipt WHERE id = NEW.receipt_id FOR NO KEY UPDATE;
    END IF;
    IF NEW.fee_id IS NULL THEN
        IF change <> 0 THEN
            UPDATE receipt SET free_cents = free_cents + change WHERE id = NEW.receipt_id;  -- its CHECK guards
        END IF;
    ELSIF (TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM application JOIN fee ON fee.id = application.fee_id
        WHERE application.fee_id = NEW.fee_id AND application.receipt_id = NEW.receipt_id
            AND application.amount_cents = NEW.amount_cents AND fee.state = 'paid'
    )) OR (NEW.state IN ('proposed', 'approved', 'sending', 'resending', 'done') AND EXISTS (
        SELECT FROM refund AS other
        WHERE other.receipt_id = NEW.receipt_id AND other.fee_id = NEW.fee_id AND other.state = 'done'
    )) THEN
        RAISE EXCEPTION 'refund % is not of what receipt % pays of fee %', NEW.id, NEW.receipt_id, NEW.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_promises';
    END IF;
    IF TG_OP = 'INSERT' AND NEW.method = 'reversal' AND NOT EXISTS (
        SELECT FROM receipt
        WHERE id = NEW.receipt_id AND amount_cents = NEW.amount_cents AND number IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'refund % reverses a part, or a receipt without a number', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'refund_reverses_all';
    END IF;
    RETURN NEW;
END $$;

CREATE PROCEDURE public.rufaa_freezes(IN frozen regclass, IN guard text, VARIADIC columns text[])
    LANGUAGE plpgsql
    AS $_$
DECLARE
    broken text;
    named text;
BEGIN
    SELECT string_agg(format('(OLD.%1$I IS NOT NULL AND OLD.%1$I IS DISTINCT FROM NEW.%1$I)', name), ' OR ' ORDER BY place),
        string_agg(format('%L', name), ', ' ORDER BY place)
        INTO broken, named FROM unnest(columns) WITH ORDINALITY AS each (name, place);
    EXECUTE format('CREATE OR REPLACE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s)'
        ' EXECUTE FUNCTION frozen_columns(%s)', guard, frozen, broken, named);
END $_$;

CREATE PROCEDURE public.rufaa_has_history(IN machine regclass, IN born text, IN moved text)
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
        ' EXECUTE FUNCTION law_history(%L)', born, machine, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS before NEW TABLE AS after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION law_history(%L)', moved, machine, machine);
END $$;

CREATE PROCEDURE public.rufaa_has_law(IN machine regclass, IN born text, IN moved text)
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('DROP TRIGGER %I ON %s', moved, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON %s REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
        ' EXECUTE FUNCTION law_holds(%L)', born, machine, machine);
    EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON %s REFERENCING OLD TABLE AS before NEW TABLE AS after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION law_holds(%L)', moved, machine, machine);
END $$;

CREATE PROCEDURE public.rufaa_is_live(IN live regclass, IN told_by text, IN moves boolean DEFAULT false)
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.rufaa_now() RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN statement_timestamp() + (SELECT "offset" FROM rufaa_clock);
END $$;

CREATE FUNCTION public.rufaa_tell(topics text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.rufaa_tell_everything() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY['*']);
    RETURN NULL;
END $$;

CREATE FUNCTION public.rufaa_topic(kind text, id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    AS $$
    SELECT kind || ':' || right(id::text, 12)
$$;

CREATE FUNCTION public.search_query(sought text, medical text, money text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    SELECT nullif(concat_ws(' | ',
        CASE WHEN medical <> '' THEN '(' || medical || ') & ' || string_agg(
            '(' || quote_literal(word) || ':* | ' || quote_literal('$' || word) || ':*'
            || CASE WHEN word ~ '^[0-9]{3,}$' THEN ' | ' || quote_literal('#' || reverse(word)) || ':*' ELSE '' END || ')', ' & ')
        END,
        CASE WHEN money <> '' THEN '(' || money || ') & ' || string_agg(quote_literal(word) || ':*', ' & ') END
    ), '')::tsquery
    FROM unnest(search_words(sought)) AS word
$_$;

CREATE FUNCTION public.search_words(text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
    SELECT coalesce(array_agg(DISTINCT word), '{}')
    FROM regexp_split_to_table(
        lower(regexp_replace(normalize($1, NFKD), '[\u0300-\u036f''`´‘’ʼ]', '', 'g')), '[\s!-/:-@\[-`{-~]+'
    ) AS word
    WHERE word <> ''
$_$;

CREATE FUNCTION public.talk_is_between_the_two() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM referral WHERE id = NEW.referral_id AND NEW.facility_id IN (referring_id, receiving_id)
    ) THEN
        RAISE EXCEPTION '% %: its facility is none of the two of its referral', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'talk_is_between_the_two';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.talk_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('talk', referral_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.task_closes_by_hand(kind text, refund uuid, prompt uuid) RETURNS boolean
    LANGUAGE sql STABLE
    AS $_$
    SELECT CASE kind
        WHEN 'refund' THEN EXISTS (SELECT FROM refund WHERE id = $2 AND state IN ('failed', 'withdrawn'))
        WHEN 'review' THEN EXISTS (SELECT FROM prompt WHERE id = $3 AND next_at IS NULL)
        ELSE kind IN ('contradiction', 'stray', 'claim', 'unread', 'unserved')
    END
$_$;

CREATE FUNCTION public.task_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('tasks', facility_id) FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.user_is_live() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('person', id) FROM changed UNION SELECT 'people' FROM changed));
    RETURN NULL;
END $$;

CREATE FUNCTION public.written_by_triggers() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'rows of % are written by triggers alone', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'written_by_triggers';
    END IF;
    RETURN NULL;
END $$;

CREATE TABLE public.account_emailaddress (
    id integer NOT NULL,
    email character varying(254) NOT NULL,
    verified boolean NOT NULL,
    "primary" boolean NOT NULL,
    user_id uuid NOT NULL
);

ALTER TABLE public.account_emailaddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.account_emailaddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.account_emailconfirmation (
    id integer NOT NULL,
    created timestamp with time zone NOT NULL,
    sent timestamp with time zone,
    key character varying(64) NOT NULL,
    email_address_id integer NOT NULL
);

ALTER TABLE public.account_emailconfirmation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.account_emailconfirmation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.account_hold (
    id uuid NOT NULL,
    held_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    reason text NOT NULL,
    held_by text NOT NULL,
    released_at timestamp with time zone,
    released_by text,
    account_id uuid NOT NULL,
    CONSTRAINT account_hold_reason CHECK ((NOT (reason = ''::text))),
    CONSTRAINT account_hold_released CHECK ((((released_at IS NULL) AND (released_by IS NULL)) OR ((released_at IS NOT NULL) AND (released_by IS NOT NULL))))
);

CREATE TABLE public.api_key (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    user_id uuid NOT NULL,
    CONSTRAINT api_key_expires_later CHECK (((expires_at IS NULL) OR (expires_at > created_at)))
);

CREATE TABLE public.application (
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    amount_cents bigint NOT NULL,
    by uuid,
    fee_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    CONSTRAINT application_amount CHECK ((amount_cents > 0))
);

CREATE TABLE public.appointment (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    held_until timestamp with time zone,
    settled_at timestamp with time zone,
    offered_at timestamp with time zone,
    superseded boolean DEFAULT false NOT NULL,
    referral_id uuid NOT NULL,
    replaces_id uuid,
    slot_id uuid NOT NULL,
    CONSTRAINT appointment_hold_ends CHECK (((NOT (state = 'held'::text)) OR (held_until IS NOT NULL))),
    CONSTRAINT appointment_state CHECK ((state = ANY (ARRAY['held'::text, 'booked'::text, 'arrived'::text, 'seen'::text, 'missed'::text, 'lapsed'::text, 'cancelled'::text, 'moved'::text])))
);

CREATE TABLE public.attachment (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    size_bytes integer NOT NULL,
    sha256 bytea NOT NULL,
    removed_at timestamp with time zone,
    removed_reason text,
    author_id uuid NOT NULL,
    facility_id uuid NOT NULL,
    referral_id uuid NOT NULL,
    removed_by_id uuid,
    CONSTRAINT attachment_digest CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT attachment_kind CHECK ((kind = ANY (ARRAY['application/pdf'::text, 'image/jpeg'::text, 'image/png'::text]))),
    CONSTRAINT attachment_name CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200) AND (name !~ '[\u0001-\u001f\u007f-\u009f/\\]'::text))),
    CONSTRAINT attachment_reason CHECK (((char_length(removed_reason) >= 1) AND (char_length(removed_reason) <= 2000))),
    CONSTRAINT attachment_removed_by_somebody CHECK ((((removed_at IS NULL) AND (removed_by_id IS NULL) AND (removed_reason IS NULL)) OR ((removed_at IS NOT NULL) AND (removed_by_id IS NOT NULL) AND (removed_reason IS NOT NULL)))),
    CONSTRAINT attachment_size CHECK (((size_bytes > 0) AND (size_bytes <= 26214400)))
);

CREATE TABLE public.attachment_content (
    attachment_id uuid NOT NULL,
    content bytea NOT NULL
);
ALTER TABLE ONLY public.attachment_content ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    kind text NOT NULL,
    referral uuid NOT NULL,
    actor uuid,
    channel text NOT NULL,
    place text DEFAULT ''::text NOT NULL,
    CONSTRAINT audit_channel CHECK ((channel = ANY (ARRAY['page'::text, 'function'::text, 'command'::text, 'patient'::text, 'server'::text]))),
    CONSTRAINT audit_kind CHECK ((kind ~ '^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$'::text)),
    CONSTRAINT audit_place CHECK ((place ~ '^[ -~]{0,120}$'::text))
);

CREATE TABLE public.audit_block (
    number bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    up_to bigint NOT NULL,
    entries integer NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_block_entries CHECK ((entries > 0))
);

CREATE SEQUENCE public.audit_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.audit_number OWNED BY public.audit.id;

CREATE TABLE public.auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);

ALTER TABLE public.auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);

ALTER TABLE public.auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);

ALTER TABLE public.auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accessattempt (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    get_data text NOT NULL,
    post_data text NOT NULL,
    failures_since_start integer NOT NULL,
    CONSTRAINT axes_accessattempt_failures_since_start_check CHECK ((failures_since_start >= 0))
);

ALTER TABLE public.axes_accessattempt ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accessattempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accessattemptexpiration (
    access_attempt_id integer NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.axes_accessfailurelog (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    locked_out boolean NOT NULL
);

ALTER TABLE public.axes_accessfailurelog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accessfailurelog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.axes_accesslog (
    id integer NOT NULL,
    user_agent character varying(255) NOT NULL,
    ip_address inet,
    username character varying(255),
    http_accept character varying(1025) NOT NULL,
    path_info character varying(255) NOT NULL,
    attempt_time timestamp with time zone NOT NULL,
    logout_time timestamp with time zone,
    session_hash character varying(64) NOT NULL
);

ALTER TABLE public.axes_accesslog ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.axes_accesslog_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.brought (
    id uuid NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    source text NOT NULL,
    document text NOT NULL,
    digest text NOT NULL,
    body bytea NOT NULL,
    outcome text NOT NULL,
    why jsonb NOT NULL,
    referral_id uuid,
    CONSTRAINT brought_outcome CHECK ((outcome = ANY (ARRAY['brought'::text, 'kept'::text, 'aside'::text])))
);

CREATE TABLE public.claim (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    number text NOT NULL,
    channel text NOT NULL,
    amount_cents bigint,
    paid_at timestamp with time zone,
    account_reference text DEFAULT ''::text NOT NULL,
    phone_shown text DEFAULT ''::text NOT NULL,
    by uuid,
    inbox bigint,
    next_at timestamp with time zone,
    asked integer DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    ended_as text DEFAULT ''::text NOT NULL,
    account_id uuid NOT NULL,
    fee_id uuid,
    receipt_id uuid,
    CONSTRAINT claim_channel CHECK ((channel = ANY (ARRAY['c2b'::text, 'typed'::text]))),
    CONSTRAINT claim_ended CHECK ((((ended_as = ''::text) AND (ended_at IS NULL)) OR ((ended_as = ANY (ARRAY['confirmed'::text, 'refused'::text, 'given-up'::text])) AND (ended_at IS NOT NULL)))),
    CONSTRAINT claim_number_form CHECK ((number ~ '^[0-9A-Z]{6,20}$'::text))
);

CREATE TABLE public.clinic (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    name text NOT NULL,
    services text[] DEFAULT '{}'::text[] NOT NULL,
    slot_minutes integer NOT NULL,
    slot_capacity integer NOT NULL,
    day_capacity integer,
    hold_minutes integer DEFAULT 30 NOT NULL,
    days_ahead integer DEFAULT 60 NOT NULL,
    works_on_holidays boolean DEFAULT false NOT NULL,
    laid_out_on date,
    ended_at timestamp with time zone,
    facility_id uuid NOT NULL,
    CONSTRAINT clinic_bounds CHECK (((days_ahead >= 1) AND (days_ahead <= 366) AND (hold_minutes >= 2) AND (hold_minutes <= 1440) AND (slot_capacity >= 1) AND (slot_capacity <= 1000) AND (slot_minutes >= 5) AND (slot_minutes <= 720) AND ((day_capacity IS NULL) OR ((day_capacity >= 1) AND (day_capacity <= 100000)))))
);

CREATE TABLE public.clinic_day (
    id bigint NOT NULL,
    day date NOT NULL,
    capacity integer NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    clinic_id uuid NOT NULL,
    CONSTRAINT clinic_day_not_overbooked CHECK (((taken >= 0) AND (taken <= capacity)))
);

ALTER TABLE public.clinic_day ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clinic_day_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.clinic_hours (
    id bigint NOT NULL,
    weekday smallint NOT NULL,
    opens time without time zone NOT NULL,
    closes time without time zone NOT NULL,
    clinic_id uuid NOT NULL,
    CONSTRAINT clinic_hours_are_hours CHECK (((opens < closes) AND (weekday >= 1) AND (weekday <= 7)))
);

ALTER TABLE public.clinic_hours ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.clinic_hours_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.closure (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    withdrawn_at timestamp with time zone,
    clinic_id uuid,
    facility_id uuid NOT NULL,
    CONSTRAINT closure_is_a_time CHECK (((starts_at < ends_at) AND (NOT (reason = ''::text))))
);

CREATE TABLE public.comment (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    text text NOT NULL,
    author_id uuid NOT NULL,
    facility_id uuid NOT NULL,
    referral_id uuid NOT NULL,
    CONSTRAINT comment_text CHECK (((char_length(text) >= 1) AND (char_length(text) <= 2000) AND (text !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f]'::text)))
);

CREATE TABLE public.django_admin_log (
    id integer NOT NULL,
    action_time timestamp with time zone NOT NULL,
    object_id text,
    object_repr character varying(200) NOT NULL,
    action_flag smallint NOT NULL,
    change_message text NOT NULL,
    content_type_id integer,
    user_id uuid NOT NULL,
    CONSTRAINT django_admin_log_action_flag_check CHECK ((action_flag >= 0))
);

ALTER TABLE public.django_admin_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_admin_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);

ALTER TABLE public.django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);

ALTER TABLE public.django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);

CREATE TABLE public.evidence (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    channel text NOT NULL,
    inbox bigint,
    verdict text NOT NULL,
    result_code text DEFAULT ''::text NOT NULL,
    result_desc text DEFAULT ''::text NOT NULL,
    receipt_number text DEFAULT ''::text NOT NULL,
    amount_cents bigint,
    phone_shown text DEFAULT ''::text NOT NULL,
    status integer,
    body bytea DEFAULT '\x'::bytea NOT NULL,
    prompt_id uuid,
    receipt_id uuid,
    stray_id uuid,
    account_id uuid,
    claim_id uuid,
    refund_id uuid,
    CONSTRAINT evidence_of_one_thing CHECK ((num_nonnulls(prompt_id, stray_id, claim_id, refund_id, account_id) = 1))
);

ALTER TABLE public.evidence ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.evidence_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.exemption (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    proposed_by uuid NOT NULL,
    seconded_by uuid,
    seconded_at timestamp with time zone,
    withdrawn_at timestamp with time zone,
    fee_id uuid NOT NULL,
    CONSTRAINT exemption_kind CHECK ((kind = ANY (ARRAY['waive'::text, 'defer'::text]))),
    CONSTRAINT exemption_reason CHECK ((NOT (reason = ''::text))),
    CONSTRAINT exemption_two_people CHECK (((seconded_by IS NULL) OR (NOT ((seconded_by = proposed_by) AND (seconded_by IS NOT NULL)))))
);

CREATE TABLE public.facility (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    name text NOT NULL,
    prompts_at_once boolean DEFAULT true NOT NULL,
    second_factor_required boolean DEFAULT false NOT NULL,
    late_money text DEFAULT 'offer'::text NOT NULL,
    CONSTRAINT facility_late_money CHECK ((late_money = ANY (ARRAY['offer'::text, 'refund'::text])))
);

CREATE TABLE public.fee (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    account_code text NOT NULL,
    amount_cents bigint NOT NULL,
    account_id uuid NOT NULL,
    payee_id uuid NOT NULL,
    CONSTRAINT fee_amount CHECK (((amount_cents >= 100) AND (amount_cents <= 25000000))),
    CONSTRAINT fee_code CHECK ((account_code ~ '^[0-9A-Z]{1,12}$'::text)),
    CONSTRAINT fee_state CHECK ((state = ANY (ARRAY['due'::text, 'paid'::text, 'waived'::text, 'deferred'::text, 'refunded'::text])))
);

CREATE TABLE public.history (
    id bigint NOT NULL,
    machine text NOT NULL,
    subject uuid NOT NULL,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    actor uuid,
    reason text DEFAULT ''::text NOT NULL
);

ALTER TABLE public.history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.inbox (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    subject uuid CONSTRAINT inbox_prompt_not_null NOT NULL,
    source text NOT NULL,
    trusted boolean NOT NULL,
    body bytea NOT NULL,
    settled_at timestamp with time zone,
    outcome text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT inbox_kind CHECK ((kind = ANY (ARRAY['stk'::text, 'c2b'::text, 'c2b-validation'::text, 'result'::text, 'timeout'::text])))
);

ALTER TABLE public.inbox ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.inbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.inquiry (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    receipt_number text,
    original_conversation_id text,
    conversation_id text,
    originator_conversation_id text,
    code text DEFAULT ''::text NOT NULL,
    answered_at timestamp with time zone,
    account_id uuid NOT NULL,
    claim_id uuid,
    refund_id uuid,
    CONSTRAINT inquiry_about_one CHECK ((((claim_id IS NOT NULL) OR (refund_id IS NOT NULL)) AND (1 = (
CASE
    WHEN (claim_id IS NOT NULL) THEN 1
    ELSE 0
END +
CASE
    WHEN (refund_id IS NOT NULL) THEN 1
    ELSE 0
END)))),
    CONSTRAINT inquiry_by_one CHECK ((((receipt_number IS NOT NULL) OR (original_conversation_id IS NOT NULL)) AND (1 = (
CASE
    WHEN (receipt_number IS NOT NULL) THEN 1
    ELSE 0
END +
CASE
    WHEN (original_conversation_id IS NOT NULL) THEN 1
    ELSE 0
END))))
);

CREATE TABLE public.key_check (
    id uuid NOT NULL,
    asked_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    asked_by uuid NOT NULL,
    next_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    ended_at timestamp with time zone,
    finding text DEFAULT ''::text NOT NULL,
    said text DEFAULT ''::text NOT NULL,
    account_id uuid NOT NULL,
    facility_id uuid NOT NULL
);

CREATE TABLE public.law (
    id bigint NOT NULL,
    machine text NOT NULL,
    from_state text NOT NULL,
    event text NOT NULL,
    to_state text NOT NULL,
    in_force boolean NOT NULL
);

ALTER TABLE public.law ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.law_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.logbook (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    kind text NOT NULL,
    person uuid,
    facility uuid,
    actor uuid,
    channel text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    about jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT logbook_kind CHECK ((kind ~ '^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$'::text))
);

ALTER TABLE public.logbook ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.logbook_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.membership (
    id uuid NOT NULL,
    role text NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    revoked_at timestamp with time zone,
    facility_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT membership_role CHECK ((role = ANY (ARRAY['physician'::text, 'administrator'::text, 'reception'::text, 'finance'::text])))
);

CREATE TABLE public.mfa_authenticator (
    id bigint NOT NULL,
    type character varying(20) NOT NULL,
    data jsonb NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);

ALTER TABLE public.mfa_authenticator ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mfa_authenticator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.mpesa_access (
    account_id uuid NOT NULL,
    sealed_token bytea,
    token_expires_at timestamp with time zone,
    renewal integer DEFAULT 0 NOT NULL,
    renewing_until timestamp with time zone,
    push_tat timestamp with time zone,
    query_tat timestamp with time zone,
    pull_at timestamp with time zone,
    pulled_until timestamp with time zone
);

CREATE TABLE public.mpesa_account (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    environment text NOT NULL,
    base_url text NOT NULL,
    short_code text NOT NULL,
    kind text NOT NULL,
    till_number text DEFAULT ''::text NOT NULL,
    sealed_keys bytea NOT NULL,
    pushes_per_s double precision DEFAULT 5.0 NOT NULL,
    queries_per_min double precision DEFAULT 5.0 NOT NULL,
    owner_id uuid,
    c2b_registered_at timestamp with time zone,
    c2b_urls_for text DEFAULT ''::text NOT NULL,
    pull_registered_at timestamp with time zone,
    CONSTRAINT mpesa_account_rates CHECK (((pushes_per_s > (0.0)::double precision) AND (queries_per_min > (0.0)::double precision)))
);

CREATE TABLE public.mutation_record (
    id bigint NOT NULL,
    session uuid NOT NULL,
    request bigint NOT NULL,
    digest bytea NOT NULL,
    caller uuid NOT NULL,
    result text,
    waiting jsonb,
    ts_ns bigint,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL
);

ALTER TABLE public.mutation_record ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mutation_record_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notice (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    subject uuid NOT NULL,
    channel text NOT NULL,
    due_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    next_at timestamp with time zone,
    lease integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    copy integer DEFAULT 1 NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    text text DEFAULT ''::text NOT NULL,
    parts integer DEFAULT 0 NOT NULL,
    gateway_id text,
    cost text DEFAULT ''::text NOT NULL,
    sent_at timestamp with time zone,
    referral_id uuid NOT NULL,
    CONSTRAINT notice_channel CHECK ((channel = ANY (ARRAY['sms'::text, 'email'::text]))),
    CONSTRAINT notice_kind CHECK ((kind = ANY (ARRAY['received'::text, 'ringing'::text, 'paid'::text, 'not-paid'::text, 'booked'::text, 'moved'::text, 'choose'::text, 'cancelled'::text, 'reminder'::text, 'outcome'::text]))),
    CONSTRAINT notice_says_something CHECK (((NOT (state = ANY (ARRAY['sending'::text, 'sent'::text, 'delivered'::text]))) OR ((NOT (address = ''::text)) AND (NOT (text = ''::text))))),
    CONSTRAINT notice_state CHECK ((state = ANY (ARRAY['due'::text, 'sending'::text, 'sent'::text, 'unknown'::text, 'delivered'::text, 'undelivered'::text, 'failed'::text, 'dropped'::text])))
);

CREATE TABLE public.notice_policy (
    facility_id uuid NOT NULL,
    mode text DEFAULT 'off'::text NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    quiet_from time without time zone DEFAULT '21:00:00'::time without time zone NOT NULL,
    quiet_until time without time zone DEFAULT '07:00:00'::time without time zone NOT NULL,
    silent text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT notice_policy_words CHECK (((language = ANY (ARRAY['en'::text, 'sw'::text])) AND (mode = ANY (ARRAY['off'::text, 'unless-refused'::text, 'with-consent'::text])) AND (silent <@ ARRAY['received'::text, 'ringing'::text, 'paid'::text, 'not-paid'::text, 'booked'::text, 'moved'::text, 'choose'::text, 'cancelled'::text, 'reminder'::text, 'outcome'::text])))
);

CREATE TABLE public.notice_template (
    id bigint NOT NULL,
    kind text NOT NULL,
    language text NOT NULL,
    text text NOT NULL,
    facility_id uuid NOT NULL,
    CONSTRAINT notice_template_words CHECK (((kind = ANY (ARRAY['received'::text, 'ringing'::text, 'paid'::text, 'not-paid'::text, 'booked'::text, 'moved'::text, 'choose'::text, 'cancelled'::text, 'reminder'::text, 'outcome'::text])) AND (language = ANY (ARRAY['en'::text, 'sw'::text])) AND (NOT (text = ''::text))))
);

ALTER TABLE public.notice_template ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notice_template_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notice_wish (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    phone text NOT NULL,
    wants boolean NOT NULL,
    said text NOT NULL,
    actor uuid,
    CONSTRAINT notice_wish_form CHECK (((phone ~ '^254[17][0-9]{8}$'::text) AND (said = ANY (ARRAY['sms'::text, 'desk'::text, 'gateway'::text]))))
);

ALTER TABLE public.notice_wish ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notice_wish_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.openid_link (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    removed_at timestamp with time zone,
    user_id uuid NOT NULL
);

CREATE TABLE public.particulars (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    name text NOT NULL,
    external_id text DEFAULT ''::text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    payer_phone text DEFAULT ''::text NOT NULL,
    email text DEFAULT ''::text NOT NULL,
    date_of_birth text DEFAULT ''::text NOT NULL,
    national_id text DEFAULT ''::text NOT NULL,
    booked_date text DEFAULT ''::text NOT NULL,
    booked_time text DEFAULT ''::text NOT NULL,
    CONSTRAINT particulars_payer_phone CHECK ((payer_phone ~ '^(254[17][0-9]{8})?$'::text)),
    CONSTRAINT particulars_phone CHECK ((phone ~ '^(254[17][0-9]{8})?$'::text))
);

CREATE TABLE public.paypage_allowance (
    key text NOT NULL,
    rule text NOT NULL,
    used integer NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT paypage_allowance_used CHECK ((used >= 0))
);

CREATE TABLE public.price (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    amount_cents bigint NOT NULL,
    account_id uuid NOT NULL,
    facility_id uuid NOT NULL,
    payee_id uuid NOT NULL,
    receiving_id uuid,
    CONSTRAINT price_amount CHECK (((amount_cents >= 100) AND (amount_cents <= 25000000)))
);

CREATE TABLE public.prompt (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    attempt integer NOT NULL,
    payer_phone text NOT NULL,
    amount_cents bigint NOT NULL,
    next_at timestamp with time zone DEFAULT public.rufaa_now(),
    lease integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    sent_at timestamp with time zone,
    merchant_request_id text,
    checkout_request_id text,
    code text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    queries integer DEFAULT 0 NOT NULL,
    unpaid_queries integer DEFAULT 0 NOT NULL,
    settled_at timestamp with time zone,
    account_id uuid NOT NULL,
    fee_id uuid NOT NULL,
    CONSTRAINT prompt_phone_form CHECK ((payer_phone ~ '^254[17][0-9]{8}$'::text)),
    CONSTRAINT prompt_state CHECK ((state = ANY (ARRAY['created'::text, 'sending'::text, 'pending'::text, 'unknown'::text, 'refused'::text, 'paid'::text, 'unpaid'::text, 'review'::text])))
);

CREATE TABLE public.receipt (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    number text,
    amount_cents bigint NOT NULL,
    paid_at timestamp with time zone,
    account_id uuid NOT NULL,
    prompt_id uuid,
    account_reference text DEFAULT ''::text NOT NULL,
    free_cents bigint DEFAULT 0 NOT NULL,
    phone_shown text DEFAULT ''::text NOT NULL,
    names_id uuid,
    CONSTRAINT receipt_amount CHECK ((amount_cents > 0)),
    CONSTRAINT receipt_free CHECK (((free_cents >= 0) AND (free_cents <= amount_cents))),
    CONSTRAINT receipt_number CHECK (((number ~ '^[0-9A-Z]{6,20}$'::text) OR (number IS NULL))),
    CONSTRAINT receipt_state CHECK ((state = ANY (ARRAY['unapplied'::text, 'applied'::text, 'refunded'::text])))
);

CREATE TABLE public.referral (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    token text NOT NULL,
    account_code text NOT NULL,
    priority text NOT NULL,
    released_at timestamp with time zone,
    medical_history text NOT NULL,
    lab_results jsonb NOT NULL,
    diagnosis text NOT NULL,
    created_by_id uuid NOT NULL,
    fee_id uuid,
    particulars_id uuid NOT NULL,
    payee_id uuid,
    physician_id uuid NOT NULL,
    receiving_id uuid NOT NULL,
    referring_id uuid NOT NULL,
    former_id text,
    onward_of_id uuid,
    CONSTRAINT referral_fee_after_approval CHECK (((state = ANY (ARRAY['pending-admin'::text, 'rejected'::text, 'cancelled'::text, 'confirmed'::text, 'completed'::text])) OR (fee_id IS NOT NULL))),
    CONSTRAINT referral_onward_of_another CHECK ((NOT ((onward_of_id = id) AND (onward_of_id IS NOT NULL)))),
    CONSTRAINT referral_priority CHECK ((priority = ANY (ARRAY['Routine'::text, 'Urgent'::text, 'Emergency'::text]))),
    CONSTRAINT referral_state CHECK ((state = ANY (ARRAY['pending-admin'::text, 'awaiting-biodata'::text, 'pending-payment'::text, 'paid'::text, 'confirmed'::text, 'completed'::text, 'rejected'::text, 'cancelled'::text])))
);

CREATE TABLE public.referral_search (
    referral_id uuid NOT NULL,
    words tsvector NOT NULL,
    released boolean DEFAULT false NOT NULL
)
WITH (fillfactor='85');

CREATE TABLE public.refund (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    state text NOT NULL,
    event text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    amount_cents bigint NOT NULL,
    method text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    why text NOT NULL,
    proposed_by uuid NOT NULL,
    approved_by uuid,
    approved_at timestamp with time zone,
    next_at timestamp with time zone,
    lease integer DEFAULT 0 NOT NULL,
    lease_until timestamp with time zone,
    sent_at timestamp with time zone,
    orders integer DEFAULT 0 NOT NULL,
    conversation_id text,
    originator_conversation_id text,
    code text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    number text,
    done_at timestamp with time zone,
    fee_id uuid,
    receipt_id uuid NOT NULL,
    CONSTRAINT refund_amount CHECK ((amount_cents > 0)),
    CONSTRAINT refund_approved CHECK (((approved_by IS NOT NULL) OR (state = ANY (ARRAY['proposed'::text, 'withdrawn'::text])))),
    CONSTRAINT refund_method CHECK ((method = ANY (ARRAY['reversal'::text, 'b2c'::text]))),
    CONSTRAINT refund_phone CHECK ((((method = 'reversal'::text) AND (phone = ''::text)) OR ((method = 'b2c'::text) AND (phone ~ '^254[17][0-9]{8}$'::text)))),
    CONSTRAINT refund_state CHECK ((state = ANY (ARRAY['proposed'::text, 'withdrawn'::text, 'approved'::text, 'sending'::text, 'ordered'::text, 'unknown'::text, 'resending'::text, 'done'::text, 'failed'::text]))),
    CONSTRAINT refund_two_people CHECK (((approved_by IS NULL) OR (NOT ((approved_by = proposed_by) AND (approved_by IS NOT NULL))))),
    CONSTRAINT refund_why CHECK ((NOT (why = ''::text)))
);

CREATE TABLE public.restoration (
    id uuid NOT NULL,
    backup_at timestamp with time zone NOT NULL,
    restored_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    compared_at timestamp with time zone,
    compared text,
    CONSTRAINT restoration_compared CHECK ((((compared IS NULL) AND (compared_at IS NULL)) OR ((compared > ''::text) AND (compared IS NOT NULL) AND (compared_at IS NOT NULL))))
);

CREATE TABLE public.rufaa_clock (
    id smallint NOT NULL,
    "offset" interval NOT NULL,
    CONSTRAINT rufaa_clock_one_row CHECK ((id = 1))
);

CREATE TABLE public.rufaa_user (
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    username character varying(150) NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    email character varying(254) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamp with time zone NOT NULL,
    id uuid NOT NULL,
    full_name text NOT NULL,
    language text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.rufaa_user_groups (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    group_id integer NOT NULL
);

ALTER TABLE public.rufaa_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rufaa_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rufaa_user_user_permissions (
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    permission_id integer NOT NULL
);

ALTER TABLE public.rufaa_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.rufaa_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.shared_count (
    cache_key character varying(255) NOT NULL,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);

CREATE TABLE public.slot (
    id uuid NOT NULL,
    day date NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    capacity integer NOT NULL,
    taken integer DEFAULT 0 NOT NULL,
    open boolean DEFAULT true NOT NULL,
    clinic_id uuid NOT NULL,
    CONSTRAINT slot_not_overbooked CHECK (((starts_at < ends_at) AND (taken >= 0) AND (taken <= capacity)))
);

CREATE TABLE public.stray (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    prompt uuid NOT NULL,
    inbox bigint NOT NULL,
    checkout_request_id text,
    receipt_number text,
    amount_cents bigint,
    paid_at timestamp with time zone,
    next_at timestamp with time zone,
    queries integer DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    account_id uuid,
    receipt_id uuid
);

CREATE TABLE public.task (
    id uuid NOT NULL,
    opened_at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    kind text NOT NULL,
    why text NOT NULL,
    closed_at timestamp with time zone,
    facility_id uuid,
    fee_id uuid,
    prompt_id uuid,
    receipt_id uuid,
    stray_id uuid,
    account_id uuid,
    closed_as text DEFAULT ''::text NOT NULL,
    closed_by uuid,
    proposed_fee_id uuid,
    proposed_why text DEFAULT ''::text NOT NULL,
    claim_id uuid,
    refund_id uuid,
    CONSTRAINT task_of_something CHECK ((((facility_id IS NOT NULL) AND (fee_id IS NOT NULL)) OR (stray_id IS NOT NULL) OR (account_id IS NOT NULL)))
);

CREATE TABLE public.transfer (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT public.rufaa_now() NOT NULL,
    kind text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    amount_cents bigint NOT NULL,
    account uuid NOT NULL,
    fee uuid,
    receipt uuid,
    refund uuid,
    CONSTRAINT transfer_amount CHECK ((amount_cents > 0)),
    CONSTRAINT transfer_kind CHECK ((kind = ANY (ARRAY['raised'::text, 'received'::text, 'applied'::text, 'waived'::text, 'returned'::text, 'refunded'::text]))),
    CONSTRAINT transfer_subject CHECK ((((fee IS NOT NULL) AND (kind = ANY (ARRAY['raised'::text, 'waived'::text]))) OR ((kind = 'received'::text) AND (receipt IS NOT NULL)) OR ((fee IS NOT NULL) AND (kind = 'applied'::text) AND (receipt IS NOT NULL)) OR ((fee IS NOT NULL) AND (kind = 'returned'::text) AND (receipt IS NOT NULL) AND (refund IS NOT NULL)) OR ((kind = 'refunded'::text) AND (receipt IS NOT NULL) AND (refund IS NOT NULL)))),
    CONSTRAINT transfer_two_accounts CHECK ((NOT (debit = credit)))
);

ALTER TABLE public.transfer ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.transfer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.usersessions_usersession (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ip inet NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    session_key character varying(40) NOT NULL,
    user_agent character varying(200) NOT NULL,
    data jsonb NOT NULL,
    user_id uuid NOT NULL
);

ALTER TABLE public.usersessions_usersession ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.usersessions_usersession_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

INSERT INTO public.auth_permission VALUES
	(1, 'Can add permission', 1, 'add_permission'),
	(2, 'Can change permission', 1, 'change_permission'),
	(3, 'Can delete permission', 1, 'delete_permission'),
	(4, 'Can view permission', 1, 'view_permission'),
	(5, 'Can add group', 2, 'add_group'),
	(6, 'Can change group', 2, 'change_group'),
	(7, 'Can delete group', 2, 'delete_group'),
	(8, 'Can view group', 2, 'view_group'),
	(9, 'Can add content type', 3, 'add_contenttype'),
	(10, 'Can change content type', 3, 'change_contenttype'),
	(11, 'Can delete content type', 3, 'delete_contenttype'),
	(12, 'Can view content type', 3, 'view_contenttype'),
	(13, 'Can add session', 4, 'add_session'),
	(14, 'Can change session', 4, 'change_session'),
	(15, 'Can delete session', 4, 'delete_session'),
	(16, 'Can view session', 4, 'view_session'),
	(17, 'Can add email address', 5, 'add_emailaddress'),
	(18, 'Can change email address', 5, 'change_emailaddress'),
	(19, 'Can delete email address', 5, 'delete_emailaddress'),
	(20, 'Can view email address', 5, 'view_emailaddress'),
	(21, 'Can add email confirmation', 6, 'add_emailconfirmation'),
	(22, 'Can change email confirmation', 6, 'change_emailconfirmation'),
	(23, 'Can delete email confirmation', 6, 'delete_emailconfirmation'),
	(24, 'Can view email confirmation', 6, 'view_emailconfirmation'),
	(25, 'Can add authenticator', 7, 'add_authenticator'),
	(26, 'Can change authenticator', 7, 'change_authenticator'),
	(27, 'Can delete authenticator', 7, 'delete_authenticator'),
	(28, 'Can view authenticator', 7, 'view_authenticator'),
	(29, 'Can add user session', 8, 'add_usersession'),
	(30, 'Can change user session', 8, 'change_usersession'),
	(31, 'Can delete user session', 8, 'delete_usersession'),
	(32, 'Can view user session', 8, 'view_usersession'),
	(33, 'Can add access attempt', 9, 'add_accessattempt'),
	(34, 'Can change access attempt', 9, 'change_accessattempt'),
	(35, 'Can delete access attempt', 9, 'delete_accessattempt'),
	(36, 'Can view access attempt', 9, 'view_accessattempt'),
	(37, 'Can add access log', 10, 'add_accesslog'),
	(38, 'Can change access log', 10, 'change_accesslog'),
	(39, 'Can delete access log', 10, 'delete_accesslog'),
	(40, 'Can view access log', 10, 'view_accesslog'),
	(41, 'Can add access failure', 11, 'add_accessfailurelog'),
	(42, 'Can change access failure', 11, 'change_accessfailurelog'),
	(43, 'Can delete access failure', 11, 'delete_accessfailurelog'),
	(44, 'Can view access failure', 11, 'view_accessfailurelog'),
	(45, 'Can add access attempt expiration', 12, 'add_accessattemptexpiration'),
	(46, 'Can change access attempt expiration', 12, 'change_accessattemptexpiration'),
	(47, 'Can delete access attempt expiration', 12, 'delete_accessattemptexpiration'),
	(48, 'Can view access attempt expiration', 12, 'view_accessattemptexpiration'),
	(49, 'Can add clock', 13, 'add_clock'),
	(50, 'Can change clock', 13, 'change_clock'),
	(51, 'Can delete clock', 13, 'delete_clock'),
	(52, 'Can view clock', 13, 'view_clock'),
	(53, 'Can add history', 14, 'add_history'),
	(54, 'Can change history', 14, 'change_history'),
	(55, 'Can delete history', 14, 'delete_history'),
	(56, 'Can view history', 14, 'view_history'),
	(57, 'Can add law', 15, 'add_law'),
	(58, 'Can change law', 15, 'change_law'),
	(59, 'Can delete law', 15, 'delete_law'),
	(60, 'Can view law', 15, 'view_law'),
	(61, 'Can add facility', 16, 'add_facility'),
	(62, 'Can change facility', 16, 'change_facility'),
	(63, 'Can delete facility', 16, 'delete_facility'),
	(64, 'Can view facility', 16, 'view_facility'),
	(65, 'Can add user', 17, 'add_user'),
	(66, 'Can change user', 17, 'change_user'),
	(67, 'Can delete user', 17, 'delete_user'),
	(68, 'Can view user', 17, 'view_user'),
	(69, 'Can add mpesa account', 18, 'add_mpesaaccount'),
	(70, 'Can change mpesa account', 18, 'change_mpesaaccount'),
	(71, 'Can delete mpesa account', 18, 'delete_mpesaaccount'),
	(72, 'Can view mpesa account', 18, 'view_mpesaaccount'),
	(73, 'Can add price', 19, 'add_price'),
	(74, 'Can change price', 19, 'change_price'),
	(75, 'Can delete price', 19, 'delete_price'),
	(76, 'Can view price', 19, 'view_price'),
	(77, 'Can add membership', 20, 'add_membership'),
	(78, 'Can change membership', 20, 'change_membership'),
	(79, 'Can delete membership', 20, 'delete_membership'),
	(80, 'Can view membership', 20, 'view_membership'),
	(81, 'Can add account hold', 21, 'add_accounthold'),
	(82, 'Can change account hold', 21, 'change_accounthold'),
	(83, 'Can delete account hold', 21, 'delete_accounthold'),
	(84, 'Can view account hold', 21, 'view_accounthold'),
	(85, 'Can add logbook entry', 22, 'add_logbookentry'),
	(86, 'Can change logbook entry', 22, 'change_logbookentry'),
	(87, 'Can delete logbook entry', 22, 'delete_logbookentry'),
	(88, 'Can view logbook entry', 22, 'view_logbookentry'),
	(89, 'Can add api key', 23, 'add_apikey'),
	(90, 'Can change api key', 23, 'change_apikey'),
	(91, 'Can delete api key', 23, 'delete_apikey'),
	(92, 'Can view api key', 23, 'view_apikey'),
	(93, 'Can add open id link', 24, 'add_openidlink'),
	(94, 'Can change open id link', 24, 'change_openidlink'),
	(95, 'Can delete open id link', 24, 'delete_openidlink'),
	(96, 'Can view open id link', 24, 'view_openidlink'),
	(97, 'Can add particulars', 25, 'add_particulars'),
	(98, 'Can change particulars', 25, 'change_particulars'),
	(99, 'Can delete particulars', 25, 'delete_particulars'),
	(100, 'Can view particulars', 25, 'view_particulars');
INSERT INTO public.auth_permission VALUES
	(101, 'Can add transfer', 26, 'add_transfer'),
	(102, 'Can change transfer', 26, 'change_transfer'),
	(103, 'Can delete transfer', 26, 'delete_transfer'),
	(104, 'Can view transfer', 26, 'view_transfer'),
	(105, 'Can add access', 27, 'add_access'),
	(106, 'Can change access', 27, 'change_access'),
	(107, 'Can delete access', 27, 'delete_access'),
	(108, 'Can view access', 27, 'view_access'),
	(109, 'Can add fee', 28, 'add_fee'),
	(110, 'Can change fee', 28, 'change_fee'),
	(111, 'Can delete fee', 28, 'delete_fee'),
	(112, 'Can view fee', 28, 'view_fee'),
	(113, 'Can add exemption', 29, 'add_exemption'),
	(114, 'Can change exemption', 29, 'change_exemption'),
	(115, 'Can delete exemption', 29, 'delete_exemption'),
	(116, 'Can view exemption', 29, 'view_exemption'),
	(117, 'Can add prompt', 30, 'add_prompt'),
	(118, 'Can change prompt', 30, 'change_prompt'),
	(119, 'Can delete prompt', 30, 'delete_prompt'),
	(120, 'Can view prompt', 30, 'view_prompt'),
	(121, 'Can add receipt', 31, 'add_receipt'),
	(122, 'Can change receipt', 31, 'change_receipt'),
	(123, 'Can delete receipt', 31, 'delete_receipt'),
	(124, 'Can view receipt', 31, 'view_receipt'),
	(125, 'Can add evidence', 32, 'add_evidence'),
	(126, 'Can change evidence', 32, 'change_evidence'),
	(127, 'Can delete evidence', 32, 'delete_evidence'),
	(128, 'Can view evidence', 32, 'view_evidence'),
	(129, 'Can add task', 33, 'add_task'),
	(130, 'Can change task', 33, 'change_task'),
	(131, 'Can delete task', 33, 'delete_task'),
	(132, 'Can view task', 33, 'view_task'),
	(133, 'Can add stray', 34, 'add_stray'),
	(134, 'Can change stray', 34, 'change_stray'),
	(135, 'Can delete stray', 34, 'delete_stray'),
	(136, 'Can view stray', 34, 'view_stray'),
	(137, 'Can add restoration', 35, 'add_restoration'),
	(138, 'Can change restoration', 35, 'change_restoration'),
	(139, 'Can delete restoration', 35, 'delete_restoration'),
	(140, 'Can view restoration', 35, 'view_restoration'),
	(141, 'Can add application', 36, 'add_application'),
	(142, 'Can change application', 36, 'change_application'),
	(143, 'Can delete application', 36, 'delete_application'),
	(144, 'Can view application', 36, 'view_application'),
	(145, 'Can add claim', 37, 'add_claim'),
	(146, 'Can change claim', 37, 'change_claim'),
	(147, 'Can delete claim', 37, 'delete_claim'),
	(148, 'Can view claim', 37, 'view_claim'),
	(149, 'Can add inquiry', 38, 'add_inquiry'),
	(150, 'Can change inquiry', 38, 'change_inquiry'),
	(151, 'Can delete inquiry', 38, 'delete_inquiry'),
	(152, 'Can view inquiry', 38, 'view_inquiry'),
	(153, 'Can add refund', 39, 'add_refund'),
	(154, 'Can change refund', 39, 'change_refund'),
	(155, 'Can delete refund', 39, 'delete_refund'),
	(156, 'Can view refund', 39, 'view_refund'),
	(157, 'Can add key check', 40, 'add_keycheck'),
	(158, 'Can change key check', 40, 'change_keycheck'),
	(159, 'Can delete key check', 40, 'delete_keycheck'),
	(160, 'Can view key check', 40, 'view_keycheck'),
	(161, 'Can add inbox', 41, 'add_inbox'),
	(162, 'Can change inbox', 41, 'change_inbox'),
	(163, 'Can delete inbox', 41, 'delete_inbox'),
	(164, 'Can view inbox', 41, 'view_inbox'),
	(165, 'Can add referral', 42, 'add_referral'),
	(166, 'Can change referral', 42, 'change_referral'),
	(167, 'Can delete referral', 42, 'delete_referral'),
	(168, 'Can view referral', 42, 'view_referral'),
	(169, 'Can add sought', 43, 'add_sought'),
	(170, 'Can change sought', 43, 'change_sought'),
	(171, 'Can delete sought', 43, 'delete_sought'),
	(172, 'Can view sought', 43, 'view_sought'),
	(173, 'Can add block', 44, 'add_block'),
	(174, 'Can change block', 44, 'change_block'),
	(175, 'Can delete block', 44, 'delete_block'),
	(176, 'Can view block', 44, 'view_block'),
	(177, 'Can add entry', 45, 'add_entry'),
	(178, 'Can change entry', 45, 'change_entry'),
	(179, 'Can delete entry', 45, 'delete_entry'),
	(180, 'Can view entry', 45, 'view_entry'),
	(181, 'Can add clinic', 46, 'add_clinic'),
	(182, 'Can change clinic', 46, 'change_clinic'),
	(183, 'Can delete clinic', 46, 'delete_clinic'),
	(184, 'Can view clinic', 46, 'view_clinic'),
	(185, 'Can add closure', 47, 'add_closure'),
	(186, 'Can change closure', 47, 'change_closure'),
	(187, 'Can delete closure', 47, 'delete_closure'),
	(188, 'Can view closure', 47, 'view_closure'),
	(189, 'Can add day', 48, 'add_day'),
	(190, 'Can change day', 48, 'change_day'),
	(191, 'Can delete day', 48, 'delete_day'),
	(192, 'Can view day', 48, 'view_day'),
	(193, 'Can add hours', 49, 'add_hours'),
	(194, 'Can change hours', 49, 'change_hours'),
	(195, 'Can delete hours', 49, 'delete_hours'),
	(196, 'Can view hours', 49, 'view_hours'),
	(197, 'Can add slot', 50, 'add_slot'),
	(198, 'Can change slot', 50, 'change_slot'),
	(199, 'Can delete slot', 50, 'delete_slot'),
	(200, 'Can view slot', 50, 'view_slot');
INSERT INTO public.auth_permission VALUES
	(201, 'Can add appointment', 51, 'add_appointment'),
	(202, 'Can change appointment', 51, 'change_appointment'),
	(203, 'Can delete appointment', 51, 'delete_appointment'),
	(204, 'Can view appointment', 51, 'view_appointment'),
	(205, 'Can add policy', 52, 'add_policy'),
	(206, 'Can change policy', 52, 'change_policy'),
	(207, 'Can delete policy', 52, 'delete_policy'),
	(208, 'Can view policy', 52, 'view_policy'),
	(209, 'Can add wish', 53, 'add_wish'),
	(210, 'Can change wish', 53, 'change_wish'),
	(211, 'Can delete wish', 53, 'delete_wish'),
	(212, 'Can view wish', 53, 'view_wish'),
	(213, 'Can add notice', 54, 'add_notice'),
	(214, 'Can change notice', 54, 'change_notice'),
	(215, 'Can delete notice', 54, 'delete_notice'),
	(216, 'Can view notice', 54, 'view_notice'),
	(217, 'Can add template', 55, 'add_template'),
	(218, 'Can change template', 55, 'change_template'),
	(219, 'Can delete template', 55, 'delete_template'),
	(220, 'Can view template', 55, 'view_template'),
	(221, 'Can add comment', 56, 'add_comment'),
	(222, 'Can change comment', 56, 'change_comment'),
	(223, 'Can delete comment', 56, 'delete_comment'),
	(224, 'Can view comment', 56, 'view_comment'),
	(225, 'Can add attachment', 57, 'add_attachment'),
	(226, 'Can change attachment', 57, 'change_attachment'),
	(227, 'Can delete attachment', 57, 'delete_attachment'),
	(228, 'Can view attachment', 57, 'view_attachment'),
	(229, 'Can add attachment content', 58, 'add_attachmentcontent'),
	(230, 'Can change attachment content', 58, 'change_attachmentcontent'),
	(231, 'Can delete attachment content', 58, 'delete_attachmentcontent'),
	(232, 'Can view attachment content', 58, 'view_attachmentcontent'),
	(233, 'Can add mutation record', 59, 'add_mutationrecord'),
	(234, 'Can change mutation record', 59, 'change_mutationrecord'),
	(235, 'Can delete mutation record', 59, 'delete_mutationrecord'),
	(236, 'Can view mutation record', 59, 'view_mutationrecord'),
	(237, 'Can add brought', 60, 'add_brought'),
	(238, 'Can change brought', 60, 'change_brought'),
	(239, 'Can delete brought', 60, 'delete_brought'),
	(240, 'Can view brought', 60, 'view_brought'),
	(241, 'Can add allowance', 61, 'add_allowance'),
	(242, 'Can change allowance', 61, 'change_allowance'),
	(243, 'Can delete allowance', 61, 'delete_allowance'),
	(244, 'Can view allowance', 61, 'view_allowance'),
	(245, 'Can add log entry', 62, 'add_logentry'),
	(246, 'Can change log entry', 62, 'change_logentry'),
	(247, 'Can delete log entry', 62, 'delete_logentry'),
	(248, 'Can view log entry', 62, 'view_logentry');

INSERT INTO public.django_content_type VALUES
	(1, 'auth', 'permission'),
	(2, 'auth', 'group'),
	(3, 'contenttypes', 'contenttype'),
	(4, 'sessions', 'session'),
	(5, 'account', 'emailaddress'),
	(6, 'account', 'emailconfirmation'),
	(7, 'mfa', 'authenticator'),
	(8, 'usersessions', 'usersession'),
	(9, 'axes', 'accessattempt'),
	(10, 'axes', 'accesslog'),
	(11, 'axes', 'accessfailurelog'),
	(12, 'axes', 'accessattemptexpiration'),
	(13, 'rufaa_db', 'clock'),
	(14, 'rufaa_db', 'history'),
	(15, 'rufaa_db', 'law'),
	(16, 'facilities', 'facility'),
	(17, 'facilities', 'user'),
	(18, 'facilities', 'mpesaaccount'),
	(19, 'facilities', 'price'),
	(20, 'facilities', 'membership'),
	(21, 'facilities', 'accounthold'),
	(22, 'facilities', 'logbookentry'),
	(23, 'signin', 'apikey'),
	(24, 'signin', 'openidlink'),
	(25, 'patients', 'particulars'),
	(26, 'ledger', 'transfer'),
	(27, 'payments', 'access'),
	(28, 'payments', 'fee'),
	(29, 'payments', 'exemption'),
	(30, 'payments', 'prompt'),
	(31, 'payments', 'receipt'),
	(32, 'payments', 'evidence'),
	(33, 'payments', 'task'),
	(34, 'payments', 'stray'),
	(35, 'payments', 'restoration'),
	(36, 'payments', 'application'),
	(37, 'payments', 'claim'),
	(38, 'payments', 'inquiry'),
	(39, 'payments', 'refund'),
	(40, 'payments', 'keycheck'),
	(41, 'ingest', 'inbox'),
	(42, 'referrals', 'referral'),
	(43, 'referrals', 'sought'),
	(44, 'audit', 'block'),
	(45, 'audit', 'entry'),
	(46, 'appointments', 'clinic'),
	(47, 'appointments', 'closure'),
	(48, 'appointments', 'day'),
	(49, 'appointments', 'hours'),
	(50, 'appointments', 'slot'),
	(51, 'appointments', 'appointment'),
	(52, 'notices', 'policy'),
	(53, 'notices', 'wish'),
	(54, 'notices', 'notice'),
	(55, 'notices', 'template'),
	(56, 'talk', 'comment'),
	(57, 'talk', 'attachment'),
	(58, 'talk', 'attachmentcontent'),
	(59, 'functions', 'mutationrecord'),
	(60, 'moving', 'brought'),
	(61, 'paypage', 'allowance'),
	(62, 'admin', 'logentry');

INSERT INTO public.rufaa_clock VALUES
	(1, '00:00:00');

SELECT pg_catalog.setval('public.account_emailaddress_id_seq', 1, false);

SELECT pg_catalog.setval('public.account_emailconfirmation_id_seq', 1, false);

SELECT pg_catalog.setval('public.audit_number', 1, false);

SELECT pg_catalog.setval('public.auth_group_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_group_permissions_id_seq', 1, false);

SELECT pg_catalog.setval('public.auth_permission_id_seq', 248, true);

SELECT pg_catalog.setval('public.axes_accessattempt_id_seq', 1, false);

SELECT pg_catalog.setval('public.axes_accessfailurelog_id_seq', 1, false);

SELECT pg_catalog.setval('public.axes_accesslog_id_seq', 1, false);

SELECT pg_catalog.setval('public.clinic_day_id_seq', 1, false);

SELECT pg_catalog.setval('public.clinic_hours_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_admin_log_id_seq', 1, false);

SELECT pg_catalog.setval('public.django_content_type_id_seq', 62, true);

SELECT pg_catalog.setval('public.evidence_id_seq', 1, false);

SELECT pg_catalog.setval('public.history_id_seq', 1, false);

SELECT pg_catalog.setval('public.inbox_id_seq', 1, false);

SELECT pg_catalog.setval('public.logbook_id_seq', 1, false);

SELECT pg_catalog.setval('public.mfa_authenticator_id_seq', 1, false);

SELECT pg_catalog.setval('public.mutation_record_id_seq', 1, false);

SELECT pg_catalog.setval('public.notice_template_id_seq', 1, false);

SELECT pg_catalog.setval('public.notice_wish_id_seq', 1, false);

SELECT pg_catalog.setval('public.rufaa_user_groups_id_seq', 1, false);

SELECT pg_catalog.setval('public.rufaa_user_user_permissions_id_seq', 1, false);

SELECT pg_catalog.setval('public.transfer_id_seq', 1, false);

SELECT pg_catalog.setval('public.usersessions_usersession_id_seq', 1, false);

ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_email_987c8728_uniq UNIQUE (user_id, email);

ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_key_key UNIQUE (key);

ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.account_hold
    ADD CONSTRAINT account_hold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_prefix_key UNIQUE (prefix);

ALTER TABLE ONLY public.application
    ADD CONSTRAINT application_once UNIQUE (fee_id, receipt_id);

ALTER TABLE ONLY public.application
    ADD CONSTRAINT application_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.appointment
    ADD CONSTRAINT appointment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attachment_content
    ADD CONSTRAINT attachment_content_pkey PRIMARY KEY (attachment_id);

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_block
    ADD CONSTRAINT audit_block_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.audit_block
    ADD CONSTRAINT audit_block_up_to_key UNIQUE (up_to);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.axes_accessattempt
    ADD CONSTRAINT axes_accessattempt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.axes_accessattempt
    ADD CONSTRAINT axes_accessattempt_username_ip_address_user_agent_8ea22282_uniq UNIQUE (username, ip_address, user_agent);

ALTER TABLE ONLY public.axes_accessattemptexpiration
    ADD CONSTRAINT axes_accessattemptexpiration_pkey PRIMARY KEY (access_attempt_id);

ALTER TABLE ONLY public.axes_accessfailurelog
    ADD CONSTRAINT axes_accessfailurelog_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.axes_accesslog
    ADD CONSTRAINT axes_accesslog_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.brought
    ADD CONSTRAINT brought_once UNIQUE (source, document, digest);

ALTER TABLE ONLY public.brought
    ADD CONSTRAINT brought_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.clinic_day
    ADD CONSTRAINT clinic_day_once UNIQUE (clinic_id, day);

ALTER TABLE ONLY public.clinic_day
    ADD CONSTRAINT clinic_day_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.clinic_hours
    ADD CONSTRAINT clinic_hours_once UNIQUE (clinic_id, weekday, opens);

ALTER TABLE ONLY public.clinic_hours
    ADD CONSTRAINT clinic_hours_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.clinic
    ADD CONSTRAINT clinic_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.closure
    ADD CONSTRAINT closure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.comment
    ADD CONSTRAINT comment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);

ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.exemption
    ADD CONSTRAINT exemption_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.facility
    ADD CONSTRAINT facility_name_key UNIQUE (name);

ALTER TABLE ONLY public.facility
    ADD CONSTRAINT facility_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.fee
    ADD CONSTRAINT fee_account_code_key UNIQUE (account_code);

ALTER TABLE ONLY public.fee
    ADD CONSTRAINT fee_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inquiry
    ADD CONSTRAINT inquiry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.key_check
    ADD CONSTRAINT key_check_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.law
    ADD CONSTRAINT law_move UNIQUE (machine, from_state, event, to_state);

ALTER TABLE ONLY public.law
    ADD CONSTRAINT law_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.logbook
    ADD CONSTRAINT logbook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mpesa_access
    ADD CONSTRAINT mpesa_access_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.mpesa_account
    ADD CONSTRAINT mpesa_account_once UNIQUE (environment, short_code, till_number);

ALTER TABLE ONLY public.mpesa_account
    ADD CONSTRAINT mpesa_account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.mutation_record
    ADD CONSTRAINT mutation_record_once UNIQUE (session, request);

ALTER TABLE ONLY public.mutation_record
    ADD CONSTRAINT mutation_record_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_gateway_id UNIQUE (gateway_id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_once UNIQUE (kind, subject);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice_policy
    ADD CONSTRAINT notice_policy_pkey PRIMARY KEY (facility_id);

ALTER TABLE ONLY public.notice_template
    ADD CONSTRAINT notice_template_once UNIQUE (facility_id, kind, language);

ALTER TABLE ONLY public.notice_template
    ADD CONSTRAINT notice_template_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice_wish
    ADD CONSTRAINT notice_wish_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.openid_link
    ADD CONSTRAINT openid_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.particulars
    ADD CONSTRAINT particulars_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.paypage_allowance
    ADD CONSTRAINT paypage_allowance_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_once UNIQUE NULLS NOT DISTINCT (facility_id, receiving_id);

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.prompt
    ADD CONSTRAINT prompt_attempt UNIQUE (fee_id, attempt);

ALTER TABLE ONLY public.prompt
    ADD CONSTRAINT prompt_checkout_request_id_key UNIQUE (checkout_request_id);

ALTER TABLE ONLY public.prompt
    ADD CONSTRAINT prompt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_number_key UNIQUE (number);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_prompt_id_key UNIQUE (prompt_id);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_account_code_key UNIQUE (account_code);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_fee_id_key UNIQUE (fee_id);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_former_id_key UNIQUE (former_id);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_particulars_id_key UNIQUE (particulars_id);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.referral_search
    ADD CONSTRAINT referral_search_pkey PRIMARY KEY (referral_id);

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_token_key UNIQUE (token);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_number_key UNIQUE (number);

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.restoration
    ADD CONSTRAINT restoration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rufaa_clock
    ADD CONSTRAINT rufaa_clock_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rufaa_user_groups
    ADD CONSTRAINT rufaa_user_groups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rufaa_user_groups
    ADD CONSTRAINT rufaa_user_groups_user_id_group_id_4dee0286_uniq UNIQUE (user_id, group_id);

ALTER TABLE ONLY public.rufaa_user
    ADD CONSTRAINT rufaa_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rufaa_user_user_permissions
    ADD CONSTRAINT rufaa_user_user_permissions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rufaa_user_user_permissions
    ADD CONSTRAINT rufaa_user_user_permissions_user_id_permission_id_8fcf9324_uniq UNIQUE (user_id, permission_id);

ALTER TABLE ONLY public.rufaa_user
    ADD CONSTRAINT rufaa_user_username_key UNIQUE (username);

ALTER TABLE ONLY public.shared_count
    ADD CONSTRAINT shared_count_pkey PRIMARY KEY (cache_key);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_once UNIQUE (clinic_id, starts_at);

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.stray
    ADD CONSTRAINT stray_once UNIQUE (checkout_request_id, receipt_number);

ALTER TABLE ONLY public.stray
    ADD CONSTRAINT stray_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_session_key_key UNIQUE (session_key);

CREATE INDEX account_emailaddress_email_03be32b2 ON public.account_emailaddress USING btree (email);

CREATE INDEX account_emailaddress_email_03be32b2_like ON public.account_emailaddress USING btree (email varchar_pattern_ops);

CREATE INDEX account_emailaddress_user_id_2c513194 ON public.account_emailaddress USING btree (user_id);

CREATE INDEX account_emailconfirmation_email_address_id_5b7f8c58 ON public.account_emailconfirmation USING btree (email_address_id);

CREATE INDEX account_emailconfirmation_key_f43612bd_like ON public.account_emailconfirmation USING btree (key varchar_pattern_ops);

CREATE INDEX account_hold_account_id_b3f20412 ON public.account_hold USING btree (account_id);

CREATE UNIQUE INDEX account_hold_one_open ON public.account_hold USING btree (account_id) WHERE (released_at IS NULL);

CREATE INDEX api_key_prefix_e68681e6_like ON public.api_key USING btree (prefix text_pattern_ops);

CREATE INDEX api_key_user_id_2b8305f7 ON public.api_key USING btree (user_id);

CREATE INDEX application_receipt_id_b92e9752 ON public.application USING btree (receipt_id);

CREATE INDEX appointment_booked ON public.appointment USING btree (slot_id) WHERE (state = 'booked'::text);

CREATE INDEX appointment_held ON public.appointment USING btree (held_until) WHERE (state = 'held'::text);

CREATE INDEX appointment_lost ON public.appointment USING btree (referral_id) WHERE ((NOT superseded) AND ((state = 'cancelled'::text) OR ((offered_at IS NOT NULL) AND (state = 'lapsed'::text))));

CREATE UNIQUE INDEX appointment_one_live ON public.appointment USING btree (referral_id) WHERE (state = ANY (ARRAY['arrived'::text, 'booked'::text, 'held'::text]));

CREATE INDEX appointment_referral ON public.appointment USING btree (referral_id, id DESC);

CREATE INDEX appointment_settled ON public.appointment USING btree (settled_at) WHERE ((offered_at IS NULL) AND (settled_at IS NOT NULL) AND (state = ANY (ARRAY['held'::text, 'lapsed'::text])));

CREATE INDEX appointment_slot ON public.appointment USING btree (slot_id);

CREATE INDEX attachment_referral ON public.attachment USING btree (referral_id, created_at, id);

CREATE INDEX audit_referral ON public.audit USING btree (referral, at);

CREATE INDEX auth_group_name_a6ea08ec_like ON public.auth_group USING btree (name varchar_pattern_ops);

CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON public.auth_group_permissions USING btree (group_id);

CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON public.auth_group_permissions USING btree (permission_id);

CREATE INDEX auth_permission_content_type_id_2f476e4b ON public.auth_permission USING btree (content_type_id);

CREATE INDEX axes_accessattempt_ip_address_10922d9c ON public.axes_accessattempt USING btree (ip_address);

CREATE INDEX axes_accessattempt_user_agent_ad89678b ON public.axes_accessattempt USING btree (user_agent);

CREATE INDEX axes_accessattempt_user_agent_ad89678b_like ON public.axes_accessattempt USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accessattempt_username_3f2d4ca0 ON public.axes_accessattempt USING btree (username);

CREATE INDEX axes_accessattempt_username_3f2d4ca0_like ON public.axes_accessattempt USING btree (username varchar_pattern_ops);

CREATE INDEX axes_accessfailurelog_ip_address_2e9f5a7f ON public.axes_accessfailurelog USING btree (ip_address);

CREATE INDEX axes_accessfailurelog_user_agent_ea145dda ON public.axes_accessfailurelog USING btree (user_agent);

CREATE INDEX axes_accessfailurelog_user_agent_ea145dda_like ON public.axes_accessfailurelog USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accessfailurelog_username_a8b7e8a4 ON public.axes_accessfailurelog USING btree (username);

CREATE INDEX axes_accessfailurelog_username_a8b7e8a4_like ON public.axes_accessfailurelog USING btree (username varchar_pattern_ops);

CREATE INDEX axes_accesslog_ip_address_86b417e5 ON public.axes_accesslog USING btree (ip_address);

CREATE INDEX axes_accesslog_user_agent_0e659004 ON public.axes_accesslog USING btree (user_agent);

CREATE INDEX axes_accesslog_user_agent_0e659004_like ON public.axes_accesslog USING btree (user_agent varchar_pattern_ops);

CREATE INDEX axes_accesslog_username_df93064b ON public.axes_accesslog USING btree (username);

CREATE INDEX axes_accesslog_username_df93064b_like ON public.axes_accesslog USING btree (username varchar_pattern_ops);

CREATE INDEX brought_referral_id_0ad804c4 ON public.brought USING btree (referral_id);

CREATE INDEX claim_account_id_3006f9b1 ON public.claim USING btree (account_id);

CREATE INDEX claim_due ON public.claim USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX claim_fee_id_7267dcd6 ON public.claim USING btree (fee_id);

CREATE INDEX claim_number ON public.claim USING btree (number);

CREATE UNIQUE INDEX claim_once ON public.claim USING btree (account_id, number, channel, fee_id) NULLS NOT DISTINCT WHERE (ended_at IS NULL);

CREATE INDEX claim_receipt_id_3552cf13 ON public.claim USING btree (receipt_id);

CREATE INDEX clinic_facility_id_147fdd6d ON public.clinic USING btree (facility_id);

CREATE UNIQUE INDEX clinic_name_once ON public.clinic USING btree (facility_id, name) WHERE (ended_at IS NULL);

CREATE INDEX closure_facility ON public.closure USING btree (facility_id, ends_at);

CREATE INDEX comment_referral ON public.comment USING btree (referral_id, created_at, id);

CREATE INDEX django_admin_log_content_type_id_c4bce8eb ON public.django_admin_log USING btree (content_type_id);

CREATE INDEX django_admin_log_user_id_c564eba6 ON public.django_admin_log USING btree (user_id);

CREATE INDEX django_session_expire_date_a5c62663 ON public.django_session USING btree (expire_date);

CREATE INDEX django_session_session_key_c0390e0f_like ON public.django_session USING btree (session_key varchar_pattern_ops);

CREATE INDEX evidence_arrival ON public.evidence USING btree (receipt_number) WHERE (account_id IS NOT NULL);

CREATE INDEX evidence_claim ON public.evidence USING btree (claim_id) WHERE (claim_id IS NOT NULL);

CREATE UNIQUE INDEX evidence_once ON public.evidence USING btree (inbox) WHERE (inbox IS NOT NULL);

CREATE INDEX evidence_prompt ON public.evidence USING btree (prompt_id, id);

CREATE UNIQUE INDEX evidence_pulled_once ON public.evidence USING btree (account_id, receipt_number, amount_cents) NULLS NOT DISTINCT WHERE (channel = 'pull'::text);

CREATE INDEX evidence_receipt_id_6fc6a162 ON public.evidence USING btree (receipt_id);

CREATE INDEX evidence_refund ON public.evidence USING btree (refund_id) WHERE (refund_id IS NOT NULL);

CREATE INDEX evidence_stray ON public.evidence USING btree (stray_id) WHERE (stray_id IS NOT NULL);

CREATE INDEX exemption_fee_id_a39fc144 ON public.exemption USING btree (fee_id);

CREATE UNIQUE INDEX exemption_one_open ON public.exemption USING btree (fee_id) WHERE ((seconded_at IS NULL) AND (withdrawn_at IS NULL));

CREATE INDEX facility_name_215536e9_like ON public.facility USING btree (name text_pattern_ops);

CREATE INDEX fee_owed ON public.fee USING btree (account_id, amount_cents, created_at DESC) WHERE (state = ANY (ARRAY['due'::text, 'deferred'::text]));

CREATE INDEX fee_payee_id_2588687e ON public.fee USING btree (payee_id);

CREATE INDEX history_subject ON public.history USING btree (subject, id);

CREATE INDEX inbox_subject ON public.inbox USING btree (subject);

CREATE INDEX inbox_unsettled ON public.inbox USING btree (id) WHERE (settled_at IS NULL);

CREATE INDEX inquiry_account_id_9fc0bd71 ON public.inquiry USING btree (account_id);

CREATE INDEX inquiry_claim ON public.inquiry USING btree (claim_id) WHERE (claim_id IS NOT NULL);

CREATE INDEX inquiry_claim_id_00b97603 ON public.inquiry USING btree (claim_id);

CREATE INDEX inquiry_refund ON public.inquiry USING btree (refund_id) WHERE (refund_id IS NOT NULL);

CREATE INDEX inquiry_refund_id_fea84b77 ON public.inquiry USING btree (refund_id);

CREATE INDEX key_check_account ON public.key_check USING btree (account_id, id);

CREATE INDEX key_check_account_id_9f0932d9 ON public.key_check USING btree (account_id);

CREATE INDEX key_check_facility_id_67766f92 ON public.key_check USING btree (facility_id);

CREATE UNIQUE INDEX key_check_one_open ON public.key_check USING btree (account_id) WHERE (ended_at IS NULL);

CREATE INDEX logbook_facility ON public.logbook USING btree (facility, id);

CREATE INDEX logbook_kind_at ON public.logbook USING btree (kind, at);

CREATE INDEX logbook_person ON public.logbook USING btree (person, id);

CREATE INDEX membership_facility_id_78654c44 ON public.membership USING btree (facility_id);

CREATE UNIQUE INDEX membership_once ON public.membership USING btree (user_id, facility_id, role) WHERE (revoked_at IS NULL);

CREATE INDEX membership_user_id_3409a104 ON public.membership USING btree (user_id);

CREATE INDEX mfa_authenticator_user_id_0c3a50c0 ON public.mfa_authenticator USING btree (user_id);

CREATE INDEX mpesa_account_owner_id_983ef3c4 ON public.mpesa_account USING btree (owner_id);

CREATE INDEX mutation_record_at ON public.mutation_record USING btree (at);

CREATE INDEX notice_due ON public.notice USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX notice_leased ON public.notice USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX notice_referral ON public.notice USING btree (referral_id, created_at DESC);

CREATE INDEX notice_unknown ON public.notice USING btree (address, created_at DESC) WHERE (state = 'unknown'::text);

CREATE INDEX notice_wish_phone ON public.notice_wish USING btree (phone, id DESC);

CREATE UNIQUE INDEX openid_link_one_user ON public.openid_link USING btree (issuer, subject) WHERE (removed_at IS NULL);

CREATE INDEX openid_link_user_id_3a2f83ea ON public.openid_link USING btree (user_id);

CREATE INDEX paypage_allowance_ends ON public.paypage_allowance USING btree (ends_at);

CREATE INDEX paypage_allowance_key_c44072cf_like ON public.paypage_allowance USING btree (key text_pattern_ops);

CREATE INDEX price_account_id_66828a9f ON public.price USING btree (account_id);

CREATE INDEX price_facility_id_4cf53e2a ON public.price USING btree (facility_id);

CREATE INDEX price_payee_id_b299d53a ON public.price USING btree (payee_id);

CREATE INDEX price_receiving_id_11f873c2 ON public.price USING btree (receiving_id);

CREATE INDEX prompt_due ON public.prompt USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX prompt_leased ON public.prompt USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE UNIQUE INDEX prompt_one_live_per_fee ON public.prompt USING btree (fee_id) WHERE (state = ANY (ARRAY['created'::text, 'pending'::text, 'sending'::text, 'unknown'::text]));

CREATE UNIQUE INDEX prompt_one_live_per_phone ON public.prompt USING btree (payer_phone) WHERE (state = ANY (ARRAY['created'::text, 'pending'::text, 'sending'::text, 'unknown'::text]));

CREATE INDEX prompt_phone ON public.prompt USING btree (payer_phone, created_at DESC);

CREATE INDEX prompt_sent ON public.prompt USING btree (sent_at) WHERE (next_at IS NOT NULL);

CREATE INDEX prompt_to_send ON public.prompt USING btree (next_at) WHERE (state = 'created'::text);

CREATE INDEX receipt_awaiting ON public.receipt USING btree (account_id, amount_cents) WHERE (number IS NULL);

CREATE INDEX receipt_by_whom_unknown ON public.receipt USING btree (account_id, amount_cents, paid_at) WHERE ((account_reference = ''::text) AND (prompt_id IS NULL));

CREATE INDEX receipt_names ON public.receipt USING btree (names_id) WHERE (names_id IS NOT NULL);

CREATE INDEX receipt_unreferenced ON public.receipt USING btree (account_id, amount_cents) WHERE ((account_reference = ''::text) AND (prompt_id IS NULL) AND (state = 'unapplied'::text));

CREATE INDEX receipt_waiting ON public.receipt USING btree (created_at) WHERE (state = 'unapplied'::text);

CREATE INDEX referral_emergency_from ON public.referral USING btree (referring_id, state, id) WHERE (priority = 'Emergency'::text);

CREATE INDEX referral_emergency_of ON public.referral USING btree (physician_id, referring_id, state, id) WHERE (priority = 'Emergency'::text);

CREATE INDEX referral_emergency_paid ON public.referral USING btree (payee_id, state, id) WHERE (priority = 'Emergency'::text);

CREATE INDEX referral_emergency_to ON public.referral USING btree (receiving_id, state, id) WHERE ((priority = 'Emergency'::text) AND (released_at IS NOT NULL));

CREATE INDEX referral_onward_of ON public.referral USING btree (onward_of_id) WHERE (onward_of_id IS NOT NULL);

CREATE INDEX referral_payee ON public.referral USING btree (payee_id, id DESC);

CREATE INDEX referral_payee_state ON public.referral USING btree (payee_id, state, id DESC);

CREATE INDEX referral_physician ON public.referral USING btree (physician_id, referring_id, id DESC);

CREATE INDEX referral_physician_state ON public.referral USING btree (physician_id, referring_id, state, id DESC);

CREATE INDEX referral_receiving ON public.referral USING btree (receiving_id, id DESC) WHERE (released_at IS NOT NULL);

CREATE INDEX referral_receiving_state ON public.referral USING btree (receiving_id, state, id DESC) WHERE (released_at IS NOT NULL);

CREATE INDEX referral_referring ON public.referral USING btree (referring_id, id DESC);

CREATE INDEX referral_referring_state ON public.referral USING btree (referring_id, state, id DESC);

CREATE INDEX referral_search_words ON public.referral_search USING gin (words) WITH (fastupdate=off);

CREATE INDEX refund_due ON public.refund USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX refund_fee_id_e6aec01c ON public.refund USING btree (fee_id);

CREATE INDEX refund_leased ON public.refund USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX refund_number_94961bb4_like ON public.refund USING btree (number text_pattern_ops);

CREATE UNIQUE INDEX refund_one_live ON public.refund USING btree (receipt_id, fee_id) NULLS NOT DISTINCT WHERE (state = ANY (ARRAY['approved'::text, 'ordered'::text, 'proposed'::text, 'resending'::text, 'sending'::text, 'unknown'::text]));

CREATE INDEX refund_receipt ON public.refund USING btree (receipt_id);

CREATE INDEX refund_receipt_id_7bc254c5 ON public.refund USING btree (receipt_id);

CREATE INDEX rufaa_user_groups_group_id_de12d803 ON public.rufaa_user_groups USING btree (group_id);

CREATE INDEX rufaa_user_groups_user_id_50be511f ON public.rufaa_user_groups USING btree (user_id);

CREATE UNIQUE INDEX rufaa_user_name_once ON public.rufaa_user USING btree (lower((username)::text));

CREATE INDEX rufaa_user_user_permissions_permission_id_990e67bf ON public.rufaa_user_user_permissions USING btree (permission_id);

CREATE INDEX rufaa_user_user_permissions_user_id_c2018959 ON public.rufaa_user_user_permissions USING btree (user_id);

CREATE INDEX rufaa_user_username_40c72160_like ON public.rufaa_user USING btree (username varchar_pattern_ops);

CREATE INDEX shared_count_expires ON public.shared_count USING btree (expires);

CREATE INDEX slot_free ON public.slot USING btree (clinic_id, starts_at) WHERE (open AND (taken < capacity));

CREATE INDEX stray_account_id_edf8cdae ON public.stray USING btree (account_id);

CREATE INDEX stray_due ON public.stray USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE UNIQUE INDEX stray_one_receipt ON public.stray USING btree (checkout_request_id) WHERE (receipt_id IS NOT NULL);

CREATE INDEX stray_receipt_id_1f25d7a4 ON public.stray USING btree (receipt_id);

CREATE INDEX task_account_id_30c3ac18 ON public.task USING btree (account_id);

CREATE INDEX task_claim_id_a2f268ca ON public.task USING btree (claim_id);

CREATE INDEX task_facility_id_705cd011 ON public.task USING btree (facility_id);

CREATE INDEX task_fee_id_5e554b40 ON public.task USING btree (fee_id);

CREATE UNIQUE INDEX task_one_open ON public.task USING btree (kind, fee_id, prompt_id, receipt_id, stray_id, claim_id, refund_id, account_id) NULLS NOT DISTINCT WHERE (closed_at IS NULL);

CREATE INDEX task_open ON public.task USING btree (facility_id, opened_at, id) WHERE (closed_at IS NULL);

CREATE INDEX task_prompt_id_bd9d169f ON public.task USING btree (prompt_id);

CREATE INDEX task_proposed_fee_id_50b2dfc3 ON public.task USING btree (proposed_fee_id);

CREATE INDEX task_receipt_id_bfbbd55e ON public.task USING btree (receipt_id);

CREATE INDEX task_refund_id_bafd0364 ON public.task USING btree (refund_id);

CREATE INDEX task_stray_id_e3cd16f3 ON public.task USING btree (stray_id);

CREATE UNIQUE INDEX transfer_applied_once ON public.transfer USING btree (receipt, fee) WHERE (kind = 'applied'::text);

CREATE UNIQUE INDEX transfer_fee_once ON public.transfer USING btree (fee, kind) WHERE (kind = ANY (ARRAY['raised'::text, 'waived'::text]));

CREATE UNIQUE INDEX transfer_receipt_once ON public.transfer USING btree (receipt) WHERE (kind = 'received'::text);

CREATE UNIQUE INDEX transfer_refund_once ON public.transfer USING btree (refund, kind) WHERE (kind = ANY (ARRAY['returned'::text, 'refunded'::text]));

CREATE UNIQUE INDEX unique_authenticator_type ON public.mfa_authenticator USING btree (user_id, type) WHERE ((type)::text = ANY ((ARRAY['totp'::character varying, 'recovery_codes'::character varying])::text[]));

CREATE UNIQUE INDEX unique_primary_email ON public.account_emailaddress USING btree (user_id, "primary") WHERE "primary";

CREATE UNIQUE INDEX unique_verified_email ON public.account_emailaddress USING btree (email) WHERE verified;

CREATE INDEX usersessions_usersession_session_key_fd35de43_like ON public.usersessions_usersession USING btree (session_key varchar_pattern_ops);

CREATE INDEX usersessions_usersession_user_id_af5e0a6d ON public.usersessions_usersession USING btree (user_id);

CREATE TRIGGER account_hold_1_frozen BEFORE UPDATE ON public.account_hold FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'account_id', 'held_at', 'reason', 'held_by', 'released_at', 'released_by');

CREATE TRIGGER account_hold_2_kept BEFORE DELETE ON public.account_hold FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER account_hold_3_kept BEFORE TRUNCATE ON public.account_hold FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER api_key_1_frozen BEFORE UPDATE ON public.api_key FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'user_id', 'prefix', 'digest', 'expires_at', 'revoked_at');

CREATE TRIGGER api_key_2_kept BEFORE DELETE ON public.api_key FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER api_key_3_kept BEFORE TRUNCATE ON public.api_key FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER application_1_fits AFTER INSERT ON public.application REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.application_fits();

CREATE TRIGGER application_2_only_grows BEFORE DELETE OR UPDATE ON public.application FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER application_3_kept BEFORE TRUNCATE ON public.application FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE CONSTRAINT TRIGGER application_4_pays AFTER INSERT ON public.application DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.application_pays_its_fee();

CREATE TRIGGER application_5_books AFTER INSERT ON public.application REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.application_books();

CREATE TRIGGER appointment_1_law BEFORE INSERT OR UPDATE ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.law_guard('appointment');

CREATE TRIGGER appointment_2_frozen BEFORE UPDATE ON public.appointment FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.created_at IS NOT NULL) AND (old.created_at IS DISTINCT FROM new.created_at)) OR ((old.referral_id IS NOT NULL) AND (old.referral_id IS DISTINCT FROM new.referral_id)) OR ((old.slot_id IS NOT NULL) AND (old.slot_id IS DISTINCT FROM new.slot_id)) OR ((old.replaces_id IS NOT NULL) AND (old.replaces_id IS DISTINCT FROM new.replaces_id)))) EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'referral_id', 'slot_id', 'replaces_id');

CREATE TRIGGER appointment_3_born BEFORE INSERT ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.appointment_fits();

CREATE TRIGGER appointment_3_late BEFORE UPDATE ON public.appointment FOR EACH ROW WHEN (((old.state = 'lapsed'::text) AND (new.state = 'booked'::text))) EXECUTE FUNCTION public.appointment_fits();

CREATE TRIGGER appointment_4_booked BEFORE INSERT ON public.appointment FOR EACH ROW WHEN ((new.state = 'booked'::text)) EXECUTE FUNCTION public.appointment_needs_money();

CREATE TRIGGER appointment_4_money BEFORE UPDATE ON public.appointment FOR EACH ROW WHEN (((new.state = 'booked'::text) AND (old.state <> 'booked'::text))) EXECUTE FUNCTION public.appointment_needs_money();

CREATE TRIGGER appointment_5_born AFTER INSERT ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.appointment_takes_place();

CREATE TRIGGER appointment_5_place AFTER UPDATE ON public.appointment FOR EACH ROW WHEN ((new.state <> old.state)) EXECUTE FUNCTION public.appointment_takes_place();

CREATE TRIGGER appointment_6_born AFTER INSERT ON public.appointment REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('appointment');

CREATE TRIGGER appointment_6_history AFTER UPDATE ON public.appointment REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('appointment');

CREATE TRIGGER appointment_7_kept BEFORE DELETE ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER appointment_8_kept BEFORE TRUNCATE ON public.appointment FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER appointment_9_born AFTER INSERT ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.appointment_is_told();

CREATE TRIGGER appointment_9_told AFTER UPDATE ON public.appointment FOR EACH ROW EXECUTE FUNCTION public.appointment_is_told();

CREATE TRIGGER attachment_1_between BEFORE INSERT ON public.attachment FOR EACH ROW EXECUTE FUNCTION public.talk_is_between_the_two();

CREATE TRIGGER attachment_2_frozen BEFORE UPDATE ON public.attachment FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'referral_id', 'author_id', 'facility_id', 'name', 'kind', 'size_bytes', 'sha256', 'removed_at', 'removed_by_id', 'removed_reason');

CREATE TRIGGER attachment_3_kept BEFORE DELETE ON public.attachment FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER attachment_4_kept BEFORE TRUNCATE ON public.attachment FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE CONSTRAINT TRIGGER attachment_9_content AFTER INSERT ON public.attachment DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.attachment_needs_content();

CREATE TRIGGER attachment_content_1_is_it BEFORE INSERT ON public.attachment_content FOR EACH ROW EXECUTE FUNCTION public.attachment_content_is_it();

CREATE TRIGGER attachment_content_2_only_grows BEFORE DELETE OR UPDATE ON public.attachment_content FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER attachment_content_3_kept BEFORE TRUNCATE ON public.attachment_content FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER audit_1_entry BEFORE INSERT ON public.audit FOR EACH ROW WHEN (((pg_trigger_depth() = 0) OR (new.id IS NULL))) EXECUTE FUNCTION public.audit_entry();

CREATE TRIGGER audit_2_only_grows BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER audit_3_kept BEFORE TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER audit_block_1_follows BEFORE INSERT ON public.audit_block FOR EACH ROW EXECUTE FUNCTION public.audit_block_follows();

CREATE TRIGGER audit_block_2_only_grows BEFORE DELETE OR UPDATE ON public.audit_block FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER audit_block_3_kept BEFORE TRUNCATE ON public.audit_block FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER audit_insert AFTER INSERT ON public.appointment REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_appointment();

CREATE TRIGGER audit_insert AFTER INSERT ON public.attachment REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_attachment();

CREATE TRIGGER audit_insert AFTER INSERT ON public.comment REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_comment();

CREATE TRIGGER audit_insert AFTER INSERT ON public.exemption REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_exemption();

CREATE TRIGGER audit_insert AFTER INSERT ON public.prompt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_prompt();

CREATE TRIGGER audit_insert AFTER INSERT ON public.referral REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_referral();

CREATE TRIGGER audit_update AFTER UPDATE ON public.appointment REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_appointment();

CREATE TRIGGER audit_update AFTER UPDATE ON public.attachment REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_attachment();

CREATE TRIGGER audit_update AFTER UPDATE ON public.exemption REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_exemption();

CREATE TRIGGER audit_update AFTER UPDATE ON public.particulars REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_particulars();

CREATE TRIGGER audit_update AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.audit_referral();

CREATE TRIGGER brought_1_frozen BEFORE UPDATE ON public.brought FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'at', 'source', 'document', 'digest', 'body', 'referral_id');

CREATE TRIGGER brought_2_kept BEFORE DELETE ON public.brought FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER brought_3_kept BEFORE TRUNCATE ON public.brought FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER claim_1_frozen BEFORE UPDATE ON public.claim FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'account_id', 'number', 'channel', 'amount_cents', 'paid_at', 'fee_id', 'by', 'inbox', 'receipt_id', 'ended_at');

CREATE TRIGGER claim_2_kept BEFORE DELETE ON public.claim FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER claim_3_kept BEFORE TRUNCATE ON public.claim FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER clinic_2_frozen BEFORE UPDATE ON public.clinic FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.created_at IS NOT NULL) AND (old.created_at IS DISTINCT FROM new.created_at)) OR ((old.facility_id IS NOT NULL) AND (old.facility_id IS DISTINCT FROM new.facility_id)) OR ((old.ended_at IS NOT NULL) AND (old.ended_at IS DISTINCT FROM new.ended_at)))) EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'facility_id', 'ended_at');

CREATE TRIGGER clinic_day_1_counted BEFORE UPDATE ON public.clinic_day FOR EACH ROW WHEN ((new.taken <> old.taken)) EXECUTE FUNCTION public.places_are_counted();

CREATE TRIGGER clinic_day_1_new BEFORE INSERT ON public.clinic_day FOR EACH ROW WHEN ((new.taken <> 0)) EXECUTE FUNCTION public.places_are_counted();

CREATE CONSTRAINT TRIGGER clinic_hours_1_overlap AFTER INSERT OR UPDATE ON public.clinic_hours DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.clinic_hours_overlap();

CREATE TRIGGER clock_is_live AFTER INSERT OR UPDATE ON public.rufaa_clock FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER closure_1_facility BEFORE INSERT ON public.closure FOR EACH ROW WHEN ((new.clinic_id IS NOT NULL)) EXECUTE FUNCTION public.closure_is_of_the_facility();

CREATE TRIGGER closure_2_frozen BEFORE UPDATE ON public.closure FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.created_at IS NOT NULL) AND (old.created_at IS DISTINCT FROM new.created_at)) OR ((old.facility_id IS NOT NULL) AND (old.facility_id IS DISTINCT FROM new.facility_id)) OR ((old.clinic_id IS NOT NULL) AND (old.clinic_id IS DISTINCT FROM new.clinic_id)) OR ((old.starts_at IS NOT NULL) AND (old.starts_at IS DISTINCT FROM new.starts_at)) OR ((old.ends_at IS NOT NULL) AND (old.ends_at IS DISTINCT FROM new.ends_at)) OR ((old.reason IS NOT NULL) AND (old.reason IS DISTINCT FROM new.reason)) OR ((old.withdrawn_at IS NOT NULL) AND (old.withdrawn_at IS DISTINCT FROM new.withdrawn_at)))) EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'facility_id', 'clinic_id', 'starts_at', 'ends_at', 'reason', 'withdrawn_at');

CREATE TRIGGER comment_1_between BEFORE INSERT ON public.comment FOR EACH ROW EXECUTE FUNCTION public.talk_is_between_the_two();

CREATE TRIGGER comment_2_only_grows BEFORE DELETE OR UPDATE ON public.comment FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER comment_3_kept BEFORE TRUNCATE ON public.comment FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER evidence_1_only_grows BEFORE DELETE OR UPDATE ON public.evidence FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER evidence_2_kept BEFORE TRUNCATE ON public.evidence FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER evidence_3_points AFTER INSERT ON public.evidence REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.evidence_points();

CREATE TRIGGER exemption_1_frozen BEFORE UPDATE ON public.exemption FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'fee_id', 'kind', 'reason', 'proposed_by', 'seconded_by', 'seconded_at');

CREATE TRIGGER exemption_2_kept BEFORE DELETE ON public.exemption FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER exemption_3_kept BEFORE TRUNCATE ON public.exemption FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER fee_1_born AFTER INSERT ON public.fee REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('fee');

CREATE TRIGGER fee_1_law AFTER UPDATE ON public.fee REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('fee');

CREATE TRIGGER fee_2_frozen BEFORE UPDATE ON public.fee FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.account_code IS NOT NULL) AND (old.account_code IS DISTINCT FROM new.account_code)) OR ((old.payee_id IS NOT NULL) AND (old.payee_id IS DISTINCT FROM new.payee_id)) OR ((old.account_id IS NOT NULL) AND (old.account_id IS DISTINCT FROM new.account_id)) OR ((old.amount_cents IS NOT NULL) AND (old.amount_cents IS DISTINCT FROM new.amount_cents)))) EXECUTE FUNCTION public.frozen_columns('id', 'account_code', 'payee_id', 'account_id', 'amount_cents');

CREATE TRIGGER fee_3_ground AFTER UPDATE ON public.fee REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.fee_needs_ground();

CREATE TRIGGER fee_4_born AFTER INSERT ON public.fee REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('fee');

CREATE TRIGGER fee_4_history AFTER UPDATE ON public.fee REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('fee');

CREATE TRIGGER fee_5_books AFTER INSERT ON public.fee REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.fee_raises();

CREATE TRIGGER fee_5_waives AFTER UPDATE ON public.fee FOR EACH ROW WHEN (((new.state = 'waived'::text) AND (old.state <> 'waived'::text))) EXECUTE FUNCTION public.fee_books();

CREATE TRIGGER fee_6_kept BEFORE DELETE ON public.fee FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER fee_7_appointment AFTER UPDATE ON public.fee REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.fee_settles_appointment();

CREATE TRIGGER fee_7_kept BEFORE TRUNCATE ON public.fee FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE CONSTRAINT TRIGGER fee_8_cancel AFTER UPDATE ON public.fee DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.event = 'cancel'::text) AND (old.event <> 'cancel'::text))) EXECUTE FUNCTION public.fee_cancel_needs_cancelled_referral();

CREATE TRIGGER fee_8_told AFTER UPDATE ON public.fee REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.fee_is_told();

CREATE CONSTRAINT TRIGGER fee_9_deferred AFTER INSERT ON public.fee DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.state = 'deferred'::text)) EXECUTE FUNCTION public.fee_born_deferred_needs_emergency();

CREATE TRIGGER history_by_triggers BEFORE INSERT ON public.history FOR EACH STATEMENT EXECUTE FUNCTION public.written_by_triggers();

CREATE TRIGGER history_is_kept BEFORE TRUNCATE ON public.history FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER history_is_lawful AFTER INSERT ON public.history REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.history_is_lawful();

CREATE TRIGGER history_only_grows BEFORE DELETE OR UPDATE ON public.history FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER inbox_1_frozen BEFORE UPDATE ON public.inbox FOR EACH ROW EXECUTE FUNCTION public.inbox_guard();

CREATE TRIGGER inbox_2_kept BEFORE DELETE ON public.inbox FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER inbox_3_kept BEFORE TRUNCATE ON public.inbox FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER inquiry_1_frozen BEFORE UPDATE ON public.inquiry FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'account_id', 'claim_id', 'refund_id', 'receipt_number', 'original_conversation_id', 'conversation_id', 'originator_conversation_id', 'answered_at');

CREATE TRIGGER inquiry_2_kept BEFORE DELETE ON public.inquiry FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER inquiry_3_kept BEFORE TRUNCATE ON public.inquiry FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER law_1_frozen BEFORE UPDATE ON public.law FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.machine IS NOT NULL) AND (old.machine IS DISTINCT FROM new.machine)) OR ((old.from_state IS NOT NULL) AND (old.from_state IS DISTINCT FROM new.from_state)) OR ((old.event IS NOT NULL) AND (old.event IS DISTINCT FROM new.event)) OR ((old.to_state IS NOT NULL) AND (old.to_state IS DISTINCT FROM new.to_state)))) EXECUTE FUNCTION public.frozen_columns('id', 'machine', 'from_state', 'event', 'to_state');

CREATE TRIGGER law_2_kept BEFORE DELETE ON public.law FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER law_3_kept BEFORE TRUNCATE ON public.law FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER live_delete AFTER DELETE ON public.account_hold REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.account_hold_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.application REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.appointment REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.appointment_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.attachment REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.clinic REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinic_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.clinic_day REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.clinic_hours REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.closure REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.closure_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.comment REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.exemption REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.facility REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.facility_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.fee REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.fee_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.key_check REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.key_check_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.membership REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.membership_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.mpesa_account REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.mpesa_account_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.notice REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.notice_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.particulars REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.particulars_are_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.price REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.price_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.prompt REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.receipt REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.receipt_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.referral REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.referral_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.refund REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.rufaa_user REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.user_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.slot REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_delete AFTER DELETE ON public.task REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.task_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.account_hold REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.account_hold_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.application REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.appointment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.appointment_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.attachment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.clinic REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinic_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.clinic_day REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.clinic_hours REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.closure REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.closure_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.comment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.exemption REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.facility REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.facility_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.fee REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.fee_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.key_check REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.key_check_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.membership_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.mpesa_account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.mpesa_account_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.notice REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.notice_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.particulars REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.particulars_are_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.price REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.price_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.prompt REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.receipt REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.receipt_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.referral REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.referral_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.refund REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.rufaa_user REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.user_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.slot REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_insert AFTER INSERT ON public.task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.task_is_live();

CREATE TRIGGER live_moved AFTER UPDATE ON public.account_hold REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.account_hold_is_live();

CREATE TRIGGER live_moved AFTER UPDATE ON public.membership REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.membership_is_live();

CREATE TRIGGER live_moved AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.referral_is_live();

CREATE TRIGGER live_moved AFTER UPDATE ON public.task REFERENCING OLD TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.task_is_live();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.account_hold FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.application FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.appointment FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.attachment FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.clinic FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.clinic_day FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.clinic_hours FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.closure FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.comment FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.exemption FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.facility FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.fee FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.key_check FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.membership FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.mpesa_account FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.notice FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.particulars FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.price FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.prompt FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.receipt FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.referral FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.refund FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.rufaa_user FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.slot FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_truncate AFTER TRUNCATE ON public.task FOR EACH STATEMENT EXECUTE FUNCTION public.rufaa_tell_everything();

CREATE TRIGGER live_update AFTER UPDATE ON public.account_hold REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.account_hold_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.application REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.appointment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.appointment_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.attachment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.clinic REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinic_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.clinic_day REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.clinic_hours REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.closure REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.closure_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.comment REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.talk_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.exemption REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.facility REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.facility_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.fee REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.fee_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.key_check REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.key_check_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.membership REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.membership_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.mpesa_account REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.mpesa_account_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.notice REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.notice_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.particulars REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.particulars_are_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.price REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.price_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.prompt REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_fee_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.receipt REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.receipt_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.referral REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.referral_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.refund REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.of_receipt_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.rufaa_user REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.user_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.slot REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.clinics_part_is_live();

CREATE TRIGGER live_update AFTER UPDATE ON public.task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION public.task_is_live();

CREATE TRIGGER logbook_1_entry BEFORE INSERT ON public.logbook FOR EACH ROW EXECUTE FUNCTION public.logbook_entry();

CREATE TRIGGER logbook_2_only_grows BEFORE DELETE OR UPDATE ON public.logbook FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER logbook_3_kept BEFORE TRUNCATE ON public.logbook FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER logbook_delete AFTER DELETE ON public.mfa_authenticator REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_factor();

CREATE TRIGGER logbook_insert AFTER INSERT ON public.membership REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_membership();

CREATE TRIGGER logbook_insert AFTER INSERT ON public.mfa_authenticator REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_factor();

CREATE TRIGGER logbook_insert AFTER INSERT ON public.price REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_price();

CREATE TRIGGER logbook_insert AFTER INSERT ON public.rufaa_user REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_user();

CREATE TRIGGER logbook_update AFTER UPDATE ON public.facility REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_facility();

CREATE TRIGGER logbook_update AFTER UPDATE ON public.membership REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_membership();

CREATE TRIGGER logbook_update AFTER UPDATE ON public.price REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_price();

CREATE TRIGGER logbook_update AFTER UPDATE ON public.rufaa_user REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.logbook_user();

CREATE TRIGGER mpesa_account_1_frozen BEFORE UPDATE ON public.mpesa_account FOR EACH ROW WHEN (((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id))) EXECUTE FUNCTION public.frozen_columns('id');

CREATE TRIGGER mpesa_account_2_kept BEFORE DELETE ON public.mpesa_account FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER mpesa_account_3_kept BEFORE TRUNCATE ON public.mpesa_account FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER notice_1_by_facts BEFORE INSERT ON public.notice FOR EACH STATEMENT EXECUTE FUNCTION public.written_by_triggers();

CREATE TRIGGER notice_1_law BEFORE INSERT OR UPDATE ON public.notice FOR EACH ROW EXECUTE FUNCTION public.law_guard('notice');

CREATE TRIGGER notice_2_frozen BEFORE UPDATE ON public.notice FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.created_at IS NOT NULL) AND (old.created_at IS DISTINCT FROM new.created_at)) OR ((old.kind IS NOT NULL) AND (old.kind IS DISTINCT FROM new.kind)) OR ((old.subject IS NOT NULL) AND (old.subject IS DISTINCT FROM new.subject)) OR ((old.referral_id IS NOT NULL) AND (old.referral_id IS DISTINCT FROM new.referral_id)) OR ((old.channel IS NOT NULL) AND (old.channel IS DISTINCT FROM new.channel)))) EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'kind', 'subject', 'referral_id', 'channel');

CREATE TRIGGER notice_3_said BEFORE UPDATE ON public.notice FOR EACH ROW WHEN (((old.text <> ''::text) AND (new.text IS DISTINCT FROM old.text) AND (old.state <> 'due'::text))) EXECUTE FUNCTION public.frozen_columns('text', 'address');

CREATE TRIGGER notice_6_born AFTER INSERT ON public.notice REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('notice');

CREATE TRIGGER notice_6_history AFTER UPDATE ON public.notice REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('notice');

CREATE TRIGGER notice_7_kept BEFORE DELETE ON public.notice FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER notice_8_kept BEFORE TRUNCATE ON public.notice FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER notice_wish_1_kept BEFORE DELETE OR UPDATE ON public.notice_wish FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER openid_link_1_frozen BEFORE UPDATE ON public.openid_link FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'user_id', 'issuer', 'subject', 'removed_at');

CREATE TRIGGER openid_link_2_kept BEFORE DELETE ON public.openid_link FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER openid_link_3_kept BEFORE TRUNCATE ON public.openid_link FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER particulars_9_phone AFTER UPDATE ON public.particulars FOR EACH ROW WHEN ((((new.phone <> ''::text) AND (old.phone = ''::text)) OR ((new.payer_phone <> ''::text) AND (old.payer_phone = ''::text)))) EXECUTE FUNCTION public.particulars_have_phone();

CREATE TRIGGER particulars_sought AFTER UPDATE ON public.particulars FOR EACH ROW EXECUTE FUNCTION public.particulars_are_sought();

CREATE TRIGGER prompt_1_born AFTER INSERT ON public.prompt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('prompt');

CREATE TRIGGER prompt_1_law AFTER UPDATE ON public.prompt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('prompt');

CREATE TRIGGER prompt_2_frozen BEFORE UPDATE ON public.prompt FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.fee_id IS NOT NULL) AND (old.fee_id IS DISTINCT FROM new.fee_id)) OR ((old.account_id IS NOT NULL) AND (old.account_id IS DISTINCT FROM new.account_id)) OR ((old.attempt IS NOT NULL) AND (old.attempt IS DISTINCT FROM new.attempt)) OR ((old.payer_phone IS NOT NULL) AND (old.payer_phone IS DISTINCT FROM new.payer_phone)) OR ((old.amount_cents IS NOT NULL) AND (old.amount_cents IS DISTINCT FROM new.amount_cents)) OR ((old.merchant_request_id IS NOT NULL) AND (old.merchant_request_id IS DISTINCT FROM new.merchant_request_id)) OR ((old.checkout_request_id IS NOT NULL) AND (old.checkout_request_id IS DISTINCT FROM new.checkout_request_id)))) EXECUTE FUNCTION public.frozen_columns('id', 'fee_id', 'account_id', 'attempt', 'payer_phone', 'amount_cents', 'merchant_request_id', 'checkout_request_id');

CREATE TRIGGER prompt_3_money AFTER UPDATE ON public.prompt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.prompt_needs_receipt();

CREATE TRIGGER prompt_4_born AFTER INSERT ON public.prompt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('prompt');

CREATE TRIGGER prompt_4_history AFTER UPDATE ON public.prompt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('prompt');

CREATE TRIGGER prompt_5_fee BEFORE INSERT ON public.prompt FOR EACH ROW EXECUTE FUNCTION public.prompt_asks_for_its_fee();

CREATE TRIGGER prompt_6_kept BEFORE DELETE ON public.prompt FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER prompt_7_kept BEFORE TRUNCATE ON public.prompt FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER prompt_8_restored BEFORE INSERT ON public.prompt FOR EACH ROW WHEN ((btrim(new.reason) = ''::text)) EXECUTE FUNCTION public.prompt_after_restoration();

CREATE TRIGGER prompt_8_told AFTER INSERT ON public.prompt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.prompt_is_told();

CREATE TRIGGER prompt_9_told AFTER UPDATE ON public.prompt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.prompt_end_is_told();

CREATE TRIGGER receipt_1_born AFTER INSERT ON public.receipt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('receipt');

CREATE TRIGGER receipt_1_law AFTER UPDATE ON public.receipt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('receipt');

CREATE TRIGGER receipt_2_frozen BEFORE UPDATE ON public.receipt FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.account_id IS NOT NULL) AND (old.account_id IS DISTINCT FROM new.account_id)) OR ((old.amount_cents IS NOT NULL) AND (old.amount_cents IS DISTINCT FROM new.amount_cents)) OR ((old.prompt_id IS NOT NULL) AND (old.prompt_id IS DISTINCT FROM new.prompt_id)) OR ((old.number IS NOT NULL) AND (old.number IS DISTINCT FROM new.number)) OR ((old.account_reference IS NOT NULL) AND (old.account_reference IS DISTINCT FROM new.account_reference)) OR ((old.phone_shown IS NOT NULL) AND (old.phone_shown IS DISTINCT FROM new.phone_shown)) OR ((old.names_id IS NOT NULL) AND (old.names_id IS DISTINCT FROM new.names_id)))) EXECUTE FUNCTION public.frozen_columns('id', 'account_id', 'amount_cents', 'prompt_id', 'number', 'account_reference', 'phone_shown', 'names_id');

CREATE TRIGGER receipt_3_free BEFORE UPDATE ON public.receipt FOR EACH ROW WHEN ((new.free_cents <> old.free_cents)) EXECUTE FUNCTION public.receipt_counts_free();

CREATE TRIGGER receipt_3_free_at_first BEFORE INSERT ON public.receipt FOR EACH ROW EXECUTE FUNCTION public.receipt_counts_free();

CREATE TRIGGER receipt_4_born AFTER INSERT ON public.receipt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('receipt');

CREATE TRIGGER receipt_4_history AFTER UPDATE ON public.receipt REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('receipt');

CREATE TRIGGER receipt_5_books AFTER INSERT ON public.receipt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.receipt_books();

CREATE TRIGGER receipt_6_kept BEFORE DELETE ON public.receipt FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE CONSTRAINT TRIGGER receipt_6_says AFTER UPDATE ON public.receipt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.state <> old.state) AND (pg_trigger_depth() = 0))) EXECUTE FUNCTION public.receipt_says_what_waits('id');

CREATE TRIGGER receipt_7_kept BEFORE TRUNCATE ON public.receipt FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER receipt_8_adopted BEFORE UPDATE ON public.receipt FOR EACH ROW WHEN (((old.prompt_id IS NULL) AND (new.prompt_id IS NOT NULL))) EXECUTE FUNCTION public.receipt_is_adopted();

CREATE TRIGGER receipt_8_points AFTER INSERT ON public.receipt REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.receipt_points();

CREATE TRIGGER referral_1_born BEFORE INSERT ON public.referral FOR EACH ROW EXECUTE FUNCTION public.law_guard('referral');

CREATE TRIGGER referral_1_law AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_holds('referral');

CREATE TRIGGER referral_2_frozen BEFORE UPDATE ON public.referral FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.token IS NOT NULL) AND (old.token IS DISTINCT FROM new.token)) OR ((old.account_code IS NOT NULL) AND (old.account_code IS DISTINCT FROM new.account_code)) OR ((old.priority IS NOT NULL) AND (old.priority IS DISTINCT FROM new.priority)) OR ((old.referring_id IS NOT NULL) AND (old.referring_id IS DISTINCT FROM new.referring_id)) OR ((old.receiving_id IS NOT NULL) AND (old.receiving_id IS DISTINCT FROM new.receiving_id)) OR ((old.physician_id IS NOT NULL) AND (old.physician_id IS DISTINCT FROM new.physician_id)) OR ((old.created_by_id IS NOT NULL) AND (old.created_by_id IS DISTINCT FROM new.created_by_id)) OR ((old.particulars_id IS NOT NULL) AND (old.particulars_id IS DISTINCT FROM new.particulars_id)) OR ((old.fee_id IS NOT NULL) AND (old.fee_id IS DISTINCT FROM new.fee_id)) OR ((old.former_id IS NOT NULL) AND (old.former_id IS DISTINCT FROM new.former_id)) OR ((old.onward_of_id IS NOT NULL) AND (old.onward_of_id IS DISTINCT FROM new.onward_of_id)))) EXECUTE FUNCTION public.frozen_columns('id', 'token', 'account_code', 'priority', 'referring_id', 'receiving_id', 'physician_id', 'created_by_id', 'particulars_id', 'fee_id', 'former_id', 'onward_of_id');

CREATE TRIGGER referral_3_money AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.referral_needs_money();

CREATE TRIGGER referral_4_born AFTER INSERT ON public.referral REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('referral');

CREATE TRIGGER referral_4_history AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('referral');

CREATE TRIGGER referral_5_payee BEFORE INSERT OR UPDATE OF fee_id, payee_id ON public.referral FOR EACH ROW EXECUTE FUNCTION public.referral_payee_is_the_fees();

CREATE TRIGGER referral_6_kept BEFORE DELETE ON public.referral FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER referral_7_kept BEFORE TRUNCATE ON public.referral FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER referral_8_slot AFTER UPDATE ON public.referral FOR EACH ROW WHEN (((new.state = ANY (ARRAY['cancelled'::text, 'rejected'::text, 'completed'::text])) AND (old.state <> new.state))) EXECUTE FUNCTION public.referral_frees_its_slot();

CREATE TRIGGER referral_8_told AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.referral_is_told();

CREATE TRIGGER referral_9_onward AFTER INSERT OR UPDATE OF onward_of_id ON public.referral FOR EACH ROW WHEN ((new.onward_of_id IS NOT NULL)) EXECUTE FUNCTION public.referral_goes_onward();

CREATE TRIGGER referral_sought AFTER INSERT ON public.referral REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.referral_is_sought();

CREATE TRIGGER referral_sought_otherwise AFTER UPDATE ON public.referral REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.referral_is_sought();

CREATE TRIGGER refund_1_law BEFORE INSERT OR UPDATE ON public.refund FOR EACH ROW EXECUTE FUNCTION public.law_guard('refund');

CREATE TRIGGER refund_2_frozen BEFORE UPDATE ON public.refund FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'receipt_id', 'fee_id', 'amount_cents', 'method', 'phone', 'why', 'proposed_by', 'approved_by', 'approved_at', 'number', 'done_at');

CREATE TRIGGER refund_3_promises BEFORE INSERT OR UPDATE ON public.refund FOR EACH ROW EXECUTE FUNCTION public.refund_promises();

CREATE TRIGGER refund_4_books AFTER UPDATE ON public.refund FOR EACH ROW WHEN (((new.state = 'done'::text) AND (old.state <> 'done'::text))) EXECUTE FUNCTION public.refund_books();

CREATE TRIGGER refund_5_born AFTER INSERT ON public.refund REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('refund');

CREATE TRIGGER refund_5_history AFTER UPDATE ON public.refund REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION public.law_history('refund');

CREATE TRIGGER refund_6_kept BEFORE DELETE ON public.refund FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER refund_7_kept BEFORE TRUNCATE ON public.refund FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE CONSTRAINT TRIGGER refund_8_says AFTER UPDATE ON public.refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.state = 'done'::text) AND (old.state <> 'done'::text))) EXECUTE FUNCTION public.receipt_says_what_waits('receipt_id');

CREATE CONSTRAINT TRIGGER refund_9_fee AFTER UPDATE ON public.refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.state = 'done'::text) AND (old.state <> 'done'::text))) EXECUTE FUNCTION public.refund_ends_its_fee();

CREATE TRIGGER restoration_1_frozen BEFORE UPDATE ON public.restoration FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'backup_at', 'restored_at', 'compared_at', 'compared');

CREATE TRIGGER restoration_2_kept BEFORE DELETE ON public.restoration FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER restoration_3_kept BEFORE TRUNCATE ON public.restoration FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER slot_1_counted BEFORE UPDATE ON public.slot FOR EACH ROW WHEN ((new.taken <> old.taken)) EXECUTE FUNCTION public.places_are_counted();

CREATE TRIGGER slot_1_new BEFORE INSERT ON public.slot FOR EACH ROW WHEN ((new.taken <> 0)) EXECUTE FUNCTION public.places_are_counted();

CREATE TRIGGER slot_2_frozen BEFORE UPDATE ON public.slot FOR EACH ROW WHEN ((((old.id IS NOT NULL) AND (old.id IS DISTINCT FROM new.id)) OR ((old.clinic_id IS NOT NULL) AND (old.clinic_id IS DISTINCT FROM new.clinic_id)) OR ((old.day IS NOT NULL) AND (old.day IS DISTINCT FROM new.day)) OR ((old.starts_at IS NOT NULL) AND (old.starts_at IS DISTINCT FROM new.starts_at)))) EXECUTE FUNCTION public.frozen_columns('id', 'clinic_id', 'day', 'starts_at');

CREATE TRIGGER stray_1_frozen BEFORE UPDATE ON public.stray FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'created_at', 'prompt', 'inbox', 'checkout_request_id', 'receipt_number', 'amount_cents', 'paid_at', 'receipt_id');

CREATE TRIGGER stray_2_kept BEFORE DELETE ON public.stray FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER stray_3_kept BEFORE TRUNCATE ON public.stray FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER task_1_frozen BEFORE UPDATE ON public.task FOR EACH ROW EXECUTE FUNCTION public.frozen_columns('id', 'opened_at', 'kind', 'facility_id', 'fee_id', 'stray_id', 'prompt_id', 'receipt_id', 'claim_id', 'refund_id', 'account_id', 'proposed_fee_id', 'why', 'closed_at', 'closed_by');

CREATE TRIGGER task_2_kept BEFORE DELETE ON public.task FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER task_3_kept BEFORE TRUNCATE ON public.task FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER task_4_closed BEFORE UPDATE ON public.task FOR EACH ROW WHEN (((old.closed_at IS NOT NULL) AND ((new.closed_as IS DISTINCT FROM old.closed_as) OR (new.closed_by IS DISTINCT FROM old.closed_by)))) EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER transfer_by_triggers BEFORE INSERT ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION public.written_by_triggers();

CREATE TRIGGER transfer_is_kept BEFORE TRUNCATE ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION public.kept_for_ever();

CREATE TRIGGER transfer_only_grows BEFORE DELETE OR UPDATE ON public.transfer FOR EACH ROW EXECUTE FUNCTION public.kept_for_ever();

ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_2c513194_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirm_email_address_id_5b7f8c58_fk_account_e FOREIGN KEY (email_address_id) REFERENCES public.account_emailaddress(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.account_hold
    ADD CONSTRAINT account_hold_account_id_b3f20412_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_user_id_2b8305f7_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.appointment
    ADD CONSTRAINT appointment_referral_id_80488fb1_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.appointment
    ADD CONSTRAINT appointment_replaces_id_c0a3beab_fk_appointment_id FOREIGN KEY (replaces_id) REFERENCES public.appointment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.appointment
    ADD CONSTRAINT appointment_slot_id_42e4cdf7_fk_slot_id FOREIGN KEY (slot_id) REFERENCES public.slot(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_author_id_e48af901_fk_rufaa_user_id FOREIGN KEY (author_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.attachment_content
    ADD CONSTRAINT attachment_content_attachment_id_02c3776c_fk_attachment_id FOREIGN KEY (attachment_id) REFERENCES public.attachment(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_facility_id_dff377dd_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_referral_id_b153fd45_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_removed_by_id_0aa2e338_fk_rufaa_user_id FOREIGN KEY (removed_by_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.axes_accessattemptexpiration
    ADD CONSTRAINT axes_accessattemptex_access_attempt_id_6b73a47a_fk_axes_acce FOREIGN KEY (access_attempt_id) REFERENCES public.axes_accessattempt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.brought
    ADD CONSTRAINT brought_referral_id_0ad804c4_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_account_id_3006f9b1_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_fee_id_7267dcd6_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.claim
    ADD CONSTRAINT claim_receipt_id_3552cf13_fk_receipt_id FOREIGN KEY (receipt_id) REFERENCES public.receipt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.clinic_day
    ADD CONSTRAINT clinic_day_clinic_id_d5546c0c_fk_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinic(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.clinic
    ADD CONSTRAINT clinic_facility_id_147fdd6d_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.clinic_hours
    ADD CONSTRAINT clinic_hours_clinic_id_e3cfddc7_fk_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinic(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.closure
    ADD CONSTRAINT closure_clinic_id_da3ac127_fk_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinic(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.closure
    ADD CONSTRAINT closure_facility_id_6e249f9f_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.comment
    ADD CONSTRAINT comment_author_id_36cf9cf3_fk_rufaa_user_id FOREIGN KEY (author_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.comment
    ADD CONSTRAINT comment_facility_id_dc906163_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.comment
    ADD CONSTRAINT comment_referral_id_be06244d_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_content_type_id_c4bce8eb_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.django_admin_log
    ADD CONSTRAINT django_admin_log_user_id_c564eba6_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_account_id_97faf3a6_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_claim_id_4c4b6b84_fk_claim_id FOREIGN KEY (claim_id) REFERENCES public.claim(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_refund_id_c060a98a_fk_refund_id FOREIGN KEY (refund_id) REFERENCES public.refund(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_stray_id_118a1dc4_fk_stray_id FOREIGN KEY (stray_id) REFERENCES public.stray(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.exemption
    ADD CONSTRAINT exemption_fee_id_a39fc144_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.fee
    ADD CONSTRAINT fee_account_id_f93ab620_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.fee
    ADD CONSTRAINT fee_payee_id_2588687e_fk_facility_id FOREIGN KEY (payee_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.inquiry
    ADD CONSTRAINT inquiry_account_id_9fc0bd71_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.inquiry
    ADD CONSTRAINT inquiry_claim_id_00b97603_fk_claim_id FOREIGN KEY (claim_id) REFERENCES public.claim(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.inquiry
    ADD CONSTRAINT inquiry_refund_id_fea84b77_fk_refund_id FOREIGN KEY (refund_id) REFERENCES public.refund(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.key_check
    ADD CONSTRAINT key_check_account_id_9f0932d9_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.key_check
    ADD CONSTRAINT key_check_facility_id_67766f92_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_facility_id_78654c44_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.membership
    ADD CONSTRAINT membership_user_id_3409a104_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_user_id_0c3a50c0_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.mpesa_access
    ADD CONSTRAINT mpesa_access_account_id_30ac61b5_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.mpesa_account
    ADD CONSTRAINT mpesa_account_owner_id_983ef3c4_fk_facility_id FOREIGN KEY (owner_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.notice_policy
    ADD CONSTRAINT notice_policy_facility_id_ddd19dc9_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_referral_id_179c06e3_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.notice_template
    ADD CONSTRAINT notice_template_facility_id_9748757c_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.openid_link
    ADD CONSTRAINT openid_link_user_id_3a2f83ea_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_account_id_66828a9f_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_facility_id_4cf53e2a_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_payee_id_b299d53a_fk_facility_id FOREIGN KEY (payee_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.price
    ADD CONSTRAINT price_receiving_id_11f873c2_fk_facility_id FOREIGN KEY (receiving_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.prompt
    ADD CONSTRAINT prompt_account_id_5b0263ab_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.prompt
    ADD CONSTRAINT prompt_fee_id_d1932f64_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_names_id_5c19fd39_fk_fee_id FOREIGN KEY (names_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_created_by_id_b0d5bb46_fk_rufaa_user_id FOREIGN KEY (created_by_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_fee_id_e30a0b05_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_onward_of_id_f2d124d6_fk_referral_id FOREIGN KEY (onward_of_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_particulars_id_03766ea1_fk_particulars_id FOREIGN KEY (particulars_id) REFERENCES public.particulars(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_payee_id_c2821ad9_fk_facility_id FOREIGN KEY (payee_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_physician_id_94c16164_fk_rufaa_user_id FOREIGN KEY (physician_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_receiving_id_9cea6ee4_fk_facility_id FOREIGN KEY (receiving_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral
    ADD CONSTRAINT referral_referring_id_dfc76d05_fk_facility_id FOREIGN KEY (referring_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.referral_search
    ADD CONSTRAINT referral_search_referral_id_ed2c66ee_fk_referral_id FOREIGN KEY (referral_id) REFERENCES public.referral(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_fee_id_e6aec01c_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.refund
    ADD CONSTRAINT refund_receipt_id_7bc254c5_fk_receipt_id FOREIGN KEY (receipt_id) REFERENCES public.receipt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rufaa_user_groups
    ADD CONSTRAINT rufaa_user_groups_group_id_de12d803_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rufaa_user_groups
    ADD CONSTRAINT rufaa_user_groups_user_id_50be511f_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rufaa_user_user_permissions
    ADD CONSTRAINT rufaa_user_user_perm_permission_id_990e67bf_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.rufaa_user_user_permissions
    ADD CONSTRAINT rufaa_user_user_permissions_user_id_c2018959_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.slot
    ADD CONSTRAINT slot_clinic_id_873690e3_fk_clinic_id FOREIGN KEY (clinic_id) REFERENCES public.clinic(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.stray
    ADD CONSTRAINT stray_account_id_edf8cdae_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.stray
    ADD CONSTRAINT stray_receipt_id_1f25d7a4_fk_receipt_id FOREIGN KEY (receipt_id) REFERENCES public.receipt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_account_id_30c3ac18_fk_mpesa_account_id FOREIGN KEY (account_id) REFERENCES public.mpesa_account(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_claim_id_a2f268ca_fk_claim_id FOREIGN KEY (claim_id) REFERENCES public.claim(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_facility_id_705cd011_fk_facility_id FOREIGN KEY (facility_id) REFERENCES public.facility(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_fee_id_5e554b40_fk_fee_id FOREIGN KEY (fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_prompt_id_bd9d169f_fk_prompt_id FOREIGN KEY (prompt_id) REFERENCES public.prompt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_proposed_fee_id_50b2dfc3_fk_fee_id FOREIGN KEY (proposed_fee_id) REFERENCES public.fee(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_receipt_id_bfbbd55e_fk_receipt_id FOREIGN KEY (receipt_id) REFERENCES public.receipt(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_refund_id_bafd0364_fk_refund_id FOREIGN KEY (refund_id) REFERENCES public.refund(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.task
    ADD CONSTRAINT task_stray_id_e3cd16f3_fk_stray_id FOREIGN KEY (stray_id) REFERENCES public.stray(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_user_id_af5e0a6d_fk_rufaa_user_id FOREIGN KEY (user_id) REFERENCES public.rufaa_user(id) DEFERRABLE INITIALLY DEFERRED;

INSERT INTO public.django_migrations (app, name, applied) VALUES
    ('rufaa_db', '0001_initial', now()),
    ('contenttypes', '0001_initial', now()),
    ('contenttypes', '0002_remove_content_type_name', now()),
    ('auth', '0001_initial', now()),
    ('auth', '0002_alter_permission_name_max_length', now()),
    ('auth', '0003_alter_user_email_max_length', now()),
    ('auth', '0004_alter_user_username_opts', now()),
    ('auth', '0005_alter_user_last_login_null', now()),
    ('auth', '0006_require_contenttypes_0002', now()),
    ('auth', '0007_alter_validators_add_error_messages', now()),
    ('auth', '0008_alter_user_username_max_length', now()),
    ('auth', '0009_alter_user_last_name_max_length', now()),
    ('auth', '0010_alter_group_name_max_length', now()),
    ('auth', '0011_update_proxy_permissions', now()),
    ('auth', '0012_alter_user_first_name_max_length', now()),
    ('facilities', '0001_initial', now()),
    ('account', '0001_initial', now()),
    ('account', '0002_email_max_length', now()),
    ('account', '0003_alter_emailaddress_create_unique_verified_email', now()),
    ('account', '0004_alter_emailaddress_drop_unique_email', now()),
    ('account', '0005_emailaddress_idx_upper_email', now()),
    ('account', '0006_emailaddress_lower', now()),
    ('account', '0007_emailaddress_idx_email', now()),
    ('account', '0008_emailaddress_unique_primary_email_fixup', now()),
    ('account', '0009_emailaddress_unique_primary_email', now()),
    ('admin', '0001_initial', now()),
    ('admin', '0002_logentry_remove_auto_add', now()),
    ('admin', '0003_logentry_add_action_flag_choices', now()),
    ('rufaa_db', '0002_guards', now()),
    ('rufaa_db', '0003_live', now()),
    ('rufaa_db', '0004_in_sets', now()),
    ('rufaa_db', '0005_law_in_sets', now()),
    ('payments', '0001_initial', now()),
    ('ledger', '0001_initial', now()),
    ('ledger', '0002_guards', now()),
    ('payments', '0002_guards', now()),
    ('patients', '0001_initial', now()),
    ('referrals', '0001_initial', now()),
    ('referrals', '0002_guards', now()),
    ('referrals', '0003_live', now()),
    ('referrals', '0004_former_id', now()),
    ('payments', '0003_strays', now()),
    ('payments', '0004_stray_guards', now()),
    ('payments', '0005_restoration', now()),
    ('payments', '0006_worked_money', now()),
    ('payments', '0007_applications', now()),
    ('ledger', '0003_returned_money', now()),
    ('payments', '0008_worked_money_guards', now()),
    ('payments', '0009_live', now()),
    ('facilities', '0002_holds', now()),
    ('facilities', '0003_live', now()),
    ('referrals', '0005_search', now()),
    ('referrals', '0006_emergencies', now()),
    ('referrals', '0007_in_sets', now()),
    ('facilities', '0004_signing_in', now()),
    ('facilities', '0005_names', now()),
    ('facilities', '0006_logbook', now()),
    ('facilities', '0007_logbook_by_kind', now()),
    ('facilities', '0008_plural', now()),
    ('referrals', '0008_fewer_indexes', now()),
    ('referrals', '0009_released', now()),
    ('referrals', '0010_law_in_sets', now()),
    ('audit', '0001_initial', now()),
    ('audit', '0002_guards', now()),
    ('audit', '0003_about', now()),
    ('audit', '0004_in_sets', now()),
    ('facilities', '0009_late_money', now()),
    ('appointments', '0001_initial', now()),
    ('appointments', '0002_guards', now()),
    ('axes', '0001_initial', now()),
    ('axes', '0002_auto_20151217_2044', now()),
    ('axes', '0003_auto_20160322_0929', now()),
    ('axes', '0004_auto_20181024_1538', now()),
    ('axes', '0005_remove_accessattempt_trusted', now()),
    ('axes', '0006_remove_accesslog_trusted', now()),
    ('axes', '0007_alter_accessattempt_unique_together', now()),
    ('axes', '0008_accessfailurelog', now()),
    ('axes', '0009_add_session_hash', now()),
    ('axes', '0010_accessattemptexpiration', now()),
    ('functions', '0001_initial', now()),
    ('ingest', '0001_initial', now()),
    ('ingest', '0002_guards', now()),
    ('ingest', '0003_kinds', now()),
    ('ledger', '0004_fewer_indexes', now()),
    ('mfa', '0001_initial', now()),
    ('mfa', '0002_authenticator_timestamps', now()),
    ('mfa', '0003_authenticator_type_uniq', now()),
    ('moving', '0001_initial', now()),
    ('moving', '0002_guards', now()),
    ('payments', '0010_key_checks', now()),
    ('payments', '0011_in_sets', now()),
    ('payments', '0012_fewer_indexes', now()),
    ('payments', '0013_open_tasks', now()),
    ('payments', '0014_asked_in_sets', now()),
    ('notices', '0001_initial', now()),
    ('notices', '0002_facts', now()),
    ('payments', '0015_rings_by_the_thousand', now()),
    ('payments', '0016_whose', now()),
    ('payments', '0017_overtaken', now()),
    ('payments', '0018_used_otherwise', now()),
    ('payments', '0019_pulled_until', now()),
    ('paypage', '0001_initial', now()),
    ('referrals', '0011_onward', now()),
    ('sessions', '0001_initial', now()),
    ('signin', '0001_initial', now()),
    ('signin', '0002_guards', now()),
    ('signin', '0003_links', now()),
    ('signin', '0004_counts', now()),
    ('signin', '0005_factors', now()),
    ('talk', '0001_initial', now()),
    ('talk', '0002_comment_guards', now()),
    ('talk', '0003_attachment', now()),
    ('talk', '0004_attachment_guards', now()),
    ('usersessions', '0001_initial', now());
