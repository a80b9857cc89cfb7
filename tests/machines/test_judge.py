"""What a report means for its prompt: one row a case, written from the design §6 and the facts of M-Pesa."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Final

import pytest

from rufaa.daraja import codes
from rufaa.money import Money
from rufaa.payments.machine import (
    Channel,
    PromptEvent,
    PromptFacts,
    Report,
    Verdict,
    judge,
    next_late_query_s,
    next_query_s,
)
from rufaa.phone import Phone

V = Verdict
AMOUNT: Final = Money.from_shillings(1000)
PHONE: Final = Phone("254708374149")
OURS, OURS_MERCHANT, THEIRS = "ws_CO_ours", "mr-ours", "ws_CO_theirs"
NUMBER: Final = "UBN7XY1234"


def prompt(
    *,
    known: bool = True,
    age_s: float = 10,
    unpaid_queries: int = 0,
    taken: tuple[str, ...] = (),
    success_claimed: bool = False,
) -> PromptFacts:
    """A prompt whose ids are known, or that waits for the answer to its POST."""
    return PromptFacts(
        amount=AMOUNT,
        phone=PHONE,
        checkout_request_id=OURS if known else None,
        merchant_request_id=OURS_MERCHANT if known else None,
        age_s=age_s,
        unpaid_queries=unpaid_queries,
        success_claimed=success_claimed,
        others_checkout_ids=frozenset({THEIRS}),
        others_numbers=frozenset(taken),
    )


def callback(code: str = "0", *, trusted: bool = True, **other: object) -> Report:
    said: dict[str, object] = {
        "checkout_request_id": OURS,
        "merchant_request_id": OURS_MERCHANT,
        "amount": AMOUNT if code == "0" else None,
        "receipt_number": NUMBER if code == "0" else None,
        "phone_shown": PHONE if code == "0" else None,
    }
    return Report(channel=Channel.CALLBACK, result_code=code, trusted=trusted, **(said | other))  # type: ignore[arg-type]


def query(code: str = "0") -> Report:
    return Report(channel=Channel.QUERY, result_code=code, trusted=True)


SUCCESS: Final = {
    "everything agrees": ({}, V.CONFIRMS, V.ASK),
    "masked phone that agrees": ({"phone_shown": "254708***149"}, V.CONFIRMS, V.ASK),
    "masked at its end": ({"phone_shown": "0708374***"}, V.CONFIRMS, V.ASK),
    "no phone": ({"phone_shown": None}, V.CONFIRMS, V.ASK),
    "no ids": ({"checkout_request_id": None, "merchant_request_id": None}, V.CONFIRMS, V.ASK),
    "another phone": ({"phone_shown": "254708004149"}, V.PHONE_DIFFERS, V.ASK_DIFFERS),
    "masked phone of somebody else": ({"phone_shown": "254708***140"}, V.PHONE_DIFFERS, V.ASK_DIFFERS),
    "one cent more": ({"amount": Money(100_001)}, V.AMOUNT_DIFFERS, V.ASK_DIFFERS),
    "one cent less": ({"amount": Money(99_999)}, V.AMOUNT_DIFFERS, V.ASK_DIFFERS),
    "amount 0": ({"amount": Money(0)}, V.AMOUNT_DIFFERS, V.ASK_DIFFERS),
    "no amount": ({"amount": None}, V.NO_RECEIPT, V.NO_RECEIPT),
    "no receipt number": ({"receipt_number": None}, V.NO_RECEIPT, V.NO_RECEIPT),
    "ids of another prompt": ({"checkout_request_id": THEIRS}, V.OTHER_PROMPT, V.OTHER_PROMPT),
    "an id nobody has": ({"checkout_request_id": "ws_CO_x"}, V.OTHER_PROMPT, V.OTHER_PROMPT),
    "another merchant id": ({"merchant_request_id": "mr-x"}, V.OTHER_PROMPT, V.OTHER_PROMPT),
    # precedence: ids, receipt, number, amount, phone, trust
    "other ids and amount": ({"checkout_request_id": THEIRS, "amount": Money(1)}, V.OTHER_PROMPT, V.OTHER_PROMPT),
    "no number and other phone": ({"receipt_number": None, "phone_shown": "254708001032"}, V.NO_RECEIPT, V.NO_RECEIPT),
    "amount and phone": ({"amount": Money(1), "phone_shown": "254708001032"}, V.AMOUNT_DIFFERS, V.ASK_DIFFERS),
}


@pytest.mark.parametrize("case", SUCCESS)
@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("age_s", [0, 10, 100_000])
@pytest.mark.parametrize("unpaid_queries", [0, 1, 5])
def test_a_callback_of_success(case: str, trusted: bool, age_s: float, unpaid_queries: int) -> None:
    """Neither age nor what queries said before takes anything from it: Safaricom is the authority."""
    other, believed, doubted = SUCCESS[case]

    verdict = judge(prompt(age_s=age_s, unpaid_queries=unpaid_queries), callback(trusted=trusted, **other))

    assert verdict is (believed if trusted else doubted)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, V.NUMBER_TAKEN),
        ({"amount": Money(1)}, V.NUMBER_TAKEN),
        ({"checkout_request_id": THEIRS}, V.OTHER_PROMPT),
        ({"receipt_number": "UBN7XY9999"}, V.CONFIRMS),
        ({"receipt_number": None}, V.NO_RECEIPT),
    ],
)
def test_a_receipt_number_pays_once(other: dict[str, object], expected: Verdict) -> None:
    assert judge(prompt(taken=(NUMBER,)), callback(**other)) is expected


@pytest.mark.parametrize(
    ("checkout", "merchant", "expected"),
    [
        (OURS, OURS_MERCHANT, V.CONFIRMS),  # a callback that beat the answer to its POST
        (None, None, V.CONFIRMS),
        ("ws_CO_new", "mr-new", V.CONFIRMS),
        (THEIRS, OURS_MERCHANT, V.OTHER_PROMPT),  # but not one that another prompt has
    ],
)
def test_a_prompt_without_ids_takes_whatever_nobody_else_has(
    checkout: str | None, merchant: str | None, expected: Verdict
) -> None:
    report = callback(checkout_request_id=checkout, merchant_request_id=merchant)

    assert judge(prompt(known=False), report) is expected


UNPAID: Final = ("1", "1019", "1025", "1032", "1037", "2001", "9999", "SFC_IC0003")
NO_END: Final = ("4999", "17", "26", "BW-JMS-100039", "77", "", "00", "500.001.1001")
"""Still working, unclear, and codes that nobody knows: never a verdict on money."""


def test_the_codes_used_here_are_of_the_class_they_stand_for() -> None:
    assert codes.verdict("0") is codes.Verdict.PAID
    assert {codes.verdict(code) for code in UNPAID} == {codes.Verdict.UNPAID}
    assert {codes.verdict(code) for code in NO_END} == {codes.Verdict.PROCESSING, codes.Verdict.UNCERTAIN}


@pytest.mark.parametrize("code", NO_END)
@pytest.mark.parametrize("age_s", [0, 100_000])
def test_an_unclear_code_is_no_news(code: str, age_s: float) -> None:
    facts = prompt(age_s=age_s, unpaid_queries=3)

    assert judge(facts, callback(code)) is V.NO_NEWS
    assert judge(facts, callback(code, trusted=False)) is V.NO_NEWS
    assert judge(facts, query(code)) is V.NO_NEWS


@pytest.mark.parametrize("code", UNPAID)
def test_a_failure_by_callback_is_believed_from_a_trusted_source_alone(code: str) -> None:
    assert judge(prompt(), callback(code)) is V.FAILS
    assert judge(prompt(), callback(code, trusted=False)) is V.ASK
    assert judge(prompt(), callback(code, checkout_request_id=THEIRS)) is V.OTHER_PROMPT
    assert judge(prompt(), callback(code, trusted=False, merchant_request_id="mr-x")) is V.OTHER_PROMPT


@pytest.mark.parametrize("code", UNPAID)
def test_a_failure_after_a_claim_of_success_is_asked_about(code: str) -> None:
    """Reports that contradict each other: a query decides, and money taken wins."""
    assert judge(prompt(success_claimed=True), callback(code)) is V.ASK
    assert judge(prompt(success_claimed=True), callback(code, trusted=False)) is V.ASK
    assert judge(prompt(success_claimed=True), callback("0")) is V.CONFIRMS
    assert judge(prompt(success_claimed=True, age_s=100, unpaid_queries=1), query(code)) is V.FAILS


@pytest.mark.parametrize("code", UNPAID)
@pytest.mark.parametrize(
    ("age_s", "unpaid_queries", "expected"),
    [
        (20, 0, V.FAILS_FOR_NOW),
        (20, 5, V.FAILS_FOR_NOW),  # the phone may still ring, however often a query says "failed"
        (89.9, 1, V.FAILS_FOR_NOW),
        (90, 0, V.FAILS_FOR_NOW),  # one query alone was wrong before
        (90, 1, V.FAILS),
        (100_000, 0, V.FAILS_FOR_NOW),
        (100_000, 1, V.FAILS),
    ],
)
def test_a_failure_by_query_is_believed_after_the_prompts_life_when_two_say_so(
    code: str, age_s: float, unpaid_queries: int, expected: Verdict
) -> None:
    assert judge(prompt(age_s=age_s, unpaid_queries=unpaid_queries), query(code)) is expected


@pytest.mark.parametrize("age_s", [0, 20, 100_000])
def test_a_query_that_says_paid_confirms(age_s: float) -> None:
    assert judge(prompt(age_s=age_s, unpaid_queries=4), query("0")) is V.CONFIRMS


MEANS: Final[dict[Verdict, tuple[PromptEvent | None, bool]]] = {
    V.CONFIRMS: (PromptEvent.CONFIRMED, False),
    V.FAILS: (PromptEvent.FAILED, False),
    V.FAILS_FOR_NOW: (None, False),
    V.NO_NEWS: (None, False),
    V.ASK: (None, True),
    V.ASK_DIFFERS: (None, True),
    V.AMOUNT_DIFFERS: (PromptEvent.DOUBTED, True),
    V.PHONE_DIFFERS: (PromptEvent.DOUBTED, True),
    V.OTHER_PROMPT: (None, True),
    V.NO_RECEIPT: (None, True),
    V.NUMBER_TAKEN: (None, True),
}


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_has_its_event_and_says_whether_to_ask(verdict: Verdict) -> None:
    assert (verdict.event, verdict.asks) == MEANS[verdict]


def test_only_a_whole_trusted_success_or_a_query_makes_money() -> None:
    """The whole product of what a callback can say: exactly one kind confirms."""
    every = product((True, False), (OURS, THEIRS, "x"), (AMOUNT, Money(1), None), (NUMBER, None), (True, False))
    for trusted, checkout, amount, number, phone_agrees in every:
        report = callback(
            trusted=trusted,
            checkout_request_id=checkout,
            amount=amount,
            receipt_number=number,
            phone_shown=PHONE if phone_agrees else "254708001032",
        )
        whole = trusted and checkout == OURS and amount == AMOUNT and number == NUMBER and phone_agrees

        assert (judge(prompt(), report) is V.CONFIRMS) is whole, report


# --- when to ask ---------------------------------------------------------------------------------------------------

SCHEDULE: Final = (20, 40, 75, 100, 150, 450, 750, 1050, 1350, 1650, 1800)
LATE: Final = (5400, 9000, 12600, 16200)


def test_the_schedule_of_queries() -> None:
    """At 20, 40, 75, 100 and 150 s, then every five minutes, the last after half an hour."""
    asked: list[float] = []
    age: float | None = 0
    while (age := next_query_s(age)) is not None:
        asked.append(age)

    assert tuple(asked) == SCHEDULE


@pytest.mark.parametrize("due", SCHEDULE)
def test_the_next_query_is_the_first_one_later_than_now(due: int) -> None:
    place = SCHEDULE.index(due)
    following = SCHEDULE[place + 1] if place + 1 < len(SCHEDULE) else None

    assert next_query_s(due - 0.001) == due
    assert next_query_s(due) == following
    assert next_query_s(due + 0.001) == following


@pytest.mark.parametrize("age_s", [1800, 1800.5, 1801, 10**9])
def test_after_half_an_hour_a_person_takes_over(age_s: float) -> None:
    assert next_query_s(age_s) is None


def test_a_prompt_in_review_is_asked_about_every_hour_of_a_day() -> None:
    asked: list[float] = []
    age: float | None = 0
    while (age := next_late_query_s(age)) is not None:
        asked.append(age)

    assert tuple(asked[: len(SCHEDULE) + len(LATE)]) == SCHEDULE + LATE
    assert {later - earlier for earlier, later in pairwise(asked[len(SCHEDULE) - 1 :])} == {3600}
    assert asked[-1] == 1800 + 24 * 3600
