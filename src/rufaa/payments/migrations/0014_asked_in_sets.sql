-- What was still asked for each row is asked once a statement (ADR 0027). Refunds come one at a time.

CALL rufaa_has_law('fee', born => 'fee_1_born', moved => 'fee_1_law');
CALL rufaa_has_law('prompt', born => 'prompt_1_born', moved => 'prompt_1_law');
CALL rufaa_has_law('receipt', born => 'receipt_1_born', moved => 'receipt_1_law');

-- What every payment points to, in place of foreign keys, which ask row by row and lock what they ask for. Nothing that is
-- pointed to ever goes away or changes its id; application_1_fits knows both of an application's.
ALTER TABLE receipt DROP CONSTRAINT receipt_account_id_7eeb7fdf_fk_mpesa_account_id,
    DROP CONSTRAINT receipt_prompt_id_66ef8689_fk_prompt_id;
ALTER TABLE application DROP CONSTRAINT application_fee_id_98e9a326_fk_fee_id,
    DROP CONSTRAINT application_receipt_id_b92e9752_fk_receipt_id;
ALTER TABLE evidence DROP CONSTRAINT evidence_prompt_id_a99a7106_fk_prompt_id,
    DROP CONSTRAINT evidence_receipt_id_6fc6a162_fk_receipt_id;

CREATE FUNCTION receipt_points() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
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
CREATE TRIGGER receipt_8_points AFTER INSERT ON receipt REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION receipt_points();

-- One that arrived by itself may be adopted by a prompt later; no other pointer changes.
CREATE FUNCTION receipt_is_adopted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM prompt WHERE id = NEW.prompt_id) THEN
        RAISE EXCEPTION 'receipt % points to prompt %, which there is not', NEW.id, NEW.prompt_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'receipt_points';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receipt_8_adopted BEFORE UPDATE ON receipt FOR EACH ROW
    WHEN (OLD.prompt_id IS NULL AND NEW.prompt_id IS NOT NULL) EXECUTE FUNCTION receipt_is_adopted();

CREATE FUNCTION evidence_points() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
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
CREATE TRIGGER evidence_3_points AFTER INSERT ON evidence REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_points();

CALL rufaa_freezes('mpesa_account', 'mpesa_account_1_frozen', 'id');
CREATE TRIGGER mpesa_account_2_kept BEFORE DELETE ON mpesa_account FOR EACH ROW EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER mpesa_account_3_kept BEFORE TRUNCATE ON mpesa_account EXECUTE FUNCTION kept_for_ever();

-- An application says what became of its receipt from the same sums, and free_cents are changed by triggers alone: who
-- moves a receipt by hand is asked.
DROP TRIGGER receipt_6_says ON receipt;
CREATE CONSTRAINT TRIGGER receipt_6_says AFTER UPDATE ON receipt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> OLD.state AND pg_trigger_depth() = 0)
    EXECUTE FUNCTION receipt_says_what_waits('id');
