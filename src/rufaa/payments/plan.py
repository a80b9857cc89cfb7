"""What a batch of reports changes: the decisions of settlement. Pure, so that a model can drive it.

``settle`` reads and locks the rows, asks ``plan`` what to do, and writes it in sets. A prompt makes at most one move in
one plan, since each move is a row of its history; a report that would move it again is left over for the next round,
and with it all later ones, since the order decides whose money a fee takes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rufaa import ids
from rufaa.daraja import codes
from rufaa.law import Moved, Refused
from rufaa.money import Money
from rufaa.payments.machine import (
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
    next_late_query_s,
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
    success_claimed: bool = False  # an earlier report spoke of success


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
    asked_number: str | None
    success_claimed: bool
    moved: tuple[PromptState, PromptEvent] | None = None
    code: str = ""
    message: str = ""
    next_query_s: float | None = None
    keep_schedule: bool = True
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
    batch = _Batch(prompts, fees, checkout_ids=checkout_ids, numbers=numbers)
    for item in items:
        batch.take(item)
    return batch.done()


class _Batch:
    """A batch while it is being decided: what the reports before have changed counts for those after."""

    def __init__(
        self,
        prompts: Iterable[PromptRow],
        fees: Mapping[uuid.UUID, FeeRow],
        *,
        checkout_ids: Mapping[str, uuid.UUID],
        numbers: Mapping[str, uuid.UUID],
    ) -> None:
        self._plan = Plan()
        self._prompts = {row.id: _working(row) for row in prompts}
        self._fees = fees
        self._fee_states = {fee.id: fee.state for fee in fees.values()}
        self._id_owner = dict(checkout_ids)
        self._number_owner = dict(numbers)

    def done(self) -> Plan:
        self._plan.prompts = [_change(prompt) for prompt in self._prompts.values() if prompt.touched]
        return self._plan

    def take(self, item: Item) -> None:
        prompt = self._prompts[item.prompt]
        verdict = judge(self._facts(prompt, item.report), item.report)
        event = _event(prompt, item.report, verdict)
        decision = PROMPT.decide(prompt.state, event) if event is not None else None
        if self._plan.left_over or (isinstance(decision, Moved) and prompt.moved is not None):
            self._plan.left_over.append(item)
            return
        prompt.touched = True
        if isinstance(decision, Moved):
            assert event is not None
            self._move(prompt, decision.state, event, item, verdict)
        elif isinstance(decision, Refused):
            self._ask_person("contradiction", prompt, decision.why)
        elif prompt.state is PromptState.PAID and _contradicts(item.report, verdict):
            self._ask_person("contradiction", prompt, "It is paid, and a later report says otherwise.")
        self._learn_ids(prompt, item.report, verdict)
        self._fill_number(prompt, item, verdict)
        if verdict is Verdict.NUMBER_TAKEN:
            self._ask_person("contradiction", prompt, "It reports the receipt of another payment.")
        if item.report.channel is Channel.QUERY and verdict in {Verdict.FAILS, Verdict.FAILS_FOR_NOW}:
            prompt.unpaid_queries += 1
        if verdict is Verdict.ASK and _claims_success(item.report):
            prompt.asked_number = item.report.receipt_number
        prompt.success_claimed = prompt.success_claimed or _claims_success(item.report)
        _schedule(prompt, item.report, verdict)
        receipt = prompt.receipt if verdict in _FILLS_NUMBER else None
        self._plan.evidence.append(NewEvidence(item, verdict, receipt))

    def _facts(self, prompt: _Working, report: Report) -> PromptFacts:
        own = prompt.row.id
        checkout, number = report.checkout_request_id, report.receipt_number
        others_checkout = checkout is not None and self._id_owner.get(checkout, own) != own
        others_number = number is not None and self._number_owner.get(number, prompt.receipt) != prompt.receipt
        return PromptFacts(
            amount=prompt.row.amount,
            phone=prompt.row.phone,
            checkout_request_id=prompt.checkout_request_id,
            merchant_request_id=prompt.merchant_request_id,
            age_s=prompt.row.age_s,
            unpaid_queries=prompt.unpaid_queries,
            success_claimed=prompt.success_claimed,
            others_checkout_ids=frozenset([checkout] if checkout and others_checkout else []),
            others_numbers=frozenset([number] if number and others_number else []),
        )

    def _learn_ids(self, prompt: _Working, report: Report, verdict: Verdict) -> None:
        """A callback that beat the answer to its POST, or came after a lost one, brings the ids of its push.

        Only a trusted one: ids are never changed, and a forger would choose those of a push that somebody else paid.
        And not while the prompt waits to be sent again: the next push has other ids.
        """
        if not report.trusted or verdict is Verdict.OTHER_PROMPT or prompt.state is PromptState.CREATED:
            return
        if prompt.checkout_request_id is None and report.checkout_request_id:
            prompt.checkout_request_id = report.checkout_request_id
            self._id_owner[report.checkout_request_id] = prompt.row.id
        if prompt.merchant_request_id is None and report.merchant_request_id:
            prompt.merchant_request_id = report.merchant_request_id

    def _move(self, prompt: _Working, state: PromptState, event: PromptEvent, item: Item, verdict: Verdict) -> None:
        if prompt.state is PromptState.REVIEW:
            self._plan.reviewed.append(prompt.row.id)
        prompt.state, prompt.moved = state, (state, event)
        prompt.code, prompt.message = item.report.result_code, item.result_desc
        if state is PromptState.PAID:
            self._credit(prompt, item)
        elif state is PromptState.REVIEW:
            self._ask_person("review", prompt, _REVIEW_WHY.get(verdict, _REVIEW_WHY_ELSE))

    def _credit(self, prompt: _Working, item: Item) -> None:
        """The prompt is paid: its receipt, and what it pays. Money that the fee cannot take waits for a person."""
        fee = self._fees[prompt.row.fee]
        number = item.report.receipt_number
        if number is None and prompt.asked_number not in self._number_owner:
            number = prompt.asked_number  # a query agreed with the callback that could not be trusted alone
        state = self._fee_states[fee.id]
        fits = state in OPEN_FEE and fee.amount == prompt.row.amount and fee.account == prompt.row.account
        receipt = NewReceipt(
            id=ids.new_id(),
            prompt=prompt.row.id,
            account=prompt.row.account,
            amount=prompt.row.amount,
            number=number,
            paid_at=item.paid_at,
            fee=fee.id if fits else None,
        )
        self._plan.receipts.append(receipt)
        prompt.receipt, prompt.number = receipt.id, number
        if number is not None:
            self._number_owner[number] = receipt.id
        if fits:
            self._fee_states[fee.id] = FeeState.PAID
            self._plan.paid_fees.append(fee.id)
        else:
            self._ask_person("unapplied", prompt, f"{receipt.amount} arrived for a fee that is {state}.")

    def _fill_number(self, prompt: _Working, item: Item, verdict: Verdict) -> None:
        """A paid prompt's receipt may await its number; a second number for one push is a person's task."""
        number = item.report.receipt_number
        if prompt.state is not PromptState.PAID or number is None or verdict not in _FILLS_NUMBER:
            return
        if not _claims_success(item.report):
            return  # a failure has no receipt, whatever it says
        assert prompt.receipt is not None
        if prompt.number is None:
            prompt.number = number
            self._number_owner[number] = prompt.receipt
            self._plan.numbers.append(NumberFound(prompt.receipt, number, item.paid_at))
        elif prompt.number != number:
            self._ask_person("contradiction", prompt, "Two receipt numbers are reported for one prompt.")

    def _ask_person(self, kind: str, prompt: _Working, why: str) -> None:
        fee = self._fees[prompt.row.fee]
        self._plan.tasks.append(NewTask(kind, fee.id, fee.payee, prompt.row.id, prompt.receipt, why))


_REVIEW_WHY: Final[Mapping[Verdict, str]] = {
    Verdict.AMOUNT_DIFFERS: "The callback reports another amount than the prompt asked for.",
    Verdict.PHONE_DIFFERS: "The callback reports another phone than the prompt rang.",
    Verdict.NO_NEWS: "M-Pesa did not tell what became of this prompt.",
    Verdict.FAILS_FOR_NOW: "M-Pesa did not tell what became of this prompt.",
}
_REVIEW_WHY_ELSE: Final = "A callback reports a success that cannot be believed without another source."


def _claims_success(report: Report) -> bool:
    return codes.verdict(report.result_code) is codes.Verdict.PAID


def _contradicts(report: Report, verdict: Verdict) -> bool:
    """Whether a report speaks against a payment that is known. A query's failure is not believed that far."""
    says_unpaid = codes.verdict(report.result_code) is codes.Verdict.UNPAID and report.channel is Channel.CALLBACK
    return says_unpaid or verdict.event is PromptEvent.DOUBTED


def _event(prompt: _Working, report: Report, verdict: Verdict) -> PromptEvent | None:
    """The event that a verdict stands for in this state.

    A claim of success that has to be asked about must not get lost where nobody would ask any more, nor be sent over
    again; and a query that learns nothing at the end of the schedule is the last one before a person looks.
    """
    if verdict.asks and _claims_success(report) and prompt.state in _NOT_ASKED_ABOUT:
        return PromptEvent.DOUBTED
    learned_nothing = verdict in {Verdict.NO_NEWS, Verdict.FAILS_FOR_NOW} and report.channel is Channel.QUERY
    if learned_nothing and prompt.state in LIVE and next_query_s(prompt.row.age_s) is None:
        return PromptEvent.OVERDUE
    return verdict.event


_NOT_ASKED_ABOUT: Final = frozenset({PromptState.CREATED, PromptState.REFUSED, PromptState.UNPAID})


def _working(row: PromptRow) -> _Working:
    return _Working(
        row=row,
        state=row.state,
        checkout_request_id=row.checkout_request_id,
        merchant_request_id=row.merchant_request_id,
        unpaid_queries=row.unpaid_queries,
        receipt=row.receipt,
        number=row.receipt_number,
        asked_number=row.asked_number,
        success_claimed=row.success_claimed,
    )


def _schedule(prompt: _Working, report: Report, verdict: Verdict) -> None:
    """When to ask next."""
    age = prompt.row.age_s
    if prompt.state is PromptState.CREATED:
        return  # its time is the time to send
    if prompt.state is PromptState.PAID:
        prompt.keep_schedule, prompt.next_query_s = False, None
    elif verdict.asks:
        # without an id nothing can be asked; the prompt's own time then stands
        prompt.keep_schedule, prompt.next_query_s = prompt.checkout_request_id is None, age
    elif verdict is Verdict.FAILS:
        prompt.keep_schedule = False
        last = report.channel is Channel.CALLBACK and report.result_code == _NO_RESPONSE and age < LAST_QUERY_S
        prompt.next_query_s = LAST_QUERY_S if last else None
    elif report.channel is Channel.QUERY:
        prompt.keep_schedule = False
        if prompt.state in LIVE:
            prompt.next_query_s = next_query_s(age)
        elif prompt.state is PromptState.REVIEW:
            prompt.next_query_s = next_late_query_s(age)
        else:  # the last query about a failure is repeated until it has an answer
            prompt.next_query_s = next_query_s(age) if verdict is Verdict.NO_NEWS else None


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
