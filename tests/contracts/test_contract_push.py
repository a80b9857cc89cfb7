"""Token and push: each answer of the simulator is one outcome of the client; a push arrives as often as it should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ports import free_port
from rufaa import clock
from rufaa.daraja import messages
from rufaa.daraja.client import PUSH_PATH, Daraja, MemoryTokens, Timeouts, new_session
from rufaa.daraja.outcomes import Accepted, Because, Declined, NotSent, PushOutcome, Unknown, classify_push
from rufaa.daraja.tokens import TokenUnavailable
from rufaa.phone import Phone
from rufaa.simulator.config import LimitForm, Rate
from rufaa.simulator.faults import Fault, FaultKind, Operation
from support import FEE, RINGS, pushes, requests_to

TOKEN = "/oauth/v1/generate"
Open = Callable[..., Any]


def declined(outcome: PushOutcome) -> tuple[str, Because]:
    assert isinstance(outcome, Declined), outcome
    return outcome.code, outcome.because


def test_a_token_is_fetched_and_lives_an_hour(one: Any) -> None:
    fetched = one.run(lambda daraja, _: daraja.fetch_token(one.account))

    assert (len(fetched.access_token), fetched.expires_in_s) == (28, 3599)


@pytest.mark.parametrize("changes", [{"consumer_secret": "wrong"}, {"consumer_key": "nobody"}])
def test_wrong_keys_give_no_token_and_no_push_leaves(one: Any, changes: dict[str, str]) -> None:
    wrong = replace(one.account, **changes)
    with pytest.raises(TokenUnavailable) as caught:
        one.run(lambda daraja, _: daraja.fetch_token(wrong))
    assert (caught.value.reason, caught.value.retry_after_s) == ("400.008.01", 60)

    one.account = wrong
    outcome = one.push()
    assert isinstance(outcome, NotSent)
    assert (outcome.code, pushes(one.simulator)) == ("400.008.01", 0)


def test_an_accepted_push_rings_as_it_was_asked(one: Any) -> None:
    outcome = one.push(account_reference="ABCDEFGHJKM2")

    assert isinstance(outcome, Accepted)
    (prompt,) = one.simulator.prompts()
    assert outcome.checkout_request_id == prompt.checkout_request_id
    assert outcome.merchant_request_id == prompt.merchant_request_id
    assert (prompt.phone, prompt.payer, prompt.amount) == (RINGS, RINGS, FEE)
    assert (prompt.short_code, prompt.account_reference) == ("174379", "ABCDEFGHJKM2")
    assert prompt.callback_url == one.callback_url
    assert pushes(one.simulator) == 1


def raw(one: Any, body: bytes, *, path: str = PUSH_PATH) -> PushOutcome:
    """A push whose body the client would not make itself."""

    async def work(daraja: Daraja, tokens: MemoryTokens) -> PushOutcome:
        came = await daraja._post(one.account, tokens, path=path, body=body, at=one.simulator.now())
        return classify_push(came.exchange, headers={})

    outcome: PushOutcome = one.run(work)
    return outcome


def body(one: Any, **changes: object) -> bytes:
    made = messages.push_request(
        one.account,
        phone=Phone(RINGS),
        amount=FEE,
        account_reference="ABC123",
        description="Referral fee",
        callback_url=one.callback_url,
        at=one.simulator.now(),
    )
    return json.dumps({**json.loads(made), **changes}).encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BusinessShortCode", "1743"),
        ("BusinessShortCode", None),
        ("Password", ""),
        ("Timestamp", "20261399000000"),
        ("TransactionType", "CustomerPayBill"),
        ("Amount", "0"),
        ("Amount", "250001"),
        ("Amount", "10.5"),
        ("PartyA", "0708374149"),
        ("PartyB", "x"),
        ("PhoneNumber", "254208374149"),
        ("CallBackURL", "http://127.0.0.1/query"),
        ("CallBackURL", "ftp://127.0.0.1/h"),
        ("AccountReference", "ABCDEFGHJKM23"),
        ("TransactionDesc", "Fourteen chars"),
    ],
)
def test_each_field_that_daraja_refuses_is_a_final_refusal_with_its_name(one: Any, field: str, value: object) -> None:
    outcome = raw(one, body(one, **{field: value}))

    assert declined(outcome) == ("400.002.02", Because.BAD_REQUEST)
    assert isinstance(outcome, Declined)
    assert outcome.message == f"Bad Request - Invalid {field}"
    assert one.simulator.prompts() == []


def test_a_stamp_of_another_hour_is_refused(one: Any) -> None:
    """UTC for EAT is three hours off: the mistake that every integration makes once (daraja.md §3)."""
    outcome = one.push(at=one.simulator.now() - timedelta(hours=3))

    assert declined(outcome) == ("400.002.02", Because.BAD_REQUEST)
    assert outcome.message == "Bad Request - Invalid Timestamp"


def test_no_json_and_no_such_address_are_final_refusals(one: Any) -> None:
    assert declined(raw(one, b"{")) == ("400.002.05", Because.BAD_REQUEST)
    assert declined(raw(one, b"{}", path="/mpesa/nowhere")) == ("404.001.01", Because.BAD_REQUEST)


@pytest.mark.fault(11)
@pytest.mark.parametrize("changes", [{"short_code": "600100"}, {"passkey": "wrong-passkey"}])
def test_an_account_that_is_set_up_wrong_is_a_final_refusal_and_an_alarm(one: Any, changes: dict[str, str]) -> None:
    assert declined(one.push(**changes)) == ("500.001.1001", Because.ACCOUNT)
    assert one.simulator.prompts() == []


def test_a_phone_that_is_being_asked_is_busy(one: Any) -> None:
    assert isinstance(one.push(), Accepted)

    outcome = one.push()

    assert declined(outcome) == ("500.001.1001", Because.PHONE_BUSY)
    assert outcome.phone_busy
    assert len(one.simulator.prompts()) == 1


@pytest.mark.parametrize(
    ("form", "code"),
    [(LimitForm.APIGEE, "policies.ratelimit.SpikeArrestViolation"), (LimitForm.ENVELOPE, "500.003.02")],
)
def test_a_throttled_push_was_not_sent_in_both_forms(merchant: Open, form: LimitForm, code: str) -> None:
    one = merchant(push_rate=Rate(messages=5, period_s=60), push_limit_form=form)
    assert isinstance(one.push(), Accepted)

    outcome = one.push("254708004999")

    assert isinstance(outcome, NotSent)
    assert (outcome.code, outcome.retry_after_s) == (code, 12)
    assert len(one.simulator.prompts()) == 1
    one.simulator.advance(outcome.retry_after_s)
    assert isinstance(one.push("254708004999"), Accepted)


@pytest.mark.fault(9)
@pytest.mark.parametrize("dead", ["killed by a newer one", "expired", "of nobody"])
def test_a_dead_token_is_renewed_once_and_the_push_rings_once(one: Any, dead: str) -> None:
    async def work(daraja: Daraja, tokens: MemoryTokens) -> tuple[PushOutcome, PushOutcome]:
        first = await one.pushing(daraja, tokens, RINGS)
        if dead == "killed by a newer one":
            await daraja.fetch_token(one.account)
        elif dead == "expired":
            await asyncio.to_thread(one.simulator.advance, 3600)
        else:
            assert tokens._held is not None
            tokens._held = replace(tokens._held, access_token="a-token-of-nobody-at-all-1234")
        return first, await one.pushing(daraja, tokens, "254708004999")

    first, second = one.run(work)

    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert len(requests_to(one.simulator, TOKEN)) == (3 if dead == "killed by a newer one" else 2)
    assert pushes(one.simulator) == 3  # accepted, refused for its token, accepted
    assert len(one.simulator.prompts()) == 2


def test_a_token_that_is_refused_twice_is_a_final_refusal(one: Any) -> None:
    stale = '{"requestId": "r", "errorCode": "404.001.03", "errorMessage": "Invalid Access Token"}'
    one.simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=404, body=stale, count=2))

    assert declined(one.push()) == ("404.001.03", Because.TOKEN)
    assert (pushes(one.simulator), one.simulator.prompts()) == (2, [])


@pytest.mark.parametrize(
    ("fault", "rings"),
    [
        (Fault(FaultKind.ANSWER_LOST), 1),
        (Fault(FaultKind.ANSWER_REPLACED), 0),
        (Fault(FaultKind.ANSWER_REPLACED, accepted=True), 1),
        (Fault(FaultKind.ANSWER_REPLACED, status=200, body="", accepted=True), 1),
        (Fault(FaultKind.ANSWER_REPLACED, status=200, body='{"ResponseCode": "0", "Che', accepted=True), 1),
        (Fault(FaultKind.ANSWER_REPLACED, status=502, body="{}"), 0),
        (
            Fault(
                FaultKind.ANSWER_REPLACED,
                status=500,
                body='{"errorCode": "500.003.02", "errorMessage": "System is busy. Please try again in few minutes."}',
            ),
            0,
        ),
        (
            Fault(
                FaultKind.ANSWER_REPLACED,
                status=500,
                body='{"errorCode": "500.001.1001", "errorMessage": "Internal Server Error"}',
            ),
            0,
        ),
    ],
)
def test_whatever_is_unclear_is_unknown_and_sent_once(one: Any, fault: Fault, rings: int) -> None:
    one.simulator.script(fault)

    assert isinstance(one.push(), Unknown)

    assert (pushes(one.simulator), len(one.simulator.prompts())) == (1, rings)


@pytest.mark.fault(3)
def test_an_answer_that_comes_too_late_is_unknown(one: Any) -> None:
    one.simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=60))

    async def main() -> PushOutcome:
        async with new_session() as session:
            daraja = Daraja(session, timeouts=Timeouts(connect_s=3, total_s=3))
            outcome: PushOutcome = await one.pushing(daraja, MemoryTokens(daraja, one.account))
            return outcome

    outcome = asyncio.run(main())

    assert isinstance(outcome, Unknown)
    assert (outcome.code, len(one.simulator.prompts())) == ("timeout", 1)


def test_nobody_there_means_that_nothing_was_sent(one: Any) -> None:
    one.account = replace(one.account, base_url=f"http://127.0.0.1:{free_port()}")

    outcome = one.push()

    assert isinstance(outcome, NotSent)
    assert outcome.code == "not-connected"


def test_a_token_endpoint_that_fails_means_that_nothing_was_sent(one: Any) -> None:
    one.simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.TOKEN))

    outcome = one.push()

    assert isinstance(outcome, NotSent)
    assert (outcome.code, pushes(one.simulator)) == ("http-503", 0)


def test_the_stamp_on_the_wire_is_nairobis(one: Any) -> None:
    one.push()

    (sent,) = requests_to(one.simulator, PUSH_PATH)
    assert json.loads(sent["body"])["Timestamp"] == clock.daraja_timestamp(one.simulator.now())
