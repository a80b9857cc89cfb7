"""Laws of settlement's plan, for random batches about random prompts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import permutations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from machines.plan_world import (
    AMOUNT,
    FEES,
    Broken,
    State,
    callback,
    checkout_of,
    fee_row,
    merchant_of,
    number_of,
    phone_of,
    prompt_row,
    query,
    settle,
)
from rufaa.money import Money
from rufaa.payments.machine import Channel, FeeState, PromptState, Verdict
from rufaa.payments.plan import Item, plan

NUMBERS: Final = (1, 2, 3)
CODES: Final = ("0", "0", "0", "1032", "1037", "17", "4999", "nobody-knows")


@st.composite
def states(draw: st.DrawFn) -> State:
    """Three prompts of two fees, wherever life has left them before any money came."""
    unpaid = [state for state in PromptState if state is not PromptState.PAID]
    fees = [fee_row(fee, state=draw(st.sampled_from([FeeState.DUE, FeeState.DEFERRED, FeeState.WAIVED])))
            for fee in FEES]  # fmt: skip
    prompts = []
    for number, fee in zip(NUMBERS, (FEES[0], FEES[0], FEES[1]), strict=True):
        state = draw(st.sampled_from([state for state in unpaid if state is not PromptState.REVIEW]))
        never_answered = state in {PromptState.CREATED, PromptState.SENDING}
        prompts.append(
            prompt_row(
                number,
                fee=fee,
                state=state,
                known=not never_answered and draw(st.booleans()),
                age_s=draw(st.sampled_from([0, 30, 100, 5000])),
                unpaid_queries=draw(st.integers(0, 2)),
                amount=draw(st.sampled_from([AMOUNT, AMOUNT, AMOUNT, Money(200)])),
            )
        )
    return State(tuple(prompts), tuple(fees))


@st.composite
def reports(draw: st.DrawFn) -> Item:
    number = draw(st.sampled_from(NUMBERS))
    code = draw(st.sampled_from(CODES))
    if draw(st.integers(0, 3)) == 0:
        return query(number, code)
    falsified: dict[str, object] = {}
    if draw(st.integers(0, 3)) == 0:
        other = draw(st.sampled_from(NUMBERS))
        falsified = draw(
            st.sampled_from(
                [
                    {"amount": Money(200)},
                    {"amount": None},
                    {"receipt_number": None},
                    {"receipt_number": number_of(other)},
                    {"phone_shown": "254708***999"},
                    {"checkout_request_id": checkout_of(other)},
                    {"checkout_request_id": None, "merchant_request_id": None},
                    {"merchant_request_id": merchant_of(other)},
                ]
            )
        )
    return callback(number, code, trusted=draw(st.integers(0, 3)) > 0, **falsified)


batches = st.lists(reports(), max_size=12)


@settings(max_examples=400, deadline=None)
@given(states(), batches)
def test_what_must_hold_holds_after_every_round(state: State, items: list[Item]) -> None:
    """One receipt a prompt and a fee, paid is sticky, every report kept in its order: ``settle`` checks it all."""
    done = settle(state, items)

    assert len(done.evidence) == len(items)


@settings(max_examples=200, deadline=None)
@given(states(), batches)
def test_the_same_batch_again_changes_no_money(state: State, items: list[Item]) -> None:
    once = settle(state, items).state
    twice = settle(once, items).state

    # a failure that was not believed the first time may be believed now; money is only ever added by new success
    assert twice.receipts == settle(twice, items).state.receipts
    assert {(row.prompt, row.fee) for row in once.receipts} <= {(row.prompt, row.fee) for row in twice.receipts}


@settings(max_examples=200, deadline=None)
@given(states(), batches)
def test_paid_prompts_and_fees_are_settled_for_good(state: State, items: list[Item]) -> None:
    paid = {row.prompt for row in settle(state, items).state.receipts}
    again = settle(settle(state, items).state, [*items, *reversed(items)]).state

    for prompt in paid:
        assert again.prompt(prompt).state is PromptState.PAID
        assert sum(row.prompt == prompt for row in again.receipts) == 1


@settings(max_examples=200, deadline=None)
@given(states(), batches, st.lists(st.integers(0, 11), max_size=4))
def test_a_doubled_report_changes_no_money(state: State, items: list[Item], doubled: list[int]) -> None:
    """Callbacks come twice (daraja.md §12). A query's answer is no double: two of them mean more than one."""
    callbacks = [item for item in items if item.report.channel == "callback"]
    more = list(callbacks)
    for place in doubled:
        if callbacks:
            again = callbacks[place % len(callbacks)]
            more.insert(more.index(again) + 1, again)

    assert settle(state, more).state.money() == settle(state, callbacks).state.money()


@settings(max_examples=200, deadline=None)
@given(states(), batches, st.sampled_from(list(Channel)))
def test_batching_changes_no_money(state: State, batch: list[Item], channel: Channel) -> None:
    """A batch means what its reports mean one by one. (Callbacks and answers to queries never share a batch.)"""
    items = [item for item in batch if item.report.channel is channel]
    one_by_one = state
    for item in items:
        one_by_one = settle(one_by_one, [item]).state

    assert settle(state, items).state.money() == one_by_one.money()


def test_true_reports_end_in_the_same_money_in_every_order() -> None:
    """Success and failure, a query and a double about two prompts of two fees: 720 orders, one end."""
    state = State(
        (prompt_row(1), prompt_row(2, fee=FEES[1], age_s=20)),
        (fee_row(FEES[0]), fee_row(FEES[1])),
    )
    items = [callback(1), callback(1), callback(1, "1037"), query(1), callback(2, "1032"), query(2, "1032")]

    ends = {
        settle(state, list(order)).state.money()  # the number may come first or later, and stands at the end
        for order in permutations(items)
    }

    (end,) = ends
    assert end == settle(state, items).state.money()
    assert [row.number for row in settle(state, items).state.receipts] == [number_of(1)]


def test_two_prompts_of_one_fee_that_both_paid_leave_one_receipt_in_unapplied() -> None:
    state = State((prompt_row(1, state=PromptState.UNPAID), prompt_row(2)), (fee_row(),))

    for order in permutations([callback(1), callback(2)]):
        end = settle(state, list(order)).state
        first, second = (item.prompt for item in order)
        assert {(row.prompt, row.fee) for row in end.receipts} == {(first, FEES[0]), (second, None)}
        assert end.fee(FEES[0]).state is FeeState.PAID


def test_of_two_reports_with_one_number_in_one_plan_the_first_alone_is_believed() -> None:
    prompts = (prompt_row(1), prompt_row(2, fee=FEES[1]))

    made = plan(
        prompts,
        {fee: fee_row(fee) for fee in FEES},
        [callback(1), callback(2, receipt_number=number_of(1))],
        checkout_ids={},
        numbers={},
    )

    assert [row.verdict for row in made.evidence] == [Verdict.CONFIRMS, Verdict.NUMBER_TAKEN]
    assert [(row.prompt, row.number) for row in made.receipts] == [(prompts[0].id, number_of(1))]


def test_the_number_of_an_untrusted_callback_never_counts_though_a_query_agrees_on_the_money() -> None:
    state = State((prompt_row(1),), (fee_row(),))

    asked = settle(state, [callback(1, trusted=False)]).state
    assert asked.receipts == ()
    assert asked.asking == {uuid.UUID(int=1)}

    (receipt,) = settle(asked, [query(1)]).state.receipts
    assert receipt.number is None
    (after,) = settle(settle(asked, [query(1)]).state, [callback(1, trusted=False)]).state.receipts
    assert after.number is None
    (trusted,) = settle(settle(asked, [query(1)]).state, [callback(1)]).state.receipts
    assert trusted.number == number_of(1)


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (callback(1, amount=Money(99_900)), PromptState.REVIEW),
        (callback(1, phone_shown="254708***999"), PromptState.REVIEW),
        (callback(1, checkout_request_id="ws_CO_9"), PromptState.PENDING),
        (callback(1, receipt_number=None), PromptState.PENDING),
        (callback(1, trusted=False), PromptState.PENDING),
        (query(1, "1032"), PromptState.PENDING),
    ],
)
def test_a_report_that_proves_nothing_makes_no_money(item: Item, state: PromptState) -> None:
    end = settle(State((prompt_row(1, age_s=30),), (fee_row(),)), [item]).state

    assert end.receipts == ()
    assert end.prompt(item.prompt).state is state
    assert end.fee(FEES[0]).state is FeeState.DUE


@pytest.mark.parametrize(
    "told",
    [{"phone_shown": phone_of(2)}, {"amount": Money(99_900)}, {"receipt_number": None}, {"amount": None}],
    ids=["another phone", "another amount", "no receipt", "no amount"],
)
def test_a_true_callback_at_another_prompt_s_address_teaches_no_ids(told: dict[str, object]) -> None:
    """Both answers were lost, so neither prompt has ids. The callback of 2 comes to the address of 1, too."""
    both = State(
        (prompt_row(1, state=PromptState.UNKNOWN, known=False), prompt_row(2, fee=FEES[1], known=False)),
        (fee_row(), fee_row(FEES[1])),
    )
    strayed = callback(1, checkout_request_id=checkout_of(2), merchant_request_id=merchant_of(2), **told)

    after = settle(both, [strayed]).state

    assert after.prompt(uuid.UUID(int=1)).checkout_request_id is None
    assert after.prompt(uuid.UUID(int=1)).merchant_request_id is None
    end = settle(after, [callback(2), callback(1, "1032")]).state
    assert end.prompt(uuid.UUID(int=1)).checkout_request_id == checkout_of(1)
    assert [(receipt.prompt, receipt.number) for receipt in end.receipts] == [(uuid.UUID(int=2), number_of(2))]
    assert end.fee(FEES[0]).state is FeeState.DUE
    assert end.fee(FEES[1]).state is FeeState.PAID


def test_the_checks_can_fail() -> None:
    """The control: a planner that drops the last report, and one that credits twice, are caught."""
    from rufaa.payments import plan as planning  # noqa: PLC0415 - wrapped below

    def dropping(*args: object, **more: object) -> object:
        result = planning.plan(*args, **more)  # type: ignore[arg-type]
        result.evidence.pop()
        return result

    def crediting_twice(*args: object, **more: object) -> object:
        result = planning.plan(*args, **more)  # type: ignore[arg-type]
        result.receipts += result.receipts
        return result

    state = State((prompt_row(1),), (fee_row(),))
    for planner in (dropping, crediting_twice):
        assert _breaks(lambda planner=planner: settle(state, [callback(1)], planner=planner))  # type: ignore[misc]


def _breaks(work: Callable[[], object]) -> bool:
    try:
        work()
    except Broken:
        return True
    return False


@pytest.mark.parametrize("settled", [PromptState.UNPAID, PromptState.REFUSED, PromptState.PENDING, PromptState.UNKNOWN])
@pytest.mark.parametrize("age_s", [30, 200, 5000])
@pytest.mark.parametrize(
    "claim", [callback(1, trusted=False), callback(1, receipt_number=None)], ids=["untrusted", "bare"]
)
def test_a_claim_of_success_is_asked_about_until_it_is_answered_or_a_persons(
    settled: PromptState, age_s: float, claim: Item
) -> None:
    """A query that timed out is no answer: the money may be there."""
    state = State((prompt_row(1, state=settled, age_s=age_s),), (fee_row(),))

    claimed = settle(state, [claim]).state
    assert claimed.asking == {claim.prompt}
    end = settle(claimed, [query(1, "4999")]).state

    assert claim.prompt in end.asking | {task.prompt for task in end.tasks}
