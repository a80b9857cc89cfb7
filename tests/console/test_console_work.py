"""The work list, as each person sees it: lanes, their order, what is found, and what it costs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crowd import many
from desks import Desk
from rufaa.db.atomic import Tx, look, unit
from rufaa.facilities.queries import Actor
from rufaa.patients.models import Particulars
from rufaa.referrals import queries, search
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.models import Referral
from support import RINGS, World, call_back, execute, referral_in, rows, value

At = Callable[[Actor], Desk]
PEOPLE = ("physician", "admin", "second_admin", "receiver", "receiving_admin", "finance", "operator", "stranger")


def listed(html: str) -> list[str]:
    """The ids of the rows, in their order."""
    return re.findall(r'class="row \w+" href="/referrals/(\w+)/"', html)


def named(referral: str, name: str, **more: str) -> str:
    """The referral with another patient in it."""
    unit(lambda _: Particulars.objects.filter(referral__pk=uuid.UUID(referral)).update(name=name, **more))
    return referral


def test_the_work_list_names_what_waits(world: World, desk: At) -> None:
    world.referral()

    assert "To approve <b>1</b>" in desk(world.admin).text("/work/")


def test_a_stranger_is_sent_to_sign_in(world: World) -> None:
    answer = Client().get("/work/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=/work/")


def test_emergencies_come_first_and_then_what_waits_longest(world: World, desk: At) -> None:
    first, second = world.referral(), world.referral(priority=Priority.URGENT)
    emergency = world.referral(priority=Priority.EMERGENCY)
    third, later = world.referral(), world.referral(priority=Priority.EMERGENCY)

    lane = desk(world.admin).text("/work/", status="pending-admin")

    assert listed(lane) == [emergency, later, first, second, third]
    assert listed(desk(world.admin).text("/work/")) == [later, third, emergency, second, first]


@pytest.mark.parametrize("status", ["pending-admin", "completed", ""])
def test_a_lane_is_read_to_its_end_page_by_page(
    world: World, desk: At, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr("rufaa.console.work.PAGE", 3)
    of = Status(status) if status else Status.PENDING_ADMIN
    for number in range(8):
        referral_in(world, of, priority=Priority.EMERGENCY if number in {2, 3, 5, 7} else Priority.ROUTINE)
    monkeypatch.undo()
    whole = listed(desk(world.receiver if of is Status.COMPLETED else world.admin).text("/work/", status=status))
    monkeypatch.setattr("rufaa.console.work.PAGE", 3)

    read, address = [], "?status=" + status
    while address:
        page = desk(world.receiver if of is Status.COMPLETED else world.admin).text("/work/" + address)
        read += listed(page)
        more = re.search(r'class="button" href="(\?[^"]*after=[^"]+)">More', page)
        address = more[1].replace("&amp;", "&") if more else ""

    assert read == whole
    assert len(whole) == 8


def test_a_row_says_how_long_it_waits(world: World, desk: At) -> None:
    referral = world.referral()

    def age(tx: Tx) -> None:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE history SET at = at - interval '75 hours'")

    unit(age)

    html = desk(world.admin).text("/work/")

    assert f"/referrals/{referral}/" in html
    assert '<span class="long">waits 3 d</span>' in html


def test_a_row_says_what_its_phone_does(world: World, desk: At) -> None:
    _referral, prompt = world.prompted()
    assert "Prompt under way" in desk(world.admin).text("/work/")
    execute("UPDATE prompt SET state = 'sending', event = 'claim' WHERE id = %(id)s", id=prompt)
    execute(
        "UPDATE prompt SET state = 'pending', event = 'accepted', checkout_request_id = 'ws_CO_1' WHERE id = %(id)s",
        id=prompt,
    )
    page = desk(world.admin).text("/work/")
    assert "Rings now" in page
    assert 'data-again="' in page
    call_back(prompt, code=1032)
    assert "Not paid yet" in desk(world.admin).text("/work/")


def test_what_is_found_is_found_within_a_box_and_a_lane(world: World, desk: At) -> None:
    paid, other = referral_in(world, Status.PAID), world.referral()
    admin, receiver = desk(world.admin), desk(world.receiver)

    assert listed(admin.text("/work/", q="jane")) == [other, paid]
    assert listed(admin.text("/work/", q="jane", status="paid")) == [paid]
    assert listed(admin.text("/work/", q="jane", box="outgoing")) == [other, paid]
    assert listed(admin.text("/work/", q="jane", box="incoming")) == []
    assert listed(receiver.text("/work/", q="jane", box="incoming", status="paid")) == [paid]


def test_boxes(world: World, desk: At) -> None:
    out = referral_in(world, Status.PAID)

    assert listed(desk(world.admin).text("/work/", box="outgoing")) == [out]
    assert listed(desk(world.admin).text("/work/", box="incoming")) == []
    assert listed(desk(world.receiver).text("/work/", box="incoming")) == [out]


# --- finding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sought"),
    [
        ("Jane Wafula", "jane"),
        ("Jane Wafula", "WAF jan"),
        ("Ng'ang'a Müller-Otieno", "ngang"),
        ("Ng'ang'a Müller-Otieno", "muller"),
        ("Ng'ang'a Müller-Otieno", "ng’ang’a otie"),
        ("O\u2019Brien", "o'brien"),
        ("محمد علي", "محمد"),
        ("李 小龍", "李 小"),
        ("Robert'); DROP TABLE referral;--", "robert'); drop table"),
        ("a | b & !c:*", "a | b & !c:*"),
    ],
)
def test_a_referral_is_found_by_the_beginnings_of_the_words_of_a_name(
    world: World, desk: At, name: str, sought: str
) -> None:
    referral, other = named(world.referral(), name), named(world.referral(), "Somebody Else")

    assert listed(desk(world.admin).text("/work/", q=sought)) == [referral]
    assert other not in desk(world.admin).text("/work/", q=sought)


@pytest.mark.parametrize("sought", ["149", "4149", "0708374149", "+254 708 374 149", "0708-374-149", "708374149"])
def test_a_referral_is_found_by_the_end_of_a_phone(world: World, desk: At, sought: str) -> None:
    referral, _prompt = world.prompted(RINGS)
    world.prompted("254708001032")

    assert listed(desk(world.admin).text("/work/", q=sought)) == [referral]


def test_a_referral_is_found_by_its_codes(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    world.referral()
    (row,) = rows("SELECT account_code, token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))
    code, number = row["account_code"], value("SELECT number FROM receipt")
    admin = desk(world.admin)

    for sought in (code, code.lower(), code[:5], f" {code[:4]} {code[4:]} ", row["token"], number, number.lower()):
        assert listed(admin.text("/work/", q=sought)) == [referral], sought


def test_a_referral_is_found_by_the_number_that_the_facility_gave_the_patient(world: World, desk: At) -> None:
    referral = named(world.referral(), "Jane Wafula", external_id="UHC/2026/0077")

    assert listed(desk(world.admin).text("/work/", q="uhc 0077")) == [referral]


def test_what_is_found_follows_the_particulars(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    named(referral, "Jane Otieno")

    assert listed(admin.text("/work/", q="wafula")) == []
    assert listed(admin.text("/work/", q="otieno")) == [referral]


@pytest.mark.parametrize("sought", ["", " ", "j", "x" * 101, "ja\x00ne", "!!", "%%", "<script>alert(1)</script>", "'"])
def test_what_cannot_be_looked_for_is_said(world: World, desk: At, sought: str) -> None:
    world.referral()

    html = desk(world.admin).text("/work/", q=sought)

    assert "<script>alert" not in html
    if sought.strip():
        assert listed(html) == []


def test_addresses_that_make_no_sense_show_the_list(world: World, desk: At) -> None:
    referral = world.referral()
    for query in ({"status": "gone"}, {"box": "x" * 999}, {"after": ""}, {"box": "pending"}):
        assert listed(desk(world.admin).text("/work/", **query)) == [referral]
    for query in ({"after": "x"}, {"after": "others:x", "status": "pending-admin"}):
        assert listed(desk(world.admin).text("/work/", **query)) in ([], [referral])


def test_nobody_finds_what_they_may_not_see(world: World) -> None:
    """The index knows the gates: whatever is found is what is listed, for everybody, in every status."""
    for priority in (Priority.ROUTINE, Priority.EMERGENCY):
        for status in Status:
            referral_in(world, status, priority=priority)
    total = value("SELECT count(*) FROM referral")
    for name in PEOPLE:
        actor = getattr(world, name)
        found = look(lambda tx, who=actor: search.found(tx, who, "jane", limit=100))  # type: ignore[misc]
        seen = look(lambda tx, who=actor: queries.listed(tx, who, limit=100))  # type: ignore[misc]
        assert [each.referral.pk for each in found] == [each.referral.pk for each in seen], name
        assert len(seen) < total or name in {"physician", "admin", "second_admin"}


def test_the_index_alone_keeps_others_out(world: World) -> None:
    """What the index hands on is no more than what may be seen: the gate behind it has nothing left to do."""
    for status in Status:
        referral_in(world, status)
    for name in PEOPLE:
        actor = getattr(world, name)
        keys = look(
            lambda tx, who=actor: search._by_words(  # type: ignore[misc]
                tx, who, "jane", queries.Box.ALL, status=None, after=None, limit=100
            )
        )
        seen = look(lambda tx, who=actor: queries.listed(tx, who, limit=100))  # type: ignore[misc]
        assert keys == {each.referral.pk for each in seen}, name


def test_finance_finds_no_patient_by_a_phone(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    named(referral, "Jane Wafula", external_id="NX17")

    assert listed(desk(world.finance).text("/work/", q="jane")) == [referral]
    assert listed(desk(world.finance).text("/work/", q="4149")) == []
    assert listed(desk(world.finance).text("/work/", q="nx17")) == []
    assert listed(desk(world.admin).text("/work/", q="nx17")) == [referral]


# --- cost ----------------------------------------------------------------------------------------------------------


def test_the_list_has_the_same_number_of_queries_for_one_row_and_for_twenty(world: World, desk: At) -> None:
    def asked(**query: str) -> int:
        admin = desk(world.admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text("/work/", **query)
        return len(captured)

    world.prompted()
    one = [asked(), asked(status="pending-payment"), asked(q="jane")]
    for number in range(20):
        world.prompted(f"25470800{1000 + number}")

    assert [asked(), asked(status="pending-payment"), asked(q="jane")] == one
    assert max(one) <= 30


def test_statuses_are_counted_alike_in_one_statement_and_in_several(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who works for very many facilities has more values than one statement takes."""
    for status in (Status.PAID, Status.PAID, Status.PENDING_ADMIN, Status.CONFIRMED):
        referral_in(world, status)
    people = (world.admin, world.physician, world.receiver, world.finance, world.stranger)

    at_once = [look(lambda tx, who=who: queries.count_by_status(tx, who)) for who in people]  # type: ignore[misc]
    monkeypatch.setattr(queries, "_VALUES", 1)
    one_by_one = [look(lambda tx, who=who: queries.count_by_status(tx, who)) for who in people]  # type: ignore[misc]

    assert at_once == one_by_one
    assert list(at_once[0]) == list(Status)
    assert (at_once[0][Status.PAID], at_once[0][Status.PENDING_ADMIN], at_once[0][Status.CONFIRMED]) == (2, 1, 1)
    assert sum(at_once[-1].values()) == 0


def test_twenty_thousand_referrals_are_searched_by_the_index(world: World) -> None:
    many(world, 20_000)
    execute("ANALYZE referral, referral_search, particulars")

    for text in ("patient777", "kamau patient12", "0777"):
        for statement in ("found", "found_among"):
            plan = explained(statement, world.admin, text)
            assert "referral_search_words" in plan, plan
            assert "Seq Scan on referral_search" not in plan, plan
    found = look(lambda tx: search.found(tx, world.admin, "patient777 ot", limit=9))
    names = {each.referral.particulars.name for each in found}
    assert names == {"Patient777 Otieno", "Patient7773 Otieno", "Patient7777 Otieno"}


def explained(statement: str, actor: Actor, text: str) -> str:
    values = {
        "text": text,
        "looked_up": text.rsplit(maxsplit=1)[-1],
        "medical": " | ".join([*search._referring(actor), *search._receiving(actor)]),
        "unreleased": " | ".join(search._referring(actor)),
        "money": "",
        "after": None,
        "limit": 51,
    }
    if statement == "found_among":
        values |= {"state": "pending-admin", "receiving": None, "referring": None}
    told = unit(lambda tx: tx.rows("EXPLAIN " + search._SQL[statement], values))
    return "\n".join(str(row["QUERY PLAN"]) for row in told)


def test_a_lane_s_emergencies_are_read_from_their_index_by_a_plan_for_any_values(world: World) -> None:
    """PostgreSQL plans a statement that it has seen often without its values."""
    many(world, 2_000)
    execute("ANALYZE referral")

    def plans(tx: Tx, who: Actor) -> list[str]:
        asked: list[tuple[str, tuple[object, ...]]] = []

        def noting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            asked.append((sql, params))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(noting):
            queries.listed(tx, who, status=Status.PENDING_ADMIN, emergency=True, oldest_first=True, limit=51)
        return [generic(tx, sql, params) for sql, params in asked if "LIMIT 51" in sql]

    def generic(tx: Tx, sql: str, params: tuple[object, ...]) -> str:
        places = sql.replace("%s", "{}").format(*(f"${number + 1}" for number in range(len(params))))
        tx.execute(f"PREPARE lane AS {places}")
        tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        told = tx.rows("EXPLAIN EXECUTE lane (" + ", ".join(f"'{given}'" for given in params) + ")")
        tx.execute("DEALLOCATE lane")
        return "\n".join(str(row["QUERY PLAN"]) for row in told)

    for who in (world.admin, world.physician, world.receiver, world.finance):
        told = unit(lambda tx, who=who: plans(tx, who))  # type: ignore[misc]
        assert told
        assert all("referral_emergency_" in plan for plan in told), told


def test_every_lane_of_twenty_thousand_is_read_from_an_index(world: World) -> None:
    many(world, 20_000)
    execute("ANALYZE referral")

    for who in (world.admin, world.physician, world.receiver, world.finance):
        for gate in queries._gates(who):
            for emergency in (True, False):
                rows = Referral.objects.filter(gate, state="pending-admin").order_by("pk")
                urgent = rows.filter(priority="Emergency") if emergency else rows.exclude(priority="Emergency")
                plan = unit(lambda _, asked=urgent: asked.values("pk")[:51].explain())  # type: ignore[misc]
                assert "Seq Scan on referral" not in plan, plan
                assert "Sort" not in plan or "rows=1 " in plan, plan
