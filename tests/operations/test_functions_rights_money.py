"""The functions of finance people for every person, over HTTP: allowed, or refused with one code and nothing changed.

The table of the referral's functions is in ``test_functions_rights``; together they have every function.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import pytest

from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.functions import load
from rufaa.money import Money
from rufaa.payments import arrivals, refunds
from rufaa.payments.arrival_rows import Arrival
from rufaa.payments.machine import Channel
from rufaa.referrals.operations import fees_paid
from support import Running, World, execute, number_of_today, rows, someone, unchanged, value

NO, NF, NO_RECEIPT, NO_REFUND, NOBODY, OK = (
    *("forbidden", "referral-not-found", "no-such-receipt", "no-such-refund", "not-signed-in", "ok"),
)
PEOPLE: Final = (
    *("physician", "admin", "receiver", "receiving_admin", "finance", "second_finance", "operator", "stranger"),
)


class Case:
    """Money that waits, a refund that is proposed by ``finance``, one in doubt, and a referral that is owed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = number_of_today("6AAAA01")
        self.receipt, self.other, self.doubted = (
            self.came(number) for number in (self.number, number_of_today("6AAAA02"), number_of_today("6AAAA03"))
        )
        self.proposed = self.propose(self.other)
        self.doubt = self.propose(self.doubted)
        for state, event in (("approved", "approve"), ("sending", "claim"), ("unknown", "answer-lost")):
            execute(
                "UPDATE refund SET state = %(state)s, event = %(event)s, approved_by = %(by)s WHERE id = %(id)s",
                state=state, event=event, by=uuid.UUID(int=7), id=self.doubt,
            )  # fmt: skip
        self.referral = world.waiting()
        self.code = value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(self.referral))
        execute(
            "INSERT INTO task (id, kind, facility_id, account_id, why)"
            " VALUES (gen_random_uuid(), 'contradiction', %(facility)s, %(account)s, 'to test')",
            facility=world.tumaini.pk, account=world.account.pk,
        )  # fmt: skip
        self.task = value("SELECT id FROM task WHERE kind = 'contradiction'").hex

    def came(self, number: str) -> uuid.UUID:
        arrival = Arrival(self.world.account.pk, Channel.PULL, True, number, Money.from_shillings(1000))
        unit(lambda tx: arrivals.take_in(tx, [arrival], hand_on=fees_paid))
        (row,) = rows("SELECT id FROM receipt WHERE number = %(n)s", n=number)
        identifier: uuid.UUID = row["id"]
        return identifier

    def propose(self, receipt: uuid.UUID) -> uuid.UUID:
        by = self.world.finance.user
        return unit(lambda tx: refunds.propose(tx, receipt, fee=None, amount=None, phone=None, why="to test", by=by))


Args = Callable[[Case], dict[str, Any]]

# (function, arguments, one word for each of PEOPLE)
CASES: Final[list[tuple[str, Args, tuple[str, ...]]]] = [
    ("receipts:listUnapplied", lambda _: {}, (NO, NO, NO, NO, OK, OK, NO, "[]")),
    ("tasks:listOpen", lambda _: {}, (NO, NO, NO, NO, OK, OK, NO, "[]")),
    ("tasks:countOpen", lambda _: {}, (NO, NO, NO, NO, OK, OK, NO, "none")),
    ("refunds:listUnderWay", lambda _: {}, (NO, NO, NO, NO, OK, OK, NO, "[]")),
    (
        "receipts:apply",
        lambda case: {"receiptIds": [case.receipt.hex], "accountCode": case.code},
        (NO, NO, NO, NO, OK, OK, NO, NO_RECEIPT),
    ),
    (
        "receipts:typeCode",
        lambda case: {"referralId": case.referral, "code": case.number},
        (NO, OK, NF, NF, OK, OK, NF, NF),
    ),
    (
        "refunds:propose",
        lambda case: {"receiptId": case.receipt.hex, "reason": "paid twice"},
        (NO, NO, NO, NO, OK, OK, NO, NO_RECEIPT),
    ),
    (
        "refunds:approve",
        lambda case: {"refundId": case.proposed.hex},
        (NO, NO, NO, NO, "second-person-needed", OK, NO, NO_REFUND),
    ),
    (
        "refunds:withdraw",
        lambda case: {"refundId": case.proposed.hex, "reason": "the wrong one"},
        (NO, NO, NO, NO, OK, OK, NO, NO_REFUND),
    ),
    (
        "refunds:conclude",
        lambda case: {"refundId": case.doubt.hex, "went": True, "reason": "it is in the statement"},
        (NO, NO, NO, NO, "second-person-needed", OK, NO, NO_REFUND),
    ),
    (
        "tasks:close",
        lambda case: {"taskId": case.task, "outcome": "compared"},
        (NO, NO, NO, NO, OK, OK, NO, "false"),
    ),
]


def person(world: World, who: str) -> Actor:
    if who != "second_finance":
        found: Actor = getattr(world, who)
        return found

    def add(tx: Tx) -> None:
        facilities.add_member(tx, facilities.add_user(tx, "second-finance"), world.tumaini, Role.FINANCE)

    unit(add)
    return someone("second-finance")


KINDS: Final = {function.name: function.kinds[0] for function in load().functions()}


@pytest.mark.parametrize(("function", "args", "words"), CASES, ids=[case[0] for case in CASES])
def test_who_may_not_is_refused_and_nothing_changes(
    world: World, gateway: Running, function: str, args: Args, words: tuple[str, ...]
) -> None:
    case = Case(world)
    people = {who: person(world, who) for who in PEOPLE}
    with unchanged():
        for who, word in zip(PEOPLE, words, strict=True):
            if word == OK:
                continue
            answer = gateway.call(KINDS[function], function, args(case), by=people[who])
            match word:
                case "[]":
                    assert answer["value"] == [], who
                case "none":
                    assert sum(answer["value"]["counts"].values()) == 0, who
                case "false":
                    assert answer["value"] is False, who
                case code:
                    assert answer["errorData"]["code"] == code, (who, answer)
        assert gateway.call(KINDS[function], function, args(case))["errorData"]["code"] == NOBODY


@pytest.mark.parametrize(
    ("function", "args", "who"),
    [(case[0], case[1], who) for case in CASES for who, word in zip(PEOPLE, case[2], strict=True) if word == OK],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_who_may_does_it(world: World, gateway: Running, function: str, args: Args, who: str) -> None:
    case = Case(world)

    answer = gateway.do(KINDS[function], function, args(case), by=person(world, who))

    assert answer not in ([], False, None)
