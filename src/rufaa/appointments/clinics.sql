-- name: lock
SELECT id FROM clinic WHERE id = ANY(%(clinics)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: due
-- Those whose slots do not reach so far ahead as they should: made on an earlier day.
SELECT id FROM clinic WHERE ended_at IS NULL AND laid_out_on IS DISTINCT FROM %(today)s ORDER BY id

-- name: lay_out
-- The grid of each clinic's hours from today on, without holidays and closures; EAT is UTC+3 the whole year. What is in it
-- opens, what is not in it any more closes. Neither slot nor day ever has fewer places than are taken.
WITH wanted AS MATERIALIZED (
    SELECT clinic.id AS clinic_id, day::date AS day, starts_at,
        starts_at + slot_minutes * interval '1 minute' AS ends_at, slot_capacity
    FROM clinic
    CROSS JOIN LATERAL generate_series(
        %(today)s::date, %(today)s::date + days_ahead * interval '1 day', interval '1 day'
    ) AS day
    JOIN clinic_hours ON clinic_hours.clinic_id = clinic.id AND clinic_hours.weekday = extract(isodow FROM day)
    CROSS JOIN LATERAL generate_series(
        0, floor(extract(epoch FROM closes - opens) / 60 / slot_minutes)::int - 1
    ) AS number
    CROSS JOIN LATERAL (
        SELECT (day::date + opens + number * slot_minutes * interval '1 minute') AT TIME ZONE interval '3 hours'
            AS starts_at
    ) AS begun
    WHERE clinic.id = ANY(%(clinics)s::uuid[]) AND clinic.ended_at IS NULL
        AND (works_on_holidays OR day::date <> ALL(%(holidays)s::date[]))
        AND NOT EXISTS (
            SELECT FROM closure WHERE closure.facility_id = clinic.facility_id AND withdrawn_at IS NULL
                AND (closure.clinic_id IS NULL OR closure.clinic_id = clinic.id)
                AND closure.starts_at < begun.starts_at + slot_minutes * interval '1 minute'
                AND closure.ends_at > begun.starts_at
        )
), days AS (
    INSERT INTO clinic_day (clinic_id, day, capacity)
    SELECT DISTINCT clinic_id, day, 0 FROM wanted ORDER BY clinic_id, day
    ON CONFLICT (clinic_id, day) DO NOTHING
), slots AS (
    INSERT INTO slot (id, clinic_id, day, starts_at, ends_at, capacity, open)
    SELECT gen_random_uuid(), clinic_id, day, starts_at, ends_at, slot_capacity, true
    FROM wanted ORDER BY clinic_id, starts_at
    ON CONFLICT (clinic_id, starts_at) DO UPDATE SET
        open = true, ends_at = excluded.ends_at, capacity = greatest(excluded.capacity, slot.taken)
    WHERE (slot.open, slot.ends_at, slot.capacity)
        IS DISTINCT FROM (true, excluded.ends_at, greatest(excluded.capacity, slot.taken))
), others AS (
    UPDATE slot SET open = false
    WHERE clinic_id = ANY(%(clinics)s::uuid[]) AND open AND starts_at > rufaa_now() AND NOT EXISTS (
        SELECT FROM wanted WHERE wanted.clinic_id = slot.clinic_id AND wanted.starts_at = slot.starts_at
    )
)
UPDATE clinic SET laid_out_on = %(today)s WHERE id = ANY(%(clinics)s::uuid[])

-- name: count_places
-- A day takes as many as its clinic says, and no more than its slots have places: who looks for a free one sees at the day
-- whether there is any.
UPDATE clinic_day SET capacity = greatest(clinic_day.taken, places.number)
FROM (
    SELECT slot.clinic_id, slot.day,
        least(clinic.day_capacity, sum(CASE WHEN open THEN slot.capacity ELSE slot.taken END))::int AS number
    FROM slot JOIN clinic ON clinic.id = slot.clinic_id
    WHERE slot.clinic_id = ANY(%(clinics)s::uuid[]) AND slot.day >= %(today)s
    GROUP BY slot.clinic_id, slot.day, clinic.day_capacity
) AS places
WHERE (clinic_day.clinic_id, clinic_day.day) = (places.clinic_id, places.day)
    AND clinic_day.capacity <> greatest(clinic_day.taken, places.number)

-- name: clinics_of_facility
SELECT id FROM clinic WHERE facility_id = %(facility)s AND ended_at IS NULL ORDER BY id
