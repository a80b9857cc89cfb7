-- name: take
-- No row comes back where nothing is left. The last use closes the rule for a whole window from now.
INSERT INTO paypage_allowance AS had (key, rule, used, ends_at)
VALUES (%(key)s, %(rule)s, 1, rufaa_now() + %(window_s)s * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
    used = CASE WHEN had.ends_at <= rufaa_now() THEN 1 ELSE had.used + 1 END,
    ends_at = CASE
        WHEN had.ends_at <= rufaa_now() OR had.used + 1 >= %(most)s THEN rufaa_now() + %(window_s)s * interval '1 second'
        ELSE had.ends_at
    END
WHERE had.ends_at <= rufaa_now() OR had.used < %(most)s
RETURNING used

-- name: until
SELECT ends_at, extract(epoch FROM ends_at - rufaa_now())::float8 AS wait_s FROM paypage_allowance WHERE key = %(key)s

-- name: give_back
UPDATE paypage_allowance SET used = used - 1 WHERE key = %(key)s AND used > 0

-- name: tidy
-- Over since a while: nobody who was just refused by a row finds it gone.
WITH over AS MATERIALIZED ( -- a plan that looks twice would take away more
    SELECT key FROM paypage_allowance WHERE ends_at <= rufaa_now() - interval '1 minute' ORDER BY ends_at LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM paypage_allowance USING over WHERE paypage_allowance.key = over.key
