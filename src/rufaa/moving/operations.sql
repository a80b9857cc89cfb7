-- name: lock
SELECT pg_advisory_xact_lock(hashtext('rufaa.moving'))

-- name: known
SELECT id, digest, outcome, why, referral_id FROM brought
WHERE source = %(source)s AND document = %(document)s AND (document <> '' OR digest = %(digest)s)
ORDER BY id

-- name: keep
INSERT INTO brought (id, source, document, digest, body, outcome, why, referral_id)
VALUES (%(id)s, %(source)s, %(document)s, %(digest)s, %(body)s, %(outcome)s, %(why)s::jsonb, %(referral)s)

-- name: say
UPDATE brought SET outcome = %(outcome)s, why = %(why)s::jsonb, referral_id = %(referral)s WHERE id = %(id)s

-- name: superseded
UPDATE brought SET outcome = 'kept', why = '["A later version of it was brought."]'
WHERE source = %(source)s AND document = %(document)s AND outcome = 'aside' AND digest <> %(digest)s

-- name: fee_of
SELECT referral.id, referral.fee_id, fee.amount_cents
FROM referral LEFT JOIN fee ON fee.id = referral.fee_id
WHERE referral.former_id = %(former)s

-- name: unclaimed
-- Referrals that this run brought as paid there, and of which no payment says so.
SELECT referral.id, referral.fee_id
FROM referral
WHERE referral.id = ANY(%(referrals)s::uuid[]) AND referral.fee_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM claim WHERE claim.fee_id = referral.fee_id)
    AND NOT EXISTS (SELECT FROM task WHERE task.fee_id = referral.fee_id AND task.kind = 'contradiction')
ORDER BY referral.fee_id
