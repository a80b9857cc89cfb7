"""A world in memory that settlement's real ``plan`` changes: what ``settle`` would write, and what must always hold.

``settle`` here is the loop of ``payments.settle`` without its SQL: plan, write, and again with what was left over.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from rufaa.money import Money
from rufaa.payments import plan as planning
from rufaa.payments.machine import FEE, OPEN_FEE, PROMPT, Channel, FeeEvent, FeeState, PromptEvent, PromptState, Report
from rufaa.payments.plan import FeeRow, Item, Plan, PromptRow
from rufaa.phone import Phone

AMOUNT: Final = Money.from_shillings(1000)
ACCOUNT: Final = uuid.UUID(int=1)
PAYEE: Final = uuid.UUID(int=2)
FEES: Final = (uuid.UUID(int=100), uuid.UUID(int=200))

Planner: TypeAlias = Callable[..., Plan]


class Broken(AssertionError):
    """Something that must always hold does not."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


@dataclass(frozen=True, slots=True)
class Receipt:
    prompt: uuid.UUID
    fee: uuid.UUID | None
    number: str | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Task:
    kind: str
    prompt: uuid.UUID


@dataclass(frozen=True, slots=True)
class State:
    """Everything that stands. Hashable, so that a search knows where it has been."""

    prompts: tuple[PromptRow, ...]
    fees: tuple[FeeRow, ...]
    receipts: tuple[Receipt, ...] = ()
    tasks: frozenset[Task] = frozenset()  # the open ones
    asking: frozenset[uuid.UUID] = frozenset()  # prompts whose next query has a time

    def prompt(self, identifier: uuid.UUID) -> PromptRow:
        return next(row for row in self.prompts if row.id == identifier)

    def fee(self, identifier: uuid.UUID) -> FeeRow:
        return next(row for row in self.fees if row.id == identifier)

    def money(self) -> object:
        """Who paid what, with which number."""
        return (
            tuple((row.id, row.state is PromptState.PAID) for row in self.prompts),
            tuple((row.id, row.state) for row in self.fees),
            tuple(sorted(self.receipts, key=lambda row: row.prompt.int)),
        )


@dataclass(slots=True)
class Settled:
    """What became of a batch: the state after it, and the evidence in the order in which it was written."""

    state: State
    evidence: list[Item] = field(default_factory=list)
    rounds: int = 0


def prompt_row(
    number: int,
    *,
    fee: uuid.UUID = FEES[0],
    state: PromptState = PromptState.PENDING,
    age_s: float = 100,
    known: bool = True,
    unpaid_queries: int = 0,
    amount: Money = AMOUNT,
) -> PromptRow:
    """Prompt ``number`` as a worker left it; ``known``: Daraja's answer with its ids came."""
    return PromptRow(
        id=uuid.UUID(int=number),
        fee=fee,
        account=ACCOUNT,
        state=state,
        amount=amount,
        phone=phone_of(number),
        checkout_request_id=checkout_of(number) if known else None,
        merchant_request_id=merchant_of(number) if known else None,
        age_s=age_s,
        unpaid_queries=unpaid_queries,
        receipt=None,
        receipt_number=None,
        asked_number=None,
        success_claimed=False,
    )


def fee_row(identifier: uuid.UUID = FEES[0], *, state: FeeState = FeeState.DUE, amount: Money = AMOUNT) -> FeeRow:
    return FeeRow(identifier, state, amount, ACCOUNT, PAYEE)


def phone_of(number: int) -> Phone:
    return Phone(f"2547080{number:05}")


def checkout_of(number: int) -> str:
    return f"ws_CO_{number}"


def merchant_of(number: int) -> str:
    return f"mr-{number}"


def number_of(number: int) -> str:
    return f"UBN7XY{number:04}"


def callback(number: int, code: str = "0", *, trusted: bool = True, **other: object) -> Item:
    """The callback of prompt ``number`` as M-Pesa makes it; ``other`` falsifies it."""
    paid = code == "0"
    said: dict[str, object] = {
        "checkout_request_id": checkout_of(number),
        "merchant_request_id": merchant_of(number),
        "amount": AMOUNT if paid else None,
        "receipt_number": number_of(number) if paid else None,
        "phone_shown": phone_of(number) if paid else None,
    }
    report = Report(channel=Channel.CALLBACK, result_code=code, trusted=trusted, **(said | other))  # type: ignore[arg-type]
    return Item(uuid.UUID(int=number), report)


def query(number: int, code: str = "0") -> Item:
    return Item(uuid.UUID(int=number), Report(channel=Channel.QUERY, result_code=code, trusted=True))


def settle(state: State, items: Sequence[Item], *, planner: Planner | None = None) -> Settled:
    """Settle ``items`` in their order, checking everything that must hold on the way."""
    done = Settled(state)
    waiting = [replace(item) for item in items]  # settlement tells reports apart by identity, as the inbox does by rows
    while waiting:
        done.rounds += 1
        must(done.rounds <= len(items), "every round settles at least one report")
        before = done.state
        decided = (planner or planning.plan)(
            before.prompts,
            {row.id: row for row in before.fees},
            waiting,
            checkout_ids={row.checkout_request_id: row.id for row in before.prompts if row.checkout_request_id},
            numbers={row.number: _receipt_id(row.prompt) for row in before.receipts if row.number},
        )
        _check_kept(waiting, decided)
        done.state = _write(before, decided)
        done.evidence += [row.item for row in decided.evidence]
        check(done.state, was=before)
        waiting = decided.left_over
    must(len(done.evidence) == len(items), "every report is evidence once")
    return done


def _check_kept(items: Sequence[Item], decided: Plan) -> None:
    """Each report is evidence or left over, in its order, and what is left over is of prompts that moved already."""
    places = {id(item): place for place, item in enumerate(items)}
    kept = [places[id(row.item)] for row in decided.evidence]
    left = [places[id(item)] for item in decided.left_over]
    must(sorted(kept + left) == list(range(len(items))), "no report is dropped or doubled")
    must(kept == sorted(kept) and left == sorted(left), "reports keep their order")
    for prompt in {item.prompt for item in items}:
        of_prompt = [place in set(left) for place, item in enumerate(items) if item.prompt == prompt]
        must(of_prompt == sorted(of_prompt), "after a report that is left over come only such of its prompt")


def _receipt_id(prompt: uuid.UUID) -> uuid.UUID:
    return uuid.UUID(int=prompt.int + (1 << 100))


def _write(state: State, decided: Plan) -> State:
    """What the SQL of ``settle`` writes. Receipts are named after their prompt, since it has one at most."""
    receipts = list(state.receipts)
    names = {_receipt_id(row.prompt): row.prompt for row in receipts}
    for new in decided.receipts:
        must(all(row.prompt != new.prompt for row in receipts), "a prompt has one receipt at most")
        must(new.fee is None or all(row.fee != new.fee for row in receipts), "a fee takes one receipt at most")
        must(new.amount == state.prompt(new.prompt).amount, "a receipt is of its prompt's amount")
        receipts.append(Receipt(new.prompt, new.fee, new.number, new.amount))
        names[new.id] = new.prompt
    for found in decided.numbers:
        place = next(place for place, row in enumerate(receipts) if row.prompt == names[found.receipt])
        must(receipts[place].number is None, "a number fills an empty place")
        receipts[place] = replace(receipts[place], number=found.number)
    fees = tuple(_paid(row) if row.id in decided.paid_fees else row for row in state.fees)
    must(len(set(decided.paid_fees)) == len(decided.paid_fees), "a fee is paid once")
    prompts = tuple(_after(row, decided, receipts, state) for row in state.prompts)
    tasks = {task for task in state.tasks if not (task.kind == "review" and task.prompt in decided.reviewed)}
    tasks |= {Task(row.kind, row.prompt) for row in decided.tasks}
    asking = set(state.asking)
    for change in decided.prompts:
        if not change.keep_schedule:
            (asking.discard if change.next_query_s is None else asking.add)(change.id)
    ordered = tuple(sorted(receipts, key=lambda row: row.prompt.int))
    return State(prompts, fees, ordered, frozenset(tasks), frozenset(asking))


def _paid(fee: FeeRow) -> FeeRow:
    must(fee.state in OPEN_FEE, "only an open fee is paid")
    return replace(fee, state=FEE.transitions[fee.state, FeeEvent.PAY])


def _after(row: PromptRow, decided: Plan, receipts: Sequence[Receipt], state: State) -> PromptRow:
    change = next((each for each in decided.prompts if each.id == row.id), None)
    after = row
    if change is not None:
        if change.moved is not None:
            target, event = change.moved
            must(
                planning.PROMPT.transitions.get((row.state, event)) == target, f"unlawful: {row.state} {event} {target}"
            )
            after = replace(after, state=target)
        must(row.checkout_request_id in {None, change.checkout_request_id}, "an id never changes")
        after = replace(
            after,
            checkout_request_id=change.checkout_request_id,
            merchant_request_id=change.merchant_request_id,
            unpaid_queries=change.unpaid_queries,
        )
    if after.state is PromptState.CREATED and row.fee in decided.paid_fees:
        after = replace(after, state=PROMPT.transitions[PromptState.CREATED, PromptEvent.WITHDRAWN])
    own = next((each for each in receipts if each.prompt == row.id), None)
    asked = [
        each.item.report.receipt_number
        for each in decided.evidence
        if each.item.prompt == row.id and each.verdict == "ask" and each.item.report.receipt_number
    ]
    claimed = any(each.item.prompt == row.id and each.item.report.result_code == "0" for each in decided.evidence)
    return replace(
        after,
        receipt=_receipt_id(row.id) if own else None,
        receipt_number=own.number if own else None,
        asked_number=asked[-1] if asked else row.asked_number,
        success_claimed=row.success_claimed or claimed,
    )


def check(state: State, *, was: State | None = None) -> None:
    """What must always hold, and between two states that follow each other."""
    by_prompt = {row.prompt: row for row in state.receipts}
    must(len(by_prompt) == len(state.receipts), "a prompt has one receipt at most")
    numbers = [row.number for row in state.receipts if row.number]
    must(len(set(numbers)) == len(numbers), "a receipt number stands once")
    for prompt in state.prompts:
        must((prompt.state is PromptState.PAID) == (prompt.id in by_prompt), "paid is the same as: has a receipt")
        in_review = prompt.state is PromptState.REVIEW
        must(in_review == (Task("review", prompt.id) in state.tasks), "a prompt in review is a person's task")
    for fee in state.fees:
        own = [row for row in state.receipts if row.fee == fee.id]
        must(len(own) == (fee.state is FeeState.PAID), "a paid fee has exactly one receipt")
        must(all(row.amount == fee.amount for row in own), "a fee is paid whole")
    for receipt in state.receipts:
        waits = Task("unapplied", receipt.prompt) in state.tasks
        must((receipt.fee is None) == waits, "money that waits is a person's task")
    if was is not None:
        _check_step(was, state)


def _check_step(was: State, state: State) -> None:
    for before, after in zip(was.prompts, state.prompts, strict=True):
        must(before.state is not PromptState.PAID or after.state is PromptState.PAID, "paid is sticky")
    for old, new in zip(was.fees, state.fees, strict=True):
        must(old.state is not FeeState.PAID or new.state is FeeState.PAID, "a paid fee stays paid")
    now: Mapping[uuid.UUID, Receipt] = {row.prompt: row for row in state.receipts}
    for kept in was.receipts:
        after_it = now.get(kept.prompt)
        must(after_it is not None, "a receipt never vanishes")
        assert after_it is not None
        must((after_it.fee, after_it.amount) == (kept.fee, kept.amount), "a receipt never moves")
        must(kept.number in {None, after_it.number}, "a receipt number never changes")
