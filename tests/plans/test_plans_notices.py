"""As test_plans, of messages: what the worker and a page ask reads no more when millions were sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

import psycopg

from notices.ground import PHONE, PUBLIC, known_phone, tells
from plans.plans import Plans, as_if_there_were, explained
from rufaa.db.atomic import Tx, look, unit
from rufaa.notices import arriving, queries, sending
from rufaa.notices.machine import Channel
from rufaa.referrals.queries import see
from support import World

PAST: Final = 5000
_PAST: Final = """
INSERT INTO notice (id, state, event, kind, subject, referral_id, channel, address, text, gateway_id)
    SELECT gen_random_uuid(), (ARRAY['delivered', 'sent', 'dropped', 'unknown'])[1 + (n %% 100 / 33)::int], 'reported',
        'paid', gen_random_uuid(), %(referral)s, 'sms', '2547' || lpad((n %% 900)::text, 8, '0'), 'text', 'id ' || n
    FROM generate_series(1, %(past)s) AS n;
UPDATE notice SET referral_id = gen_random_uuid() WHERE kind = 'paid';
INSERT INTO receipt (id, state, event, number, account_id, amount_cents, account_reference)
    SELECT gen_random_uuid(), 'applied', 'apply', 'R' || 100000 + n, gen_random_uuid(), 100000, 'X'
    FROM generate_series(1, %(past)s) AS n;
INSERT INTO notice_wish (phone, wants, said)
    SELECT '2547' || lpad(n::text, 8, '0'), n %% 2 = 0, 'sms' FROM generate_series(1, 3000) AS n;
"""


def test_what_is_asked_of_messages_stays_on_its_indexes(world: World, database: str) -> None:
    tells(world)
    referral = world.approved()
    known_phone(referral)
    with psycopg.connect(database, autocommit=True) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(_PAST, {"referral": uuid.UUID(referral), "past": PAST})
        cursor.execute("ANALYZE")
    seen = look(lambda tx: see(tx, world.admin, referral))
    report = {"id": "id 77", "status": "Success", "phoneNumber": f"+{PHONE}"}
    asked: dict[str, Callable[[Tx], object]] = {
        "tidy": lambda tx: sending.tidy(tx, frozenset()),
        "claim": lambda tx: sending.claim(tx, public_url=PUBLIC, channels=frozenset(Channel), limit=10),
        "when the next is due": sending.next_notice_s,
        "a report": lambda tx: arriving.report(tx, report),
        "a report of nobody knows what": lambda tx: arriving.report(tx, report | {"id": "id of others"}),
        "stop": lambda tx: arriving.incoming(tx, {"from": PHONE, "text": "STOP"}),
        "of a referral": lambda tx: queries.of_referral(tx, seen),
        "concern": lambda tx: queries.concern(tx, seen),
        "wants": lambda tx: queries.wants(tx, PHONE),
    }
    as_if_there_were(1000)

    wrong = []
    for name, work in asked.items():
        with explained(plans := Plans()):
            unit(work)
        assert plans.seen, f"{name} asked nothing"
        wrong += [f"{name}: {', '.join(sorted(why))} in {text}" for text, why in plans.found.items()]
    assert wrong == [], "\n".join(wrong)
