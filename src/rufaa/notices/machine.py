"""The law of a notice, and what each kind of notice is. Pure: no Django, no I/O.

A gateway that knows a message again by our key may be given it twice; one that does not never is: a message whose
answer was lost stays ``unknown`` until its delivery is reported, or a person sends it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from rufaa.law import Machine


class State(StrEnum):
    DUE = "due"  # waits for its time, or for a phone
    SENDING = "sending"  # claimed: from here on the gateway may have it
    SENT = "sent"  # the gateway has taken it
    UNKNOWN = "unknown"  # the answer was lost, and the gateway would not know it again
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"  # the gateway will not take it, or could not for too long
    DROPPED = "dropped"  # not sent: not wanted, or no longer true


class Event(StrEnum):
    HAPPEN = "happen"  # the fact that it tells
    CLAIM = "claim"
    TAKEN = "taken"
    NOT_TAKEN = "not-taken"  # certainly not: tried again later
    REFUSED = "refused"
    GAVE_UP = "gave-up"
    ANSWER_LOST = "answer-lost"
    LEASE_EXPIRED = "lease-expired"  # the worker died between claim and answer
    RESTORED = "restored"  # it waited in the backup that a lost server was restored from
    SAME_AGAIN = "same-again"  # as both, where the gateway knows it again: nothing is doubled
    REPORTED = "reported"
    REPORTED_LOST = "reported-lost"
    DROP = "drop"
    AGAIN = "again"  # a person sends it once more


_S, _E = State, Event

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (_S.DUE, _E.CLAIM): _S.SENDING,
    (_S.DUE, _E.DROP): _S.DROPPED,
    (_S.DUE, _E.RESTORED): _S.UNKNOWN,
    (_S.SENDING, _E.TAKEN): _S.SENT,
    (_S.SENDING, _E.REPORTED): _S.DELIVERED,  # the report was faster than the answer
    (_S.SENDING, _E.REPORTED_LOST): _S.UNDELIVERED,
    (_S.SENDING, _E.NOT_TAKEN): _S.DUE,
    (_S.SENDING, _E.REFUSED): _S.FAILED,
    (_S.SENDING, _E.GAVE_UP): _S.FAILED,
    (_S.SENDING, _E.SAME_AGAIN): _S.DUE,
    (_S.SENDING, _E.ANSWER_LOST): _S.UNKNOWN,
    (_S.SENDING, _E.LEASE_EXPIRED): _S.UNKNOWN,
    (_S.SENT, _E.REPORTED): _S.DELIVERED,
    (_S.SENT, _E.REPORTED_LOST): _S.UNDELIVERED,
    (_S.UNKNOWN, _E.TAKEN): _S.SENT,  # the answer came after all
    (_S.UNKNOWN, _E.REPORTED): _S.DELIVERED,
    (_S.UNKNOWN, _E.REPORTED_LOST): _S.UNDELIVERED,
    (_S.UNKNOWN, _E.AGAIN): _S.DUE,
    (_S.UNDELIVERED, _E.REPORTED): _S.DELIVERED,  # the phone was switched on later
    (_S.UNDELIVERED, _E.AGAIN): _S.DUE,
    (_S.FAILED, _E.AGAIN): _S.DUE,
}

MACHINE: Final = Machine(
    name="notice",
    states=State,
    events=Event,
    first={_E.HAPPEN: _S.DUE},
    transitions=TRANSITIONS,
    ignored={},
)

CAN_GO_AGAIN: Final = frozenset(state for state, event in TRANSITIONS if event is _E.AGAIN)


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"


class Kind(StrEnum):
    """What is told. Each is told once of its subject: the database refuses another."""

    RECEIVED = "received"  # of a referral, when it is approved: with the link
    RINGING = "ringing"  # of a prompt: the phone is about to ask for a PIN
    PAID = "paid"  # of a fee: with receipt and code
    NOT_PAID = "not-paid"  # of a prompt that failed: with the paybill way
    BOOKED = "booked"  # of an appointment
    MOVED = "moved"  # of an appointment that took another's place
    CHOOSE = "choose"  # of an appointment whose slot was gone when the money came
    CANCELLED = "cancelled"  # of an appointment
    REMINDER = "reminder"  # of an appointment, the day before
    OUTCOME = "outcome"  # of a referral: to its doctor


@dataclass(frozen=True, slots=True)
class Manner:
    """How a kind is told. ``good_for``: so long after it was due it is still worth telling."""

    channel: Channel
    waits: bool  # for the end of the quiet hours
    good_for: timedelta
    fields: frozenset[str]  # what its template may name


_ALWAYS: Final = frozenset({"code", "link", "facility"})
_MONEY: Final = _ALWAYS | {"amount", "payee"}
_TIME: Final = _ALWAYS | {"when"}
_DAY: Final = timedelta(days=1)

MANNERS: Final[Mapping[Kind, Manner]] = {
    Kind.RECEIVED: Manner(Channel.SMS, True, 7 * _DAY, _ALWAYS),
    Kind.RINGING: Manner(Channel.SMS, False, timedelta(seconds=45), _MONEY),
    Kind.PAID: Manner(Channel.SMS, False, 2 * _DAY, _MONEY | {"receipt"}),
    Kind.NOT_PAID: Manner(Channel.SMS, False, timedelta(hours=1), _MONEY | {"by_hand"}),
    Kind.BOOKED: Manner(Channel.SMS, True, 2 * _DAY, _TIME),
    Kind.MOVED: Manner(Channel.SMS, True, 2 * _DAY, _TIME),
    Kind.CHOOSE: Manner(Channel.SMS, True, 7 * _DAY, _ALWAYS),
    Kind.CANCELLED: Manner(Channel.SMS, True, 2 * _DAY, _TIME),
    Kind.REMINDER: Manner(Channel.SMS, True, _DAY, _TIME),
    Kind.OUTCOME: Manner(Channel.EMAIL, False, 7 * _DAY, frozenset({"code", "link", "facility"})),
}
"""No field holds a name of a patient, a diagnosis or an outcome, and none a clinic's name, which can tell what somebody
has: a message can be read on a screen that lies about."""
