"""What money means that is reported by its receipt number: every rule, its edges, and laws for random batches."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rufaa.ids import check_character
from rufaa.money import Money
from rufaa.payments.arrival_plan import codes_of, plan_arrivals
from rufaa.payments.arrival_rows import (
    Application,
    Arrival,
    ArrivalFacts,
    ArrivalPlan,
    AwaitingReceipt,
    KnownReceipt,
    OpenClaim,
    Outcome,
    OwedFee,
)
from rufaa.payments.machine import ArrivalVerdict, Channel, FeeState
from rufaa.phone import Phone, hashes

ACCOUNT, OTHER_ACCOUNT = uuid.UUID(int=1), uuid.UUID(int=2)
FEE, SECOND_FEE = uuid.UUID(int=100), uuid.UUID(int=200)
CODE: Final = "5K2MWTA" + check_character("5K2MWTA")
SECOND_CODE: Final = "RTX3479" + check_character("RTX3479")
AMOUNT, LESS, MORE = Money(100_000), Money(40_000), Money(150_000)
PHONE, OTHER_PHONE = Phone("254708374149"), Phone("254708000000")
NOON: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER, SECOND_NUMBER = "UCB7XY0001", "UCB7XY0002"
RECEIPT, CLAIM = uuid.UUID(int=500), uuid.UUID(int=600)

UNTRUSTED: Final = {"trusted": False}


def arrival(number: str = NUMBER, **other: Any) -> Arrival:
    said: dict[str, Any] = {
        "account": ACCOUNT,
        "channel": Channel.C2B,
        "trusted": True,
        "amount": AMOUNT,
        "paid_at": NOON,
        "reference": CODE,
        "phone_shown": "2547 ***** 149",
    }
    return Arrival(number=number, **(said | other))


def fee(identifier: uuid.UUID = FEE, code: str = CODE, **other: Any) -> OwedFee:
    said: dict[str, Any] = {"account": ACCOUNT, "amount": AMOUNT, "state": FeeState.DUE}
    return OwedFee(id=identifier, account_code=code, **(said | other))


def awaiting(identifier: uuid.UUID = RECEIPT, **other: Any) -> AwaitingReceipt:
    said: dict[str, Any] = {"account": ACCOUNT, "amount": AMOUNT, "account_code": CODE, "phone": PHONE}
    return AwaitingReceipt(identifier, **(said | {"sent_at": NOON - timedelta(seconds=20)} | other))


def known(**other: Any) -> KnownReceipt:
    return KnownReceipt(**({"id": RECEIPT, "account": ACCOUNT, "amount": AMOUNT, "paid_at": NOON} | other))


def facts(*fees: OwedFee, **other: Any) -> ArrivalFacts:
    return ArrivalFacts(fees=fees, **other)


def verdicts(plan: ArrivalPlan) -> list[ArrivalVerdict]:
    return [row.verdict for row in plan.evidence]


def changed_nothing(plan: ArrivalPlan) -> bool:
    return not (plan.receipts or plan.numbers or plan.dates or plan.paid_fees or plan.tasks or plan.claims_ended)


# --- 1: the number is known ------------------------------------------------------------------------------------------


def test_a_number_that_is_in_the_books_is_one_more_report() -> None:
    plan = plan_arrivals([arrival()], facts(fee(), receipts={NUMBER: known()}))

    assert verdicts(plan) == [ArrivalVerdict.KNOWN]
    assert plan.evidence[0].receipt == RECEIPT
    assert changed_nothing(plan)


def test_a_known_receipt_learns_when_it_was_paid_once() -> None:
    plan = plan_arrivals(
        [arrival(), arrival(paid_at=NOON + timedelta(hours=3))], facts(receipts={NUMBER: known(paid_at=None)})
    )

    assert [(row.receipt, row.paid_at) for row in plan.dates] == [(RECEIPT, NOON)]


@pytest.mark.fault(31)
@pytest.mark.parametrize(
    ("report", "receipt", "shown"),
    [
        (arrival(amount=LESS), known(), RECEIPT),
        (arrival(), known(account=OTHER_ACCOUNT), None),
        (arrival(outcome=Outcome.NOT_COMPLETED, amount=None), known(), RECEIPT),
    ],
)
def test_a_report_that_contradicts_the_books_is_a_persons_task_and_nothing_else(
    report: Arrival, receipt: KnownReceipt, shown: uuid.UUID | None
) -> None:
    """Whose receipt it is on another account, nobody here may see."""
    plan = plan_arrivals([report], facts(fee(), receipts={NUMBER: receipt}))

    assert verdicts(plan) == [ArrivalVerdict.CONTRADICTS]
    assert plan.evidence[0].receipt is None
    assert [(row.kind, row.account, row.receipt, row.fee) for row in plan.tasks] == [
        ("contradiction", ACCOUNT, shown, None)
    ]
    assert changed_nothing(replace(plan, tasks=[]))


@pytest.mark.parametrize(
    ("report", "receipt"),
    [
        (arrival(amount=None), known()),
        (arrival(outcome=Outcome.UNCLEAR, amount=None), known()),
        (arrival(outcome=Outcome.NOT_COMPLETED, amount=None), known(given_back=True)),
    ],
)
def test_what_a_report_does_not_say_contradicts_nothing(report: Arrival, receipt: KnownReceipt) -> None:
    plan = plan_arrivals([report], facts(receipts={NUMBER: receipt}))

    assert verdicts(plan) == [ArrivalVerdict.KNOWN]
    assert plan.tasks == []


# --- 2: no money -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"amount": Money(0)},
        {"outcome": Outcome.NOT_COMPLETED},
        {"outcome": Outcome.UNCLEAR},
        {"amount": None, "outcome": Outcome.UNCLEAR},
    ],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_no_completed_payment_brings_no_money(other: dict[str, Any], *, trusted: bool) -> None:
    plan = plan_arrivals([arrival(**other, trusted=trusted)], facts(fee(), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.NO_MONEY]
    assert plan.claims == []
    assert changed_nothing(plan)


@pytest.mark.parametrize("channel", [Channel.C2B, Channel.PULL])
def test_of_a_payment_whose_amount_cannot_be_read_m_pesa_is_asked(channel: Channel) -> None:
    """It is told once, and somebody paid."""
    plan = plan_arrivals([arrival(amount=None, channel=channel)] * 2, facts(fee(), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.ASK] * 2
    assert [(row.number, row.amount, row.channel) for row in plan.claims] == [(NUMBER, None, Channel.C2B)]
    assert changed_nothing(replace(plan, claims=[]))


@pytest.mark.parametrize("other", [{"trusted": False}, {"channel": Channel.STATUS}])
def test_an_amount_that_is_not_told_by_a_stranger_or_a_status_brings_nothing(other: dict[str, Any]) -> None:
    plan = plan_arrivals([arrival(amount=None, **other)], facts(fee(), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.NO_MONEY]
    assert plan.claims == []
    assert changed_nothing(plan)


# --- 3: a receipt that awaits its number -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"reference": f" {CODE.lower()[:4]}-{CODE[4:]} "},
        {"phone_shown": None},
        {"phone_shown": next(iter(hashes(PHONE)))},
        {"paid_at": None},
        {"paid_at": NOON - timedelta(seconds=20, minutes=5)},
        {"paid_at": NOON + timedelta(days=1)},
        {"paid_at": NOON - timedelta(hours=3), "doubt": timedelta(hours=3)},
        {"reference": ""},
        {"reference": " ", "paid_at": NOON + timedelta(seconds=70, minutes=35)},
        {"reference": "", "paid_at": NOON + timedelta(seconds=70, minutes=35), "channel": Channel.PULL},
        {"reference": "", "paid_at": NOON + timedelta(seconds=70, minutes=5), "channel": Channel.STATUS},
    ],
)
def test_the_number_of_a_receipt_that_awaits_it_is_filled(other: dict[str, Any]) -> None:
    report = arrival(**other)
    plan = plan_arrivals([report], facts(fee(state=FeeState.PAID), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.FILLS]
    assert [(row.receipt, row.number, row.paid_at) for row in plan.numbers] == [(RECEIPT, NUMBER, report.paid_at)]
    assert plan.evidence[0].receipt == RECEIPT
    assert changed_nothing(replace(plan, numbers=[]))


@pytest.mark.parametrize(
    "other",
    [
        {"amount": LESS},
        {"account": OTHER_ACCOUNT},
        {"reference": SECOND_CODE},
        {"reference": "Jane"},
        {"phone_shown": OTHER_PHONE},
        {"paid_at": NOON - timedelta(seconds=21, minutes=5)},
        {"paid_at": NOON - timedelta(hours=4), "doubt": timedelta(hours=3)},
        {"reference": "", "paid_at": NOON + timedelta(seconds=71, minutes=35)},
        {"reference": "", "paid_at": NOON + timedelta(seconds=71, minutes=5), "channel": Channel.STATUS},
        {"reference": "", "paid_at": None},
        {"reference": "", "phone_shown": None},
        {"reference": "", "phone_shown": "****"},
    ],
)
def test_a_payment_that_differs_from_the_prompts_does_not_take_its_place(other: dict[str, Any]) -> None:
    plan = plan_arrivals([arrival(**other)], facts(fee(state=FeeState.PAID), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.UNAPPLIED]
    assert plan.numbers == []
    assert [row.prompt for row in plan.receipts] == [None]


def test_of_several_receipts_the_prompt_that_rang_last_before_the_payment_gets_the_number() -> None:
    rows = [
        awaiting(uuid.UUID(int=at), sent_at=NOON + timedelta(minutes=minutes))
        for at, minutes in ((501, -30), (502, -2), (503, 10))
    ]
    plan = plan_arrivals(
        [arrival(), arrival(SECOND_NUMBER), arrival("UCB7XY0003")], facts(fee(state=FeeState.PAID), awaiting=rows)
    )

    assert [row.receipt.int for row in plan.numbers] == [502, 501]
    assert verdicts(plan) == [ArrivalVerdict.FILLS, ArrivalVerdict.FILLS, ArrivalVerdict.UNAPPLIED]


def test_of_two_prompts_that_can_have_been_paid_then_the_one_that_rang_last_gets_the_number() -> None:
    first = awaiting(uuid.UUID(int=502), sent_at=NOON - timedelta(seconds=60))
    last = awaiting(uuid.UUID(int=501), sent_at=NOON - timedelta(seconds=20))

    for rows in ([first, last], [last, first]):
        plan = plan_arrivals([arrival()], facts(fee(state=FeeState.PAID), awaiting=rows))
        assert [row.receipt.int for row in plan.numbers] == [501]


def test_the_number_of_an_earlier_payment_is_taken_where_the_own_one_stands_at_an_earlier_prompt() -> None:
    later = NOON + timedelta(minutes=30)
    for exchanged, expected in (
        ((), ArrivalVerdict.UNAPPLIED),
        ((NOON - timedelta(seconds=60),), ArrivalVerdict.FILLS),
        ((NOON + timedelta(minutes=20),), ArrivalVerdict.UNAPPLIED),
    ):
        plan = plan_arrivals(
            [arrival()], facts(fee(state=FeeState.PAID), awaiting=[awaiting(sent_at=later, exchanged=exchanged)])
        )
        assert verdicts(plan) == [expected]


# --- 4: a new receipt ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [FeeState.DUE, FeeState.DEFERRED])
@pytest.mark.parametrize("other", [{}, {"reference": CODE.lower()}, {"phone_shown": OTHER_PHONE}, {"paid_at": None}])
def test_money_with_the_code_of_an_open_fee_pays_it(state: FeeState, other: dict[str, Any]) -> None:
    """Anybody may pay: the phone is no condition."""
    plan = plan_arrivals([arrival(**other)], facts(fee(state=state)))

    (receipt,) = plan.receipts
    assert verdicts(plan) == [ArrivalVerdict.PAYS]
    assert (receipt.number, receipt.prompt, receipt.account, receipt.amount) == (NUMBER, None, ACCOUNT, AMOUNT)
    assert plan.applications == [Application(receipt.id, FEE, AMOUNT)]
    assert plan.paid_fees == [FEE]
    assert plan.tasks == []
    assert plan.evidence[0].receipt == receipt.id


@pytest.mark.parametrize(
    ("report", "owed", "proposed", "named", "why"),
    [
        (arrival(amount=LESS), fee(), FEE, FEE, "KES 400.00 arrived, less than the KES 1,000.00 that its fee is."),
        (arrival(amount=MORE), fee(), FEE, FEE, "KES 1,500.00 arrived, more than the KES 1,000.00 that its fee is."),
        (arrival(), fee(state=FeeState.PAID), None, FEE, "KES 1,000.00 arrived for a fee that is paid."),
        (arrival(), fee(state=FeeState.WAIVED), None, FEE, "KES 1,000.00 arrived for a fee that is waived."),
        (arrival(), fee(state=FeeState.REFUNDED), None, FEE, "KES 1,000.00 arrived for a fee that is refunded."),
        (
            *(arrival(), fee(account=OTHER_ACCOUNT), None, None),
            "KES 1,000.00 arrived with a code as reference that no fee of this account has.",
        ),
        (
            *(arrival(reference=SECOND_CODE), fee(), None, None),
            "KES 1,000.00 arrived with a code as reference that no fee of this account has.",
        ),
        (
            *(arrival(reference="Jane Wanjiku"), fee(), None, None),
            "KES 1,000.00 arrived without an account code as reference.",
        ),
        (
            *(arrival(reference="O" + CODE[1:]), fee(), FEE, None),
            "KES 1,000.00 arrived without an account code as reference.",
        ),
        (
            *(arrival(reference=CODE[:-1], amount=LESS), fee(), FEE, None),
            "KES 400.00 arrived without an account code as reference.",
        ),
        (
            *(arrival(reference=CODE[:-1]), fee(account=OTHER_ACCOUNT), None, None),
            "KES 1,000.00 arrived without an account code as reference.",
        ),
    ],
)
def test_money_that_pays_no_fee_waits_for_a_person(
    report: Arrival, owed: OwedFee, proposed: uuid.UUID | None, named: uuid.UUID | None, why: str
) -> None:
    plan = plan_arrivals([report], facts(owed))

    (receipt,) = plan.receipts
    (task,) = plan.tasks
    assert verdicts(plan) == [ArrivalVerdict.UNAPPLIED]
    assert (receipt.fee, receipt.amount, plan.paid_fees) == (None, report.amount, [])
    assert (task.kind, task.receipt, task.fee, task.proposed_fee) == ("unapplied", receipt.id, named, proposed)
    assert task.why == why


def test_a_code_typed_by_a_clerk_proposes_the_fee_at_which_it_was_typed() -> None:
    plan = plan_arrivals(
        [arrival(channel=Channel.STATUS, reference="")],
        facts(fee(), claims={(ACCOUNT, NUMBER): OpenClaim(CLAIM, FEE)}),
    )

    assert plan.tasks[0].proposed_fee == FEE
    assert [(row.claim, row.receipt) for row in plan.claims_ended] == [(CLAIM, plan.receipts[0].id)]


LIKELY: Final = fee(raised_at=NOON - timedelta(hours=1), phones=frozenset([OTHER_PHONE, PHONE]))


@pytest.mark.parametrize(
    ("report", "likely", "proposed"),
    [
        (arrival(), [LIKELY], FEE),
        (arrival(phone_shown=next(iter(hashes(PHONE)))), [LIKELY], FEE),
        (arrival(paid_at=NOON - timedelta(minutes=65)), [LIKELY], FEE),
        (arrival(paid_at=NOON - timedelta(minutes=66)), [LIKELY], None),
        (arrival(paid_at=NOON - timedelta(hours=4), doubt=timedelta(hours=3)), [LIKELY], FEE),
        (arrival(amount=LESS), [LIKELY], None),
        (arrival(phone_shown="254708***999"), [LIKELY], None),
        (arrival(phone_shown=None), [LIKELY], None),
        (arrival(phone_shown="****"), [LIKELY], None),
        (arrival(), [replace(LIKELY, account=OTHER_ACCOUNT)], None),
        (arrival(), [replace(LIKELY, state=FeeState.WAIVED)], None),
        (arrival(), [LIKELY, replace(LIKELY, id=SECOND_FEE)], None),
        (arrival(), [LIKELY, replace(LIKELY, id=SECOND_FEE, state=FeeState.PAID)], FEE),
    ],
)
def test_the_one_open_fee_that_the_payer_can_have_meant_is_proposed(
    report: Arrival, likely: list[OwedFee], proposed: uuid.UUID | None
) -> None:
    plan = plan_arrivals([replace(report, reference="for my mother")], facts(likely=likely))

    assert plan.tasks[0].proposed_fee == proposed
    assert plan.paid_fees == []


def test_of_two_near_codes_the_fee_of_the_same_amount_is_proposed_and_none_of_two_such() -> None:
    typed = "2345677"
    first, second = sorted(codes_of([arrival(reference=typed)])[1])[:2]
    one, two = fee(FEE, first), fee(SECOND_FEE, second)

    assert plan_arrivals([arrival(reference=typed)], facts(one, two)).tasks[0].proposed_fee is None
    assert plan_arrivals([arrival(reference=typed)], facts(one, replace(two, amount=LESS))).tasks[0].proposed_fee == FEE
    assert plan_arrivals([arrival(reference=typed)], facts(replace(one, state=FeeState.PAID), two)).tasks[
        0
    ].proposed_fee == (SECOND_FEE)


def test_the_codes_to_read_are_those_that_are_named_and_those_that_are_near() -> None:
    named, near = codes_of([arrival(), arrival(reference=SECOND_CODE[:-1]), arrival(reference="Jane")])

    assert named == {CODE}
    assert SECOND_CODE in near
    assert not named & near


# --- a batch ---------------------------------------------------------------------------------------------------------


def test_a_number_twice_in_a_batch_is_one_receipt() -> None:
    plan = plan_arrivals([arrival(), arrival(channel=Channel.PULL), arrival(amount=LESS)], facts(fee()))

    assert verdicts(plan) == [ArrivalVerdict.PAYS, ArrivalVerdict.KNOWN, ArrivalVerdict.CONTRADICTS]
    assert len(plan.receipts) == 1
    assert plan.evidence[1].receipt == plan.receipts[0].id


def test_a_fee_is_paid_once_in_a_batch() -> None:
    plan = plan_arrivals([arrival(), arrival(SECOND_NUMBER)], facts(fee()))

    assert verdicts(plan) == [ArrivalVerdict.PAYS, ArrivalVerdict.UNAPPLIED]
    assert plan.paid_fees == [FEE]
    assert plan.tasks[0].why == "KES 1,000.00 arrived for a fee that is paid."


# --- who may say so --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "report",
    [
        arrival(trusted=False),
        arrival(channel=Channel.TYPED, trusted=False, amount=None),
        arrival(channel=Channel.TYPED, trusted=True),  # nobody's word is a receipt, whatever the caller says
    ],
)
def test_nobodys_word_is_a_claim_and_changes_nothing(report: Arrival) -> None:
    plan = plan_arrivals([report, report], facts(fee(), awaiting=[awaiting()]))

    assert verdicts(plan) == [ArrivalVerdict.ASK, ArrivalVerdict.ASK]
    assert [(row.account, row.number, row.amount) for row in plan.claims] == [(ACCOUNT, NUMBER, report.amount)]
    assert changed_nothing(plan)


def test_nobodys_word_about_a_known_receipt_changes_nothing() -> None:
    plan = plan_arrivals(
        [arrival(trusted=False), arrival(trusted=False, amount=LESS)], facts(receipts={NUMBER: known(paid_at=None)})
    )

    assert verdicts(plan) == [ArrivalVerdict.KNOWN, ArrivalVerdict.CONTRADICTS]
    assert plan.claims == []
    assert changed_nothing(plan)


def test_a_claim_is_kept_once_and_ends_when_a_source_that_may_say_so_agrees() -> None:
    claims = {(ACCOUNT, NUMBER): OpenClaim(CLAIM)}
    plan = plan_arrivals(
        [arrival(trusted=False), arrival(), arrival(SECOND_NUMBER, trusted=False), arrival(SECOND_NUMBER)],
        facts(fee(), claims=claims),
    )

    assert [row.number for row in plan.claims] == [SECOND_NUMBER]
    assert [(row.claim, row.receipt) for row in plan.claims_ended] == [
        (CLAIM, plan.receipts[0].id),
        (plan.claims[0].id, plan.receipts[1].id),
    ]


@pytest.mark.parametrize(("outcome", "ended"), [(Outcome.NOT_COMPLETED, [(CLAIM, None)]), (Outcome.UNCLEAR, [])])
def test_a_claim_of_a_payment_that_never_was_ends_without_receipt(outcome: Outcome, ended: list[object]) -> None:
    plan = plan_arrivals(
        [arrival(channel=Channel.STATUS, outcome=outcome)], facts(claims={(ACCOUNT, NUMBER): OpenClaim(CLAIM)})
    )

    assert [(row.claim, row.receipt) for row in plan.claims_ended] == ended


def test_a_claim_of_money_that_is_in_the_books_ends_with_the_next_report_of_it() -> None:
    """The claim came first, and the prompt's callback brought the money."""
    world = facts(claims={(ACCOUNT, NUMBER): OpenClaim(CLAIM)}, receipts={NUMBER: known()})

    assert plan_arrivals([arrival(trusted=False)], world).claims_ended == []
    assert [(row.claim, row.receipt) for row in plan_arrivals([arrival()], world).claims_ended] == [(CLAIM, RECEIPT)]


def test_a_report_on_another_account_ends_no_claim() -> None:
    plan = plan_arrivals([arrival(account=OTHER_ACCOUNT)], facts(claims={(ACCOUNT, NUMBER): OpenClaim(CLAIM)}))

    assert plan.claims_ended == []


# --- laws ------------------------------------------------------------------------------------------------------------

reports = st.builds(
    arrival,
    st.sampled_from([NUMBER, SECOND_NUMBER, "UCB7XY0003"]),
    account=st.sampled_from([ACCOUNT, ACCOUNT, OTHER_ACCOUNT]),
    channel=st.sampled_from([Channel.C2B, Channel.PULL, Channel.STATUS, Channel.TYPED, Channel.STATEMENT]),
    trusted=st.booleans(),
    amount=st.sampled_from([AMOUNT, AMOUNT, LESS, None]),
    paid_at=st.sampled_from([NOON, None, NOON - timedelta(days=1)]),
    reference=st.sampled_from([CODE, CODE, SECOND_CODE, "", CODE[:-1]]),
    phone_shown=st.sampled_from([PHONE, OTHER_PHONE, None]),
    outcome=st.sampled_from([Outcome.COMPLETED, Outcome.COMPLETED, *Outcome]),
)
worlds = st.builds(
    lambda states, has_awaiting: facts(
        fee(state=states[0]),
        fee(SECOND_FEE, SECOND_CODE, state=states[1]),
        awaiting=[awaiting()] if has_awaiting else [],
    ),
    st.tuples(st.sampled_from(FeeState), st.sampled_from(FeeState)),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(reports, max_size=8), worlds)
def test_every_report_is_evidence_and_every_number_one_receipt(batch: list[Arrival], world: ArrivalFacts) -> None:
    plan = plan_arrivals(batch, world)

    assert [row.arrival for row in plan.evidence] == batch
    numbers = Counter([row.number for row in plan.receipts] + [row.number for row in plan.numbers])
    assert set(numbers.values()) <= {1}
    believed = {
        row.number
        for row in batch
        if row.trusted and row.channel is not Channel.TYPED and row.outcome is Outcome.COMPLETED and row.amount
    }
    assert set(numbers) == believed
    assert len(set(plan.paid_fees)) == len(plan.paid_fees) == len(plan.applications)
    states = {row.id: row for row in world.fees}
    for applied in plan.applications:
        assert states[applied.fee].state in {FeeState.DUE, FeeState.DEFERRED}
        assert states[applied.fee].amount == applied.amount
    waiting = {row.id for row in plan.receipts if row.fee is None}
    assert waiting == {row.receipt for row in plan.tasks if row.kind == "unapplied"}


@settings(max_examples=300, deadline=None)
@given(st.lists(reports, max_size=8), worlds)
def test_batching_changes_nothing(batch: list[Arrival], world: ArrivalFacts) -> None:
    """A batch means what its reports mean one by one, each with what those before it wrote."""
    whole = plan_arrivals(batch, world)
    one_by_one = []
    for report in batch:
        plan = plan_arrivals([report], world)
        one_by_one += plan.evidence
        world = after(world, plan)

    assert [row.verdict for row in one_by_one] == verdicts(whole)


def after(world: ArrivalFacts, plan: ArrivalPlan) -> ArrivalFacts:
    """What the caller would read after it wrote ``plan``."""
    by_id = {row.id: row for row in world.awaiting}
    receipts = dict(world.receipts)
    for new in plan.receipts:
        assert new.number is not None
        receipts[new.number] = KnownReceipt(new.id, new.account, new.amount, new.paid_at)
    for found in plan.numbers:
        row = by_id.pop(found.receipt)
        receipts[found.number] = KnownReceipt(row.id, row.account, row.amount, found.paid_at)
    for dated in plan.dates:
        number = next(number for number, row in receipts.items() if row.id == dated.receipt)
        receipts[number] = replace(receipts[number], paid_at=dated.paid_at)
    claims = dict(world.claims) | {(row.account, row.number): OpenClaim(row.id) for row in plan.claims}
    ended = {row.claim for row in plan.claims_ended}
    return replace(
        world,
        fees=[replace(row, state=FeeState.PAID) if row.id in plan.paid_fees else row for row in world.fees],
        receipts=receipts,
        awaiting=list(by_id.values()),
        claims={key: row for key, row in claims.items() if row.id not in ended},
    )
