"""A query notes what it reads: PostgreSQL itself counts the tables that it looked into."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import time
from typing import Any, Final

import pytest

from rufaa import functions, reads
from rufaa.appointments import clinics
from rufaa.appointments.clinics import Opening, Shape
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import queries as facilities
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.functions.runtime import Caller
from rufaa.referrals.machine import Status
from rufaa.sync.registry import Function, FunctionKind, Registry
from support import World, execute, referral_in, rows, value

KINDS: Final = {
    "rufaa_user": {"person", "people"},
    "membership": {"person"},
    "facility": {"facility", "facilities"},
    "mpesa_account": {"account"},
    "account_hold": {"account"},
    "key_check": {"account"},
    "price": {"prices"},
    "fee": {"fee", "money"},  # finance's lists show of it what never changes: code, amount, payee
    "exemption": {"fee"},
    "prompt": {"fee", "money"},
    "receipt": {"fee", "money"},
    "application": {"fee", "money"},
    "refund": {"money"},
    "task": {"tasks"},
    "referral": {"referral", "list"},
    "particulars": {"referral"},
    "comment": {"talk"},
    "attachment": {"talk"},
    "clinic": {"clinics", "clinic"},
    "clinic_hours": {"clinic"},
    "clinic_day": {"clinic"},
    "slot": {"clinic"},
    "closure": {"clinics"},
    "appointment": {"referral"},
    "notice": {"referral"},
}
"""Of each table, the kinds of topics of which a query that reads it notes one. Other tables tell nothing."""
_LOOKED_INTO: Final = (
    "SELECT relname AS name, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS scans FROM pg_stat_xact_user_tables"
)


def looked_into(tx: Tx, work: Callable[[], object]) -> set[str]:
    """The tables that ``work`` reads in this transaction, in functions of the database too."""

    def scans() -> dict[str, int]:
        return {row["name"]: row["scans"] for row in tx.rows(_LOOKED_INTO)}

    before = scans()
    work()
    return {name for name, count in scans().items() if count > before.get(name, 0)} - {"rufaa_clock"}


def unnoted(function: Function, args: dict[str, Any], who: Actor) -> set[str]:
    """The tables that a run of ``function`` looks into without noting any topic that they tell."""

    def run(tx: Tx) -> set[str]:
        with reads.recording() as read:
            actor = facilities.actor(tx, who.user)
            tables = looked_into(tx, lambda: function.handler(Caller(actor, tx), **args))
        kinds = {topic.partition(":")[0] for topic in read.topics}
        return {table for table in tables if kinds.isdisjoint(KINDS.get(table, set()))}

    return unit(run)


@pytest.fixture
def referral(world: World) -> Iterator[str]:
    """One that is paid, with an open task, money that waits and a refund beside it."""
    paid = referral_in(world, Status.PAID)
    facility, account = world.tumaini.pk, world.account.pk
    receipt = uuid.uuid4()
    execute(
        "INSERT INTO receipt (id, state, event, number, account_id, amount_cents, account_reference)"
        " VALUES (%(id)s, 'unapplied', 'arrive', 'RKN7A1B2C3', %(account)s, 100000, 'RENT')",
        id=receipt,
        account=account,
    )
    execute(
        "INSERT INTO task (id, kind, facility_id, account_id, receipt_id, why)"
        " VALUES (gen_random_uuid(), 'unapplied', %(facility)s, %(account)s, %(receipt)s, 'no such code')",
        facility=facility,
        account=account,
        receipt=receipt,
    )
    return paid


def arguments(function: Function, referral: str) -> dict[str, Any]:
    token = str(value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))
    given = {"referralId": referral, "referralToken": token, "status": "paid", "clinicId": clinic_of(referral)}
    needed = {each.name for each in function.parameters if not each.optional}
    if function.name == "mpesa:getPromptStatus":  # it takes one of two
        needed = {"referralId"}
    return {name: given[name] for name in needed}


def clinic_of(referral: str) -> str:
    """A clinic of the facility that it goes to."""
    facility = value("SELECT receiving_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    shape = Shape("Heart", (), tuple(Opening(day, time(0), time(23)) for day in range(1, 8)), 60, 1)
    return unit(lambda tx: clinics.add(tx, Facility.objects.get(pk=facility), shape)).pk.hex


def queries() -> list[Function]:
    return [each for each in functions.load().functions() if each.kinds == (FunctionKind.QUERY,)]


@pytest.mark.parametrize("function", queries(), ids=lambda function: function.name)
def test_a_query_notes_a_topic_of_every_table_that_it_reads(world: World, referral: str, function: Function) -> None:
    who = world.finance if function.name.startswith(("receipts:", "refunds:", "tasks:")) else world.admin

    assert unnoted(function, arguments(function, referral), who) == set()


def test_one_that_does_not_is_found(world: World, referral: str) -> None:
    def careless(caller: Caller) -> float:
        reads.note(reads.topic("person", caller.actor.user))
        return float(len(caller.tx.rows("SELECT receipt_payee(id) FROM receipt")))

    registry = Registry()
    registry.module("made/up").query(careless)
    (function,) = registry.functions()

    assert unnoted(function, {}, world.finance) >= {"receipt", "application", "fee"}


def test_every_table_that_a_query_may_read_tells(database: str) -> None:
    telling = {
        row["name"]
        for row in rows("SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'live_insert'")
    }

    assert telling == set(KINDS)


WRITES: Final = re.compile(r"(?:UPDATE|INSERT INTO|DELETE FROM)\s+(\w+)")


def test_what_a_trigger_writes_is_told_by_the_trigger_of_the_table_that_it_is_of(database: str) -> None:
    """They tell of the statement's own table alone: a telling for each row of a batch would cost too much."""
    found = rows("SELECT proname AS name, prosrc AS text FROM pg_proc WHERE prorettype = 'trigger'::regtype")
    nested = {(each["name"], table) for each in found for table in WRITES.findall(each["text"]) if table in KINDS}
    assert nested == {
        ("application_fits", "receipt"),
        ("refund_promises", "receipt"),
        ("appointment_takes_place", "slot"),  # told of with the appointment
        ("appointment_takes_place", "clinic_day"),
        ("referral_frees_its_slot", "appointment"),  # tells it itself
        ("fee_settles_appointment", "appointment"),  # what nobody is shown
        ("particulars_have_phone", "notice"),  # told of with the particulars
    }

    told = rows(
        "SELECT pg_get_triggerdef(oid) AS text FROM pg_trigger WHERE tgname ~ '^live_(insert|update|delete|moved)'"
    )
    assert all("pg_trigger_depth() = 0" in each["text"] for each in told)
