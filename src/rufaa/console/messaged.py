"""A referral's messages as its page shows them: what was sent to whom, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rufaa.console.acting import Acting
from rufaa.console.templatetags.kenyan import phone as spoken
from rufaa.facilities.rights import Right
from rufaa.notices import queries, words
from rufaa.notices.machine import Channel
from rufaa.notices.queries import Message
from rufaa.referrals.queries import Seen


@dataclass(frozen=True, slots=True)
class Line:
    """One message, in words."""

    message: Message
    kind: str
    state: str
    looks: str
    to: str
    why: str


@dataclass(frozen=True, slots=True)
class Panel:
    """``wants``: what the patient said of messages; None: nothing yet, or there is no phone."""

    lines: Sequence[Line]
    wants: bool | None
    has_phone: bool
    may_tell: bool


def panel(acting: Acting, seen: Seen) -> Panel | None:
    """None where no messages are sent, or they are none of this person's business."""
    if not seen.medical or not queries.concern(acting.tx, seen):
        return None
    phone = seen.referral.particulars.phone or seen.referral.particulars.payer_phone
    return Panel(
        lines=[_line(each) for each in queries.of_referral(acting.tx, seen)],
        wants=queries.wants(acting.tx, phone),
        has_phone=bool(phone),
        may_tell=Right.TELL in seen.rights,
    )


def _line(message: Message) -> Line:
    to = spoken(message.address) if message.channel is Channel.SMS and message.address else message.address
    return Line(
        message=message,
        kind=str(words.KIND[message.kind]),
        state=str(words.STATE[message.state]),
        looks=words.LOOKS[message.state],
        to=to,
        why=str(words.WHY.get(message.reason, message.reason)),
    )
