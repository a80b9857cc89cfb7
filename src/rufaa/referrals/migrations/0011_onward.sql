-- A patient is sent on by the facility that has them: a referral onward comes from where the first one went, once that is
-- confirmed, and is one from its beginning. Who moves the first one meanwhile waits for its lock (referrals/onward.py).
CREATE FUNCTION referral_goes_onward() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER referral_9_onward AFTER INSERT OR UPDATE OF onward_of_id ON referral FOR EACH ROW
    WHEN (NEW.onward_of_id IS NOT NULL) EXECUTE FUNCTION referral_goes_onward();
CALL rufaa_freezes('referral', 'referral_2_frozen', 'id', 'token', 'account_code', 'priority', 'referring_id',
    'receiving_id', 'physician_id', 'created_by_id', 'particulars_id', 'fee_id', 'former_id', 'onward_of_id');

-- As before (0003_live.sql); and the page of the first one hears that there is one onward.
CREATE OR REPLACE FUNCTION referral_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
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
