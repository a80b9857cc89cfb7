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
from rufaa.payments.machine import PromptState, ReceiptState
from rufaa.phone import masked

_SQL: Final = sql.load(__file__, "story.sql")


class NothingFound(RufaaError):
    """No referral, prompt, code, receipt or phone is written like this."""

    kind = Kind.NOT_FOUND
    code = "nothing-found"


def tell(tx: Tx, what: str) -> Iterator[str]:
    """The stories of all fees that ``what`` leads to. Raises ``NothingFound``."""
    found = tx.rows(_SQL["find"], _clues(what.strip()))
    if not found:
        raise NothingFound(
            f"Nothing is known by {what!r}."
            " Give a referral's or prompt's id, an account code, a receipt number, or a phone."
        )
    lines: list[str] = []
    for number, row in enumerate(found):
        if number:
            lines.append("")
        lines += _story(tx, row)
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


def _moves(tx: Tx, subjects: Mapping[str, uuid.UUID | None]) -> Iterator[tuple[datetime, str]]:
    for move in tx.rows(_SQL["moves"], dict(subjects)):
        who = f" by {move['username']}" if move["username"] else ""
        why = f": {move['reason']}" if move["reason"] and move["machine"] != "referral" else ""
        name = move["machine"] if move["attempt"] is None else f"{move['machine']} {move['attempt']}"
        phone = f" to {masked(move['payer_phone'])}" if move["event"] == "create" and move["payer_phone"] else ""
        if move["from_state"]:
            yield move["at"], f"{name}: {move['from_state']} --{move['event']}--> {move['to_state']}{who}{why}"
        else:
            yield move["at"], f"{name}: {move['event']}{phone}, {move['to_state']}{who}{why}"


def _evidence(tx: Tx, fee: uuid.UUID) -> Iterator[tuple[datetime, str]]:
    for row in tx.rows(_SQL["evidence"], {"fee": fee}):
        said = codes.in_plain_words(row["result_code"]) if row["channel"] == "callback" else row["result_desc"]
        number = f", receipt {row['receipt_number']}" if row["receipt_number"] else ""
        report = f"prompt {row['attempt']}: a {row['channel']} says {row['result_code']} ({said.rstrip('.')}){number}"
        yield row["heard_at"], f"{report}; this {row['verdict']}"


def _inbox(tx: Tx, fee: uuid.UUID) -> Iterator[tuple[datetime, str]]:
    for row in tx.rows(_SQL["unread"], {"fee": fee}):
        outcome = row["outcome"] or "not settled yet"
        yield row["at"], f"prompt {row['attempt']}: a callback from {row['source']} was stored, {outcome}"


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
