-- Of copies of a referral (%(referral)s) that nobody was asked to pay yet, as population.sql makes them in "made".

-- name: history
INSERT INTO history (machine, subject, from_state, event, to_state, at, actor, reason)
SELECT old.machine, CASE old.subject WHEN referral.id THEN made.referral ELSE made.fee END,
    old.from_state, old.event, old.to_state, old.at, old.actor, old.reason
FROM referral JOIN history AS old ON old.subject IN (referral.id, referral.fee_id)
CROSS JOIN made
WHERE referral.id = %(referral)s
ORDER BY made.n, old.id

-- name: waiting
SELECT referral AS id, phone FROM made ORDER BY n
