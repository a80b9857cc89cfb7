"""One payment told twice at once, in two transactions: by prompt, by number, by a person. One receipt."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable

import pytest

from races.arranged import (
    NUMBER,
    OTHER,
    UNREFERENCED,
    arrives,
    callback,
    code_of,
    ends,
    fee_of,
    heard_callback,
    heard_notice,
    meet,
    notice,
    overtaken,
    query,
    sent,
    settles,
    takes_one,
    todays,
    unlocked,
    waiting_money,
)
from races.gates import Racers
from rufaa.db.atomic import Tx, unit
from rufaa.payments import arrivals, claims, operations, unapplied
from rufaa.payments import refunds as refunding
from rufaa.payments import settle as settlement
from rufaa.payments.machine import Channel, FeeEvent, Verdict
from rufaa.referrals import operations as referrals
from rufaa.referrals.operations import fees_paid
from support import World, check_books, inbox_outcomes, open_tasks, receipts, rows, value

Drop = Callable[..., None]
BOTH = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "control"])
READ = ((arrivals, "_facts"), (settlement, "_lock_loose"))
"""Where each side has read all that it decides by."""


# --- the callback and the notice --------------------------------------------------------------------------------------


@BOTH
def test_a_callback_and_the_notice_of_one_payment_at_once_are_one_receipt(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """The notice names the fee, so both want its lock, and the second finds what the first wrote."""
    referral, prompt = sent(world)
    told = notice(world, reference=code_of(referral))
    if guarded:
        with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
            running = racers.start(lambda: settles(callback(prompt)), lambda: arrives(told))
            all_wait(2)
    else:
        unlocked(monkeypatch, settlement, "lock_fees")
        unlocked(monkeypatch, arrivals, "lock_named")
        meet(monkeypatch, *READ)
        running = racers.start(lambda: settles(callback(prompt)), lambda: arrives(told))
    found = ends(*running)

    if guarded:
        assert found[0] is Verdict.CONFIRMS
        assert found[1] in (["known"], ["pays"])
    else:
        assert Counter(each == "IntegrityError" for each in found) == {True: 1, False: 1}  # the number's index
    assert receipts() == [(NUMBER, "applied")]
    assert world.status(referral) == "paid"
    check_books()


def test_where_they_share_no_lock_the_numbers_index_decides_and_the_second_is_redone(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notice that names nothing, as a till's: the loser is rolled back, and finds the money in the books."""
    referral, prompt = sent(world)
    heard_notice(world, "RENT")
    heard_callback(prompt)
    meet(monkeypatch, *READ)

    for each in racers.start(takes_one, takes_one):
        assert each.result() == 1

    assert sorted(map(str, inbox_outcomes())) in (["confirms", "known"], ["confirms", "unapplied"])
    assert receipts() == [(NUMBER, "applied")]
    assert (world.status(referral), world.prompt(prompt)["state"]) == ("paid", "paid")
    assert open_tasks() == []
    check_books()


def test_control_without_the_index_one_payment_is_counted_twice(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, prompt = sent(world)
    heard_notice(world, "RENT")
    heard_callback(prompt)
    without("receipt", "receipt_number_key")
    meet(monkeypatch, *READ)

    for each in racers.start(takes_one, takes_one):
        assert each.result() == 1

    assert [number for number, _ in receipts()] == [NUMBER, NUMBER]


# --- the callback and the query ---------------------------------------------------------------------------------------


@BOTH
def test_a_callback_and_a_query_of_one_payment_at_once_are_one_receipt_with_its_number(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    referral, prompt = sent(world)
    if guarded:
        with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
            running = racers.start(lambda: settles(callback(prompt)), lambda: settles(query(prompt)))
            all_wait(2)
        assert ends(*running) == [Verdict.CONFIRMS] * 2
        assert receipts() == [(NUMBER, "applied")]
    else:
        unlocked(monkeypatch, settlement, "lock_fees", "lock_prompts")
        meet(monkeypatch, (settlement, "_lock_loose"))
        running = racers.start(lambda: settles(callback(prompt)), lambda: settles(query(prompt)))
        assert sorted(map(str, ends(*running))) == ["IntegrityError", "confirms"]  # a prompt has one receipt
    assert (world.status(referral), len(receipts())) == ("paid", 1)
    check_books()


# --- the query and the notice -----------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("reference", ["the fee's code", UNREFERENCED], ids=["with reference", "without"])
def test_a_query_that_says_paid_and_the_notice_at_once_are_one_receipt(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, reference: str, guarded: bool
) -> None:
    """A query knows no number, so that no index can help: each side has to wait for the other before it looks."""
    referral, prompt = sent(world)
    told = notice(world, reference=code_of(referral) if reference else UNREFERENCED)
    if not guarded:
        unlocked(monkeypatch, settlement, "lock_fees")
        unlocked(monkeypatch, arrivals, "lock_named")
        for module in (settlement, arrivals):
            monkeypatch.setattr(module, "lock_accounts", lambda *_: None)
        meet(monkeypatch, *READ)
        running = racers.start(lambda: settles(query(prompt)), lambda: arrives(told))
    elif reference:
        with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
            running = racers.start(lambda: settles(query(prompt)), lambda: arrives(told))
            all_wait(2)
    else:
        with racers.gate(settlement._SQL["lock_account"], account=world.account.pk) as all_wait:
            running = racers.start(lambda: settles(query(prompt)), lambda: arrives(told))
            all_wait(2)
    found = ends(*running)

    if guarded:
        assert found[0] is Verdict.CONFIRMS
        assert found[1] in (["fills"], ["pays"], ["unapplied"])
        assert receipts() == [(NUMBER, "applied")]
        assert world.status(referral) == "paid"
        assert open_tasks() == []
        check_books()
    elif reference:
        assert Counter(each == "IntegrityError" for each in found) == {True: 1, False: 1}  # both pay the one fee
    else:
        assert sorted(map(str, receipts())) == [f"('{NUMBER}', 'unapplied')", "(None, 'applied')"]  # paid once


# --- two notices ------------------------------------------------------------------------------------------------------


@pytest.mark.fault(29)
@BOTH
def test_of_two_notices_for_one_fee_at_once_one_pays_and_one_waits(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    referral = world.waiting()
    told = [notice(world, number, code_of(referral)) for number in (NUMBER, OTHER)]
    if guarded:
        with racers.gate("SELECT FROM fee FOR UPDATE") as all_wait:
            running = racers.start(*[lambda one=one: arrives(one) for one in told])  # type: ignore[misc]
            all_wait(2)
        assert sorted(map(str, ends(*running))) == ["['pays']", "['unapplied']"]
        assert sorted(state for _, state in receipts()) == ["applied", "unapplied"]
        assert open_tasks() == ["unapplied"]
    else:
        unlocked(monkeypatch, arrivals, "lock_named")
        meet(monkeypatch, (arrivals, "_facts"))
        running = racers.start(*[lambda one=one: arrives(one) for one in told])  # type: ignore[misc]
        assert sorted(map(str, ends(*running))) == ["IntegrityError", "['pays']"]  # both took it for open: the law
        assert len(receipts()) == 1
    assert value("SELECT count(*) FROM application") == 1
    check_books()


@BOTH
def test_one_notice_twice_at_once_is_one_payment(
    world: World, racers: Racers, without: Drop, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Nothing but the number is shared."""
    if not guarded:
        without("receipt", "receipt_number_key")
    for _ in range(2):
        heard_notice(world, "RENT")
    meet(monkeypatch, (arrivals, "_facts"))

    for each in racers.start(takes_one, takes_one):
        assert each.result() == 1

    assert sorted(map(str, inbox_outcomes())) == (["known", "unapplied"] if guarded else ["unapplied"] * 2)
    assert len(receipts()) == (1 if guarded else 2)


# --- money and people -------------------------------------------------------------------------------------------------


def waives(world: World, referral: str) -> object:
    return unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral))


def asks(world: World, referral: str) -> object:
    return world.ask(referral)


@pytest.mark.parametrize("first", ["money", "person"])
@pytest.mark.parametrize("person", [waives, asks])
def test_a_person_and_the_notice_of_a_payment_at_once_end_in_the_order_in_which_they_came(
    world: World, racers: Racers, person: Callable[[World, str], object], first: str
) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    told = notice(world, reference=code_of(referral))
    line = [lambda: arrives(told), lambda: person(world, referral)]
    running = []
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        for place, each in enumerate(line if first == "money" else line[::-1], start=1):
            running += racers.start(each)
            waiting(place)
    found = ends(*running)
    money, acted = found if first == "money" else found[::-1]

    waived = first == "person" and person is waives
    assert money == (["unapplied"] if waived else ["pays"])
    assert world.fee_state(referral) == ("waived" if waived else "paid")
    if first == "money":
        assert acted in {"no-proposal", "AssertionError"}  # AssertionError: World.ask, where nothing is sent
    assert value("SELECT count(*) FROM prompt WHERE state IN ('created', 'sending')") == 0
    check_books()


def test_control_without_the_fees_lock_a_fee_that_is_being_paid_is_waived_and_only_the_law_refuses(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    unlocked(monkeypatch, operations, "lock_fee")
    unlocked(monkeypatch, arrivals, "lock_named")
    meet(monkeypatch, (arrivals, "_facts"), (operations, "_check_exempt"))

    told = notice(world, reference=code_of(referral))
    found = ends(*racers.start(lambda: arrives(told), lambda: waives(world, referral)))

    assert "IntegrityError" in found
    check_books()


def test_control_without_the_fees_lock_a_phone_is_asked_for_a_fee_that_is_being_paid(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral = world.waiting()
    unlocked(monkeypatch, operations, "lock_fee")
    told = notice(world, reference=code_of(referral))
    running = overtaken(monkeypatch, racers, operations, "_check_phone_free", lambda: arrives(told))

    asks(world, referral)

    assert (running[0].result(), world.fee_state(referral)) == (["pays"], "paid")
    assert prompts() == ["created"]  # which with the lock would be withdrawn, or not be made


def prompts() -> list[str]:
    return [row["state"] for row in rows("SELECT state FROM prompt ORDER BY attempt")]


# --- a retry and the money of the attempt before ----------------------------------------------------------------------


def failed(world: World) -> tuple[str, uuid.UUID]:
    """A referral whose first prompt is said to be unpaid."""
    referral, prompt = sent(world)
    item = callback(prompt)
    no = type(item.report)(channel=Channel.CALLBACK, result_code="1032", trusted=True)
    assert settles(type(item)(prompt, no)) is Verdict.FAILS
    return referral, prompt


def retries(world: World, referral: str) -> object:
    return unit(lambda tx: referrals.retry_prompt(tx, world.admin, referral))


@pytest.mark.fault(15)
@pytest.mark.parametrize("first", ["money", "person"])
def test_a_retry_and_the_late_success_at_once_ring_no_phone_for_a_fee_that_is_paid(
    world: World, racers: Racers, first: str
) -> None:
    referral, prompt = failed(world)
    line = [lambda: settles(callback(prompt)), lambda: retries(world, referral)]
    running = []
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        for place, each in enumerate(line if first == "money" else line[::-1], start=1):
            running += racers.start(each)
            waiting(place)
    found = ends(*running)

    assert Verdict.CONFIRMS in found
    assert ("already-paid" in found) == (first == "money")
    assert world.fee_state(referral) == "paid"
    assert prompts() == (["paid"] if first == "money" else ["paid", "refused"])
    check_books()


def test_control_without_the_fees_lock_a_paid_fee_is_asked_for_again(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral, prompt = failed(world)
    unlocked(monkeypatch, operations, "lock_fee")
    running = overtaken(monkeypatch, racers, operations, "_check_phone_free", lambda: settles(callback(prompt)))

    retries(world, referral)

    assert (running[0].result(), world.fee_state(referral)) == (Verdict.CONFIRMS, "paid")
    assert prompts() == ["paid", "created"]  # which with the lock would be withdrawn, or not be made


# --- a clerk's code ---------------------------------------------------------------------------------------------------


def types(world: World, referral: str) -> str:
    answer = unit(lambda tx: claims.type_code(tx, fee_of(referral), todays(), by=world.admin.user, hand_on=fees_paid))
    return str(answer.typed)


@pytest.mark.parametrize("first", ["money", "person"])
def test_a_typed_code_and_its_notice_at_once_are_one_payment_and_no_claim_is_left(
    world: World, racers: Racers, first: str
) -> None:
    referral = world.waiting()
    told = notice(world, todays(), code_of(referral))
    line = [lambda: arrives(told), lambda: types(world, referral)]
    running = []
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        for place, each in enumerate(line if first == "money" else line[::-1], start=1):
            running += racers.start(each)
            waiting(place)

    assert ends(*running) == ([["pays"], "already-paid"] if first == "money" else ["asked", ["pays"]])
    assert len(receipts()) == 1
    assert [row["ended_as"] for row in rows("SELECT ended_as FROM claim")] == (
        [] if first == "money" else ["confirmed"]
    )
    check_books()


def test_control_without_the_fees_lock_the_claim_of_money_that_came_stays_open(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral = world.waiting()
    unlocked(monkeypatch, operations, "lock_fee")
    unlocked(monkeypatch, arrivals, "lock_named")
    meet(monkeypatch, (arrivals, "_facts"), (claims, "_check_day"))
    told = notice(world, todays(), code_of(referral))

    running = racers.start(lambda: arrives(told), lambda: types(world, referral))

    assert ends(*running)[0] == ["pays"]
    if ends(*running)[1] == "asked":
        assert [row["ended_as"] for row in rows("SELECT ended_as FROM claim")] == [""]
    check_books()


def test_a_code_typed_while_its_notice_without_reference_is_taken_in_is_confirmed_by_what_came(
    world: World, racers: Racers
) -> None:
    """They share no lock, so neither sees the other; who looks after claims finds the money a little later."""
    referral = world.waiting()
    told = notice(world, todays())

    def typing_meanwhile(tx: Tx) -> str:
        assert arrivals.take_in(tx, [told], hand_on=fees_paid) == ["unapplied"]
        (typing,) = racers.start(lambda: types(world, referral))
        return str(typing.result())

    assert unit(typing_meanwhile) == "asked"
    assert rows("SELECT ended_as FROM claim") == [{"ended_as": ""}]

    unit(claims.hand_over)

    (receipt,) = rows("SELECT id, free_cents FROM receipt")
    assert rows("SELECT ended_as, receipt_id, next_at FROM claim") == [
        {"ended_as": "confirmed", "receipt_id": receipt["id"], "next_at": None}
    ]
    assert rows("SELECT kind, proposed_fee_id FROM task") == [
        {"kind": "unapplied", "proposed_fee_id": fee_of(referral)}
    ]
    assert receipt["free_cents"] == 100_000  # a person confirms
    check_books()


# --- finance ----------------------------------------------------------------------------------------------------------


def applies(world: World, referral: str, receipt: uuid.UUID) -> object:
    return unit(
        lambda tx: unapplied.apply(tx, fee_of(referral), [receipt], by=world.finance.user, hand_on=fees_paid)
    ).cents


@pytest.mark.parametrize("first", ["money", "person"])
def test_applying_by_hand_and_a_prompts_late_success_at_once_pay_the_fee_once(
    world: World, racers: Racers, first: str
) -> None:
    referral, prompt = sent(world)
    receipt = waiting_money(world, number=OTHER)
    line = [lambda: settles(callback(prompt)), lambda: applies(world, referral, receipt)]
    running = []
    with racers.gate("SELECT FROM fee FOR UPDATE") as waiting:
        for place, each in enumerate(line if first == "money" else line[::-1], start=1):
            running += racers.start(each)
            waiting(place)

    assert ends(*running) == ([Verdict.CONFIRMS, "already-paid"] if first == "money" else [0, Verdict.CONFIRMS])
    assert sorted(receipts()) == [
        (NUMBER, "applied" if first == "money" else "unapplied"),
        (OTHER, "unapplied" if first == "money" else "applied"),
    ]
    assert open_tasks() == ["unapplied"]
    assert value("SELECT count(*) FROM application") == 1
    check_books()


def test_money_that_is_applied_to_another_fee_while_a_query_says_paid_is_not_taken_for_given_back(
    world: World, racers: Racers
) -> None:
    """Settlement waits for the receipt, and then has to read what it pays; its fee is waived, so nothing else asks."""
    referral, prompt = sent(world)
    other = world.waiting()
    arrives(notice(world))
    receipt = value("SELECT id FROM receipt")
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    waives(world, referral)
    with racers.gate("SELECT FROM receipt FOR UPDATE") as waiting:
        running = racers.start(lambda: applies(world, other, receipt))
        waiting(1)
        running += racers.start(lambda: settles(query(prompt)))
        waiting(2)

    assert ends(*running) == [0, Verdict.CONFIRMS]
    assert receipts() == [(NUMBER, "applied")]
    assert open_tasks() == ["contradiction"]
    check_books()


def test_control_without_the_fees_lock_both_pay_it_and_only_the_law_refuses(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral, prompt = sent(world)
    receipt = waiting_money(world, number=OTHER)
    unlocked(monkeypatch, operations, "lock_fee")
    unlocked(monkeypatch, settlement, "lock_fees", "lock_prompts")
    unlocked(monkeypatch, unapplied, "lock_prompts")
    meet(monkeypatch, (settlement, "_lock_loose"), (refunding, "lock_receipt"))

    found = ends(*racers.start(lambda: settles(callback(prompt)), lambda: applies(world, referral, receipt)))

    assert Counter(each == "IntegrityError" for each in found) == {True: 1, False: 1}
    check_books()


@BOTH
def test_one_receipt_applied_to_two_fees_at_once_pays_one(
    world: World, racers: Racers, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Two fees, so that only the receipt's lock is shared."""
    first, second = world.waiting(), world.waiting()
    receipt = waiting_money(world, 1500)
    if guarded:
        with racers.gate("SELECT FROM receipt FOR UPDATE") as all_wait:
            running = racers.start(*[lambda fee=fee: applies(world, fee, receipt) for fee in (first, second)])  # type: ignore[misc]
            all_wait(2)
    else:
        unlocked(monkeypatch, refunding, "lock_receipt")
        meet(monkeypatch, (refunding, "lock_receipt"))
        running = racers.start(*[lambda fee=fee: applies(world, fee, receipt) for fee in (first, second)])  # type: ignore[misc]
    found = ends(*running)

    # 500 are left, too little for the other; without the lock both count on 1500, and only free_cents refuses
    assert Counter(map(str, found)) == {"50000": 1, ("too-little" if guarded else "IntegrityError"): 1}
    assert sorted(map(str, (world.fee_state(first), world.fee_state(second)))) == ["due", "paid"]
    assert value("SELECT free_cents FROM receipt") == 50000
    check_books()
