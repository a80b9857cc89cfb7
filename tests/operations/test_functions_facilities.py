"""``facilities:…`` and ``prices:…``: where one works, where one may refer to, and what it costs."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest

from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.money import Money
from support import Running, World, execute, someone, unchanged

ELSEWHERE, TUMAINI, UHURU = "Elsewhere Clinic", "Tumaini Referral Hospital", "Uhuru Health Centre"


def destinations(gateway: Running, by: Actor, **args: Any) -> Any:
    return gateway.do("query", "facilities:list", args, by=by)


def names(listed: Any) -> list[str]:
    return [row["name"] for row in listed]


def add(*facilities_named: str) -> None:
    def work(tx: Tx) -> None:
        for name in facilities_named:
            facilities.add_facility(tx, name)

    unit(work)


def test_one_may_refer_to_every_facility_but_the_own(world: World, gateway: Running) -> None:
    for by in (world.physician, world.admin):
        listed = destinations(gateway, by)
        assert [(row["name"], row["price"]) for row in listed] == [(ELSEWHERE, 1000), (TUMAINI, 1000)]
        assert [row["_id"] for row in listed] == [world.elsewhere.pk.hex, world.tumaini.pk.hex]
    assert names(destinations(gateway, world.stranger)) == [TUMAINI, UHURU]
    assert [row["price"] for row in destinations(gateway, world.stranger)] == [None, None]


def test_who_creates_no_referrals_may_refer_nowhere(world: World, gateway: Running) -> None:
    for by in (world.receiver, world.finance, world.operator):
        assert destinations(gateway, by) == []


def test_the_price_is_the_one_that_a_referral_would_have(world: World, gateway: Running) -> None:
    def price(tx: Tx) -> None:
        special = Money.from_shillings(1500)
        facilities.set_price(
            tx, world.uhuru, amount=special, payee=world.tumaini, account=world.account, receiving=world.tumaini
        )

    unit(price)

    assert [row["price"] for row in destinations(gateway, world.admin)] == [1000, 1500]


def test_who_may_refer_from_several_says_from_where(world: World, gateway: Running) -> None:
    unit(lambda tx: facilities.add_member(tx, facilities.add_user(tx, "physician"), world.elsewhere, Role.PHYSICIAN))
    both = someone("physician")

    assert [(row["name"], row["price"]) for row in destinations(gateway, both)] == [
        (ELSEWHERE, None), (TUMAINI, None), (UHURU, None),
    ]  # fmt: skip
    listed = destinations(gateway, both, referringHospital=UHURU)
    assert [(row["name"], row["price"]) for row in listed] == [(ELSEWHERE, 1000), (TUMAINI, 1000)]
    assert names(destinations(gateway, both, referringHospital=world.elsewhere.pk.hex)) == [TUMAINI, UHURU]
    with unchanged():
        for named, code in ((TUMAINI, "forbidden"), ("Nowhere", "unknown-facility"), ("", "unknown-facility")):
            error = gateway.error("query", "facilities:list", {"referringHospital": named}, by=both)
            assert error["code"] == code


def test_a_part_of_the_name_is_looked_for_in_any_case(world: World, gateway: Running) -> None:
    add("100% Care", "Under_score", "Ünlü Clinic")

    assert names(destinations(gateway, world.admin, search="REFERRAL")) == [TUMAINI]
    assert names(destinations(gateway, world.admin, search="  clinic ")) == [ELSEWHERE, "Ünlü Clinic"]
    assert names(destinations(gateway, world.admin, search="%")) == ["100% Care"]
    assert names(destinations(gateway, world.admin, search="_")) == ["Under_score"]
    assert names(destinations(gateway, world.admin, search="nowhere")) == []
    error = gateway.error("query", "facilities:list", {"search": "x" * 201}, by=world.admin)
    assert (error["code"], error["data"]) == ("invalid-argument", {"argument": "search"})


def test_pages_by_name_without_gap_or_repeat(world: World, gateway: Running) -> None:
    add(*(f"Clinic {number:02}" for number in range(5)))
    everything = names(destinations(gateway, world.admin))
    seen, cursor, done = [], None, False
    pages = []
    while not done:
        page = destinations(gateway, world.admin, paginationOpts={"numItems": 3, "cursor": cursor})
        pages.append((cursor, page))
        seen += names(page["page"])
        cursor, done = page["continueCursor"], page["isDone"]

    assert seen == everything
    assert [len(page["page"]) for _, page in pages] == [3, 3, 1]
    beyond = destinations(gateway, world.admin, paginationOpts={"numItems": 3, "cursor": cursor})
    assert (cursor, beyond["page"], beyond["isDone"]) == ("end", [], True)
    add("Aaa Clinic", "Clinic 01b")
    options = [{"numItems": 3, "cursor": began, "endCursor": page["continueCursor"]} for began, page in pages]
    again = [names(destinations(gateway, world.admin, paginationOpts=each)["page"]) for each in options]
    assert [name for page in again for name in page] == sorted([*everything, "Aaa Clinic", "Clinic 01b"])
    assert "Aaa Clinic" in again[0]


NOT_OURS: Final = [
    "", "x", "name:Clinic", "é", "0" * 32, "=", base64.urlsafe_b64encode(b"other:Clinic").decode(),
    base64.urlsafe_b64encode(b"name:a\x00b").decode(), base64.urlsafe_b64encode(b"name:\xff").decode(), 7,
]  # fmt: skip


@pytest.mark.parametrize("cursor", NOT_OURS)
def test_a_cursor_of_something_else_is_refused(world: World, gateway: Running, cursor: Any) -> None:
    for options in ({"cursor": cursor}, {"cursor": None, "endCursor": cursor}):
        args = {"paginationOpts": {"numItems": 3, **options}}
        assert gateway.error("query", "facilities:list", args, by=world.admin)["code"] == "InvalidCursor"


def test_everybody_is_told_who_they_are(world: World, gateway: Running) -> None:
    def mine(by: Actor) -> Any:
        return gateway.do("query", "facilities:getMine", {}, by=by)

    admin = mine(world.admin)
    assert (admin["_id"], admin["name"], admin["operator"]) == (world.admin.user.hex, "Admin", False)
    (uhuru,) = admin["facilities"]
    assert uhuru.pop("_creationTime") > 0
    assert uhuru == {
        "_id": world.uhuru.pk.hex, "name": UHURU, "roles": ["administrator"], "mayRefer": True, "promptsAtOnce": True,
    }  # fmt: skip
    assert [(each["name"], each["roles"], each["mayRefer"]) for each in mine(world.stranger)["facilities"]] == [
        (ELSEWHERE, ["administrator", "finance", "physician", "reception"], True)
    ]
    assert [(each["roles"], each["mayRefer"]) for each in mine(world.receiver)["facilities"]] == [
        (["reception"], False)
    ]
    assert (mine(world.operator)["operator"], mine(world.operator)["facilities"]) == (True, [])


def test_a_role_that_ended_is_not_told(world: World, gateway: Running) -> None:
    execute("UPDATE membership SET revoked_at = now() WHERE user_id = %(user)s", user=world.admin.user)

    assert gateway.do("query", "facilities:getMine", {}, by=world.admin)["facilities"] == []
    assert destinations(gateway, world.admin) == []


def test_prices_are_told_to_who_sets_and_who_gets_them(world: World, gateway: Running) -> None:
    def more(tx: Tx) -> list[Facility]:
        made = [facilities.add_facility(tx, f"Clinic {number}") for number in range(3)]
        for number, facility in enumerate(made):
            amount = Money.from_shillings(100 + number)
            facilities.set_price(
                tx, world.uhuru, amount=amount, payee=world.tumaini, account=world.account, receiving=facility
            )
        facilities.set_price(tx, made[0], amount=Money.from_shillings(7), payee=made[0], account=world.account)
        return made

    made = unit(more)

    def prices(by: Actor, **args: Any) -> Any:
        return gateway.do("query", "prices:list", args, by=by)

    listed = prices(world.admin)
    assert [(row["receivingFacility"], row["amount"]) for row in listed] == [
        (None, 1000), ("Clinic 0", 100), ("Clinic 1", 101), ("Clinic 2", 102),
    ]  # fmt: skip
    first = dict(listed[1])
    del first["_id"], first["_creationTime"]
    assert first == {
        "facilityId": world.uhuru.pk.hex, "facility": UHURU,
        "receivingFacilityId": made[0].pk.hex, "receivingFacility": "Clinic 0",
        "payeeId": world.tumaini.pk.hex, "payee": TUMAINI,
        "amount": 100, "shortCode": world.account.short_code,
    }  # fmt: skip
    assert prices(world.finance) == listed
    for by in (world.physician, world.receiver, world.receiving_admin, world.stranger, world.operator):
        assert prices(by) == []
    page = prices(world.admin, paginationOpts={"numItems": 3, "cursor": None})
    rest = prices(world.admin, paginationOpts={"numItems": 3, "cursor": page["continueCursor"]})
    assert page["page"] + rest["page"] == listed
    assert rest["isDone"] is True
    assert prices(world.admin, paginationOpts={"numItems": 1, "cursor": None, "endCursor": page["continueCursor"]})[
        "page"
    ] == listed[:3]  # fmt: skip
