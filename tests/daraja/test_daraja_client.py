"""The client against raw sockets: whatever the network does is one outcome, and no push leaves twice by accident."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from daraja.far_side import STALE, TOKEN, Far, Tokens, answering, client, cutting, http, in_loop, reset, serving
from rufaa.daraja.client import Daraja, MemoryTokens
from rufaa.daraja.credentials import AccountKind, Credentials
from rufaa.daraja.messages import InvalidAccountReference, InvalidCallbackUrl, InvalidDescription
from rufaa.daraja.outcomes import (
    Accepted,
    Answered,
    Because,
    Declined,
    NoNews,
    NotSent,
    PushOutcome,
    QueryOutcome,
    Unknown,
)
from rufaa.daraja.tokens import TokenUnavailable
from rufaa.errors import InvalidArgument
from rufaa.money import InvalidAmount, Money
from rufaa.phone import InvalidPhone, Phone

ID = "ws_CO_02042026115959000708374149"
AT = datetime(2026, 4, 2, 21, 30, tzinfo=UTC)  # 3 April 00:30 in Nairobi
ACCEPTANCE = {
    "MerchantRequestID": "m-1",
    "CheckoutRequestID": ID,
    "ResponseCode": "0",
    "ResponseDescription": "Success. Request accepted for processing",
    "CustomerMessage": "Success",
}


# ---------------------------------------------------------------- the near side


async def push(daraja: Daraja, account: Credentials, url: str, tokens: Any = None, **changed: Any) -> PushOutcome:
    arguments: dict[str, Any] = {
        "phone": Phone("254708374149"),
        "amount": Money(100_000),
        "account_reference": "ACEFGHJK",
        "description": "Referral fee",
        "callback_url": "https://pay.rufaa.example.com/h/0123abcd",
        "at": AT,
    }
    return await daraja.stk_push(replace(account, base_url=url), tokens or Tokens(), **(arguments | changed))


async def query(daraja: Daraja, account: Credentials, url: str, tokens: Any = None) -> QueryOutcome:
    return await daraja.stk_query(replace(account, base_url=url), tokens or Tokens(), checkout_request_id=ID, at=AT)


# ---------------------------------------------------------------- what is sent


@in_loop
async def test_a_push_as_daraja_wants_it(paybill: Credentials) -> None:
    async with serving(answering(http(200, ACCEPTANCE))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Accepted)
    assert (outcome.merchant_request_id, outcome.checkout_request_id, outcome.customer_message) == (
        "m-1",
        ID,
        "Success",
    )
    assert outcome.exchange.status == 200
    assert json.loads(outcome.exchange.body) == ACCEPTANCE
    assert outcome.exchange.took_s >= 0
    assert outcome.exchange.started_at.tzinfo is UTC
    (request,) = far.requests
    assert request.line == "POST /mpesa/stkpush/v1/processrequest HTTP/1.1"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    sent = request.json
    password = sent.pop("Password")
    assert base64.b64decode(password) == b"600100test-passkey-012345678920260403003000"
    assert sent == {
        "BusinessShortCode": "600100",
        "Timestamp": "20260403003000",
        "TransactionType": "CustomerPayBillOnline",
        "Amount": "1000",
        "PartyA": "254708374149",
        "PartyB": "600100",
        "PhoneNumber": "254708374149",
        "CallBackURL": "https://pay.rufaa.example.com/h/0123abcd",
        "AccountReference": "ACEFGHJK",
        "TransactionDesc": "Referral fee",
    }


@in_loop
async def test_a_till_is_paid_by_its_till_number(paybill: Credentials) -> None:
    till = replace(paybill, kind=AccountKind.TILL, till_number="5001234")
    async with serving(answering(http(200, ACCEPTANCE))) as far, client() as daraja:
        await push(daraja, till, far.url, description="")
    sent = far.requests[0].json
    assert (sent["BusinessShortCode"], sent["PartyB"]) == ("600100", "5001234")
    assert sent["TransactionType"] == "CustomerBuyGoodsOnline"
    assert "TransactionDesc" not in sent


@in_loop
async def test_a_query_as_daraja_wants_it(paybill: Credentials) -> None:
    result = {**ACCEPTANCE, "ResultCode": "0", "ResultDesc": "done"}
    async with serving(answering(http(200, result))) as far, client() as daraja:
        outcome = await query(daraja, paybill, far.url)
    assert isinstance(outcome, Answered)
    assert (outcome.result_code, outcome.checkout_request_id) == ("0", ID)
    assert far.requests[0].line == "POST /mpesa/stkpushquery/v1/query HTTP/1.1"
    assert sorted(far.requests[0].json) == ["BusinessShortCode", "CheckoutRequestID", "Password", "Timestamp"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"phone": Phone("0708374149")}, InvalidPhone),
        ({"phone": Phone("25470837414")}, InvalidPhone),
        ({"phone": Phone("254808374149")}, InvalidPhone),
        ({"phone": Phone("254708374149\n")}, InvalidPhone),
        ({"phone": Phone("2547083741\u0664\u0669")}, InvalidPhone),
        ({"amount": Money(0)}, InvalidAmount),
        ({"amount": Money(-100)}, InvalidAmount),
        ({"amount": Money(150)}, InvalidAmount),
        ({"amount": Money(25_000_100)}, InvalidAmount),
        ({"account_reference": ""}, InvalidAccountReference),
        ({"account_reference": "A" * 13}, InvalidAccountReference),
        ({"account_reference": "A_B"}, InvalidAccountReference),
        ({"account_reference": "AB\n"}, InvalidAccountReference),
        ({"description": "A" * 14}, InvalidDescription),
        ({"description": "fee & tax"}, InvalidDescription),
        ({"callback_url": "https://pay.rufaa.example.com/mpesa"}, InvalidCallbackUrl),
        ({"at": datetime(2026, 4, 2, 21, 30)}, InvalidArgument),  # noqa: DTZ001 - naive on purpose
    ],
)
@in_loop
async def test_wrong_arguments_are_refused_before_anything_is_sent(
    paybill: Credentials, changed: dict[str, Any], error: type[InvalidArgument]
) -> None:
    tokens = Tokens()
    async with serving(answering(http(200, ACCEPTANCE))) as far, client() as daraja:
        with pytest.raises(error):
            await push(daraja, paybill, far.url, tokens, **changed)
    assert (far.connections, tokens.asked) == (0, [])


@in_loop
async def test_the_limits_themselves_are_allowed(paybill: Credentials) -> None:
    async with serving(answering(http(200, ACCEPTANCE))) as far, client() as daraja:
        for shillings in (1, 250_000):
            outcome = await push(
                daraja, paybill, far.url, amount=Money.from_shillings(shillings), account_reference="A" * 12,
                description="A" * 13,
            )  # fmt: skip
            assert isinstance(outcome, Accepted)
    assert [request.json["Amount"] for request in far.requests] == ["1", "250000"]


@in_loop
async def test_an_id_that_is_none_is_not_asked_for(paybill: Credentials) -> None:
    async with client() as daraja:
        with pytest.raises(InvalidArgument):
            await daraja.stk_query(paybill, Tokens(), checkout_request_id="a b", at=AT)


@in_loop
async def test_cookies_and_proxies_of_the_environment_are_ignored(
    paybill: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(answering(http(200, ACCEPTANCE, "Set-Cookie: visid=1; Path=/"))) as far, client() as daraja:
        assert isinstance(await push(daraja, paybill, far.url), Accepted)
        assert isinstance(await push(daraja, paybill, far.url), Accepted)
    assert [request.headers.get("cookie") for request in far.requests] == [None, None]


@in_loop
async def test_a_session_that_keeps_cookies_is_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ValueError, match="new_session"):
            Daraja(session)


# ---------------------------------------------------------------- nothing was written: NotSent


def not_sent(outcome: PushOutcome, code: str) -> None:
    assert isinstance(outcome, NotSent), outcome
    assert outcome.code == code
    assert outcome.retry_after_s > 0
    assert outcome.exchange.status is None
    assert outcome.exchange.body == b""


@pytest.mark.fault(1)
@in_loop
async def test_connection_refused(paybill: Credentials) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with client() as daraja:
            not_sent(await push(daraja, paybill, url), "not-connected")
            asked = await query(daraja, paybill, url)
    assert isinstance(asked, NoNews)
    assert (asked.code, asked.retry_after_s) == ("not-connected", 5.0)


class Nowhere(AbstractResolver):
    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 - aiohttp's signature
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002
    ) -> list[ResolveResult]:
        raise OSError(f"{host} is not known")

    async def close(self) -> None: ...


@pytest.mark.fault(1)
@in_loop
async def test_name_not_found(paybill: Credentials) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=Nowhere()), cookie_jar=aiohttp.DummyCookieJar()
    )
    async with client(session=session) as daraja:
        not_sent(await push(daraja, paybill, "http://nowhere.test"), "dns")


@in_loop
async def test_no_answer_to_the_connect(paybill: Credentials) -> None:
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in (first, second):  # the queue of one is full: further connects wait
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with client(connect_s=0.2) as daraja:
            outcome = await push(daraja, paybill, url)
            not_sent(outcome, "timeout")
            assert outcome.exchange.took_s < 2  # the budget of the whole call is 5
        async with client(connect_s=5, total_s=0.2) as daraja:
            not_sent(await push(daraja, paybill, url), "timeout")


@pytest.mark.fault(1)
@in_loop
async def test_a_far_side_that_does_not_speak_tls(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handler) as far, client() as daraja:
        not_sent(await push(daraja, paybill, far.url.replace("http", "https")), "tls")


@in_loop
async def test_a_tls_handshake_that_never_ends(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass

    async with serving(handler) as far, client(connect_s=0.2) as daraja:
        not_sent(await push(daraja, paybill, far.url.replace("http", "https")), "timeout")


@pytest.fixture(scope="session")
def unknown_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that nobody vouches for, made here and now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made_at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(made_at - timedelta(days=1))
        .not_valid_after(made_at + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@in_loop
async def test_a_certificate_that_nobody_vouches_for(paybill: Credentials, unknown_certificate: ssl.SSLContext) -> None:
    async with serving(answering(http(200, ACCEPTANCE)), ssl=unknown_certificate) as far, client() as daraja:
        not_sent(await push(daraja, paybill, far.url), "tls")
    assert far.requests == []


@pytest.mark.parametrize(
    ("error", "code", "wait_s"),
    [
        (TokenUnavailable("no", reason="http-503", retry_after_s=9.0), "http-503", 9.0),
        (RuntimeError("the keeper's own fault"), "token-unavailable", 5.0),
        (TimeoutError(), "timeout", 5.0),
    ],
)
@in_loop
async def test_no_token_no_push(paybill: Credentials, error: Exception, code: str, wait_s: float) -> None:
    async with serving(answering(http(200, ACCEPTANCE))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, Tokens([error]))
        asked = await query(daraja, paybill, far.url, Tokens([error]))
    not_sent(outcome, code)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s == wait_s
    assert isinstance(asked, NoNews)
    assert (asked.code, asked.retry_after_s) == (code, wait_s)
    assert far.connections == 0


@in_loop
async def test_a_keeper_that_never_answers_uses_up_the_budget(paybill: Credentials) -> None:
    class Stuck:
        async def token(self, *, rejected: str | None = None) -> str:  # noqa: ARG002 - the keeper's signature
            await asyncio.Event().wait()
            raise AssertionError

    async with serving(answering(http(200, ACCEPTANCE))) as far, client(total_s=0.1) as daraja:
        not_sent(await push(daraja, paybill, far.url, Stuck()), "timeout")
    assert far.connections == 0


@in_loop
async def test_no_time_left_to_send(paybill: Credentials) -> None:
    async with serving(answering(http(200, ACCEPTANCE))) as far, client(total_s=0.0) as daraja:
        not_sent(await push(daraja, paybill, far.url), "timeout")
    assert far.connections == 0


@in_loop
async def test_a_closed_session_sends_nothing(paybill: Credentials) -> None:
    async with client() as daraja:
        pass
    not_sent(await push(daraja, paybill, "http://127.0.0.1:1"), "closed")


# ---------------------------------------------------------------- something may have been written: Unknown


WHOLE = http(200, ACCEPTANCE)
HEAD = WHOLE.index(b"\r\n\r\n") + 4
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.fault(2)
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0, b""),  # at accept
        (1, b""),
        (20, b""),
        (300, b""),
        (None, b""),  # the whole request arrived: the prompt rings
        (None, b"H"),
        (None, WHOLE[:8]),  # half of the status line
        (None, WHOLE[:25]),  # half of the headers
        (None, WHOLE[: HEAD - 2]),
        (None, WHOLE[:HEAD]),
        (None, WHOLE[: HEAD + 40]),  # half of the body
        (None, WHOLE[:-1]),
        (None, CHUNKED + b"10\r\n{"),
        (None, CHUNKED + b"1\r\n{\r\n"),
        (None, UNTIL_CLOSE + WHOLE[HEAD:-1]),
        (None, UNTIL_CLOSE),
        (None, b"not HTTP at all\r\n\r\n"),
        (None, b"HTTP/1.1 999999 X\r\n\r\n"),
        (None, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"),
        (None, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000),
    ],
)
@in_loop
async def test_a_cut_connection_is_unknown_and_never_sent_again(
    paybill: Credentials, after: int | None, said: bytes, how: str
) -> None:
    async with serving(cutting(after, how=how, said=said)) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
        assert isinstance(outcome, Unknown), outcome
        assert far.connections == 1
        asked = await query(daraja, paybill, far.url)
        assert isinstance(asked, NoNews), asked
        assert far.connections == 2


@in_loop
async def test_what_had_arrived_of_a_cut_answer_is_evidence(paybill: Credentials) -> None:
    async with serving(cutting(None, how="close", said=WHOLE[: HEAD + 40])) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert outcome.code == "connection-lost"
    assert (outcome.exchange.status, outcome.exchange.body) == (200, WHOLE[HEAD : HEAD + 40])


@pytest.mark.parametrize("said", [b"", WHOLE[:8], WHOLE[:HEAD], WHOLE[:-1]])
@in_loop
async def test_silence_is_unknown(paybill: Credentials, said: bytes) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        writer.write(said)
        await far.read(reader)  # for ever, or until the client hangs up

    async with serving(handler) as far, client(total_s=1.0) as daraja:
        outcome = await push(daraja, paybill, far.url)
        await asyncio.wait_for(far.gone.wait(), 5)  # the client does not leave the connection behind
    assert isinstance(outcome, Unknown)
    assert outcome.code == "timeout"
    assert len(far.requests) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
@in_loop
async def test_a_kept_connection_that_dies_is_unknown_and_not_retried(paybill: Credentials, how: str) -> None:
    """The far side closes the idle connection just as the second push is written into it."""

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        writer.write(WHOLE)
        await reader.readexactly(1)
        if how == "reset":
            reset(writer)

    async with serving(handler) as far, client() as daraja:
        assert isinstance(await push(daraja, paybill, far.url), Accepted)
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert far.connections == 1  # it was the reused one, and aiohttp opened no other


@in_loop
async def test_a_kept_connection_that_was_closed_in_peace_is_replaced(paybill: Credentials) -> None:
    closed = asyncio.Event()

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        writer.write(WHOLE)
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with serving(handler) as far, client() as daraja:
        assert isinstance(await push(daraja, paybill, far.url), Accepted)
        await asyncio.wait_for(closed.wait(), 5)
        connector = daraja._wire.session.connector
        assert connector is not None
        await until(lambda: all(not proto.is_connected() for queue in connector._conns.values() for proto, _ in queue))
        assert isinstance(await push(daraja, paybill, far.url), Accepted)
    assert far.connections == 2


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0)


@in_loop
async def test_if_aiohttp_stopped_telling_us_every_failure_would_be_unknown(paybill: Credentials) -> None:
    async with client() as daraja:
        daraja._wire.session.trace_configs.clear()
        outcome = await push(daraja, paybill, "http://127.0.0.1:1")
    assert isinstance(outcome, Unknown)
    assert outcome.code == "not-connected"


@in_loop
async def test_a_fault_of_the_library_after_the_request_is_unknown(
    paybill: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> bytes:
        raise LookupError("a bug")

    async with serving(answering(WHOLE)) as far, client() as daraja:
        monkeypatch.setattr(aiohttp.StreamReader, "read", broken)
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert (outcome.code, outcome.message) == ("client-error", "LookupError.")


@in_loop
async def test_a_cancellation_passes_through_and_hangs_up(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        await far.read(reader)

    async with serving(handler) as far, client() as daraja:
        task = asyncio.create_task(push(daraja, paybill, far.url))
        await until(lambda: len(far.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(far.gone.wait(), 5)


# ---------------------------------------------------------------- odd answers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@in_loop
async def test_a_redirect_is_not_followed(paybill: Credentials, status: int) -> None:
    async with serving(answering(WHOLE)) as elsewhere:
        moved = http(status, b"", f"Location: {elsewhere.url}/mpesa/stkpush/v1/processrequest")
        async with serving(answering(moved)) as far, client() as daraja:
            outcome = await push(daraja, paybill, far.url)
            asked = await query(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert outcome.code == f"http-{status}"
    assert isinstance(asked, NoNews)
    assert elsewhere.connections == 0


@in_loop
async def test_an_endless_answer_is_cut_at_64_kib(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 10_000)
            await writer.drain()

    async with serving(handler) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
        await asyncio.wait_for(far.gone.wait(), 5)
    assert isinstance(outcome, Unknown)
    assert outcome.code == "too-long"
    assert len(outcome.exchange.body) == 65536


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [(gzip.compress(WHOLE[HEAD:]), "gzip"), (zlib.compress(WHOLE[HEAD:]), "deflate"), (WHOLE[HEAD:], "Identity")],
)
@in_loop
async def test_a_compressed_answer_is_read(paybill: Credentials, packed: bytes, encoding: str) -> None:
    async with serving(answering(http(200, packed, f"Content-Encoding: {encoding}"))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Accepted)
    assert far.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b" " * 50_000_000), "gzip"),  # 49 KB on the wire
        (gzip.compress(WHOLE[HEAD:])[:-4], "gzip"),
        (WHOLE[HEAD:], "gzip"),
        (WHOLE[HEAD:], "br"),
    ],
)
@in_loop
async def test_a_bomb_or_a_broken_compression_is_unknown(paybill: Credentials, packed: bytes, encoding: str) -> None:
    async with serving(answering(http(200, packed, f"Content-Encoding: {encoding}"))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert outcome.code == "unreadable-encoding"
    assert outcome.exchange.body == packed[:65536]


@in_loop
async def test_no_secret_comes_back_in_an_outcome(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await far.read(reader)
        told = " ".join((request.headers["authorization"], request.json["Password"], paybill.passkey))
        writer.write(
            http(400, {"errorCode": "400.002.02", "errorMessage": f"Invalid {told} {paybill.consumer_secret}"})
        )

    async with serving(handler) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Declined)
    assert outcome.message == "Invalid Bearer [secret] [secret] [secret] [secret]"
    for secret in (TOKEN, far.requests[0].json["Password"], paybill.passkey, paybill.consumer_secret):
        assert secret.encode() not in outcome.exchange.body


# ---------------------------------------------------------------- tokens


@in_loop
async def test_a_stale_token_is_renewed_once_and_the_push_sent_once_more(paybill: Credentials) -> None:
    tokens = Tokens()
    async with serving(answering(http(404, STALE), WHOLE)) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, tokens)
    assert isinstance(outcome, Accepted)
    assert tokens.asked == [None, TOKEN]
    assert [r.headers["authorization"] for r in far.requests] == [f"Bearer {TOKEN}", f"Bearer {TOKEN}-2"]
    assert far.requests[0].body == far.requests[1].body


@in_loop
async def test_a_token_refused_twice_is_declined(paybill: Credentials) -> None:
    tokens = Tokens()
    async with serving(answering(http(404, STALE))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, tokens)
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.because) == ("404.001.03", Because.TOKEN)
    assert (len(far.requests), tokens.asked) == (2, [None, TOKEN])


@in_loop
async def test_a_query_renews_a_stale_token_too(paybill: Credentials) -> None:
    result = {**ACCEPTANCE, "ResultCode": "1032", "ResultDesc": "x"}
    async with serving(answering(http(404, STALE), http(200, result))) as far, client() as daraja:
        assert isinstance(await query(daraja, paybill, far.url), Answered)
    async with serving(answering(http(404, STALE))) as far, client() as daraja:
        outcome = await query(daraja, paybill, far.url)
    assert isinstance(outcome, NoNews)
    assert (outcome.code, len(far.requests)) == ("404.001.03", 2)


@in_loop
async def test_a_missing_product_is_no_stale_token(paybill: Credentials) -> None:
    said = {"errorCode": "401.003.01", "errorMessage": "Invalid API call as no apiproduct match found"}
    tokens = Tokens()
    async with serving(answering(http(401, said))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, tokens)
    assert isinstance(outcome, Declined)
    assert outcome.because is Because.ACCOUNT
    assert len(far.requests) == 1


@in_loop
async def test_after_a_stale_token_and_no_new_one_nothing_was_sent(paybill: Credentials) -> None:
    tokens = Tokens([TOKEN, TokenUnavailable("down", reason="http-503", retry_after_s=7.0)])
    async with serving(answering(http(404, STALE))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, tokens)
    not_sent(outcome, "http-503")
    assert len(far.requests) == 1


@in_loop
async def test_a_second_sending_that_is_lost_is_unknown(paybill: Credentials) -> None:
    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await far.read(reader)
        if len(far.requests) == 1:
            writer.write(http(404, STALE))
            await far.read(reader)

    async with serving(handler) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url)
    assert isinstance(outcome, Unknown)
    assert len(far.requests) == 2


@pytest.mark.parametrize(
    "said",
    [{}, {**ACCEPTANCE, **STALE}, {"fault": {"faultstring": "Invalid Access Token", "detail": {"errorcode": "x"}}}],
)
@in_loop
async def test_a_401_in_other_words_is_unknown_but_the_token_is_dropped(paybill: Credentials, said: object) -> None:
    tokens = Tokens()
    async with serving(answering(http(401, said))) as far, client() as daraja:
        outcome = await push(daraja, paybill, far.url, tokens)
    assert isinstance(outcome, Unknown)
    assert len(far.requests) == 1
    assert tokens.asked == [None, TOKEN]


@pytest.mark.parametrize(
    ("expires_in", "lifetime_s"),
    [("3599", 3599.0), (3599, 3599.0), ("3599.5", 3599.5), (None, 300.0), ("soon", 300.0), (0, 300.0), (-1, 300.0),
     (True, 300.0), ("nan", 300.0), ("inf", 300.0), ([], 300.0), (10**9, 86400.0)],
)  # fmt: skip
@in_loop
async def test_fetching_a_token(paybill: Credentials, expires_in: object, lifetime_s: float) -> None:
    answer = http(200, {"access_token": TOKEN, "expires_in": expires_in})
    async with serving(answering(answer)) as far, client() as daraja:
        fetched = await daraja.fetch_token(replace(paybill, base_url=far.url))
    assert (fetched.access_token, fetched.expires_in_s) == (TOKEN, lifetime_s)
    assert TOKEN not in repr(fetched)
    (request,) = far.requests
    assert request.line == "GET /oauth/v1/generate?grant_type=client_credentials HTTP/1.1"
    scheme, _, basic = request.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(basic)) == ("Basic", b"test-consumer-key:test-consumer-secret")


@pytest.mark.parametrize(
    ("answer", "reason", "wait_s"),
    [
        (http(400, {"errorCode": "400.008.01", "errorMessage": "Invalid Authentication passed"}), "400.008.01", 60.0),
        (http(200, {"errorCode": "400.008.02", "errorMessage": "Invalid grant type"}), "400.008.02", 5.0),
        (http(401, b""), "http-401", 60.0),
        (http(503, b"<html>"), "http-503", 5.0),
        (http(429, b"", "Retry-After: 20"), "http-429", 20.0),
        (http(302, b"", "Location: /elsewhere"), "http-302", 5.0),
        (http(200, b""), "http-200", 5.0),
        (http(200, {}), "no-token", 5.0),
        (http(200, {"access_token": ""}), "no-token", 5.0),
        (http(200, {"access_token": "a\r\nX-Evil: 1"}), "no-token", 5.0),
        (http(200, {"access_token": "a" * 5000}), "no-token", 5.0),
        (http(200, {"access_token": 5}), "no-token", 5.0),
    ],
)
@in_loop
async def test_no_token_says_why(paybill: Credentials, answer: bytes, reason: str, wait_s: float) -> None:
    async with serving(answering(answer)) as far, client() as daraja:
        with pytest.raises(TokenUnavailable) as caught:
            await daraja.fetch_token(replace(paybill, base_url=far.url))
    assert (caught.value.reason, caught.value.retry_after_s) == (reason, wait_s)
    assert caught.value.data == {"reason": reason, "retry_after_s": wait_s}
    assert "test-consumer" not in str(caught.value)


@in_loop
async def test_a_token_endpoint_that_is_down(paybill: Credentials) -> None:
    async with client() as daraja:
        with pytest.raises(TokenUnavailable) as caught:
            await daraja.fetch_token(paybill)
    assert caught.value.reason == "not-connected"


@in_loop
async def test_everything_together(paybill: Credentials) -> None:
    """A hundred pushes at once on a cold client: one token request, a hundred prompts."""

    async def handler(far: Far, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await far.read(reader)
            answer = {"access_token": TOKEN, "expires_in": "3599"} if request.line.startswith("GET") else ACCEPTANCE
            writer.write(http(200, answer))

    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(serving(handler, backlog=200))
        daraja = await stack.enter_async_context(client(total_s=25, connect_s=10))
        tokens = MemoryTokens(daraja, replace(paybill, base_url=far.url))
        outcomes = await asyncio.gather(*(push(daraja, paybill, far.url, tokens) for _ in range(100)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert sum(request.line.startswith("GET") for request in far.requests) == 1
    assert len(far.requests) == 101
