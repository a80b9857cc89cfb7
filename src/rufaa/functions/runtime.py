"""Runs the functions: who is calling, one transaction in one thread, and the wait for Daraja that holds neither.

A function gets a ``Caller`` and returns its value, or a ``Waiting``: "committed; the answer comes when something has
changed". The event loop then waits for news of what was read, and looks in a new transaction.

What a call read is recorded (``rufaa.reads``): the caller's memberships, and whatever the nouns note.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from rufaa import reads, trail
from rufaa.audit import operations as audit
from rufaa.db.aside import Aside, DatabaseSilent, NeverBegun
from rufaa.db.atomic import Tx, look, sqlstate, unit
from rufaa.db.failpoints import Step
from rufaa.db.listen import Listener
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.facilities import queries
from rufaa.facilities.queries import Actor
from rufaa.functions import records
from rufaa.functions.callers import Callers
from rufaa.functions.records import Kept
from rufaa.functions.waiting import Waiting as Waiting  # noqa: PLC0414 - functions know it from here
from rufaa.signin.issuers import Issuers
from rufaa.sync.calls import TookTooLong
from rufaa.sync.registry import Function, FunctionKind
from rufaa.sync.runtime import Committed, Identity, Once, Overloaded
from rufaa.sync.values import Value
from rufaa.trail import Channel

T = TypeVar("T")

ANSWER_S: Final = 8.0
"""How long a caller waits for Daraja's answer; the prompt goes on without the caller."""
_QUEUE: Final = 200
_TIDY_EVERY_S: Final = 3600.0
_log = structlog.get_logger()


class NotSignedIn(RufaaError):
    """Nobody is named: no token, and no demoUserId where that is allowed."""

    kind = Kind.UNAUTHENTICATED
    code = "not-signed-in"


class SecondFactorRequired(RufaaError):
    """A facility of this person asks for more than a password, and the token says nothing of a second factor."""

    kind = Kind.FORBIDDEN
    code = "second-factor-required"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and the transaction that the function runs in."""

    actor: Actor
    tx: Tx


class Runtime:
    """Implements what the protocol asks for (``sync.runtime``)."""

    def __init__(
        self,
        aside: Aside,
        listener: Listener,
        *,
        keys: tuple[str, ...],
        issuer: str,
        token_life: timedelta,
        issuers: Issuers,
        demo: bool,
    ) -> None:
        self._aside = aside
        self._listener = listener
        self.callers = Callers(self._identifying, keys=keys, issuer=issuer, life=token_life, issuers=issuers)
        self._demo = demo

    async def authenticate(self, token: str | None, /) -> Identity | None:
        return None if token is None else await self.callers.identify(token)

    async def run(
        self,
        function: Function,
        kind: FunctionKind,
        who: Identity | None,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        /,
    ) -> object:
        def work(tx: Tx, actor: Actor) -> object:
            return function.handler(Caller(actor, tx), **args)

        writes = kind is not FunctionKind.QUERY
        call = self._call(who, ambient, args, work, name=function.name, writes=writes)
        result = await self._database(call, committed=False)
        return await self._wait_for(result) if isinstance(result, Waiting) else result

    async def run_once(
        self,
        function: Function,
        who: Identity | None,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        once: Once,
        /,
    ) -> Committed:
        def work(tx: Tx, actor: Actor) -> Kept:
            kept = records.claim(tx, once, caller=actor.user)
            if kept is None:
                kept = records.keep(tx, once, function.handler(Caller(actor, tx), **args))
            return kept

        call = self._call(who, ambient, args, work, name=function.name, writes=True)
        kept = await self._database(call, committed=False)
        answer = kept.answer
        text = once.write(await self._wait_for(answer)) if isinstance(answer, Waiting) else answer
        return Committed(text, kept.ts_ns)

    async def now_ns(self) -> int:
        return await self._database(lambda: look(records.now_ns), committed=False)

    async def tidy(self) -> None:
        """Forgets records of mutations that nobody comes back for; until cancelled."""
        while True:
            try:
                while await self._database(lambda: unit(records.forget), committed=False):
                    pass
            except Exception as error:  # noqa: BLE001 - the database may be away: it is tried again
                _log.warning("records.not_forgotten", error=type(error).__name__)
            await asyncio.sleep(_TIDY_EVERY_S)

    def _call(
        self,
        who: Identity | None,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        work: Callable[[Tx, Actor], T],
        *,
        name: str,
        writes: bool,
    ) -> Callable[[], T]:
        """``work`` in a transaction of its own, as the one who calls; the audit is told what it shows. Raises
        ``Overloaded``."""
        if self._aside.waiting >= _QUEUE:
            raise Overloaded
        _refuse_nul(args)
        demo_name = ambient.get("demoUserId")

        def audited(tx: Tx, actor: Actor) -> T:
            with trail.gathering() as shown:
                result = work(tx, actor)
            audit.note_shown(tx, actor.user, shown)
            return result

        def read() -> T:
            def as_caller(tx: Tx) -> T:
                actor = self._actor(tx, who, demo_name)
                with _noting():
                    return audited(tx, actor)

            with trail.coming_from(Channel.FUNCTION, name):
                return look(as_caller)

        def write() -> T:
            # Who acts is read first and apart, since the history's triggers are told at the transaction's start.
            actor = look(lambda tx: self._actor(tx, who, demo_name))
            with _noting(), trail.coming_from(Channel.FUNCTION, name):
                return unit(lambda tx: audited(tx, actor), actor=actor.user, step=Step.FUNCTION_COMMIT)

        return write if writes else read

    def _actor(self, tx: Tx, who: Identity | None, demo_name: object) -> Actor:
        """In the demo the name in the arguments counts, since it is about this one call; elsewhere only the token."""
        if self._demo and isinstance(demo_name, str):
            return _need_factor(queries.actor_named(tx, demo_name), strong=False)
        if who is not None:
            return _need_factor(queries.actor(tx, who.user), strong=who.strong)
        reads.note(reads.NOTHING)
        if demo_name is not None:
            raise NotSignedIn("demoUserId names nobody outside the demo. Call setAuth with a token of this server.")
        raise NotSignedIn("Say who you are: call setAuth with a token of this server.")

    async def _wait_for(self, waiting: Waiting) -> object:
        with self._listener.news() as news:
            try:
                async with asyncio.timeout(ANSWER_S):
                    while True:
                        news.forget()
                        with reads.recording() as read:
                            found = await self._database(lambda: look(waiting.look), committed=True)
                        if found is not None:
                            return found
                        await news.of(read.topics)
            except TimeoutError:
                return await self._database(lambda: look(waiting.at_last), committed=True)

    async def _identifying(self, work: Callable[[], T], /) -> T:
        """As ``_database``, for what is asked before any call: whatever came of it, nothing of the call's was done."""
        if self._aside.waiting >= _QUEUE:
            raise Overloaded
        try:
            return await self._database(work, committed=False)
        except TookTooLong:
            raise Overloaded("The database does not answer. Nothing was changed. Try again shortly.") from None

    async def _database(self, work: Callable[[], T], *, committed: bool) -> T:
        """``work`` in a thread. Trouble with the database is "try again", not a function's failure.

        ``committed``: the call has taken effect already, and only its answer is missing.
        """
        try:
            return await self._aside.run(work)
        except DatabaseSilent as error:
            raise TookTooLong(may_be_done=committed or not isinstance(error, NeverBegun)) from error
        except (DatabaseError, InterfaceError) as error:
            trouble = _trouble(error)
            if trouble is None:
                raise
            if trouble is _Trouble.UNKNOWN or committed:
                raise TookTooLong(may_be_done=True) from error
            raise Overloaded("The database cannot take this now. Nothing was changed. Try again shortly.") from error


def _need_factor(actor: Actor, *, strong: bool) -> Actor:
    """The same as pages ask for, of everybody who is no machine."""
    if actor.needs_second_factor and not strong:
        raise SecondFactorRequired(
            "A facility that you work for asks for a second factor, and this token says nothing of one. Sign in with it"
            " at an OpenID issuer that tells so (amr: mfa), or use an API key."
        )
    return actor


@contextmanager
def _noting() -> Iterator[None]:
    """A function that notes nothing of what it reads depends on everything: too many runs, and never a stale answer."""
    with reads.recording() as read:
        try:
            yield
        finally:
            if not read.topics:
                reads.note(reads.EVERYTHING)


class _Trouble(Enum):
    """Trouble with the database that is not about this call, and passes."""

    ROLLED_BACK = "rolled back"
    UNKNOWN = "unknown"  # perhaps during COMMIT: only a look can tell


_ROLLED_BACK: Final = ("53", "40", "55P03", "57014", "25P03", "25006")
"""SQLSTATEs and their classes: no disk, memory or connection left; repeated in vain after deadlocks; a lock or
statement timeout; a transaction that idled too long; a server that only reads."""
_UNKNOWN: Final = ("08", "57", "58")
"""The server went away, is starting, or cannot read its disk."""


def _trouble(error: Exception) -> _Trouble | None:
    """None: the error is about this call."""
    if not isinstance(error, OperationalError | InterfaceError):
        # PostgreSQL's drivers count a server that only reads, and one that idled us out, among errors of programs
        return _Trouble.ROLLED_BACK if sqlstate(error) in {"25006", "25P03"} else None
    if isinstance(error.__cause__, PoolTimeout):
        return _Trouble.ROLLED_BACK
    state = sqlstate(error)
    if state is not None and state.startswith(_ROLLED_BACK):
        return _Trouble.ROLLED_BACK
    return _Trouble.UNKNOWN if state is None or state.startswith(_UNKNOWN) else None


def _refuse_nul(args: Mapping[str, Value]) -> None:
    """PostgreSQL takes no NUL in a text; said here once, for every argument of every function."""
    for name, value in args.items():
        if isinstance(value, str) and "\x00" in value:
            reads.note(reads.NOTHING)
            raise InvalidArgument(f"{name} has a NUL character, which no text may have.", argument=name)
