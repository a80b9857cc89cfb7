"""What the protocol asks of the program around it: who is calling, and run this function.

The composition root implements ``Runtime`` once; the HTTP and the WebSocket side use the same one.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
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
