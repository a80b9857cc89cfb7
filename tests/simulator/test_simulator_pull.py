"""Pull: registered once, then all payments of a window of two days, in Safaricom's shape and with its faults."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from by_hand import HOUR, PAYER, Operator, pull, receipts, register_pull
from rufaa.clock import EAT
from rufaa.simulator.config import PullMethod, PullZone, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator, running_simulator

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Client, Listener, Open


@pytest.fixture
def pulled(client: Client) -> Client:
    assert register_pull(client).status == 200
    return client


# ---------------------------------------------------------------- registering


def test_it_is_registered_once_and_told_so_in_two_spellings(client: Client) -> None:
    first = register_pull(client)
    assert first.status == 200
    said = {name.replace(" ", ""): value for name, value in first.json.items()}
    assert (said["ResponseStatus"], said["ShortCode"]) == ("1000", "174379")
    again = [register_pull(client, NominatedNumber="254708000000").json for _ in range(12)]
    told = [{name.replace(" ", ""): value for name, value in each.items()} for each in again]
    assert {each["ResponseStatus"] for each in told} == {"1001"}
    assert {"Response Status" in each for each in again} == {True, False}
    registration = client.sim.pull_registered("174379")
    assert registration is not None
    assert registration.nominated_number == PAYER, "the first stays"
    assert client.get("/control/pull").json["pull"]["174379"]["callback_url"] == client.callback_url


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ShortCode": "600000"}, "ShortCode"),
        ({"RequestType": "pull"}, "RequestType"),
        ({"NominatedNumber": "0708374149"}, "NominatedNumber"),
        ({"CallBackURL": ...}, "CallBackURL"),
    ],
)
def test_a_wrong_registration_is_refused_by_its_field(client: Client, changes: dict[str, object], field: str) -> None:
    got = register_pull(client, **changes)
    assert (got.status, got.json["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    assert client.sim.pull_registered("174379") is None


# ---------------------------------------------------------------- asking


def test_every_payment_is_listed_and_nothing_else(pulled: Client) -> None:
    by_hand = pulled.sim.pay(PAYER, "174379", "ACC 17", 168)
    paid_at = pulled.sim.now()
    pulled.sim.advance(10)
    pulled.pushed("254708000000", AccountReference="ABC123")
    pulled.pushed("254708001032")
    pulled.sim.advance(10)
    prompt = pulled.sim.prompts()[0]

    got = pull(pulled)

    assert receipts(got) == [by_hand, prompt.receipt]
    assert got.json["Response"][0][0] == {
        "transactionId": by_hand,
        "trxDate": f"{paid_at:%Y-%m-%dT%H:%M:%S}Z",
        "msisdn": 708374149,
        "sender": "MPESA",
        "transactiontype": "c2b-pay-bill-debit",
        "billreference": "ACC 17",
        "amount": "168.00",
        "organizationname": "RUFAA DEMO",
    }
    assert got.json["Response"][0][1]["billreference"] == "ABC123"


def test_what_goes_out_is_not_listed(pulled: Client, listener: Listener) -> None:
    operator = Operator(pulled, listener)
    paid = [pulled.sim.pay(PAYER, "174379", "A", 1000) for _ in range(2)]
    operator.reverse(paid[0])
    operator.pay_out(shillings=100)
    pulled.sim.advance(10)
    assert len(pulled.sim.movements()) == 4
    assert receipts(pull(pulled)) == paid, "also what was given back since"


def test_an_empty_window_is_a_list_in_a_list(pulled: Client) -> None:
    assert pull(pulled).json["Response"] == [[]]
    assert pull(pulled).json["ResponseCode"] == "1001"


def test_a_short_code_that_is_not_registered_has_nothing(client: Client) -> None:
    client.sim.pay(PAYER, "174379", "A", 1)
    assert receipts(pull(client)) == []
    register_pull(client)
    assert len(receipts(pull(client))) == 1, "also what came before"


def test_the_window_and_two_days_bound_it(pulled: Client) -> None:
    old = pulled.sim.pay(PAYER, "174379", "A", 1)
    pulled.sim.advance(47 * 3600)
    new = pulled.sim.pay(PAYER, "174379", "B", 1)
    pulled.sim.advance(60)
    pulled.authorize()
    assert receipts(pull(pulled, since=48 * HOUR, until=timedelta(0))) == [old, new]
    assert receipts(pull(pulled, since=2 * HOUR)) == [new]
    assert receipts(pull(pulled, since=48 * HOUR, until=2 * HOUR)) == [old]
    pulled.sim.advance(3600)
    pulled.authorize()
    assert receipts(pull(pulled, since=60 * HOUR, until=20 * HOUR)) == [], "older than two days"


@pytest.mark.parametrize(
    "changes",
    [
        {"StartDate": "2026-11-20 00:00:00", "EndDate": "2026-11-22 00:00:01"},
        {"StartDate": "2026-11-22 00:00:00", "EndDate": "2026-11-21 00:00:00"},
        {"StartDate": "20261122000000"},
        {"EndDate": ...},
        {"OffSetValue": ...},
        {"OffSetValue": "-1"},
        {"OffSetValue": True},
    ],
)
def test_a_wrong_window_is_refused(pulled: Client, changes: dict[str, object]) -> None:
    got = pull(pulled, **changes)
    assert (got.status, got.json["errorCode"]) == (400, "400.001")


def test_an_offset_counts_rows(simulate: Open) -> None:
    client = simulate(pull_rows=3)
    register_pull(client)
    paid = [client.sim.pay(PAYER, "174379", "A", 1) for _ in range(5)]
    assert receipts(pull(client)) == paid[:3]
    assert receipts(pull(client, OffSetValue="3")) == paid[3:]
    assert receipts(pull(client, OffSetValue=4)) == paid[4:]
    assert receipts(pull(client, OffSetValue="5")) == []


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [(PullMethod.POST, {"POST"}), (PullMethod.GET, {"GET"}), (PullMethod.BOTH, {"GET", "POST"})],
)
def test_its_method_is_a_setting(simulate: Open, setting: PullMethod, allowed: set[str]) -> None:
    client = simulate(pull_method=setting)
    register_pull(client)
    client.sim.pay(PAYER, "174379", "A", 1)
    for method in ("GET", "POST"):
        got = pull(client, method=method)
        if method in allowed:
            assert len(receipts(got)) == 1
        else:
            assert (got.status, got.json["errorCode"]) == (405, "405.001")


@pytest.mark.parametrize(
    ("zone", "asked_in", "late"),
    [(PullZone.WRITTEN, EAT, timedelta(0)), (PullZone.EAT, EAT, 3 * HOUR), (PullZone.UTC, UTC, timedelta(0))],
)
def test_its_zone_is_a_setting(simulate: Open, zone: PullZone, asked_in: Any, late: timedelta) -> None:
    client = simulate(pull_zone=zone)
    register_pull(client)
    client.sim.pay(PAYER, "174379", "A", 1)
    paid_at = client.sim.now().replace(microsecond=0)
    got = pull(client, since=timedelta(minutes=5), zone=asked_in)
    assert len(receipts(got)) == 1
    told = datetime.fromisoformat(got.json["Response"][0][0]["trxDate"])
    assert told - paid_at == late


def test_a_dead_token_has_its_own_code(pulled: Client) -> None:
    pulled.token = "dead"
    got = pull(pulled)
    assert (got.status, got.json["errorCode"]) == (401, "401.001")


# ---------------------------------------------------------------- faults


def test_none_late_and_twice(pulled: Client) -> None:
    old = pulled.sim.pay(PAYER, "174379", "A", 1)
    pulled.sim.advance(700)
    new = pulled.sim.pay(PAYER, "174379", "B", 1)
    pulled.sim.script(
        Fault(FaultKind.PULL_NONE), Fault(FaultKind.PULL_LATE, delay_s=600), Fault(FaultKind.PULL_DOUBLED)
    )
    assert [receipts(pull(pulled)) for _ in range(4)] == [[], [old], [old, old, new, new], [old, new]]
    assert pulled.sim.till("174379").cents == 200


def test_a_late_row_comes_in_the_end(pulled: Client) -> None:
    paid = pulled.sim.pay(PAYER, "174379", "A", 1)
    pulled.sim.script(Fault(FaultKind.PULL_LATE, count=3, delay_s=600))
    assert receipts(pull(pulled)) == []
    pulled.sim.advance(500)
    assert receipts(pull(pulled)) == []
    pulled.sim.advance(100)
    assert receipts(pull(pulled)) == [paid]


def test_an_answer_can_be_spoiled_as_every_other(pulled: Client) -> None:
    pulled.sim.pay(PAYER, "174379", "A", 1)
    pulled.sim.script(
        Fault(FaultKind.ANSWER_PRESET, on=Operation.PULL, preset="internal-error"),
        Fault(FaultKind.ANSWER_TRUNCATED, on=Operation.PULL),
    )
    assert pull(pulled).status == 500
    assert pull(pulled).text.startswith('{"ResponseRefID"')
    assert len(receipts(pull(pulled))) == 1


# ---------------------------------------------------------------- restarts


def test_a_restarted_simulator_knows_who_is_registered_and_what_was_paid(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as first:
        client = meet(first)
        register_pull(client)
        paid = first.pay(PAYER, "174379", "A", 1)
    with running_simulator(settings) as second:
        client = meet(second)
        assert receipts(pull(client)) == [paid]
        assert "1001" in register_pull(client).text
