"""How an HTTP request is refused before it becomes a call (protocol §2.3)."""

from __future__ import annotations


class BadRequest(Exception):
    """The request itself is bad: the HTTP ``status``, and the short name that clients get for it.

    ``close``: the client may still be sending, and its connection must end with the answer.
    """

    def __init__(self, message: str, *, code: str = "BadJsonBody", status: int = 400, close: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.close = close
