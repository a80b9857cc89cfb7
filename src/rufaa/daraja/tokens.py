"""Access tokens: who gives one, and a keeper for stand-alone use.

Each request for a token is said to invalidate the one before (daraja.md §2), so an account has one shared token,
renewed by one at a time. A keeper shared by several processes lives with the payments, not here.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from rufaa.daraja.credentials import Credentials
from rufaa.daraja.outcomes import THROTTLE_S, Exchange, error_of, retry_after
from rufaa.daraja.reading import Malformed, Number, read_object
from rufaa.errors import Kind, RufaaError

RENEW_AHEAD_S: Final = 120.0  # longer than any request that may still carry the old one
DOUBTFUL_LIFETIME_S: Final = 300.0  # where expires_in cannot be read: 3599 is usual (daraja.md §2), but not promised
LONGEST_LIFETIME_S: Final = 24 * 3600.0
ASK_AGAIN_S: Final = 5.0
REFUSED_ASK_AGAIN_S: Final = 60.0  # wrong keys do not heal by themselves; the sandbox's hiccups do

_BEARER: Final = re.compile(r"[!-~]{1,4096}")  # also what may stand in a header line


class TokenUnavailable(RufaaError):
    """Daraja gave no access token. ``reason`` is a stable code; ask again after ``retry_after_s`` seconds."""

    kind = Kind.UNAVAILABLE
    code = "daraja-token-unavailable"

    def __init__(self, message: str, *, reason: str, retry_after_s: float) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)
        self.reason = reason
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class FetchedToken:
    """A bearer token and the seconds that it lives from now on."""

    access_token: str = field(repr=False)
    expires_in_s: float


def read_token(exchange: Exchange, *, headers: Mapping[str, str]) -> FetchedToken:
    """The token in a complete answer of the token endpoint (daraja.md §2). Raises ``TokenUnavailable``.

    ``expires_in`` comes as a string or a number.
    """
    answer = read_object(exchange.body)
    code, message = error_of(answer)
    status = exchange.status or 0
    if status == 200 and code is None and not isinstance(answer, Malformed):
        token = answer.get("access_token")
        if isinstance(token, str) and _BEARER.fullmatch(token):
            return FetchedToken(token, _lifetime(answer.get("expires_in")))
        raise TokenUnavailable("Daraja's answer holds no token.", reason="no-token", retry_after_s=ASK_AGAIN_S)
    if status == 429:
        wait_s = retry_after(headers, default=THROTTLE_S)
    else:
        wait_s = REFUSED_ASK_AGAIN_S if status in {400, 401, 403} else ASK_AGAIN_S
    raise TokenUnavailable(
        f"Daraja gave no token (HTTP {status}). {message}".strip(),
        reason=code or f"http-{status}",
        retry_after_s=wait_s,
    )


def _lifetime(value: object) -> float:
    text = value.text if isinstance(value, Number) else value
    try:
        seconds = float(text) if isinstance(text, str) and len(text) <= 20 else math.nan
    except ValueError:
        seconds = math.nan
    return min(seconds, LONGEST_LIFETIME_S) if 0 < seconds < math.inf else DOUBTFUL_LIFETIME_S


class TokenSource(Protocol):
    """Whoever keeps an account's token."""

    async def token(self, *, rejected: str | None = None) -> str:
        """A token to use now. ``rejected`` was refused by Daraja: give another. Raises ``TokenUnavailable``."""
        ...


class FetchesTokens(Protocol):
    """The part of the client that a keeper needs."""

    async def fetch_token(self, credentials: Credentials) -> FetchedToken: ...


class MemoryTokens:
    """One account's token in this process: single flight, renewed ahead of expiry.

    All who ask while a request is under way share its answer, its failure included; a waiter that is cancelled leaves
    it running for the others. A failure is not remembered.
    """

    def __init__(
        self,
        daraja: FetchesTokens,
        credentials: Credentials,
        *,
        renew_ahead_s: float = RENEW_AHEAD_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._daraja = daraja
        self._credentials = credentials
        self._renew_ahead_s = renew_ahead_s
        self._monotonic = monotonic
        self._held: FetchedToken | None = None
        self._renew_at = 0.0
        self._fetching: asyncio.Task[FetchedToken] | None = None

    async def token(self, *, rejected: str | None = None) -> str:
        held = self._held
        if held is not None and held.access_token != rejected and self._monotonic() < self._renew_at:
            return held.access_token
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._landed)
        return (await asyncio.shield(self._fetching)).access_token

    async def _fetch(self) -> FetchedToken:
        asked_at = self._monotonic()  # the life counts from before the question: never longer than it is
        fetched = await self._daraja.fetch_token(self._credentials)
        # A short-lived token is used for half its life, so that renewing ahead cannot become renewing always.
        self._renew_at = asked_at + max(fetched.expires_in_s - self._renew_ahead_s, fetched.expires_in_s / 2)
        self._held = fetched
        return fetched

    def _landed(self, task: asyncio.Task[FetchedToken]) -> None:
        self._fetching = None
        if not task.cancelled():
            task.exception()  # retrieved, so that a failure nobody waits for any more is no warning
