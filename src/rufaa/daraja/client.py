"""The Daraja client: three calls over HTTP. It turns whatever the network does into an outcome, once, and never sends
a push again unless Daraja said that it did not process it.

What an answer means is in ``outcomes``; when to send, ask or give up is the payments' law. No state but the session.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Final, Literal

import aiohttp

from rufaa import clock
from rufaa.daraja import messages
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import AccountKind, Credentials, Environment
from rufaa.daraja.outcomes import (
    Exchange,
    NoNews,
    NotSent,
    PushOutcome,
    QueryOutcome,
    Unknown,
    classify_push,
    classify_query,
    refuses_token,
)
from rufaa.daraja.reading import MAX_BYTES, text_of
from rufaa.daraja.tokens import (
    ASK_AGAIN_S,
    FetchedToken,
    MemoryTokens,
    TokenSource,
    TokenUnavailable,
    read_token,
)
from rufaa.money import Money
from rufaa.phone import Phone

__all__ = [
    "AccountKind",
    "Credentials",
    "Daraja",
    "Environment",
    "FetchedToken",
    "MemoryTokens",
    "Timeouts",
    "TokenSource",
    "TokenUnavailable",
    "check_callback_url",
    "new_session",
]

TOKEN_PATH: Final = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 - an address
PUSH_PATH: Final = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH: Final = "/mpesa/stkpushquery/v1/query"
CONNECT_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total_s`` is the budget of one whole call, token, renewal and second sending included."""

    connect_s: float = 5.0
    total_s: float = 25.0


def new_session(*, connections: int = 100, keepalive_s: float = 10.0, trust_env: bool = False) -> aiohttp.ClientSession:
    """A session fit for ``Daraja``: no cookies, no proxy from the environment unless ``trust_env``.

    Idle connections are dropped after ``keepalive_s``, well before the gateway drops them: a push written into a
    connection that is just being closed is Unknown, although it most likely never arrived.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=keepalive_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=trust_env,
        headers={"User-Agent": "rufaa"},
    )


# ---------------------------------------------------------------- what one request came to


class _Wire:
    """Whether bytes of one request may have left.

    aiohttp calls ``on_request_headers_sent`` when it has a connection (TCP and TLS are up) and before it hands the
    first byte to the transport; until then nothing of the request can have been written. So: "nothing was written" is
    said only if this very request was seen to start, and was not seen to reach that point. The proofs are the raw
    socket tests; if a future aiohttp should stop calling either hook, every failure becomes Unknown, the safe side.
    A connection that was reused makes no difference: it is past that point too, and POST is not among the methods that
    aiohttp sends again by itself.
    """

    __slots__ = ("may_be_written", "started")

    def __init__(self) -> None:
        self.started = False
        self.may_be_written = False

    @property
    def nothing_written(self) -> bool:
        return self.started and not self.may_be_written


def _watch() -> aiohttp.TraceConfig:
    async def started(_: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
        if isinstance(wire := context.trace_request_ctx, _Wire):
            wire.started = True

    async def writing(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        if isinstance(wire := context.trace_request_ctx, _Wire):
            wire.may_be_written = True

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_headers_sent.append(writing)
    config.freeze()
    return config


@dataclass(frozen=True, slots=True)
class _Reply:
    """A complete answer."""

    exchange: Exchange
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Failure:
    """No complete answer. ``nothing_written`` is the one thing that allows sending again."""

    code: str
    message: str
    nothing_written: bool
    exchange: Exchange
    retry_after_s: float = CONNECT_AGAIN_S


class Daraja:
    """Daraja for any number of accounts over one session, which the caller made (``new_session``) and closes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeouts: Timeouts | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        if not isinstance(session.cookie_jar, aiohttp.DummyCookieJar):
            raise ValueError("this session would keep cookies: make it with new_session()")
        self._session = session
        self._timeouts = timeouts or Timeouts()
        self._now = now
        session.trace_configs.append(_watch())

    async def fetch_token(self, credentials: Credentials) -> FetchedToken:
        """A new access token; it may invalidate the one before (daraja.md §2). Raises ``TokenUnavailable``."""
        basic = b64encode(f"{credentials.consumer_key}:{credentials.consumer_secret}".encode()).decode()
        came = await self._request(
            "GET",
            credentials.url(TOKEN_PATH),
            headers={"Authorization": f"Basic {basic}"},
            body=None,
            until=self._deadline(),
            secrets=(basic, credentials.consumer_secret),
        )
        if isinstance(came, _Failure):
            raise TokenUnavailable(
                f"Daraja gave no token: {came.message}", reason=came.code, retry_after_s=came.retry_after_s
            )
        return read_token(came.exchange, headers=came.headers)

    async def stk_push(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        phone: Phone,
        amount: Money,
        account_reference: str,
        description: str,
        callback_url: str,
        at: datetime,
    ) -> PushOutcome:
        """Ask a phone for a PIN. Raises ``InvalidArgument`` on wrong arguments, before anything is sent, and nothing
        whatever the network does; a cancellation passes through, and then the outcome is unknown.

        ``at`` is stamped into the request, in East Africa Time. There is no idempotency key (daraja.md §3): each call
        is a new prompt.
        """
        body = messages.push_request(
            credentials,
            phone=phone,
            amount=amount,
            account_reference=account_reference,
            description=description,
            callback_url=callback_url,
            at=at,
        )
        came = await self._post(credentials, tokens, path=PUSH_PATH, body=body, at=at)
        if isinstance(came, _Reply):
            return classify_push(came.exchange, headers=came.headers)
        if came.nothing_written:
            return NotSent(came.code, came.message, came.retry_after_s, came.exchange)
        return Unknown(came.code, came.message, came.exchange)

    async def stk_query(
        self, credentials: Credentials, tokens: TokenSource, *, checkout_request_id: str, at: datetime
    ) -> QueryOutcome:
        """Ask what became of a push. Raises ``InvalidArgument`` on a wrong id; the network raises nothing."""
        body = messages.query_request(credentials, checkout_request_id=checkout_request_id, at=at)
        came = await self._post(credentials, tokens, path=QUERY_PATH, body=body, at=at)
        if isinstance(came, _Reply):
            return classify_query(came.exchange, headers=came.headers, checkout_request_id=checkout_request_id)
        return NoNews(came.code, came.message, came.retry_after_s if came.nothing_written else None, came.exchange)

    # ------------------------------------------------------------ the wire

    async def _post(
        self, credentials: Credentials, tokens: TokenSource, *, path: str, body: bytes, at: datetime
    ) -> _Reply | _Failure:
        """POST with a bearer token. If Daraja refuses the token, renew it once and send once more (daraja.md §2)."""
        until = self._deadline()
        timestamp = clock.daraja_timestamp(at)
        password = messages.stk_password(
            short_code=credentials.short_code, passkey=credentials.passkey, timestamp=timestamp
        )
        rejected: str | None = None
        while True:
            token = await self._token(tokens, rejected=rejected, until=until)
            if isinstance(token, _Failure):
                return token  # before the first sending, or after Daraja said that it processed nothing
            came = await self._request(
                "POST",
                credentials.url(path),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                body=body,
                until=until,
                secrets=(token, password, credentials.passkey, credentials.consumer_secret),
            )
            if rejected is None and isinstance(came, _Reply) and refuses_token(came.exchange):
                rejected = token
                continue
            if isinstance(came, _Reply) and came.exchange.status == 401 and rejected is None:
                # A 401 without Daraja's own words proves nothing about this request (so it stays what it is), but
                # the next one should not go out with the same token.
                await self._token(tokens, rejected=token, until=until)
            return came

    async def _token(self, tokens: TokenSource, *, rejected: str | None, until: float) -> str | _Failure:
        started_at, began = self._now(), time.monotonic()
        try:
            async with asyncio.timeout_at(until):
                return await tokens.token(rejected=rejected)
        except TokenUnavailable as unavailable:
            code, message, wait_s = unavailable.reason, unavailable.message, unavailable.retry_after_s
        except TimeoutError:
            code, message, wait_s = "timeout", "No access token in time.", ASK_AGAIN_S
        except Exception as error:  # noqa: BLE001 - a keeper may fail in its own ways; nothing has been sent for sure
            code, message, wait_s = "token-unavailable", f"No access token: {type(error).__name__}.", ASK_AGAIN_S
        exchange = Exchange(None, b"", started_at, time.monotonic() - began)
        return _Failure(code, message, True, exchange, retry_after_s=wait_s)

    async def _request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        until: float,
        secrets: tuple[str, ...],
    ) -> _Reply | _Failure:
        started_at, began = self._now(), time.monotonic()
        wire = _Wire()
        status: int | None = None
        received = bytearray()

        def exchange() -> Exchange:
            kept = _without(bytes(received[:MAX_BYTES]), secrets)
            return Exchange(status, kept, started_at, time.monotonic() - began)

        def failure(code: str, message: str) -> _Failure:
            said = text_of(_without(message.encode("utf-8", "replace"), secrets).decode())
            return _Failure(code, said, wire.nothing_written, exchange())

        left_s = until - asyncio.get_running_loop().time()
        if left_s <= 0:
            return _Failure("timeout", "No time was left to send the request.", True, exchange())
        if self._session.closed:
            return _Failure("closed", "The session is closed.", True, exchange())
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers={**headers, "Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=left_s, connect=min(left_s, self._timeouts.connect_s)),
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,  # or a bomb would swell before we can count
                middlewares=(),
                trace_request_ctx=wire,
            ) as response:
                status = response.status
                while len(received) <= MAX_BYTES and (part := await response.content.read(MAX_BYTES)):
                    received += part
                if len(received) > MAX_BYTES:  # leaving with the rest unread closes the connection
                    return failure("too-long", f"The answer is longer than {MAX_BYTES} bytes.")
                plain = _decoded(bytes(received), encoding=response.headers.get("Content-Encoding", ""))
                if plain is None:
                    return failure("unreadable-encoding", "The answer is compressed and cannot be read.")
                received[:] = plain
                return _Reply(exchange(), dict(response.headers))
        except Exception as error:  # noqa: BLE001 - bytes may be out: a crash here would hide that a prompt may ring
            return failure(*_named(error))

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeouts.total_s


def _without(text: bytes, secrets: tuple[str, ...]) -> bytes:
    """``text`` with our secrets blotted out: "Invalid Access Token - …" repeats the token (daraja.md §2)."""
    for secret in secrets:
        for spelling in {secret, secret.replace("/", "\\/")}:  # as it is, and as some JSON writers escape it
            if len(spelling) >= 6:  # shorter is no real secret, and blotting it out would spoil the evidence
                text = text.replace(spelling.encode(), b"[secret]")
    return text


def _named(error: Exception) -> tuple[str, str]:
    """A stable code and a sentence for what went wrong. Whether bytes were out is not read from it, see ``_Wire``."""
    for kind, code in _FAILURES:
        if isinstance(error, kind):
            return code, f"{type(error).__name__}: {error}"
    return "client-error", f"{type(error).__name__}."


_FAILURES: Final[tuple[tuple[type[Exception], str], ...]] = (  # the first that fits
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientConnectorError, "not-connected"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientError, "connection-lost"),
    (OSError, "connection-lost"),
)


def _decoded(data: bytes, *, encoding: str) -> bytes | None:
    """The content behind a Content-Encoding; None if it is cut, broken, longer than 64 KiB or of an unknown kind.

    We ask for none, but a gateway may not listen.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return data
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return None
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = stream.decompress(data, MAX_BYTES + 1)
    except zlib.error:
        return None
    return plain if stream.eof and len(plain) <= MAX_BYTES else None
