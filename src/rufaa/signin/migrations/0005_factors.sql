-- A second factor that comes or goes, by whatever hand, stands in the logbook. What it is made from never does.
CREATE FUNCTION logbook_factor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO logbook (kind, person, about)
    SELECT CASE TG_OP WHEN 'INSERT' THEN 'factor.added' ELSE 'factor.removed' END, user_id,
        jsonb_build_object('type', type)
    FROM changed;
    RETURN NULL;
END $$;
CREATE TRIGGER logbook_insert AFTER INSERT ON mfa_authenticator REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_factor();
CREATE TRIGGER logbook_delete AFTER DELETE ON mfa_authenticator REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION logbook_factor();
