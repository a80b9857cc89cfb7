"""What the protocol asks of the program around it: who is calling, and run this function.

The composition root implements ``Runtime`` once; the HTTP and the WebSocket side use the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rufaa.sync.registry import Function, FunctionKind
from rufaa.sync.values import Value


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
    async def authenticate(self, token: str | None, /) -> object:
        """An opaque identity for a bearer token (without the word ``Bearer``), or for None, the anonymous caller.

        Raises ``AuthError`` for a token that is bad, foreign or expired.
        """

    async def run(
        self,
        function: Function,
        kind: FunctionKind,
        identity: object,
        ambient: Mapping[str, Value],
        args: Mapping[str, Value],
        /,
    ) -> object:
        """Run ``function`` as ``kind`` and return a ``Value`` (``int`` and tuples will do, see ``values.encode``).

        ``args`` are validated and become ``function.handler``'s keyword arguments. Raises ``RufaaError`` to refuse,
        and ``Overloaded`` if nothing was begun. A query may be cancelled; a mutation or an action never is.
        """
