"""``POST /api/token``: a short-lived token for an API key.

For servers, which can keep a key. A page of another origin gets no answer that it could read: a key in a browser is
everybody's key.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from rufaa.functions.callers import Callers
from rufaa.sync import headers
from rufaa.sync.refusal import BadRequest
from rufaa.sync.runtime import AuthError, Overloaded

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH: Final = "/api/token"
_NEEDED: Final = "Present an API key: Authorization: Bearer rk_… (an operator makes one with 'rufaa key add')."


class Exchange:
    """An ASGI application for ``PATH``. What the request has for a body is not looked at."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _send(send, 405, _error("MethodNotAllowed", "Use POST"), (b"allow", b"POST"))
            return
        try:
            key = headers.bearer_token(headers.get(scope["headers"], b"authorization"))
            if key is None:
                raise AuthError(_NEEDED)
            issued = await self._callers.token_for(key)
        except BadRequest as error:
            await _send(send, error.status, _error(error.code, error.message))
        except AuthError as error:
            await _send(send, error.status, _error(error.code, error.message), (b"www-authenticate", b"Bearer"))
        except Overloaded as error:
            await _send(send, 503, _error("Overloaded", error.message), (b"retry-after", b"5"))
        else:
            told = {"token": issued.token, "expiresAt": issued.expires_at, "expiresInS": issued.expires_in_s}
            await _send(send, 200, told)


def _error(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message}


async def _send(send: Send, status: int, told: dict[str, object], *more: tuple[bytes, bytes]) -> None:
    body = json.dumps(told).encode()
    fixed = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *more]})
    await send({"type": "http.response.body", "body": body})
