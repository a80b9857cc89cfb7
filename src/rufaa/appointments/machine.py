"""The law of an appointment. Pure: no Django, no I/O.

A slot is *held* while the fee is being paid, and lets go by itself. Only a settled fee makes an appointment of it: the
database refuses ``booked`` without one, as it refuses a slot more than its places.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from rufaa.law import Machine


class State(StrEnum):
    HELD = "held"
    BOOKED = "booked"
    ARRIVED = "arrived"
    SEEN = "seen"
    MISSED = "missed"  # the patient did not come
    LAPSED = "lapsed"  # the hold ended before the money came
    CANCELLED = "cancelled"
    MOVED = "moved"  # another appointment took its place


class Event(StrEnum):
    HOLD = "hold"
    BOOK = "book"  # for a fee that is settled already, or an Emergency
    KEEP = "keep"  # the fee was settled while the slot was held
    LAPSE = "lapse"
    LATE_MONEY = "late-money"  # the slot was still free when the money came
    ARRIVE = "arrive"
    SEE = "see"
    MISS = "miss"
    CANCEL = "cancel"
    MOVE = "move"


_S, _E = State, Event

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (_S.HELD, _E.KEEP): _S.BOOKED,
    (_S.HELD, _E.LAPSE): _S.LAPSED,
    (_S.HELD, _E.CANCEL): _S.CANCELLED,
    (_S.HELD, _E.MOVE): _S.MOVED,
    (_S.LAPSED, _E.LATE_MONEY): _S.BOOKED,
    (_S.BOOKED, _E.ARRIVE): _S.ARRIVED,
    (_S.BOOKED, _E.SEE): _S.SEEN,  # the outcome came without a word from the desk
    (_S.BOOKED, _E.MISS): _S.MISSED,
    (_S.BOOKED, _E.CANCEL): _S.CANCELLED,
    (_S.BOOKED, _E.MOVE): _S.MOVED,
    (_S.ARRIVED, _E.SEE): _S.SEEN,
    (_S.MISSED, _E.ARRIVE): _S.ARRIVED,  # later than we waited for
}

MACHINE: Final = Machine(
    name="appointment",
    states=State,
    events=Event,
    first={_E.HOLD: _S.HELD, _E.BOOK: _S.BOOKED},
    transitions=TRANSITIONS,
    ignored={},
)

LIVE: Final = frozenset({_S.HELD, _S.BOOKED, _S.ARRIVED})
"""A referral has one of these at most."""
OCCUPIES: Final = frozenset({_S.HELD, _S.BOOKED, _S.ARRIVED, _S.SEEN, _S.MISSED})
"""These take one of a slot's places."""
CHANGEABLE: Final = frozenset({_S.HELD, _S.BOOKED})
"""These can be moved or cancelled."""
