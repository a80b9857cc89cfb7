"""As test_plans, of clinics: what desks and patients ask reads no more when the past is long."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

import psycopg

from appointments.ground import HEART, book, free
from plans.plans import Plans, as_if_there_were, explained
from rufaa.appointments import clinics, operations, queries
from rufaa.db.atomic import Tx, look, unit
from support import World, rows

PAST: Final = 5000
"""Appointments of the past two years: seen, missed, cancelled, lapsed and moved."""

_PAST: Final = """
INSERT INTO clinic_day (clinic_id, day, capacity, taken)
    SELECT %(clinic)s, current_date - n, 100, 0 FROM generate_series(1, 700) AS n;
INSERT INTO slot (id, clinic_id, day, starts_at, ends_at, capacity, taken, open)
    SELECT gen_random_uuid(), %(clinic)s, day, day + n * interval '10 min', day + (n + 1) * interval '10 min', 9, 0,
        true
    FROM clinic_day CROSS JOIN generate_series(48, 60) AS n WHERE clinic_id = %(clinic)s AND day < current_date;
INSERT INTO particulars (id, name, external_id)
    SELECT gen_random_uuid(), 'Jane ' || n, 'P' || n FROM generate_series(1, %(past)s) AS n;
INSERT INTO referral (id, state, event, token, account_code, priority, referring_id, receiving_id, physician_id,
                      created_by_id, particulars_id, medical_history, lab_results, diagnosis, released_at)
    SELECT gen_random_uuid(), 'confirmed', 'confirm', 'token ' || external_id, 'code ' || external_id, 'Routine',
        %(from)s, %(to)s, %(by)s, %(by)s, id, '', '""', '', now()
    FROM particulars WHERE external_id LIKE 'P%%';
INSERT INTO appointment (id, state, event, referral_id, slot_id, superseded)
    SELECT gen_random_uuid(),
        (ARRAY['seen', 'seen', 'seen', 'seen', 'missed', 'cancelled', 'lapsed', 'moved'])[1 + (random() * 7)::int],
        'past', (SELECT id FROM referral WHERE account_code = 'code P' || place), id, true
    FROM (SELECT id, row_number() OVER (ORDER BY random()) AS place FROM slot WHERE day < current_date) AS each
    WHERE place <= %(past)s;
"""


def lived(world: World, database: str) -> tuple[uuid.UUID, str]:
    """A clinic with a past, a referral that is booked, and one that waits for another time."""
    heart = unit(lambda tx: clinics.add(tx, world.tumaini, HEART))
    of = {"clinic": heart.pk, "from": world.uhuru.pk, "to": world.tumaini.pk, "by": world.physician.user, "past": PAST}
    with psycopg.connect(database, autocommit=True) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_PAST, of)
    referral = world.waiting()
    book(world.admin, referral, free(heart)[-1])
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("ANALYZE")
    return heart.pk, referral


def test_what_is_asked_of_clinics_stays_on_its_indexes(world: World, database: str) -> None:
    heart, referral = lived(world, database)
    today = rows("SELECT current_date AS day")[0]["day"]
    slot = look(lambda tx: queries.free_slots(tx, heart.hex))[-2].id
    asked: dict[str, Callable[[Tx], object]] = {
        "free": lambda tx: queries.free_slots(tx, heart.hex, limit=20),
        "of a referral": lambda tx: queries.of_referral_by_id(tx, uuid.UUID(referral)),
        "a day": lambda tx: queries.days(tx, world.tumaini, first=today, last=today),
        "displaced": lambda tx: queries.displaced(tx, world.tumaini),
        "without a place": lambda tx: queries.without_place(tx, world.tumaini),
        "move": lambda tx: operations.book(tx, world.admin, referral, slot=slot.hex),
        "a worker's round": operations.work,
        "when the next is due": operations.next_due_s,
    }
    as_if_there_were(1000)

    wrong = []
    for name, work in asked.items():
        with explained(plans := Plans()):
            unit(work)
        assert plans.seen, f"{name} asked nothing"
        wrong += [f"{name}: {', '.join(sorted(why))} in {text}" for text, why in plans.found.items()]
    assert wrong == [], "\n".join(wrong)

    with explained(plans := Plans()):  # the control
        unit(lambda tx: tx.rows("SELECT id FROM appointment WHERE reason = 'x'"))
    assert plans.found
