"""What became of a patient, as the receiving facility tells it to who referred: for the letter back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rufaa import trail
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.facilities.rights import Right
from rufaa.referrals import queries, told
from rufaa.referrals.machine import MACHINE, Event, Status
from rufaa.referrals.queries import Seen


class NoOutcomeYet(RufaaError):
    """The referral is not completed: there is nothing to tell the referring doctor."""

    kind = Kind.NOT_FOUND
    code = "no-outcome-yet"

    def __init__(self) -> None:
        super().__init__("There is a letter once the receiving facility has completed the referral.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome, whose words are the referral's reason. ``by`` None: nobody who signed in."""

    seen: Seen
    by: str | None
    at: datetime


def reported(tx: Tx, actor: Actor, referral: str) -> Outcome:
    """The outcome of a completed referral. Each time it is a reading of the record.

    Raises ``ReferralNotFound``, ``Forbidden`` for who sees its money alone, ``NoOutcomeYet``.
    """
    seen = queries.see(tx, actor, referral)
    if not seen.medical:
        raise Forbidden("You see the money of this referral, and not what became of the patient.", right=Right.SEE)
    row = seen.referral
    if Status(row.state) is not Status.COMPLETED:
        raise NoOutcomeYet
    (completed,) = (
        each
        for each in told.of_referral(tx, row.pk, row.fee_id)
        if (each.machine, each.event) == (MACHINE.name, Event.COMPLETE)
    )
    trail.show_letter(row.pk)
    return Outcome(seen, completed.who, completed.at)
