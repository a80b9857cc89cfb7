"""A small model, searched breadth-first: a fee, a prompt that failed and a second one, every report in every order.

The search drives the real ``plan``. What must always hold is checked after each step (``plan_world.check``), and here
besides: money appears exactly when a source that may be believed says so. Mutants show that the search would see it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from machines.plan_world import (
    FEES,
    Broken,
    Receipt,
    State,
    Task,
    callback,
    check,
    checkout_of,
    fee_row,
    must,
    number_of,
    prompt_row,
    query,
    settle,
)
from rufaa.law import Machine
from rufaa.money import Money
from rufaa.payments import plan as planning
from rufaa.payments.machine import PROMPT, FeeState, PromptEvent, PromptState, Verdict
from rufaa.payments.plan import Item, PromptRow

OLD, NEW = 1, 2
DEPTH: Final = 5
YOUNG_S, OLD_S = 30.0, 200.0


@dataclass(frozen=True, slots=True)
class Step:
    """Something that can happen, and the prompt to which it would bring money if its state lets it."""

    name: str
    item: Item
    pays: int | None = None


def reports(number: int) -> list[Step]:
    other = OLD if number == NEW else NEW
    return [
        Step(f"success of {number}", callback(number), pays=number),
        Step(f"failure of {number}", callback(number, "1032")),
        Step(f"untrusted failure of {number}", callback(number, "1032", trusted=False)),
        Step(f"unclear about {number}", callback(number, "17")),
        Step(f"other amount for {number}", callback(number, amount=Money(200))),
        Step(f"ids of {other} to {number}", callback(number, checkout_request_id=checkout_of(other))),
        Step(f"number of {other} to {number}", callback(number, receipt_number=number_of(other)), pays=number),
        Step(f"untrusted success of {number}", callback(number, trusted=False)),
        Step(f"query 0 about {number}", query(number), pays=number),
        Step(f"query failed about {number}", query(number, "1032")),
        Step(f"query without news about {number}", query(number, "4999")),
    ]


STEPS: Final = [*reports(OLD), *reports(NEW)]
WORKER: Final[Mapping[PromptState, tuple[PromptEvent, ...]]] = {
    PromptState.CREATED: (PromptEvent.CLAIM,),
    PromptState.SENDING: (PromptEvent.ACCEPTED, PromptEvent.DECLINED, PromptEvent.NOT_SENT, PromptEvent.ANSWER_LOST),
    PromptState.PENDING: (PromptEvent.OVERDUE,),
    PromptState.UNKNOWN: (PromptEvent.OVERDUE,),
}
"""What the worker does besides settling."""


def start() -> State:
    """The first prompt failed; the second has been asked for and no worker has seen it."""
    return State(
        (
            prompt_row(OLD, state=PromptState.UNPAID, age_s=OLD_S),
            prompt_row(NEW, state=PromptState.CREATED, age_s=0, known=False),
        ),
        (fee_row(),),
    )


def can_be_asked(state: State, item: Item) -> bool:
    """A query needs an id, and a prompt that was sent."""
    prompt = state.prompt(item.prompt)
    sent = prompt.state not in {PromptState.CREATED, PromptState.SENDING}
    return item.report.channel == "callback" or (sent and prompt.checkout_request_id is not None)


def after_report(state: State, step: Step) -> State:
    end = settle(state, [step.item]).state
    gained = {row.prompt.int for row in end.receipts} - {row.prompt.int for row in state.receipts}
    had = {row.prompt.int for row in state.receipts}
    if step.pays is None or step.pays in had or not credible(state, step):
        must(gained == set(), f"{step.name} makes no money")
    else:
        must(gained == {step.pays}, f"{step.name} is believed, and its money is not lost")
    return bounded(end)


def credible(state: State, step: Step) -> bool:
    """A true success of a number that another payment has already is a person's task, not money."""
    number = step.item.report.receipt_number
    return not any(row.number == number and row.prompt != step.item.prompt for row in state.receipts if number)


def bounded(state: State) -> State:
    """Two failed queries mean as much as twenty: keeps the search finite."""
    prompts = tuple(replace(row, unpaid_queries=min(row.unpaid_queries, 2)) for row in state.prompts)
    return replace(state, prompts=prompts)


def after_worker(state: State, number: int) -> dict[str, State]:
    """Every move of the worker with this prompt, and time passing over it."""
    prompt = next(row for row in state.prompts if row.id.int == number)
    ends: dict[str, State] = {}
    for event in WORKER.get(prompt.state, ()):
        moved = replace(prompt, state=PROMPT.transitions[prompt.state, event])
        if event is PromptEvent.CLAIM and state.fee(FEES[0]).state is not FeeState.DUE:
            continue  # dispatch claims for open fees only
        if event is PromptEvent.ACCEPTED and moved.checkout_request_id is None:
            moved = replace(moved, checkout_request_id=checkout_of(number))
        ends[f"{event} {number}"] = with_prompt(state, moved)
    if prompt.age_s < OLD_S and prompt.state not in {PromptState.CREATED, PromptState.SENDING}:
        ends[f"time passes for {number}"] = with_prompt(state, replace(prompt, age_s=OLD_S))
    return ends


def with_prompt(state: State, row: PromptRow) -> State:
    tasks = state.tasks | ({Task("review", row.id)} if row.state is PromptState.REVIEW else set())
    prompts = tuple(row if each.id == row.id else each for each in state.prompts)
    return replace(state, prompts=prompts, tasks=frozenset(tasks))


def following(state: State) -> dict[str, Callable[[], State]]:
    ways: dict[str, Callable[[], State]] = {
        step.name: lambda step=step: after_report(state, step)  # type: ignore[misc]
        for step in STEPS
        if can_be_asked(state, step.item)
    }
    for number in (OLD, NEW):
        ways |= {name: lambda end=end: end for name, end in after_worker(state, number).items()}  # type: ignore[misc]
    return ways


def search(depth: int) -> dict[State, int]:
    """Every state within ``depth`` steps. A broken rule names the road that led to it."""
    first = start()
    check(first)
    seen: dict[State, int] = {first: 0}
    road: dict[State, tuple[str, ...]] = {first: ()}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft()
        if seen[state] == depth:
            continue
        for name, step in following(state).items():
            try:
                end = step()
            except Broken as error:
                raise Broken(f"{error}, after: {', then '.join([*road[state], name])}") from None
            if end not in seen:
                seen[end] = seen[state] + 1
                road[end] = (*road[state], name)
                waiting.append(end)
    return seen


def test_nothing_goes_wrong_in_any_order(record_property: Callable[[str, object], None]) -> None:
    seen = search(DEPTH)

    record_property("states", len(seen))
    print(f"{len(seen)} states within {DEPTH} steps")
    assert len(seen) > 2000
    ends = {(tuple(row.fee for row in state.receipts), state.fee(FEES[0]).state) for state in seen}
    assert ends == {
        ((), FeeState.DUE),
        ((FEES[0],), FeeState.PAID),
        ((FEES[0], None), FeeState.PAID),  # the first prompt paid the fee, the second's money waits
        ((None, FEES[0]), FeeState.PAID),
    }
    assert {row.state for state in seen for row in state.prompts} == set(PromptState)


# --- mutants: what the search would see ------------------------------------------------------------------------------


def machine_with(**changes: Any) -> Machine[Any, Any]:
    return replace(PROMPT, **changes)


def unsticky() -> dict[str, object]:
    """A failure takes a payment back."""
    moves = {**PROMPT.transitions, (PromptState.PAID, PromptEvent.FAILED): PromptState.UNPAID}
    return {"PROMPT": machine_with(transitions=moves)}


def recrediting() -> dict[str, object]:
    """A doubled success credits again."""
    moves = {**PROMPT.transitions, (PromptState.PAID, PromptEvent.CONFIRMED): PromptState.PAID}
    return {"PROMPT": machine_with(transitions=moves)}


def late_money_lost() -> dict[str, object]:
    """A success after a failure is ignored."""
    cell = (PromptState.UNPAID, PromptEvent.CONFIRMED)
    moves = {key: target for key, target in PROMPT.transitions.items() if key != cell}
    return {"PROMPT": machine_with(transitions=moves, ignored={**PROMPT.ignored, cell: "we had decided already"})}


def paying_paid_fees() -> dict[str, object]:
    return {"OPEN_FEE": frozenset({FeeState.DUE, FeeState.DEFERRED, FeeState.PAID})}


def judging(changed: Mapping[Verdict, Verdict]) -> dict[str, object]:
    def judge(*args: Any) -> Verdict:
        verdict = _JUDGE(*args)
        return changed.get(verdict, verdict)

    return {"judge": judge}


_JUDGE: Final = planning.judge

MUTANTS: Final[dict[str, Callable[[], dict[str, object]]]] = {
    "a failure takes a payment back": unsticky,
    "a doubled success credits again": recrediting,
    "late money is ignored": late_money_lost,
    "a paid fee is paid again": paying_paid_fees,
    "anybody may report a success": lambda: judging({Verdict.ASK: Verdict.CONFIRMS}),
    "the amount does not matter": lambda: judging({Verdict.AMOUNT_DIFFERS: Verdict.CONFIRMS}),
    "the ids do not matter": lambda: judging({Verdict.OTHER_PROMPT: Verdict.CONFIRMS}),
    "a receipt number counts twice": lambda: judging({Verdict.NUMBER_TAKEN: Verdict.CONFIRMS}),
    "a success is not believed": lambda: judging({Verdict.CONFIRMS: Verdict.ASK}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_search_sees_a_mutant(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MUTANTS[mutant]().items():
        monkeypatch.setattr(planning, name, value)

    with pytest.raises(Broken):
        search(DEPTH)


def test_the_check_knows_a_receipt_too_many() -> None:
    state = start()
    twice = (Receipt(state.prompts[0].id, None, None, state.prompts[0].amount),) * 2

    with pytest.raises(Broken, match="one receipt at most"):
        check(replace(state, receipts=twice))
