"""The pure law of a prompt: which answer ends it how. No HTTP, no clock, no chance: they come as arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import codes
from rufaa.simulator.plans import AS_USUAL, NOTICED, TRULY, CallbackPlan, NoticePlan, Posting, QueryPlan, Says

_AUTOMATIC: Final = re.compile(r"2547[0-9]{2}00((?!7)[0-9]{4})")


class State(StrEnum):
    RINGING = "ringing"  # on the phone's screen
    IGNORED = "ignored"  # put aside by its owner; Safaricom still waits
    HELD = "held"  # the PIN was right and a failure was reported all the same: the money moves later
    PAID = "paid"
    UNPAID = "unpaid"


class Manner(StrEnum):
    """What a phone does when it is asked for money."""

    BY_NUMBER = "by-number"  # rings, or answers by itself if its number says so
    PAYS = "pays"
    CANCELS = "cancels"
    WRONG_PIN = "wrong-pin"
    OFF = "off"  # cannot be reached, and cannot pay by hand


MANNER_CODES: Final[Mapping[Manner, str]] = {
    Manner.PAYS: codes.PAID,
    Manner.CANCELS: codes.CANCELLED,
    Manner.WRONG_PIN: codes.WRONG_PIN,
    Manner.OFF: codes.NOT_REACHED,
}
"""How a prompt ends by itself on a phone of this manner; ``BY_NUMBER`` is not among them."""


LIVE: Final = frozenset({State.RINGING, State.IGNORED})
"""In these the phone is locked for any other prompt."""


@dataclass(frozen=True, slots=True)
class PinEntered:
    pin: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The owner pressed Cancel."""


@dataclass(frozen=True, slots=True)
class PutAside:
    """The owner looks away: nothing is told to Safaricom, and the session runs out."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The session ran out."""


@dataclass(frozen=True, slots=True)
class ByItself:
    """The phone answers by its number, or the network refuses: ``code`` is the ResultCode to end with."""

    code: str


@dataclass(frozen=True, slots=True)
class GoesThrough:
    """What was held goes on its way."""


Answer = PinEntered | Cancelled | PutAside | Unanswered | ByItself | GoesThrough


@dataclass(frozen=True, slots=True)
class Ends:
    """The prompt is over. The money moves if and only if ``code`` is ``"0"``."""

    code: str


@dataclass(frozen=True, slots=True)
class StaysLive:
    """The prompt is put aside, and still lives."""


@dataclass(frozen=True, slots=True)
class TooLate:
    """The prompt was over before; nothing changes."""


Verdict = Ends | StaysLive | TooLate


def decide(state: State, answer: Answer, *, amount: Money, balance: Money, pin: str) -> Verdict:
    """What ``answer`` does to a prompt in ``state`` for ``amount``, whose payer has ``balance`` and the PIN ``pin``."""
    if state not in LIVE and not (state is State.HELD and isinstance(answer, GoesThrough)):
        return TooLate()
    paid_or_low = Ends(codes.PAID if balance >= amount else codes.BALANCE_LOW)
    match answer:
        case PinEntered():
            return paid_or_low if answer.pin == pin else Ends(codes.WRONG_PIN)
        case Cancelled():
            return Ends(codes.CANCELLED)
        case PutAside():
            return StaysLive()
        case Unanswered():
            return Ends(codes.NOT_REACHED)
        case ByItself():
            return paid_or_low if answer.code == codes.PAID else Ends(answer.code)
        case GoesThrough():
            return paid_or_low if state is State.HELD else TooLate()
        case _:
            assert_never(answer)


def automatic_code(phone: Phone) -> str | None:
    """The ResultCode with which ``2547NN00CCCC`` answers by itself: CCCC as a number. None: a person must answer.

    From 7000 to 7999 M-Pesa has no codes; those phones ring, so that there are test phones enough for several people.
    """
    match = _AUTOMATIC.fullmatch(phone)
    return str(int(match[1])) if match else None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One accepted push. ``phone`` rings; ``payer`` pays (PartyA; daraja.md §3 allows them to differ)."""

    checkout_request_id: str
    merchant_request_id: str
    short_code: str
    phone: Phone
    payer: Phone
    amount: Money
    account_reference: str
    text: str  # what the screen asks
    callback_url: str
    created_at: datetime
    forced_code: str | None = None  # it never rings, and ends with this code: the network refuses it, or its owner
    plan: CallbackPlan = AS_USUAL
    query_plan: QueryPlan = TRULY
    notice_plan: NoticePlan = NOTICED  # of its C2B confirmation, if it is paid and nothing is scripted for that
    said_id: str | None = None  # the id of another push, which Safaricom says instead of its own
    state: State = State.RINGING
    result_code: str | None = None
    result_desc: str | None = None  # the callback's words
    query_desc: str | None = None  # the query's words, which may differ (daraja.md §17 row 22)
    receipt: str | None = None
    ended_at: datetime | None = None
    balance_after: Money | None = None  # of the payer, when it ended
    callback_balance: bool = False  # whether the callback has a Balance item
    held_until: datetime | None = None
    postings: tuple[Posting, ...] = ()
    callbacks_sent: int = 0
    misled: int = 0  # answers to queries that were as ``query_plan.says``

    @property
    def shown_id(self) -> str:
        """The CheckoutRequestID that Safaricom writes."""
        return self.said_id or self.checkout_request_id

    @property
    def misleads(self) -> bool:
        """Whether queries about it are answered other than truly, still."""
        plan = self.query_plan
        spent = plan.says is not None and 0 < plan.times <= self.misled
        return plan != TRULY and not spent

    @property
    def over(self) -> bool:
        return self.state in {State.PAID, State.UNPAID}

    @property
    def results(self) -> tuple[tuple[int, Posting], ...]:
        """The callbacks that tell its result, each with its place among all postings."""
        return tuple((place, each) for place, each in enumerate(self.postings) if each.says is Says.RESULT)

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def rings(self) -> bool:
        """Whether the owner of the phone sees it now."""
        return self.state is State.RINGING and self.forced_code is None

    @property
    def own_code(self) -> str | None:
        """The code it ends with by itself, without a person."""
        return self.forced_code or automatic_code(self.phone)
