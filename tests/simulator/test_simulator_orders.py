"""Orders: acknowledged, processed by the clock and told of; money moves once, and the till is true to the shilling."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from by_hand import B2C, PAYER, REVERSAL, STATUS, Operator, credential
from rufaa.clock import daraja_timestamp
from rufaa.money import Money
from rufaa.simulator import initiator
from rufaa.simulator.config import DEMO_INITIATOR_PASSWORD, DEMO_MERCHANT, DuplicateForm, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, InvalidFault, Operation
from rufaa.simulator.initiator import KeyUnusable
from rufaa.simulator.movements import Way
from rufaa.simulator.testing import RunningSimulator, running_simulator

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Client, Listener, Open


@pytest.fixture
def operator(client: Client, listener: Listener) -> Operator:
    return Operator(client, listener)


# ---------------------------------------------------------------- reversal


def test_a_reversal_gives_the_payment_back(operator: Operator) -> None:
    sim = operator.sim
    receipt = sim.pay(PAYER, "174379", "A", 1000)
    sim.pay(PAYER, "174379", "B", 250)

    got = operator.reverse(receipt)

    assert got.status == 200
    assert (got.json["ResponseCode"], sim.till("174379")) == ("0", Money(125_000)), "only acknowledged"
    sim.advance(2)
    assert (sim.till("174379"), sim.wallet(PAYER)) == (Money(25_000), Money(6_975_000))
    told = operator.result()
    assert (told["ResultCode"], told["ConversationID"]) == (0, got.json["ConversationID"])
    assert told["OriginatorConversationID"] == got.json["OriginatorConversationID"]
    assert operator.parameters() == {
        "DebitAccountBalance": "Utility Account|KES|250.00|250.00|0.00|0.00",
        "Amount": 1000.0,
        "TransCompletedTime": int(daraja_timestamp(sim.now())),
        "OriginalTransactionID": receipt,
        "Charge": 0.0,
        "CreditPartyPublicName": "0708374149 - BRIAN ODHIAMBO",
        "DebitPartyPublicName": "174379 - RUFAA DEMO",
    }
    back = sim.movements()[-1]
    assert (back.receipt, back.way, back.undoes) == (told["TransactionID"], Way.REVERSAL, receipt)
    assert back.receipt != receipt
    sim.advance(100_000)
    assert len(operator.listener.bodies) == 1


def test_a_paid_prompt_can_be_reversed_too(operator: Operator) -> None:
    operator.client.pushed("254708000000")
    operator.sim.advance(2)
    receipt = operator.sim.prompts()[0].receipt
    assert receipt is not None
    operator.reverse(receipt)
    operator.sim.advance(2)
    assert operator.result()["ResultCode"] == 0
    assert (operator.sim.till("174379"), operator.sim.wallet("254708000000")) == (Money(0), Money(7_000_000))


def test_a_second_reversal_is_told_so_and_moves_nothing(operator: Operator) -> None:
    sim = operator.sim
    receipt = sim.pay(PAYER, "174379", "A", 1000)
    sim.pay(PAYER, "174379", "B", 1000)
    operator.reverse(receipt)
    operator.reverse(receipt)  # both are acknowledged before either is processed
    sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()] == [0, "R000001"]
    assert "ResultParameters" not in operator.results()[1]
    assert sim.till("174379") == Money(100_000)
    assert len(sim.movements()) == 3


@pytest.mark.parametrize(
    ("shillings", "receipt", "code"),
    [(1000, "SKE0000000", "R000002"), (999, None, 17), (1001, None, 17)],
    ids=["unknown", "a part", "too much"],
)
def test_what_cannot_be_reversed_is_not(
    operator: Operator, shillings: int, receipt: str | None, code: int | str
) -> None:
    paid = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.pay(PAYER, "174379", "B", 1000)
    operator.reverse(receipt or paid, shillings)
    operator.sim.advance(2)
    assert operator.result()["ResultCode"] == code
    assert operator.sim.till("174379") == Money(200_000)


def test_a_payout_cannot_be_reversed_and_neither_can_a_reversal_or_another_tills_payment(
    simulate: Open, listener: Listener
) -> None:
    other = replace(DEMO_MERCHANT, short_code="600001", name="OTHER")
    operator = Operator(simulate(merchants=(DEMO_MERCHANT, other)), listener)
    sim = operator.sim
    first = sim.pay(PAYER, "174379", "A", 1000)
    sim.pay(PAYER, "174379", "A", 1000)
    elsewhere = sim.pay(PAYER, "600001", "A", 1000)
    operator.pay_out(shillings=100)
    operator.reverse(first)
    sim.advance(2)
    payout, reversal = (each.receipt for each in sim.movements()[-2:])
    till = sim.till("174379")
    for receipt, shillings in ((payout, 100), (reversal, 1000), (elsewhere, 1000)):
        operator.reverse(receipt, shillings)
    sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()[2:]] == ["R000002"] * 3
    assert (sim.till("174379"), sim.till("600001")) == (till, Money(100_000))


def test_an_empty_till_gives_nothing_back_and_may_later(operator: Operator) -> None:
    sim = operator.sim
    receipt = sim.pay(PAYER, "174379", "A", 1000)
    operator.pay_out(shillings=500)
    sim.advance(2)
    operator.reverse(receipt)
    sim.advance(2)
    assert operator.results()[-1]["ResultCode"] == 1
    assert sim.till("174379") == Money(50_000)
    sim.pay(PAYER, "174379", "A", 500)
    operator.reverse(receipt)
    sim.advance(2)
    assert operator.results()[-1]["ResultCode"] == 0
    assert sim.till("174379") == Money(0)


# ---------------------------------------------------------------- payout


def test_a_payout_reaches_the_phone(operator: Operator) -> None:
    sim = operator.sim
    sim.pay("254708000000", "174379", "A", 1000)
    got = operator.pay_out("refund-1", 100)
    assert got.json["OriginatorConversationID"] == "refund-1"
    sim.advance(2)
    told = operator.result()
    assert told["OriginatorConversationID"] == "refund-1"
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", operator.parameters()["TransactionCompletedDateTime"])
    assert {**operator.parameters(), "TransactionCompletedDateTime": ""} == {
        "TransactionAmount": 100,
        "TransactionReceipt": told["TransactionID"],
        "ReceiverPartyPublicName": "254708374149 - BRIAN ODHIAMBO",
        "TransactionCompletedDateTime": "",
        "B2CUtilityAccountAvailableFunds": 900.0,
        "B2CWorkingAccountAvailableFunds": 0.0,
        "B2CRecipientIsRegisteredCustomer": "Y",
        "B2CChargesPaidAccountAvailableFunds": 0.0,
    }
    assert (sim.till("174379"), sim.wallet(PAYER)) == (Money(90_000), Money(7_010_000))
    assert sim.movements()[-1].way is Way.PAYOUT


def test_one_id_is_paid_once(operator: Operator) -> None:
    operator.sim.pay(PAYER, "174379", "A", 1000)
    assert operator.pay_out("refund-1").status == 200
    again = operator.pay_out("refund-1", 200)
    assert (again.status, again.json["errorCode"]) == (500, "500.002.1001")
    assert again.json["errorMessage"] == "Duplicate OriginatorConversationID"
    operator.sim.advance(2)
    assert operator.pay_out("refund-1").status == 500, "nor after it was processed"
    operator.sim.advance(10)
    assert len(operator.results()) == 1
    assert operator.sim.till("174379") == Money(90_000)


def test_a_duplicate_may_also_be_told_by_a_result(simulate: Open, listener: Listener) -> None:
    operator = Operator(simulate(b2c_duplicate_form=DuplicateForm.RESULT), listener)
    operator.sim.pay(PAYER, "174379", "A", 1000)
    assert operator.pay_out("refund-1").status == operator.pay_out("refund-1").status == 200
    operator.sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()] == [0, 15]
    assert operator.sim.till("174379") == Money(90_000)
    operator.status(OriginalConversationID="refund-1")
    operator.sim.advance(2)
    assert "Completed" in str(operator.results()[-1]), "the first is the one that counts"


@pytest.mark.parametrize(("shillings", "code"), [(9, 2), (10, 0), (1000, 0), (1001, 1)])
def test_the_least_and_the_most_that_is_paid_out(operator: Operator, shillings: int, code: int) -> None:
    operator.sim.pay("254708000000", "174379", "A", 1000)
    operator.pay_out(shillings=shillings)
    operator.sim.advance(2)
    assert operator.result()["ResultCode"] == code
    moved = shillings * 100 if code == 0 else 0
    assert operator.sim.till("174379") == Money(100_000 - moved)
    assert operator.sim.wallet(PAYER) == Money(7_000_000 + moved)


# ---------------------------------------------------------------- status


def test_a_receipts_status_is_told(operator: Operator) -> None:
    paid_at = operator.sim.now()
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.advance(60)
    got = operator.status(receipt, Occasion="Why")
    operator.sim.advance(2)
    told = operator.result()
    assert (told["ResultCode"], told["ConversationID"]) == (0, got.json["ConversationID"])
    assert told["ReferenceData"] == {"ReferenceItem": {"Key": "Occasion", "Value": "Why"}}
    said = {key.replace(" ", "").replace("lized", "lised"): value for key, value in operator.parameters().items()}
    assert (said["ReceiptNo"], said["Amount"], said["TransactionStatus"]) == (receipt, 1000.0, "Completed")
    assert said["InitiatedTime"] == said["FinalisedTime"] == int(daraja_timestamp(paid_at))
    assert said["TransactionReason"] is None
    assert operator.sim.till("174379") == Money(100_000)


def test_it_is_spelled_in_three_ways(operator: Operator) -> None:
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    for _ in range(20):
        operator.status(receipt)
    operator.sim.advance(2)
    listed = [each["ResultParameters"]["ResultParameter"] for each in operator.results()]
    forms = {
        (
            "FinalizedTime" in [item["Key"] for item in items],
            "Conversation ID" in [item["Key"] for item in items],
            [item["Key"] for item in items].count("DebitPartyName"),
        )
        for items in listed
    }
    assert forms == {(False, False, 1), (True, True, 1), (False, False, 2)}


def test_an_order_is_asked_about_by_either_of_its_ids(operator: Operator) -> None:
    sim = operator.sim
    sim.pay("254708000000", "174379", "A", 1000)
    got = operator.pay_out("refund-1", 100)
    operator.status(OriginalConversationID="refund-1")
    sim.advance(2)
    payout = sim.movements()[-1].receipt
    operator.status(OriginalConversationID="refund-1")
    operator.status(OriginalConversationID=got.json["ConversationID"])
    failed = operator.pay_out("refund-2", 100_000)
    sim.advance(2)
    operator.status(OriginalConversationID=failed.json["ConversationID"])
    sim.advance(2)
    told = [
        {item["Key"].replace(" ", ""): item.get("Value") for item in each["ResultParameters"]["ResultParameter"]}
        for each in operator.results()
        if "ReasonType" in str(each)
    ]
    said = [(each["TransactionStatus"], each["OriginatorConversationID"], each["Amount"]) for each in told]
    assert said == [
        ("Completed", "refund-1", 100.0),  # processed before the first question was
        ("Completed", "refund-1", 100.0),
        ("Completed", "refund-1", 100.0),
        ("Declined", "refund-2", 100_000.0),
    ]
    assert [each["ReceiptNo"] for each in told[:3]] == [payout] * 3


def test_an_order_that_waits_is_initiated(operator: Operator) -> None:
    operator.sim.pay("254708000000", "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.QUEUE_TIMEOUT, on=Operation.B2C, delay_s=600))
    operator.pay_out("refund-1", 100)
    operator.sim.advance(10)
    operator.status(OriginalConversationID="refund-1")
    operator.sim.advance(2)
    assert operator.parameters()["TransactionStatus"] == "Initiated"
    assert not [key for key in operator.parameters() if key.startswith("Final")]


@pytest.mark.parametrize("asked", [{"receipt": "SKE0000000"}, {"OriginalConversationID": "nobody"}])
def test_what_is_not_there_is_told_so(operator: Operator, asked: dict[str, Any]) -> None:
    operator.status(**asked)
    operator.sim.advance(2)
    assert (operator.result()["ResultCode"], "ResultParameters" in operator.result()) == (2032, False)


def test_nothing_is_told_of_another_short_code(simulate: Open, listener: Listener) -> None:
    other = replace(DEMO_MERCHANT, short_code="600001", name="OTHER")
    operator = Operator(simulate(merchants=(DEMO_MERCHANT, other)), listener)
    receipt = operator.sim.pay(PAYER, "600001", "A", 1000)
    operator.pay_out("refund-1", PartyA="600001")
    operator.sim.advance(2)
    operator.status(receipt)
    operator.status(OriginalConversationID="refund-1")
    operator.sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()] == [0, 2032, 2032]


@pytest.mark.parametrize("known", [False, True])
def test_whether_a_pushs_id_is_taken_is_a_setting(simulate: Open, listener: Listener, known: bool) -> None:
    operator = Operator(simulate(status_by_push_ids=known), listener)
    operator.client.pushed("254708000000")
    operator.client.pushed("254708001032")
    operator.client.pushed(PAYER)
    operator.sim.advance(2)
    for prompt in operator.sim.prompts():
        operator.status(OriginalConversationID=prompt.merchant_request_id)
    operator.sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()] == ([0] * 3 if known else [2032] * 3)
    if known:
        listed = [each["ResultParameters"]["ResultParameter"] for each in operator.results()]
        said = [item["Value"] for items in listed for item in items if item["Key"] == "TransactionStatus"]
        assert said == ["Completed", "Cancelled", "Initiated"]


# ---------------------------------------------------------------- the operator


@pytest.mark.parametrize("path", ["status", "reverse", "pay_out"])
@pytest.mark.parametrize("wrong", ["password", "key", "name", "none"])
def test_a_wrong_operator_is_acknowledged_and_fails(simulate: Open, listener: Listener, path: str, wrong: str) -> None:
    merchant = replace(DEMO_MERCHANT, initiator=None) if wrong == "none" else DEMO_MERCHANT
    operator = Operator(simulate(merchants=(merchant,)), listener)
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    changes: dict[str, object] = {
        "password": {"SecurityCredential": credential(operator.sim.certificate, "another")},
        "key": {"SecurityCredential": credential(initiator.Key(initiator._new()).certificate)},
        "name": {("InitiatorName" if path == "pay_out" else "Initiator"): "somebody"},
        "none": {},
    }[wrong]
    got = getattr(operator, path)(receipt, **changes)
    assert got.status == 200
    operator.sim.advance(2)
    assert operator.result()["ResultCode"] == 2001
    assert operator.sim.till("174379") == Money(100_000)


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        ("status", {"Initiator": ...}, "Initiator"),
        ("status", {"SecurityCredential": ...}, "SecurityCredential"),
        ("status", {"SecurityCredential": "not base64"}, "SecurityCredential"),
        ("status", {"CommandID": "TransactionReversal"}, "CommandID"),
        ("status", {"TransactionID": ...}, "TransactionID"),
        ("status", {"TransactionID": "lower"}, "TransactionID"),
        ("status", {"PartyA": "600000"}, "PartyA"),
        ("status", {"IdentifierType": "1"}, "IdentifierType"),
        ("status", {"ResultURL": "http://127.0.0.1/query"}, "ResultURL"),
        ("status", {"QueueTimeOutURL": ...}, "QueueTimeOutURL"),
        ("status", {"Remarks": "x" * 101}, "Remarks"),
        ("status", {"Occasion": "x" * 101}, "Occasion"),
        ("reverse", {"CommandID": "TransactionStatusQuery"}, "CommandID"),
        ("reverse", {"TransactionID": ...}, "TransactionID"),
        ("reverse", {"Amount": "0"}, "Amount"),
        ("reverse", {"ReceiverParty": "600000"}, "ReceiverParty"),
        ("reverse", {"RecieverIdentifierType": "4"}, "RecieverIdentifierType"),
        ("reverse", {"Remarks": "x"}, "Remarks"),
        ("pay_out", {"OriginatorConversationID": ...}, "OriginatorConversationID"),
        ("pay_out", {"InitiatorName": ..., "Initiator": "demo-operator"}, "InitiatorName"),
        ("pay_out", {"CommandID": "Refund"}, "CommandID"),
        ("pay_out", {"Amount": "250001"}, "Amount"),
        ("pay_out", {"PartyA": "600000"}, "PartyA"),
        ("pay_out", {"PartyB": "0708374149"}, "PartyB"),
        ("pay_out", {"Remarks": "x"}, "Remarks"),
        ("pay_out", {"Occassion": "x" * 101}, "Occassion"),
    ],
)
def test_a_wrong_order_is_refused_by_its_field(
    operator: Operator, path: str, changes: dict[str, object], field: str
) -> None:
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    got = getattr(operator, path)(receipt, **changes)
    assert (got.status, got.json["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    operator.sim.advance(100)
    assert (operator.sim.orders(), operator.listener.bodies) == ([], [])


@pytest.mark.parametrize("path", [STATUS, REVERSAL, B2C])
def test_no_token_no_order(client: Client, path: str) -> None:
    assert client.post(path, {}, token="nobodys").status == 401
    assert client.ask(path).status == 405
    assert client.sim.orders() == []


# ---------------------------------------------------------------- the key


def test_the_certificate_is_told_and_no_password_is_journalled(operator: Operator) -> None:
    assert operator.client.get("/control/certificate").text == operator.sim.certificate
    operator.pay_out()
    assert DEMO_INITIATOR_PASSWORD not in json.dumps([each.to_json() for each in operator.sim.journal()])


def test_a_kept_key_is_the_same_at_the_next_start_and_nobody_elses_to_read(tmp_path: Path) -> None:
    file = tmp_path / "simulator.key"
    told = []
    for _ in range(2):
        with running_simulator(SimulatorSettings(key=file)) as sim:
            told.append(sim.certificate)
    assert told[0] == told[1] == initiator.certificate_of(file).read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["simulator.crt", "simulator.key"]
    assert initiator.kept_in(file).opens(credential(told[0], "secret")) == "secret"
    assert initiator.of_this_process().opens("###") is None


def test_a_file_that_is_no_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "simulator.key"
    file.write_text("mine")
    with pytest.raises(KeyUnusable):
        initiator.kept_in(file)
    assert file.read_text() == "mine"


# ---------------------------------------------------------------- faults


def test_a_lost_a_late_and_a_doubled_result(operator: Operator) -> None:
    sim = operator.sim
    sim.pay("254708000000", "174379", "A", 1000)
    sim.script(
        Fault(FaultKind.RESULT_LOST),
        Fault(FaultKind.RESULT_DELAYED, delay_s=600),
        Fault(FaultKind.RESULT_DUPLICATED, copies=2, spacing_s=10),
    )
    for number in (1, 2, 3):
        operator.pay_out(f"refund-{number}", 100)
    sim.advance(2)
    assert sim.till("174379") == Money(70_000), "what is told and what is done are two things"
    sim.advance(20)
    assert [each["OriginatorConversationID"] for each in operator.results()] == ["refund-3"] * 2
    sim.advance(600)
    assert [each["OriginatorConversationID"] for each in operator.results()] == ["refund-3"] * 2 + ["refund-2"]


def test_a_fault_can_be_about_one_kind_of_order(operator: Operator) -> None:
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.RESULT_LOST, on=Operation.REVERSAL))
    operator.status(receipt)
    operator.reverse(receipt)
    operator.sim.advance(10)
    assert "TransactionStatus" in str(operator.result())
    assert operator.client.get("/control/faults").json == {"faults": []}
    with pytest.raises(InvalidFault):
        Fault(FaultKind.RESULT_LOST, on=Operation.PUSH)


def test_an_order_fails_by_script(operator: Operator) -> None:
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.ORDER_FAILED, code="8006"), Fault(FaultKind.ORDER_FAILED, code="SFC_IC0003"))
    operator.reverse(receipt)
    operator.pay_out()
    operator.sim.advance(2)
    assert [each["ResultCode"] for each in operator.results()] == [8006, "SFC_IC0003"]
    assert operator.sim.till("174379") == Money(100_000)


@pytest.mark.parametrize(
    ("parameters", "codes", "till"),
    [({}, [0], 90_000), ({"code": "26"}, [26], 100_000), ({"silent": True}, [], 90_000)],
    ids=["then success", "then failure", "then silence"],
)
def test_the_queue_times_out_and_the_order_is_processed_later(
    operator: Operator, parameters: dict[str, Any], codes: list[int], till: int
) -> None:
    operator.sim.pay("254708000000", "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.QUEUE_TIMEOUT, delay_s=300, **parameters))
    got = operator.pay_out("refund-1", 100)
    operator.sim.advance(5)
    (timeout,) = operator.results("/t/1")
    assert timeout["ConversationID"] == got.json["ConversationID"]
    assert timeout["OriginatorConversationID"] == "refund-1"
    assert "ResultCode" not in timeout, "it is no result"
    assert (operator.results(), operator.sim.till("174379")) == ([], Money(100_000))
    operator.sim.advance(300)
    assert [each["ResultCode"] for each in operator.results()] == codes
    assert operator.sim.till("174379") == Money(till)
    assert len(operator.results("/t/1")) == 1


@pytest.mark.parametrize("path", ["status", "reverse", "pay_out"])
@pytest.mark.parametrize("code", [None, "1"])
def test_a_forger_tells_of_an_order(operator: Operator, path: str, code: str | None) -> None:
    paid = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.RESULT_FORGED, **({} if code is None else {"code": code})))
    got = getattr(operator, path)(paid)
    operator.sim.advance(1)
    forged = operator.result()
    assert forged["ResultCode"] == (0 if code is None else 1)
    assert forged["ConversationID"] == got.json["ConversationID"]
    assert operator.listener.senders == ["127.0.0.2"]
    assert len(operator.sim.movements()) == 1
    operator.sim.advance(1)
    assert operator.results()[-1]["ResultCode"] == 0
    assert operator.listener.senders == ["127.0.0.2", "127.0.0.1"]


@pytest.mark.parametrize("operation", [Operation.STATUS, Operation.REVERSAL, Operation.B2C])
def test_an_answer_is_lost_before_or_after_the_order_was_taken(operator: Operator, operation: Operation) -> None:
    path = {Operation.STATUS: "status", Operation.REVERSAL: "reverse", Operation.B2C: "pay_out"}[operation]
    receipt = operator.sim.pay(PAYER, "174379", "A", 1000)
    operator.sim.script(Fault(FaultKind.REQUEST_LOST, on=operation), Fault(FaultKind.ANSWER_LOST, on=operation))
    for taken in (0, 1):
        with pytest.raises((ConnectionError, OSError)):
            getattr(operator, path)(receipt)
        assert len(operator.sim.orders()) == taken


# ---------------------------------------------------------------- restarts


def test_a_restarted_simulator_processes_what_waits_and_pays_nothing_twice(
    meet: Callable[[RunningSimulator], Client], listener: Listener, tmp_path: Path
) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    with running_simulator(settings) as first:
        operator = Operator(meet(first), listener)
        first.pay("254708000000", "174379", "A", 1000)
        receipt = first.pay(PAYER, "174379", "A", 1000)
        operator.reverse(receipt)
        first.script(Fault(FaultKind.RESULT_DELAYED, delay_s=60))
        operator.pay_out("refund-1", 100)
        first.advance(2)
        operator.pay_out("refund-2", 100)
        before = (first.orders(), first.movements(), first.notices())
    assert len(operator.results()) == 1

    with running_simulator(settings) as second:
        assert (second.orders(), second.movements(), second.notices()) == before
        operator = Operator(meet(second), listener)
        assert operator.pay_out("refund-1", 100).status == 500, "it is known"
        second.advance(1000)
        assert [each["OriginatorConversationID"] for each in operator.results()[1:]] == ["refund-2", "refund-1"]
        assert second.till("174379") == Money(80_000)
        operator.reverse(receipt)
        second.advance(2)
        assert operator.results()[-1]["ResultCode"] == "R000001"

    with running_simulator(settings) as third:
        assert third.till("174379") == Money(80_000)
        third.advance(1000)
        assert third.till("174379") == Money(80_000)
