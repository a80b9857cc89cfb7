-- Whose finance people work the money of a receipt: the payee of the fee that it pays, else of the fee that its prompt
-- asked for, else the facility that has its task, else the one payee of the account, where there is just one. A task is
-- the payee's of the fee whose code was given, so that of an account that two share each has what names its fees; and
-- what waits stays with whom it is when prices change.
CREATE OR REPLACE FUNCTION receipt_payee(receipt uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT fee.payee_id FROM application JOIN fee ON fee.id = application.fee_id
         WHERE application.receipt_id = $1 ORDER BY application.at LIMIT 1),
        (SELECT fee.payee_id FROM receipt JOIN prompt ON prompt.id = receipt.prompt_id JOIN fee ON fee.id = prompt.fee_id
         WHERE receipt.id = $1),
        (SELECT facility_id FROM task
         WHERE task.receipt_id = $1 AND kind = 'unapplied' AND facility_id IS NOT NULL ORDER BY opened_at DESC LIMIT 1),
        (SELECT account_payee(account_id) FROM receipt WHERE receipt.id = $1)
    )
$$;

-- As before, and whoever has ever had a task about it.
CREATE OR REPLACE FUNCTION receipt_topics(receipts uuid[]) RETURNS SETOF text LANGUAGE sql STABLE
    SET enable_seqscan TO 'off' SET enable_hashjoin TO 'off' SET enable_mergejoin TO 'off' AS $$
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
    UNION SELECT rufaa_topic('tasks', facility_id) FROM task WHERE receipt_id = ANY(receipts)
$$;
