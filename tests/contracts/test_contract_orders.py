"""Orders: the client's status questions, reversals and payouts against the simulator, and their results as read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from rufaa.daraja import results
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.outcomes import Because, Declined, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, B2cOutcome, OrderOutcome
from rufaa.daraja.results import AsyncResult, B2cVerdict, ReversalVerdict, StatusVerdict
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator.config import DEMO_INITIATOR_NAME, DEMO_INITIATOR_PASSWORD, DuplicateForm
from rufaa.simulator.faults import Fault, FaultKind, Operation
from support import PAYS, RINGS

Open = Callable[..., Any]
PAID: Final = Money.from_shillings(1000)


def operated(one: Any, **changes: Any) -> Credentials:
    """The account with its operator."""
    operator = {
        "initiator_name": DEMO_INITIATOR_NAME,
        "initiator_password": DEMO_INITIATOR_PASSWORD,
        "certificate": one.simulator.certificate,
    }
    return replace(one.account, **{**operator, **changes})


def status(one: Any, receipt: str | None = None, *, about: str | None = None, **changes: Any) -> OrderOutcome:
    outcome: OrderOutcome = one.run(
        lambda daraja, tokens: daraja.transaction_status(
            operated(one, **changes),
            tokens,
            receipt_number=receipt,
            original_conversation_id=about,
            result_url=one.callback_url,
            timeout_url=one.callback_url,
        )
    )
    return outcome


def reverse(one: Any, receipt: str, amount: Money = PAID, **changes: Any) -> OrderOutcome:
    outcome: OrderOutcome = one.run(
        lambda daraja, tokens: daraja.reverse(
            operated(one, **changes),
            tokens,
            receipt_number=receipt,
            amount=amount,
            result_url=one.callback_url,
            timeout_url=one.callback_url,
            remarks="Refund",
        )
    )
    return outcome


def pay_out(one: Any, originator: str = "refund-1", amount: Money = PAID, **changes: Any) -> B2cOutcome:
    outcome: B2cOutcome = one.run(
        lambda daraja, tokens: daraja.b2c(
            operated(one, **changes),
            tokens,
            originator_conversation_id=originator,
            phone=Phone(RINGS),
            amount=amount,
            result_url=one.callback_url,
            timeout_url=one.callback_url,
            remarks="Refund",
        )
    )
    return outcome


def last(one: Any) -> AsyncResult:
    """The result that came last, after all that is due has come."""
    one.simulator.advance(2)
    read = results.parse_result(one.callbacks[-1])
    assert isinstance(read, AsyncResult)
    return read


@pytest.fixture
def receipt(one: Any) -> str:
    paid: str = one.simulator.pay(PAYS, "174379", "ABC123", 1000)
    return paid


# ---------------------------------------------------------------- status


def test_a_status_is_read_in_each_of_its_spellings(one: Any, receipt: str) -> None:
    paid_at = one.simulator.now().replace(microsecond=0)
    seen = set()
    for _ in range(12):
        outcome = status(one, receipt)
        assert isinstance(outcome, Acknowledged)
        answer = last(one)
        assert answer.conversation_id == outcome.conversation_id
        read = results.status_result(answer)
        assert (read.verdict, read.receipt_number, read.amount) == (StatusVerdict.COMPLETED, receipt, PAID)
        assert (read.initiated_at, read.finalised_at) == (paid_at, paid_at)
        assert read.credit_party in {"174379 - RUFAA DEMO", ""}
        seen.add(read.debit_party)
    assert seen == {"254708000000 - JOHN DOE", ""}, "where DebitPartyName stands twice, neither is believed"


def test_a_status_of_nothing_is_unknown(one: Any) -> None:
    assert isinstance(status(one, "SKE0000000"), Acknowledged)
    read = results.status_result(last(one))
    assert (read.verdict, read.answer.result_code) == (StatusVerdict.UNKNOWN, "2032")


def test_a_payout_is_found_by_our_own_id(one: Any, receipt: str) -> None:
    pay_out(one)
    paid = results.b2c_result(last(one))
    status(one, about="refund-1")
    read = results.status_result(last(one))
    assert (read.verdict, read.receipt_number) == (StatusVerdict.COMPLETED, paid.receipt_number)
    assert read.originator_conversation_id == "refund-1"


def test_a_payout_that_waits_is_pending_and_one_that_failed_took_nothing(one: Any, receipt: str) -> None:
    one.simulator.script(Fault(FaultKind.QUEUE_TIMEOUT, delay_s=60, code="26"))
    pay_out(one)
    one.simulator.advance(3)
    status(one, about="refund-1")
    assert results.status_result(last(one)).verdict is StatusVerdict.PENDING
    one.simulator.advance(60)
    status(one, about="refund-1")
    assert results.status_result(last(one)).verdict is StatusVerdict.FAILED
    assert one.simulator.till("174379") == PAID


# ---------------------------------------------------------------- reversal


def test_a_reversal_is_read_whole_and_a_second_one_is_told(one: Any, receipt: str) -> None:
    outcome = reverse(one, receipt)
    assert isinstance(outcome, Acknowledged)
    read = results.reversal_result(last(one))
    assert (read.verdict, read.original_receipt, read.amount) == (ReversalVerdict.REVERSED, receipt, PAID)
    assert read.receipt_number == one.simulator.movements()[-1].receipt
    assert read.completed_at == one.simulator.now().replace(microsecond=0)
    assert read.credit_party == "0708000000 - JOHN DOE"
    assert one.simulator.till("174379") == Money(0)

    reverse(one, receipt)
    again = results.reversal_result(last(one))
    assert (again.verdict, again.original_receipt) == (ReversalVerdict.ALREADY_REVERSED, None)
    assert one.simulator.wallet(PAYS) == Money(7_000_000)


@pytest.mark.parametrize(
    ("receipt_number", "amount", "verdict"),
    [
        ("SKE0000000", PAID, ReversalVerdict.NOT_REVERSED_FINAL),
        (None, Money.from_shillings(1), ReversalVerdict.UNKNOWN),
    ],
)
def test_what_cannot_be_reversed(
    one: Any, receipt: str, receipt_number: str | None, amount: Money, verdict: ReversalVerdict
) -> None:
    reverse(one, receipt_number or receipt, amount)
    assert results.reversal_result(last(one)).verdict is verdict
    assert one.simulator.till("174379") == PAID


def test_a_till_that_is_too_low_may_be_asked_again(one: Any, receipt: str) -> None:
    pay_out(one)
    assert results.b2c_result(last(one)).verdict is B2cVerdict.PAID
    reverse(one, receipt)
    assert results.reversal_result(last(one)).verdict is ReversalVerdict.NOT_REVERSED_RETRY


# ---------------------------------------------------------------- payout


def test_a_payout_is_read_whole(one: Any, receipt: str) -> None:
    outcome = pay_out(one, amount=Money.from_shillings(400))
    assert isinstance(outcome, Acknowledged)
    assert outcome.originator_conversation_id == "refund-1"
    read = results.b2c_result(last(one))
    assert (read.verdict, read.amount, read.utility_funds) == (B2cVerdict.PAID, Money(40_000), Money(60_000))
    assert read.receipt_number == one.simulator.movements()[-1].receipt
    assert read.completed_at == one.simulator.now().replace(microsecond=0)
    assert (read.receiver, read.receiver_registered) == ("254708374149 - BRIAN ODHIAMBO", True)


def test_the_same_id_is_taken_once(one: Any, receipt: str) -> None:
    pay_out(one, amount=Money.from_shillings(400))
    again = pay_out(one, amount=Money.from_shillings(400))
    assert isinstance(again, AlreadyTaken)
    one.simulator.advance(10)
    assert one.simulator.till("174379") == Money(60_000)


def test_or_the_second_one_gets_result_15(merchant: Open) -> None:
    one = merchant(b2c_duplicate_form=DuplicateForm.RESULT)
    one.simulator.pay(PAYS, "174379", "ABC123", 1000)
    for _ in range(2):
        assert isinstance(pay_out(one, amount=Money.from_shillings(400)), Acknowledged)
    read = results.b2c_result(last(one))
    assert read.verdict is B2cVerdict.ALREADY_TAKEN
    assert one.simulator.till("174379") == Money(60_000)


def test_a_till_that_is_too_low_pays_nothing_out(one: Any) -> None:
    pay_out(one)
    assert results.b2c_result(last(one)).verdict is B2cVerdict.NOT_PAID_RETRY
    assert one.simulator.movements() == []


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("8006", B2cVerdict.CONFIG), ("2040", B2cVerdict.NOT_PAID_FINAL), ("8", B2cVerdict.NOT_PAID_RETRY),
     ("SFC_IC0003", B2cVerdict.NOT_PAID_FINAL), ("26", B2cVerdict.UNKNOWN)],
)  # fmt: skip
def test_a_scripted_failure_is_read(one: Any, receipt: str, code: str, verdict: B2cVerdict) -> None:
    one.simulator.script(Fault(FaultKind.ORDER_FAILED, code=code))
    pay_out(one)
    assert results.b2c_result(last(one)).verdict is verdict
    assert one.simulator.till("174379") == PAID


# ---------------------------------------------------------------- the operator


@pytest.mark.parametrize("changes", [{"initiator_password": "expired"}, {"initiator_name": "somebody"}])
def test_a_wrong_operator_is_ours_to_correct(one: Any, receipt: str, changes: dict[str, str]) -> None:
    reverse(one, receipt, **changes)
    read = last(one)
    assert (read.result_code, read.needs_operator) == ("2001", True)
    assert results.reversal_result(read).verdict is ReversalVerdict.CONFIG
    pay_out(one, **changes)
    assert results.b2c_result(last(one)).verdict is B2cVerdict.CONFIG
    assert one.simulator.till("174379") == PAID


# ---------------------------------------------------------------- trouble


@pytest.mark.parametrize("operation", [Operation.STATUS, Operation.REVERSAL, Operation.B2C])
@pytest.mark.parametrize(
    "fault",
    [
        (FaultKind.REQUEST_LOST, {}),
        (FaultKind.ANSWER_LOST, {}),
        (FaultKind.ANSWER_TORN, {}),
        (FaultKind.ANSWER_TRUNCATED, {}),
        (FaultKind.ANSWER_REPLACED, {}),
        (FaultKind.ANSWER_PRESET, {"preset": "internal-error", "accepted": True}),
        (FaultKind.ANSWER_PRESET, {"preset": "empty-200", "accepted": True}),
    ],
)
def test_an_unclear_answer_is_unknown(
    one: Any, receipt: str, operation: Operation, fault: tuple[FaultKind, dict[str, Any]]
) -> None:
    kind, parameters = fault
    one.simulator.script(Fault(kind, on=operation, **parameters))
    made = {Operation.STATUS: status, Operation.REVERSAL: reverse, Operation.B2C: lambda one, _: pay_out(one)}
    assert isinstance(made[operation](one, receipt), Unknown)


@pytest.mark.parametrize("operation", [Operation.STATUS, Operation.REVERSAL, Operation.B2C])
def test_a_dead_token_is_renewed_once(one: Any, receipt: str, operation: Operation) -> None:
    one.simulator.script(Fault(FaultKind.TOKEN_KILLED, on=operation))
    made = {Operation.STATUS: status, Operation.REVERSAL: reverse, Operation.B2C: lambda one, _: pay_out(one)}
    assert isinstance(made[operation](one, receipt), Acknowledged)
    assert len(one.simulator.orders()) == 1


def test_a_refusal_is_final(one: Any, receipt: str) -> None:
    one.simulator.script(Fault(FaultKind.ANSWER_PRESET, on=Operation.REVERSAL, preset="bad-request"))
    outcome = reverse(one, receipt)
    assert isinstance(outcome, Declined)
    assert outcome.because is Because.BAD_REQUEST
    assert one.simulator.orders() == []


def test_a_payout_whose_answer_was_lost_is_sent_again_under_its_id(one: Any, receipt: str) -> None:
    one.simulator.script(Fault(FaultKind.ANSWER_LOST, on=Operation.B2C))
    assert isinstance(pay_out(one), Unknown)
    assert isinstance(pay_out(one), AlreadyTaken)
    assert results.b2c_result(last(one)).verdict is B2cVerdict.PAID
    assert one.simulator.till("174379") == Money(0)


def test_a_queue_time_out_is_no_result(one: Any, receipt: str) -> None:
    one.simulator.script(Fault(FaultKind.QUEUE_TIMEOUT, delay_s=60))
    outcome = pay_out(one)
    assert isinstance(outcome, Acknowledged)
    one.simulator.advance(5)
    said = results.parse_queue_timeout(one.callbacks[-1])
    assert (said.conversation_id, said.originator_conversation_id) == (outcome.conversation_id, "refund-1")
    assert said.result is None
    one.simulator.advance(60)
    assert results.b2c_result(last(one)).verdict is B2cVerdict.PAID


# ---------------------------------------------------------------- real ones


@pytest.mark.parametrize("kind", ["transaction_status", "reversal", "b2c"])
def test_a_result_has_the_keys_of_real_ones(one: Any, receipt: str, corpus: Path, kind: str) -> None:
    made = {"transaction_status": status, "reversal": reverse, "b2c": lambda one, _: pay_out(one)}
    made[kind](one, receipt)
    one.simulator.advance(2)
    ours = json.loads(one.callbacks[-1])["Result"]
    seen: set[str] = set()
    fields: set[str] = set()
    for file in (corpus / f"{kind}_result").glob("*.json"):
        real = json.loads(file.read_text())["Result"]
        fields |= set(real)
        seen |= {item["Key"] for item in real.get("ResultParameters", {}).get("ResultParameter", [])}
    assert set(ours) == fields
    assert {item["Key"] for item in ours["ResultParameters"]["ResultParameter"]} <= seen
