"""The request headers that the function API reads, and the CORS headers that it writes (protocol §2.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rufaa.sync.calls import Form
from rufaa.sync.refusal import BadRequest

Headers = Iterable[tuple[bytes, bytes]]

_CLIENT: Final = re.compile(
    r"(?P<client>[A-Za-z][A-Za-z0-9_-]{0,63}?)"
    r"-(?P<major>\d{1,9})\.(?P<minor>\d{1,9})\.(?P<patch>\d{1,9})"
    r"(?P<prerelease>-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?"
)
# versions from which a client sends the format it wants; older ones mean the wire form
_FIRST_WITH_FORMAT: Final = {"npm": (1, 4, 2), "python": (0, 5, 1)}
_PREFLIGHT_MAX_AGE_S: Final = 86_400


def get(headers: Headers, name: bytes) -> str | None:
    """The first header of this (lower-case) name."""
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def default_form(convex_client: str | None) -> Form:
    """How to answer a request that names no format, by its ``Convex-Client`` header. Raises ``BadRequest``."""
    if convex_client is None:
        return Form.PLAIN
    match = _CLIENT.fullmatch(convex_client)
    if match is None:
        raise BadRequest(
            "The Convex-Client header must read client-1.2.3, as in npm-1.48.0", status=400, code="InvalidClientVersion"
        )
    first = _FIRST_WITH_FORMAT.get(match["client"])
    version = (int(match["major"]), int(match["minor"]), int(match["patch"]))
    if first is None or version > first or (version == first and match["prerelease"] is None):
        return Form.PLAIN
    return Form.WIRE


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization`` header, None without one. Raises ``BadRequest``."""
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer" if token.strip():
            return token.strip()
        case "bearer":
            raise BadRequest("The Authorization header has no token", status=401, code="InvalidAuthHeader")
        case "convex":
            raise BadRequest(
                "Admin and deploy keys are not accepted here. Sign in with a Bearer token.",
                status=403,
                code="BadDeployKey",
            )
        case _:
            raise BadRequest("The Authorization header must read: Bearer <token>", status=400, code="InvalidAdminKey")


def is_json(content_type: str | None) -> bool:
    """Whether a ``Content-Type`` says JSON, with whatever parameters."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == "application/json"


def cors(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Any page of any origin may call and read: who calls is told by the token alone, never by a cookie.

    For a request without ``Origin`` there is nothing to allow.
    """
    origin = get(headers, b"origin")
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"Origin"),
    ]


def preflight(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The answer to ``OPTIONS``, besides ``cors``. Every call from a browser has one, for ``Convex-Client``."""
    wanted = get(headers, b"access-control-request-headers")
    allowed = [(b"access-control-allow-headers", wanted.encode("latin-1"))] if wanted is not None else []
    return [
        *allowed,
        (b"access-control-allow-methods", b"GET, POST, OPTIONS, PATCH, DELETE, PUT"),
        (b"access-control-max-age", str(_PREFLIGHT_MAX_AGE_S).encode()),
        (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]
