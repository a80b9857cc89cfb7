"""What pages show of messages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from rufaa import reads
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.facilities.models import Facility
from rufaa.notices import texts
from rufaa.notices.machine import CAN_GO_AGAIN, MANNERS, Channel, Kind, State
from rufaa.notices.models import Mode
from rufaa.notices.texts import Preview
from rufaa.referrals.queries import Seen

_SQL: Final = sql.load(__file__, "queries.sql")
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """How a facility tells people."""

    mode: Mode
    language: str
    quiet_from: time
    quiet_until: time
    silent: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Written:
    """One kind of message in one language. ``own``: the facility's words, not ours."""

    kind: Kind
    language: str
    text: str
    own: bool
    fields: tuple[str, ...]
    preview: Preview

    @property
    def channel(self) -> Channel:
        return MANNERS[self.kind].channel


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a referral, sent or not."""

    id: uuid.UUID
    kind: Kind
    state: State
    reason: str
    channel: Channel
    due_at: datetime
    address: str
    text: str
    parts: int
    cost: str

    @property
    def can_go_again(self) -> bool:
        return self.state in CAN_GO_AGAIN


def policy(tx: Tx, facility: Facility) -> Policy:
    row = tx.row(_SQL["policy"], {"facility": facility.pk})
    if row is None:
        return Policy(Mode.OFF, "en", time(21), time(7), frozenset())
    silent = frozenset(Kind(each) for each in row["silent"])
    return Policy(Mode(row["mode"]), row["language"], row["quiet_from"], row["quiet_until"], silent)


def written(tx: Tx, facility: Facility, language: str) -> list[Written]:
    """Every message as this facility says it, filled with a sample."""
    own = {
        (Kind(row["kind"]), row["language"]): row["text"]
        for row in tx.rows(_SQL["templates"], {"facility": facility.pk})
    }
    found = []
    for kind, manner in MANNERS.items():
        theirs = own.get((kind, language))
        text = theirs or texts.DEFAULTS[language][kind]
        fields = tuple(sorted(manner.fields))
        found.append(Written(kind, language, text, theirs is not None, fields, texts.preview(text)))
    return found


def concern(tx: Tx, seen: Seen) -> bool:
    """Whether there is anything to say of messages about a referral."""
    row = seen.referral
    reads.note(reads.topic("referral", row.pk))
    given = {"referral": row.pk, "facilities": [row.referring_id, row.receiving_id]}
    found = tx.row(_SQL["concerns"], given)
    assert found is not None
    return bool(found["concerns"])


def of_referral(tx: Tx, seen: Seen) -> list[Message]:
    """Newest first. Its topic was noted when it was seen."""
    rows = tx.rows(_SQL["of_referral"], {"referral": seen.referral.pk, "limit": _MOST})
    return [
        Message(
            id=row["id"],
            kind=Kind(row["kind"]),
            state=State(row["state"]),
            reason=row["reason"],
            channel=Channel(row["channel"]),
            due_at=row["due_at"],
            address=row["address"],
            text=row["text"],
            parts=row["parts"],
            cost=row["cost"],
        )
        for row in rows
    ]


def wants(tx: Tx, phone: str) -> bool | None:
    """What the owner of ``phone`` said last; None: nothing."""
    row = tx.row(_SQL["wish"], {"phone": phone}) if phone else None
    return None if row is None else bool(row["wants"])
