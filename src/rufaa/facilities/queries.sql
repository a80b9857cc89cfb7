-- name: actor
-- Somebody who may sign in, with each role that they have now.
SELECT person.id, coalesce(nullif(full_name, ''), username) AS name, is_superuser, facility_id, role,
    second_factor_required
FROM rufaa_user AS person
LEFT JOIN membership ON membership.user_id = person.id AND revoked_at IS NULL
LEFT JOIN facility ON facility.id = facility_id
WHERE person.id = %(user)s AND is_active

-- name: actor_named
SELECT person.id, coalesce(nullif(full_name, ''), username) AS name, is_superuser, facility_id, role,
    second_factor_required
FROM rufaa_user AS person
LEFT JOIN membership ON membership.user_id = person.id AND revoked_at IS NULL
LEFT JOIN facility ON facility.id = facility_id
WHERE lower(username) = lower(%(name)s) AND is_active

-- name: others
-- Facilities by name, with what a referral from home to each costs; home NULL: no price is known.
SELECT facility.id, facility.created_at, facility.name, price.amount_cents
FROM facility
LEFT JOIN LATERAL (
    SELECT amount_cents FROM price
    WHERE price.facility_id = %(home)s AND (price.receiving_id = facility.id OR price.receiving_id IS NULL)
    ORDER BY price.receiving_id NULLS LAST LIMIT 1
) AS price ON true
WHERE facility.id IS DISTINCT FROM %(home)s
    AND strpos(lower(facility.name), lower(%(search)s)) > 0
    AND (%(after)s::text IS NULL OR facility.name > %(after)s) AND (%(until)s::text IS NULL OR facility.name <= %(until)s)
ORDER BY facility.name
LIMIT %(limit)s

-- name: mine
SELECT id, created_at, name, prompts_at_once FROM facility WHERE id = ANY(%(facilities)s::uuid[]) ORDER BY name, id

-- name: prices
SELECT price.id, price.created_at, price.amount_cents, price.facility_id, facility.name AS facility,
    price.receiving_id, receiving.name AS receiving, price.payee_id, payee.name AS payee,
    price.account_id, account.short_code, account.till_number
FROM price
JOIN facility ON facility.id = price.facility_id
LEFT JOIN facility AS receiving ON receiving.id = price.receiving_id
JOIN facility AS payee ON payee.id = price.payee_id
JOIN mpesa_account AS account ON account.id = price.account_id
WHERE (price.facility_id = ANY(%(referring)s::uuid[]) OR price.payee_id = ANY(%(paid)s::uuid[]))
    AND (%(after)s::uuid IS NULL OR price.id > %(after)s) AND (%(until)s::uuid IS NULL OR price.id <= %(until)s)
ORDER BY price.id
LIMIT %(limit)s

-- name: colleagues
SELECT membership.facility_id, person.id, coalesce(nullif(person.full_name, ''), person.username) AS name,
    array_agg(membership.role ORDER BY membership.role) AS roles
FROM membership JOIN rufaa_user AS person ON person.id = membership.user_id
WHERE membership.facility_id = ANY(%(facilities)s::uuid[]) AND membership.revoked_at IS NULL AND person.is_active
GROUP BY membership.facility_id, person.id
ORDER BY name, person.id
LIMIT %(limit)s
