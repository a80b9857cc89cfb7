-- name: clinics
SELECT clinic.id, clinic.created_at, clinic.facility_id, facility.name AS facility, clinic.name, clinic.services,
    clinic.slot_minutes, clinic.slot_capacity, clinic.day_capacity, clinic.hold_minutes, clinic.days_ahead,
    clinic.works_on_holidays,
    ARRAY(SELECT row_to_json(hours) FROM (
        SELECT weekday, to_char(opens, 'HH24:MI') AS opens, to_char(closes, 'HH24:MI') AS closes
        FROM clinic_hours WHERE clinic_id = clinic.id ORDER BY weekday, clinic_hours.opens
    ) AS hours) AS hours
FROM clinic JOIN facility ON facility.id = clinic.facility_id
WHERE clinic.facility_id = ANY(%(facilities)s::uuid[]) AND clinic.ended_at IS NULL
ORDER BY facility.name, clinic.name

-- name: concerns
SELECT EXISTS (SELECT FROM clinic WHERE facility_id = %(facility)s AND ended_at IS NULL) AS clinics,
    EXISTS (SELECT FROM appointment WHERE referral_id = %(referral)s) AS appointments

-- name: clinic
SELECT id, facility_id, name FROM clinic WHERE id = %(clinic)s AND ended_at IS NULL

-- name: free
-- Slots with a place left, in the order of their beginning. Day by day: of a day that is full none of its slots is read.
SELECT slot.id, slot.clinic_id, slot.day, slot.starts_at, slot.ends_at, slot.capacity - slot.taken AS of_slot,
    clinic_day.capacity - clinic_day.taken AS of_day
FROM clinic_day
JOIN LATERAL (
    SELECT * FROM slot
    WHERE slot.clinic_id = clinic_day.clinic_id AND slot.open AND slot.taken < slot.capacity
        AND slot.starts_at >= clinic_day.day::timestamp AT TIME ZONE interval '3 hours'
        AND slot.starts_at < (clinic_day.day + 1)::timestamp AT TIME ZONE interval '3 hours'
        AND slot.starts_at > greatest(%(after)s::timestamptz, (SELECT rufaa_now())) AND slot.starts_at < %(until)s
    ORDER BY slot.starts_at
) AS slot ON true
WHERE clinic_day.clinic_id = %(clinic)s AND clinic_day.taken < clinic_day.capacity
    AND clinic_day.day >= (greatest(%(after)s::timestamptz, (SELECT rufaa_now())) AT TIME ZONE interval '3 hours')::date
    AND clinic_day.day <= (%(until)s::timestamptz AT TIME ZONE interval '3 hours')::date
ORDER BY clinic_day.day, slot.starts_at LIMIT %(limit)s

-- name: at
-- The slots of a facility's clinics at one time, whether or not they have a place left.
SELECT slot.id, slot.clinic_id FROM slot JOIN clinic ON clinic.id = slot.clinic_id
WHERE clinic.facility_id = %(facility)s AND clinic.ended_at IS NULL AND slot.starts_at = %(starts_at)s AND slot.open
    AND (%(clinic)s::uuid IS NULL OR clinic.id = %(clinic)s)
ORDER BY slot.taken >= slot.capacity, clinic.name

-- name: of_referral
SELECT appointment.id, appointment.created_at, appointment.state, appointment.reason, appointment.held_until,
    appointment.slot_id, slot.clinic_id, clinic.name AS clinic, facility.name AS facility, slot.day, slot.starts_at,
    slot.ends_at, slot.open
FROM appointment
JOIN slot ON slot.id = appointment.slot_id
JOIN clinic ON clinic.id = slot.clinic_id
JOIN facility ON facility.id = clinic.facility_id
WHERE appointment.referral_id = %(referral)s
ORDER BY appointment.id DESC

-- name: of_days
-- Who is expected in a facility's clinics, in the order of the day. Whose referral is not released has no name here.
SELECT appointment.id, appointment.state, appointment.reason, appointment.held_until, slot.clinic_id, slot.id AS slot_id,
    slot.day, slot.starts_at, slot.ends_at, slot.open, referral.id AS referral_id, referral.account_code,
    referral.priority, referral.released_at IS NOT NULL AS released,
    CASE WHEN referral.released_at IS NOT NULL THEN particulars.name ELSE '' END AS patient,
    CASE WHEN referral.released_at IS NOT NULL THEN particulars.phone ELSE '' END AS phone,
    referring.name AS referring
FROM slot
JOIN clinic ON clinic.id = slot.clinic_id
JOIN appointment ON appointment.slot_id = slot.id
JOIN referral ON referral.id = appointment.referral_id
JOIN particulars ON particulars.id = referral.particulars_id
JOIN facility AS referring ON referring.id = referral.referring_id
WHERE clinic.facility_id = %(facility)s AND slot.starts_at >= %(after)s AND slot.starts_at < %(until)s
    AND (%(clinic)s::uuid IS NULL OR clinic.id = %(clinic)s)
    AND appointment.state IN ('held', 'booked', 'arrived', 'seen', 'missed')
ORDER BY slot.starts_at, clinic.name, appointment.id

-- name: slots_of_days
SELECT slot.id, slot.clinic_id, slot.day, slot.starts_at, slot.ends_at, slot.capacity, slot.taken, slot.open
FROM slot JOIN clinic ON clinic.id = slot.clinic_id
WHERE clinic.facility_id = %(facility)s AND slot.starts_at >= %(after)s AND slot.starts_at < %(until)s
    AND (%(clinic)s::uuid IS NULL OR clinic.id = %(clinic)s) AND (slot.open OR slot.taken > 0)
ORDER BY slot.starts_at, clinic.name

-- name: displaced
-- Booked in a slot that takes nobody any more: a closure, other hours, a clinic that ended. Somebody has to move them.
SELECT appointment.id, referral.id AS referral_id, referral.account_code, particulars.name AS patient, slot.starts_at,
    clinic.name AS clinic
FROM clinic
JOIN slot ON slot.clinic_id = clinic.id AND NOT slot.open AND slot.taken > 0 AND slot.starts_at > rufaa_now()
JOIN appointment ON appointment.slot_id = slot.id AND appointment.state = 'booked'
JOIN referral ON referral.id = appointment.referral_id
JOIN particulars ON particulars.id = referral.particulars_id
WHERE clinic.facility_id = %(facility)s
ORDER BY slot.starts_at, appointment.id LIMIT %(limit)s

-- name: without_place
-- Settled, released to this facility, and not expected at any time: the money came when the slot was gone, say. Only
-- where somebody chose a slot before: others are asked by whoever confirms.
SELECT referral.id AS referral_id, referral.account_code, particulars.name AS patient, last.state, slot.starts_at,
    clinic.name AS clinic
FROM appointment AS last
JOIN referral ON referral.id = last.referral_id
JOIN slot ON slot.id = last.slot_id
JOIN clinic ON clinic.id = slot.clinic_id
JOIN particulars ON particulars.id = referral.particulars_id
WHERE (last.state = 'cancelled' OR (last.state = 'lapsed' AND last.offered_at IS NOT NULL)) AND NOT last.superseded
    AND referral.receiving_id = %(facility)s AND referral.released_at IS NOT NULL AND referral.state IN ('paid', 'confirmed')
    AND (referral.priority = 'Emergency'
        OR (SELECT state FROM fee WHERE fee.id = referral.fee_id) IN ('paid', 'waived', 'deferred'))
ORDER BY referral.id LIMIT %(limit)s

-- name: closures
SELECT closure.id, closure.starts_at, closure.ends_at, closure.reason, closure.clinic_id, clinic.name AS clinic
FROM closure LEFT JOIN clinic ON clinic.id = closure.clinic_id
WHERE closure.facility_id = %(facility)s AND withdrawn_at IS NULL AND closure.ends_at > rufaa_now()
ORDER BY closure.starts_at, closure.id

-- name: history
SELECT history.at, history.event, history.to_state, history.reason, slot.starts_at,
    CASE WHEN history.actor = %(bearer)s THEN %(bearer_name)s ELSE coalesce(nullif(person.full_name, ''), person.username) END AS who
FROM appointment
JOIN slot ON slot.id = appointment.slot_id
JOIN history ON history.machine = 'appointment' AND history.subject = appointment.id
LEFT JOIN rufaa_user AS person ON person.id = history.actor
WHERE appointment.referral_id = %(referral)s
ORDER BY history.id
