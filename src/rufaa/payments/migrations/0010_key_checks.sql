-- A page that shows an account hears of its checks.
CREATE FUNCTION key_check_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('account', account_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('key_check', 'key_check_is_live');
