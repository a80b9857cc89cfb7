"""A JSON Web Token as it is written: its parts, read strictly before anybody believes them. Pure.

What two readers could understand in two ways is refused: a name that stands twice in an object, a number that is none.
No header but ``alg``, ``kid`` and ``typ`` is ever looked at, so a token cannot bring its own key, or name an address of
one; one that says that more has to be understood (``crit``) is refused.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import jwt

MOST_BYTES: Final = 16 * 1024
"""Of a whole token; those of large organisations, which list their groups, have about 8 KiB."""
_FORM: Final = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)
_NOT_OURS: Final = "This is not a token that this server takes."
_jws: Final = jwt.PyJWS()


class BadToken(Exception):
    """The token names nobody: bad, foreign or expired. The message says which, for its holder."""

    def __init__(self, message: str = _NOT_OURS) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Compact:
    """What a token says. Nothing of it is believed before ``check_signature``."""

    text: str
    header: Mapping[str, object]
    claims: Mapping[str, object]

    def check_signature(self, keys: Sequence[jwt.PyJWK]) -> None:
        """Raises ``BadToken`` unless one of ``keys`` made it, by the algorithm that the key is for."""
        for key in keys:
            try:
                _jws.decode_complete(self.text, key, algorithms=[key.algorithm_name])
            except jwt.PyJWTError:
                continue
            return
        raise BadToken

    def check_times(self, *, now: datetime, expired_s: float, early_s: float) -> int:
        """When it ends, in whole seconds since 1970. Raises ``BadToken`` where it has no end, has ended more than
        ``expired_s`` seconds ago, or begins more than ``early_s`` seconds from now."""
        at = now.timestamp()
        ends = self._seconds("exp")
        if ends is None:
            raise BadToken
        if at >= ends + expired_s:
            raise BadToken("The token has expired. Get a new one.")
        if any((self._seconds(name) or 0.0) > at + early_s for name in ("nbf", "iat")):
            raise BadToken("The token is not valid yet. Is the clock right where it was issued?")
        return int(ends)

    def _seconds(self, name: str) -> float | None:
        """A time that is claimed; None where it is not. Raises ``BadToken`` for what is no time."""
        value = self.claims.get(name)
        if value is None and name not in self.claims:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
            raise BadToken
        return float(value)


def read(token: str) -> Compact:
    """The parts of ``token``. Raises ``BadToken``."""
    if len(token) > MOST_BYTES:
        raise BadToken(f"The token is longer than {MOST_BYTES} bytes.")
    parts = _FORM.fullmatch(token)
    if parts is None:
        raise BadToken
    header, claims = _object(parts[1]), _object(parts[2])
    if "crit" in header:
        raise BadToken
    return Compact(token, header, claims)


def is_strong(claims: Mapping[str, object]) -> bool:
    """Whether several factors were shown, as RFC 8176 says it. Of a token whose signature was checked."""
    methods = claims.get("amr")
    return isinstance(methods, list) and "mfa" in methods


def _object(part: str) -> dict[str, object]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        value = json.loads(raw.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_number)
    except (ValueError, RecursionError):  # of base64, UTF-8 and JSON
        raise BadToken from None
    if not isinstance(value, dict):
        raise BadToken
    return value


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
