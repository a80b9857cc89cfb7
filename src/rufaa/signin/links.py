"""Which user somebody is whom an OpenID issuer names: bound by an operator, by issuer and subject, and by nothing else.

An e-mail address or a name that a token claims binds nobody: who could choose theirs at the issuer would be anybody.
"""

from __future__ import annotations

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

_SQL: Final = sql.load(__file__, "links.sql")
_LONGEST: Final = 255  # OpenID Connect Core §2


class AlreadyLinked(RufaaError):
    """The issuer's subject is linked to somebody else. ``data.user`` is their sign-in name."""

    kind = Kind.CONFLICT
    code = "already-linked"


class NotLinked(RufaaError):
    """There is no such link."""

    kind = Kind.NOT_FOUND
    code = "not-linked"


@dataclass(frozen=True, slots=True)
class Link:
    user: str
    issuer: str
    subject: str
    created_at: datetime


def link(tx: Tx, user: uuid.UUID, *, issuer: str, subject: str) -> None:
    """From the commit on, the issuer's ``subject`` is this user; saying it again changes nothing.

    Raises ``AlreadyLinked``, and ``InvalidArgument`` for what no token could name.
    """
    if not 1 <= len(subject) <= _LONGEST or not subject.isprintable():
        raise InvalidArgument("A subject has 1 to 255 characters: the claim 'sub' of the issuer's tokens.")
    here = {"issuer": issuer, "subject": subject}
    tx.execute(_SQL["link"], {**here, "id": ids.new_id(), "user": user})
    row = tx.row(_SQL["whose"], here)
    assert row is not None
    if row["user_id"] != user:
        raise AlreadyLinked(f"This subject is linked to {row['username']}. Unlink it first.", user=row["username"])


def unlink(tx: Tx, username: str, *, issuer: str, subject: str) -> None:
    """From the commit on, the issuer's ``subject`` is nobody here. The person may be switched off already.

    Raises ``NotLinked``.
    """
    if not tx.execute(_SQL["unlink"], {"username": username, "issuer": issuer, "subject": subject}):
        raise NotLinked("There is no such link. 'rufaa user links' shows them.")


def listed(tx: Tx) -> Sequence[Link]:
    return [Link(**row) for row in tx.rows(_SQL["listed"])]


def user_of(tx: Tx, *, issuer: str, subject: str) -> uuid.UUID:
    """Who the issuer's ``subject`` is here. Raises ``BadToken``, which tells its holder what an operator has to do."""
    row = tx.row(_SQL["whose"], {"issuer": issuer, "subject": subject})
    if row is None:
        raise BadToken(
            "Nobody here is linked to this sign-in. An operator links it:"
            f" rufaa user link NAME --issuer {issuer} --subject {subject}"
        )
    if not row["is_active"]:
        raise BadToken("The person to whom this sign-in is linked may no longer sign in.")
    user: uuid.UUID = row["user_id"]
    return user
