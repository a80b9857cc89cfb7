"""What is read of payments that are reported by their receipt number, and what a plan of them says to write: values
between ``arrivals`` and ``arrival_plan``. Pure.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from rufaa.money import Money
from rufaa.payments.machine import ArrivalVerdict, Channel, FeeState
from rufaa.payments.plan_rows import NewReceipt, NumberFound
from rufaa.phone import Phone


class Outcome(StrEnum):
    """What a report says became of the payment."""

    COMPLETED = "completed"
    NOT_COMPLETED = "not-completed"  # cancelled, declined, expired, or not a payment into this account
    UNCLEAR = "unclear"  # not ended, or not understood


@dataclass(frozen=True, slots=True)
class Arrival:
    """One report of one payment, with what is stored of it as evidence.

    ``trusted``: we asked for it ourselves (pull, status), or it came by the secret path from a listed address; a typed
    code never is. ``amount``: None where it is not said. ``reference``: what the payer typed as account; "" where it is
    not told, as by a status or of a till. Never what an untrusted claim said of it: a forger would give the number of
    somebody else's payment and a code of their own. ``doubt``: how far ``paid_at`` may be off either way
    (``pull.ZONE_DOUBT``).
    """

    account: uuid.UUID
    channel: Channel
    trusted: bool
    number: str
    amount: Money | None
    paid_at: datetime | None = None
    reference: str = ""
    phone_shown: str | None = field(default=None, repr=False)
    outcome: Outcome = Outcome.COMPLETED
    doubt: timedelta = timedelta(0)
    result_code: str = ""
    result_desc: str = ""
    inbox: int | None = None
    status: int | None = None
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class KnownReceipt:
    """A receipt as it stands before the batch. ``given_back``: some of it went back, so that a status may say so."""

    id: uuid.UUID
    account: uuid.UUID
    amount: Money
    paid_at: datetime | None
    given_back: bool = False


@dataclass(frozen=True, slots=True)
class AwaitingReceipt:
    """A receipt without number, with the facts of its prompt. ``account_code``: of the prompt's fee.

    ``exchanged``: when the other prompts of this fee, account, amount and phone were sent whose receipts have a number
    that only an arrival told: it can be the one that is awaited here, and theirs can still come.
    """

    id: uuid.UUID
    account: uuid.UUID
    amount: Money
    account_code: str
    phone: Phone
    sent_at: datetime
    exchanged: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class OwedFee:
    """A fee that a reference names, or that a payment is likely meant for.

    ``phones``: of its prompts, and of its referral; needed of ``likely`` fees alone.
    """

    id: uuid.UUID
    account_code: str
    account: uuid.UUID
    amount: Money
    state: FeeState
    raised_at: datetime | None = None
    phones: frozenset[Phone] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim that nobody confirmed yet. ``fee``: the one at which a clerk typed the code, if any."""

    id: uuid.UUID
    fee: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class ArrivalFacts:
    """What the caller has read, in this order, and locked.

    1. ``fees``: every fee of the account codes in ``codes_of(arrivals)``, in any state and on any account, locked by id
       (``FOR NO KEY UPDATE``): those that a reference names exactly, so that of an arrival and a prompt's success of
       one fee one comes first. Those that are merely near may be read without lock: they are only proposed. Besides the
       fees of ``claims``, unlocked.
    2. ``receipts``: those that have one of the numbers, by number, in any state, read after the locks of 1. Two
       transactions that bring the same new number meet at its unique index: the second is rolled back and done again.
    3. ``awaiting``: the receipts without number on the accounts of the arrivals whose prompt's fee has one of the codes
       that are named exactly, and those of the amount of an arrival without reference; locked by id, read after 1.
    4. ``claims``: the open claims of (account, number) of the arrivals, locked by id.
    5. ``likely``: open fees of the account and exactly the amount of a trusted arrival, with phones of which one may
       agree with what it shows. No lock: they are only proposed. It may hold too many; ``plan_arrivals`` compares.
    """

    fees: Sequence[OwedFee] = ()
    receipts: Mapping[str, KnownReceipt] = field(default_factory=dict)
    awaiting: Sequence[AwaitingReceipt] = ()
    claims: Mapping[tuple[uuid.UUID, str], OpenClaim] = field(default_factory=dict)
    likely: Sequence[OwedFee] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """So much of this receipt pays this fee."""

    receipt: uuid.UUID
    fee: uuid.UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class DateFound:
    """When the payment of a receipt was made, where that was not known."""

    receipt: uuid.UUID
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class ArrivalTask:
    """A person's task of whoever works the account's money.

    ``fee``: the one that the reference names, on this account. ``proposed_fee``: the open one on this account that the
    money is likely meant for; a person confirms. ``receipt``: None where it is another account's, which nobody here may
    see.
    """

    kind: str  # unapplied or contradiction
    account: uuid.UUID
    receipt: uuid.UUID | None
    fee: uuid.UUID | None
    proposed_fee: uuid.UUID | None
    why: str


@dataclass(frozen=True, slots=True)
class ArrivalEvidence:
    """``receipt``: the one that it reports; None if it reports none that is in the books as it says."""

    arrival: Arrival
    verdict: ArrivalVerdict
    receipt: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class NewClaim:
    id: uuid.UUID
    account: uuid.UUID
    number: str
    amount: Money | None
    channel: Channel


@dataclass(frozen=True, slots=True)
class ClaimEnd:
    """``receipt``: what the claim turned out to be; None: a source that may say so says that it is no payment."""

    claim: uuid.UUID
    receipt: uuid.UUID | None


@dataclass(slots=True)
class ArrivalPlan:
    """Everything to write, in sets, in this order: claims made before claims ended."""

    evidence: list[ArrivalEvidence] = field(default_factory=list)
    receipts: list[NewReceipt] = field(default_factory=list)
    numbers: list[NumberFound] = field(default_factory=list)
    dates: list[DateFound] = field(default_factory=list)
    paid_fees: list[uuid.UUID] = field(default_factory=list)
    tasks: list[ArrivalTask] = field(default_factory=list)
    claims: list[NewClaim] = field(default_factory=list)
    claims_ended: list[ClaimEnd] = field(default_factory=list)

    @property
    def applications(self) -> list[Application]:
        """What the new receipts pay: each the whole of one fee."""
        return [Application(row.id, row.fee, row.amount) for row in self.receipts if row.fee is not None]
