"""Prices on their page: looked at before they change, for what is approved from then on, and the money's way stays."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desks import Desk
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.money import Money
from support import World, rows, value

At = Callable[[Actor], Desk]


def page(world: World, more: str = "") -> str:
    return f"/settings/{world.uhuru.pk.hex}/prices/{more}"


def price(world: World) -> str:
    return uuid.UUID(
        str(value("SELECT id FROM price WHERE facility_id = %(id)s AND receiving_id IS NULL", id=world.uhuru.pk))
    ).hex


def kept() -> list[dict[str, Any]]:
    return [*rows("SELECT * FROM price ORDER BY id"), *rows("SELECT count(*) FROM logbook")]


def fields(html: str) -> dict[str, str]:
    """The confirming form, as a browser sends it."""
    form = html.partition("/prices/set/")[2].partition("</form>")[0]
    return dict(re.findall(r'name="(price|to|shillings|was)" value="([^"]*)"', form))


def fee_of(world: World, referral: str) -> int:
    cents = value(
        "SELECT amount_cents FROM fee JOIN referral ON fee_id = fee.id WHERE referral.id = %(r)s", r=uuid.UUID(referral)
    )
    return int(cents) // 100


def test_a_price_is_looked_at_changed_and_holds_for_what_is_approved_from_then_on(world: World, desk: At) -> None:
    asked, waiting, admin = world.approved(), world.referral(), desk(world.admin)
    before = kept()
    html = admin.text(page(world), price=price(world), shillings="1,200")
    assert kept() == before
    assert "<s>KES 1,000.00</s>" in html
    assert "KES 1,200.00" in html
    assert "It holds for referrals that are approved from now on." in html

    told = admin.does(page(world, "set/"), **fields(html))

    assert "The fee is KES 1,200.00 from now on." in told
    assert re.search(r"by Admin.*?KES 1,000.00.*?KES 1,200.00", told.partition("The last changes")[2], re.DOTALL)
    world.move(waiting, "awaiting-biodata")
    assert (fee_of(world, asked), fee_of(world, waiting)) == (1000, 1200)


def test_a_price_for_one_facility_wins_and_goes_the_same_way(world: World, desk: At) -> None:
    admin = desk(world.admin)
    html = admin.text(page(world), price=price(world), to=world.tumaini.name, shillings="800")
    assert "<s>" not in html.partition("Is this right?")[2].partition("</section>")[0]

    admin.does(page(world, "set/"), **fields(html))

    assert fee_of(world, world.approved()) == 800
    ways = rows("SELECT DISTINCT payee_id, account_id FROM price")
    assert ways == [{"payee_id": world.tumaini.pk, "account_id": world.account.pk}]
    again = admin.text(page(world), price=price(world), to=world.tumaini.name, shillings="800")
    assert "This is the price already: nothing changes." in again


@pytest.mark.parametrize("typed", ["", "0", "-5", "1.5", "abc", "250001", "9" * 40, "١٢٠٠", "1e3", "12\x00"])
def test_no_fee_that_mpesa_could_not_ask_for(world: World, desk: At, typed: str) -> None:
    before = kept()
    html = desk(world.admin).text(page(world), price=price(world), shillings=typed)
    answer = desk(world.admin).post(page(world, "set/"), price=price(world), to="", shillings=typed, was="100000")

    assert "Is this right?" not in html
    assert 'role="alert"' in html
    assert answer.status_code == 422
    assert kept() == before


def test_what_was_typed_stands_after_a_refusal(world: World, desk: At) -> None:
    html = desk(world.admin).text(page(world), price=price(world), to="Nowhere", shillings="700")

    assert 'value="Nowhere"' in html
    assert 'value="700"' in html
    assert "to: there is no facility of this name or id." in html


def test_a_price_that_somebody_changed_meanwhile_is_looked_at_again(world: World, desk: At) -> None:
    looked_at = fields(desk(world.admin).text(page(world), price=price(world), shillings="1200"))
    unit(
        lambda tx: facilities.set_price(
            tx, world.uhuru, amount=Money(110_000), payee=world.tumaini, account=world.account
        )
    )
    before = kept()

    answer = desk(world.second_admin).post(page(world, "set/"), **looked_at)

    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Somebody changed this price meanwhile: it is KES 1,100.00 now." in html
    assert fields(html)["was"] == "110000"
    assert kept() == before


def test_a_confirmation_that_was_tampered_with_is_refused(world: World, desk: At) -> None:
    for was in ("", "x", "99999", "9" * 20):
        answer = desk(world.admin).post(page(world, "set/"), price=price(world), to="", shillings="1", was=was)
        assert answer.status_code in {409, 422}, was
    for wrong in ("0" * 32, "x", ""):
        answer = desk(world.admin).post(page(world, "set/"), price=wrong, to="", shillings="1", was="100000")
        assert answer.status_code == 404, wrong


@pytest.mark.parametrize("name", ["physician", "receiver", "receiving_admin", "finance", "operator", "stranger"])
def test_nobody_else_changes_prices_of_the_facility(world: World, desk: At, name: str) -> None:
    before, code = kept(), 403 if name == "physician" else 404
    who = desk(getattr(world, name))

    assert who.get(page(world)).status_code == code
    answer = who.post(page(world, "set/"), price=price(world), to="", shillings="1", was="100000")
    assert answer.status_code == code
    assert kept() == before


def test_anothers_price_is_not_changed_from_ones_own_page(world: World, desk: At) -> None:
    """The stranger administers a facility, and knows the id of a price that is not theirs."""
    before = kept()
    there = f"/settings/{world.elsewhere.pk.hex}/prices/"

    answer = desk(world.stranger).post(f"{there}set/", price=price(world), to="", shillings="1", was="100000")

    assert answer.status_code == 404
    assert kept() == before
    assert "No price is set" in desk(world.stranger).text(there)


def test_the_same_number_of_queries_for_one_price_and_for_twenty(world: World, desk: At) -> None:
    def asked() -> int:
        admin = desk(world.admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text(page(world))
        return len(captured)

    def more(tx: Any) -> None:
        there = facilities.add_facility(tx, f"Clinic {uuid.uuid4()}")
        facilities.set_price(
            tx, world.uhuru, amount=Money(100_000), payee=there, account=world.account, receiving=there
        )

    unit(more)
    few = asked()
    for _ in range(20):
        unit(more)

    assert asked() == few
    assert few <= 12
