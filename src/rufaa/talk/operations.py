"""What people add to the talk about a referral. Each takes the transaction it joins and the one who acts.

Whoever may see all of a referral may speak about it and show files, in whatever status it is. Refusals come in this
order: what the arguments are, whether the referral may be seen, whether the right is there. A call that is refused
changes nothing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Final

from rufaa import ids
from rufaa.config import MB, config
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, Sentence, sentence
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Side
from rufaa.referrals import queries as referrals
from rufaa.referrals.queries import Seen
from rufaa.talk import content as contents
from rufaa.talk import queries
from rufaa.talk.models import Attachment, AttachmentContent, Comment

LONGEST: Final = 2000
"""Characters of a comment."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What no text may have; tabs and new lines it may."""
_SQL: Final = sql.load(__file__, "operations.sql")


class NotTaken(InvalidArgument):
    """The file is of no kind that is taken, or is empty."""

    code = "file-not-taken"


class FileTooLarge(InvalidArgument):
    """The file is larger than the operator allows."""

    code = "file-too-large"

    def __init__(self) -> None:
        most = config().attachment_bytes
        super().__init__(
            sentence(
                "The file is too large: %(most)s MB are allowed. Take a smaller photo, or fewer pages in one file.",
                most=most // MB,
            ),
            argument="file",
            most_bytes=most,
        )


class TooManyFiles(RufaaError):
    """The referral has as many files as one may have. Removed ones are kept, and count."""

    kind = Kind.CONFLICT
    code = "too-many-files"


class RemovedAlready(RufaaError):
    """The file was removed before. Nothing was done."""

    kind = Kind.CONFLICT
    code = "removed-already"


# --- comments -------------------------------------------------------------------------------------------------------


def say(tx: Tx, actor: Actor, referral: str, *, text: str) -> Comment:
    """One more comment, which both facilities read from now on. Raises ``InvalidArgument``, ``ReferralNotFound``,
    ``Forbidden``."""
    said = _said(sentence("comment"), text, argument="text")
    seen = _heard(tx, actor, referral)
    return Comment.objects.create(
        referral=seen.referral, author_id=actor.user, facility_id=speaks_for(actor, seen), text=said
    )


def _said(what: Sentence, text: str, *, argument: str) -> str:
    """``text`` trimmed, each end of a line one character, as a form's field counts it."""
    said = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not said:
        raise InvalidArgument(sentence("Write something: the %(what)s is empty.", what=what), argument=argument)
    if len(said) > LONGEST:
        raise InvalidArgument(
            sentence(
                "The %(what)s has %(length)s characters; %(limit)s are allowed.",
                what=what,
                length=len(said),
                limit=LONGEST,
            ),
            argument=argument,
        )
    if _CONTROL.search(said):
        raise InvalidArgument(
            sentence("The %(what)s has a control character, which no text may have.", what=what), argument=argument
        )
    return said


# --- files ----------------------------------------------------------------------------------------------------------


def attach(tx: Tx, actor: Actor, referral: str, *, name: str, content: bytes) -> Attachment:
    """One more file, which both facilities may open from now on. Its kind is what it begins as, whatever ``name`` says.

    Raises ``NotTaken``, ``FileTooLarge``, ``TooManyFiles``, ``ReferralNotFound``, ``Forbidden``.
    """
    if len(content) > config().attachment_bytes:
        raise FileTooLarge
    if not content:
        raise NotTaken("The file is empty.", argument="file")
    kind = contents.kind_of(content)
    if kind is None:
        raise NotTaken(
            "This is no PDF, JPEG or PNG file, whatever its name says. Others are not taken.", argument="file"
        )
    seen = _heard(tx, actor, referral)
    _need_room(tx, seen.referral.pk)
    attachment = Attachment.objects.create(
        referral=seen.referral,
        author_id=actor.user,
        facility_id=speaks_for(actor, seen),
        name=contents.name_of(name, kind),
        kind=kind,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).digest(),
    )
    AttachmentContent.objects.create(attachment=attachment, content=content)
    return attachment


def _need_room(tx: Tx, referral: uuid.UUID) -> None:
    """Until the transaction ends nobody else attaches a file to this referral."""
    row = tx.row(_SQL["lock"], {"referral": referral})
    assert row is not None
    there = tx.row(_SQL["count"], {"referral": referral})
    assert there is not None
    most = config().attachments
    if there["files"] >= most:
        raise TooManyFiles(
            sentence(
                "This referral has %(files)s files, removed ones among them; %(most)s are allowed.",
                files=there["files"],
                most=most,
            ),
            allowed=most,
        )


def remove(tx: Tx, actor: Actor, referral: str, *, attachment: str, reason: str) -> None:
    """Mark a file as removed: nobody opens it any more, and it is kept with who removed it, when and why.

    It is for whoever attached it, and for who answers for the facility that it was attached for. To say the same again
    is no error. Raises ``InvalidArgument``, ``ReferralNotFound``, ``AttachmentNotFound``, ``Forbidden``,
    ``RemovedAlready``.
    """
    why = _said(sentence("reason"), reason, argument="reason")
    seen = _heard(tx, actor, referral)
    by_id = ids.from_wire(attachment)
    row = tx.row(_SQL["hold"], {"referral": seen.referral.pk, "attachment": by_id}) if by_id else None
    if row is None:
        raise queries.AttachmentNotFound
    if not queries.may_remove(actor, author=row["author_id"], facility=row["facility_id"]):
        raise Forbidden("Only who attached a file, or an administrator of that facility, removes it.", right=Right.SEE)
    if row["removed_at"] is not None:
        if (row["removed_by_id"], row["removed_reason"]) == (actor.user, why):
            return
        raise RemovedAlready("This file was removed already. Nothing was done.")
    tx.execute(_SQL["remove"], {"attachment": by_id, "by": actor.user, "reason": why})


# --- shared ---------------------------------------------------------------------------------------------------------


def _heard(tx: Tx, actor: Actor, referral: str) -> Seen:
    """The referral, of whose medical part this person may speak."""
    seen = referrals.see(tx, actor, referral)
    if not seen.medical:
        raise Forbidden("You see the money of this referral, and nothing of what is said about it.", right=Right.SEE)
    return seen


def speaks_for(actor: Actor, seen: Seen) -> uuid.UUID:
    """For which of the two facilities this person speaks: for the referring one, where they see it from there."""
    row = seen.referral
    there = actor.rights_in({Side.REFERRING: row.referring_id})
    if Right.SEE in there or (Right.SEE_OWN in there and row.physician_id == actor.user):
        return row.referring_id
    return row.receiving_id
