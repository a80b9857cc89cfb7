-- What live queries are told of referrals (db/migrations/0003_live.sql): of the referral itself, and of the lists that it
-- stands in, or stood in: by facility and state, and by physician and state.
CREATE FUNCTION referral_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('referral', id) FROM changed
        UNION SELECT rufaa_topic('list', facility) || ':' || state
            FROM changed CROSS JOIN unnest(ARRAY[referring_id, receiving_id, payee_id]) AS facility
        UNION SELECT rufaa_topic('own', physician_id) || ':' || state FROM changed
    ));
    RETURN NULL;
END $$;
CALL rufaa_is_live('referral', 'referral_is_live', moves => true);

CREATE FUNCTION particulars_are_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(
        SELECT rufaa_topic('referral', referral.id) FROM changed JOIN referral ON referral.particulars_id = changed.id
    ));
    RETURN NULL;
END $$;
CALL rufaa_is_live('particulars', 'particulars_are_live');
