-- The only time that SQL takes. STABLE, so that an index can serve "next_at <= rufaa_now()"; its offset moves in tests.
CREATE FUNCTION rufaa_now() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN statement_timestamp() + (SELECT "offset" FROM rufaa_clock);
END $$;
