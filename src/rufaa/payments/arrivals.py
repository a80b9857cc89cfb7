"""Money that is reported by its receipt number: C2B notices, pulled rows, statuses, statements. Reads, locks, writes.

What such a report means is decided by ``arrival_plan``. Locks: the fees that references name, by id; claims; the
account of what has no reference (``settle.lock_accounts``); the receipts that await a number; then what is new.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from rufaa import ids
from rufaa.daraja.results import StatusResult, StatusVerdict
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments import account_codes
from rufaa.payments.arrival_plan import codes_of, plan_arrivals
from rufaa.payments.arrival_rows import (
    Arrival,
    ArrivalFacts,
    ArrivalPlan,
    AwaitingReceipt,
    KnownReceipt,
    OpenClaim,
    Outcome,
    OwedFee,
)
from rufaa.payments.inbound import C2bItem
from rufaa.payments.machine import Channel, FeeState
from rufaa.payments.settle import (
    Applied,
    CameWith,
    HandOn,
    apply,
    lock_accounts,
    pay_fees,
    write_numbers,
    write_receipts,
)
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "arrivals.sql")
_PHONE_SHOWN: Final = re.compile(r"\+?[0-9* ]*[0-9][0-9* ]*")
_log = structlog.get_logger()

ASK_FIRST_AFTER_S: Final = 0
"""When a claim is first asked about: at once, since somebody waits."""


def take_notices(tx: Tx, items: Sequence[C2bItem], *, hand_on: HandOn) -> list[str]:
    """C2B confirmations, in their order; what each meant."""
    return take_in(tx, [_of_notice(item) for item in items], hand_on=hand_on)


def _of_notice(item: C2bItem) -> Arrival:
    notice = item.notice
    return Arrival(
        account=item.account,
        channel=Channel.C2B,
        trusted=item.trusted,
        number=notice.receipt_number,
        amount=notice.amount,
        paid_at=notice.paid_at,
        reference=notice.account_reference,
        phone_shown=notice.phone_shown,
        inbox=item.inbox,
    )


def take_in(tx: Tx, arrivals: Sequence[Arrival], *, hand_on: HandOn) -> list[str]:
    """Take ``arrivals`` in, in their order; returns what each meant.

    What is new is booked, what is known is one more report, and what contradicts is a person's task.
    """
    if not arrivals:
        return []
    facts = _facts(tx, arrivals)
    decided = plan_arrivals(arrivals, facts)
    _write(tx, decided, facts, hand_on)
    return [str(row.verdict) for row in decided.evidence]


# --- what is known -------------------------------------------------------------------------------------------------


def _facts(tx: Tx, arrivals: Sequence[Arrival]) -> ArrivalFacts:
    named, near = codes_of(arrivals)
    fees = [_owed(row) for row in tx.rows(_SQL["lock_named"], {"codes": sorted(named)})]
    fees += [_owed(row) for row in tx.rows(_SQL["near"], {"codes": sorted(near)})]
    keys = sorted({(arrival.account, arrival.number) for arrival in arrivals})
    claims = {
        (row["account_id"], row["number"]): OpenClaim(row["id"], row["fee_id"])
        for row in tx.rows(_SQL["lock_claims"], _pairs(keys))
    }
    lock_accounts(tx, {each.account for each in arrivals if each.trusted and not each.reference.strip()})
    typed = sorted({claim.fee for claim in claims.values() if claim.fee is not None} - {fee.id for fee in fees})
    fees += [_owed(row) for row in tx.rows(_SQL["fees"], {"fees": typed})]
    receipts = {
        row["number"]: KnownReceipt(
            row["id"], row["account_id"], Money(row["amount_cents"]), row["paid_at"], row["given_back"]
        )
        for row in tx.rows(_SQL["numbered"], {"numbers": sorted({arrival.number for arrival in arrivals})})
    }
    sums = sorted(
        {(arrival.account, arrival.amount.cents) for arrival in arrivals if arrival.trusted and arrival.amount}
    )
    unsaid = [each for each in sums if any(not arrival.reference.strip() for arrival in arrivals)]
    awaiting = [
        AwaitingReceipt(
            id=row["id"],
            account=row["account_id"],
            amount=Money(row["amount_cents"]),
            account_code=row["account_code"],
            phone=Phone(row["payer_phone"]),
            sent_at=row["sent_at"],
            exchanged=tuple(row["exchanged"]),
        )
        for row in tx.rows(
            _SQL["lock_awaiting"],
            {"codes": sorted(named), "accounts": [each for each, _ in unsaid], "amounts": [each for _, each in unsaid]},
        )
    ]
    shown = [arrival for arrival in arrivals if arrival.trusted and arrival.amount and arrival.phone_shown]
    likely = [
        _owed(row)
        for row in tx.rows(
            _SQL["likely"],
            {
                "accounts": [arrival.account for arrival in shown],
                "amounts": [arrival.amount.cents if arrival.amount else 0 for arrival in shown],
            },
        )
    ]
    return ArrivalFacts(fees=fees, receipts=receipts, awaiting=awaiting, claims=claims, likely=likely)


def _pairs(keys: Iterable[tuple[uuid.UUID, str]]) -> dict[str, object]:
    listed = list(keys)
    return {"accounts": [account for account, _ in listed], "numbers": [number for _, number in listed]}


def _owed(row: dict[str, Any]) -> OwedFee:
    return OwedFee(
        id=row["id"],
        account_code=row["account_code"],
        account=row["account_id"],
        amount=Money(row["amount_cents"]),
        state=FeeState(row["state"]),
        raised_at=row["created_at"],
        phones=frozenset(Phone(phone) for phone in row.get("phones") or []),
    )


# --- what it changes -----------------------------------------------------------------------------------------------


def _write(tx: Tx, decided: ArrivalPlan, facts: ArrivalFacts, hand_on: HandOn) -> None:
    reports = {row.receipt: row.arrival for row in reversed(decided.evidence) if row.receipt is not None}
    by_code = {(fee.account_code, fee.account): fee.id for fee in facts.fees}
    came_with = {
        row.id: CameWith(
            reference=_one_line(reports[row.id].reference),
            phone_shown=reports[row.id].phone_shown or "",
            names=by_code.get((account_codes.read(reports[row.id].reference) or "", row.account)),
        )
        for row in decided.receipts
    }
    write_receipts(tx, decided.receipts, came_with=came_with)
    if decided.paid_fees:
        applied = [Applied(row.receipt, row.fee, row.amount) for row in decided.applications]
        apply(tx, applied)
        pay_fees(tx, decided.paid_fees, hand_on)
    write_numbers(tx, decided.numbers)
    if decided.dates:
        tx.execute(
            _SQL["fill_dates"],
            {
                "receipts": [row.receipt for row in decided.dates],
                "paid_at": [row.paid_at for row in decided.dates],
            },
        )
    _write_claims(tx, decided)
    _write_evidence(tx, decided)
    for task in decided.tasks:
        tx.execute(
            _SQL["open_task"],
            {
                "id": ids.new_id(),
                "kind": task.kind,
                "account": task.account,
                "fee": task.fee,
                "receipt": task.receipt,
                "proposed": task.proposed_fee,
                "why": task.why,
            },
        )
    for row in decided.receipts:
        _log.info("arrival.booked", receipt=row.id.hex, applied=row.fee is not None)


def _write_claims(tx: Tx, decided: ArrivalPlan) -> None:
    reported = {row.arrival.number: row.arrival for row in decided.evidence}
    for claim in decided.claims:
        arrival = reported[claim.number]
        tx.execute(
            _SQL["insert_claim"],
            {
                "id": claim.id,
                "account": claim.account,
                "number": claim.number,
                "channel": claim.channel,
                "amount": claim.amount.cents if claim.amount else None,
                "paid_at": arrival.paid_at,
                "reference": _one_line(arrival.reference),
                "phone": arrival.phone_shown or "",
                "inbox": arrival.inbox,
                "first_s": ASK_FIRST_AFTER_S,
            },
        )
    if decided.claims:
        tx.wake_workers()
    for end in decided.claims_ended:
        tx.execute(
            _SQL["end_claim"],
            {"id": end.claim, "receipt": end.receipt, "as": "confirmed" if end.receipt else "refused"},
        )


def _write_evidence(tx: Tx, decided: ArrivalPlan) -> None:
    rows = decided.evidence
    tx.execute(
        _SQL["insert_evidence"],
        {
            "channels": [row.arrival.channel for row in rows],
            "accounts": [row.arrival.account for row in rows],
            "receipts": [row.receipt for row in rows],
            "inboxes": [row.arrival.inbox for row in rows],
            "verdicts": [row.verdict for row in rows],
            "codes": [row.arrival.result_code for row in rows],
            "descs": [row.arrival.result_desc for row in rows],
            "numbers": [row.arrival.number for row in rows],
            "amounts": [row.arrival.amount.cents if row.arrival.amount else None for row in rows],
            "phones": [row.arrival.phone_shown or "" for row in rows],
            "statuses": [row.arrival.status for row in rows],
            "bodies": [row.arrival.body for row in rows],
        },
    )


def _one_line(text: str) -> str:
    """What a payer typed, as it may be shown: no control characters, and not endless."""
    return "".join(letter for letter in text[:100] if letter.isprintable()).strip()


# --- the status of a claim -----------------------------------------------------------------------------------------


def status_of_claim(tx: Tx, inquiry: dict[str, Any], told: StatusResult, *, hand_on: HandOn) -> str:
    """Safaricom's word about a payment that somebody claimed. Only one that came *to* this account is money."""
    claim = tx.row(_SQL["claim"], {"id": inquiry["claim_id"]})
    assert claim is not None
    if told.receipt_number not in {None, claim["number"]}:
        return "other-order"
    match told.verdict:
        case StatusVerdict.COMPLETED:
            outcome = _came_to(told, claim)
        case StatusVerdict.FAILED:
            outcome = Outcome.NOT_COMPLETED
        case StatusVerdict.PENDING | StatusVerdict.UNKNOWN:
            outcome = Outcome.UNCLEAR
    arrival = Arrival(
        account=claim["account_id"],
        channel=Channel.STATUS,
        trusted=True,
        number=claim["number"],
        amount=told.amount,
        paid_at=told.finalised_at,
        phone_shown=_payer(told),
        outcome=outcome,
        doubt=timedelta(0),
        result_code=told.answer.result_code,
        result_desc=told.status,
    )
    (word,) = take_in(tx, [arrival], hand_on=hand_on)
    return word


def _payer(told: StatusResult) -> str | None:
    """The phone that the money came from, which tells whose payment it is; the name beside it is left out."""
    shown = told.debit_party.partition(" - ")[0].strip()
    return shown if _PHONE_SHOWN.fullmatch(shown) else None


def _came_to(told: StatusResult, claim: dict[str, Any]) -> Outcome:
    """Whether the credited party is this account: a payout of ours, or a payment to somebody else, is no money here.

    Where it is not named (daraja.md §7), or by a short code that several tills have, a person looks in the end.
    """
    number = told.credit_party.partition("-")[0].strip()
    if not number or (claim["shared"] and number == claim["short_code"]):
        return Outcome.UNCLEAR
    return Outcome.COMPLETED if number in {claim["short_code"], claim["till_number"]} else Outcome.NOT_COMPLETED
