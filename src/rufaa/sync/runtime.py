"""What the protocol asks of the program around it: who is calling, and run this function.

The composition root implements ``Runtime`` once; the HTTP and the WebSocket side use the same one.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rufaa.sync.registry import Function, FunctionKind
from rufaa.sync.values import Value


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token names. Two of the same user are equal, whenever their tokens end, so that what one person sees is
    worked out once.

    ``expires_at`` is in whole seconds since 1970: from then on the token counts no more, and a connection that goes on
    needs another. None: it ends with the connection alone.
    """

    user: uuid.UUID
    expires_at: int | None = field(default=None, compare=False)
    strong: bool = False
    """Whether it was proved by more than a password, or is a machine's key, of which no more can be asked."""


class AuthError(Exception):
    """The token names nobody. ``code`` is ``Unauthenticated``, ``InvalidAuthHeader``, … (protocol §2.3)."""

    def __init__(self, message: str, *, code: str = "Unauthenticated", status: int = 401) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


class Overloaded(Exception):
    """There is no room for this call now; it was not begun. Becomes HTTP 503."""

    def __init__(self, message: str = "The server is busy. Try again shortly.") -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Once:
    """A mutation's own name: who has it committed once never has it run again.

    ``digest`` tells it from another call under the same numbers. ``floor_ns``: its commit's timestamp is above this.
    ``write`` makes the text to remember of what the function returned; what it raises keeps the mutation undone.
    """

    session: uuid.UUID
    request: int
    digest: bytes
    floor_ns: int
    write: Callable[[object], str]


@dataclass(frozen=True, slots=True)
class Committed:
    """What a mutation returned, as ``Once.write`` wrote it, and when it was committed, by the database's clock."""

    text: str
    ts_ns: int


class Runtime(Protocol):
    async def authenticate(self, token: str | None, /) -> Identity | None:
        """Whom a bearer token (without the word ``Bearer``) names; None for None, the anonymous caller.

        Raises ``AuthError`` for a token that is bad, foreign or expired, and ``Overloaded`` where it cannot be told
        now: the same token may be good later.
        """

    async def run(
        self,
        function: Function,
        kind: FunctionKind,
        identity: Identity | None,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        /,
    ) -> object:
        """Run ``function`` as ``kind`` and return a ``Value`` (``int`` and tuples will do, see ``values.encode``).

        ``args`` are validated and become ``function.handler``'s keyword arguments. Raises ``RufaaError`` to refuse,
        and ``Overloaded`` if nothing was begun. A query may be cancelled; a mutation or an action never is.
        """

    async def run_once(
        self,
        function: Function,
        identity: Identity | None,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        once: Once,
        /,
    ) -> Committed:
        """As ``run`` for a mutation, unless it was committed before, here or elsewhere: then what it returned then.

        The record of it is part of its own transaction, so that neither is there without the other.
        """

    async def now_ns(self) -> int:
        """The database's clock, in nanoseconds since 1970."""
