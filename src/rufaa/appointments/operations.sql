-- name: lock_slot
-- Slots before their appointments: the order of locks.
SELECT slot.id, slot.open, slot.starts_at <= rufaa_now() AS over, clinic.facility_id, clinic.hold_minutes,
    clinic.ended_at IS NOT NULL AS ended
FROM slot JOIN clinic ON clinic.id = slot.clinic_id
WHERE slot.id = %(slot)s
FOR NO KEY UPDATE OF slot

-- name: lock_slots
SELECT id FROM slot WHERE id = ANY(%(slots)s::uuid[]) ORDER BY id FOR NO KEY UPDATE

-- name: places
-- What is left of a slot, and of its day, which is locked, too.
SELECT slot.capacity - slot.taken AS of_slot, clinic_day.capacity - clinic_day.taken AS of_day
FROM slot JOIN clinic_day ON (clinic_day.clinic_id, clinic_day.day) = (slot.clinic_id, slot.day)
WHERE slot.id = %(slot)s
FOR NO KEY UPDATE OF clinic_day

-- name: let_go
-- Holds of this slot that have ended, before the worker came by. One that somebody else is at is left to them.
UPDATE appointment SET state = 'lapsed', event = 'lapse', reason = ''
WHERE id IN (
    SELECT appointment.id FROM appointment
    JOIN referral ON referral.id = appointment.referral_id LEFT JOIN fee ON fee.id = referral.fee_id
    WHERE appointment.slot_id = %(slot)s AND appointment.state = 'held' AND held_until <= rufaa_now()
        AND coalesce(fee.state, '') NOT IN ('paid', 'waived', 'deferred')
    FOR NO KEY UPDATE OF appointment SKIP LOCKED
)

-- name: live
SELECT id, state, slot_id FROM appointment
WHERE referral_id = %(referral)s AND state IN ('held', 'booked', 'arrived')

-- name: lock_live
-- After its slot.
SELECT id, state, slot_id FROM appointment
WHERE referral_id = %(referral)s AND state IN ('held', 'booked', 'arrived')
FOR NO KEY UPDATE

-- name: find
SELECT id, referral_id, slot_id FROM appointment WHERE id = %(appointment)s

-- name: lock
SELECT appointment.id, appointment.state, appointment.slot_id, slot.day, slot.starts_at, slot.starts_at <= rufaa_now() AS begun
FROM appointment JOIN slot ON slot.id = appointment.slot_id
WHERE appointment.id = %(appointment)s
FOR NO KEY UPDATE OF appointment

-- name: insert
INSERT INTO appointment (id, state, event, reason, referral_id, slot_id, held_until, replaces_id)
VALUES (%(id)s, %(state)s, %(event)s, %(reason)s, %(referral)s, %(slot)s,
    CASE WHEN %(state)s = 'held' THEN rufaa_now() + %(hold_minutes)s * interval '1 minute' END, %(replaces)s)

-- name: supersede
UPDATE appointment SET superseded = true
WHERE referral_id = %(referral)s AND id <> %(appointment)s AND state IN ('lapsed', 'cancelled') AND NOT superseded

-- name: move
UPDATE appointment SET state = %(state)s, event = %(event)s, reason = %(reason)s WHERE id = %(appointment)s

-- name: say_when
-- What front ends of before show as the booked day and time; nothing, where there is no appointment any more.
UPDATE particulars SET
    booked_date = coalesce(to_char(slot.starts_at AT TIME ZONE interval '3 hours', 'YYYY-MM-DD'), ''),
    booked_time = coalesce(to_char(slot.starts_at AT TIME ZONE interval '3 hours', 'HH24:MI'), '')
FROM referral
LEFT JOIN LATERAL (
    SELECT starts_at FROM appointment JOIN slot ON slot.id = appointment.slot_id
    WHERE appointment.referral_id = referral.id AND appointment.state IN ('held', 'booked', 'arrived', 'seen')
    ORDER BY appointment.id DESC LIMIT 1
) AS slot ON true
WHERE referral.id = ANY(%(referrals)s::uuid[]) AND particulars.id = referral.particulars_id

-- name: settled
-- What waited for a fee that is settled now. Only the newest of a referral counts: another one took the others' place.
SELECT appointment.id, appointment.state, appointment.slot_id, appointment.referral_id, referral.fee_id,
    facility.late_money, appointment.id = (
        SELECT newer.id FROM appointment AS newer WHERE newer.referral_id = referral.id ORDER BY newer.id DESC LIMIT 1
    ) AND referral.state NOT IN ('cancelled', 'rejected', 'completed') AS counts
FROM appointment
JOIN referral ON referral.id = appointment.referral_id
JOIN facility ON facility.id = referral.receiving_id
WHERE appointment.settled_at IS NOT NULL AND appointment.offered_at IS NULL AND appointment.state IN ('held', 'lapsed')
ORDER BY appointment.settled_at, appointment.id LIMIT %(limit)s

-- name: too_late
UPDATE appointment SET offered_at = rufaa_now() WHERE id = %(appointment)s AND offered_at IS NULL

-- name: keep
UPDATE appointment SET state = 'booked', event = 'keep', reason = ''
WHERE id = ANY(%(appointments)s::uuid[]) AND state = 'held'
RETURNING referral_id

-- name: confirm
-- With its appointment a referral is confirmed, if its fee is settled; one that is confirmed already stays so.
UPDATE referral SET state = 'confirmed', event = 'confirm', reason = ''
WHERE id = ANY(%(referrals)s::uuid[]) AND (
    state = 'paid' OR (state = 'pending-payment'
        AND EXISTS (SELECT FROM fee WHERE fee.id = referral.fee_id AND fee.state IN ('waived', 'deferred')))
)

-- name: close_unserved
UPDATE task SET closed_at = rufaa_now(), closed_as = %(as)s
WHERE kind = 'unserved' AND closed_at IS NULL AND fee_id = (SELECT fee_id FROM referral WHERE id = %(referral)s)

-- name: ended_holds
SELECT appointment.id, appointment.slot_id, appointment.referral_id FROM appointment
JOIN referral ON referral.id = appointment.referral_id LEFT JOIN fee ON fee.id = referral.fee_id
WHERE appointment.state = 'held' AND held_until <= rufaa_now()
    AND coalesce(fee.state, '') NOT IN ('paid', 'waived', 'deferred')
ORDER BY held_until LIMIT %(limit)s

-- name: lapse
UPDATE appointment SET state = 'lapsed', event = 'lapse', reason = ''
WHERE id = ANY(%(appointments)s::uuid[]) AND state = 'held' AND held_until <= rufaa_now()
RETURNING referral_id

-- name: did_not_come
-- Booked for a day that is over, and nobody said that they came.
SELECT appointment.id FROM appointment JOIN slot ON slot.id = appointment.slot_id
WHERE appointment.state = 'booked' AND slot.starts_at < %(today)s
ORDER BY appointment.id LIMIT %(limit)s

-- name: next_due
SELECT extract(epoch FROM least(
    (SELECT min(held_until) FROM appointment WHERE state = 'held' AND settled_at IS NULL),
    (SELECT min(settled_at) FROM appointment
     WHERE settled_at IS NOT NULL AND offered_at IS NULL AND state IN ('held', 'lapsed')),
    (date_trunc('day', rufaa_now() AT TIME ZONE interval '3 hours') + interval '1 day') AT TIME ZONE interval '3 hours'
) - rufaa_now())::float8
