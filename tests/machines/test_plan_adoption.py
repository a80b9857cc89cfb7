"""Money that was in the books before its prompt said so: the prompt adopts it, and no shilling is counted twice."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from machines.plan_world import (
    ACCOUNT,
    AMOUNT,
    FEES,
    callback,
    checkout_of,
    fee_row,
    number_of,
    phone_of,
    prompt_row,
    query,
)
from rufaa.money import Money
from rufaa.payments.machine import FeeState, PromptState, Verdict
from rufaa.payments.paid_when import out_of_life
from rufaa.payments.plan import Adopted, Item, LooseReceipt, Plan, PromptRow, Sibling, plan

SENT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LOOSE: Final = uuid.UUID(int=500)
OTHER: Final = uuid.UUID(int=501)
PROMPT: Final = uuid.UUID(int=1)
LIFE: Final = timedelta(seconds=90)
SLACK: Final = timedelta(minutes=5)
ALIKE: Final = timedelta(minutes=1)
ASKED_ABOUT: Final = timedelta(minutes=30)


def loose(**other: Any) -> LooseReceipt:
    """The money of prompt 1, that paid its fee when C2B told of it."""
    said: dict[str, Any] = {
        "id": LOOSE,
        "account": ACCOUNT,
        "amount": AMOUNT,
        "number": number_of(1),
        "paid_at": SENT + timedelta(seconds=30),
        "pays": frozenset([FEES[0]]),
        "names": FEES[0],
        "free": Money(0),
        "phone_shown": "2547 ***** 001",
    }
    return LooseReceipt(**(said | other))


def waiting() -> LooseReceipt:
    """Other money of the same phone, which names no fee and pays none."""
    return loose(
        id=OTHER,
        number=number_of(2),
        pays=frozenset(),
        names=None,
        unreferenced=True,
        free=AMOUNT,
        paid_at=SENT + timedelta(seconds=80),
    )


def prompt(**other: Any) -> PromptRow:
    return replace(prompt_row(1), sent_at=SENT, **other)


def paid_prompt(**other: Any) -> PromptRow:
    """Paid by a query, with the number of an arrival."""
    said: dict[str, Any] = {"receipt": LOOSE, "receipt_number": number_of(7), "number_from_arrival": True}
    return prompt(state=PromptState.PAID, **(said | other))


def decide(
    *items: Item, row: PromptRow | None = None, receipts: tuple[LooseReceipt, ...] = (), state: FeeState = FeeState.PAID
) -> Plan:
    row = row or prompt()
    known = {row.receipt_number: row.receipt} if row.receipt_number is not None and row.receipt is not None else {}
    return plan(
        [row],
        {FEES[0]: fee_row(state=state)},
        items,
        checkout_ids={checkout_of(1): PROMPT},
        numbers=known | {receipt.number: receipt.id for receipt in receipts},
        loose=receipts,
    )


def kinds(decided: Plan) -> list[str]:
    return [task.kind for task in decided.tasks]


# --- a callback ------------------------------------------------------------------------------------------------------


def test_a_callback_adopts_the_receipt_of_its_number() -> None:
    decided = decide(callback(1), receipts=(loose(),))

    assert [(row.verdict, row.receipt) for row in decided.evidence] == [(Verdict.CONFIRMS, LOOSE)]
    assert decided.adopted == [Adopted(LOOSE, PROMPT, None, None, AMOUNT)]
    assert decided.prompts[0].moved is not None
    assert decided.prompts[0].moved[0] is PromptState.PAID
    assert (decided.receipts, decided.paid_fees, decided.tasks) == ([], [], [])


def test_a_receipt_that_waited_whole_pays_the_fee_of_the_prompt_that_adopts_it() -> None:
    """Its reference was mistyped or not told; the callback says whose it is."""
    waiting = loose(pays=frozenset(), names=None, free=AMOUNT)
    decided = decide(callback(1), receipts=(waiting,), state=FeeState.DUE)

    assert decided.adopted == [Adopted(LOOSE, PROMPT, None, FEES[0], AMOUNT)]
    assert decided.paid_fees == [FEES[0]]


@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        (loose(pays=frozenset([FEES[1]])), FeeState.DUE),  # a person gave it to another fee
        (loose(pays=frozenset(), free=Money(500)), FeeState.DUE),  # a part is promised
        (loose(pays=frozenset([FEES[1]]), names=None), FeeState.WAIVED),  # who paid in vain is owed it
        (loose(pays=frozenset(), free=Money(0)), FeeState.WAIVED),  # it was given back
        (loose(pays=frozenset([FEES[1]]), names=FEES[0]), FeeState.PAID),  # that it was a second payment was known
        (loose(pays=frozenset(), free=AMOUNT), FeeState.WAIVED),
        (loose(pays=frozenset(), free=AMOUNT), FeeState.PAID),
    ],
)
def test_an_adopted_receipt_that_cannot_pay_the_fee_stays_as_it_is(receipt: LooseReceipt, state: FeeState) -> None:
    decided = decide(callback(1), receipts=(receipt,), state=state)

    assert decided.adopted == [Adopted(LOOSE, PROMPT, None, None, AMOUNT)]
    assert (decided.receipts, decided.paid_fees) == ([], [])
    used_otherwise = state is FeeState.DUE or (FEES[1] in receipt.pays and receipt.names is None)
    assert [(task.kind, task.prompt, task.receipt) for task in decided.tasks] == (
        [("contradiction", PROMPT, LOOSE)] if used_otherwise else []
    )


@pytest.mark.parametrize("receipt", [loose(account=OTHER), loose(amount=Money(500))])
def test_a_receipt_of_another_account_or_amount_is_not_the_prompts(receipt: LooseReceipt) -> None:
    decided = decide(callback(1), receipts=(receipt,))

    assert [row.verdict for row in decided.evidence] == [Verdict.NUMBER_TAKEN]
    assert decided.adopted == []
    assert kinds(decided) == ["contradiction"]


def test_an_untrusted_callback_adopts_nothing_until_a_query_agrees() -> None:
    receipt = loose(pays=frozenset(), names=None, free=AMOUNT, paid_at=SENT + timedelta(days=1))
    asked = decide(callback(1, trusted=False), receipts=(receipt,), state=FeeState.DUE)
    assert [row.verdict for row in asked.evidence] == [Verdict.ASK]
    assert (asked.adopted, asked.receipts) == ([], [])

    row = prompt(asked_number=number_of(1), success_claimed=True)
    agreed = decide(query(1), row=row, receipts=(receipt,), state=FeeState.DUE)
    assert agreed.adopted == [Adopted(LOOSE, PROMPT, None, FEES[0], AMOUNT)]
    assert agreed.receipts == []


def test_an_untrusted_number_that_pays_another_fee_is_not_adopted() -> None:
    receipt = loose(pays=frozenset([FEES[1]]), names=FEES[1])
    decided = decide(query(1), row=prompt(asked_number=number_of(1)), receipts=(receipt,), state=FeeState.DUE)

    assert decided.adopted == []
    assert [(row.number, row.fee) for row in decided.receipts] == [(None, FEES[0])]


# --- a query ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "receipt",
    [
        loose(),
        loose(pays=frozenset(), free=AMOUNT),  # it names the fee
        loose(names=None),  # it pays the fee
        loose(phone_shown=None),
        loose(paid_at=None),
        loose(paid_at=SENT - SLACK),
        loose(paid_at=SENT + LIFE + SLACK),
        loose(paid_at=SENT + LIFE + SLACK + timedelta(hours=3), doubt=timedelta(hours=3)),
        loose(pays=frozenset(), names=None, unreferenced=True, free=AMOUNT),
        loose(paid_at=SENT + timedelta(days=1)),  # as late as one likes with the fee's code
        loose(names=None, paid_at=SENT + LIFE + ASKED_ABOUT + SLACK),
        loose(pays=frozenset(), names=None, unreferenced=True, free=AMOUNT, paid_at=SENT + LIFE + ASKED_ABOUT + SLACK),
        loose(pays=frozenset([FEES[1]]), names=None, unreferenced=True, paid_at=SENT + LIFE + SLACK),  # used otherwise
        loose(pays=frozenset(), names=None, unreferenced=True, gone=True, paid_at=SENT - ALIKE),  # given back
        loose(pays=frozenset(), names=None, unreferenced=True, paid_at=SENT + LIFE + ASKED_ABOUT + SLACK),  # promised
        loose(pays=frozenset(), names=None, unreferenced=True, doubt=timedelta(hours=3)),
    ],
)
def test_a_query_adopts_the_receipt_that_agrees_with_its_prompt(receipt: LooseReceipt) -> None:
    decided = decide(query(1), receipts=(receipt,))

    assert [(row.receipt, row.prompt) for row in decided.adopted] == [(LOOSE, PROMPT)]
    assert decided.receipts == []
    assert decided.evidence[0].receipt == LOOSE


@pytest.mark.parametrize(
    "receipt",
    [
        loose(account=OTHER),
        loose(amount=Money(500)),
        loose(pays=frozenset([FEES[1]]), names=FEES[1]),
        loose(pays=frozenset(), names=None, free=AMOUNT),  # its reference was another
        loose(phone_shown=phone_of(2)),
        loose(paid_at=SENT - SLACK - timedelta(seconds=1)),
        loose(names=None, paid_at=SENT + LIFE + ASKED_ABOUT + SLACK + timedelta(seconds=1)),
        loose(names=None, paid_at=SENT + LIFE + SLACK + timedelta(seconds=1), noticed=False),
        loose(
            pays=frozenset(),
            names=None,
            unreferenced=True,
            free=AMOUNT,
            paid_at=SENT + LIFE + ASKED_ABOUT + SLACK * 2,
        ),
        loose(pays=frozenset(), names=None, unreferenced=True, free=AMOUNT, phone_shown=None),
        loose(pays=frozenset(), names=None, unreferenced=True, free=AMOUNT, phone_shown="****"),
        loose(pays=frozenset(), names=None, unreferenced=True, free=AMOUNT, paid_at=None),
        loose(pays=frozenset([FEES[1]]), names=None),  # its reference was another
        *(
            loose(pays=pays, names=None, unreferenced=True, gone=True, paid_at=at)
            for pays in (frozenset(), frozenset([FEES[1]]))  # given back, and used otherwise
            for at in (SENT - ALIKE - timedelta(seconds=1), SENT + LIFE + SLACK + timedelta(seconds=1))
        ),
        loose(pays=frozenset([FEES[1]]), names=None, unreferenced=True, doubt=timedelta(hours=3)),  # only Pull told it
        loose(pays=frozenset([FEES[1]]), names=None, unreferenced=True, others_prompt=True),
        loose(pays=frozenset(), names=FEES[1], unreferenced=True, free=AMOUNT),  # a callback told it of another fee
    ],
)
def test_a_query_makes_a_receipt_of_its_own_where_none_agrees(receipt: LooseReceipt) -> None:
    decided = decide(query(1), receipts=(receipt,))

    assert decided.adopted == []
    assert [(row.prompt, row.number) for row in decided.receipts] == [(PROMPT, None)]


def test_of_several_a_query_adopts_the_one_that_a_callback_told_else_the_nearest_in_time() -> None:
    late = loose(id=OTHER, number=number_of(2), paid_at=SENT + timedelta(seconds=80))

    assert decide(query(1), receipts=(late, loose())).adopted[0].receipt == LOOSE
    told = prompt(asked_number=number_of(2))
    assert decide(query(1), row=told, receipts=(loose(), late)).adopted[0].receipt == OTHER


def test_of_several_a_query_adopts_one_that_waits_before_one_that_pays_another_fee() -> None:
    """Two payments of one phone, by hand and by the prompt, need no person then."""
    by_hand = loose(pays=frozenset([FEES[1]]), names=None, unreferenced=True)

    decided = decide(query(1), receipts=(by_hand, waiting()), state=FeeState.DUE)

    assert decided.adopted == [Adopted(OTHER, PROMPT, None, FEES[0], AMOUNT)]
    assert (decided.paid_fees, decided.tasks) == ([FEES[0]], [])


def test_of_several_a_query_adopts_one_that_names_its_fee_before_one_that_names_none_and_waits() -> None:
    """It was given back, since its fee had been cancelled; the other is of another fee, which it has yet to pay."""
    named = loose(pays=frozenset(), gone=True)

    assert decide(query(1), receipts=(waiting(), named), state=FeeState.WAIVED).adopted[0].receipt == LOOSE


def test_the_number_that_a_callback_told_alone_is_not_believed_of_money_that_pays_another_fee() -> None:
    told = prompt(asked_number=number_of(1))
    elsewhere = loose(pays=frozenset([FEES[1]]), names=None)

    assert decide(query(1), row=told, receipts=(elsewhere,)).adopted == []
    assert decide(query(1), row=told, receipts=(replace(elsewhere, pays=frozenset()),)).adopted != []


def test_the_payment_that_a_callback_names_after_all_pays_the_fee() -> None:
    """A query had taken another payment of the payer for it, which pays another fee: then the fee is still open."""
    decided = decide(callback(1, receipt_number=number_of(2)), row=paid_prompt(), state=FeeState.DUE)

    (receipt,) = decided.receipts
    assert (receipt.number, receipt.prompt, receipt.fee) == (number_of(2), None, FEES[0])
    assert decided.paid_fees == [FEES[0]]
    assert kinds(decided) == ["contradiction"]


def test_money_in_the_life_of_another_prompt_is_adopted_since_that_one_may_never_be_paid() -> None:
    receipt = loose(paid_at=SENT + timedelta(seconds=200))
    later = Sibling(OTHER, SENT + timedelta(seconds=150), receipt=None, awaits_number=False)

    decided = decide(query(1), row=prompt(siblings=(later,)), receipts=(receipt,))

    assert [found.receipt for found in decided.adopted] == [LOOSE]
    assert decided.receipts == []


@pytest.mark.parametrize("from_arrival", [True, False])
def test_money_of_before_is_adopted_where_a_sibling_may_have_taken_the_prompts_own(from_arrival: bool) -> None:
    receipt = loose(paid_at=SENT - timedelta(minutes=30))
    earlier = Sibling(OTHER, SENT - timedelta(minutes=31), uuid.UUID(int=9), False, number_from_arrival=from_arrival)

    decided = decide(query(1), row=prompt(siblings=(earlier,)), receipts=(receipt,))

    assert [found.receipt for found in decided.adopted] == ([LOOSE] if from_arrival else [])
    assert len(decided.receipts) == (0 if from_arrival else 1)


def test_two_prompts_never_adopt_one_receipt() -> None:
    rows = [prompt(), replace(prompt_row(2), sent_at=SENT)]
    for items in ([callback(1), query(2)], [query(1), query(2)], [query(2), query(1)]):
        decided = plan(
            rows,
            {FEES[0]: fee_row(state=FeeState.PAID)},
            items,
            checkout_ids={},
            numbers={number_of(1): LOOSE},
            loose=[loose(phone_shown=None)],
        )
        assert len(decided.adopted) == 1
        assert len(decided.receipts) == 1


# --- a second number -------------------------------------------------------------------------------------------------


def test_a_callback_with_another_number_than_the_arrivals_is_money_of_its_own() -> None:
    decided = decide(callback(1), row=paid_prompt())

    (receipt,) = decided.receipts
    assert (receipt.prompt, receipt.number, receipt.amount, receipt.fee) == (None, number_of(1), AMOUNT, None)
    assert decided.evidence[0].receipt == receipt.id
    assert [(task.kind, task.receipt) for task in decided.tasks] == [
        ("contradiction", receipt.id),
        ("unapplied", receipt.id),
    ]


def test_the_same_callback_twice_is_money_once() -> None:
    decided = decide(callback(1), callback(1), row=paid_prompt())

    assert len(decided.receipts) == 1
    assert [row.receipt for row in decided.evidence] == [decided.receipts[0].id] * 2


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (callback(1), paid_prompt(number_from_arrival=False)),  # its own callback told the number
        (callback(1, trusted=False), paid_prompt()),
    ],
)
def test_another_number_is_only_a_persons_task_where_it_proves_nothing(item: Item, row: PromptRow) -> None:
    decided = decide(item, row=row)

    assert decided.receipts == []
    assert kinds(decided) == ["contradiction"]


def test_the_number_of_money_that_is_in_the_books_apart_is_a_persons_task() -> None:
    row = paid_prompt(receipt=OTHER)
    decided = decide(callback(1), row=row, receipts=(loose(pays=frozenset(), free=AMOUNT),))

    assert (decided.receipts, decided.adopted, decided.numbers) == ([], [], [])
    assert decided.evidence[0].receipt == LOOSE
    assert kinds(decided) == ["contradiction"]


def test_a_second_number_fills_the_place_of_the_prompt_whose_number_was_taken() -> None:
    exchanged = Sibling(OTHER, SENT, receipt=uuid.UUID(int=9), awaits_number=True)
    decided = decide(callback(1), callback(1), row=paid_prompt(siblings=(exchanged,)))

    assert [(row.receipt.int, row.number) for row in decided.numbers] == [(9, number_of(1))]
    assert decided.receipts == []
    assert kinds(decided)[0] == "contradiction"


def test_one_place_takes_one_second_number() -> None:
    exchanged = Sibling(OTHER, SENT, receipt=uuid.UUID(int=9), awaits_number=True)
    third = callback(1, receipt_number=number_of(3))
    decided = decide(callback(1), third, row=paid_prompt(siblings=(exchanged,)))

    assert [(row.receipt.int, row.number) for row in decided.numbers] == [(9, number_of(1))]
    assert [row.number for row in decided.receipts] == [number_of(3)]


@pytest.mark.parametrize(("first", "apart"), [(query(1), [number_of(3)]), (callback(1), [])])
def test_whose_word_an_adopted_number_is_counts_for_the_next_report(first: Item, apart: list[str]) -> None:
    """A query adopts by likeness, and can have taken another payment; a callback tells the number itself."""
    decided = decide(first, callback(1, receipt_number=number_of(3)), receipts=(loose(),))

    assert len(decided.adopted) == 1
    assert [row.number for row in decided.receipts] == apart
    assert kinds(decided)[0] == "contradiction"


def test_a_callback_that_tells_the_arrivals_number_makes_it_the_prompts_own() -> None:
    row = paid_prompt(receipt_number=number_of(1))
    decided = decide(callback(1), callback(1, receipt_number=number_of(3)), row=row)

    assert decided.receipts == []
    assert kinds(decided) == ["contradiction"]


@pytest.mark.parametrize(
    ("after_s", "doubt_s", "off_s"), [(0, 0, 0), (90, 0, 0), (91, 0, 1), (-7, 0, 7), (100, 4, 6), (100, 60, 0)]
)
def test_how_far_a_payment_lies_outside_a_prompts_life(after_s: int, doubt_s: int, off_s: int) -> None:
    off = out_of_life(SENT + timedelta(seconds=after_s), SENT, doubt=timedelta(seconds=doubt_s))

    assert off == timedelta(seconds=off_s)
