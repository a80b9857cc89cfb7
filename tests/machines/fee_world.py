"""The whole life of one fee in memory: M-Pesa's truth beside our books, moved by the production decisions alone.

Two prompts, a payment by hand with the right code, workers that post, record, stall and die, people who retry, waive,
defer, cancel and give back, and every report of all that, true and false. ``check`` says what must always hold.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import cache
from typing import Final, TypeVar

from rufaa.ids import check_character
from rufaa.law import Moved
from rufaa.money import Money
from rufaa.payments import arrival_plan, machine, refund_machine
from rufaa.payments import plan as planning
from rufaa.payments.arrival_rows import (
    Arrival,
    ArrivalFacts,
    AwaitingReceipt,
    KnownReceipt,
    OwedFee,
)
from rufaa.payments.holding import Holding
from rufaa.payments.machine import Channel, FeeEvent, FeeState, PromptEvent, PromptState, ReceiptState, Report, Verdict
from rufaa.payments.plan import FeeRow, Item, LooseReceipt, PromptRow, Sibling
from rufaa.payments.refund_machine import RefundEvent, RefundState
from rufaa.phone import Phone

AMOUNT: Final = Money(100_000)
NOTHING: Final = Money(0)
ACCOUNT, PAYEE, FEE = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
CODE: Final = "5K2MWTA" + check_character("5K2MWTA")
PHONE: Final = Phone("254708374149")  # rings for both prompts, and pays by hand: the hardest case to tell apart
START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICKS: Final = (0, 200, 2000)
"""Seconds. At 200 a prompt is past its life, at 2000 nobody asks any more."""
HAND, FORGED = 3, 9
"""The numbers of payments: 1 and 2 are those of the prompts' pushes."""


class Broken(AssertionError):
    """Something that must always hold does not."""


def must(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)


class Truth(Enum):
    """What became of a push, or of an order to give money back, at M-Pesa."""

    NONE = auto()  # M-Pesa never heard of it
    OPEN = auto()  # the phone rings; the order is queued
    DONE = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Prompt:
    state: PromptState
    sent_s: int | None = None
    pin_s: int = 30  # after it was sent: when its payer pays, if ever
    claimed: int = 0  # workers between the claim and the POST
    posted: int = 0  # workers between the POST and its record
    truth: Truth = Truth.NONE
    known: bool = False  # Daraja's ids are
    unpaid_queries: int = 0
    asked: bool = False  # an untrusted callback told its number
    success_claimed: bool = False
    told: bool = False  # a callback of its own told the number that its receipt has


@dataclass(frozen=True, slots=True)
class Receipt:
    """``id``: 10 and the prompt's number, or 20 and the payment's, so that one state has one form."""

    id: int
    prompt: int | None
    number: int | None
    names: bool  # a report gave the fee's code
    pays: bool
    holding: Holding


@dataclass(frozen=True, slots=True)
class Refund:
    receipt: int
    of_fee: bool
    state: RefundState = RefundState.PROPOSED
    claimed: int = 0
    posted: int = 0
    truth: Truth = Truth.NONE


@dataclass(frozen=True, slots=True)
class World:
    now_s: int = 0
    fee: FeeState = FeeState.DUE
    prompts: tuple[Prompt, ...] = (Prompt(PromptState.CREATED),)
    hand_s: int | None = None
    receipts: tuple[Receipt, ...] = ()
    refunds: tuple[Refund, ...] = ()
    told: frozenset[int] = frozenset()  # the payments that were reported by number, by somebody who may say so

    def payments(self) -> set[int]:
        """The numbers of all money that moved in truth."""
        paid = {number for number, row in enumerate(self.prompts, 1) if row.truth is Truth.DONE}
        return paid | ({HAND} if self.hand_s is not None else set())

    def paid_s(self, number: int) -> int:
        """When a payment was made."""
        if number == HAND:
            assert self.hand_s is not None
            return self.hand_s
        row = self.prompts[number - 1]
        assert row.sent_s is not None
        return row.sent_s + row.pin_s

    def receipt(self, identifier: int) -> Receipt:
        return next(row for row in self.receipts if row.id == identifier)

    def receipt_of(self, prompt: int) -> Receipt | None:
        return next((row for row in self.receipts if row.prompt == prompt), None)


Step = tuple[str, Callable[[], World]]
T = TypeVar("T")


@cache
def at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


@cache
def number_text(number: int) -> str:
    return f"UCB7XY000{number}"


def _number(text: str) -> int:
    return int(text[-1])


@cache
def _uuid(identifier: int) -> uuid.UUID:
    return uuid.UUID(int=1000 + identifier)


@cache
def _prompt_uuid(number: int) -> uuid.UUID:
    return uuid.UUID(int=100 + number)


def _changed(rows: tuple[T, ...], place: int, row: T) -> tuple[T, ...]:
    return (*rows[:place], row, *rows[place + 1 :])


def forget() -> None:
    """Decide everything anew: the decisions were changed."""
    _report.cache_clear()
    _arrive.cache_clear()


# --- what can happen next --------------------------------------------------------------------------------------------


def following(world: World) -> Iterator[Step]:
    for number in range(1, len(world.prompts) + 1):
        yield from _work(world, number)
        yield from _truth_of_push(world, number)
        yield from _callbacks(world, number)
        yield from _queries(world, number)
    yield from _notices(world)
    yield from _people(world)
    for place in range(len(world.refunds)):
        yield from _refund(world, place)
    if world.now_s != TICKS[-1]:
        yield "time passes", lambda: _pass_time(world)


def _pass_time(world: World) -> World:
    """No phone rings that long."""
    prompts = tuple(replace(row, truth=Truth.FAILED) if row.truth is Truth.OPEN else row for row in world.prompts)
    return replace(world, now_s=TICKS[TICKS.index(world.now_s) + 1], prompts=prompts)


def _with_prompt(world: World, number: int, row: Prompt) -> World:
    return replace(world, prompts=_changed(world.prompts, number - 1, row))


def _prompt_event(row: Prompt, event: PromptEvent) -> Prompt:
    decision = machine.PROMPT.decide(row.state, event)
    return replace(row, state=decision.state) if isinstance(decision, Moved) else row


# --- workers ---------------------------------------------------------------------------------------------------------


def _work(world: World, number: int) -> Iterator[Step]:
    row = world.prompts[number - 1]
    if row.state in {PromptState.CREATED, PromptState.SENDING} and world.fee in machine.OPEN_FEE:
        yield f"a worker claims {number}", lambda: _claim(world, number)
    if row.claimed and row.sent_s is not None and row.sent_s - world.now_s in range(100):  # no POST lasts longer
        yield f"POST {number}", lambda: _post(world, number)
    if row.claimed:
        for event in (PromptEvent.DECLINED, PromptEvent.NOT_SENT, PromptEvent.ANSWER_LOST):
            yield f"{event} {number}", lambda event=event: _record(world, number, event)  # type: ignore[misc]
    if row.posted:
        for event in (PromptEvent.ACCEPTED, PromptEvent.ANSWER_LOST):
            yield f"{event} {number}, posted", lambda event=event: _record(world, number, event)  # type: ignore[misc]
    if row.state is PromptState.SENDING:  # the worker died, or is slow and will still post or record
        after = _prompt_event(row, PromptEvent.LEASE_EXPIRED)
        yield f"the lease of {number} expires", lambda: _with_prompt(world, number, after)


def _claim(world: World, number: int) -> World:
    row = world.prompts[number - 1]
    decision = machine.PROMPT.decide(row.state, PromptEvent.CLAIM)
    if not isinstance(decision, Moved) or row.claimed > 1:
        return world
    sent_s = world.now_s + 20 * (number - 1)
    return _with_prompt(world, number, replace(row, state=decision.state, claimed=row.claimed + 1, sent_s=sent_s))


def _post(world: World, number: int) -> World:
    row = world.prompts[number - 1]
    must(row.truth is Truth.NONE, "a prompt rings once")
    return _with_prompt(world, number, replace(row, claimed=row.claimed - 1, posted=row.posted + 1, truth=Truth.OPEN))


def _record(world: World, number: int, event: PromptEvent) -> World:
    row = world.prompts[number - 1]
    if event is PromptEvent.ACCEPTED or (event is PromptEvent.ANSWER_LOST and row.posted):
        row = replace(row, posted=row.posted - 1)
    else:
        row = replace(row, claimed=row.claimed - 1)
    row = _prompt_event(row, event)
    if event is PromptEvent.ACCEPTED:
        row = replace(row, known=True)
    return _with_prompt(world, number, row)


# --- M-Pesa ----------------------------------------------------------------------------------------------------------


def _truth_of_push(world: World, number: int) -> Iterator[Step]:
    row = world.prompts[number - 1]
    if row.truth is Truth.OPEN:
        yield f"the payer pays {number}", lambda: _with_prompt(world, number, replace(row, truth=Truth.DONE))
        yield f"{number} comes to nothing", lambda: _with_prompt(world, number, replace(row, truth=Truth.FAILED))


def _callbacks(world: World, number: int) -> Iterator[Step]:
    row = world.prompts[number - 1]
    if row.truth is Truth.NONE:
        return
    if row.truth is Truth.DONE:
        yield f"callback of {number}", lambda: report(world, callback(number))
        yield f"callback of {number} from nobody known", lambda: report(world, callback(number, trusted=False))
    else:
        yield f"callback: {number} failed", lambda: report(world, callback(number, "1032"))
    yield f"forged failure of {number}", lambda: report(world, callback(number, "1032", trusted=False))
    yield (
        f"forged success of {number}",
        lambda: report(world, callback(number, trusted=False, told=FORGED, phone="254708***999")),
    )


def _queries(world: World, number: int) -> Iterator[Step]:
    row = world.prompts[number - 1]
    if not row.known or row.state in {PromptState.CREATED, PromptState.SENDING}:
        return
    if row.truth is Truth.DONE:
        yield f"query: {number} is paid", lambda: report(world, query(number, "0"))
    yield f"query: {number} failed", lambda: report(world, query(number, "1032"))  # said of paid ones too
    yield f"query: no news of {number}", lambda: report(world, query(number, "4999"))


def _notices(world: World) -> Iterator[Step]:
    if world.hand_s is None:
        yield "the payer pays by hand", lambda: replace(world, hand_s=world.now_s + 60)
    for number in sorted(world.payments()):
        yield f"C2B of {number}", lambda number=number: arrive(world, notice(world, number))  # type: ignore[misc]
        yield (
            f"C2B of {number} from nobody known",
            lambda number=number: arrive(world, notice(world, number, trusted=False)),  # type: ignore[misc]
        )
        if number != HAND:
            yield (
                f"status of {number}",
                lambda number=number: arrive(  # type: ignore[misc]
                    world, notice(world, number, channel=Channel.STATUS, reference="")
                ),
            )
    yield "forged C2B", lambda: arrive(world, notice(world, FORGED, trusted=False))


def callback(
    number: int, code: str = "0", *, trusted: bool = True, told: int | None = None, phone: str = PHONE
) -> Item:
    """The callback of a prompt; ``told``: the receipt number that it names, if not its own."""
    paid = code == "0"
    said = Report(
        channel=Channel.CALLBACK,
        result_code=code,
        trusted=trusted,
        checkout_request_id=f"ws_CO_{number}",
        merchant_request_id=f"mr-{number}",
        amount=AMOUNT if paid else None,
        receipt_number=number_text(told or number) if paid else None,
        phone_shown=phone if paid else None,
    )
    return Item(_prompt_uuid(number), said)


@cache
def query(number: int, code: str) -> Item:
    return Item(_prompt_uuid(number), Report(channel=Channel.QUERY, result_code=code, trusted=True))


def notice(
    world: World, number: int, *, trusted: bool = True, channel: Channel = Channel.C2B, reference: str = CODE
) -> Arrival:
    paid_s = world.now_s if number == FORGED else world.paid_s(number)
    return Arrival(
        account=ACCOUNT,
        channel=channel,
        trusted=trusted,
        number=number_text(number),
        amount=AMOUNT,
        paid_at=at(paid_s),
        reference=reference,
        phone_shown="2547 ***** 149",
    )


# --- settlement, with the real decisions -----------------------------------------------------------------------------


def report(world: World, item: Item) -> World:
    """Settle one report about a prompt, as ``settle`` does."""
    end, told = _report(replace(world, refunds=(), told=_NOBODY), item)
    return replace(end, refunds=world.refunds, told=world.told | told)


_NOBODY: Final[frozenset[int]] = frozenset()


@cache
def _report(world: World, item: Item) -> tuple[World, frozenset[int]]:
    """As ``report``, of the part of the world that it can change; and the number that it told."""
    decided = planning.plan(
        [_prompt_row(world, number) for number in range(1, len(world.prompts) + 1)],
        {FEE: FeeRow(FEE, world.fee, AMOUNT, ACCOUNT, PAYEE)},
        [item],
        checkout_ids={
            f"ws_CO_{number}": _prompt_uuid(number) for number, row in enumerate(world.prompts, 1) if row.known
        },
        numbers={number_text(row.number): _uuid(row.id) for row in world.receipts if row.number is not None},
        loose=[_loose(world, row) for row in world.receipts if row.prompt is None],
    )
    must(len(decided.evidence) == 1 and not decided.left_over, "a report is evidence once")
    end = _book_numbers(world, decided.numbers)
    end = _book_receipts(end, decided.receipts)
    for found in decided.adopted:
        row = world.receipt(found.receipt.int - 1000)
        must(row.prompt is None, "a receipt of a prompt is not adopted")
        row = replace(row, prompt=found.prompt.int - 100)
        if found.fee is not None:
            row = replace(row, pays=True, holding=row.holding.apply(AMOUNT)[0])
        end = replace(end, receipts=tuple(row if each.id == row.id else each for each in end.receipts))
    tasks = {(task.kind, task.receipt) for task in decided.tasks}
    for found in decided.adopted:
        open_still = world.fee in machine.OPEN_FEE and not decided.paid_fees
        must(not open_still or ("contradiction", found.receipt) in tasks, "who paid by a prompt is not forgotten")
    for new in decided.receipts:
        must((new.fee is None) == (("unapplied", new.id) in tasks), "money that waits is a person's task")
    end = _pay(end, decided.paid_fees)
    for change in decided.prompts:
        end = _move_prompt(end, change, decided)
    prompt = item.prompt.int - 100
    (heard,) = decided.evidence
    row = end.prompts[prompt - 1]
    said, own = item.report, end.receipt_of(prompt)
    claims = said.result_code == "0"
    believed = heard.verdict is Verdict.CONFIRMS and said.channel is Channel.CALLBACK
    told = believed and own is not None and own.number is not None and number_text(own.number) == said.receipt_number
    if (
        row.asked
        and own is not None
        and own.prompt == own.number
        and end.receipt_of(prompt) != world.receipt_of(prompt)
    ):
        told = True  # the number that a callback told, and a query agreed with
    row = replace(
        row,
        asked=row.asked or (heard.verdict is Verdict.ASK and claims),
        success_claimed=row.success_claimed or claims,
        told=row.told or told,
    )
    end = _with_prompt(end, prompt, row)
    if said.channel is Channel.QUERY and claims:
        must(row.state is PromptState.PAID, "money that a query tells of is not lost")
    number = said.receipt_number if said.trusted and claims else None
    return end, frozenset([_number(number)]) if number is not None else _NOBODY


def _prompt_row(world: World, number: int) -> PromptRow:
    row, receipt = world.prompts[number - 1], world.receipt_of(number)
    told = row.asked and (receipt is None or receipt.number is not None)
    return PromptRow(
        id=_prompt_uuid(number),
        fee=FEE,
        account=ACCOUNT,
        state=row.state,
        amount=AMOUNT,
        phone=PHONE,
        checkout_request_id=f"ws_CO_{number}" if row.known else None,
        merchant_request_id=f"mr-{number}" if row.known else None,
        age_s=0 if row.sent_s is None else max(world.now_s - row.sent_s, 0),
        unpaid_queries=row.unpaid_queries,
        receipt=_uuid(receipt.id) if receipt is not None else None,
        receipt_number=number_text(receipt.number) if receipt is not None and receipt.number is not None else None,
        asked_number=number_text(number) if told else None,
        success_claimed=row.success_claimed,
        sent_at=at(row.sent_s) if row.sent_s is not None else None,
        number_from_arrival=_has_arrivals_number(world, number),
        siblings=tuple(_sibling(world, other) for other in range(1, len(world.prompts) + 1) if other != number),
    )


def _sibling(world: World, number: int) -> Sibling:
    row, receipt = world.prompts[number - 1], world.receipt_of(number)
    return Sibling(
        prompt=_prompt_uuid(number),
        sent_at=at(row.sent_s) if row.sent_s is not None and row.state is not PromptState.REFUSED else None,
        receipt=_uuid(receipt.id) if receipt is not None else None,
        awaits_number=receipt is not None and receipt.number is None,
        number_from_arrival=_has_arrivals_number(world, number),
    )


def _loose(world: World, row: Receipt) -> LooseReceipt:
    assert row.number is not None
    return LooseReceipt(
        id=_uuid(row.id),
        account=ACCOUNT,
        amount=AMOUNT,
        number=number_text(row.number),
        paid_at=at(world.paid_s(row.number)),
        pays=frozenset([FEE] if row.pays else []),
        names=FEE if row.names else None,
        free=row.holding.free,
        phone_shown="2547 ***** 149",
        unreferenced=not row.names,
        gone=row.holding.state is not ReceiptState.UNAPPLIED,
    )


def _book_receipts(world: World, new_receipts: list[planning.NewReceipt], *, names: bool = True) -> World:
    receipts = list(world.receipts)
    for new in new_receipts:
        number = _number(new.number) if new.number is not None else None
        prompt = new.prompt.int - 100 if new.prompt is not None else None
        must(prompt is not None or number is not None, "a receipt is of a prompt or has a number")
        identifier = 10 + prompt if prompt is not None else 20 + (number or 0)
        holding = Holding(new.amount)
        if new.fee is not None:
            holding, _ = holding.apply(new.amount)
        receipts.append(Receipt(identifier, prompt, number, names or prompt is not None, new.fee is not None, holding))
    return replace(world, receipts=tuple(sorted(receipts, key=lambda row: row.id)))


def _book_numbers(world: World, found: list[planning.NumberFound]) -> World:
    numbers = {each.receipt.int - 1000: _number(each.number) for each in found}
    for identifier in numbers:
        must(world.receipt(identifier).number is None, "a number fills an empty place")
    receipts = tuple(replace(row, number=numbers[row.id]) if row.id in numbers else row for row in world.receipts)
    return replace(world, receipts=receipts)


def _pay(world: World, paid_fees: list[uuid.UUID]) -> World:
    if not paid_fees:
        return world
    must(paid_fees == [FEE], "the fee is paid once")
    return _move_fee(world, FeeEvent.PAY)


def _move_fee(world: World, event: FeeEvent) -> World:
    target = machine.FEE.transitions.get((world.fee, event))
    must(target is not None, f"a fee that is {world.fee} does not take {event}")
    assert target is not None
    if target is FeeState.DEFERRED:
        return replace(world, fee=target)
    withdrawn = machine.PROMPT.transitions[PromptState.CREATED, PromptEvent.WITHDRAWN]
    prompts = tuple(replace(row, state=withdrawn) if row.state is PromptState.CREATED else row for row in world.prompts)
    return replace(world, fee=target, prompts=prompts)


def _move_prompt(world: World, change: planning.PromptChange, decided: planning.Plan) -> World:
    number = change.id.int - 100
    row = world.prompts[number - 1]
    if change.moved is not None:
        target, _ = change.moved
        row = replace(row, state=target)
        if target is PromptState.REVIEW:
            must(any(task.kind == "review" for task in decided.tasks), "a prompt in review is a person's task")
    return _with_prompt(
        world,
        number,
        replace(row, known=change.checkout_request_id is not None, unpaid_queries=min(change.unpaid_queries, 2)),
    )


def arrive(world: World, arrival: Arrival) -> World:
    """Settle one report of money by its number."""
    end, told = _arrive(replace(world, refunds=(), told=_NOBODY), arrival)
    return replace(end, refunds=world.refunds, told=world.told | told)


@cache
def _arrive(world: World, arrival: Arrival) -> tuple[World, frozenset[int]]:
    """As ``arrive``, of the part of the world that it can change; and the number that it told."""
    decided = arrival_plan.plan_arrivals(
        [arrival],
        ArrivalFacts(
            fees=[OwedFee(FEE, CODE, ACCOUNT, AMOUNT, world.fee)],
            receipts={
                number_text(row.number): KnownReceipt(_uuid(row.id), ACCOUNT, AMOUNT, at(0))
                for row in world.receipts
                if row.number is not None
            },
            awaiting=[_awaiting(world, row) for row in world.receipts if row.number is None],
        ),
    )
    must(len(decided.evidence) == 1, "a report is evidence once")
    end = _book_numbers(world, decided.numbers)
    end = _book_receipts(end, decided.receipts, names=bool(arrival.reference))
    applied = {row.receipt for row in decided.applications}
    waiting = {task.receipt for task in decided.tasks if task.kind == "unapplied"}
    must({row.id for row in decided.receipts} == applied ^ waiting, "money pays, or is a person's task")
    number = _number(arrival.number)
    if arrival.reference and arrival.trusted:
        end = replace(
            end, receipts=tuple(replace(row, names=row.names or row.number == number) for row in end.receipts)
        )
    end = _pay(end, decided.paid_fees)
    if not arrival.trusted:
        must(end == world, "nobody's word changes nothing")
        return world, _NOBODY
    return end, frozenset([number])


def _awaiting(world: World, row: Receipt) -> AwaitingReceipt:
    assert row.prompt is not None
    own = world.prompts[row.prompt - 1].sent_s
    return AwaitingReceipt(
        id=_uuid(row.id),
        account=ACCOUNT,
        amount=AMOUNT,
        account_code=CODE,
        phone=PHONE,
        sent_at=at(own or 0),
        exchanged=tuple(
            at(prompt.sent_s)
            for number, prompt in enumerate(world.prompts, 1)
            if number != row.prompt and prompt.sent_s is not None and _has_arrivals_number(world, number)
        ),
    )


def _has_arrivals_number(world: World, prompt: int) -> bool:
    receipt = world.receipt_of(prompt)
    return receipt is not None and receipt.number is not None and not world.prompts[prompt - 1].told


# --- people ----------------------------------------------------------------------------------------------------------


def _people(world: World) -> Iterator[Step]:
    live = any(row.state in machine.LIVE for row in world.prompts)
    if world.fee in machine.OPEN_FEE and not live and len(world.prompts) == 1:
        yield "retry", lambda: replace(world, prompts=(*world.prompts, Prompt(PromptState.CREATED)))
    if world.fee in machine.OPEN_FEE:
        yield "two people waive", lambda: _move_fee(world, FeeEvent.WAIVE)
        yield "the referral is cancelled", lambda: _move_fee(world, FeeEvent.CANCEL)
    if world.fee is FeeState.DUE:
        yield "two people defer", lambda: _move_fee(world, FeeEvent.DEFER)
    if len(world.refunds) < 2:
        for row in world.receipts:
            yield from _proposals(world, row)


def _proposals(world: World, row: Receipt) -> Iterator[Step]:
    busy = any(
        each.receipt == row.id and each.of_fee and each.state in refund_machine.LIVE_REFUND for each in world.refunds
    )
    if row.holding.free > NOTHING:
        yield f"a refund of receipt {row.id}", lambda: _promise(world, row)
    if row.pays and not busy:
        yield f"a refund of the fee by {row.id}", lambda: _with_refund(world, None, Refund(row.id, of_fee=True))


def _promise(world: World, row: Receipt) -> World:
    holding = row.holding.promise(row.holding.free)
    end = _with_receipt(world, replace(row, holding=holding))
    return _with_refund(end, None, Refund(row.id, of_fee=False))


def _with_receipt(world: World, row: Receipt) -> World:
    return replace(world, receipts=tuple(row if each.id == row.id else each for each in world.receipts))


def _with_refund(world: World, place: int | None, row: Refund) -> World:
    refunds = (*world.refunds, row) if place is None else _changed(world.refunds, place, row)
    return replace(world, refunds=refunds)


# --- refunds ---------------------------------------------------------------------------------------------------------


def _refund(world: World, place: int) -> Iterator[Step]:
    row = world.refunds[place]
    name = f"refund {place + 1}"

    def event(event: RefundEvent, row: Refund = row) -> Callable[[], World]:
        return lambda: _refund_event(world, place, row, event)

    if row.state not in {RefundState.WITHDRAWN, RefundState.DONE, RefundState.FAILED}:  # the law refuses most of it
        yield f"{name} is withdrawn", event(RefundEvent.WITHDRAW)
        yield f"{name} is approved", event(RefundEvent.APPROVE)
    if row.state in {RefundState.APPROVED, RefundState.SENDING} and row.claimed < 2:
        yield f"a worker claims {name}", lambda: _claim_refund(world, place, RefundEvent.CLAIM)
    if row.state is RefundState.UNKNOWN and row.claimed < 2:
        yield f"{name} is resent", lambda: _claim_refund(world, place, RefundEvent.RESEND)
    if row.claimed:
        one_less = replace(row, claimed=row.claimed - 1)
        ordered = replace(one_less, posted=row.posted + 1, truth=Truth.OPEN if row.truth is Truth.NONE else row.truth)
        yield f"{name} is ordered", lambda: _with_refund(world, place, ordered)
        for each in (RefundEvent.DECLINED, RefundEvent.NOT_SENT, RefundEvent.ANSWER_LOST):
            yield f"{name}: {each}", event(each, one_less)
    if row.posted:
        one_less = replace(row, posted=row.posted - 1)
        yield f"{name}: accepted", event(RefundEvent.ACCEPTED, one_less)
        yield f"{name}: answer lost after the order", event(RefundEvent.ANSWER_LOST, one_less)
    if row.state in {RefundState.SENDING, RefundState.RESENDING}:
        yield f"the lease of {name} expires", event(RefundEvent.LEASE_EXPIRED)
    if row.truth is Truth.OPEN:
        for truth in (Truth.DONE, Truth.FAILED):
            yield (
                f"{name} {truth.name} at M-Pesa",
                lambda truth=truth: _with_refund(  # type: ignore[misc]
                    world, place, replace(row, truth=truth)
                ),
            )
    if row.truth is not Truth.NONE:
        yield f"{name}: no result in time", event(RefundEvent.SILENT)
    if row.truth is Truth.DONE:
        yield f"{name}: result done", event(RefundEvent.SUCCEEDED)
    if row.truth is Truth.FAILED or row.state is RefundState.DONE:  # of a second order, that was one too many
        yield f"{name}: result failed", event(RefundEvent.REJECTED)


def _claim_refund(world: World, place: int, event: RefundEvent) -> World:
    row = world.refunds[place]
    decision = refund_machine.REFUND.decide(row.state, event)
    if not isinstance(decision, Moved):
        return world
    return _with_refund(world, place, replace(row, state=decision.state, claimed=row.claimed + 1))


def _refund_event(world: World, place: int, row: Refund, event: RefundEvent) -> World:
    decision = refund_machine.REFUND.decide(row.state, event)
    end = _with_refund(world, place, row)
    if not isinstance(decision, Moved):
        return end
    end = _with_refund(end, place, replace(row, state=decision.state))
    receipt = end.receipt(row.receipt)
    if decision.state is RefundState.DONE:
        if row.of_fee:
            holding, _ = receipt.holding.hand_back(AMOUNT)
            end = _with_receipt(end, replace(receipt, holding=holding, pays=False))
            return _move_fee(end, FeeEvent.REFUND)
        holding, _ = receipt.holding.give_back(AMOUNT)
        return _with_receipt(end, replace(receipt, holding=holding))
    if decision.state in {RefundState.FAILED, RefundState.WITHDRAWN} and not row.of_fee:
        return _with_receipt(end, replace(receipt, holding=receipt.holding.release(AMOUNT)))
    return end


# --- what must always hold -------------------------------------------------------------------------------------------


_LIVE: Final = {PromptState.CREATED, PromptState.SENDING, PromptState.PENDING, PromptState.UNKNOWN}


def check(world: World, *, was: World | None = None) -> None:
    payments = world.payments()
    numbers = [row.number for row in world.receipts if row.number is not None]
    must(len(set(numbers)) == len(numbers), "a receipt number stands once")
    must(set(numbers) <= payments, "nothing is in the books that M-Pesa did not move")
    must(len(world.receipts) <= len(payments), "no shilling is in two receipts")
    must(world.told <= set(numbers), "money that was told by its number is in the books")
    for number, prompt in enumerate(world.prompts, 1):
        own = sum(row.prompt == number for row in world.receipts)
        must(own == (prompt.state is PromptState.PAID), "paid is the same as: has one receipt")
        must(not own or prompt.truth is Truth.DONE, "a prompt is paid if its payer paid")
    must(sum(row.state in _LIVE for row in world.prompts) <= 1, "one prompt of a fee is live at most")
    pays = sum(row.pays for row in world.receipts)
    must(pays == (world.fee is FeeState.PAID), "a paid fee is paid by one receipt, and no other fee is")
    for row in world.receipts:
        _check_receipt(world, row)
    if was is not None:
        _check_step(was, world)


def _check_receipt(world: World, row: Receipt) -> None:
    holding = row.holding
    must(min(holding.free, holding.applied, holding.promised, holding.given_back) >= NOTHING, "no part is below zero")
    must(holding.applied == (AMOUNT if row.pays else NOTHING), "what is applied pays the fee")
    waits = holding.free > NOTHING or holding.promised > NOTHING
    must((holding.state is ReceiptState.UNAPPLIED) == waits, "money that waits is in unapplied")
    refunds = [each for each in world.refunds if each.receipt == row.id]
    gone = sum(each.truth is Truth.DONE for each in refunds)
    may_go = sum(
        each.truth in {Truth.DONE, Truth.OPEN} or (each.claimed > 0 and each.truth is Truth.NONE) for each in refunds
    )
    must(gone <= 1, "no more is given back than came")
    must(may_go <= 1, "no second order is given while one may still go")
    must(holding.given_back.cents <= gone * AMOUNT.cents, "what the books call given back has gone")


def _check_step(was: World, world: World) -> None:
    for before, after in zip(was.prompts, world.prompts, strict=False):
        must(before.state is not PromptState.PAID or after.state is PromptState.PAID, "paid is sticky")
    must(
        was.fee is not FeeState.PAID or world.fee in {FeeState.PAID, FeeState.REFUNDED},
        "a paid fee is left by a refund alone",
    )
    now = {row.id: row for row in world.receipts}
    for old in was.receipts:
        new = now.get(old.id)
        must(new is not None, "a receipt never vanishes")
        assert new is not None
        must(old.number in {None, new.number}, "a receipt number never changes")
        must(old.prompt in {None, new.prompt}, "a receipt never leaves its prompt")
        must(old.holding.given_back <= new.holding.given_back, "what went back is gone")
