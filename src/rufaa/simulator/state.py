"""The pure law of a prompt, and the books: which answer ends a prompt how, and what money moves.

No HTTP, no clock, no chance: they come as arguments. ``decide`` judges an answer; ``Books.apply`` folds what happened,
one event after another, so that replaying the events gives the same books. A payment is one event, hence atomic: the
wallet loses what the till gains, or neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import codes
from rufaa.simulator.plans import AS_USUAL, TRULY, CallbackPlan, Posting, QueryPlan, Says

_AUTOMATIC: Final = re.compile(r"2547[0-9]{2}00([0-9]{4})")


class State(StrEnum):
    RINGING = "ringing"  # on the phone's screen
    IGNORED = "ignored"  # put aside by its owner; Safaricom still waits
    HELD = "held"  # the PIN was right and a failure was reported all the same: the money moves later
    PAID = "paid"
    UNPAID = "unpaid"


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
    """The ResultCode with which ``2547NN00CCCC`` answers by itself: CCCC as a number. None: a person must answer."""
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
    forced_code: str | None = None  # the network refuses the prompt with this code; it never rings
    plan: CallbackPlan = AS_USUAL
    query_plan: QueryPlan = TRULY
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


@dataclass(frozen=True, slots=True)
class PromptCreated:
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class PromptPutAside:
    checkout_request_id: str


@dataclass(frozen=True, slots=True)
class PromptHeld:
    """It is reported as failed, and will be paid when ``until`` comes."""

    checkout_request_id: str
    until: datetime
    postings: tuple[Posting, ...]


@dataclass(frozen=True, slots=True)
class IdRepeated:
    """From here on Safaricom calls the prompt by the id of another one."""

    checkout_request_id: str
    said_id: str


@dataclass(frozen=True, slots=True)
class QueryPlanned:
    checkout_request_id: str
    plan: QueryPlan


@dataclass(frozen=True, slots=True)
class QueryMisled:
    """One query was answered as ``query_plan.says``."""

    checkout_request_id: str


@dataclass(frozen=True, slots=True)
class MaintenanceSet:
    """Between these instants every product answers that it is under maintenance; ``until`` at once ends a window."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that moved, under its receipt number."""

    receipt: str
    from_wallet: Phone
    to_till: str  # the merchant's short code
    amount: Money


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """How it ended, and what moved with that: one event, so that no replay can see the one without the other."""

    checkout_request_id: str
    result_code: str
    result_desc: str
    query_desc: str
    moved: Transfer | None
    ended_at: datetime
    callback_balance: bool
    postings: tuple[Posting, ...] = ()


@dataclass(frozen=True, slots=True)
class CallbackSent:
    """One delivery was tried. ``outcome``: ``answered``, ``refused`` or ``timeout``; ``status`` only if answered."""

    checkout_request_id: str
    outcome: str
    status: int | None
    body: str
    says: Says = Says.RESULT
    place: int = 0  # among the prompt's postings


@dataclass(frozen=True, slots=True)
class WalletSet:
    """Somebody changed a balance from outside: as if by an agent's counter."""

    phone: Phone
    balance: Money


Event = (
    PromptCreated
    | PromptPutAside
    | PromptHeld
    | PromptEnded
    | CallbackSent
    | WalletSet
    | IdRepeated
    | QueryPlanned
    | QueryMisled
    | MaintenanceSet
)


@dataclass(slots=True)
class Books:
    """Every prompt, wallet and till. This is the truth that tests compare with."""

    opening_balance: Money
    prompts: dict[str, Prompt] = field(default_factory=dict)
    wallets: dict[Phone, Money] = field(default_factory=dict)
    tills: dict[str, Money] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    on_phone: dict[Phone, str] = field(default_factory=dict)  # the live prompt of each phone
    history: dict[Phone, list[str]] = field(default_factory=dict)  # prompts by payer and by phone, oldest first
    maintenance: MaintenanceSet | None = None

    def apply(self, event: Event) -> None:
        match event:
            case PromptCreated():
                self._open(event.prompt)
            case PromptPutAside():
                self._change(replace(self.prompts[event.checkout_request_id], state=State.IGNORED))
            case PromptHeld():
                self._hold(event)
            case PromptEnded():
                self._end(event)
            case CallbackSent():
                self._sent(event)
            case WalletSet():
                self.wallets[event.phone] = event.balance
            case IdRepeated():
                self._change(replace(self.prompts[event.checkout_request_id], said_id=event.said_id))
            case QueryPlanned():
                self._change(replace(self.prompts[event.checkout_request_id], query_plan=event.plan, misled=0))
            case QueryMisled():
                prompt = self.prompts[event.checkout_request_id]
                self._change(replace(prompt, misled=prompt.misled + 1))
            case MaintenanceSet():
                self.maintenance = event
            case _:
                assert_never(event)

    def wallet(self, phone: Phone) -> Money:
        return self.wallets.get(phone, self.opening_balance)

    def till(self, short_code: str) -> Money:
        return self.tills.get(short_code, Money(0))

    def live_on(self, phone: Phone) -> Prompt | None:
        """The prompt for which ``phone`` is locked, if there is one."""
        found = self.on_phone.get(phone)
        return None if found is None else self.prompts[found]

    def under_maintenance(self, at: datetime) -> bool:
        return self.maintenance is not None and self.maintenance.since <= at < self.maintenance.until

    def of_phone(self, phone: Phone) -> Iterable[Prompt]:
        """What ``phone`` was asked, or paid for; newest first."""
        return (self.prompts[each] for each in reversed(self.history.get(phone, [])))

    def _open(self, prompt: Prompt) -> None:
        self.prompts[prompt.checkout_request_id] = prompt
        self.wallets.setdefault(prompt.payer, self.opening_balance)
        self.on_phone[prompt.phone] = prompt.checkout_request_id
        for phone in {prompt.phone, prompt.payer}:
            self.history.setdefault(phone, []).append(prompt.checkout_request_id)

    def _hold(self, event: PromptHeld) -> None:
        prompt = self.prompts[event.checkout_request_id]
        self._free(prompt)
        postings = prompt.postings + event.postings
        self._change(replace(prompt, state=State.HELD, held_until=event.until, postings=postings))

    def _sent(self, event: CallbackSent) -> None:
        prompt = self.prompts[event.checkout_request_id]
        postings = tuple(
            replace(each, sent=True) if place == event.place else each for place, each in enumerate(prompt.postings)
        )
        self._change(replace(prompt, callbacks_sent=prompt.callbacks_sent + 1, postings=postings))

    def _free(self, prompt: Prompt) -> None:
        """Its phone is locked no more."""
        if self.on_phone.get(prompt.phone) == prompt.checkout_request_id:
            del self.on_phone[prompt.phone]

    def _end(self, event: PromptEnded) -> None:
        prompt = self.prompts[event.checkout_request_id]
        moved = event.moved
        if moved is not None:
            self.wallets[moved.from_wallet] = Money(self.wallet(moved.from_wallet).cents - moved.amount.cents)
            self.tills[moved.to_till] = Money(self.till(moved.to_till).cents + moved.amount.cents)
            self.receipts.add(moved.receipt)
        self._free(prompt)
        self._change(
            replace(
                prompt,
                state=State.UNPAID if moved is None else State.PAID,
                result_code=event.result_code,
                result_desc=event.result_desc,
                query_desc=event.query_desc,
                receipt=None if moved is None else moved.receipt,
                ended_at=event.ended_at,
                balance_after=self.wallet(prompt.payer),
                callback_balance=event.callback_balance,
                postings=prompt.postings + event.postings,
            )
        )

    def _change(self, prompt: Prompt) -> None:
        self.prompts[prompt.checkout_request_id] = prompt
