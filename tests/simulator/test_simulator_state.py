"""The pure law of a prompt, and the books that its events make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import state
from rufaa.simulator.books import Books
from rufaa.simulator.events import CallbackSent, PromptCreated, PromptEnded, PromptPutAside, Transfer, WalletSet
from rufaa.simulator.plans import Posting, Says
from rufaa.simulator.state import (
    Answer,
    ByItself,
    Cancelled,
    Ends,
    PinEntered,
    Prompt,
    PutAside,
    State,
    StaysLive,
    TooLate,
    Unanswered,
    Verdict,
)

PHONE = Phone("254708374149")
NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PROMPT = Prompt(
    checkout_request_id="ws_CO_1",
    merchant_request_id="m-1",
    short_code="174379",
    phone=PHONE,
    payer=PHONE,
    amount=Money(100_000),
    account_reference="ABC123",
    text="Pay?",
    callback_url="http://127.0.0.1/h/a",
    created_at=NOON,
)
PAID = PromptEnded(
    checkout_request_id="ws_CO_1",
    result_code="0",
    result_desc="ok",
    query_desc="ok",
    moved=Transfer("UKN1AAAAAA", PHONE, "174379", Money(100_000)),
    ended_at=NOON,
    callback_balance=False,
    postings=(Posting(NOON, Says.RESULT, "http://127.0.0.1/h/a", "{}"),),
)


@pytest.mark.parametrize(
    ("answer", "balance_cents", "verdict"),
    [
        (PinEntered("1234"), 100_000, Ends("0")),
        (PinEntered("1234"), 99_999, Ends("1")),
        (PinEntered("4321"), 100_000, Ends("2001")),
        (PinEntered("4321"), 0, Ends("2001")),
        (Cancelled(), 100_000, Ends("1032")),
        (Unanswered(), 100_000, Ends("1037")),
        (PutAside(), 100_000, StaysLive()),
        (ByItself("0"), 100_000, Ends("0")),
        (ByItself("0"), 99_999, Ends("1")),
        (ByItself("1019"), 0, Ends("1019")),
        (ByItself("SFC_IC0003"), 100_000, Ends("SFC_IC0003")),
    ],
)
@pytest.mark.parametrize("live", [State.RINGING, State.IGNORED])
def test_a_live_prompt_ends_as_its_answer_says(
    live: State, answer: Answer, balance_cents: int, verdict: Verdict
) -> None:
    assert state.decide(live, answer, amount=Money(100_000), balance=Money(balance_cents), pin="1234") == verdict


@pytest.mark.parametrize("over", [State.PAID, State.UNPAID])
@pytest.mark.parametrize("answer", [PinEntered("1234"), Cancelled(), PutAside(), Unanswered(), ByItself("0")])
def test_nothing_changes_a_prompt_that_is_over(over: State, answer: Answer) -> None:
    assert state.decide(over, answer, amount=Money(100), balance=Money(10**9), pin="1234") == TooLate()


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("254708000000", "0"),
        ("254708001032", "1032"),
        ("254799000001", "1"),
        ("254708374149", None),
        ("254708010000", None),
        ("254108001032", None),
        ("2547080010320", None),
    ],
)
def test_a_phone_answers_by_itself_as_its_number_says(phone: str, code: str | None) -> None:
    assert state.automatic_code(Phone(phone)) == code


def test_a_payment_moves_the_money_once_from_the_wallet_to_the_till() -> None:
    books = Books(opening_balance=Money(7_000_000))
    books.apply(PromptCreated(PROMPT))
    assert books.live_on(PHONE) == PROMPT

    books.apply(PAID)

    assert (books.wallet(PHONE), books.till("174379")) == (Money(6_900_000), Money(100_000))
    assert books.live_on(PHONE) is None
    ended = books.prompts["ws_CO_1"]
    assert (ended.state, ended.receipt, ended.balance_after) == (State.PAID, "UKN1AAAAAA", Money(6_900_000))


def test_a_failure_moves_nothing_and_frees_the_phone() -> None:
    books = Books(opening_balance=Money(500))
    books.apply(PromptCreated(PROMPT))
    books.apply(PromptPutAside("ws_CO_1"))
    assert [each.state for each in books.prompts.values()] == [State.IGNORED]
    assert books.live_on(PHONE) is not None, "put aside is still locked"

    books.apply(replace(PAID, result_code="1037", moved=None))

    assert (books.wallet(PHONE), books.till("174379")) == (Money(500), Money(0))
    assert [each.state for each in books.prompts.values()] == [State.UNPAID]
    assert books.live_on(PHONE) is None


def test_callbacks_are_counted_and_wallets_can_be_set() -> None:
    books = Books(opening_balance=Money(500))
    for event in (
        PromptCreated(PROMPT),
        PAID,
        CallbackSent("ws_CO_1", "answered", 200, "{}"),
        WalletSet(PHONE, Money(7)),
    ):
        books.apply(event)
    assert books.prompts["ws_CO_1"].callbacks_sent == 1
    assert books.wallet(PHONE) == Money(7)
    assert [each.checkout_request_id for each in books.of_phone(PHONE)] == ["ws_CO_1"]
