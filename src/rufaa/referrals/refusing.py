"""How moves and rights are refused, and what the person could do instead."""

from __future__ import annotations

from rufaa.errors import InvalidArgument, Kind, RufaaError, Sentence, sentence
from rufaa.facilities.queries import Forbidden
from rufaa.facilities.rights import Right
from rufaa.referrals import actions, machine
from rufaa.referrals.machine import Status
from rufaa.referrals.models import Referral


class UnlawfulMove(RufaaError):
    """The referral's status does not take this move now. ``data.allowed`` lists the statuses that it can go to."""

    kind = Kind.CONFLICT
    code = "unlawful-move"


class NotPaid(UnlawfulMove):
    """No money has been seen for the referral that somebody calls paid."""

    code = "not-paid"


class ReasonNeeded(InvalidArgument):
    """Rejecting and cancelling need a reason, completing needs the outcome."""

    code = "reason-needed"


class NoStoredPhone(RufaaError):
    """No phone is stored that could be asked for the money."""

    kind = Kind.CONFLICT
    code = "no-stored-phone"


def require(rights: frozenset[Right], right: Right, action: Sentence) -> None:
    if right not in rights:
        raise Forbidden(sentence("You may not %(action)s this referral.", action=action), right=right)


def require_any(rights: frozenset[Right], wanted: tuple[Right, ...], action: Sentence) -> None:
    if not rights & set(wanted):
        raise Forbidden(sentence("You may not %(action)s.", action=action), right=wanted[0])


def unlawful(row: Referral, rights: frozenset[Right], why: Sentence, *, not_paid: bool = False) -> UnlawfulMove:
    """The refusal, with what this person could do instead."""
    status = Status(row.state)
    options = [
        machine.TRANSITIONS[status, event]
        for event in machine.allowed(status, actions.facts(row))
        if actions.may_move(rights, status, event)
    ]
    kind = NotPaid if not_paid else UnlawfulMove
    message = (
        sentence("%(why)s You can move it to: %(options)s.", why=why, options=options)
        if options
        else sentence("%(why)s You can move it to: nothing.", why=why)
    )
    return kind(message, status=status, allowed=[str(option) for option in options])
