"""What people add to the talk about a referral. Each takes the transaction it joins and the one who acts.

Whoever may see all of a referral may speak about it, in whatever status it is. Refusals come in this order: what the
arguments are, whether the referral may be seen, whether the right is there. A call that is refused changes nothing.
"""

from __future__ import annotations

import re
import uuid
from typing import Final

from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right, Side
from rufaa.referrals import queries as referrals
from rufaa.referrals.queries import Seen
from rufaa.talk.models import Comment

LONGEST: Final = 2000
"""Characters of a comment."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What no text may have; tabs and new lines it may."""


def say(tx: Tx, actor: Actor, referral: str, *, text: str) -> Comment:
    """One more comment, which both facilities read from now on. Raises ``InvalidArgument``, ``ReferralNotFound``,
    ``Forbidden``."""
    said = _said(text)
    seen = _heard(tx, actor, referral)
    return Comment.objects.create(
        referral=seen.referral, author_id=actor.user, facility_id=speaks_for(actor, seen), text=said
    )


def _said(text: str) -> str:
    """``text`` trimmed, each end of a line one character, as a form's field counts it."""
    said = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not said:
        raise InvalidArgument("Write something: the comment is empty.", argument="text")
    if len(said) > LONGEST:
        raise InvalidArgument(f"The comment has {len(said)} characters; {LONGEST} are allowed.", argument="text")
    if _CONTROL.search(said):
        raise InvalidArgument("The comment has a control character, which no text may have.", argument="text")
    return said


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
