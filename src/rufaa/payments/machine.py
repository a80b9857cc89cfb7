"""The law of money: fee, prompt, receipt and refund. Pure: no Django, no I/O.

A *fee* is what is owed. A *prompt* is one STK push. A *receipt* is money that arrived. A *refund* is money that two
people give back. Reports about prompts become prompt events by ``judge``; ``plan`` decides what a prompt's success does
to its fee, ``arrival_plan`` what money does that is reported by its receipt number. Safaricom is the authority: success
wins whenever it comes, a failure is provisional, and paid is left only by a recorded refund.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from rufaa.daraja import codes
from rufaa.law import Machine
from rufaa.money import Money
from rufaa.payments.refund_machine import REFUND
from rufaa.phone import Phone, agrees

# --- fee -----------------------------------------------------------------------------------------------------------


class FeeState(StrEnum):
    DUE = "due"
    PAID = "paid"
    WAIVED = "waived"
    DEFERRED = "deferred"
    REFUNDED = "refunded"


class FeeEvent(StrEnum):
    RAISE = "raise"
    RAISE_DEFERRED = "raise-deferred"  # an emergency's fee never holds anybody up
    PAY = "pay"
    WAIVE = "waive"  # two people
    DEFER = "defer"  # two people
    CANCEL = "cancel"  # the referral was cancelled: nothing is owed any more
    REFUND = "refund"


FEE_TRANSITIONS: Final[Mapping[tuple[FeeState, FeeEvent], FeeState]] = {
    (FeeState.DUE, FeeEvent.PAY): FeeState.PAID,
    (FeeState.DUE, FeeEvent.WAIVE): FeeState.WAIVED,
    (FeeState.DUE, FeeEvent.DEFER): FeeState.DEFERRED,
    (FeeState.DUE, FeeEvent.CANCEL): FeeState.WAIVED,
    (FeeState.DEFERRED, FeeEvent.PAY): FeeState.PAID,
    (FeeState.DEFERRED, FeeEvent.WAIVE): FeeState.WAIVED,
    (FeeState.DEFERRED, FeeEvent.CANCEL): FeeState.WAIVED,
    (FeeState.PAID, FeeEvent.REFUND): FeeState.REFUNDED,
}

FEE: Final = Machine(
    name="fee",
    states=FeeState,
    events=FeeEvent,
    first={FeeEvent.RAISE: FeeState.DUE, FeeEvent.RAISE_DEFERRED: FeeState.DEFERRED},
    transitions=FEE_TRANSITIONS,
    ignored={},  # money that a fee cannot take is not ignored: its receipt waits in unapplied
)

OPEN_FEE: Final = frozenset({FeeState.DUE, FeeState.DEFERRED})
"""Fees that money can still be asked for and applied to."""
SETTLED_FEE: Final = frozenset({FeeState.PAID, FeeState.WAIVED, FeeState.DEFERRED})
"""Fees that an appointment need not wait for; triggers and SQL of appointments say the same three."""

# --- prompt --------------------------------------------------------------------------------------------------------


class PromptState(StrEnum):
    CREATED = "created"  # committed, not yet claimed by a worker
    SENDING = "sending"  # claimed: from here on the POST may have happened
    PENDING = "pending"  # Daraja queued it; the phone rings
    UNKNOWN = "unknown"  # the answer was lost: asked about, never sent again
    REFUSED = "refused"  # certainly no prompt was sent
    PAID = "paid"
    UNPAID = "unpaid"
    REVIEW = "review"  # no longer live; a person looks, and a late success still credits


class PromptEvent(StrEnum):
    CREATE = "create"
    CLAIM = "claim"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NOT_SENT = "not-sent"  # throttled or no connection: the same attempt is sent again later
    GAVE_UP = "gave-up"  # could not be sent for too long
    WITHDRAWN = "withdrawn"  # the fee closed before the prompt was claimed
    ANSWER_LOST = "answer-lost"
    LEASE_EXPIRED = "lease-expired"  # the worker died between claim and outcome
    CONFIRMED = "confirmed"  # a trusted report of success
    FAILED = "failed"  # a trusted report that nothing was paid
    DOUBTED = "doubted"  # a success that cannot be believed as it is: no money until another source agrees
    OVERDUE = "overdue"  # asked for half an hour and never told
    RESTORED = "restored"  # it waited when the backup was made that was restored: it may have been sent since


_P, _E = PromptState, PromptEvent
_UNSETTLED: Final = (_P.CREATED, _P.SENDING, _P.PENDING, _P.UNKNOWN, _P.REFUSED, _P.UNPAID, _P.REVIEW)

PROMPT_TRANSITIONS: Final[Mapping[tuple[PromptState, PromptEvent], PromptState]] = {
    (_P.CREATED, _E.CLAIM): _P.SENDING,
    (_P.CREATED, _E.GAVE_UP): _P.REFUSED,
    (_P.CREATED, _E.WITHDRAWN): _P.REFUSED,
    (_P.CREATED, _E.RESTORED): _P.UNKNOWN,  # "not sent" would be a guess, and sending it again a second charge
    (_P.SENDING, _E.ACCEPTED): _P.PENDING,
    (_P.SENDING, _E.DECLINED): _P.REFUSED,
    (_P.SENDING, _E.NOT_SENT): _P.CREATED,
    (_P.SENDING, _E.ANSWER_LOST): _P.UNKNOWN,
    (_P.SENDING, _E.LEASE_EXPIRED): _P.UNKNOWN,  # never "not sent": the POST may have been the last thing it did
    # Safaricom is the authority: money beats every verdict of ours, at any age.
    **{(state, _E.CONFIRMED): _P.PAID for state in _UNSETTLED},
    # A report on a prompt that Daraja "did not take" proves that it did: it is not sent again.
    (_P.CREATED, _E.FAILED): _P.UNPAID,
    (_P.CREATED, _E.DOUBTED): _P.REVIEW,
    (_P.SENDING, _E.FAILED): _P.UNPAID,  # the callback beat the answer to the POST
    (_P.PENDING, _E.FAILED): _P.UNPAID,
    (_P.UNKNOWN, _E.FAILED): _P.UNPAID,
    (_P.REVIEW, _E.FAILED): _P.UNPAID,
    (_P.SENDING, _E.DOUBTED): _P.REVIEW,
    (_P.PENDING, _E.DOUBTED): _P.REVIEW,
    (_P.UNKNOWN, _E.DOUBTED): _P.REVIEW,
    (_P.UNPAID, _E.DOUBTED): _P.REVIEW,
    (_P.REFUSED, _E.DOUBTED): _P.REVIEW,
    (_P.PENDING, _E.OVERDUE): _P.REVIEW,
    (_P.UNKNOWN, _E.OVERDUE): _P.REVIEW,
}

PROMPT_IGNORED: Final[Mapping[tuple[PromptState, PromptEvent], str]] = {
    (_P.PAID, _E.CONFIRMED): "already paid: another report of the same receipt",
    (_P.PAID, _E.FAILED): "paid is sticky: a failure never undoes money",
    (_P.PAID, _E.DOUBTED): "already paid: a person compares the reports",
    (_P.REVIEW, _E.DOUBTED): "already with a person",
    (_P.UNPAID, _E.FAILED): "already known to be unpaid",
    (_P.REFUSED, _E.FAILED): "no prompt was sent, and nothing was paid",
    # The worker's answer may come after the callback that already settled the prompt; its ids are kept all the same.
    **{
        (state, event): "settled before the answer to the POST came"
        for state in (_P.PAID, _P.UNPAID, _P.REVIEW)
        for event in (_E.ACCEPTED, _E.DECLINED, _E.NOT_SENT, _E.ANSWER_LOST, _E.LEASE_EXPIRED)
    },
    **{
        (_P.UNKNOWN, event): "the lease had expired: this worker no longer speaks for the prompt"
        for event in (_E.ACCEPTED, _E.DECLINED, _E.NOT_SENT, _E.ANSWER_LOST)
    },
}

PROMPT: Final = Machine(
    name="prompt",
    states=PromptState,
    events=PromptEvent,
    first={_E.CREATE: _P.CREATED},
    transitions=PROMPT_TRANSITIONS,
    ignored=PROMPT_IGNORED,
)

LIVE: Final = frozenset({_P.CREATED, _P.SENDING, _P.PENDING, _P.UNKNOWN})
"""At most one of these per fee and per payer phone; a partial unique index holds it."""

# --- receipt -------------------------------------------------------------------------------------------------------


class ReceiptState(StrEnum):
    UNAPPLIED = "unapplied"  # some of it is free, or promised to be given back: a person's work
    APPLIED = "applied"  # nothing waits: it pays fees, and what does not was given back
    REFUNDED = "refunded"  # all of it was given back


class ReceiptEvent(StrEnum):
    ARRIVE = "arrive"
    APPLY = "apply"  # the last that waited pays a fee
    PART_APPLY = "part-apply"  # a part pays a fee, the rest waits
    GIVE_BACK = "give-back"  # all of it waited, and goes back
    PART_GIVE_BACK = "part-give-back"  # a part goes back, the rest waits
    GIVE_BACK_REST = "give-back-rest"  # the last that waited goes back; what was applied stays
    RETURN = "return"  # what paid the refunded fee goes back, and no fee is paid by it any more
    PART_RETURN = "part-return"  # as return, and another part still waits or pays another fee


_R, _RE = ReceiptState, ReceiptEvent

RECEIPT: Final = Machine(
    name="receipt",
    states=ReceiptState,
    events=ReceiptEvent,
    first={_RE.ARRIVE: _R.UNAPPLIED},
    transitions={
        (_R.UNAPPLIED, _RE.APPLY): _R.APPLIED,
        (_R.UNAPPLIED, _RE.PART_APPLY): _R.UNAPPLIED,
        (_R.UNAPPLIED, _RE.GIVE_BACK): _R.REFUNDED,
        (_R.UNAPPLIED, _RE.PART_GIVE_BACK): _R.UNAPPLIED,
        (_R.UNAPPLIED, _RE.GIVE_BACK_REST): _R.APPLIED,
        (_R.UNAPPLIED, _RE.PART_RETURN): _R.UNAPPLIED,
        (_R.APPLIED, _RE.RETURN): _R.REFUNDED,
        (_R.APPLIED, _RE.PART_RETURN): _R.APPLIED,
    },
    ignored={},
)

MACHINES: Final = (FEE, PROMPT, RECEIPT, REFUND)

# --- from a report to an event -------------------------------------------------------------------------------------

PROMPT_LIFE_S: Final = 90
"""How long a phone can still be rung: the slowest payment seen took 72 s, none over 90 (daraja.md §12)."""


class Channel(StrEnum):
    """Where a report came from. The first two speak of a prompt, the others of a receipt number on an account."""

    CALLBACK = "callback"
    QUERY = "query"
    C2B = "c2b"  # a confirmation
    PULL = "pull"
    STATUS = "status"  # the result of a Transaction Status question
    TYPED = "typed"  # a code that a clerk typed in
    STATEMENT = "statement"  # a row of the organisation's statement


OF_PROMPT: Final = frozenset({Channel.CALLBACK, Channel.QUERY})


@dataclass(frozen=True, slots=True)
class Report:
    """What one piece of evidence says about one prompt, in our terms.

    ``trusted``: it came from an address that may speak for Safaricom, or we asked for it ourselves.
    """

    channel: Channel
    result_code: str
    trusted: bool
    checkout_request_id: str | None = None
    merchant_request_id: str | None = None
    amount: Money | None = None
    receipt_number: str | None = None
    phone_shown: str | None = None


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What ``judge`` needs to know of the prompt that a report is about."""

    amount: Money
    phone: Phone
    checkout_request_id: str | None
    merchant_request_id: str | None
    age_s: float
    unpaid_queries: int  # how many earlier queries said that nothing was paid
    success_claimed: bool = False  # an earlier report spoke of success and could not be believed: a query decides
    others_checkout_ids: frozenset[str] = frozenset()  # those that other prompts have, of the ones reported
    others_numbers: frozenset[str] = frozenset()  # receipt numbers of other payments, of the ones reported


class Verdict(StrEnum):
    """What a report means for its prompt. The word is stored with the evidence."""

    CONFIRMS = "confirms"
    FAILS = "fails"
    FAILS_FOR_NOW = "fails-for-now"  # a query's failure: believed when another says so, after the prompt's life
    NO_NEWS = "no-news"
    ASK = "ask"  # believed only after a query
    ASK_DIFFERS = "ask-differs"  # neither trusted nor in agreement with the prompt: only a query counts
    AMOUNT_DIFFERS = "amount-differs"
    PHONE_DIFFERS = "phone-differs"
    OTHER_PROMPT = "other-prompt"  # ids of another push than this prompt's
    NO_RECEIPT = "no-receipt"  # a callback's success without receipt number or amount
    NUMBER_TAKEN = "number-taken"  # a callback's success with the receipt number of another payment

    @property
    def event(self) -> PromptEvent | None:
        """The prompt event that it stands for, if any."""
        match self:
            case Verdict.CONFIRMS:
                return PromptEvent.CONFIRMED
            case Verdict.FAILS:
                return PromptEvent.FAILED
            case Verdict.AMOUNT_DIFFERS | Verdict.PHONE_DIFFERS:
                return PromptEvent.DOUBTED
            case Verdict.FAILS_FOR_NOW | Verdict.NO_NEWS | Verdict.ASK | Verdict.ASK_DIFFERS:
                return None
            case Verdict.OTHER_PROMPT | Verdict.NO_RECEIPT | Verdict.NUMBER_TAKEN:
                return None
        assert_never(self)

    @property
    def asks(self) -> bool:
        """Whether a query should be made at once to find the truth."""
        return self in _ASKS


_ASKS: Final = frozenset(
    {
        Verdict.ASK,
        Verdict.ASK_DIFFERS,
        Verdict.AMOUNT_DIFFERS,
        Verdict.PHONE_DIFFERS,
        Verdict.OTHER_PROMPT,
        Verdict.NO_RECEIPT,
        Verdict.NUMBER_TAKEN,
    }
)


class ArrivalVerdict(StrEnum):
    """What a report of money by its receipt number means. The word is stored with the evidence."""

    KNOWN = "known"  # one more report of a receipt that we have
    FILLS = "fills"  # the number that a receipt awaited
    PAYS = "pays"  # a new receipt, that pays a fee
    UNAPPLIED = "unapplied"  # a new receipt, that waits for a person
    CONTRADICTS = "contradicts"  # its number is of a receipt on another account, or of another amount
    NO_MONEY = "no-money"  # not a completed payment to us, or of no amount
    ASK = "ask"  # nobody that may speak for Safaricom says so: a claim, believed when another source agrees


def judge(prompt: PromptFacts, report: Report) -> Verdict:
    """What ``report`` means for ``prompt``. Checks run in a fixed order; the first that fails names the verdict."""
    if _names_another_push(prompt, report):
        return Verdict.OTHER_PROMPT
    match codes.verdict(report.result_code):
        case codes.Verdict.PROCESSING | codes.Verdict.UNCERTAIN:
            return Verdict.NO_NEWS
        case codes.Verdict.UNPAID:
            return _judge_failure(prompt, report)
        case codes.Verdict.PAID:
            return _judge_success(prompt, report)
        case never:
            assert_never(never)


def _names_another_push(prompt: PromptFacts, report: Report) -> bool:
    """A replayed callback carries the ids of the push that it was made for."""
    for ours, theirs in (
        (prompt.checkout_request_id, report.checkout_request_id),
        (prompt.merchant_request_id, report.merchant_request_id),
    ):
        if ours is not None and theirs is not None and ours != theirs:
            return True
    return report.checkout_request_id in prompt.others_checkout_ids


def _judge_failure(prompt: PromptFacts, report: Report) -> Verdict:
    match report.channel:
        case Channel.CALLBACK:
            return Verdict.FAILS if report.trusted and not prompt.success_claimed else Verdict.ASK
        case Channel.QUERY:
            # A query has said "failed" of payments that went through (daraja.md §5), so one alone decides nothing.
            old_enough = prompt.age_s >= PROMPT_LIFE_S
            return Verdict.FAILS if old_enough and prompt.unpaid_queries >= 1 else Verdict.FAILS_FOR_NOW
        case Channel.C2B | Channel.PULL | Channel.STATUS | Channel.TYPED | Channel.STATEMENT:
            return Verdict.NO_NEWS  # it speaks of a receipt, not of a prompt: see arrival_plan
        case never:
            assert_never(never)


def _judge_success(prompt: PromptFacts, report: Report) -> Verdict:
    match report.channel:
        case Channel.QUERY:
            return Verdict.CONFIRMS  # it knows no receipt, amount or phone; the prompt's own stand (daraja.md §5)
        case Channel.CALLBACK:
            if report.receipt_number is None or report.amount is None:
                return Verdict.NO_RECEIPT
            if report.receipt_number in prompt.others_numbers:
                return Verdict.NUMBER_TAKEN
            if report.amount != prompt.amount:
                return Verdict.AMOUNT_DIFFERS if report.trusted else Verdict.ASK_DIFFERS
            if report.phone_shown is not None and not agrees(report.phone_shown, prompt.phone):
                return Verdict.PHONE_DIFFERS if report.trusted else Verdict.ASK_DIFFERS
            return Verdict.CONFIRMS if report.trusted else Verdict.ASK
        case Channel.C2B | Channel.PULL | Channel.STATUS | Channel.TYPED | Channel.STATEMENT:
            return Verdict.NO_NEWS  # as in a failure
        case never:
            assert_never(never)


# --- when to ask ---------------------------------------------------------------------------------------------------

_FIRST_QUERIES_S: Final = (20, 40, 75, 100, 150)
_LATER_EVERY_S: Final = 300
GIVE_UP_ASKING_S: Final = 1800
"""When a prompt that nothing is known of is handed to a person, after one more query."""
_LATE_EVERY_S: Final = 3600
_LATE_UNTIL_S: Final = 24 * 3600
UNKNOWN_WITHOUT_ID_S: Final = 180
"""How long a prompt without an id is waited for: nothing can be asked about it, only its callback can tell."""
LAST_QUERY_S: Final = 150
"""When a prompt that failed by "no response" is asked about once more (daraja.md §15, code 1037)."""


def next_query_s(age_s: float) -> float | None:
    """The age in seconds at which to ask again, given the age now; None when it is time to hand over to a person."""
    for due in _FIRST_QUERIES_S:
        if due > age_s:
            return due
    if age_s >= GIVE_UP_ASKING_S:
        return None
    last = _FIRST_QUERIES_S[-1]
    due = last + _LATER_EVERY_S * (int((age_s - last) // _LATER_EVERY_S) + 1)
    return min(due, GIVE_UP_ASKING_S)


def next_late_query_s(age_s: float) -> float | None:
    """As ``next_query_s``, for a prompt in review: a day long, every hour, since a late success still credits."""
    due = next_query_s(age_s)
    if due is None and age_s < _LATE_UNTIL_S:
        due = GIVE_UP_ASKING_S + _LATE_EVERY_S * (int((age_s - GIVE_UP_ASKING_S) // _LATE_EVERY_S) + 1)
    return due
