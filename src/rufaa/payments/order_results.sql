-- name: ask_now
-- Once, and not in doubt already: whoever has found the address uses up no question, and has nothing ordered again.
UPDATE refund SET next_at = rufaa_now() WHERE id = %(refund)s AND state = 'ordered'

-- name: inquiry
SELECT * FROM inquiry WHERE id = %(id)s FOR NO KEY UPDATE

-- name: answered
UPDATE inquiry SET answered_at = coalesce(answered_at, rufaa_now()), code = %(code)s WHERE id = %(id)s

-- name: numbered
UPDATE refund SET number = %(number)s WHERE id = %(id)s AND number IS NULL

-- name: insert_evidence
INSERT INTO evidence (channel, refund_id, claim_id, inbox, verdict, result_code, result_desc, receipt_number)
VALUES (%(channel)s, %(refund)s, %(claim)s, %(inbox)s, %(verdict)s, %(code)s, %(desc)s, %(number)s)
ON CONFLICT DO NOTHING
