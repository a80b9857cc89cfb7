"""API keys: what a program proves itself with, bound to one user. Made, shown once, used, revoked.

A key is ``rk_`` and 48 hex digits, 192 bits of chance; only its SHA-256 is kept. The first eight digits are its prefix,
by which people speak of it. In force is a key that is neither revoked nor expired, and whose user may sign in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.signin.compact import BadToken

_SQL: Final = sql.load(__file__, "api_keys.sql")
MARK: Final = "rk_"
"""What every key begins with, so that people and programs that look for leaks know one."""
_FORM: Final = re.compile(r"rk_[0-9a-f]{48}")
_PREFIX: Final = re.compile(r"(?:rk_)?([0-9a-f]{8})(?:[0-9a-f]{40})?")
_PREFIX_LENGTH: Final = len(MARK) + 8
NO_KEY: Final = "This is not an API key of this server."


class UnknownKey(RufaaError):
    """No API key has this prefix."""

    kind = Kind.NOT_FOUND
    code = "unknown-api-key"


class InvalidExpiry(InvalidArgument):
    """An API key cannot end at this time."""

    code = "invalid-expiry"


@dataclass(frozen=True, slots=True)
class Used:
    """The key that was presented, and whom it stands for."""

    id: uuid.UUID
    user: uuid.UUID
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A key as people see it; ``user_active`` False: it counts no more, though it is neither revoked nor expired."""

    prefix: str
    user: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    expired: bool
    user_active: bool

    @property
    def in_force(self) -> bool:
        return self.user_active and not self.expired and self.revoked_at is None


def add(tx: Tx, user: uuid.UUID, *, name: str, expires_at: datetime | None) -> str:
    """A new key for ``user``: this is the only time that it is seen. Raises ``InvalidArgument``, ``InvalidExpiry``."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise InvalidArgument("A key's name has 1 to 100 characters: say what it is for.", argument="name")
    key = MARK + secrets.token_hex(24)
    made = tx.execute(
        _SQL["add"],
        {
            "id": ids.new_id(),
            "user": user,
            "name": name,
            "prefix": key[:_PREFIX_LENGTH],
            "digest": digest(key),
            "expires_at": expires_at,
        },
    )
    if not made:
        raise InvalidExpiry("The key would be expired already: give a time that is to come.", argument="expires")
    return key


def revoke(tx: Tx, prefix: str) -> Listed:
    """From the commit on, the key with this prefix counts no more, nor do tokens that were issued for it; saying it
    again changes nothing. A whole key is taken, too. Raises ``UnknownKey``."""
    form = _PREFIX.fullmatch(prefix.strip().lower())
    which = MARK + form[1] if form else None
    tx.execute(_SQL["revoke"], {"prefix": which})
    found = [each for each in listed(tx) if each.prefix == which]
    if not found:
        raise UnknownKey("There is no API key with this prefix. 'rufaa key list' shows them.")
    return found[0]


def listed(tx: Tx) -> Sequence[Listed]:
    """All keys that there ever were, the newest last."""
    return [Listed(**row) for row in tx.rows(_SQL["listed"])]


def use(tx: Tx, digest: bytes) -> Used:
    """The key with this digest, which is being used now. Raises ``BadToken``, saying why the key does not count.

    Its last use is noted at most once in five minutes, and never waited for.
    """
    row = tx.row(_SQL["use"], {"digest": digest})
    if row is None:
        raise BadToken(NO_KEY)
    if row["revoked"]:
        raise BadToken("This API key was revoked. Ask an operator for another.")
    if row["expired"]:
        raise BadToken("This API key has expired. Ask an operator for another.")
    if not row["is_active"]:
        raise BadToken("The person whom this API key stands for may no longer sign in.")
    return Used(row["id"], row["user_id"], row["expires_at"])


def check(tx: Tx, key: uuid.UUID) -> None:
    """Raises ``BadToken`` where a token's key is revoked now. It needs no look at the end: a token ends no later."""
    row = tx.row(_SQL["check"], {"id": key})
    if row is None or row["revoked"]:
        raise BadToken("The API key that this token was issued for was revoked.")


def digests(tx: Tx) -> frozenset[bytes]:
    """Of all keys that there ever were: whoever presents an old one is told why it does not count."""
    return frozenset(bytes(row["digest"]) for row in tx.rows(_SQL["digests"]))


def digest(key: str) -> bytes:
    """By which a key is found. Raises ``BadToken`` for what has not the form of a key."""
    if not _FORM.fullmatch(key):
        raise BadToken(NO_KEY)
    return hashlib.sha256(key.encode()).digest()
