"""A town with years behind it: referrals by the thousand or million in a believable mix of states, made by SQL.

Each *story* below is led once through the real law, from the referral to its receipt; its copies differ in ids,
numbers, people, facilities and time. So every rule that holds of the story holds of its copies (``rufaa.cli.proof``).
The copies are written past the triggers, in one transaction; indexes are made when all rows are there.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from reports import c2b_body
from rufaa.cli.work import HANDLERS
from rufaa.db.atomic import Tx, unit
from rufaa.db.sql import load
from rufaa.facilities import operations as facilities
from rufaa.facilities.rights import Role
from rufaa.ingest.loop import settle_inbox
from rufaa.payments.operations import open_task_for_prompt
from rufaa.referrals.machine import Priority, Status
from support import World, call_back, execute, referral_in, value

_SQL: Final = load(__file__, "years.sql")
YEARS: Final = 5
_CHUNK: Final = 50_000
_OPEN_SHARE: Final = 0.1
"""Of all referrals, the newest: somebody still waits for something there."""
_REFERRING: Final = 20
_RECEIVING: Final = 4
_GIVEN: Final = (
    *("Jane", "Achieng", "Wanjiku", "Brian", "Faith", "Kevin", "Mercy", "Otieno", "Njeri", "Hassan", "Amina", "Peter"),
    *(
        "Grace",
        "Kamau",
        "Zawadi",
        "Juma",
        "Esther",
        "Mutua",
        "Halima",
        "Daniel",
        "Atieno",
        "Collins",
        "Rehema",
        "Moses",
    ),
)
_FAMILY: Final = (
    *("Wafula", "Otieno", "Kamau", "Mwangi", "Odhiambo", "Njoroge", "Chebet", "Kiptoo", "Mutiso", "Abdi", "Wekesa"),
    *("Barasa", "Nyambura", "Ochieng", "Kariuki", "Cheruiyot", "Muthoni", "Omondi", "Wairimu", "Kiprono", "Simiyu"),
    *(
        "Makori",
        "Nduta",
        "Were",
        "Langat",
        "Musyoka",
        "Ouma",
        "Gitau",
        "Korir",
        "Mohamed",
        "Njuguna",
        "Akinyi",
        "Rotich",
    ),
)

TABLES: Final[dict[str, str]] = {
    "particulars": "old.id::text = part.key",
    "fee": "old.id::text = part.key",
    "referral": "old.id::text = part.key",
    "prompt": "old.id::text = part.key",
    "receipt": "old.id::text = part.key",
    "application": "old.id::text = part.key",
    "task": "old.id::text = part.key",
    "inbox": "part.kind = 'inbox' AND old.id::text = part.key",
    "evidence": "part.key IN (old.prompt_id::text, old.receipt_id::text)",
    "transfer": "part.key IN (old.fee::text, old.receipt::text)",
    "history": "old.subject::text = part.key",
    "audit": "old.referral::text = part.key",
}
"""What is copied, in this order, and when a row belongs to a story."""

_ELSE: Final[dict[tuple[str, str], str]] = {
    ("referral", "token"): "md5(made.head)",
    ("referral", "referring_id"): "made.referring",
    ("referral", "receiving_id"): "made.receiving",
    ("referral", "physician_id"): "made.physician",
    ("referral", "created_by_id"): "made.physician",
    ("particulars", "name"): "made.name",
    ("particulars", "external_id"): "'NX/' || made.n",
    ("particulars", "phone"): "made.phone",
    ("particulars", "payer_phone"): "made.phone",
    ("prompt", "payer_phone"): "made.phone",
    ("prompt", "merchant_request_id"): "'m-' || left(old.merchant_request_id, 0) || made.head || old.id_slot",
    ("prompt", "checkout_request_id"): "'ws_CO_' || left(old.checkout_request_id, 0) || made.head || old.id_slot",
    ("receipt", "account_reference"): "CASE WHEN old.account_reference <> '' THEN made.account_code ELSE '' END",
    ("audit", "id"): "nextval('audit_number')",
    ("inbox", "id"): "%(inbox)s + 4 * made.n + old.id_slot",
    ("evidence", "inbox"): "%(inbox)s + 4 * made.n + old.inbox_slot",
}
"""What a copy has in a column, where its kind of column does not tell (``_copied``)."""


@dataclass(frozen=True, slots=True)
class Live:
    """How many referrals there are besides, whose prompt is under way."""

    ringing: int = 0
    """Sent; Safaricom has not called back, and nobody asks about it: ``cli.proof`` wants each to be called back."""
    asked: int = 0
    """Sent; M-Pesa is to be asked now."""
    due: int = 0
    """To be sent now."""


@dataclass(frozen=True, slots=True)
class Story:
    """One referral that was led through the law, and of a hundred copies how many are like it."""

    referral: str
    closed: int = 0
    """Of those that are over."""
    open: int = 0
    """Of the newest."""


def grown(world: World, url: str, count: int, live: Live = Live()) -> None:
    """``count`` more referrals, evenly over the last five years, and besides those of ``live``; then VACUUM ANALYZE.

    A quarter of them come from one facility, the world's ``uhuru``, by its physician; all are paid to ``tumaini``.
    """
    stories = _stories(world)
    told = [_ringing(world), _asked(world), _due(world)]
    referrals = [uuid.UUID(each.referral) for each in stories] + [uuid.UUID(each) for each in told]
    sizes = (live.ringing, live.asked, live.due)
    params = {
        "referrals": referrals,
        "count": count,
        "open_count": int(count * _OPEN_SHARE),
        "years": YEARS,
        "closed": _shares(each.closed for each in stories),
        "open": _shares(each.open for each in stories),
        "live": [len(stories) + 1 + place for place in range(len(told))],
        "live_from": [0, sizes[0], sizes[0] + sizes[1]],
        "given": list(_GIVEN),
        "family": list(_FAMILY),
        "more": _REFERRING // 3,
        **_people(world),
    }
    with psycopg.connect(url) as database:
        database.execute("SET statement_timeout = 0; SET session_replication_role = replica")
        database.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'")
        _fill(database, params, count + sum(sizes))
        database.commit()
        database.autocommit = True
        _waits(told[0], "next_at = rufaa_now() + interval '1 day'")
        database.execute("VACUUM (ANALYZE) " + ", ".join([*TABLES, "referral_search"]))


def _fill(database: psycopg.Connection[Any], params: dict[str, Any], total: int) -> None:
    tables = [*TABLES, "referral_search"]
    indexes = database.execute(_SQL["indexes"], {"tables": tables}).fetchall() if total > _CHUNK else []
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    database.execute(_SQL["parts"], params)
    database.execute(_SQL["began"], params)
    database.execute("ANALYZE part; ANALYZE began")
    (inbox,) = database.execute("SELECT coalesce(max(id), 0) FROM inbox").fetchone() or (0,)
    copies = [_copying(database, table) for table in TABLES]
    for first in range(1, total + 1, _CHUNK):
        chunk = params | {"first": first, "last": min(first + _CHUNK - 1, total), "inbox": inbox}
        database.execute(_SQL["made"], chunk)
        database.execute("ANALYZE made")
        for copy in copies:
            database.execute(copy, chunk if "%(inbox)s" in copy else None)
        database.execute(_SQL["words"])
        database.execute("DROP TABLE made")
    database.execute(_SQL["numbers_go_on"])
    for _, definition in indexes:
        database.execute(definition)


def _copying(database: psycopg.Connection[Any], table: str) -> str:
    """Makes the stencil of a table, which are the stories' rows; the statement that copies them for all of ``made``."""
    columns = [(str(name), str(kind)) for name, kind in database.execute(_SQL["columns"], {"table": table})]
    slots = ", ".join(_slot(name, kind) for name, kind in columns if _slot(name, kind))
    database.execute(
        f"CREATE TEMPORARY TABLE stencil_{table} ON COMMIT DROP AS"
        f" SELECT DISTINCT part.story, old.*, {slots} FROM part JOIN {table} AS old ON {TABLES[table]}"
    )
    filled = [(name, _copied(table, name, kind)) for name, kind in columns if not _is_counted(table, name, kind)]
    return (
        f"INSERT INTO {table} ({', '.join(name for name, _ in filled)}) SELECT {', '.join(how for _, how in filled)}"
        f" FROM made JOIN stencil_{table} AS old USING (story) ORDER BY made.n, old.id"
    )


def _slot(name: str, kind: str) -> str:
    """The column of a stencil that says which of the story's own things ``name`` names; empty: it names none."""
    of = f"FROM part AS own WHERE own.story = part.story AND own.key = old.{name}::text"
    if kind == "uuid":
        return f"(SELECT slot {of} AND own.kind = 'row') AS {name}_slot"
    if name in {"number", "receipt_number"}:
        return f"(SELECT place {of} AND own.kind = 'number') AS {name}_slot"
    if kind == "bigint" and name in {"id", "inbox"}:
        return f"(SELECT place {of} AND own.kind = 'inbox') AS {name}_slot"
    return ""


def _copied(table: str, name: str, kind: str) -> str:
    if (table, name) in _ELSE:
        return _ELSE[table, name]
    if kind == "uuid":
        return f"coalesce((made.head || old.{name}_slot)::uuid, old.{name})"
    if kind == "timestamp with time zone":
        return f"old.{name} + made.shift"
    if name in {"number", "receipt_number"}:
        return f"coalesce(made.number || old.{name}_slot, old.{name})"
    return "made.account_code" if name == "account_code" else f"old.{name}"


def _is_counted(table: str, name: str, kind: str) -> bool:
    """Whether PostgreSQL numbers it."""
    return kind == "bigint" and name == "id" and (table, name) not in _ELSE


def _shares(shares: Iterable[int]) -> list[int]:
    """For each of a hundred copies its story, by number."""
    of = [story for story, share in enumerate(shares, start=1) for _ in range(share)]
    if len(of) != 100:
        raise AssertionError(f"the shares are of {len(of)}")
    return of


def _people(world: World) -> dict[str, list[uuid.UUID]]:
    """Facilities that refer, each with a physician, and those that receive. The world's come first."""

    def add(tx: Tx) -> dict[str, list[uuid.UUID]]:
        referring, physicians, receiving = [world.uhuru.pk], [world.physician.user], [world.tumaini.pk]
        for number in range(1, _REFERRING):
            facility = facilities.add_facility(tx, f"Health Centre {number}")
            physician = facilities.add_user(tx, f"physician-{number}", full_name=f"Physician {number}")
            facilities.add_member(tx, physician, facility, Role.PHYSICIAN)
            referring.append(facility.pk)
            physicians.append(physician.pk)
        receiving += [facilities.add_facility(tx, f"Hospital {number}").pk for number in range(1, _RECEIVING)]
        return {"referring": referring, "physicians": physicians, "receiving": receiving}

    return unit(add)


# --- the stories ---------------------------------------------------------------------------------------------------


def _stories(world: World) -> list[Story]:
    def one(status: Status, **more: Any) -> str:
        return referral_in(world, status, **more)

    return [
        Story(one(Status.PENDING_ADMIN), open=25),
        Story(one(Status.PENDING_ADMIN, priority=Priority.EMERGENCY), open=2),
        Story(one(Status.AWAITING_BIODATA), open=15),
        Story(one(Status.PENDING_PAYMENT), closed=1, open=15),
        Story(_asked_in_vain(world), closed=2, open=15),
        Story(_in_review(world), open=1),
        Story(one(Status.REJECTED), closed=5),
        Story(one(Status.CANCELLED), closed=6),
        Story(one(Status.PAID), open=15),
        Story(one(Status.CONFIRMED), closed=4, open=12),
        Story(one(Status.COMPLETED), closed=50),
        Story(one(Status.COMPLETED, priority=Priority.URGENT), closed=10),
        Story(_paid_at_the_second_prompt(world), closed=14),
        Story(_paid_by_paybill(world), closed=6),
        Story(_paid_after_all(world), closed=2),
    ]


def _send(prompt: uuid.UUID) -> None:
    """As dispatch leaves a prompt that M-Pesa took: by the law's own moves."""
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    execute(
        "UPDATE prompt SET state = 'pending', event = 'accepted', next_at = NULL, lease_until = NULL,"
        " merchant_request_id = 'm-' || replace(id::text, '-', ''),"
        " checkout_request_id = 'ws_CO_' || replace(id::text, '-', '') WHERE id = %(id)s",
        id=prompt,
    )


def _prompted(world: World, phone: str = "254708374149", code: int | None = None) -> str:
    """A referral whose prompt was sent and, with a ``code``, called back about."""
    referral, prompt = world.prompted(phone)
    _send(prompt)
    if code is not None:
        call_back(prompt, code=code)
    return referral


def _completed(world: World, referral: str) -> str:
    world.move(referral, Status.CONFIRMED, by=world.receiver)
    world.move(referral, Status.COMPLETED, by=world.receiver, reason="treated")
    return referral


def _asked_in_vain(world: World) -> str:
    return _prompted(world, code=1032)


def _paid_at_the_second_prompt(world: World) -> str:
    referral = _waits(_prompted(world, code=1032), "created_at = created_at - interval '1 hour'")
    prompt = world.ask(referral)
    _send(prompt)
    call_back(prompt)
    return _completed(world, referral)


def _paid_by_paybill(world: World) -> str:
    referral = world.waiting()
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES ('c2b', %(account)s, '127.0.0.1', true, %(body)s)",
        account=world.account.pk,
        body=json.dumps(c2b_body("RKN7PAYBIL", BillRefNumber=code)).encode(),
    )
    settle_inbox(HANDLERS)
    return _completed(world, referral)


def _in_review(world: World) -> str:
    """Nobody could say what became of its prompt: somebody's task."""
    referral, prompt = world.prompted()
    _hand_over(prompt)
    return referral


def _paid_after_all(world: World) -> str:
    """The same, until M-Pesa said it: the task is closed."""
    referral, prompt = world.prompted()
    _hand_over(prompt)
    call_back(prompt)
    return _completed(world, referral)


def _hand_over(prompt: uuid.UUID) -> None:
    for state, event in (("sending", "claim"), ("unknown", "answer-lost"), ("review", "overdue")):
        execute(
            "UPDATE prompt SET state = %(state)s, event = %(event)s, next_at = NULL, sent_at = rufaa_now()"
            " WHERE id = %(id)s",
            state=state,
            event=event,
            id=prompt,
        )
    unit(lambda tx: open_task_for_prompt(tx, prompt, kind="review", why="M-Pesa did not tell what became of it."))


def _waits(referral: str, how: str) -> str:
    execute(
        f"UPDATE prompt SET {how} WHERE fee_id = (SELECT fee_id FROM referral WHERE id = %(id)s)",
        id=uuid.UUID(referral),
    )
    return referral


def _ringing(world: World) -> str:
    return _prompted(world, "254110000001")


def _asked(world: World) -> str:
    return _waits(_prompted(world, "254110000002"), "next_at = rufaa_now()")


def _due(world: World) -> str:
    return world.prompted("254110000003")[0]
