"""Every interleaving of the events of one fee, breadth-first, against the production decisions. Mutants must be seen.

``RUFAA_DEPTH`` is how many steps are taken from each start; `-s` shows how many states that made.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from machines import fee_world
from machines.fee_world import AMOUNT, Broken, Prompt, Receipt, Refund, Truth, World, check, following
from rufaa.payments import arrival_plan, machine, refund_machine
from rufaa.payments import plan as planning
from rufaa.payments.holding import Holding, MoreThanThereIs
from rufaa.payments.machine import FeeState, PromptEvent, PromptState, ReceiptState, Verdict
from rufaa.payments.refund_machine import RefundEvent, RefundState

DEPTH: Final = int(os.environ.get("RUFAA_DEPTH", "4"))

_RUNG: Final = Prompt(PromptState.PENDING, sent_s=0, known=True, truth=Truth.OPEN)
_PAID_UNTOLD: Final = replace(_RUNG, truth=Truth.DONE)
_FULL: Final = Holding(AMOUNT).apply(AMOUNT)[0]

STARTS: Final[Mapping[str, World]] = {
    "asked for": World(),
    "the answer was lost": World(prompts=(replace(_RUNG, state=PromptState.UNKNOWN, known=False),)),
    "it rings": World(prompts=(_RUNG,)),
    "paid, and nobody told": World(prompts=(_PAID_UNTOLD,)),
    "a failure was believed, and a second prompt rings": World(
        prompts=(replace(_PAID_UNTOLD, state=PromptState.UNPAID), replace(_RUNG, sent_s=20))
    ),
    "both are paid, and nobody told": World(
        prompts=(replace(_PAID_UNTOLD, state=PromptState.UNPAID), replace(_PAID_UNTOLD, sent_s=20))
    ),
    "both are paid, the second much later": World(
        now_s=2000,
        prompts=(replace(_PAID_UNTOLD, state=PromptState.UNPAID), replace(_PAID_UNTOLD, sent_s=2020)),
    ),
    "the first is paid when the second rings": World(
        now_s=200,
        prompts=(replace(_PAID_UNTOLD, state=PromptState.UNPAID, pin_s=250), replace(_RUNG, sent_s=220)),
    ),
    "paid by a prompt and by hand": World(prompts=(_PAID_UNTOLD,), hand_s=60),
    "all three paid": World(
        prompts=(replace(_PAID_UNTOLD, state=PromptState.UNPAID), replace(_PAID_UNTOLD, sent_s=20)), hand_s=60
    ),
    "paid, and its refund is approved": World(
        fee=FeeState.PAID,
        prompts=(replace(_PAID_UNTOLD, state=PromptState.PAID, told=True),),
        receipts=(Receipt(11, 1, 1, names=True, pays=True, holding=_FULL),),
        refunds=(Refund(11, of_fee=True, state=RefundState.APPROVED),),
        told=frozenset([1]),
    ),
    "paid twice, and the second is to go back": World(
        fee=FeeState.PAID,
        prompts=(replace(_PAID_UNTOLD, state=PromptState.PAID, told=True),),
        hand_s=60,
        receipts=(
            Receipt(11, 1, 1, names=True, pays=True, holding=_FULL),
            Receipt(23, None, 3, names=True, pays=False, holding=Holding(AMOUNT).promise(AMOUNT)),
        ),
        refunds=(Refund(23, of_fee=False, state=RefundState.UNKNOWN, truth=Truth.OPEN),),
        told=frozenset([1, 3]),
    ),
}


def search(depth: int, starts: Iterable[World] = STARTS.values()) -> dict[World, int]:
    """Every state within ``depth`` steps of a start. A broken rule names the road that led to it."""
    seen: dict[World, int] = {}
    road: dict[World, tuple[World, str]] = {}
    waiting: deque[World] = deque()
    for start in starts:
        check(start)
        seen[start] = 0
        waiting.append(start)
    while waiting:
        world = waiting.popleft()
        if seen[world] == depth:
            continue
        for name, step in following(world):
            try:
                end = step()
                if end in seen:
                    continue
                check(end, was=world)
            except Broken as error:
                raise Broken(f"{error}, after: {_road(road, world, name)}") from None
            seen[end] = seen[world] + 1
            road[end] = world, name
            waiting.append(end)
    return seen


def _road(road: Mapping[World, tuple[World, str]], world: World, last: str) -> str:
    names = [last]
    while world in road:
        world, name = road[world]
        names.append(name)
    start = next((name for name, each in STARTS.items() if each == world), "another start")
    return f"{start}: {', then '.join(reversed(names))}"


def test_no_shilling_is_lost_or_taken_twice_in_any_order(record_property: Callable[[str, object], None]) -> None:
    began = time.monotonic()
    seen = search(DEPTH)

    record_property("states", len(seen))
    print(f"\n{len(seen)} states within {DEPTH} steps of {len(STARTS)} starts, {time.monotonic() - began:.0f} s")
    assert len(seen) > 19_000
    assert {row.state for world in seen for row in world.prompts} == set(PromptState)
    assert {row.state for world in seen for row in world.refunds} == set(RefundState)
    assert {row.holding.state for world in seen for row in world.receipts} == set(ReceiptState)
    assert {world.fee for world in seen} == set(FeeState)
    assert max(len(world.receipts) for world in seen) == 3


# --- mutants: what the search would see ------------------------------------------------------------------------------

Mutation = Callable[[pytest.MonkeyPatch], None]


def law(name: str, cells: Mapping[tuple[Any, Any], Any]) -> Mutation:
    """Another target for some cells of a machine; None: the cell is ignored."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        where = refund_machine if name == "REFUND" else machine
        was = getattr(where, name)
        moves = {**was.transitions, **{cell: target for cell, target in cells.items() if target is not None}}
        ignored = {cell: why for cell, why in was.ignored.items() if cell not in cells}
        for cell, target in cells.items():
            if target is None:
                del moves[cell]
                ignored[cell] = "a mutant"
        mutated = replace(was, transitions=moves, ignored=ignored)
        patch.setattr(where, name, mutated)
        if name == "PROMPT":
            patch.setattr(planning, name, mutated)

    return mutate


def judging(changed: Mapping[Verdict, Verdict]) -> Mutation:
    def mutate(patch: pytest.MonkeyPatch) -> None:
        def judge(*args: Any) -> Verdict:
            verdict = machine.judge(*args)
            return changed.get(verdict, verdict)

        patch.setattr(planning, "judge", judge)

    return mutate


def open_fee(*more: FeeState) -> Mutation:
    def mutate(patch: pytest.MonkeyPatch) -> None:
        for module in (planning, arrival_plan):
            patch.setattr(module, "OPEN_FEE", machine.OPEN_FEE | set(more))

    return mutate


def setting(owner: Any, name: str, value: object) -> Mutation:
    return lambda patch: patch.setattr(owner, name, value)


def arrivals(
    arrival: Callable[[Any], Any] = lambda one: one, facts: Callable[[Any], Any] = lambda one: one
) -> Mutation:
    """Arrivals or facts are not what they are."""
    real = arrival_plan.plan_arrivals
    return setting(
        arrival_plan, "plan_arrivals", lambda each, known: real([arrival(one) for one in each], facts(known))
    )


_FITS, _SIBLINGS = arrival_plan._fits, planning._Batch._siblings


def _only_in_its_life(arrival: Any, awaiting: Any) -> bool:
    return _FITS(arrival, awaiting) and arrival_plan._off(arrival, awaiting.sent_at) == timedelta(0)


_P, _E, _R, _RE = PromptState, PromptEvent, RefundState, RefundEvent
_ONE, _TWO, _LATER = "paid, and nobody told", "both are paid, and nobody told", "both are paid, the second much later"
_RINGS, _ASKED, _BY_HAND = "it rings", "asked for", "paid by a prompt and by hand"
_BACK, _TWICE = "paid, and its refund is approved", "paid twice, and the second is to go back"

MUTANTS: Final[dict[str, tuple[str, Mutation]]] = {
    # prompts
    "a failure takes a payment back": (_ONE, law("PROMPT", {(_P.PAID, _E.FAILED): _P.UNPAID})),
    "a doubled success credits again": (_ONE, law("PROMPT", {(_P.PAID, _E.CONFIRMED): _P.PAID})),
    "late money is ignored": (_TWO, law("PROMPT", {(_P.UNPAID, _E.CONFIRMED): None})),
    "two workers claim one prompt": (_ASKED, law("PROMPT", {(_P.SENDING, _E.CLAIM): _P.SENDING})),
    "a lost answer is sent again": (_ASKED, law("PROMPT", {(_P.SENDING, _E.ANSWER_LOST): _P.CREATED})),
    "a dead worker's prompt is sent again": (_ASKED, law("PROMPT", {(_P.SENDING, _E.LEASE_EXPIRED): _P.CREATED})),
    "an unknown prompt is not live": (
        "the answer was lost",
        setting(machine, "LIVE", machine.LIVE - {_P.UNKNOWN}),
    ),
    "anybody may report a success": (
        _RINGS,
        judging({Verdict.ASK: Verdict.CONFIRMS, Verdict.ASK_DIFFERS: Verdict.CONFIRMS}),
    ),
    "a success is not believed": (_ONE, judging({Verdict.CONFIRMS: Verdict.ASK})),
    # fees
    "a paid fee is paid again": (_BY_HAND, open_fee(FeeState.PAID)),
    "a waived fee is paid": (_ONE, open_fee(FeeState.WAIVED)),
    # the same money on two ways
    "a prompt's money is counted again when its number comes": (
        _ONE,
        setting(arrival_plan, "_fits", lambda *_: False),
    ),
    "a prompt does not know its money when it came before": (
        _ONE,
        setting(planning._Batch, "_could_adopt", lambda *_: False),
    ),
    "a query does not look for money that came before": (
        _ONE,
        setting(planning._Batch, "_fits", lambda *_: False),
    ),
    "a number is counted as often as it comes": (_ONE, arrivals(facts=lambda facts: replace(facts, receipts={}))),
    "anybody's notice is believed": (_RINGS, arrivals(lambda arrival: replace(arrival, trusted=True))),
    "a second number of a prompt is dropped": (
        _BY_HAND,
        setting(planning._Batch, "_book_apart", lambda *about: about[1].receipt),
    ),
    "a second number of a prompt is booked apart though another awaits it": (
        _TWO,
        setting(planning._Batch, "_siblings", lambda *_: []),
    ),
    "a number that another prompt took is not exchanged": (
        _LATER,
        arrivals(facts=lambda facts: replace(facts, awaiting=[replace(row, exchanged=()) for row in facts.awaiting])),
    ),
    "money that another prompt's number stands for is not exchanged": (
        _LATER,
        setting(
            planning._Batch,
            "_siblings",
            lambda batch, prompt: [replace(each, number_from_arrival=False) for each in _SIBLINGS(batch, prompt)],
        ),
    ),
    "a late payment is left to the prompt that rings": (
        "the first is paid when the second rings",
        setting(arrival_plan, "_fits", _only_in_its_life),
    ),
    # refunds
    "silence is a failure": (
        _BACK,
        law("REFUND", {(state, _RE.SILENT): _R.FAILED for state in (_R.SENDING, _R.ORDERED, _R.UNKNOWN)}),
    ),
    "an order whose answer was lost failed": (_BACK, law("REFUND", {(_R.SENDING, _RE.ANSWER_LOST): _R.FAILED})),
    "a dead worker's order failed": (_BACK, law("REFUND", {(_R.SENDING, _RE.LEASE_EXPIRED): _R.FAILED})),
    "an order that was not taken again never was": (
        _TWICE,
        law("REFUND", {(_R.RESENDING, _RE.DECLINED): _R.FAILED}),
    ),
    "an order that may stand is withdrawn": (_TWICE, law("REFUND", {(_R.UNKNOWN, _RE.WITHDRAW): _R.WITHDRAWN})),
    "a failure brings money back": (_TWICE, law("REFUND", {(_R.DONE, _RE.REJECTED): _R.FAILED})),
    "a done refund is done again": (_TWICE, law("REFUND", {(_R.DONE, _RE.SUCCEEDED): _R.DONE})),
    "promised money is free": (
        _TWICE,
        setting(
            Holding,
            "free",
            property(lambda self: fee_world.Money(self.amount.cents - self.applied.cents - self.given_back.cents)),
        ),
    ),
    "a refund of a fee hides no other": (_BACK, setting(refund_machine, "LIVE_REFUND", frozenset())),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_search_sees_a_mutant(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start, mutate = MUTANTS[mutant]
    mutate(monkeypatch)
    fee_world.forget()
    try:
        with pytest.raises((Broken, MoreThanThereIs, KeyError)) as seen:
            search(6, [STARTS[start]])
    finally:
        fee_world.forget()
    print(seen.value)
