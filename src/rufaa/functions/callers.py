"""Whom a token names: one of ours, an API key, or one of an OpenID issuer. What the person may do is not asked here."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from rufaa import clock
from rufaa.db.atomic import look, unit
from rufaa.signin import api_keys, compact, links, tokens
from rufaa.signin.api_keys import Used
from rufaa.signin.compact import BadToken, Compact
from rufaa.signin.issuers import Issuers, IssuerSilent
from rufaa.signin.known import KnownKeys, TooManyUnknown
from rufaa.sync.runtime import AuthError, Identity, Overloaded

T = TypeVar("T")


class Database(Protocol):
    """Runs blocking work in a thread. Raises ``Overloaded`` where the database does not answer."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, when it ends in whole seconds since 1970, and how many seconds that is from now."""

    token: str
    expires_at: int
    expires_in_s: int


class Callers:
    """``issuer`` is the public address, which our tokens name; ``life`` is how long one lives. ``issuers`` are whose
    tokens are taken besides."""

    def __init__(
        self, database: Database, *, keys: Sequence[str], issuer: str, life: timedelta, issuers: Issuers
    ) -> None:
        self._database = database
        self._keys = keys
        self._issuer = issuer
        self._life = life
        self._issuers = issuers
        self._known = KnownKeys(lambda: database(lambda: look(api_keys.digests)))

    async def identify(self, token: str) -> Identity:
        """Whom ``token`` names. Raises ``AuthError``, and ``Overloaded`` where it cannot be told now.

        An API key counts on; but who holds a connection open by one has to present it again after a token's life.
        """
        try:
            if token.startswith(api_keys.MARK):
                used = await self._use(token)
                return Identity(used.user, self._end(used, now=clock.now()), strong=True)
            read = compact.read(token)
            if self._issuers.knows(read.claims.get("iss")):
                return await self._foreign(read)
            proven = tokens.verify(read, keys=self._keys, issuers=(self._issuer, tokens.LOCAL))
            if proven.api_key is not None:
                await self._check(proven.api_key)
        except BadToken as error:
            raise AuthError(str(error)) from None
        return Identity(proven.user, proven.expires_at, strong=proven.strong or proven.api_key is not None)

    async def token_for(self, api_key: str) -> Issued:
        """A token for the user of an API key. Raises as ``identify`` does; a token is not taken for a key, since a
        stolen one could be renewed for ever."""
        try:
            used = await self._use(api_key)
        except BadToken as error:
            raise AuthError(str(error)) from None
        now = clock.now().replace(microsecond=0)
        lifetime = timedelta(seconds=self._end(used, now=now) - int(now.timestamp()))
        token = tokens.issue(
            used.user, keys=self._keys, now=now, lifetime=lifetime, issuer=self._issuer, api_key=used.id
        )
        return Issued(token, int((now + lifetime).timestamp()), int(lifetime.total_seconds()))

    def _end(self, used: Used, *, now: datetime) -> int:
        """In whole seconds since 1970: after a token's life, and not after the key's."""
        end = now + self._life
        return int((end if used.expires_at is None else min(end, used.expires_at)).timestamp())

    async def _use(self, key: str) -> Used:
        digest = api_keys.digest(key)
        try:
            known = await self._known.has(digest)
        except TooManyUnknown:
            raise Overloaded("Too many unknown API keys are being tried. Try again shortly.") from None
        if not known:
            raise BadToken(api_keys.NO_KEY)
        return await self._database(lambda: unit(lambda tx: api_keys.use(tx, digest)))

    async def _foreign(self, token: Compact) -> Identity:
        try:
            foreign = await self._issuers.verify(token)
        except IssuerSilent as error:
            raise Overloaded(error.message) from None
        user = await self._database(
            lambda: look(lambda tx: links.user_of(tx, issuer=foreign.issuer, subject=foreign.subject))
        )
        return Identity(user, foreign.expires_at, strong=foreign.strong)

    async def _check(self, key: uuid.UUID) -> None:
        await self._database(lambda: look(lambda tx: api_keys.check(tx, key)))
