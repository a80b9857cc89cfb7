"""What a phone has besides its prompts: messages from M-Pesa and others, cash, and a manner of answering."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from by_hand import Operator
from rufaa.money import Money
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.paybill import NotPaid
from rufaa.simulator.state import automatic_code
from rufaa.simulator.testing import running_simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client, Listener
    from rufaa.simulator.testing import RunningSimulator

PHONE = "254708374149"
MESSAGES = f"/control/phones/{PHONE}/messages"
CASH = f"/control/phones/{PHONE}/cash"
MANNER = f"/control/phones/{PHONE}/manner"
READ = f"/control/phones/{PHONE}/read"


def texts(client: Client, phone: str = PHONE) -> list[str]:
    return [each["text"] for each in client.get(f"/control/phones/{phone}/messages").json["messages"]]


# ------------------------------------------------------------------------- messages


def test_somebody_else_writes_to_a_phone_and_the_newest_comes_first(client: Client) -> None:
    first = client.control(MESSAGES, {"from": "RUFAA", "text": "Habari Amina.\nKaribu."})
    assert (first.status, first.json) == (
        201,
        {
            "id": "sms-1",
            "from": "RUFAA",
            "text": "Habari Amina.\nKaribu.",
            "at": "2026-11-23T06:12:00.345+00:00",
            "read": False,
        },
    )
    second = client.control("/control/phones/0708374149/messages", {"from": "Tumaini 20", "text": "Njoo saa tatu."})
    assert second.json["id"] == "sms-2"
    assert client.get(MESSAGES).json == {"unread": 2, "messages": [second.json, first.json]}
    assert [(each.message_id, each.sender) for each in client.sim.messages(PHONE)] == [
        ("sms-2", "Tumaini 20"),
        ("sms-1", "RUFAA"),
    ]
    assert client.get("/control/phones/254708007001/messages").json == {"unread": 0, "messages": []}


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ({"text": "Habari"}, "from"),
        ({"from": "", "text": "Habari"}, "from"),
        ({"from": "A" * 12, "text": "Habari"}, "from"),
        ({"from": "MPESA", "text": "Confirmed."}, "from"),
        ({"from": "mpesa", "text": "Confirmed."}, "from"),
        ({"from": "<b>", "text": "Habari"}, "from"),
        ({"from": 254, "text": "Habari"}, "from"),
        ({"from": "RUFAA"}, "text"),
        ({"from": "RUFAA", "text": " \n"}, "text"),
        ({"from": "RUFAA", "text": "a" * 1601}, "text"),
        ({"from": "RUFAA", "text": "a\x00b"}, "text"),
        ({"from": "RUFAA", "text": "a\u202eb"}, "text"),
        ({"from": "RUFAA", "text": ["Habari"]}, "text"),
        ({"from": "RUFAA", "text": "Habari", "to": "x"}, "Unknown: to"),
        ([], "not an object"),
    ],
)
def test_what_is_no_message_is_refused_and_nothing_arrives(client: Client, body: object, argument: str) -> None:
    got = client.control(MESSAGES, body)
    assert (got.status, got.json["error"]) == (400, "invalid-argument")
    assert argument in got.json["message"]
    assert client.get(MESSAGES).json == {"unread": 0, "messages": []}


def test_a_message_as_long_as_can_be_arrives(client: Client) -> None:
    assert client.control(MESSAGES, {"from": "RUFAA", "text": "é" * 1600}).status == 201


@pytest.mark.parametrize("route", ["messages", "read", "cash", "manner"])
def test_a_page_of_another_site_and_no_phone_are_refused(client: Client, route: str) -> None:
    body = b'{"from": "RUFAA", "text": "Habari"}'
    other = client.ask(f"/control/phones/{PHONE}/{route}", method="POST", body=body)
    assert (other.status, "application/json" in other.json["message"]) == (400, True)
    nobody = client.control(f"/control/phones/12/{route}", {})
    assert (nobody.status, nobody.json["error"]) == (400, "invalid-phone")
    assert client.sim.journal()[-1].kind == "exchange"  # the token's: nothing was done


def test_every_movement_of_a_phone_is_told_of(client: Client) -> None:
    client.control(CASH, {"shillings": 2000})
    client.pushed()
    paid = client.sim.answer(PHONE).receipt
    by_hand = client.sim.pay(PHONE, "174379", "ACC 17", 250)
    client.pushed()
    client.sim.answer(PHONE, pin="9999")
    client.control(f"/control/wallets/{PHONE}", {"balance_cents": 9_900})
    client.pushed()
    client.sim.answer(PHONE)
    cash = client.get("/control/journal").json["entries"]
    deposit = next(each["receipt"] for each in cash if each["kind"] == "cash-paid-in")
    assert texts(client) == [
        (
            "Failed. You do not have enough money in your M-PESA account to pay Ksh1,000.00 to RUFAA DEMO. "
            "Your M-PESA balance is Ksh99.00."
        ),
        "Failed. You have entered a wrong PIN. Please try again.",
        (
            f"{by_hand} Confirmed. Ksh250.00 sent to RUFAA DEMO for account ACC 17 on 23/11/26 at 9:12 AM. "
            "New M-PESA balance is Ksh70,750.00. Transaction cost, Ksh0.00."
        ),
        (
            f"{paid} Confirmed. Ksh1,000.00 sent to RUFAA DEMO for account ABC123 on 23/11/26 at 9:12 AM. "
            "New M-PESA balance is Ksh71,000.00. Transaction cost, Ksh0.00."
        ),
        (
            f"{deposit} Confirmed. On 23/11/26 at 9:12 AM Give Ksh2,000.00 cash to Duka la Majaribio. "
            "New M-PESA balance is Ksh72,000.00."
        ),
    ]


def test_money_that_comes_back_is_told_of_too(client: Client, listener: Listener) -> None:
    operator = Operator(client, listener)
    paid = client.sim.pay(PHONE, "174379", "ACC 17", 1000)
    client.sim.pay("254708007001", "174379", "B", 500)
    operator.reverse(paid)
    operator.pay_out(shillings=300)
    client.sim.advance(2)
    reversal, payout = (each.receipt for each in client.sim.movements()[-2:])
    assert texts(client)[:2] == [
        (
            f"{payout} Confirmed. You have received Ksh300.00 from RUFAA DEMO on 23/11/26 at 9:12 AM. "
            "New M-PESA balance is Ksh70,300.00."
        ),
        (
            f"{reversal} Confirmed. Transaction {paid} of Ksh1,000.00 to RUFAA DEMO was reversed on 23/11/26 at "
            "9:12 AM. New M-PESA balance is Ksh70,000.00."
        ),
    ]
    assert client.sim.wallet(PHONE) == Money(7_030_000)


def test_a_cancelled_prompt_is_not_told_of(client: Client) -> None:
    client.pushed()
    client.sim.cancel(PHONE)
    assert texts(client) == []


def test_what_was_read_stays_read_and_what_comes_later_is_new(client: Client) -> None:
    client.control(MESSAGES, {"from": "RUFAA", "text": "one"})
    client.control(MESSAGES, {"from": "RUFAA", "text": "two"})
    assert client.control(READ, {}).json == {"unread": 0}
    written = len(client.sim.journal())
    assert client.control(READ, {}).json == {"unread": 0}
    assert len(client.sim.journal()) == written  # nothing to note
    client.control(MESSAGES, {"from": "RUFAA", "text": "three"})
    inbox = client.get(MESSAGES).json
    assert inbox["unread"] == 1
    assert [(each["text"], each["read"]) for each in inbox["messages"]] == [
        ("three", False),
        ("two", True),
        ("one", True),
    ]


# ------------------------------------------------------------------------- cash


def test_cash_paid_in_is_in_the_wallet(client: Client) -> None:
    got = client.control(CASH, {"shillings": 250_000})
    assert (got.status, got.json["balance_cents"]) == (200, 32_000_000)
    assert client.sim.wallet(PHONE) == Money(32_000_000)
    assert client.sim.till("174379") == Money(0)


@pytest.mark.parametrize("shillings", [None, 0, -1, 250_001, 1.5, "1000", True, [1]])
def test_what_is_no_amount_of_cash_is_refused(client: Client, shillings: object) -> None:
    got = client.control(CASH, {"shillings": shillings})
    assert (got.status, got.json["message"]) == (400, "shillings is a whole number from 1 to 250,000.")
    assert client.sim.wallet(PHONE) == Money(7_000_000)


def test_a_wallet_holds_so_much_and_no_shilling_more(client: Client) -> None:
    client.control(f"/control/wallets/{PHONE}", {"balance_cents": 49_900_000})
    over = client.control(CASH, {"shillings": 1001})
    assert (over.status, over.json["error"]) == (409, "wallet-full")
    assert client.control(CASH, {"shillings": 1000}).json["balance_cents"] == 50_000_000


# ------------------------------------------------------------------------- manners


@pytest.mark.parametrize(
    ("manner", "code", "balance"),
    [
        ("pays", "0", 6_900_000),
        ("cancels", "1032", 7_000_000),
        ("wrong-pin", "2001", 7_000_000),
        ("off", "1037", 7_000_000),
    ],
)
def test_a_phone_can_be_told_how_to_answer(client: Client, manner: str, code: str, balance: int) -> None:
    assert client.control(MANNER, {"manner": manner}).json == {"manner": manner}
    client.pushed()
    client.sim.advance(2)
    assert [each.result_code for each in client.sim.prompts()] == [code]
    assert client.sim.wallet(PHONE) == Money(balance)
    client.control(MANNER, {"manner": "by-number"})
    client.pushed()
    client.sim.advance(2)
    assert client.sim.prompts()[-1].result_code is None  # it rings again


@pytest.mark.parametrize("manner", [None, "", "sings", 1, ["off"], {}])
def test_what_is_no_manner_is_refused(client: Client, manner: Any) -> None:
    got = client.control(MANNER, {"manner": manner})
    assert (got.status, "by-number, pays, cancels, wrong-pin, off" in got.json["message"]) == (400, True)


def test_a_phone_that_is_switched_off_while_it_rings_hears_nothing_more(client: Client) -> None:
    client.pushed()
    client.control(MANNER, {"manner": "off"})
    assert client.control(f"/control/phones/{PHONE}/answer", {"pin": "1234"}).json["error"] == "not-ringing"
    client.sim.advance(61)
    assert client.sim.prompts()[0].result_code == "1037"


def test_a_phone_that_is_off_cannot_pay_by_hand(client: Client) -> None:
    client.control(MANNER, {"manner": "off"})
    with pytest.raises(NotPaid) as refused:
        client.sim.pay(PHONE, "174379", "A", 1)
    assert refused.value.why == "phone-off"
    assert client.sim.movements() == []


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("254708001032", "1032"),
        ("254708006999", "6999"),
        ("254708007000", None),
        ("254708007999", None),
        ("254708008006", "8006"),
    ],
)
def test_phones_from_7000_to_7999_ring(phone: Any, code: str | None) -> None:
    assert automatic_code(phone) == code


# ------------------------------------------------------------------------- after a restart


def test_a_restarted_simulator_knows_all_of_it(tmp_path: Path, meet: Callable[[RunningSimulator], Client]) -> None:
    settings = SimulatorSettings(journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as sim:
        client = meet(sim)
        client.control(MESSAGES, {"from": "RUFAA", "text": "one"})
        client.control(READ, {})
        client.control(CASH, {"shillings": 5})
        client.control(MANNER, {"manner": "cancels"})
        before = client.get(MESSAGES).json
    with running_simulator(settings) as sim:
        client = meet(sim)
        after = client.get(MESSAGES).json
        assert json.dumps(after) == json.dumps(before)
        assert (after["unread"], sim.wallet(PHONE)) == (1, Money(7_000_500))
        client.pushed()
        sim.wait_until(lambda: sim.prompts()[0].result_code == "1032")
