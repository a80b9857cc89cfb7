-- No move of the law, so neither guard nor history has anything to say here; what is pending is checked at once, since
-- PostgreSQL alters no table that waits for a check.
ALTER TABLE receipt DISABLE TRIGGER USER;
UPDATE receipt SET free_cents = CASE WHEN fee_id IS NULL THEN amount_cents ELSE 0 END;
INSERT INTO application (id, at, receipt_id, fee_id, amount_cents)
SELECT gen_random_uuid(), coalesce((SELECT max(at) FROM history
    WHERE machine = 'receipt' AND subject = receipt.id AND event = 'apply'), created_at), id, fee_id, amount_cents
FROM receipt WHERE fee_id IS NOT NULL;
ALTER TABLE receipt ENABLE TRIGGER USER;
SET CONSTRAINTS ALL IMMEDIATE;
