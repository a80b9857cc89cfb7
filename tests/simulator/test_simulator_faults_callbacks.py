"""Callbacks that go wrong: each fault is seen by who listens, and the books stay true whatever is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.money import Money
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, InvalidFault
from rufaa.simulator.plans import Forgery, PhoneForm
from rufaa.simulator.shapes import FIELDS, SHAPES
from rufaa.simulator.state import State
from rufaa.simulator.testing import running_simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client, Listener
    from rufaa.simulator.testing import RunningSimulator

PAYS = "254708000000"
CANCELS = "254708001032"
RINGS = "254708374149"
ONE_PAYMENT = Money(100_000)


def items(callback: dict[str, Any]) -> dict[str, Any]:
    return {each["Name"]: each.get("Value") for each in callback["CallbackMetadata"]["Item"]}


def used(client: Client) -> list[str]:
    return [str(entry.data["fault"]["kind"]) for entry in client.sim.journal() if entry.kind == "fault-used"]


def test_copies_can_be_hours_apart(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_DUPLICATED, copies=3, spacing_s=3600, delay_s=60))
    client.pushed(PAYS)
    for until_s, heard in ((61.4, 0), (0.2, 1), (3599, 1), (1, 2), (3600, 3)):
        client.sim.advance(until_s)
        assert len(listener.bodies) == heard
    assert len(set(listener.bodies)) == 1
    assert client.sim.till("174379") == ONE_PAYMENT


def test_callbacks_of_several_prompts_come_last_first(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_REORDERED, count=3, delay_s=30))
    asked = []
    for place in range(3):
        asked.append(client.pushed(f"2547{place:02}000000"))
        client.sim.advance(3)
    client.sim.advance(20)
    assert listener.bodies == []
    client.sim.advance(10)
    assert [each["CheckoutRequestID"] for each in listener.callbacks] == asked[::-1]
    assert used(client) == ["callback-reordered"] * 3
    client.pushed("254703000000")
    client.sim.advance(2)
    assert len(listener.bodies) == 4, "the fourth comes as always"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 1),
        ("amount", "1000"),
        ("receipt", "XXXXXXXXXX"),
        ("phone", 254708004999),
        ("checkout_request_id", "ws_CO_1"),
        ("merchant_request_id", None),
        ("result_code", 17),
        ("result_desc", ""),
        ("date", "yesterday"),
    ],
)
def test_one_field_is_tampered_with_and_no_other(client: Client, listener: Listener, field: str, value: object) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_TAMPERED, field=field, value=value))
    client.pushed(PAYS)
    client.sim.advance(2)
    client.pushed(PAYS)
    client.sim.advance(2)
    tampered, true = listener.callbacks
    told = {**tampered, **items(tampered)}
    names = {
        "amount": "Amount",
        "receipt": "MpesaReceiptNumber",
        "phone": "PhoneNumber",
        "date": "TransactionDate",
        "checkout_request_id": "CheckoutRequestID",
        "merchant_request_id": "MerchantRequestID",
        "result_code": "ResultCode",
        "result_desc": "ResultDesc",
    }
    assert told[names[field]] == value
    first = client.sim.prompts()[0]
    right = {
        "CheckoutRequestID": first.checkout_request_id,
        "MerchantRequestID": first.merchant_request_id,
        "MpesaReceiptNumber": first.receipt,
        "Amount": 1000,
        "PhoneNumber": int(PAYS),
        "ResultCode": 0,
    }
    assert {name for name, each in right.items() if told[name] != each} == ({names[field]} & set(right))
    assert true["ResultCode"] == 0
    assert client.sim.till("174379") == Money(200_000)


def test_every_shape_differs_from_the_true_callback_and_from_each_other(client: Client, listener: Listener) -> None:
    asked = {}
    for place, name in enumerate((*SHAPES, "true")):
        if name != "true":
            client.sim.script(Fault(FaultKind.CALLBACK_TAMPERED, shape=name))
        asked[name] = client.pushed(f"2547{place:02}000000")
        client.sim.advance(2)
    assert len(listener.bodies) == len(SHAPES) + 1
    plain = {}
    prompts = {each.checkout_request_id: each for each in client.sim.prompts()}
    for (name, checkout), body in zip(asked.items(), listener.bodies, strict=True):
        own = (checkout, prompts[checkout].merchant_request_id, str(prompts[checkout].receipt), prompts[checkout].phone)
        told = body
        for text in (*own, '{"Name":"Balance"},', '\\"', ',{"Name":"Balance"}'):
            told = told.replace(text, "")
        plain[name] = re.sub(r"2026[-0-9: ]+", lambda date: "D" * (len(date[0]) > 14), told)
    shared = {text: [name for name in plain if plain[name] == text] for text in plain.values()}
    assert [names for names in shared.values() if len(names) > 1] == []
    assert client.sim.till("174379") == Money(100_000 * (len(SHAPES) + 1)), "whatever is said, the money moved"


@pytest.mark.parametrize(
    ("shape", "item"),
    [
        ("no-metadata", ...),
        ("metadata-null", None),
        ("items-empty", {"Item": []}),
        ("items-null", {"Item": None}),
    ],
)
def test_shapes_of_the_metadata(client: Client, listener: Listener, shape: str, item: object) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_TAMPERED, shape=shape, count=2))
    client.pushed(PAYS)
    client.sim.advance(2)
    client.pushed(CANCELS)
    client.sim.advance(2)
    paid, failed = listener.callbacks
    assert paid.get("CallbackMetadata", ...) == item
    assert "CallbackMetadata" not in failed


def test_shapes_of_an_item_and_of_the_whole(client: Client, listener: Listener) -> None:
    for shape in ("amount-missing", "amount-no-value", "amount-text", "code-text", "list", "cut-off", "empty"):
        client.sim.script(Fault(FaultKind.CALLBACK_TAMPERED, shape=shape))
        client.pushed(PAYS)
        client.sim.advance(2)
    *readable, as_list, cut, empty = listener.bodies
    missing, no_value, text, code = (json.loads(each)["Body"]["stkCallback"] for each in readable)
    assert "Amount" not in items(missing)
    assert {"Name": "Amount"} in no_value["CallbackMetadata"]["Item"]
    assert items(text)["Amount"] == "1000.00"
    assert code["ResultCode"] == "0"
    assert isinstance(json.loads(as_list), list)
    assert cut.startswith('{"Body"')
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
        json.loads(cut)
    assert empty == ""


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (PhoneForm.WHOLE, int(RINGS)),
        (PhoneForm.MASKED_END, "0708374***"),
        (PhoneForm.MASKED_MIDDLE, "254708***149"),
        (PhoneForm.ABSENT, None),
    ],
)
def test_phones_can_be_masked_in_one_callback_or_in_all(
    simulate: Callable[..., Client], listener: Listener, form: PhoneForm, shown: object
) -> None:
    once, always = simulate(), simulate(callback_phones=form)
    once.sim.script(Fault(FaultKind.CALLBACK_MASKED, phone_form=form))
    for client in (once, always, once):
        client.pushed(RINGS)
        client.sim.answer(RINGS)
        client.sim.advance(1)
    assert [items(each).get("PhoneNumber") for each in listener.callbacks] == [shown, shown, int(RINGS)]


@pytest.mark.parametrize("forgery", list(Forgery))
def test_a_forged_callback_moves_no_money(client: Client, listener: Listener, forgery: Forgery) -> None:
    before = client.pushed(PAYS)
    client.sim.advance(2)
    listener.bodies.clear()
    listener.paths.clear()
    client.sim.script(Fault(FaultKind.CALLBACK_FORGED, forgery=forgery, delay_s=5, code="2001"))
    asked = client.pushed(RINGS)
    client.sim.advance(4.9)
    assert listener.bodies == []
    client.sim.advance(0.2)

    (forged,) = listener.callbacks
    (told,) = [e.data for e in client.sim.journal() if e.kind == "callback-sent" and e.data["says"] == "forged"]
    assert told["checkout_request_id"] == asked
    assert client.sim.prompts()[1].state is State.RINGING
    assert client.sim.till("174379") == ONE_PAYMENT, "that of the prompt before"
    first = client.sim.prompts()[0]
    match forgery:
        case Forgery.INVENTED_RECEIPT:
            assert (forged["CheckoutRequestID"], forged["ResultCode"]) == (asked, 0)
            assert items(forged)["MpesaReceiptNumber"] != first.receipt
        case Forgery.OTHER_IDS:
            assert forged["CheckoutRequestID"] == before
            assert items(forged)["MpesaReceiptNumber"] == first.receipt
        case Forgery.FAILURE:
            assert (forged["CheckoutRequestID"], forged["ResultCode"]) == (asked, 2001)
        case Forgery.WRONG_SECRET:
            assert listener.paths[0] != "/h/0123abcd"
            assert len(listener.paths[0]) == len("/h/0123abcd")
    client.sim.answer(RINGS)
    client.sim.advance(1)
    assert listener.callbacks[1]["ResultCode"] == 0
    assert listener.paths[1] == "/h/0123abcd"
    assert client.sim.till("174379") == Money(200_000)


def test_a_forger_posts_from_an_address_of_his_own(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FORGED))
    client.pushed(PAYS)
    client.sim.advance(2)
    assert listener.senders == ["127.0.0.2", "127.0.0.1"]


def test_a_failure_is_told_first_and_then_the_money_moves(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FAILURE_FIRST, delay_s=600))
    asked = client.pushed(RINGS)
    client.sim.answer(RINGS)
    client.sim.advance(1)
    assert [each["ResultCode"] for each in listener.callbacks] == [1037]
    assert client.sim.till("174379") == Money(0)
    assert client.query(asked).json.get("ResultCode") in (None, "4999")

    assert client.push(RINGS).status == 200, "Safaricom believes that the phone is free"
    client.sim.advance(599.5)
    assert [each["ResultCode"] for each in listener.callbacks] == [1037, 1037, 0]
    assert listener.callbacks[2]["CheckoutRequestID"] == asked
    assert client.sim.till("174379") == ONE_PAYMENT
    assert client.query(asked).json["ResultCode"] == "0"


def test_a_held_payment_for_which_the_money_is_gone_fails(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FAILURE_FIRST, delay_s=60))
    client.pushed(RINGS)
    client.sim.answer(RINGS)
    client.sim.set_wallet(RINGS, Money(5))
    client.sim.advance(61)
    assert [each["ResultCode"] for each in listener.callbacks] == [1037, 1]
    assert client.sim.till("174379") == Money(0)


def test_what_fails_by_itself_fails_once(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FAILURE_FIRST), Fault(FaultKind.CALLBACK_TWO_FAILURES))
    for phone in (CANCELS, PAYS):
        client.pushed(phone)
        client.sim.advance(100)
    assert [each["ResultCode"] for each in listener.callbacks] == [1032, 0]


@pytest.mark.parametrize(("code", "second"), [("1019", 1019), ("1032", 1019), ("2001", 2001)])
def test_one_id_fails_with_two_codes(client: Client, listener: Listener, code: str, second: int) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_TWO_FAILURES, code=code, delay_s=10))
    asked = client.pushed(CANCELS)
    client.sim.advance(11)
    assert [each["ResultCode"] for each in listener.callbacks] == [1032]
    client.sim.advance(1)
    assert [each["ResultCode"] for each in listener.callbacks] == [1032, second]
    assert {each["CheckoutRequestID"] for each in listener.callbacks} == {asked}


def test_an_id_can_be_given_twice(client: Client, listener: Listener) -> None:
    first = client.pushed(RINGS)
    client.sim.script(Fault(FaultKind.ID_REPEATED, count=2), Fault(FaultKind.ID_REPEATED, everywhere=True))
    assert client.pushed("254709000000") != first, "nobody was answered before"
    client.sim.advance(1)
    assert client.pushed(PAYS) == first
    client.sim.advance(2)
    second = client.sim.prompts()[2]
    assert listener.callbacks[1]["CheckoutRequestID"] == second.checkout_request_id != first, "the callback is right"

    assert client.pushed(PAYS) == first
    client.sim.advance(2)
    assert listener.callbacks[2]["CheckoutRequestID"] == first
    assert items(listener.callbacks[2])["MpesaReceiptNumber"] == client.sim.prompts()[3].receipt
    assert client.sim.till("174379") == Money(300_000)


def test_what_a_plan_decided_is_done_after_a_restart(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    settings = SimulatorSettings(manual_clock=True, query_rate=None, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as first:
        client = meet(first)
        first.script(
            Fault(FaultKind.CALLBACK_FAILURE_FIRST, delay_s=600),
            Fault(FaultKind.CALLBACK_TAMPERED, field="amount", value=7),
            Fault(FaultKind.CALLBACK_FORGED, delay_s=300),
            Fault(FaultKind.CALLBACK_DUPLICATED, copies=2, spacing_s=400),
            Fault(FaultKind.QUERY_WRONG, times=2),
        )
        held = client.pushed(PAYS)
        tampered = client.pushed("254709000000")
        forged = client.pushed(RINGS)
        doubled = client.pushed("254707000000")
        first.advance(1.2)  # the first is held, the second and fourth have ended; nothing was called back
        assert client.query(held).json["ResultCode"] == "1032"
        first.script(Fault(FaultKind.MAINTENANCE, delay_s=1000, for_s=100))
        before = first.prompts()
        assert listener.bodies == []

    with running_simulator(settings) as second:
        client = meet(second)
        assert second.prompts() == before
        assert client.query(held).json["ResultCode"] == "1032"
        assert client.query(held).json.get("ResultCode") in (None, "4999")
        second.advance(0.5)
        assert [each["CheckoutRequestID"] for each in listener.callbacks] == [held, tampered, doubled]
        assert items(listener.callbacks[1])["Amount"] == 7
        second.advance(900)
        assert [each["ResultCode"] for each in listener.callbacks if each["CheckoutRequestID"] == held] == [1037, 0]
        assert len([each for each in listener.callbacks if each["CheckoutRequestID"] == doubled]) == 2
        assert [each["ResultCode"] for each in listener.callbacks if each["CheckoutRequestID"] == forged] == [1037, 0]
        assert second.till("174379") == Money(300_000)
        second.advance(120)
        assert client.push(PAYS).status in (500, 503)
        second.advance(100)
        assert client.push(PAYS).status == 200
        heard = len(listener.bodies)

    with running_simulator(settings) as third:
        third.advance(0.1)
        assert len(listener.bodies) == heard, "what was posted is not posted again"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault(FaultKind.CALLBACK_TAMPERED),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, shape="round"),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, shape="empty", field="amount", value=1),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, field="amount"),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, field="colour", value=1),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, field="amount", value=[1]),
        lambda: Fault(FaultKind.CALLBACK_TAMPERED, field="amount", value=float("inf")),
        lambda: Fault(FaultKind.CALLBACK_MASKED, phone_form="half"),
        lambda: Fault(FaultKind.CALLBACK_FORGED, forgery="of a bank note"),
        lambda: Fault(FaultKind.CALLBACK_FORGED, forgery="failure", code="0"),
        lambda: Fault(FaultKind.CALLBACK_FAILURE_FIRST, code="4999"),
        lambda: Fault(FaultKind.CALLBACK_REORDERED),
        lambda: Fault(FaultKind.CALLBACK_LOST, delay_s=5),
        lambda: Fault(FaultKind.CALLBACK_LOST, count=1.5),  # type: ignore[arg-type]
    ],
)
def test_a_senseless_callback_fault_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(InvalidFault):
        make()


def test_a_refusal_says_what_there_is(client: Client) -> None:
    got = client.control("/control/faults", {"kind": "callback-lost", "delay_s": 5})
    assert (got.status, got.json["message"]) == (400, "callback-lost has no delay_s: it has count.")
    got = client.control("/control/faults", {"kind": "callback-tampered", "field": "colour", "value": 1})
    assert got.json["message"] == f"field is one of {', '.join(FIELDS)}."
    assert client.get("/control/faults").json == {"faults": []}
