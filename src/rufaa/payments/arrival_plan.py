"""What a batch of arrivals changes: money that is reported by its receipt number. Pure, so that a model can drive it.

An *arrival* is one report of one payment into an account: a C2B confirmation, a pulled row, the result of a Transaction
Status question, a code that a clerk typed, a row of a statement. It speaks of a receipt number, never of a prompt, and
five of them about one number are one payment. The caller reads and locks (``ArrivalFacts``), asks ``plan_arrivals``,
and writes it in sets. What the earlier arrivals of a batch changed counts for the later ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from rufaa import ids
from rufaa.money import Money
from rufaa.payments import account_codes
from rufaa.payments.machine import OPEN_FEE, ArrivalVerdict, Channel, FeeState
from rufaa.payments.paid_when import CLOCKS_APART, can_be_of, latest, out_of_life, shows_somebody
from rufaa.payments.plan_rows import NewReceipt, NumberFound
from rufaa.phone import Phone, agrees


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


def codes_of(arrivals: Iterable[Arrival]) -> tuple[frozenset[str], frozenset[str]]:
    """The account codes that the references name, and those that are near one: what ``ArrivalFacts.fees`` needs."""
    references = {arrival.reference for arrival in arrivals}
    named = {code for reference in references if (code := account_codes.read(reference)) is not None}
    return frozenset(named), frozenset().union(*map(account_codes.near, references)) - named


def plan_arrivals(arrivals: Sequence[Arrival], facts: ArrivalFacts) -> ArrivalPlan:
    """Decide the batch in its order."""
    batch = _Batch(facts)
    for arrival in arrivals:
        batch.take(arrival)
    return batch.plan


class _Batch:
    """A batch while it is being decided."""

    def __init__(self, facts: ArrivalFacts) -> None:
        self.plan = ArrivalPlan()
        self._fees = {fee.id: fee for fee in facts.fees}
        self._by_code = {fee.account_code: fee.id for fee in facts.fees}
        self._likely = facts.likely
        self._paid: set[uuid.UUID] = set()
        self._receipts = dict(facts.receipts)
        self._awaiting = {row.id: row for row in facts.awaiting}
        self._claims = dict(facts.claims)

    def take(self, arrival: Arrival) -> None:
        believed = arrival.trusted and arrival.channel is not Channel.TYPED
        verdict, receipt = self._trusted(arrival) if believed else self._untrusted(arrival)
        self.plan.evidence.append(ArrivalEvidence(arrival, verdict, receipt))

    def _untrusted(self, arrival: Arrival) -> tuple[ArrivalVerdict, uuid.UUID | None]:
        """It changes nothing, and is kept as a claim unless there is nothing left to confirm."""
        known = self._receipts.get(arrival.number)
        if known is not None:
            if _differs(arrival, known) is None:
                return ArrivalVerdict.KNOWN, known.id
            return ArrivalVerdict.CONTRADICTS, None
        if arrival.outcome is not Outcome.COMPLETED or not _is_money(arrival, typed=True):
            return ArrivalVerdict.NO_MONEY, None
        return self._claim(arrival)

    def _claim(self, arrival: Arrival) -> tuple[ArrivalVerdict, uuid.UUID | None]:
        """M-Pesa is asked; where it does not tell, a person looks."""
        key = arrival.account, arrival.number
        if key not in self._claims:
            channel = Channel.TYPED if arrival.channel is Channel.TYPED else Channel.C2B
            claim = NewClaim(ids.new_id(), *key, arrival.amount, channel)
            self.plan.claims.append(claim)
            self._claims[key] = OpenClaim(claim.id)
        return ArrivalVerdict.ASK, None

    def _trusted(self, arrival: Arrival) -> tuple[ArrivalVerdict, uuid.UUID | None]:
        known = self._receipts.get(arrival.number)
        if known is not None:
            return self._compare(arrival, known)
        if arrival.outcome is Outcome.COMPLETED and arrival.amount is None and arrival.channel in _TOLD_ONCE:
            return self._claim(arrival)  # somebody paid, and how much cannot be read
        if arrival.outcome is not Outcome.COMPLETED or not _is_money(arrival):
            if arrival.outcome is Outcome.NOT_COMPLETED:
                self._end_claim(arrival, None)
            return ArrivalVerdict.NO_MONEY, None
        verdict, receipt = self._fill(arrival) or self._book(arrival)
        self._end_claim(arrival, receipt)
        return verdict, receipt

    def _compare(self, arrival: Arrival, known: KnownReceipt) -> tuple[ArrivalVerdict, uuid.UUID | None]:
        """One more report of money that is in the books."""
        why = _differs(arrival, known)
        if why is not None:
            own = known.id if known.account == arrival.account else None
            self.plan.tasks.append(ArrivalTask("contradiction", arrival.account, own, None, None, why))
            return ArrivalVerdict.CONTRADICTS, None
        if known.paid_at is None and arrival.paid_at is not None:
            self.plan.dates.append(DateFound(known.id, arrival.paid_at))
            self._receipts[arrival.number] = replace(known, paid_at=arrival.paid_at)
        self._end_claim(arrival, known.id)
        return ArrivalVerdict.KNOWN, known.id

    def _fill(self, arrival: Arrival) -> tuple[ArrivalVerdict, uuid.UUID | None] | None:
        """The number that a prompt's receipt awaits, where one fits."""
        fitting = [row for row in self._awaiting.values() if _fits(arrival, row)]
        if not fitting:
            return None
        # the prompt that can have been paid then, and of several such the one that rang last
        receipt = max(fitting, key=lambda row: (-_off(arrival, row.sent_at), row.sent_at, row.id))
        del self._awaiting[receipt.id]
        self.plan.numbers.append(NumberFound(receipt.id, arrival.number, arrival.paid_at))
        self._receipts[arrival.number] = KnownReceipt(receipt.id, receipt.account, receipt.amount, arrival.paid_at)
        return ArrivalVerdict.FILLS, receipt.id

    def _book(self, arrival: Arrival) -> tuple[ArrivalVerdict, uuid.UUID | None]:
        """Money that nobody reported before: a receipt of its own."""
        amount = arrival.amount
        assert amount is not None
        fee = self._named(arrival)
        pays = fee is not None and self._is_open(fee) and fee.amount == amount and fee.account == arrival.account
        receipt = NewReceipt(
            id=ids.new_id(),
            prompt=None,
            account=arrival.account,
            amount=amount,
            number=arrival.number,
            paid_at=arrival.paid_at,
            fee=fee.id if fee is not None and pays else None,
        )
        self.plan.receipts.append(receipt)
        self._receipts[arrival.number] = KnownReceipt(receipt.id, arrival.account, amount, arrival.paid_at)
        if receipt.fee is not None:
            self._paid.add(receipt.fee)
            self.plan.paid_fees.append(receipt.fee)
            return ArrivalVerdict.PAYS, receipt.id
        here = fee if fee is not None and fee.account == arrival.account else None
        self.plan.tasks.append(
            ArrivalTask(
                kind="unapplied",
                account=arrival.account,
                receipt=receipt.id,
                fee=here.id if here is not None else None,
                proposed_fee=self._proposed(arrival),
                why=self._why_not(arrival, here),
            )
        )
        return ArrivalVerdict.UNAPPLIED, receipt.id

    def _named(self, arrival: Arrival) -> OwedFee | None:
        """The fee that the reference names exactly."""
        code = account_codes.read(arrival.reference)
        identifier = self._by_code.get(code) if code is not None else None
        return self._fees[identifier] if identifier is not None else None

    def _is_open(self, fee: OwedFee) -> bool:
        return fee.state in OPEN_FEE and fee.id not in self._paid

    def _proposed(self, arrival: Arrival) -> uuid.UUID | None:
        """The fee that the money is likely meant for, by the first of these that leads to just one open fee."""
        for fees in (
            [fee for fee in (self._named(arrival),) if fee is not None],
            self._claimed(arrival),
            self._near(arrival),
            self._by_phone(arrival),
        ):
            able = {fee.id for fee in fees if self._is_open(fee) and fee.account == arrival.account}
            whole = {fee.id for fee in fees if fee.id in able and fee.amount == arrival.amount}
            for found in (able, whole):
                if len(found) == 1:
                    return next(iter(found))
        return None

    def _claimed(self, arrival: Arrival) -> list[OwedFee]:
        """The fee at which a clerk typed this number."""
        claim = self._claims.get((arrival.account, arrival.number))
        fee = self._fees.get(claim.fee) if claim is not None and claim.fee is not None else None
        return [fee] if fee is not None else []

    def _near(self, arrival: Arrival) -> list[OwedFee]:
        codes = account_codes.near(arrival.reference)
        return [self._fees[self._by_code[code]] for code in sorted(codes) if code in self._by_code]

    def _by_phone(self, arrival: Arrival) -> list[OwedFee]:
        """Fees of the same amount, raised before, of which a phone agrees with the one that is shown."""
        shown = arrival.phone_shown
        if shown is None or not shows_somebody(shown):
            return []  # it would agree with everybody
        return [
            fee
            for fee in self._likely
            if fee.amount == arrival.amount
            and any(agrees(shown, phone) for phone in fee.phones)
            and (
                arrival.paid_at is None
                or fee.raised_at is None
                or fee.raised_at <= arrival.paid_at + arrival.doubt + CLOCKS_APART
            )
        ]

    def _why_not(self, arrival: Arrival, fee: OwedFee | None) -> str:
        """Why the money waits. It repeats nothing that a payer typed, which can name anybody."""
        if fee is None:
            if account_codes.read(arrival.reference) is not None:
                return f"{arrival.amount} arrived with a code as reference that no fee of this account has."
            return f"{arrival.amount} arrived without an account code as reference."
        if not self._is_open(fee):
            state = FeeState.PAID if fee.id in self._paid else fee.state
            return f"{arrival.amount} arrived for a fee that is {state}."
        assert arrival.amount is not None
        than = "more" if arrival.amount > fee.amount else "less"
        return f"{arrival.amount} arrived, {than} than the {fee.amount} that its fee is."

    def _end_claim(self, arrival: Arrival, receipt: uuid.UUID | None) -> None:
        claim = self._claims.pop((arrival.account, arrival.number), None)
        if claim is not None:
            self.plan.claims_ended.append(ClaimEnd(claim.id, receipt))


_TOLD_ONCE: Final = frozenset({Channel.C2B, Channel.PULL})
"""What these tell is not told again; of what a status does not tell it is asked again anyway."""


def _is_money(arrival: Arrival, *, typed: bool = False) -> bool:
    """``typed``: a clerk who types the code need not know the amount."""
    unsaid = typed and arrival.channel is Channel.TYPED
    return unsaid if arrival.amount is None else arrival.amount > Money(0)


def _differs(arrival: Arrival, known: KnownReceipt) -> str | None:
    """In what a report contradicts the receipt that is in the books; what it does not say contradicts nothing."""
    if known.account != arrival.account:
        return f"Receipt {arrival.number} is in the books of another account."
    if arrival.amount is not None and arrival.amount != known.amount:
        return f"Receipt {arrival.number} is in the books with {known.amount}; a report says {arrival.amount}."
    if arrival.outcome is Outcome.NOT_COMPLETED and not known.given_back:
        return f"Receipt {arrival.number} is in the books; a report says that it was not completed."
    return None


def _fits(arrival: Arrival, awaiting: AwaitingReceipt) -> bool:
    """Whether a report can be of the payment of which a query told no number.

    The push itself gave the reference, so it is exact where it is told; else phone and time have to be, and to agree.
    Another prompt of the fee may have been paid instead, and nobody may ever say so: a number taken for another's is
    exchanged when that prompt's success is told (``plan``), while a receipt too many would stay in the books.
    """
    if (awaiting.account, awaiting.amount) != (arrival.account, arrival.amount):
        return False
    shown, paid_at = arrival.phone_shown, arrival.paid_at
    if shown is not None and not agrees(shown, awaiting.phone):
        return False
    referenced = account_codes.read(arrival.reference) == awaiting.account_code
    if not referenced and (arrival.reference.strip() or paid_at is None or not shows_somebody(shown)):
        return False
    if paid_at is None:
        return True
    how_late = latest(referenced=referenced, noticed=arrival.channel in {Channel.C2B, Channel.PULL})
    return any(
        can_be_of(paid_at, sent_at, doubt=arrival.doubt, how_late=how_late)
        for sent_at in (awaiting.sent_at, *awaiting.exchanged)
    )


def _off(arrival: Arrival, sent_at: datetime) -> timedelta:
    """How far the payment lies outside the life of a prompt that was sent then."""
    return timedelta(0) if arrival.paid_at is None else out_of_life(arrival.paid_at, sent_at, doubt=arrival.doubt)
