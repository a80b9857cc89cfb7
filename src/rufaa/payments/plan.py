"""What a batch of reports changes: the decisions of settlement. Pure, so that a model can drive it.

``settle`` reads and locks the rows, asks ``plan`` what to do, and writes it in sets. A prompt makes at most one move in
one plan, since each move is a row of its history; reports that would move it again are left over for the next round.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rufaa import ids
from rufaa.law import Ignored, Moved, Refused
from rufaa.money import Money
from rufaa.payments.machine import (
    GIVE_UP_ASKING_S,
    LAST_QUERY_S,
    LIVE,
    OPEN_FEE,
    PROMPT,
    Channel,
    FeeState,
    PromptEvent,
    PromptFacts,
    PromptState,
    Report,
    Verdict,
    judge,
    next_query_s,
)
from rufaa.phone import Phone

_NO_RESPONSE: Final = "1037"
_FILLS_NUMBER: Final = frozenset({Verdict.CONFIRMS, Verdict.ASK})


@dataclass(frozen=True, slots=True)
class Item:
    """One report about one prompt, with what is stored of it as evidence."""

    prompt: uuid.UUID
    report: Report
    result_desc: str = ""
    paid_at: datetime | None = None
    inbox: int | None = None
    status: int | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A locked prompt as it stands before the batch."""

    id: uuid.UUID
    fee: uuid.UUID
    account: uuid.UUID
    state: PromptState
    amount: Money
    phone: Phone
    checkout_request_id: str | None
    merchant_request_id: str | None
    age_s: float  # since it was first sent; 0 if it never was
    unpaid_queries: int
    receipt: uuid.UUID | None  # the receipt of this prompt, if it has one
    receipt_number: str | None
    asked_number: str | None  # a receipt number from an untrusted callback, waiting for a query to agree


@dataclass(frozen=True, slots=True)
class FeeRow:
    """A locked fee as it stands before the batch."""

    id: uuid.UUID
    state: FeeState
    amount: Money
    account: uuid.UUID
    payee: uuid.UUID


@dataclass(frozen=True, slots=True)
class PromptChange:
    """One prompt's row after the batch. ``moved`` None: only what is known about it changed."""

    id: uuid.UUID
    moved: tuple[PromptState, PromptEvent] | None
    checkout_request_id: str | None
    merchant_request_id: str | None
    code: str
    message: str
    unpaid_queries: int
    next_query_s: float | None  # age at which to ask next; None: not any more
    keep_schedule: bool  # leave the time of the next query as it is


@dataclass(frozen=True, slots=True)
class NewReceipt:
    id: uuid.UUID
    prompt: uuid.UUID
    account: uuid.UUID
    amount: Money
    number: str | None
    paid_at: datetime | None
    fee: uuid.UUID | None  # the fee that it pays; None: it waits in unapplied


@dataclass(frozen=True, slots=True)
class NumberFound:
    receipt: uuid.UUID
    number: str
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewTask:
    kind: str
    fee: uuid.UUID
    facility: uuid.UUID
    prompt: uuid.UUID
    receipt: uuid.UUID | None
    why: str


@dataclass(frozen=True, slots=True)
class NewEvidence:
    item: Item
    verdict: Verdict
    receipt: uuid.UUID | None


@dataclass(slots=True)
class Plan:
    """Everything to write, in sets. ``left_over`` are reports for another round, in their order."""

    evidence: list[NewEvidence] = field(default_factory=list)
    prompts: list[PromptChange] = field(default_factory=list)
    receipts: list[NewReceipt] = field(default_factory=list)
    numbers: list[NumberFound] = field(default_factory=list)
    tasks: list[NewTask] = field(default_factory=list)
    reviewed: list[uuid.UUID] = field(default_factory=list)  # prompts that left review: their tasks are done
    paid_fees: list[uuid.UUID] = field(default_factory=list)
    left_over: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class _Working:
    """A prompt while the batch is being decided."""

    row: PromptRow
    state: PromptState
    checkout_request_id: str | None
    merchant_request_id: str | None
    unpaid_queries: int
    receipt: uuid.UUID | None
    number: str | None
    moved: tuple[PromptState, PromptEvent] | None = None
    code: str = ""
    message: str = ""
    next_query_s: float | None = None
    keep_schedule: bool = True
    left_over: bool = False
    touched: bool = False


def plan(
    prompts: Iterable[PromptRow],
    fees: Mapping[uuid.UUID, FeeRow],
    items: Sequence[Item],
    *,
    checkout_ids: Mapping[str, uuid.UUID],
    numbers: Mapping[str, uuid.UUID],
) -> Plan:
    """Decide the batch in its order.

    ``checkout_ids`` and ``numbers`` say whose the reported ids and receipt numbers are already (a prompt's and a
    receipt's id), so that a replayed or forged report credits nobody twice.
    """
    result = Plan()
    working = {
        row.id: _Working(
            row=row,
            state=row.state,
            checkout_request_id=row.checkout_request_id,
            merchant_request_id=row.merchant_request_id,
            unpaid_queries=row.unpaid_queries,
            receipt=row.receipt,
            number=row.receipt_number,
        )
        for row in prompts
    }
    fee_states = {fee.id: fee.state for fee in fees.values()}
    id_owner, number_owner = dict(checkout_ids), dict(numbers)
    for item in items:
        prompt = working[item.prompt]
        if prompt.left_over:
            result.left_over.append(item)
            continue
        verdict = judge(_facts(prompt, item.report, id_owner, number_owner), item.report)
        decision = PROMPT.decide(prompt.state, verdict.event) if verdict.event is not None else None
        if isinstance(decision, Moved) and prompt.moved is not None:
            prompt.left_over = True
            result.left_over.append(item)
            continue
        fee = fees[prompt.row.fee]
        _learn_ids(prompt, item.report, verdict, id_owner)
        was = prompt.state
        match decision:
            case Moved(state=state):
                assert verdict.event is not None
                prompt.state, prompt.moved = state, (state, verdict.event)
                prompt.code, prompt.message = item.report.result_code, item.result_desc
                if was is PromptState.REVIEW:
                    result.reviewed.append(prompt.row.id)
                if state is PromptState.PAID:
                    _credit(result, prompt, item, fee, fee_states, number_owner)
                elif state is PromptState.REVIEW:
                    result.tasks.append(_task("review", fee, prompt, _REVIEW_WHY[verdict]))
            case Ignored() if verdict in {Verdict.FAILS, Verdict.AMOUNT_DIFFERS, Verdict.PHONE_DIFFERS}:
                if was is PromptState.PAID:
                    result.tasks.append(_task("contradiction", fee, prompt, _CONTRADICTION_WHY))
            case Refused(why=why):
                result.tasks.append(_task("contradiction", fee, prompt, why))
            case _:
                pass
        _fill_number(result, prompt, item, verdict, number_owner, fee)
        if verdict is Verdict.NUMBER_TAKEN:
            result.tasks.append(_task("contradiction", fee, prompt, "It reports the receipt of another payment."))
        if item.report.channel is Channel.QUERY and verdict in {Verdict.FAILS, Verdict.FAILS_FOR_NOW}:
            prompt.unpaid_queries += 1
        _schedule(prompt, item.report, verdict)
        result.evidence.append(NewEvidence(item, verdict, prompt.receipt if verdict in _FILLS_NUMBER else None))
        prompt.touched = True
    result.prompts = [_change(prompt) for prompt in working.values() if prompt.touched]
    return result


_REVIEW_WHY: Final[Mapping[Verdict, str]] = {
    Verdict.AMOUNT_DIFFERS: "The callback reports another amount than the prompt asked for.",
    Verdict.PHONE_DIFFERS: "The callback reports another phone than the prompt rang.",
}
_CONTRADICTION_WHY: Final = "It is paid, and a later report says otherwise."


def _facts(
    prompt: _Working, report: Report, id_owner: Mapping[str, uuid.UUID], number_owner: Mapping[str, uuid.UUID]
) -> PromptFacts:
    others_ids = {
        text for text in (report.checkout_request_id,) if text and id_owner.get(text, prompt.row.id) != prompt.row.id
    }
    number = report.receipt_number
    others_numbers = {number} if number and number in number_owner and number_owner[number] != prompt.receipt else set()
    return PromptFacts(
        amount=prompt.row.amount,
        phone=prompt.row.phone,
        checkout_request_id=prompt.checkout_request_id,
        merchant_request_id=prompt.merchant_request_id,
        age_s=prompt.row.age_s,
        unpaid_queries=prompt.unpaid_queries,
        others_checkout_ids=frozenset(others_ids),
        others_numbers=frozenset(others_numbers),
    )


def _learn_ids(prompt: _Working, report: Report, verdict: Verdict, id_owner: dict[str, uuid.UUID]) -> None:
    """A callback that beat the answer to its POST, or came after a lost one, brings the ids of its push."""
    if verdict is Verdict.OTHER_PROMPT or prompt.state is PromptState.CREATED:
        return
    if prompt.checkout_request_id is None and report.checkout_request_id:
        prompt.checkout_request_id = report.checkout_request_id
        id_owner[report.checkout_request_id] = prompt.row.id
    if prompt.merchant_request_id is None and report.merchant_request_id:
        prompt.merchant_request_id = report.merchant_request_id


def _credit(
    result: Plan,
    prompt: _Working,
    item: Item,
    fee: FeeRow,
    fee_states: dict[uuid.UUID, FeeState],
    number_owner: dict[str, uuid.UUID],
) -> None:
    """The prompt is paid: its receipt, and what it pays. Money that the fee cannot take waits for a person."""
    number = item.report.receipt_number
    if number is None and prompt.row.asked_number is not None and prompt.row.asked_number not in number_owner:
        number = prompt.row.asked_number  # a query agreed with the callback that could not be trusted alone
    fits = fee_states[fee.id] in OPEN_FEE and fee.amount == prompt.row.amount and fee.account == prompt.row.account
    receipt = NewReceipt(
        id=ids.new_id(),
        prompt=prompt.row.id,
        account=prompt.row.account,
        amount=prompt.row.amount,
        number=number,
        paid_at=item.paid_at,
        fee=fee.id if fits else None,
    )
    result.receipts.append(receipt)
    prompt.receipt, prompt.number = receipt.id, number
    if number is not None:
        number_owner[number] = receipt.id
    if fits:
        fee_states[fee.id] = FeeState.PAID
        result.paid_fees.append(fee.id)
    else:
        why = f"{receipt.amount} arrived for a fee that is {fee_states[fee.id]}."
        result.tasks.append(_task("unapplied", fee, prompt, why))


def _fill_number(
    result: Plan, prompt: _Working, item: Item, verdict: Verdict, number_owner: dict[str, uuid.UUID], fee: FeeRow
) -> None:
    """A paid prompt's receipt may await its number; a second number for one push is a person's task."""
    number = item.report.receipt_number
    if prompt.state is not PromptState.PAID or number is None or verdict not in _FILLS_NUMBER:
        return
    assert prompt.receipt is not None
    if prompt.number is None:
        prompt.number = number
        number_owner[number] = prompt.receipt
        result.numbers.append(NumberFound(prompt.receipt, number, item.paid_at))
    elif prompt.number != number:
        result.tasks.append(_task("contradiction", fee, prompt, "Two receipt numbers are reported for one prompt."))


def _schedule(prompt: _Working, report: Report, verdict: Verdict) -> None:
    """When to ask next."""
    age = prompt.row.age_s
    if prompt.state is PromptState.CREATED:
        return  # its time is the time to send
    if prompt.state is PromptState.PAID:
        prompt.keep_schedule, prompt.next_query_s = False, None
    elif verdict.asks:
        prompt.keep_schedule, prompt.next_query_s = False, age
    elif verdict is Verdict.FAILS:
        prompt.keep_schedule = False
        last = report.channel is Channel.CALLBACK and report.result_code == _NO_RESPONSE and age < LAST_QUERY_S
        prompt.next_query_s = LAST_QUERY_S if last else None
    elif report.channel is Channel.QUERY:
        prompt.keep_schedule = False
        if prompt.state in LIVE:
            prompt.next_query_s = next_query_s(age) or GIVE_UP_ASKING_S  # then it is handed to a person
        elif prompt.state is PromptState.REVIEW:
            prompt.next_query_s = next_query_s(age)
        else:
            prompt.next_query_s = None


def _task(kind: str, fee: FeeRow, prompt: _Working, why: str) -> NewTask:
    return NewTask(kind, fee.id, fee.payee, prompt.row.id, prompt.receipt, why)


def _change(prompt: _Working) -> PromptChange:
    return PromptChange(
        id=prompt.row.id,
        moved=prompt.moved,
        checkout_request_id=prompt.checkout_request_id,
        merchant_request_id=prompt.merchant_request_id,
        code=prompt.code,
        message=prompt.message,
        unpaid_queries=prompt.unpaid_queries,
        next_query_s=prompt.next_query_s,
        keep_schedule=prompt.keep_schedule,
    )
