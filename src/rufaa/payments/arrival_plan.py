"""What a batch of arrivals changes: money that is reported by its receipt number. Pure, so that a model can drive it.

An *arrival* is one report of one payment into an account: a C2B confirmation, a pulled row, the result of a Transaction
Status question, a code that a clerk typed, a row of a statement. It speaks of a receipt number, never of a prompt, and
five of them about one number are one payment. The caller reads and locks (``ArrivalFacts``), asks ``plan_arrivals``,
and writes it in sets. What the earlier arrivals of a batch changed counts for the later ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from rufaa import ids
from rufaa.money import Money
from rufaa.payments import account_codes
from rufaa.payments.arrival_rows import (
    Arrival,
    ArrivalEvidence,
    ArrivalFacts,
    ArrivalPlan,
    ArrivalTask,
    AwaitingReceipt,
    ClaimEnd,
    DateFound,
    KnownReceipt,
    NewClaim,
    OpenClaim,
    Outcome,
    OwedFee,
)
from rufaa.payments.machine import OPEN_FEE, ArrivalVerdict, Channel, FeeState
from rufaa.payments.paid_when import CLOCKS_APART, can_be_of, latest, out_of_life, shows_somebody
from rufaa.payments.plan_rows import NewReceipt, NumberFound
from rufaa.phone import agrees


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
