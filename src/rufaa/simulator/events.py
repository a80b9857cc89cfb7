"""What can happen: the events that are journalled, and from which the books follow. Only values.

A payment is one event, hence atomic: the wallet loses what the till gains, or neither; and what will be posted about it
is planned with it, or it has not happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator.movements import Movement
from rufaa.simulator.notices import Notice, Tells
from rufaa.simulator.orders import Order
from rufaa.simulator.plans import Posting, QueryPlan, Says
from rufaa.simulator.registrations import PullRegistration, Urls
from rufaa.simulator.state import Manner, Prompt


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
    notices: tuple[Notice, ...] = ()
    third_party_id: str = ""  # what the merchant's validation wants to see again


@dataclass(frozen=True, slots=True)
class PaymentMade:
    """Money came to a till without a push."""

    movement: Movement
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class NoticePlanned:
    """Something will be posted besides."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class NoticeSent:
    """One delivery was tried, of the notice with this place among all. ``outcome`` and ``status`` as a callback's."""

    place: int
    tells: Tells
    about: str
    outcome: str
    status: int | None


@dataclass(frozen=True, slots=True)
class UrlsRegistered:
    """A short code has addresses for C2B from now on."""

    urls: Urls


@dataclass(frozen=True, slots=True)
class UrlsRemoved:
    """Two operators took the addresses away in the portal."""

    short_code: str


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


@dataclass(frozen=True, slots=True)
class CashPaidIn:
    """The owner of ``phone`` gave cash to an agent, under ``receipt``."""

    phone: Phone
    receipt: str
    amount: Money
    paid_at: datetime
    wallet_after: Money


@dataclass(frozen=True, slots=True)
class SmsReceived:
    """Somebody other than M-Pesa wrote to ``phone``. ``key``: the sender's own, by which it is known again."""

    sms_id: str
    phone: Phone
    sender: str
    text: str
    received_at: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class InboxRead:
    """Whoever holds ``phone`` has read its first ``messages`` messages."""

    phone: Phone
    messages: int


@dataclass(frozen=True, slots=True)
class PhoneSet:
    """From here on ``phone`` does this when it is asked."""

    phone: Phone
    manner: Manner


@dataclass(frozen=True, slots=True)
class PullRegistered:
    """Pull is on for a short code from now on."""

    registration: PullRegistration


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """An order was acknowledged."""

    order: Order
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """It was processed, and this moved by it, or nothing did."""

    conversation_id: str
    result_code: str
    transaction_id: str
    moved: Movement | None
    ended_at: datetime
    notices: tuple[Notice, ...] = ()


PromptEvent = (
    PromptCreated | PromptPutAside | PromptHeld | PromptEnded | CallbackSent | IdRepeated | QueryPlanned | QueryMisled
)
MoneyEvent = WalletSet | CashPaidIn | PaymentMade | OrderTaken | OrderEnded
PhoneEvent = SmsReceived | InboxRead | PhoneSet
OtherEvent = MaintenanceSet | NoticePlanned | NoticeSent | UrlsRegistered | UrlsRemoved | PullRegistered
Event = PromptEvent | MoneyEvent | PhoneEvent | OtherEvent
