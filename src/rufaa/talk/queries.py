"""Reading what is said about a referral, and its files: for those alone who see its medical part."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import ids, reads, trail
from rufaa.config import MB, config
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Side
from rufaa.referrals import queries as referrals
from rufaa.referrals.queries import Seen
from rufaa.talk.content import ENDINGS, FileKind

SHOWN: Final = 100
"""So many comments are shown unless somebody asks for all."""
_MOST: Final = 2_000
_SQL: Final = sql.load(__file__, "queries.sql")


class AttachmentNotFound(RufaaError):
    """The referral has no such file, or it was removed."""

    kind = Kind.NOT_FOUND
    code = "attachment-not-found"

    def __init__(self) -> None:
        super().__init__("This referral has no such file, or it was removed.")


@dataclass(frozen=True, slots=True)
class Said:
    """One comment as it is shown. ``own``: it is by whoever looks."""

    id: uuid.UUID
    at: datetime
    text: str
    author: str
    facility: str
    own: bool


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is listed. Of one that was removed (``removed_at``) nothing is left to open."""

    id: uuid.UUID
    at: datetime
    name: str
    kind: FileKind
    size_bytes: int
    sha256: str
    author: str
    facility: str
    removed_at: datetime | None
    removed_by: str | None
    removed_reason: str | None
    may_remove: bool

    @property
    def ending(self) -> str:
        """``PDF``, ``JPG``, ``PNG``."""
        return ENDINGS[self.kind][0].strip(".").upper()


@dataclass(frozen=True, slots=True)
class Talk:
    """What one person sees of the talk about a referral. ``more``: there are older comments than these. ``room``: so
    many files may be attached yet, each of up to ``most_mb``."""

    comments: Sequence[Said]
    more: bool
    files: Sequence[File]
    room: int
    most_mb: int


def about(tx: Tx, actor: Actor, seen: Seen, *, all_of_it: bool = False) -> Talk | None:
    """The comments about a referral and its files, oldest first; None for who sees its money alone."""
    if not seen.medical:
        return None
    referral = seen.referral.pk
    reads.note(reads.topic("talk", referral))
    most = _MOST if all_of_it else SHOWN
    found = tx.rows(_SQL["comments"], {"referral": referral, "limit": most + 1})
    files = tx.rows(_SQL["files"], {"referral": referral})
    reads.note(*(reads.topic("person", row["author_id"]) for row in [*found, *files]))
    return Talk(
        comments=[
            Said(
                id=row["id"],
                at=row["created_at"],
                text=row["text"],
                author=row["author"],
                facility=row["facility"],
                own=row["author_id"] == actor.user,
            )
            for row in reversed(found[:most])
        ],
        more=len(found) > most,
        files=[
            File(
                id=row["id"],
                at=row["created_at"],
                name=row["name"],
                kind=FileKind(row["kind"]),
                size_bytes=row["size_bytes"],
                sha256=bytes(row["sha256"]).hex(),
                author=row["author"],
                facility=row["facility"],
                removed_at=row["removed_at"],
                removed_by=row["removed_by"],
                removed_reason=row["removed_reason"],
                may_remove=row["removed_at"] is None
                and may_remove(actor, author=row["author_id"], facility=row["facility_id"]),
            )
            for row in files
        ],
        room=max(0, config().attachments - len(files)),
        most_mb=config().attachment_bytes // MB,
    )


def may_remove(actor: Actor, *, author: uuid.UUID, facility: uuid.UUID) -> bool:
    """Whether this person may remove a file that ``author`` attached for ``facility``: they did, or answer for it."""
    return actor.user == author or any(facility in actor.facilities_with(Right.SEE_AUDIT, side) for side in Side)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it is handed to somebody."""

    name: str
    kind: FileKind
    content: bytes
    sha256: str


def opened(tx: Tx, actor: Actor, referral: str, attachment: str) -> Opened:
    """A file with its bytes. Each time it is a reading of the record.

    Raises ``ReferralNotFound``, ``Forbidden``, ``AttachmentNotFound``.
    """
    seen = referrals.see(tx, actor, referral)
    if not seen.medical:
        raise Forbidden("You see the money of this referral, and none of its files.", right=Right.SEE)
    by_id = ids.from_wire(attachment)
    found = tx.row(_SQL["opened"], {"referral": seen.referral.pk, "attachment": by_id}) if by_id else None
    if found is None:
        raise AttachmentNotFound
    trail.show_file(seen.referral.pk)
    return Opened(found["name"], FileKind(found["kind"]), bytes(found["content"]), bytes(found["sha256"]).hex())


def names_by_digest(tx: Tx, seen: Seen) -> dict[str, str]:
    """What the files of a referral are called, removed ones too, by the digest that the audit knows each by."""
    if not seen.medical:
        return {}
    return {bytes(row["sha256"]).hex(): row["name"] for row in tx.rows(_SQL["names"], {"referral": seen.referral.pk})}
