-- The guards of referrals, once a statement (db/migrations/0004_in_sets.sql says why and how).

DROP TRIGGER referral_4_history ON referral;
CALL rufaa_has_history('referral', born => 'referral_4_born', moved => 'referral_4_history');
CALL rufaa_freezes('referral', 'referral_2_frozen', 'id', 'token', 'account_code', 'priority', 'referring_id',
    'receiving_id', 'physician_id', 'created_by_id', 'particulars_id', 'fee_id', 'former_id');

-- A referral moves on by its fee, whoever writes.
DROP TRIGGER referral_3_money ON referral;
CREATE OR REPLACE FUNCTION referral_needs_money() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off SET enable_seqscan = off AS $$
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
CREATE TRIGGER referral_3_money AFTER UPDATE ON referral REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION referral_needs_money();

-- What is sought by is written anew where it changes.
DROP TRIGGER referral_sought ON referral;
DROP TRIGGER referral_sought_otherwise ON referral;
CREATE OR REPLACE FUNCTION referral_is_sought() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE
    changed uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT id FROM after);
    ELSE
        changed := ARRAY(
            SELECT after.id FROM after JOIN before USING (id)
            WHERE (after.released_at IS NULL, after.payee_id) IS DISTINCT FROM (before.released_at IS NULL, before.payee_id)
        );
    END IF;
    IF cardinality(changed) > 0 THEN
        PERFORM referrals_are_sought(changed);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION referrals_are_sought(changed uuid[]) RETURNS void LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO referral_search (referral_id, words) SELECT referral, words FROM referral_lexemes(changed)
    ON CONFLICT (referral_id) DO UPDATE SET words = excluded.words;
END $$;
CREATE TRIGGER referral_sought AFTER INSERT ON referral REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION referral_is_sought();
CREATE TRIGGER referral_sought_otherwise AFTER UPDATE ON referral REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION referral_is_sought();
