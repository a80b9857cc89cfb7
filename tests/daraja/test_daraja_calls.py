"""The calls besides a push and its query, against raw sockets: what leaves, and one outcome for whatever comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daraja.certificates import PASSWORD, Safaricom
from daraja.far_side import STALE, TOKEN, Far, Tokens, answering, client, cutting, http, in_loop, serving
from rufaa.daraja.client import Daraja
from rufaa.daraja.credentials import C2bVersion, Credentials, Environment, PullMethod
from rufaa.daraja.orders import NoInitiator
from rufaa.daraja.outcomes import Because, Declined, NoNews, NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken
from rufaa.daraja.pull import Pulled
from rufaa.daraja.registration import AlreadyRegistered, Registered
from rufaa.daraja.tokens import TokenUnavailable
from rufaa.errors import InvalidArgument
from rufaa.money import Money
from rufaa.phone import Phone

HOST = "https://pay.rufaa.example.com"
START = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)
ACK = {
    "OriginatorConversationID": "refund-1",
    "ConversationID": "AG_20260402_1",
    "ResponseCode": "0",
    "ResponseDescription": "Accept the service request successfully.",
}
ROWS = {"ResponseCode": "1000", "ResponseMessage": "Success", "Response": [[{"transactionId": "TST0000001"}]]}
DONE = {"ResponseCode": "0", "ResponseStatus": "1000", "ResponseDescription": "Success"}
DUPLICATE = {"errorCode": "500.002.1001", "errorMessage": "Duplicate OriginatorConversationID."}

Send = Callable[[Daraja, Credentials, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """One method of the client with good arguments, where it goes, and what a good answer makes of it."""

    name: str
    path: str
    send: Send
    good: dict[str, Any]
    becomes: type

    def __str__(self) -> str:
        return self.name


def call(name: str, path: str, good: dict[str, Any], becomes: type, **arguments: Any) -> Call:
    async def send(daraja: Daraja, account: Credentials, tokens: Any) -> Any:
        return await getattr(daraja, name)(account, tokens, **arguments)

    return Call(name, path, send, good, becomes)


ADDRESSES = {"result_url": f"{HOST}/r/1", "timeout_url": f"{HOST}/t/1"}
REVERSE = call(
    "reverse", "/mpesa/reversal/v1/request", ACK, Acknowledged,
    **ADDRESSES, receipt_number="TST0000001", amount=Money(100_000), remarks="Refund",
)  # fmt: skip
B2C = call(
    "b2c", "/mpesa/b2c/v3/paymentrequest", ACK, Acknowledged,
    **ADDRESSES, originator_conversation_id="refund-1", phone=Phone("254708374149"), amount=Money(100_000),
    remarks="Refund",
)  # fmt: skip
STATUS = call(
    "transaction_status", "/mpesa/transactionstatus/v1/query", ACK, Acknowledged,
    **ADDRESSES, receipt_number="TST0000001",
)  # fmt: skip
REGISTER = call(
    "register_c2b", "/mpesa/c2b/v2/registerurl", DONE, Registered,
    confirmation_url=f"{HOST}/c/1", validation_url=f"{HOST}/v/1",
)  # fmt: skip
SIMULATE = call(
    "simulate_c2b", "/mpesa/c2b/v2/simulate", ACK, Acknowledged,
    phone=Phone("254708374149"), amount=Money(100_000), account_reference="ACEFGHJK",
)  # fmt: skip
PULL_REGISTER = call("pull_register", "/pulltransactions/v1/register", DONE, Registered, callback_url=f"{HOST}/p/1")
PULL = call(
    "pull_query", "/pulltransactions/v1/query", ROWS, Pulled, start=START, end=START + timedelta(hours=48)
)  # fmt: skip

ORDERS = [REVERSE, B2C, STATUS]
SENT = [*ORDERS, REGISTER, SIMULATE, PULL_REGISTER]  # those that are Unknown when their answer is lost
EVERY = [*SENT, PULL]


def each(calls: list[Call]) -> Any:
    return pytest.mark.parametrize("one", calls, ids=str)


async def sent(one: Call, daraja: Daraja, account: Credentials, url: str, tokens: Any = None) -> Any:
    return await one.send(daraja, replace(account, base_url=url), tokens or Tokens())


def is_lost(outcome: object) -> bool:
    """Unknown; for a pull, which only reads, no news without a wait."""
    return isinstance(outcome, Unknown) or (isinstance(outcome, NoNews) and outcome.retry_after_s is None)


def is_not_sent(outcome: object) -> bool:
    return isinstance(outcome, NotSent | NoNews) and outcome.retry_after_s is not None


# ---------------------------------------------------------------- what leaves


@each(EVERY)
@in_loop
async def test_a_call_goes_to_its_address_and_a_good_answer_is_good(ordering: Credentials, one: Call) -> None:
    async with serving(answering(http(200, one.good))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert type(outcome) is one.becomes
    assert json.loads(outcome.exchange.body) == one.good
    (request,) = far.requests
    assert request.line == f"POST {one.path} HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"


@each(ORDERS)
@in_loop
async def test_an_order_carries_a_credential_that_only_safaricom_opens(
    ordering: Credentials, safaricom: Safaricom, one: Call
) -> None:
    async with serving(answering(http(200, ACK))) as far, client() as daraja:
        first = await sent(one, daraja, ordering, far.url)
        await sent(one, daraja, ordering, far.url)
    assert (first.conversation_id, first.originator_conversation_id) == ("AG_20260402_1", "refund-1")
    credentials = [request.json["SecurityCredential"] for request in far.requests]
    assert [safaricom.opens(base64.b64decode(credential)) for credential in credentials] == [PASSWORD, PASSWORD]
    assert credentials[0] != credentials[1]
    assert PASSWORD.encode() not in far.requests[0].body


@in_loop
async def test_the_bodies_are_those_of_the_builders(ordering: Credentials) -> None:
    async with serving(answering(http(200, {**ACK, **DONE, **ROWS}))) as far, client() as daraja:
        for one in EVERY:
            await sent(one, daraja, ordering, far.url)
    keys = {request.line.split()[1]: sorted(request.json) for request in far.requests}
    addresses = ["QueueTimeOutURL", "Remarks", "ResultURL", "SecurityCredential"]
    assert keys == {
        REVERSE.path: sorted(
            [*addresses, "Amount", "CommandID", "Initiator", "ReceiverParty", "RecieverIdentifierType", "TransactionID"]
        ),
        B2C.path: sorted(
            [*addresses, "Amount", "CommandID", "InitiatorName", "OriginatorConversationID", "PartyA", "PartyB"]
        ),
        STATUS.path: sorted([*addresses, "CommandID", "IdentifierType", "Initiator", "PartyA", "TransactionID"]),
        REGISTER.path: ["ConfirmationURL", "ResponseType", "ShortCode", "ValidationURL"],
        SIMULATE.path: ["Amount", "BillRefNumber", "CommandID", "Msisdn", "ShortCode"],
        PULL_REGISTER.path: ["CallBackURL", "NominatedNumber", "RequestType", "ShortCode"],
        PULL.path: ["EndDate", "OffSetValue", "ShortCode", "StartDate"],
    }
    registered = next(request.json for request in far.requests if request.line.split()[1] == REGISTER.path)
    assert registered["ResponseType"] == "Completed"


@in_loop
async def test_the_account_says_which_c2b_and_which_pull(ordering: Credentials) -> None:
    account = replace(ordering, c2b_version=C2bVersion.V1, pull_method=PullMethod.GET)
    async with serving(answering(http(200, {**ACK, **DONE, **ROWS}))) as far, client() as daraja:
        for one in (REGISTER, SIMULATE, PULL):
            await sent(one, daraja, account, far.url)
    assert [request.line for request in far.requests] == [
        "POST /mpesa/c2b/v1/registerurl HTTP/1.1",
        "POST /mpesa/c2b/v1/simulate HTTP/1.1",
        "GET /pulltransactions/v1/query HTTP/1.1",
    ]
    assert far.requests[2].json["StartDate"] == "2026-04-03 00:30:00"


@each(ORDERS)
@in_loop
async def test_without_an_initiator_nothing_leaves(paybill: Credentials, one: Call) -> None:
    tokens = Tokens()
    async with serving(answering(http(200, ACK))) as far, client() as daraja:
        with pytest.raises(NoInitiator):
            await sent(one, daraja, paybill, far.url, tokens)
    assert (far.connections, tokens.asked) == (0, [])


@in_loop
async def test_wrong_arguments_are_refused_before_anything_is_sent(ordering: Credentials) -> None:
    production = replace(ordering, environment=Environment.PRODUCTION, base_url="https://api.safaricom.co.ke")
    tokens = Tokens()
    wrong: list[Callable[[Daraja], Awaitable[object]]] = [
        lambda daraja: daraja.reverse(
            ordering, tokens, **ADDRESSES, receipt_number="x", amount=Money(100), remarks="Refund"
        ),
        lambda daraja: daraja.transaction_status(ordering, tokens, **ADDRESSES),
        lambda daraja: daraja.pull_query(ordering, tokens, start=START, end=START),
        lambda daraja: SIMULATE.send(daraja, production, tokens),
        lambda daraja: PULL_REGISTER.send(daraja, replace(ordering, nominated_number=None), tokens),
        lambda daraja: daraja.register_c2b(ordering, tokens, confirmation_url=HOST, validation_url=f"{HOST}/exe"),
    ]
    async with client() as daraja:
        for attempt in wrong:
            with pytest.raises(InvalidArgument):
                await attempt(daraja)
    assert tokens.asked == []


# ---------------------------------------------------------------- nothing was written


@each(EVERY)
@in_loop
async def test_a_refused_connection_or_a_missing_token_sent_nothing(ordering: Credentials, one: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        async with client() as daraja:
            outcome = await sent(one, daraja, ordering, f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert is_not_sent(outcome)
    assert (outcome.code, outcome.retry_after_s) == ("not-connected", 5.0)
    async with serving(answering(http(200, one.good))) as far, client() as daraja:
        tokens = Tokens([TokenUnavailable("no", reason="http-503", retry_after_s=9.0)])
        outcome = await sent(one, daraja, ordering, far.url, tokens)
    assert is_not_sent(outcome)
    assert (outcome.code, outcome.retry_after_s, far.connections) == ("http-503", 9.0, 0)


# ---------------------------------------------------------------- something may have been done


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("after", [0, 1, None])
@each(EVERY)
@in_loop
async def test_a_cut_connection_is_unknown_and_never_sent_again(
    ordering: Credentials, one: Call, after: int | None, how: str
) -> None:
    said = b"" if after is not None else http(200, one.good)[:-1]
    async with serving(cutting(after, how=how, said=said)) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert is_lost(outcome), outcome
    assert far.connections == 1


@each(EVERY)
@in_loop
async def test_silence_is_unknown(ordering: Credentials, one: Call) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        await far.read(reader)  # for ever, or until the client hangs up

    async with serving(handler) as far, client(total_s=1.0) as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
        await asyncio.wait_for(far.gone.wait(), 5)
    assert is_lost(outcome)
    assert (outcome.code, len(far.requests)) == ("timeout", 1)


@pytest.mark.parametrize(
    "answer",
    [
        http(500, b""),
        http(502, b"<html>Bad Gateway</html>"),
        http(503, {"errorCode": "500.003.1001", "errorMessage": "Internal Server Error"}),
        http(403, b"<html>blocked</html>"),
        http(200, b"<html>"),
        http(200, b""),
        http(302, b"", "Location: /elsewhere"),
        http(500, {"Envelope": {"Body": {"Fault": {"faultcode": "soap:Server"}}}}),
    ],
)
@each(EVERY)
@in_loop
async def test_an_answer_that_says_nothing_is_unknown_and_nothing_is_sent_again(
    ordering: Credentials, one: Call, answer: bytes
) -> None:
    async with serving(answering(answer)) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert is_lost(outcome), outcome
    assert len(far.requests) == 1


# ---------------------------------------------------------------- certainly refused


@each(SENT)
@in_loop
async def test_a_bad_request_was_not_processed(ordering: Credentials, one: Call) -> None:
    said = {"errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Initiator"}
    async with serving(answering(http(400, said))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.because) == ("400.002.02", Because.BAD_REQUEST)


@each(EVERY)
@in_loop
async def test_a_throttled_call_may_go_again_later(ordering: Credentials, one: Call) -> None:
    async with serving(answering(http(429, b"", "Retry-After: 30"))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert is_not_sent(outcome)
    assert (outcome.retry_after_s, len(far.requests)) == (30.0, 1)


@each(EVERY)
@in_loop
async def test_a_stale_token_is_renewed_once_and_the_same_body_sent_once_more(ordering: Credentials, one: Call) -> None:
    tokens = Tokens()
    async with serving(answering(http(404, STALE), http(200, one.good))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url, tokens)
    assert type(outcome) is one.becomes
    assert tokens.asked == [None, TOKEN]
    assert [request.headers["authorization"] for request in far.requests] == [f"Bearer {TOKEN}", f"Bearer {TOKEN}-2"]
    assert far.requests[0].body == far.requests[1].body

    async with serving(answering(http(404, STALE))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert len(far.requests) == 2
    assert isinstance(outcome, NoNews if one is PULL else Declined)


@each(SENT)
@in_loop
async def test_a_stale_token_next_to_a_sign_of_acceptance_is_not_sent_again(ordering: Credentials, one: Call) -> None:
    said = {**STALE, "ConversationID": "AG_1"}
    async with serving(answering(http(404, said), http(200, one.good))) as far, client() as daraja:
        outcome = await sent(one, daraja, ordering, far.url)
    assert isinstance(outcome, Unknown), outcome
    assert len(far.requests) == 1


@in_loop
async def test_pulls_own_word_for_a_stale_token_is_heard_by_pull_alone(ordering: Credentials) -> None:
    said = {"errorCode": "401.001", "errorMessage": "Invalid Access Token"}
    async with serving(answering(http(401, said), http(200, ROWS))) as far, client() as daraja:
        outcome = await sent(PULL, daraja, ordering, far.url)
    assert isinstance(outcome, Pulled)
    assert len(far.requests) == 2
    async with serving(answering(http(401, said), http(200, ACK))) as far, client() as daraja:
        outcome = await sent(REVERSE, daraja, ordering, far.url)
    assert isinstance(outcome, Unknown)
    assert len(far.requests) == 1


# ---------------------------------------------------------------- each its own


@in_loop
async def test_a_lost_b2c_is_sent_again_under_its_id_and_found_to_be_taken(ordering: Credentials) -> None:
    """The only second sending that is right: the same id, so that Safaricom itself refuses to pay twice."""

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        if len(far.requests) > 1:
            writer.write(http(500, DUPLICATE))

    async with serving(handler) as far, client() as daraja:
        first = await sent(B2C, daraja, ordering, far.url)
        second = await sent(B2C, daraja, ordering, far.url)
    assert isinstance(first, Unknown)
    assert isinstance(second, AlreadyTaken)
    assert {request.json["OriginatorConversationID"] for request in far.requests} == {"refund-1"}


@in_loop
async def test_a_duplicate_means_nothing_to_what_carries_no_id_of_ours(ordering: Credentials) -> None:
    async with serving(answering(http(500, DUPLICATE))) as far, client() as daraja:
        for one in (REVERSE, STATUS):
            assert isinstance(await sent(one, daraja, ordering, far.url), Unknown)


@in_loop
async def test_a_second_registration_is_no_failure(ordering: Credentials) -> None:
    there = {"errorCode": "500.003.1001", "errorMessage": "Urls are already registered"}
    async with serving(answering(http(500, there), http(200, {"ResponseStatus": "1001"}))) as far, client() as daraja:
        c2b = await sent(REGISTER, daraja, ordering, far.url)
        pull = await sent(PULL_REGISTER, daraja, ordering, far.url)
    assert isinstance(c2b, AlreadyRegistered)
    assert isinstance(pull, AlreadyRegistered)


@in_loop
async def test_a_pull_may_be_long_and_nothing_else_may(ordering: Credentials) -> None:
    long = http(200, {**ROWS, **ACK, "ResponseCode": "1000", "Padding": "x" * 1_000_000})
    longer = http(200, {**ROWS, "Padding": "x" * 5_000_000})
    async with serving(answering(long, long, longer)) as far, client() as daraja:
        pulled = await sent(PULL, daraja, ordering, far.url)
        status = await sent(STATUS, daraja, ordering, far.url)
        too_long = await sent(PULL, daraja, ordering, far.url)
    assert isinstance(pulled, Pulled)
    assert len(pulled.rows) == 1
    assert isinstance(status, Unknown)
    assert (status.code, too_long.code) == ("too-long", "too-long")


@in_loop
async def test_no_secret_comes_back_in_an_outcome(ordering: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await far.read(reader)
        told = " ".join((request.headers["authorization"], request.json["SecurityCredential"], PASSWORD))
        writer.write(http(400, {"errorCode": "400.002.02", "errorMessage": f"Invalid {told}"}))

    async with serving(handler) as far, client() as daraja:
        outcome = await sent(REVERSE, daraja, ordering, far.url)
    assert isinstance(outcome, Declined)
    assert outcome.message == "Invalid Bearer [secret] [secret] [secret]"
    for secret in (TOKEN, far.requests[0].json["SecurityCredential"], PASSWORD):
        assert secret.encode() not in outcome.exchange.body
    assert ordering.certificate is not None
    assert ordering.certificate not in repr(ordering)
    assert PASSWORD not in repr(ordering)
