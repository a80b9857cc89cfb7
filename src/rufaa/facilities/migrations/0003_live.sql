-- What live queries are told of people, facilities, accounts and prices (db/migrations/0003_live.sql).
CREATE FUNCTION user_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('person', id) FROM changed UNION SELECT 'people' FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('rufaa_user', 'user_is_live');

-- What a person may see changes with it.
CREATE FUNCTION membership_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('person', user_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('membership', 'membership_is_live', moves => true);

CREATE FUNCTION facility_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('facility', id) FROM changed UNION SELECT 'facilities' FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('facility', 'facility_is_live');

CREATE FUNCTION mpesa_account_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('account', id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('mpesa_account', 'mpesa_account_is_live');

CREATE FUNCTION account_hold_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('account', account_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('account_hold', 'account_hold_is_live', moves => true);

-- They say who the one payee of an account is.
CREATE FUNCTION price_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT 'prices' FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('price', 'price_is_live');
