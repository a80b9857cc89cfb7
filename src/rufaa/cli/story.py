"""The story of a payment as lines of text, put together from the history, the evidence and the books.

It names no patient: whoever may run commands on the server is an operator, and an operator sees no patients.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rufaa import ids
from rufaa import phone as phones
from rufaa.clock import EAT
from rufaa.daraja import codes
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.money import Money
from rufaa.payments.machine import (
    OF_PROMPT,
    ArrivalVerdict,
    Channel,
    FeeEvent,
    PromptEvent,
    PromptState,
    ReceiptEvent,
    ReceiptState,
    Verdict,
)
from rufaa.payments.refund_machine import RefundEvent
from rufaa.payments.restored import not_compared
from rufaa.phone import masked
from rufaa.referrals.machine import Event as Move

_SQL: Final = sql.load(__file__, "story.sql")


class NothingFound(RufaaError):
    """No referral, prompt, code, receipt or phone is written like this."""

    kind = Kind.NOT_FOUND
    code = "nothing-found"


_WORDS: Final[Mapping[tuple[str, str], str]] = {
    ("referral", Move.CREATE): "The referral was made.",
    ("referral", Move.APPROVE): "The referral was approved.",
    ("referral", Move.REJECT): "The referral was rejected.",
    ("referral", Move.ASK_PAYMENT): "The payment was asked for.",
    ("referral", Move.MONEY_SEEN): "The money was seen: the referral is paid.",
    ("referral", Move.CONFIRM): "The receiving facility confirmed.",
    ("referral", Move.CONFIRM_EMERGENCY): "The receiving facility confirmed the emergency.",
    ("referral", Move.COMPLETE): "The referral was completed.",
    ("referral", Move.CANCEL): "The referral was cancelled.",
    ("fee", FeeEvent.RAISE): "The fee was raised.",
    ("fee", FeeEvent.RAISE_DEFERRED): "The fee was raised, deferred: an emergency does not wait for it.",
    ("fee", FeeEvent.PAY): "The fee is paid.",
    ("fee", FeeEvent.WAIVE): "Two people waived the fee.",
    ("fee", FeeEvent.DEFER): "Two people deferred the fee.",
    ("fee", FeeEvent.CANCEL): "The fee was given up with the referral.",
    ("fee", FeeEvent.REFUND): "The fee was refunded.",
    ("prompt", PromptEvent.CREATE): "Prompt {attempt} to {phone} was asked for.",
    ("prompt", PromptEvent.CLAIM): "Prompt {attempt} is being sent.",
    ("prompt", PromptEvent.ACCEPTED): "M-Pesa took prompt {attempt}: the phone rings.",
    ("prompt", PromptEvent.DECLINED): "M-Pesa refused prompt {attempt}: no phone rang.",
    ("prompt", PromptEvent.NOT_SENT): "M-Pesa did not take prompt {attempt}; it is sent again later.",
    ("prompt", PromptEvent.GAVE_UP): "Prompt {attempt} could not be sent in time and was given up: no phone rang.",
    ("prompt", PromptEvent.WITHDRAWN): "Prompt {attempt} was withdrawn before it was sent.",
    ("prompt", PromptEvent.ANSWER_LOST): "M-Pesa's answer to prompt {attempt} was lost: the phone may ring."
    " It is asked about, never sent again.",
    ("prompt", PromptEvent.LEASE_EXPIRED): "The worker that was sending prompt {attempt} stopped: the phone may ring."
    " It is asked about, never sent again.",
    ("prompt", PromptEvent.CONFIRMED): "Prompt {attempt} is paid.",
    ("prompt", PromptEvent.FAILED): "Prompt {attempt} brought no money.",
    ("prompt", PromptEvent.DOUBTED): "Prompt {attempt} is in doubt: a person looks, and M-Pesa is asked.",
    ("prompt", PromptEvent.OVERDUE): "M-Pesa did not tell what became of prompt {attempt}: a person looks.",
    ("prompt", PromptEvent.RESTORED): "Prompt {attempt} was waiting when the backup was made that was restored here:"
    " it may have been sent since. It is never sent again.",
    ("receipt", ReceiptEvent.ARRIVE): "The money is in the books.",
    ("receipt", ReceiptEvent.APPLY): "The money was applied to the fee.",
    ("receipt", ReceiptEvent.PART_APPLY): "A part of the money was applied to the fee; the rest waits.",
    ("receipt", ReceiptEvent.GIVE_BACK): "The money was given back.",
    ("receipt", ReceiptEvent.PART_GIVE_BACK): "A part of the money was given back; the rest waits.",
    ("receipt", ReceiptEvent.GIVE_BACK_REST): "What no fee needed of the money was given back.",
    ("receipt", ReceiptEvent.RETURN): "The money that paid the fee was given back.",
    ("receipt", ReceiptEvent.PART_RETURN): "What paid the fee of this money was given back; the rest stays.",
    ("refund", RefundEvent.PROPOSE): "A refund was proposed.",
    ("refund", RefundEvent.WITHDRAW): "The refund was withdrawn before anybody approved it.",
    ("refund", RefundEvent.APPROVE): "A second person approved the refund.",
    ("refund", RefundEvent.CLAIM): "The refund is being ordered.",
    ("refund", RefundEvent.ACCEPTED): "M-Pesa took the order; its result will come.",
    ("refund", RefundEvent.DECLINED): "M-Pesa refused the order.",
    ("refund", RefundEvent.NOT_SENT): "M-Pesa did not take the order; it is sent again later.",
    ("refund", RefundEvent.ANSWER_LOST): "M-Pesa's answer to the order was lost: the money may have gone.",
    ("refund", RefundEvent.LEASE_EXPIRED): "The worker that gave the order stopped: the money may have gone.",
    ("refund", RefundEvent.SILENT): "M-Pesa did not tell what became of the order: the money may have gone.",
    ("refund", RefundEvent.RESEND): "The order is given again under its first id: M-Pesa carries it out once.",
    ("refund", RefundEvent.SUCCEEDED): "The money went back.",
    ("refund", RefundEvent.REJECTED): "The order failed: nothing was given back, and the money is free again.",
    ("refund", RefundEvent.RESTORED): "The refund was waiting when the backup was made that was restored here:"
    " it may have been ordered since.",
}
"""Every event of every machine in words; a test holds it against the machines."""

_MEANS: Final[Mapping[Verdict, str]] = {
    Verdict.CONFIRMS: "it is believed",
    Verdict.FAILS: "it is believed",
    Verdict.FAILS_FOR_NOW: "one query alone is not believed",
    Verdict.NO_NEWS: "nothing was learned",
    Verdict.ASK: "it is believed only after a query",
    Verdict.ASK_DIFFERS: "its sender is not known and it differs from the prompt, so only a query counts",
    Verdict.AMOUNT_DIFFERS: "another amount than the prompt's, so it is doubted",
    Verdict.PHONE_DIFFERS: "another phone than the prompt's, so it is doubted",
    Verdict.OTHER_PROMPT: "it belongs to another push, so it counts for nothing here",
    Verdict.NO_RECEIPT: "a success without receipt or amount is believed only after a query",
    Verdict.NUMBER_TAKEN: "its receipt belongs to another payment, so it counts for nothing here",
}
"""What a report about a prompt meant."""

_ARRIVAL_MEANS: Final[Mapping[ArrivalVerdict, str]] = {
    ArrivalVerdict.KNOWN: "one more report of money that is in the books",
    ArrivalVerdict.FILLS: "it is the receipt that was awaited",
    ArrivalVerdict.PAYS: "it is new money, and pays the fee",
    ArrivalVerdict.UNAPPLIED: "it is new money, and waits for a person",
    ArrivalVerdict.CONTRADICTS: "its receipt is in the books with another amount or account, so a person compares",
    ArrivalVerdict.NO_MONEY: "it is no completed payment, so it brings no money",
    ArrivalVerdict.ASK: "it is believed only when another source agrees",
}
"""What a report of a receipt number meant. Its words are not those of a prompt's: both know an "ask"."""

_SOURCES: Final[Mapping[Channel, str]] = {
    Channel.CALLBACK: "Safaricom's callback",
    Channel.QUERY: "A status query",
    Channel.C2B: "A notice of C2B",
    Channel.PULL: "The list of payments",
    Channel.STATUS: "The answer about a receipt number",
    Channel.TYPED: "A number typed in by a person",
    Channel.STATEMENT: "The statement",
}


def tell(tx: Tx, what: str) -> Iterator[str]:
    """The stories of all fees, and of payments of unknown prompts, that ``what`` leads to. Raises ``NothingFound``."""
    clues = _clues(what.strip())
    found = tx.rows(_SQL["find"], clues)
    strays = tx.rows(_SQL["find_strays"], clues)
    if not found and not strays:
        raise NothingFound(
            f"Nothing is known by {what!r}."
            " Give a referral's or prompt's id, an account code, a receipt number, or a phone."
        )
    stories = [*(_story(tx, row) for row in found), *(_stray_story(tx, row) for row in strays)]
    lines: list[str] = []
    for number, story in enumerate(stories):
        if number:
            lines.append("")
        lines += story
    lines += [
        f"This server was restored from a backup of {each.backup_at.astimezone(EAT):%Y-%m-%d %H:%M:%S}:"
        " what came after may be missing here (rufaa restored)."
        for each in not_compared(tx)
    ]
    return iter(lines)


def _clues(what: str) -> dict[str, object]:
    try:
        phone: str | None = phones.parse(what)
    except InvalidArgument:
        phone = None
    return {"id": ids.from_wire(what.lower()), "text": what.upper(), "raw": what, "phone": phone}


def _story(tx: Tx, row: Mapping[str, Any]) -> Iterator[str]:
    yield f"Referral {row['referral'].hex if row['referral'] else '-'}, account code {row['account_code']}"
    if row["fee"] is None:
        yield f"  It is {row['referral_state']}, and has no fee yet."
        return
    yield (
        f"  The fee of {Money(row['amount_cents'])} is {row['fee_state']}; the referral is {row['referral_state']}."
        f" It is owed to {row['payee']} on {row['books']}."
    )
    subjects = {"fee": row["fee"], "referral": row["referral"]}
    events = [*_moves(tx, subjects), *_evidence(tx, row["fee"]), *_inbox(tx, row["fee"])]
    for at, text in sorted(events, key=lambda event: event[0]):
        yield f"  {at.astimezone(EAT):%Y-%m-%d %H:%M:%S}  {text}"
    yield from _conclusion(tx, row)


def _stray_story(tx: Tx, row: Mapping[str, Any]) -> Iterator[str]:
    """Money reported for a prompt that is not in this database."""
    yield f"A callback about prompt {row['prompt'].hex}, which this server does not know"
    for heard in tx.rows(_SQL["stray_evidence"], {"stray": row["id"]}):
        yield f"  {heard['heard_at'].astimezone(EAT):%Y-%m-%d %H:%M:%S}  {_said(heard)}."
    if row["receipt_id"] is not None:
        yield (
            f"  {Money(row['amount_cents'])} are in the books on {row['books']}, receipt"
            f" {row['number'] or 'number awaited'}, {row['receipt_state']}."
        )
    elif row["next_at"] is not None:
        when = f"{row['next_at'].astimezone(EAT):%Y-%m-%d %H:%M:%S}"
        yield f"  It is not in the books: no account has confirmed it. Asked {row['queries']} times; next at {when}."
    else:
        yield f"  It is not in the books: no account has confirmed it. Asked {row['queries']} times."
    for task in tx.rows(_SQL["stray_tasks"], {"stray": row["id"]}):
        yield f"  For a person: {task['kind']}. {task['why']}"


def _said(row: Mapping[str, Any]) -> str:
    known = row["result_code"] in codes.KNOWN_CODES
    # the words beside a code that nobody knows may come from anybody
    said = codes.in_plain_words(row["result_code"]) if known else "a code that Rufaa does not know"
    number = f", receipt {row['receipt_number']}" if row["receipt_number"] else ""
    source = _SOURCES[Channel(row["channel"])]
    about = f" about prompt {row['attempt']}" if row.get("attempt") else ""
    code = codes.loggable(row["result_code"])
    return f"{source}{about} says {code} ({said.rstrip('.')}){number}: {_meaning(row)}"


def _meaning(row: Mapping[str, Any]) -> str:
    if Channel(row["channel"]) in OF_PROMPT:
        return _MEANS[Verdict(row["verdict"])]
    return _ARRIVAL_MEANS[ArrivalVerdict(row["verdict"])]


def _moves(tx: Tx, subjects: Mapping[str, uuid.UUID | None]) -> Iterator[tuple[datetime, str]]:
    for move in tx.rows(_SQL["moves"], dict(subjects)):
        words = _WORDS[move["machine"], move["event"]].format(
            attempt=move["attempt"], phone=masked(move["payer_phone"] or "")
        )
        who = f" By {move['username']}." if move["username"] else ""
        # what a person wrote may name the patient, or say what ails them
        why = " A reason was given." if move["reason"] else ""
        yield move["at"], f"{words}{who}{why}  [{move['machine']} {move['to_state']}]"


def _evidence(tx: Tx, fee: uuid.UUID) -> Iterator[tuple[datetime, str]]:
    for row in tx.rows(_SQL["evidence"], {"fee": fee}):
        yield row["heard_at"], f"{_said(row)}."


def _inbox(tx: Tx, fee: uuid.UUID) -> Iterator[tuple[datetime, str]]:
    for row in tx.rows(_SQL["unread"], {"fee": fee}):
        outcome = row["outcome"] or "not settled yet"
        yield row["at"], f"A callback about prompt {row['attempt']} from {row['source']} is stored: {outcome}."


def _conclusion(tx: Tx, row: Mapping[str, Any]) -> Iterator[str]:
    receipts = tx.rows(_SQL["receipts"], {"fee": row["fee"]})
    for receipt in receipts:
        number = receipt["number"] or "whose number is awaited"
        where = "paid the fee" if receipt["state"] == ReceiptState.APPLIED else "waits in unapplied for a person"
        yield f"  Receipt {number} of {Money(receipt['amount_cents'])} {where}."
    prompts = tx.rows(_SQL["prompts"], {"fee": row["fee"]})
    waiting = {PromptState.PENDING, PromptState.UNKNOWN, PromptState.SENDING, PromptState.CREATED}
    for prompt in prompts:
        if PromptState(prompt["state"]) in waiting:
            due = prompt["next_at"]
            when = f"; next at {due.astimezone(EAT):%H:%M:%S}" if due is not None else ""
            yield f"  Prompt {prompt['attempt']} is {prompt['state']}, asked about {prompt['queries']} times{when}."
    for task in tx.rows(_SQL["tasks"], {"fee": row["fee"]}):
        yield f"  For a person: {task['kind']}. {task['why']}"
    if not receipts:
        yield "  No money has been seen."
