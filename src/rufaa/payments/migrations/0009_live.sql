-- What live queries are told of money (db/migrations/0003_live.sql): of a fee with its prompts and receipts (fee:…), and of
-- the lists of the finance people of a facility (money:…, tasks:…).
CREATE FUNCTION fee_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT rufaa_topic('fee', id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('fee', 'fee_is_live');

CREATE FUNCTION of_fee_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('fee', fee_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('exemption', 'of_fee_is_live');
CALL rufaa_is_live('prompt', 'of_fee_is_live');

-- Whom receipts concern: the fees that they pay, or whose prompt brought them; and everybody who may be their payee, or
-- have a task about them.
CREATE FUNCTION receipt_topics(receipts uuid[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
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
    UNION SELECT rufaa_topic('tasks', facility_id) FROM task WHERE receipt_id = ANY(receipts) AND closed_at IS NULL
$$;

CREATE FUNCTION receipt_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT receipt_topics(ARRAY(SELECT id FROM changed))));
    RETURN NULL;
END $$;
CALL rufaa_is_live('receipt', 'receipt_is_live');

CREATE FUNCTION of_receipt_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT receipt_topics(ARRAY(SELECT receipt_id FROM changed))));
    RETURN NULL;
END $$;
CALL rufaa_is_live('application', 'of_receipt_is_live');
CALL rufaa_is_live('refund', 'of_receipt_is_live');

CREATE FUNCTION task_is_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rufaa_tell(ARRAY(SELECT DISTINCT rufaa_topic('tasks', facility_id) FROM changed));
    RETURN NULL;
END $$;
CALL rufaa_is_live('task', 'task_is_live', moves => true);
