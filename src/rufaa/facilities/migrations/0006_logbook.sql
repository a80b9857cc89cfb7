-- Time, and who did it from where, are this transaction's; an entry that an edge writes may name whom it let in.
CREATE FUNCTION logbook_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.at := rufaa_now();
    NEW.actor := coalesce(NEW.actor, nullif(current_setting('rufaa.actor', true), '')::uuid);
    NEW.channel := split_part(coalesce(nullif(current_setting('rufaa.via', true), ''), 'server'), ' ', 1);
    RETURN NEW;
END $$;
CREATE TRIGGER logbook_1_entry BEFORE INSERT ON logbook FOR EACH ROW EXECUTE FUNCTION logbook_entry();
CREATE TRIGGER logbook_2_only_grows BEFORE UPDATE OR DELETE ON logbook FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER logbook_3_kept BEFORE TRUNCATE ON logbook EXECUTE FUNCTION kept_for_ever();

-- What the tables can tell is told here, so that no writer forgets it, raw SQL and the operator's desk included.
CREATE FUNCTION logbook_membership() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER logbook_insert AFTER INSERT ON membership REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_membership();
CREATE TRIGGER logbook_update AFTER UPDATE ON membership REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_membership();

CREATE FUNCTION logbook_user() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER logbook_insert AFTER INSERT ON rufaa_user REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_user();
CREATE TRIGGER logbook_update AFTER UPDATE ON rufaa_user REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_user();

-- Where the money goes is part of it.
CREATE FUNCTION logbook_price() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER logbook_insert AFTER INSERT ON price REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_price();
CREATE TRIGGER logbook_update AFTER UPDATE ON price REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_price();

CREATE FUNCTION logbook_facility() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER logbook_update AFTER UPDATE ON facility REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_facility();

-- Whoever has a role there may now be asked for more, or for less, before they are answered at all.
CREATE OR REPLACE FUNCTION facility_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('facility', id) FROM changed
        UNION SELECT 'facilities' FROM changed
        UNION SELECT rufaa_topic('person', user_id) FROM changed JOIN membership ON facility_id = changed.id
            WHERE revoked_at IS NULL
    ));
    RETURN NULL;
END $$;
