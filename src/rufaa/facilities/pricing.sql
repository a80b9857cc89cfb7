-- name: change
-- A price and the way of its money; with "receiving", what the price for that facility is now, by the same way. Whoever
-- changes prices of a facility waits for who does already.
SELECT receiving.id AS receiving_id, receiving.name AS receiving, model.payee_id, payee.name AS payee, model.account_id,
    present.amount_cents
FROM price AS model
JOIN facility AS home ON home.id = model.facility_id
JOIN facility AS payee ON payee.id = model.payee_id
LEFT JOIN facility AS receiving ON receiving.id = coalesce(%(receiving)s::uuid, model.receiving_id)
LEFT JOIN price AS present
    ON present.facility_id = model.facility_id AND present.receiving_id IS NOT DISTINCT FROM receiving.id
WHERE model.id = %(price)s AND model.facility_id = %(facility)s
FOR NO KEY UPDATE OF home
