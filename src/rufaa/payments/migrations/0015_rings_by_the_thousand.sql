-- Five hundred receipts find their fees by the keys. On tables that were never analysed, or have grown since, PostgreSQL
-- takes half of them to be meant, and reads every fee for each batch.
ALTER FUNCTION receipt_topics(uuid[])
    SET enable_seqscan TO 'off' SET enable_hashjoin TO 'off' SET enable_mergejoin TO 'off';
