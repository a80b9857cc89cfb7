-- name: cast
SELECT username, coalesce(nullif(full_name, ''), username) AS name,
    array_agg(role || ' · ' || facility.name ORDER BY role, facility.name) AS roles
FROM rufaa_user AS person
JOIN membership ON membership.user_id = person.id AND revoked_at IS NULL
JOIN facility ON facility.id = facility_id
WHERE is_active
GROUP BY person.id
ORDER BY person.id
LIMIT 12
