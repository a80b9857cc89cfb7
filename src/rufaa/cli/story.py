"""The story of a payment as lines of text, put together from the history, the evidence and the books.

It names no patient, no whole phone, and nothing that a payer typed unless it reads as an account code: whoever may run
commands on the server is an operator, and an operator sees no patients. What happened in the course of time stands in
``story_events``, the sentences in ``story_words``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rufaa import ids
from rufaa import phone as phones
from rufaa.cli import story_words as words
from rufaa.cli.story_events import Scope, clock_time, events, named, sentence, when, why_of
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.money import Money
from rufaa.payments import account_codes
from rufaa.payments.hold import Hold, held_now
from rufaa.payments.machine import LIVE, PromptState
from rufaa.payments.refund_machine import LIVE_REFUND, RefundMethod, RefundState
from rufaa.payments.restored import not_compared
from rufaa.phone import Phone, masked

_SQL: Final = sql.load(__file__, "story.sql")
_MOST: Final = 20
_LARGEST_ID: Final = 2**63 - 1


class NothingFound(RufaaError):
    """No referral, prompt, code, receipt, phone, refund, claim or stored report is written like this."""

    kind = Kind.NOT_FOUND
    code = "nothing-found"


def tell(tx: Tx, what: str) -> Iterator[str]:
    """The stories of all money that ``what`` leads to. Raises ``NothingFound``."""
    clues = _clues(what.strip())
    reports = tx.rows(_SQL["inbox"], clues)
    if reports:  # its address leads on
        clues["ids"] = [*clues["ids"], *(row["subject"] for row in reports)]
    stories = [*(_report(row) for row in reports), *_stories(tx, clues)]
    if not stories:
        raise NothingFound(
            f"Nothing is known by {what!r}. Give a referral's, prompt's, refund's or claim's id, an account code, a"
            " receipt number, a phone, or the number of a stored report."
        )
    lines: list[str] = []
    for number, story in enumerate(stories):
        if number:
            lines.append("")
        lines += story
    lines += [
        f"This server was restored from a backup of {when(each.backup_at)}:"
        " what came after may be missing here (rufaa restored)."
        for each in not_compared(tx)
    ]
    return iter(lines)


def _clues(what: str) -> dict[str, Any]:
    try:
        phone: str | None = phones.parse(what)
    except InvalidArgument:
        phone = None
    identifier = ids.from_wire(what.lower())
    code = account_codes.read(what)
    number = int(what) if what.isascii() and what.isdigit() and int(what) <= _LARGEST_ID else None
    return {
        "id": identifier,
        "ids": [identifier] if identifier is not None else [],
        "text": what.upper(),
        "raw": what,
        "codes": sorted({what.upper(), *([code] if code else [])}),
        "phone": phone,
        "hashes": sorted(phones.hashes(Phone(phone))) if phone else [],
        "inbox": number if phone is None else None,
    }


def _stories(tx: Tx, clues: dict[str, Any]) -> Iterator[Iterator[str]]:
    """By fee first; what no fee's story has told, by receipt, by claim, by number; then what nobody knows."""
    receipts = [row["id"] for row in tx.rows(_SQL["find_receipts"], clues)]
    if clues["phone"] is not None:
        shown = tx.rows(_SQL["shown_phones"], clues)
        agreeing = [row["id"] for row in shown if phones.agrees(row["phone_shown"], clues["phone"])]
        receipts += [each for each in agreeing[:_MOST] if each not in receipts]
    claims = [row["id"] for row in tx.rows(_SQL["find_claims"], clues)]
    strays = tx.rows(_SQL["find_strays"], clues)
    told = _Told()
    for row in tx.rows(_SQL["find"], {**clues, "receipts": receipts, "claims": claims}):
        scope = told.add(_scope(tx, referral=row["referral"], fee=row["fee"]))
        yield _of_fee(tx, row, scope)
    for stray in strays:
        found = [stray["receipt_id"]] if stray["receipt_id"] is not None else []
        yield _of_stray(tx, stray, told.add(_scope(tx, receipts=found, strays=[stray["id"]])))
    for receipt in receipts:
        if receipt not in told.receipts:
            yield _of_receipt(tx, told.add(_scope(tx, receipts=[receipt])))
    for claim in claims:
        if claim not in told.claims:
            yield _of_claim(tx, told.add(_scope(tx, claims=[claim])))
    for row in tx.rows(_SQL["find_numbers"], clues):
        if row["number"] not in told.numbers:
            yield _of_number(tx, row["number"], _scope(tx, numbers=[row["number"]]))


@dataclass(slots=True)
class _Told:
    """What the stories so far were about."""

    receipts: set[uuid.UUID] = field(default_factory=set)
    claims: set[uuid.UUID] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)

    def add(self, scope: Scope) -> Scope:
        self.receipts.update(scope.receipts)
        self.claims.update(scope.claims)
        self.numbers.update(scope.numbers)
        return scope


def _scope(
    tx: Tx,
    *,
    referral: uuid.UUID | None = None,
    fee: uuid.UUID | None = None,
    receipts: Sequence[uuid.UUID] = (),
    claims: Sequence[uuid.UUID] = (),
    strays: Sequence[uuid.UUID] = (),
    numbers: Sequence[str] = (),
) -> Scope:
    begun = {"fee": fee, "receipts": list(receipts), "claims": list(claims), "numbers": list(numbers)}
    row = tx.row(_SQL["scope"], begun)
    assert row is not None
    return Scope(referral=referral, fee=fee, strays=list(strays), **row)


# --- the stories ---------------------------------------------------------------------------------------------------


def _of_fee(tx: Tx, row: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    yield f"Referral {row['referral'].hex}, account code {row['account_code']}"
    if row["fee"] is None:
        yield f"  It is {row['referral_state']}, and has no fee yet."
    else:
        yield (
            f"  The fee of {Money(row['amount_cents'])} is {row['fee_state']}; the referral is {row['referral_state']}."
            f" It is owed to {row['payee']} on {row['books']}."
        )
    yield from events(tx, scope, account=row["account"], since=row["created_at"], until=row["closed_at"])
    if row["fee"] is not None:
        yield from _conclusion(tx, scope, held_now(tx).get(row["account"]))


def _of_stray(tx: Tx, row: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    """Money reported for a prompt, or a report to an account, that is not in this database."""
    if row["kind"] == "c2b":
        yield f"A notice of a payment (C2B) to account {row['prompt'].hex}, which this server does not know"
    else:
        yield f"A callback about prompt {row['prompt'].hex}, which this server does not know"
    yield from events(tx, scope)
    if row["receipt_id"] is not None:
        yield (
            f"  {Money(row['amount_cents'])} are in the books on {row['books']}, {named(row['number'])},"
            f" {row['receipt_state']}."
        )
    elif row["next_at"] is not None:
        yield (
            f"  It is not in the books: no account has confirmed it. Asked {row['queries']} times; next at"
            f" {when(row['next_at'])}."
        )
    else:
        yield f"  It is not in the books: no account has confirmed it. Asked {row['queries']} times."
    yield from _conclusion(tx, scope)


def _of_receipt(tx: Tx, scope: Scope) -> Iterator[str]:
    (row,) = tx.rows(_SQL["receipts"], {"receipts": scope.receipts})
    yield f"{sentence(named(row['number']))} of {Money(row['amount_cents'])} on {row['books']}"
    yield "  It was paid for no fee that is known here."
    yield from events(tx, scope)
    yield from _conclusion(tx, scope)


def _of_claim(tx: Tx, scope: Scope) -> Iterator[str]:
    (number,) = scope.numbers
    yield f"Receipt {number}, which is claimed"
    yield "  No receipt of this number is in the books."
    yield from events(tx, scope)
    yield from _conclusion(tx, scope)


def _of_number(tx: Tx, number: str, scope: Scope) -> Iterator[str]:
    yield f"Receipt {number}, which was told of"
    yield "  No receipt of this number is in the books."
    yield from events(tx, scope)
    yield from _conclusion(tx, scope)


def _report(row: Mapping[str, Any]) -> Iterator[str]:
    """One row of the inbox, and what was made of it; what it tells of follows."""
    yield f"Stored report {row['id']}: {words.INBOX_KINDS[row['kind']]}"
    trusted = "may" if row["trusted"] else "may not"
    yield f"  {when(row['at'])}  It came from {row['source']}, which {trusted} speak for Safaricom."
    if row["settled_at"] is None:
        yield "  It is not settled yet."
    else:
        yield f"  {when(row['settled_at'])}  It was settled: {words.outcome(row['kind'], row['outcome'])}."
    if row["replayed_as"] is not None:
        yield f"  It was taken in after all, as stored report {row['replayed_as']}."


# --- where it stands -----------------------------------------------------------------------------------------------


def _conclusion(tx: Tx, scope: Scope, held: Hold | None = None) -> Iterator[str]:
    receipts = tx.rows(_SQL["receipts"], {"receipts": scope.receipts})
    applied = tx.rows(_SQL["applications"], {"fee": scope.fee, "receipts": scope.receipts})
    for receipt in receipts:
        yield _where(receipt, [each for each in applied if each["receipt_id"] == receipt["id"]], scope.fee)
    if scope.fee is not None:
        yield from _open_prompts(tx, scope.fee)
    for claim in tx.rows(_SQL["claims"], {"claims": scope.claims}):
        if claim["ended_at"] is None:
            yield (
                f"  Receipt {claim['number']} is claimed, and nobody who may say so has confirmed it. M-Pesa was asked"
                f" {claim['asked']} times{_next(claim['next_at'])}."
            )
    for refund in tx.rows(_SQL["refunds"], {"refunds": scope.refunds}):
        yield _refund(refund)
    for likely in tx.rows(_SQL["likely"], {"fee": scope.fee}):
        if likely["id"] not in scope.receipts:
            yield (
                f"  {sentence(named(likely['number']))} waits with {Money(likely['free_cents'])}, and this fee is"
                " proposed for it: a person confirms."
            )
    if held is not None:
        yield f"  Prompts of the account are on hold since {when(held.held_at)}, by {held.by}: {held.reason}"
    for task in tx.rows(_SQL["tasks"], scope.params()):
        if task["closed_at"] is None:
            yield _open_task(task)
    if scope.fee is not None and not receipts:
        yield "  No money has been seen."


def _where(receipt: Mapping[str, Any], applied: Sequence[Mapping[str, Any]], fee: uuid.UUID | None) -> str:
    """Where the money of one receipt is, to the last shilling."""
    amount = receipt["amount_cents"]
    whole = f"  {sentence(named(receipt['number']))} of {Money(amount)}"
    gone, promised, free = receipt["gone"], receipt["promised"], receipt["free_cents"]
    if not gone and [(each["fee_id"], each["amount_cents"]) for each in applied] == [(fee, amount)]:
        return f"{whole} paid the fee."
    if free == amount:
        return f"{whole} waits in unapplied for a person."
    if gone == amount:
        return f"{whole} was given back."
    parts = [f"{Money(each['amount_cents'])} paid the fee of {each['account_code']}" for each in applied]
    parts += [f"{Money(gone)} went back"] if gone else []
    parts += [f"{Money(promised)} is promised to be given back"] if promised else []
    parts += [f"{Money(free)} waits in unapplied for a person"] if free else []
    return f"{whole}: {', '.join(parts)}."


def _open_prompts(tx: Tx, fee: uuid.UUID) -> Iterator[str]:
    for prompt in tx.rows(_SQL["prompts"], {"fee": fee}):
        state = PromptState(prompt["state"])
        if state in LIVE or state is PromptState.REVIEW:
            yield (
                f"  Prompt {prompt['attempt']} is {state}, asked about {prompt['queries']} times"
                f"{_next(prompt['next_at'])}."
            )


def _next(at: Any) -> str:
    return f"; next at {clock_time(at)}" if at is not None else ""


def _refund(row: Mapping[str, Any]) -> str:
    how = words.METHODS[RefundMethod(row["method"])].format(phone=masked(row["phone"]))
    of = f"the fee of {row['account_code']}" if row["account_code"] else "what waited"
    second = f", agreed to by {row['approver']}" if row["approver"] else ""
    number = f", under M-Pesa's number {row['number']}" if row["number"] else ""
    live = RefundState(row["state"]) in LIVE_REFUND
    again = _next(row["next_at"]) if live else ""
    return (
        f"  The refund of {Money(row['amount_cents'])} of {named(row['receipt_number'])}, from {of}, {how}:"
        f" {row['state']}{number}. Proposed by {row['proposer']}{second}{again}."
    )


def _open_task(task: Mapping[str, Any]) -> str:
    whose = f" It is with the finance people of {task['facility']}" if task["facility"] else " It is nobody's yet"
    proposed = f" Likely for {task['proposed_code']}: a person confirms." if task["proposed_code"] else ""
    return f"  For a person: {task['kind']}. {why_of(task)}{proposed}{whose}, since {when(task['opened_at'])}."
