-- The guards and books of money, once a statement (db/migrations/0004_in_sets.sql says why and how).

DROP TRIGGER fee_4_history ON fee;
DROP TRIGGER prompt_4_history ON prompt;
DROP TRIGGER receipt_4_history ON receipt;
DROP TRIGGER refund_5_history ON refund;
CALL rufaa_has_history('fee', born => 'fee_4_born', moved => 'fee_4_history');
CALL rufaa_has_history('prompt', born => 'prompt_4_born', moved => 'prompt_4_history');
CALL rufaa_has_history('receipt', born => 'receipt_4_born', moved => 'receipt_4_history');
CALL rufaa_has_history('refund', born => 'refund_5_born', moved => 'refund_5_history');

CALL rufaa_freezes('fee', 'fee_2_frozen', 'id', 'account_code', 'payee_id', 'account_id', 'amount_cents');
CALL rufaa_freezes('prompt', 'prompt_2_frozen', 'id', 'fee_id', 'account_id', 'attempt', 'payer_phone', 'amount_cents',
    'merchant_request_id', 'checkout_request_id');
CALL rufaa_freezes('receipt', 'receipt_2_frozen', 'id', 'account_id', 'amount_cents', 'prompt_id', 'number',
    'account_reference', 'phone_shown', 'names_id');

-- A prompt's receipt is of its amount and on its account, also one that it adopts.
DROP TRIGGER prompt_3_money ON prompt;
CREATE OR REPLACE FUNCTION prompt_needs_receipt() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off SET enable_seqscan = off AS $$
DECLARE
    wrong uuid;
BEGIN
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'paid' AND before.state <> 'paid' AND NOT coalesce((
        SELECT receipt.amount_cents = after.amount_cents AND receipt.account_id = after.account_id
        FROM receipt WHERE receipt.prompt_id = after.id
    ), false) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'prompt % cannot be paid: there is no receipt for it', wrong
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'prompt_needs_receipt';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prompt_3_money AFTER UPDATE ON prompt REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION prompt_needs_receipt();

-- Fees: paid by applications that sum to the amount; refunded when all of it was given back.
DROP TRIGGER fee_3_ground ON fee;
CREATE OR REPLACE FUNCTION fee_needs_ground() RETURNS trigger LANGUAGE plpgsql
    SET enable_nestloop = off SET enable_seqscan = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'paid' AND before.state <> 'paid' AND after.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM application WHERE application.fee_id = after.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % cannot be paid: what is applied to it is not its amount', wrong.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_receipt';
    END IF;
    SELECT after.id, after.event INTO wrong FROM after JOIN before USING (id)
    WHERE after.state <> before.state AND after.event IN ('waive', 'defer') AND 0 = (
        SELECT count(*) FROM exemption
        WHERE exemption.fee_id = after.id AND kind = after.event AND seconded_by IS NOT NULL AND withdrawn_at IS NULL
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % does not take %: two people have not agreed', wrong.id, wrong.event
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_two_people';
    END IF;
    SELECT after.id INTO wrong FROM after JOIN before USING (id)
    WHERE after.state = 'refunded' AND before.state <> 'refunded' AND after.amount_cents IS DISTINCT FROM (
        SELECT sum(amount_cents) FROM transfer WHERE kind = 'returned' AND transfer.fee = after.id
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % cannot be refunded: not all of it was given back', wrong.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fee_needs_refund';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fee_3_ground AFTER UPDATE ON fee REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION fee_needs_ground();

-- Applications: of free money of the fee's account, to a fee that is open and paid by the commit. The receipt says at once
-- what still waits of it: its CHECK guards against more than there is.
DROP TRIGGER application_1_fits ON application;
CREATE OR REPLACE FUNCTION application_fits() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT after.* INTO wrong
    FROM after LEFT JOIN receipt ON receipt.id = after.receipt_id LEFT JOIN fee ON fee.id = after.fee_id
    WHERE (receipt.account_id = fee.account_id AND fee.state IN ('due', 'deferred')
        AND after.amount_cents <= fee.amount_cents) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'receipt % cannot be applied: fee % is not open for so much on its account',
            wrong.receipt_id, wrong.fee_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'application_fits';
    END IF;
    UPDATE receipt SET
        free_cents = free_cents - used.cents,
        state = CASE WHEN used.waits > 0 THEN 'unapplied' ELSE 'applied' END,
        event = CASE WHEN used.waits > 0 THEN 'part-apply' ELSE 'apply' END
    FROM (
        SELECT of.receipt_id, of.cents, money.amount_cents
            - (SELECT sum(amount_cents) FROM application WHERE application.receipt_id = of.receipt_id)
            - coalesce((SELECT sum(amount_cents) FROM refund
                WHERE refund.receipt_id = of.receipt_id AND fee_id IS NULL AND refund.state = 'done'), 0) AS waits
        FROM (SELECT receipt_id, sum(amount_cents) AS cents FROM after GROUP BY receipt_id) AS of
        JOIN receipt AS money ON money.id = of.receipt_id
    ) AS used
    WHERE receipt.id = used.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER application_1_fits AFTER INSERT ON application REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION application_fits();

-- By the commit a receipt's state says what became of its money. A new one waits; an application moves it itself.
DROP TRIGGER receipt_6_says ON receipt;
CREATE CONSTRAINT TRIGGER receipt_6_says AFTER UPDATE ON receipt DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state <> OLD.state OR NEW.free_cents <> OLD.free_cents)
    EXECUTE FUNCTION receipt_says_what_waits('id');

-- The books write themselves, so that no writer can forget them: "debit <- credit".
DROP TRIGGER fee_5_books ON fee;
CREATE FUNCTION fee_raises() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, fee)
    SELECT this_moment, 'raised', 'receivable', 'income', amount_cents, account_id, id FROM after;
    RETURN NULL;
END $$;
CREATE TRIGGER fee_5_books AFTER INSERT ON fee REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION fee_raises();
CREATE OR REPLACE FUNCTION fee_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transfer (kind, debit, credit, amount_cents, account, fee)
    VALUES ('waived', 'income', 'receivable', NEW.amount_cents, NEW.account_id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER fee_5_waives AFTER UPDATE ON fee FOR EACH ROW
    WHEN (NEW.state = 'waived' AND OLD.state <> 'waived') EXECUTE FUNCTION fee_books();

DROP TRIGGER receipt_5_books ON receipt;
CREATE OR REPLACE FUNCTION receipt_books() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, receipt)
    SELECT this_moment, 'received', account.books, 'unapplied', after.amount_cents, after.account_id, after.id
    FROM after JOIN (
        SELECT id, mpesa_books(id) AS books FROM (SELECT DISTINCT account_id AS id FROM after) AS of
    ) AS account ON account.id = after.account_id;
    RETURN NULL;
END $$;
CREATE TRIGGER receipt_5_books AFTER INSERT ON receipt REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION receipt_books();

DROP TRIGGER application_5_books ON application;
CREATE OR REPLACE FUNCTION application_books() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    this_moment timestamptz := rufaa_now();
BEGIN
    INSERT INTO transfer (at, kind, debit, credit, amount_cents, account, fee, receipt)
    SELECT this_moment, 'applied', 'unapplied', 'receivable', after.amount_cents, receipt.account_id, after.fee_id,
        after.receipt_id
    FROM after JOIN receipt ON receipt.id = after.receipt_id;
    RETURN NULL;
END $$;
CREATE TRIGGER application_5_books AFTER INSERT ON application REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION application_books();

DROP TRIGGER transfer_by_triggers ON transfer;
CREATE TRIGGER transfer_by_triggers BEFORE INSERT ON transfer FOR EACH STATEMENT EXECUTE FUNCTION written_by_triggers();
