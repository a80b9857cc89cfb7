"""Tokens that say who is asking: JSON Web Tokens, signed under the operator's secret. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import jwt

from rufaa import clock, ids
from rufaa.secret import derive

_ALGORITHM: Final = "HS256"
_WHO: Final = "rufaa"  # issuer and audience
_CLOCKS_DIFFER_S: Final = 15 * 60
"""So far ahead of ours may the clock of the node be that issued a token."""


class BadToken(Exception):
    """The token names nobody: bad, foreign or expired. The message says which, for its holder."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Whose token it is, and until when: whole seconds since 1970."""

    user: uuid.UUID
    expires_at: int


def issue(user: uuid.UUID, *, keys: Sequence[str], now: datetime, lifetime: timedelta) -> str:
    """A token for ``user``, good for ``lifetime``."""
    claims = {
        "iss": _WHO,
        "aud": _WHO,
        "sub": ids.wire(user),
        "iat": now,
        "exp": now + lifetime,
        "jti": ids.new_token(),
    }
    return jwt.encode(claims, derive(keys[0], "jwt"), algorithm=_ALGORITHM)


def verify(token: str, *, keys: Sequence[str]) -> Proven:
    """Whose token it is, and until when. Raises ``BadToken``; may the person still sign in? That is asked elsewhere."""
    for key in keys:
        try:
            claims = jwt.decode(
                token,
                derive(key, "jwt"),
                algorithms=[_ALGORITHM],
                issuer=_WHO,
                audience=_WHO,
                options={"require": ["exp", "iat", "sub"], "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.ExpiredSignatureError:
            raise BadToken("The token has expired. Get a new one: rufaa token --user …") from None
        except jwt.InvalidTokenError:
            raise BadToken("This is not a token of this server.") from None
        user = ids.from_wire(claims["sub"])
        if user is not None and _issued_by_now(claims["iat"]):
            return Proven(user, int(claims["exp"]))
    raise BadToken("This is not a token of this server.")


def _issued_by_now(issued_at: object) -> bool:
    return isinstance(issued_at, int | float) and issued_at <= clock.now().timestamp() + _CLOCKS_DIFFER_S
