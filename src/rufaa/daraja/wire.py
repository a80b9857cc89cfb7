"""One request over HTTP, and what became of it: a whole answer, or a failure that knows whether anything was written.

Here live time-outs, tokens on requests, and bounds on answers. What an answer means is in ``outcomes`` and its
neighbours; which request is sent is the client's.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Final, Literal

import aiohttp

from rufaa.daraja.credentials import Credentials
from rufaa.daraja.outcomes import Exchange, refuses_token
from rufaa.daraja.reading import MAX_BYTES, text_of
from rufaa.daraja.tokens import ASK_AGAIN_S, TokenSource, TokenUnavailable

CONNECT_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total_s`` is the budget of one whole call, token, renewal and second sending included."""

    connect_s: float = 5.0
    total_s: float = 25.0


def new_session(*, connections: int = 250, keepalive_s: float = 10.0, trust_env: bool = False) -> aiohttp.ClientSession:
    """A session fit for ``Daraja``: no cookies, no proxy from the environment unless ``trust_env``.

    ``connections`` are for all that a worker sends at once (200 pushes, the rest some fifty): who finds none waits, and
    its time for connecting passes.

    Idle connections are dropped after ``keepalive_s``, well before the gateway drops them: a push written into a
    connection that is just being closed is Unknown, although it most likely never arrived.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=keepalive_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=trust_env,
        headers={"User-Agent": "rufaa"},
    )


class _Progress:
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
        if isinstance(progress := context.trace_request_ctx, _Progress):
            progress.started = True

    async def writing(
        _: aiohttp.ClientSession, context: SimpleNamespace, __: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        if isinstance(progress := context.trace_request_ctx, _Progress):
            progress.may_be_written = True

    config = aiohttp.TraceConfig()
    config.on_request_start.append(started)
    config.on_request_headers_sent.append(writing)
    config.freeze()
    return config


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    exchange: Exchange
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """No complete answer. ``nothing_written`` is the one thing that allows sending again."""

    code: str
    message: str
    nothing_written: bool
    exchange: Exchange
    retry_after_s: float = CONNECT_AGAIN_S


class Wire:
    """Requests over one session, which the caller made (``new_session``) and closes."""

    def __init__(self, session: aiohttp.ClientSession, *, timeouts: Timeouts, now: Callable[[], datetime]) -> None:
        if not isinstance(session.cookie_jar, aiohttp.DummyCookieJar):
            raise ValueError("this session would keep cookies: make it with new_session()")
        self.session = session
        self._timeouts = timeouts
        self._now = now
        session.trace_configs.append(_watch())

    async def send(
        self,
        credentials: Credentials,
        tokens: TokenSource,
        *,
        path: str,
        body: bytes,
        secrets: tuple[str, ...] = (),
        method: Literal["GET", "POST"] = "POST",
        refuses: Callable[[Exchange], bool] = refuses_token,
        max_bytes: int = MAX_BYTES,
    ) -> Reply | Failure:
        """One call with a bearer token. If ``refuses`` sees Daraja refuse the token, renew it once and send once more.

        That is safe, since such an answer means that nothing was processed (daraja.md §2). ``secrets`` are blotted
        out of what comes back, and so are the token and the account's own keys.
        """
        until = self.deadline()
        own = (credentials.passkey, credentials.consumer_secret, credentials.initiator_password or "")
        rejected: str | None = None
        while True:
            token = await self._token(tokens, rejected=rejected, until=until)
            if isinstance(token, Failure):
                return token  # before the first sending, or after Daraja said that it processed nothing
            came = await self.request(
                method,
                credentials.url(path),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                body=body,
                until=until,
                secrets=(token, *secrets, *own),
                max_bytes=max_bytes,
            )
            if rejected is None and isinstance(came, Reply) and refuses(came.exchange):
                rejected = token
                continue
            if isinstance(came, Reply) and came.exchange.status == 401 and rejected is None:
                # A 401 without Daraja's own words proves nothing about this request (so it stays what it is), but
                # the next one should not go out with the same token.
                await self._token(tokens, rejected=token, until=until)
            return came

    async def _token(self, tokens: TokenSource, *, rejected: str | None, until: float) -> str | Failure:
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
        return Failure(code, message, True, exchange, retry_after_s=wait_s)

    async def request(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        until: float,
        secrets: tuple[str, ...],
        max_bytes: int = MAX_BYTES,
    ) -> Reply | Failure:
        """One request, sent once. Never raises but for a cancellation; an answer over ``max_bytes`` is a failure."""
        started_at, began = self._now(), time.monotonic()
        progress = _Progress()
        status: int | None = None
        received = bytearray()

        def exchange() -> Exchange:
            kept = _without(bytes(received[:max_bytes]), secrets)
            return Exchange(status, kept, started_at, time.monotonic() - began)

        def failure(code: str, message: str) -> Failure:
            said = text_of(_without(message.encode("utf-8", "replace"), secrets).decode())
            return Failure(code, said, progress.nothing_written, exchange())

        left_s = until - asyncio.get_running_loop().time()
        if left_s <= 0:
            return Failure("timeout", "No time was left to send the request.", True, exchange())
        if self.session.closed:
            return Failure("closed", "The session is closed.", True, exchange())
        try:
            async with self.session.request(
                method,
                url,
                data=body,
                headers={**headers, "Accept": "application/json", "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=left_s, connect=min(left_s, self._timeouts.connect_s)),
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,  # or a bomb would swell before we can count
                middlewares=(),
                trace_request_ctx=progress,
            ) as response:
                status = response.status
                while len(received) <= max_bytes and (part := await response.content.read(MAX_BYTES)):
                    received += part
                if len(received) > max_bytes:  # leaving with the rest unread closes the connection
                    return failure("too-long", f"The answer is longer than {max_bytes} bytes.")
                plain = _decoded(
                    bytes(received), encoding=response.headers.get("Content-Encoding", ""), max_bytes=max_bytes
                )
                if plain is None:
                    return failure("unreadable-encoding", "The answer is compressed and cannot be read.")
                received[:] = plain
                return Reply(exchange(), dict(response.headers))
        except Exception as error:  # noqa: BLE001 - bytes may be out: a crash here would hide that a prompt may ring
            return failure(*_named(error))

    def deadline(self) -> float:
        """When a call that starts now must have ended, in the loop's own time."""
        return asyncio.get_running_loop().time() + self._timeouts.total_s


def _without(text: bytes, secrets: tuple[str, ...]) -> bytes:
    """``text`` with our secrets blotted out: "Invalid Access Token - …" repeats the token (daraja.md §2)."""
    for secret in secrets:
        for spelling in {secret, secret.replace("/", "\\/")}:  # as it is, and as some JSON writers escape it
            if len(spelling) >= 6:  # shorter is no real secret, and blotting it out would spoil the evidence
                text = text.replace(spelling.encode(), b"[secret]")
    return text


def _named(error: Exception) -> tuple[str, str]:
    """A stable code and a sentence for what went wrong. Whether bytes were out is for ``_Progress``."""
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


def _decoded(data: bytes, *, encoding: str, max_bytes: int) -> bytes | None:
    """The content behind a Content-Encoding; None if it is cut, broken, longer than ``max_bytes`` or unknown.

    We ask for none, but a gateway may not listen.
    """
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return data
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        return None
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = stream.decompress(data, max_bytes + 1)
    except zlib.error:
        return None
    return plain if stream.eof and len(plain) <= max_bytes else None
