"""OpenID issuers of the settings: their keys are fetched, kept and renewed; their tokens are checked.

Nothing in a token says where a key comes from: an address is asked only if it follows from the settings. An issuer
that does not answer holds up nobody but its own people, and while its keys are remembered their tokens count on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import jwt
import structlog

from rufaa import clock
from rufaa.config import OpenIdIssuer
from rufaa.errors import Kind, RufaaError
from rufaa.signin import compact, key_sets
from rufaa.signin.compact import BadToken, Compact
from rufaa.signin.key_sets import KeySet, NoKeySet

if TYPE_CHECKING:  # commands ask no issuer, and most servers have none
    import aiohttp

_log = structlog.get_logger()

ANSWER_S: Final = 5.0
"""For both addresses together."""
FRESH_S: Final = 600.0
"""Older keys are renewed behind the back of who asks."""
TRUSTED_S: Final = 3600.0
"""Older keys are renewed before they are believed again, if that can be done."""
KEPT_S: Final = 6 * 3600.0
"""Older keys are forgotten, however long the issuer is away."""
UNKNOWN_EVERY_S: Final = 20.0
"""So often a name that is not among the keys makes us ask for them again, whoever presents it how often."""
AGAIN_S: Final = 10.0
"""After a failure."""
MOST_BYTES: Final = 256 * 1024
CLOCKS_DIFFER_S: Final = 60
_TYPES: Final = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})


class IssuerSilent(RufaaError):
    """An OpenID issuer's keys cannot be had now, so its tokens can be neither believed nor refused."""

    kind = Kind.UNAVAILABLE
    code = "issuer-silent"


@dataclass(frozen=True, slots=True)
class Foreign:
    """Whom an issuer means; ``expires_at`` in whole seconds since 1970, with what clocks may differ added."""

    issuer: str
    subject: str
    expires_at: int
    strong: bool = False
    """The issuer saw a second factor (``amr`` has ``mfa``)."""


class Unusable(Exception):
    """What the issuer answered, or did not, in a few words."""


class Issuers:
    """The issuers of the settings. Use as an asynchronous context: its end closes the connections."""

    def __init__(self, given: Sequence[OpenIdIssuer], *, now: Callable[[], float] = time.monotonic) -> None:
        self._issuers = {each.url: Issuer(each, now=now) for each in given}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._issuers.values():
            await each.aclose()
        if self._session is not None:
            await self._session.close()

    def knows(self, issuer: object) -> bool:
        return isinstance(issuer, str) and issuer in self._issuers

    async def verify(self, token: Compact) -> Foreign:
        """Whom a token of a known issuer means. Raises ``BadToken``, and ``IssuerSilent`` where it cannot be told."""
        assert self._session is not None
        return await self._issuers[str(token.claims["iss"])].verify(token, self._session)


class Issuer:
    """One issuer, and its keys as they were read last."""

    def __init__(self, given: OpenIdIssuer, *, now: Callable[[], float] = time.monotonic) -> None:
        self._given = given
        self._now = now
        self._keys: KeySet | None = None
        self._read_at = float("-inf")
        self._not_before = float("-inf")  # of the next reading
        self._trouble = ""  # what the last reading ended in
        self._reading: asyncio.Task[None] | None = None

    async def verify(self, token: Compact, client: aiohttp.ClientSession) -> Foreign:
        """As ``Issuers.verify``."""
        algorithm, name = _header(token.header)
        keys = await self._find(lambda known: known.which(algorithm=algorithm, name=name), client)
        token.check_signature(keys)
        claims = token.claims
        subject = claims.get("sub")
        if not _audiences(claims.get("aud")) & set(self._given.audiences):
            raise BadToken
        if "events" in claims:  # it tells of something, say of a log-out, and signs nobody in
            raise BadToken
        if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
            raise BadToken
        ends = token.check_times(now=clock.now(), expired_s=CLOCKS_DIFFER_S, early_s=CLOCKS_DIFFER_S)
        return Foreign(self._given.url, subject, ends + CLOCKS_DIFFER_S, strong=compact.is_strong(claims))

    async def aclose(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _find(
        self, select: Callable[[KeySet], list[jwt.PyJWK]], client: aiohttp.ClientSession
    ) -> list[jwt.PyJWK]:
        """The keys that fit; none, where the issuer has none such. Raises ``IssuerSilent``."""
        found, age_s = self._select(select), self._now() - self._read_at
        if found and age_s < TRUSTED_S:
            if age_s >= FRESH_S:
                self._read(client)
            return found
        reading = self._read(client)
        if reading is not None:
            await asyncio.shield(reading)
            found = self._select(select)
        if not found and self._trouble:
            raise IssuerSilent(
                f"The keys of {self._given.url} cannot be read now, so its tokens cannot be checked. Try again shortly."
            )
        return found

    def _select(self, select: Callable[[KeySet], list[jwt.PyJWK]]) -> list[jwt.PyJWK]:
        if self._keys is None or self._now() - self._read_at >= KEPT_S:
            return []
        return select(self._keys)

    def _read(self, client: aiohttp.ClientSession) -> asyncio.Task[None] | None:
        """The reading under way, or a new one; None where it is too early for one."""
        if self._reading is None or self._reading.done():
            if self._now() < self._not_before:
                return None
            self._reading = asyncio.create_task(self._read_now(client), name=f"keys of {self._given.url}")
        return self._reading

    async def _read_now(self, client: aiohttp.ClientSession) -> None:
        try:
            keys = await keys_of(self._given, client)
        except Unusable as error:
            if not self._trouble:
                _log.warning("issuer.silent", issuer=self._given.url, why=str(error))
            self._trouble = str(error)
            self._not_before = self._now() + AGAIN_S
            return
        if self._trouble:
            _log.info("issuer.back", issuer=self._given.url)
        self._keys, self._trouble, self._read_at = keys, "", self._now()
        self._not_before = self._now() + UNKNOWN_EVERY_S


def session() -> aiohttp.ClientSession:
    """No cookies, and no proxy from the environment."""
    import aiohttp  # noqa: PLC0415 - only where somebody is asked

    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "rufaa"})


async def keys_of(issuer: OpenIdIssuer, client: aiohttp.ClientSession) -> KeySet:
    """What the issuer publishes, by OpenID Connect Discovery. Raises ``Unusable``."""
    import aiohttp  # noqa: PLC0415 - as above

    try:
        async with asyncio.timeout(ANSWER_S):
            told = await _json(client, issuer.url.rstrip("/") + "/.well-known/openid-configuration")
            if not isinstance(told, dict) or told.get("issuer") != issuer.url:
                named = told.get("issuer") if isinstance(told, dict) else None
                raise Unusable(f"its discovery is of another issuer: {named!r:.200}")
            address = told.get("jwks_uri")
            if not isinstance(address, str) or not issuer.may_ask(address):
                raise Unusable("its jwks_uri is no https address")
            return key_sets.read(await _json(client, address))
    except TimeoutError:
        raise Unusable(f"no answer within {ANSWER_S:g} s") from None
    except NoKeySet as error:
        raise Unusable(str(error)) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: of names that are none in DNS
        raise Unusable(type(error).__name__) from None


async def _json(client: aiohttp.ClientSession, address: str) -> object:
    """Redirects are not followed: the settings, and what the issuer says at its own address, are all that counts."""
    async with client.get(address, allow_redirects=False) as answer:
        if answer.status != 200:
            raise Unusable(f"HTTP {answer.status}")
        read = bytearray()
        async for chunk in answer.content.iter_chunked(64 * 1024):
            read += chunk
            if len(read) > MOST_BYTES:
                raise Unusable(f"an answer of more than {MOST_BYTES} bytes")
    try:
        return json.loads(read)
    except (ValueError, RecursionError):
        raise Unusable("an answer that is no JSON") from None


def _header(header: Mapping[str, object]) -> tuple[str, str | None]:
    """The algorithm, and the key's name where one is named. Raises ``BadToken``."""
    algorithm, name, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str):
        raise BadToken
    if not isinstance(name, str | None):
        raise BadToken
    if not isinstance(kind, str | None) or (kind.lower() if kind is not None else None) not in _TYPES:
        raise BadToken
    return algorithm, name


def _audiences(claimed: object) -> set[str]:
    if isinstance(claimed, str):
        return {claimed}
    return {each for each in claimed if isinstance(each, str)} if isinstance(claimed, list) else set()
