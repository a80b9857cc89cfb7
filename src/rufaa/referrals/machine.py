"""The law of a referral. Pure: no Django, no I/O.

The statuses are the words of the front ends that came before us. A referral is moved by people, except ``MONEY_SEEN``,
which settlement says, and PostgreSQL believes only where the fee is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rufaa.errors import Sentence, sentence
from rufaa.law import Ignored, Machine, Moved, Refused


class Status(StrEnum):
    PENDING_ADMIN = "pending-admin"
    AWAITING_BIODATA = "awaiting-biodata"
    PENDING_PAYMENT = "pending-payment"
    PAID = "paid"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Event(StrEnum):
    CREATE = "create"
    APPROVE = "approve"  # raises the fee: payee, account and amount are frozen
    REJECT = "reject"
    ASK_PAYMENT = "ask-payment"  # the particulars are complete, or somebody asks to go on without them
    MONEY_SEEN = "money-seen"
    CONFIRM = "confirm"
    CONFIRM_EMERGENCY = "confirm-emergency"  # an emergency never waits for money or papers
    COMPLETE = "complete"
    CANCEL = "cancel"  # also the receiving facility's refusal


class Priority(StrEnum):
    ROUTINE = "Routine"
    URGENT = "Urgent"
    EMERGENCY = "Emergency"


_S, _E = Status, Event

TRANSITIONS: Final[Mapping[tuple[Status, Event], Status]] = {
    (_S.PENDING_ADMIN, _E.APPROVE): _S.AWAITING_BIODATA,
    (_S.PENDING_ADMIN, _E.REJECT): _S.REJECTED,
    (_S.PENDING_ADMIN, _E.CONFIRM_EMERGENCY): _S.CONFIRMED,
    (_S.PENDING_ADMIN, _E.CANCEL): _S.CANCELLED,
    (_S.AWAITING_BIODATA, _E.ASK_PAYMENT): _S.PENDING_PAYMENT,
    (_S.AWAITING_BIODATA, _E.CONFIRM_EMERGENCY): _S.CONFIRMED,
    (_S.AWAITING_BIODATA, _E.CANCEL): _S.CANCELLED,
    (_S.PENDING_PAYMENT, _E.MONEY_SEEN): _S.PAID,
    (_S.PENDING_PAYMENT, _E.CONFIRM): _S.CONFIRMED,
    (_S.PENDING_PAYMENT, _E.CONFIRM_EMERGENCY): _S.CONFIRMED,
    (_S.PENDING_PAYMENT, _E.CANCEL): _S.CANCELLED,
    (_S.PAID, _E.CONFIRM): _S.CONFIRMED,
    (_S.PAID, _E.CANCEL): _S.CANCELLED,  # opens a refund task
    (_S.CONFIRMED, _E.COMPLETE): _S.COMPLETED,
    (_S.CONFIRMED, _E.CANCEL): _S.CANCELLED,  # opens a refund task where money came
}

IGNORED: Final[Mapping[tuple[Status, Event], str]] = {
    # Money may come whenever it likes; it changes the fee. Only a referral that waits for it moves.
    (status, _E.MONEY_SEEN): "the money belongs to the fee; this referral does not wait for it"
    for status in Status
    if status is not _S.PENDING_PAYMENT
}

MACHINE: Final = Machine(
    name="referral",
    states=Status,
    events=Event,
    first={_E.CREATE: _S.PENDING_ADMIN},
    transitions=TRANSITIONS,
    ignored=IGNORED,
)

CLOSED: Final = frozenset({_S.REJECTED, _S.CANCELLED})
"""Where particulars, phones and prompts are no longer lawful."""
OVER: Final = CLOSED | {_S.COMPLETED}
"""Where nobody is expected any more."""
ONWARD_FROM: Final = frozenset({_S.CONFIRMED, _S.COMPLETED})
"""Where the receiving facility has the patient, and may send them on by a referral of its own."""

NEEDS_REASON: Final = frozenset({_E.REJECT, _E.CANCEL, _E.COMPLETE})
"""Events that carry a text: why, or for COMPLETE the outcome for the referring doctor."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the law asks about a referral besides its status."""

    priority: Priority
    fee_is_paid: bool
    fee_is_exempt: bool  # waived or deferred


def decide(status: Status, event: Event, facts: Facts) -> Moved[Status] | Ignored | Refused:
    """The table, then what the row needs."""
    decision = MACHINE.decide(status, event)
    if not isinstance(decision, Moved):
        return decision
    missing = _missing(status, event, facts)
    return decision if missing is None else Refused(missing, allowed(status, facts))


def allowed(status: Status, facts: Facts) -> tuple[Event, ...]:
    """The events that would move this referral now, in the table's order."""
    return tuple(
        event for (source, event) in TRANSITIONS if source is status and _missing(status, event, facts) is None
    )


def event_to(status: Status, target: Status, priority: Priority) -> Event | None:
    """Which event somebody means who asks for ``target``; None where no event of the table leads there."""
    if target is _S.CONFIRMED and priority is Priority.EMERGENCY and (status, _E.CONFIRM_EMERGENCY) in TRANSITIONS:
        return _E.CONFIRM_EMERGENCY
    for (source, event), reached in TRANSITIONS.items():
        if source is status and reached is target and event is not _E.CONFIRM_EMERGENCY:
            return event
    return None


def _missing(status: Status, event: Event, facts: Facts) -> Sentence | None:
    if event is _E.MONEY_SEEN and not facts.fee_is_paid:
        return sentence("No money has been seen for this referral yet, so it cannot be marked as paid.")
    if event is _E.CONFIRM and status is _S.PENDING_PAYMENT and not facts.fee_is_exempt:
        return sentence("The fee is neither paid, waived nor deferred, so the appointment cannot be confirmed yet.")
    if event is _E.CONFIRM_EMERGENCY and facts.priority is not Priority.EMERGENCY:
        return sentence("Only an Emergency is confirmed before its fee is settled.")
    return None
