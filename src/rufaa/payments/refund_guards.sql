-- name: restored
SELECT receipt_restored(%(receipt)s) AS backup_at

-- name: overtaken
SELECT refund_overtaken(%(id)s, %(receipt)s, %(fee)s) AS overtaken

-- name: last_order
-- When M-Pesa was last given an order of it, for all that is known: a server that was lost may have given one until the
-- restore. What was written while the clock was ahead was written before the first thing after it that was not.
WITH told AS (
    SELECT id, at FROM history
    WHERE subject = %(id)s AND machine = 'refund'
        AND event IN ('accepted', 'answer-lost', 'lease-expired', 'silent', 'restored')
),
orders AS (
    SELECT CASE WHEN told.at <= rufaa_now() THEN told.at ELSE coalesce((
        SELECT later.at FROM history AS later WHERE later.id > told.id AND later.at <= rufaa_now()
        ORDER BY later.id LIMIT 1
    ), rufaa_now()) END AS at
    FROM told
    UNION ALL
    SELECT CASE WHEN restored_at <= rufaa_now() THEN restored_at ELSE coalesce((
        SELECT min(at) FROM history
        WHERE at <= rufaa_now() AND id > (SELECT max(id) FROM history WHERE at > rufaa_now())
    ), rufaa_now()) END
    FROM restoration JOIN refund ON refund.id = %(id)s
    WHERE restored_at > refund.created_at OR refund.created_at > rufaa_now()
)
SELECT max(at) AS at, max(at) > rufaa_now() - %(lag)s::interval AS too_soon
FROM orders
HAVING max(at) IS NOT NULL

-- name: number_taken
SELECT id FROM refund WHERE number = %(number)s AND id <> %(id)s
