"""Pull: the client's registration and queries against the simulator, and its rows as the client reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from rufaa import phone as phones
from rufaa.daraja.credentials import Credentials, PullMethod
from rufaa.daraja.outcomes import NoNews
from rufaa.daraja.pull import ZONE_DOUBT, Pulled, PullOutcome
from rufaa.daraja.registration import AlreadyRegistered, Registered, RegistrationOutcome
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import config
from rufaa.simulator.config import PullZone
from rufaa.simulator.faults import Fault, FaultKind, Operation
from support import PAYS, RINGS

Open = Callable[..., Any]
DAY: Final = timedelta(days=1)


def account(one: Any, method: PullMethod = PullMethod.POST) -> Credentials:
    made: Credentials = replace(one.account, nominated_number=RINGS, pull_method=method)
    return made


def register(one: Any) -> RegistrationOutcome:
    outcome: RegistrationOutcome = one.run(
        lambda daraja, tokens: daraja.pull_register(account(one), tokens, callback_url=one.callback_url)
    )
    return outcome


def pull(one: Any, *, offset: int = 0, method: PullMethod = PullMethod.POST) -> PullOutcome:
    """Ask for the last day, with the zone's doubt at both ends."""
    now = one.simulator.now()
    outcome: PullOutcome = one.run(
        lambda daraja, tokens: daraja.pull_query(
            account(one, method), tokens, start=now - DAY - ZONE_DOUBT, end=now + ZONE_DOUBT, offset=offset
        )
    )
    return outcome


def pulled(outcome: PullOutcome) -> list[str]:
    assert isinstance(outcome, Pulled)
    assert outcome.unreadable == 0
    return [row.receipt_number for row in outcome.rows]


def test_it_is_registered_once_and_then_there_already(one: Any) -> None:
    assert isinstance(register(one), Registered)
    assert all(isinstance(register(one), AlreadyRegistered) for _ in range(6)), "in both spellings"


@pytest.mark.parametrize("method", list(PullMethod))
def test_rows_are_read_whole(merchant: Open, method: PullMethod) -> None:
    one = merchant(pull_method=config.PullMethod(method))
    register(one)
    assert pulled(pull(one, method=method)) == []
    receipt = one.simulator.pay(RINGS, "174379", "ACC 17", 168)
    paid_at = one.simulator.now().replace(microsecond=0)
    one.push(PAYS)
    one.simulator.advance(10)

    outcome = pull(one, method=method)

    assert isinstance(outcome, Pulled)
    row, prompt = outcome.rows
    assert (row.receipt_number, row.amount, row.account_reference) == (receipt, Money(16_800), "ACC 17")
    assert (row.paid_at, row.organisation, row.transaction_type) == (paid_at, "RUFAA DEMO", "c2b-pay-bill-debit")
    assert row.phone_shown is not None
    assert phones.agrees(row.phone_shown, Phone(RINGS))
    assert not phones.agrees(row.phone_shown, Phone(PAYS))
    assert (prompt.receipt_number, prompt.account_reference) == (one.simulator.prompts()[0].receipt, "ABC123")


@pytest.mark.parametrize("zone", list(PullZone))
def test_no_zone_hides_a_payment_from_who_doubts_it(merchant: Open, zone: PullZone) -> None:
    one = merchant(pull_zone=zone)
    register(one)
    receipt = one.simulator.pay(RINGS, "174379", "A", 1)
    paid_at = one.simulator.now()
    for hours in (0, 12, 23):
        one.simulator.advance(hours * 3600)
        outcome = pull(one)
        if one.simulator.now() - paid_at <= DAY:
            assert pulled(outcome) == [receipt]
            assert isinstance(outcome, Pulled)
            told = outcome.rows[0].paid_at
            assert told is not None
            assert abs(told - paid_at) <= ZONE_DOUBT + timedelta(seconds=1)


def test_pages_are_asked_for_by_rows(merchant: Open) -> None:
    one = merchant(pull_rows=2)
    register(one)
    paid = [one.simulator.pay(RINGS, "174379", "A", 1) for _ in range(3)]
    assert pulled(pull(one)) + pulled(pull(one, offset=2)) == paid


def test_a_dead_token_is_renewed_once(one: Any) -> None:
    register(one)
    receipt = one.simulator.pay(RINGS, "174379", "A", 1)
    one.simulator.script(Fault(FaultKind.TOKEN_KILLED, on=Operation.PULL))
    assert pulled(pull(one)) == [receipt]


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (FaultKind.REQUEST_LOST, {}),
        (FaultKind.ANSWER_LOST, {}),
        (FaultKind.ANSWER_TORN, {}),
        (FaultKind.ANSWER_TRUNCATED, {}),
        (FaultKind.ANSWER_REPLACED, {}),
        (FaultKind.ANSWER_PRESET, {"preset": "apigee-spike-arrest"}),
        (FaultKind.ANSWER_PRESET, {"preset": "empty-200"}),
        (FaultKind.ANSWER_PRESET, {"preset": "maintenance"}),
    ],
)
def test_a_spoiled_answer_is_no_news_and_no_empty_window(one: Any, kind: FaultKind, parameters: dict[str, Any]) -> None:
    register(one)
    one.simulator.pay(RINGS, "174379", "A", 1)
    one.simulator.script(Fault(kind, on=Operation.PULL, **parameters))
    assert isinstance(pull(one), NoNews)
    assert len(pulled(pull(one))) == 1


def test_none_late_and_twice(one: Any) -> None:
    register(one)
    receipt = one.simulator.pay(RINGS, "174379", "A", 1)
    one.simulator.script(Fault(FaultKind.PULL_NONE), Fault(FaultKind.PULL_LATE), Fault(FaultKind.PULL_DOUBLED))
    assert [pulled(pull(one)) for _ in range(4)] == [[], [], [receipt, receipt], [receipt]]


def test_an_empty_answer_is_a_real_one(one: Any, corpus: Any) -> None:
    register(one)
    outcome = pull(one)
    assert isinstance(outcome, Pulled)
    ours = json.loads(outcome.exchange.body)
    real = json.loads((corpus / "pull_transactions" / "05.json").read_text())
    assert {**ours, "ResponseRefID": ""} == {**real, "ResponseRefID": ""}
