"""What settlement has read of a batch, and what a plan says to write: values between ``settle`` and ``plan``. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rufaa.money import Money
from rufaa.payments.machine import FeeState, PromptEvent, PromptState, Report, Verdict
from rufaa.phone import Phone


@dataclass(frozen=True, slots=True)
class Item:
    """One report about one prompt, with what is stored of it as evidence."""

    prompt: uuid.UUID
    report: Report
    result_desc: str = ""
    paid_at: datetime | None = None
    inbox: int | None = None
    status: int | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another prompt of the same fee, account, amount and phone: its money could be taken for this prompt's.

    ``sent_at``: last; None: it was not.
    ``number_from_arrival``: as of ``PromptRow``; its receipt's number can be that of this prompt's payment.
    """

    prompt: uuid.UUID
    sent_at: datetime | None
    receipt: uuid.UUID | None
    awaits_number: bool
    number_from_arrival: bool = False


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A locked prompt as it stands before the batch."""

    id: uuid.UUID
    fee: uuid.UUID
    account: uuid.UUID
    state: PromptState
    amount: Money
    phone: Phone
    checkout_request_id: str | None
    merchant_request_id: str | None
    age_s: float  # since it was first sent; 0 if it never was
    unpaid_queries: int
    receipt: uuid.UUID | None  # the receipt of this prompt, if it has one
    receipt_number: str | None
    asked_number: str | None  # a receipt number from an untrusted callback: the books may have it from elsewhere
    success_claimed: bool = False  # an earlier report spoke of success
    sent_at: datetime | None = None  # last; None: it never was, or nobody looked
    number_from_arrival: bool = False  # no callback of this prompt, only arrivals, told the number of its receipt
    siblings: tuple[Sibling, ...] = ()  # read when the fee is locked; their receipts are locked with them


@dataclass(frozen=True, slots=True)
class LooseReceipt:
    """A receipt without prompt that could be the money of a prompt of the batch, locked as it stands before it.

    ``pays``: the fees that it was applied to. ``names``: the fee whose account code its trusted reports gave as
    reference, or of whose prompt a trusted callback told it; None: neither. ``unreferenced``: no trusted report gave a
    reference (a till's, or a status alone). ``free``: what of it is neither applied, nor given back, nor promised to
    be. ``phone_shown``: as its reports show it; None: not at all. ``doubt``: how far ``paid_at`` may be off either way
    (``pull.ZONE_DOUBT`` where only Pull told it). ``noticed``: C2B or Pull told it. ``gone``: nothing of it waits, and
    none is promised. ``others_prompt``: a fee that it pays had a prompt of its own then.
    """

    id: uuid.UUID
    account: uuid.UUID
    amount: Money
    number: str
    paid_at: datetime | None
    pays: frozenset[uuid.UUID]
    names: uuid.UUID | None
    free: Money
    phone_shown: str | None
    unreferenced: bool = False
    doubt: timedelta = timedelta(0)
    noticed: bool = True
    gone: bool = False
    others_prompt: bool = False


@dataclass(frozen=True, slots=True)
class FeeRow:
    """A locked fee as it stands before the batch."""

    id: uuid.UUID
    state: FeeState
    amount: Money
    account: uuid.UUID
    payee: uuid.UUID


@dataclass(frozen=True, slots=True)
class PromptChange:
    """One prompt's row after the batch. ``moved`` None: only what is known about it changed."""

    id: uuid.UUID
    moved: tuple[PromptState, PromptEvent] | None
    checkout_request_id: str | None
    merchant_request_id: str | None
    code: str
    message: str
    unpaid_queries: int
    next_query_s: float | None  # age at which to ask next; None: not any more
    keep_schedule: bool  # leave the time of the next query as it is


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """``fee``: the fee that all of it pays, by an application of its whole amount; None: it waits in unapplied.

    ``prompt`` None: money of its own, that no prompt of ours asked for as far as we know. ``names`` and
    ``phone_shown``: of such money that a prompt's callback told, the prompt's fee and the payer, as ``LooseReceipt``
    has them when it is read again.
    """

    id: uuid.UUID
    prompt: uuid.UUID | None
    account: uuid.UUID
    amount: Money
    number: str | None
    paid_at: datetime | None
    fee: uuid.UUID | None
    names: uuid.UUID | None = None
    phone_shown: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A receipt without prompt becomes ``prompt``'s; ``paid_at`` fills an empty one.

    ``fee``: the fee that all of it pays now, as in ``NewReceipt``, since it waited until now: its tasks are done. None:
    what it pays, and whether it waits, stays as it is.
    """

    receipt: uuid.UUID
    prompt: uuid.UUID
    paid_at: datetime | None
    fee: uuid.UUID | None
    amount: Money


@dataclass(frozen=True, slots=True)
class NumberFound:
    receipt: uuid.UUID
    number: str
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewTask:
    kind: str
    fee: uuid.UUID
    facility: uuid.UUID
    prompt: uuid.UUID
    receipt: uuid.UUID | None
    why: str


@dataclass(frozen=True, slots=True)
class NewEvidence:
    item: Item
    verdict: Verdict
    receipt: uuid.UUID | None


@dataclass(slots=True)
class Plan:
    """Everything to write, in sets. ``left_over`` are reports for another round, in their order."""

    evidence: list[NewEvidence] = field(default_factory=list)
    prompts: list[PromptChange] = field(default_factory=list)
    receipts: list[NewReceipt] = field(default_factory=list)
    adopted: list[Adopted] = field(default_factory=list)
    numbers: list[NumberFound] = field(default_factory=list)
    tasks: list[NewTask] = field(default_factory=list)
    reviewed: list[uuid.UUID] = field(default_factory=list)  # prompts that left review: their tasks are done
    paid_fees: list[uuid.UUID] = field(default_factory=list)
    left_over: list[Item] = field(default_factory=list)
