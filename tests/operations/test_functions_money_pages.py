"""Money that waits, and refunds, in pages: without gap or repeat while they come, go, and are dealt with."""

from __future__ import annotations

import uuid
from typing import Any

from rufaa.db.atomic import unit
from rufaa.money import Money
from rufaa.payments import arrivals, refunds
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.machine import Channel
from rufaa.referrals.operations import fees_paid
from support import Running, World, advance, number_of_today, value


def came(world: World, number: int) -> uuid.UUID:
    """Money that nobody asked for."""
    code = number_of_today(f"6AAAA{number:02}")
    arrival = Arrival(world.account.pk, Channel.PULL, True, code, Money.from_shillings(1000))
    unit(lambda tx: arrivals.take_in(tx, [arrival], hand_on=fees_paid))
    advance(1)
    receipt: uuid.UUID = value("SELECT id FROM receipt WHERE number = %(code)s", code=code)
    return receipt


def propose(world: World, receipt: uuid.UUID) -> uuid.UUID:
    by = world.finance.user
    refund = unit(lambda tx: refunds.propose(tx, receipt, fee=None, amount=None, phone=None, why="to test", by=by))
    advance(1)
    return refund


def page(gateway: Running, world: World, function: str, **options: Any) -> tuple[list[str], Any]:
    """The ids of a page, and the page."""
    asked = {"paginationOpts": {"numItems": 2, "cursor": None, **options}}
    found = gateway.do("query", function, asked, by=world.finance)
    return [row["_id"] for row in found["page"]], found


def test_money_that_waits_comes_in_pages_oldest_first(world: World, gateway: Running) -> None:
    receipts = [came(world, number).hex for number in range(5)]
    listed = gateway.do("query", "receipts:listUnapplied", {}, by=world.finance)

    first, one = page(gateway, world, "receipts:listUnapplied")
    code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(world.waiting()))
    used = {"receiptIds": [receipts[1]], "accountCode": code}  # the one that the cursor names is used up
    gateway.do("mutation", "receipts:apply", used, by=world.finance)
    second, two = page(gateway, world, "receipts:listUnapplied", cursor=one["continueCursor"])
    third, last = page(gateway, world, "receipts:listUnapplied", cursor=two["continueCursor"])
    again, _ = page(gateway, world, "receipts:listUnapplied", endCursor=one["continueCursor"])

    assert [row["_id"] for row in listed] == receipts
    assert (first, second, third) == (receipts[:2], receipts[2:4], receipts[4:])
    assert (one["isDone"], two["isDone"], last["isDone"]) == (False, False, True)
    assert again == receipts[:1]


def test_refunds_come_in_pages_newest_first(world: World, gateway: Running) -> None:
    made = [propose(world, came(world, number)).hex for number in range(3)]
    newest = list(reversed(made))
    listed = gateway.do("query", "refunds:listUnderWay", {}, by=world.finance)

    first, one = page(gateway, world, "refunds:listUnderWay")
    fresh = propose(world, came(world, 9)).hex
    second, two = page(gateway, world, "refunds:listUnderWay", cursor=one["continueCursor"])
    again, _ = page(gateway, world, "refunds:listUnderWay", endCursor=one["continueCursor"])

    assert [row["_id"] for row in listed] == newest
    assert (first, second, two["isDone"]) == (newest[:2], newest[2:], True)
    assert again == [fresh, *newest[:2]]
