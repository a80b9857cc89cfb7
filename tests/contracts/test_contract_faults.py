"""Every fault that the simulator knows, and what the client makes of it: a table that nobody may fall out of.

The simulator's own kinds, presets and shapes are the rows, so that a new one without its outcome fails here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from rufaa.daraja.client import Daraja, MemoryTokens, Timeouts, new_session
from rufaa.daraja.messages import Malformed, StkCallback
from rufaa.daraja.outcomes import Accepted, Answered, Because, Declined, NoNews, NotSent, PushOutcome, Unknown
from rufaa.money import Money
from rufaa.simulator.faults import KINDS, Fault, FaultKind, Operation, Slot
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import SHAPES
from support import FEE, PAYS, RINGS, pushes

CANCELS: Final = "254708001032"


def named(outcome: object) -> str:
    """``Unknown http-503``, ``Declined token 404.001.03``, ``Answered 0``"""
    match outcome:
        case Declined():
            return f"Declined {outcome.because} {outcome.code}"
        case NotSent() | Unknown() | NoNews():
            return f"{type(outcome).__name__} {outcome.code}"
        case Answered():
            return f"Answered {outcome.result_code}"
        case _:
            return type(outcome).__name__


# --- presets: what a push is, what a query is, and how often the push was POSTed


@dataclass(frozen=True)
class Means:
    push: str
    query: str
    posted: int = 1


def throttled(code: str) -> Means:
    return Means(f"NotSent {code}", f"NoNews {code}")


def refused(because: Because, code: str, *, posted: int = 1) -> Means:
    return Means(f"Declined {because} {code}", f"NoNews {code}", posted)


def unclear(code: str) -> Means:
    return Means(f"Unknown {code}", f"NoNews {code}")


OUTCOMES: Final = {
    "apigee-spike-arrest": throttled("policies.ratelimit.SpikeArrestViolation"),
    "apigee-quota": throttled("policies.ratelimit.QuotaViolation"),
    "too-many-requests": throttled("http-429"),
    "spike-arrest": throttled("500.003.02"),
    "quota": throttled("500.003.03"),
    "bad-request": refused(Because.BAD_REQUEST, "400.002.02"),
    "invalid-checkout-id": refused(Because.BAD_REQUEST, "400.002.02"),
    "stale-token": refused(Because.TOKEN, "404.001.03", posted=2),
    "stale-token-400": refused(Because.TOKEN, "400.003.01", posted=2),
    "stale-token-401": refused(Because.TOKEN, "401.002.01", posted=2),
    "no-product": refused(Because.ACCOUNT, "401.003.01"),
    "no-merchant": refused(Because.ACCOUNT, "500.001.1001"),
    "wrong-credentials": refused(Because.ACCOUNT, "500.001.1001"),
    "phone-locked": refused(Because.PHONE_BUSY, "500.001.1001"),
    "bare-1001": unclear("500.001.1001"),
    "bare-1001-200": unclear("500.001.1001"),
    "being-processed": unclear("500.001.1001"),
    "does-not-exist": unclear("500.001.1001"),
    "system-busy": unclear("500.003.02"),
    "internal-error": unclear("500.003.1001"),
    "internal-error-200": unclear("500.003.1001"),
    "maintenance": unclear("500.002.1001"),
    "apigee-outage": unclear("http-500"),  # its own code is too long to be kept
    "apigee-timeout": unclear("http-504"),
    "soap-fault": unclear("http-500"),
    "html-403": unclear("http-403"),
    "html-503": unclear("http-503"),
    "html-200": unclear("http-200"),
    "empty-200": unclear("http-200"),
    "empty-object": Means("Unknown http-200", "NoNews no-result"),
    "no-id": Means("Unknown no-checkout-id", "NoNews no-result"),
    "redirect": Means("Unknown http-302", "NoNews http-302"),
}


@pytest.mark.fault(8)
def test_each_preset_has_its_outcome() -> None:
    assert list(OUTCOMES) == list(PRESETS)


@pytest.mark.parametrize("name", list(OUTCOMES))
def test_a_preset_is_one_outcome_of_a_push(one: Any, name: str) -> None:
    means = OUTCOMES[name]
    one.simulator.script(Fault(FaultKind.ANSWER_PRESET, preset=name, count=means.posted))

    assert named(one.push()) == means.push
    assert (pushes(one.simulator), len(one.simulator.prompts())) == (means.posted, 0)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.may_ring])
def test_what_may_ring_is_never_called_not_sent(one: Any, name: str) -> None:
    """The answer is the same where the prompt rings, so it must be Unknown in both cases."""
    one.simulator.script(Fault(FaultKind.ANSWER_PRESET, preset=name, accepted=True))

    assert isinstance(one.push(), Unknown)
    assert (pushes(one.simulator), len(one.simulator.prompts())) == (1, 1)


@pytest.mark.parametrize("name", list(OUTCOMES))
def test_a_preset_is_no_news_of_a_query(one: Any, name: str) -> None:
    asked = accepted(one.push(PAYS)).checkout_request_id
    one.simulator.advance(2)
    means = OUTCOMES[name]
    one.simulator.script(Fault(FaultKind.ANSWER_PRESET, preset=name, on=Operation.QUERY, count=means.posted))

    assert named(one.query(asked)) == means.query
    assert named(one.query(asked)) == "Answered 0"


@pytest.mark.parametrize("name", list(OUTCOMES))
def test_a_preset_instead_of_a_token_means_that_nothing_was_sent(one: Any, name: str) -> None:
    one.simulator.script(Fault(FaultKind.ANSWER_PRESET, preset=name, on=Operation.TOKEN))

    assert isinstance(one.push(), NotSent)
    assert pushes(one.simulator) == 0
    assert isinstance(one.push(), Accepted)


def accepted(outcome: PushOutcome) -> Accepted:
    assert isinstance(outcome, Accepted), outcome
    return outcome


# --- answers

ANSWERS: Final[dict[FaultKind, tuple[dict[str, Any], str, int]]] = {  # parameters, outcome of a push, prompts
    FaultKind.CALLBACK_FIRST: ({}, "Accepted", 1),
    FaultKind.REQUEST_LOST: ({}, "Unknown connection-lost", 0),
    FaultKind.ANSWER_LOST: ({}, "Unknown connection-lost", 1),
    FaultKind.ANSWER_DELAYED: ({"delay_s": 60}, "Unknown timeout", 1),
    FaultKind.ANSWER_TRUNCATED: ({}, "Unknown http-200", 1),
    FaultKind.ANSWER_TORN: ({}, "Unknown connection-lost", 1),
    FaultKind.ANSWER_REPLACED: ({"accepted": True}, "Unknown http-503", 1),
    FaultKind.ANSWER_PRESET: ({"preset": "html-403"}, "Unknown http-403", 0),
    FaultKind.ID_REPEATED: ({}, "Accepted", 1),
    FaultKind.TOKEN_KILLED: ({}, "Accepted", 1),
    FaultKind.TOKEN_SHORT_LIVED: ({}, "Declined token 404.001.03", 0),
}


@pytest.mark.fault(8)
def test_each_fault_of_an_answer_has_its_outcome() -> None:
    assert list(ANSWERS) == [kind for kind, about in KINDS.items() if about.slot is Slot.ANSWER]


def impatient(one: Any, phone: str) -> PushOutcome:
    """A push that does not wait for ever: the simulator's clock stands still."""

    async def main() -> PushOutcome:
        async with new_session() as session:
            daraja = Daraja(session, timeouts=Timeouts(connect_s=3, total_s=3))
            outcome: PushOutcome = await one.pushing(daraja, MemoryTokens(daraja, one.account), phone)
            return outcome

    return asyncio.run(main())


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_a_fault_of_an_answer_is_one_outcome_of_a_push(one: Any, kind: FaultKind) -> None:
    parameters, outcome, prompts = ANSWERS[kind]
    count = 2 if kind is FaultKind.TOKEN_SHORT_LIVED else 1
    one.simulator.script(Fault(kind, count=count, **parameters))

    pushed = impatient(one, PAYS) if kind is FaultKind.ANSWER_DELAYED else one.push(PAYS)

    assert named(pushed) == outcome
    assert len(one.simulator.prompts()) == prompts


def test_an_id_that_was_given_before_is_given_as_it_is(one: Any) -> None:
    """The client cannot know; the database does, whose column is unique."""
    first = accepted(one.push(RINGS)).checkout_request_id
    one.simulator.advance(1)
    one.simulator.script(Fault(FaultKind.ID_REPEATED))

    assert accepted(one.push(PAYS)).checkout_request_id == first


# --- queries

QUERIES: Final[dict[FaultKind, tuple[dict[str, Any], list[str]]]] = {  # parameters, outcomes of four queries
    FaultKind.QUERY_FLAPPING: ({}, ["NoNews 500.001.1001", "Answered 0"] * 2),
    FaultKind.QUERY_WRONG: ({"code": "2001", "times": 2}, ["Answered 2001"] * 2 + ["Answered 0"] * 2),
    FaultKind.QUERY_PROCESSING: ({}, ["NoNews 4999"] * 4),
    FaultKind.QUERY_TOO_EARLY: ({}, ["NoNews 400.002.02"] * 3 + ["Answered 0"]),
}


@pytest.mark.fault(25)
def test_each_fault_of_a_query_has_its_outcomes() -> None:
    assert list(QUERIES) == [kind for kind, about in KINDS.items() if about.slot is Slot.QUERY]


@pytest.mark.parametrize("kind", list(QUERIES))
def test_a_fault_of_the_queries_is_these_outcomes(one: Any, kind: FaultKind) -> None:
    parameters, outcomes = QUERIES[kind]
    asked = accepted(one.push(PAYS)).checkout_request_id
    one.simulator.script(Fault(kind, **parameters))

    said = []
    for _ in outcomes:
        one.simulator.advance(8)
        said.append(named(one.query(asked)))
    assert said == outcomes


def test_under_maintenance_a_push_is_unknown_and_a_query_no_news(one: Any) -> None:
    asked = accepted(one.push(PAYS)).checkout_request_id
    one.simulator.script(Fault(FaultKind.MAINTENANCE, for_s=60))
    heard = set()
    for _ in range(4):
        one.simulator.advance(3)
        heard |= {named(one.push(RINGS)), named(one.query(asked))}
    assert heard == {"Unknown http-503", "Unknown 500.002.1001", "NoNews http-503", "NoNews 500.002.1001"}
    one.simulator.advance(60)
    assert isinstance(one.push(RINGS), Accepted)
    assert named(one.query(asked)) == "Answered 0"


# --- callbacks

WHOLE: Final = ("0", FEE, True, True)  # code, amount, receipt number known, phone known
READ: Final[dict[str, object]] = {
    "no-metadata": ("0", None, False, False),
    "metadata-null": ("0", None, False, False),
    "metadata-list": ("0", None, False, False),
    "items-empty": ("0", None, False, False),
    "items-null": ("0", None, False, False),
    "items-object": ("0", None, False, False),
    "items-reversed": WHOLE,
    "items-more": WHOLE,
    "amount-missing": ("0", None, True, True),
    "amount-no-value": ("0", None, True, True),
    "amount-null": ("0", None, True, True),
    "amount-text": WHOLE,
    "amount-whole": WHOLE,
    "amount-twice": ("0", None, True, True),
    "receipt-missing": ("0", FEE, False, True),
    "receipt-no-value": ("0", FEE, False, True),
    "receipt-null": ("0", FEE, False, True),
    "phone-missing": ("0", FEE, True, False),
    "phone-text": WHOLE,
    "date-missing": WHOLE,
    "date-text": WHOLE,
    "code-text": WHOLE,
    "code-null": "no usable ResultCode",
    "ids-null": "no usable CheckoutRequestID",
    "body-null": "no Body.stkCallback",
    "body-list": "no Body.stkCallback",
    "bare": "no Body.stkCallback",
    "list": "not a JSON object",
    "quoted": "not a JSON object",
    "cut-off": "not JSON",
    "form": "not JSON",
    "empty": "empty",
}


def read(callback: StkCallback | Malformed) -> object:
    if isinstance(callback, Malformed):
        return callback.reason
    number, phone = callback.receipt_number is not None, callback.phone_shown is not None
    return callback.result_code, callback.amount, number, phone


def test_each_shape_is_read_in_its_way() -> None:
    assert list(READ) == list(SHAPES)


@pytest.fixture
def paying(one: Any) -> Callable[..., list[StkCallback | Malformed]]:
    """The callbacks of a payment (or of another phone's answer) that meets these faults."""

    def heard(*faults: Fault, phone: str = PAYS) -> list[StkCallback | Malformed]:
        one.simulator.script(*faults)
        accepted(one.push(phone))
        one.simulator.advance(7300)
        told: list[StkCallback | Malformed] = one.called_back()
        return told

    return heard


@pytest.mark.parametrize("shape", list(READ))
def test_a_shape_is_read_leniently_or_not_at_all(paying: Callable[..., Any], shape: str) -> None:
    (callback,) = paying(Fault(FaultKind.CALLBACK_TAMPERED, shape=shape))

    assert read(callback) == READ[shape]


def test_an_amount_that_was_changed_is_read_as_it_came(paying: Callable[..., Any]) -> None:
    (callback,) = paying(Fault(FaultKind.CALLBACK_TAMPERED, field="amount", value=999.5))

    assert read(callback) == ("0", Money(99_950), True, True)


CODES: Final[dict[FaultKind, tuple[dict[str, Any], str, list[str]]]] = {  # parameters, phone, codes heard in order
    FaultKind.CALLBACK_LOST: ({}, PAYS, []),
    FaultKind.CALLBACK_DELAYED: ({"delay_s": 7200}, PAYS, ["0"]),
    FaultKind.CALLBACK_DUPLICATED: ({"copies": 3, "spacing_s": 3600}, PAYS, ["0", "0", "0"]),
    FaultKind.CALLBACK_REORDERED: ({"count": 2}, PAYS, ["0"]),
    FaultKind.CALLBACK_TAMPERED: ({"field": "result_code", "value": "SFC_IC0003"}, PAYS, ["SFC_IC0003"]),
    FaultKind.CALLBACK_MASKED: ({"phone_form": "masked-middle"}, PAYS, ["0"]),
    FaultKind.CALLBACK_FORGED: ({"forgery": "failure", "code": "2001"}, PAYS, ["2001", "0"]),
    FaultKind.CALLBACK_FAILURE_FIRST: ({}, PAYS, ["1037", "0"]),
    FaultKind.CALLBACK_TWO_FAILURES: ({}, CANCELS, ["1032", "1019"]),
}


def test_each_fault_of_callbacks_is_heard_in_its_way() -> None:
    assert list(CODES) == [kind for kind, about in KINDS.items() if about.slot is Slot.CALLBACK]


@pytest.mark.parametrize("kind", list(CODES))
def test_a_fault_of_callbacks_is_heard_so(paying: Callable[..., Any], kind: FaultKind) -> None:
    parameters, phone, codes = CODES[kind]

    callbacks = paying(Fault(kind, **parameters), phone=phone)

    assert [each.result_code for each in callbacks] == codes
    if codes == ["0", "0", "0"]:
        assert len({each.receipt_number for each in callbacks}) == 1
