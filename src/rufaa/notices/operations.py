"""What people decide about messages: how a facility tells, what it says, what a phone wants, and once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Final

from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right
from rufaa.ids import from_wire
from rufaa.law import Moved
from rufaa.notices import texts
from rufaa.notices.machine import CAN_GO_AGAIN, MACHINE, Event, State
from rufaa.notices.machine import Kind as Told
from rufaa.notices.models import Mode, Policy, Template
from rufaa.notices.wishes import Said, wish
from rufaa.phone import Phone
from rufaa.referrals import refusing
from rufaa.referrals.queries import see

_SQL: Final = sql.load(__file__, "operations.sql")


class NoticeNotFound(RufaaError):
    """The referral has no such message."""

    kind = Kind.NOT_FOUND
    code = "notice-not-found"


class NoticeStands(RufaaError):
    """A message is only sent again where it did not arrive, or nobody knows whether it did."""

    kind = Kind.CONFLICT
    code = "notice-stands"


def _one_of(argument: str, allowed: Iterable[str]) -> InvalidArgument:
    return InvalidArgument(
        sentence("%(argument)s is one of: %(allowed)s.", argument=argument, allowed=list(allowed)), argument=argument
    )


def set_policy(
    _tx: Tx,
    facility: Facility,
    *,
    mode: str,
    language: str,
    quiet_from: time,
    quiet_until: time,
    silent: list[str],
) -> None:
    """How ``facility`` tells people. Raises ``InvalidArgument``."""
    if mode not in list(Mode):
        raise _one_of("mode", Mode)
    if language not in texts.LANGUAGES:
        raise _one_of("language", texts.LANGUAGES)
    unknown = [each for each in silent if each not in list(Told)]
    if unknown:
        raise _one_of("silent", Told)
    Policy.objects.update_or_create(
        facility=facility,
        defaults={
            "mode": mode,
            "language": language,
            "quiet_from": quiet_from,
            "quiet_until": quiet_until,
            "silent": sorted(set(silent)),
        },
    )


def set_template(_tx: Tx, facility: Facility, *, kind: str, language: str, text: str) -> None:
    """What ``facility`` says in place of our words; nothing, or our words: ours. Raises ``InvalidArgument``."""
    if kind not in list(Told):
        raise _one_of("kind", Told)
    if language not in texts.LANGUAGES:
        raise _one_of("language", texts.LANGUAGES)
    theirs = Template.objects.filter(facility=facility, kind=kind, language=language)
    if not text.strip():
        theirs.delete()
        return
    text = texts.check(Told(kind), text)
    if text == texts.DEFAULTS[language][Told(kind)]:
        theirs.delete()
        return
    Template.objects.update_or_create(facility=facility, kind=kind, language=language, defaults={"text": text})


def send_again(tx: Tx, actor: Actor, referral: str, notice: str) -> None:
    """Send a message of ``referral`` once more. Raises ``Forbidden``, ``NoticeNotFound``, ``NoticeStands``."""
    seen = see(tx, actor, referral)
    refusing.require(seen.rights, Right.TELL, sentence("send a message again of"))
    row = tx.row(_SQL["lock"], {"notice": from_wire(notice), "referral": seen.referral.pk})
    if row is None:
        raise NoticeNotFound("This referral has no such message.")
    decided = MACHINE.decide(State(row["state"]), Event.AGAIN)
    if not isinstance(decided, Moved):
        raise NoticeStands(
            sentence("A message that is %(state)s is not sent again.", state=State(row["state"])),
            allowed=sorted(CAN_GO_AGAIN),
        )
    tx.execute(_SQL["again"], {"notice": row["id"]})
    tx.wake_workers("tell")


def note_wish(tx: Tx, actor: Actor, referral: str, *, wants: bool) -> None:
    """The desk heard from the patient whether messages are wanted. Raises ``Forbidden``, ``InvalidArgument``."""
    seen = see(tx, actor, referral)
    refusing.require(seen.rights, Right.TELL, sentence("say what the patient wants to be told of"))
    particulars = seen.referral.particulars
    phones = sorted({each for each in (particulars.phone, particulars.payer_phone) if each})
    if not phones:
        raise InvalidArgument("There is no phone yet that could be sent anything.", argument="wants")
    for each in phones:
        wish(tx, Phone(each), wants=wants, said=Said.DESK, actor=actor.user)
