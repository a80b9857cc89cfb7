"""What others need to check our tokens, under the two addresses where they look for it (OpenID Connect Discovery).

Anybody may read and keep it: pages of other origins too.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from rufaa.signin import tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEYS: Final = "/.well-known/jwks.json"
CONFIGURATION: Final = "/.well-known/openid-configuration"
PATHS: Final = frozenset({KEYS, CONFIGURATION})
KEPT_S: Final = 300
"""How long others may keep it. After a rotation old tokens go on counting, so a new key may be seen that late."""
_METHODS: Final = b"GET, HEAD, OPTIONS"
_OPEN: Final = [(b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff")]


class Published:
    """An ASGI application for ``PATHS``. ``issuer`` is the public address, which tokens name."""

    def __init__(self, *, keys: Sequence[str], issuer: str) -> None:
        configuration = {
            "issuer": issuer,
            "jwks_uri": issuer + KEYS,
            "id_token_signing_alg_values_supported": [tokens.ALGORITHM],
            "subject_types_supported": ["public"],
            "response_types_supported": [],  # nobody is sent here to sign in: tokens are had for API keys
            "claims_supported": ["iss", "aud", "sub", "iat", "exp", "jti", "key"],
        }
        self._bodies = {
            KEYS: json.dumps(tokens.key_set(keys)).encode(),
            CONFIGURATION: json.dumps(configuration).encode(),
        }

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        match scope["method"]:
            case "GET" | "HEAD":
                body = self._bodies[scope["path"]]
                kept = (b"cache-control", b"public, max-age=%d" % KEPT_S)
                head = [*_OPEN, kept, (b"content-type", b"application/json"), _length(body)]
                await _answer(send, 200, head, b"" if scope["method"] == "HEAD" else body)
            case "OPTIONS":
                allowed = [(b"access-control-allow-methods", _METHODS), (b"access-control-allow-headers", b"*")]
                await _answer(send, 204, [*_OPEN, *allowed, (b"access-control-max-age", b"86400")], b"")
            case _:
                await _answer(send, 405, [*_OPEN, (b"allow", _METHODS), _length(b"")], b"")


def _length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
