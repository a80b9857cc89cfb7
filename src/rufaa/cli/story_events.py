"""What happened to some money in the course of time: moves, reports, questions, applications, tasks, holds; in EAT."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rufaa.cli import story_words as words
from rufaa.clock import EAT
from rufaa.daraja import codes
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments import account_codes
from rufaa.payments.machine import OF_PROMPT, ArrivalVerdict, Channel, Verdict
from rufaa.phone import masked
from rufaa.referrals import bearer

_SQL: Final = sql.load(__file__, "story.sql")
_SEPARATORS: Final = re.compile(r"[\s\-+().]+")
_SHOWN: Final = re.compile(r"[0-9]*\**[0-9]*")
_HIDDEN: Final = re.compile(r"[0-9A-Fa-f]{64}")
Event = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Scope:
    """What one story is about."""

    referral: uuid.UUID | None = None
    fee: uuid.UUID | None = None
    prompts: Sequence[uuid.UUID] = ()
    receipts: Sequence[uuid.UUID] = ()
    claims: Sequence[uuid.UUID] = ()
    refunds: Sequence[uuid.UUID] = ()
    inquiries: Sequence[uuid.UUID] = ()
    strays: Sequence[uuid.UUID] = ()
    numbers: Sequence[str] = field(default=())  # receipt numbers

    def params(self) -> dict[str, Any]:
        subjects = [each for each in (self.referral, self.fee) if each is not None]
        return {
            "fee": self.fee,
            "prompts": list(self.prompts),
            "receipts": list(self.receipts),
            "claims": list(self.claims),
            "refunds": list(self.refunds),
            "inquiries": list(self.inquiries),
            "strays": list(self.strays),
            "numbers": list(self.numbers),
            "subjects": [*subjects, *self.prompts, *self.receipts, *self.refunds],
            "orders": [*self.prompts, *self.refunds, *self.inquiries],  # what an address may speak for
        }


def events(
    tx: Tx,
    scope: Scope,
    *,
    account: uuid.UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[str]:
    """All of it in its order. ``account``: the fee's, whose holds are told from ``since`` to ``until``, while the fee
    was open."""
    params = scope.params()
    told = [
        *_moves(tx, params),
        *((row["heard_at"], f"{said(row)}.") for row in tx.rows(_SQL["evidence"], params)),
        *_unread(tx, params),
        *_applications(tx, params),
        *_by_hand(tx, params),
        *_exemptions(tx, params),
        *_claims(tx, params),
        *_inquiries(tx, params),
        *_closed_tasks(tx, params),
    ]
    if account is not None and since is not None:
        told += _holds(tx, account, since=since, until=until)
    told.sort(key=lambda event: event[0])
    for at, text in told:
        yield f"  {when(at)}  {text}"


# --- saying --------------------------------------------------------------------------------------------------------


def when(at: datetime) -> str:
    return f"{at.astimezone(EAT):%Y-%m-%d %H:%M:%S}"


def clock_time(at: datetime) -> str:
    return f"{at.astimezone(EAT):%H:%M:%S}"


def named(number: str | None) -> str:
    """A receipt as people call it."""
    return f"receipt {number}" if number else "the receipt whose number is awaited"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _by(username: str | None) -> str:
    return f" By {username}." if username else ""


def shown(phone: str) -> str:
    """A phone as M-Pesa shows it, which may be whole, with its middle left out."""
    if _HIDDEN.fullmatch(phone):
        return "a phone that M-Pesa hides"
    digits = _SEPARATORS.sub("", phone)
    if not _SHOWN.fullmatch(digits) or not digits:
        return "***"
    head, hidden, rest = digits.partition("*")
    return f"{head[:6]}***{rest.strip('*')[-3:]}" if hidden else masked(digits)


def why_of(task: Mapping[str, Any]) -> str:
    """Why a task was opened. That a paid referral was cancelled is told with a person's own words, which may name
    anybody."""
    why: str = task["why"]
    if task["kind"] == "refund" and task["refund_id"] is None:
        return f"{why.partition(':')[0]}."
    return why


def said(row: Mapping[str, Any]) -> str:
    """What one piece of evidence says, and what was made of it."""
    if row["claim_id"] is not None or row["refund_id"] is not None:
        return _said_of_order(row)
    channel = Channel(row["channel"])
    if channel not in OF_PROMPT:
        money = f"{Money(row['amount_cents'])} with " if row["amount_cents"] is not None else ""
        return (
            f"{words.SOURCES[channel]} tells of {money}receipt {row['receipt_number']}:"
            f" {words.ARRIVAL_MEANS[ArrivalVerdict(row['verdict'])]}"
        )
    if row["result_code"] in codes.KNOWN_CODES:
        spoken = codes.in_plain_words(row["result_code"])
    else:  # the words beside a code that nobody knows may come from anybody
        spoken = words.NO_VERDICTS.get(row["result_code"], "a code that Rufaa does not know")
    number = f", receipt {row['receipt_number']}" if row["receipt_number"] else ""
    about = f" about prompt {row['attempt']}" if row.get("attempt") else ""
    code = codes.loggable(row["result_code"])
    return (
        f"{words.SOURCES[channel]}{about} says {code} ({spoken.rstrip('.')}){number}:"
        f" {words.MEANS[Verdict(row['verdict'])]}"
    )


def _said_of_order(row: Mapping[str, Any]) -> str:
    of_claim = row["claim_id"] is not None
    about = f"receipt {row['claimed']}" if of_claim else f"the refund of {Money(row['refund_cents'])}"
    verdict = row["verdict"]
    arrived = of_claim and verdict in set(ArrivalVerdict)
    meant = words.ARRIVAL_MEANS[ArrivalVerdict(verdict)] if arrived else words.ORDER_MEANS[verdict]
    code = f" says {codes.loggable(row['result_code'])}" if row["result_code"] else ""
    return f"{words.ORDER_SOURCES[row['channel']]} about {about}{code}: {meant}"


# --- what happened -------------------------------------------------------------------------------------------------


def _moves(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for move in tx.rows(_SQL["moves"], params):
        spoken = words.MOVES[move["machine"], move["event"]].format(
            attempt=move["attempt"],
            phone=masked(move["payer_phone"] or ""),
            receipt=named(move["number"]),
            amount=Money(move["amount_cents"]),
        )
        # what a person wrote may name the patient, or say what ails them
        why = " A reason was given." if move["reason"] else ""
        who = bearer.NAME if move["actor"] == bearer.ACTOR else move["username"]
        yield (
            move["at"],
            f"{sentence(spoken)}{_by(who)}{why}  [{move['machine']} {move['to_state']}]",
        )


def _unread(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for row in tx.rows(_SQL["unread"], params):
        outcome = "not settled yet" if row["settled_at"] is None else words.outcome(row["kind"], row["outcome"])
        if row["attempt"] is not None:
            yield row["at"], f"A callback about prompt {row['attempt']} from {row['source']} is stored: {outcome}."
        else:
            kind = words.INBOX_KINDS[row["kind"]]
            yield row["at"], f"{sentence(kind)} from {row['source']} is stored as report {row['id']}: {outcome}."


def _applications(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for row in tx.rows(_SQL["applications"], params):
        part, fee = Money(row["amount_cents"]), row["account_code"]
        yield row["at"], f"{part} of {named(row['number'])} pays the fee of {fee}.{_by(row['username'])}"


def _by_hand(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    """What came without a prompt: what the payer typed, as far as it may be said."""
    for row in tx.rows(_SQL["receipts"], params):
        if row["prompt_id"] is None or row["account_reference"]:
            code = account_codes.read(row["account_reference"])
            if code is not None:
                reference = f"with {code} as reference"
            elif account_codes.near(row["account_reference"]):
                reference = "with a reference that may be an account code with a slip in it"
            elif row["account_reference"]:
                reference = "with a reference that is no account code"
            else:
                reference = "without a reference"
            phone = f", from {shown(row['phone_shown'])}" if row["phone_shown"] else ""
            paid = f" M-Pesa says that it was paid at {when(row['paid_at'])}." if row["paid_at"] else ""
            yield row["created_at"], f"{sentence(named(row['number']))} came {reference}{phone}.{paid}"


def _exemptions(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for row in tx.rows(_SQL["exemptions"], params):
        yield row["created_at"], f"To {row['kind']} the fee was proposed.{_by(row['username'])} A reason was given."
        if row["withdrawn_at"] is not None:
            yield row["withdrawn_at"], f"The proposal to {row['kind']} the fee fell away."


def _claims(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for row in tx.rows(_SQL["claims"], params):
        if row["channel"] == Channel.TYPED:
            fee = f" for the fee of {row['account_code']}" if row["account_code"] else ""
            told = f"Receipt {row['number']} was typed in{fee}.{_by(row['username'])}"
        else:
            money = f" with {Money(row['amount_cents'])}" if row["amount_cents"] is not None else ""
            told = f"A notice told of receipt {row['number']}{money}, and cannot be believed alone."
        yield row["created_at"], f"{told} It is money only when M-Pesa says so."
        if row["ended_at"] is not None:
            yield row["ended_at"], f"The claim of receipt {row['number']} {words.CLAIM_ENDS[row['ended_as']]}."


def _inquiries(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for row in tx.rows(_SQL["inquiries"], params):
        about = f"receipt {row['number']}" if row["of_claim"] else f"the refund of {Money(row['amount_cents'])}"
        if row["answered_at"] is not None:
            end = ""
        elif row["code"]:
            end = f" It did not take the question ({codes.loggable(row['code'])})."
        else:
            end = " No answer has come yet."
        yield row["created_at"], f"M-Pesa was asked what became of {about}.{end}"


def _closed_tasks(tx: Tx, params: Mapping[str, Any]) -> Iterator[Event]:
    for task in tx.rows(_SQL["tasks"], params):
        if task["closed_at"] is not None:
            likely = f" Likely for {task['proposed_code']}: a person confirms." if task["proposed_code"] else ""
            yield task["opened_at"], f"A person was asked: {task['kind']}. {why_of(task)}{likely}"
            end = words.TASK_ENDS.get(task["closed_as"], "what was done is written down")
            yield task["closed_at"], f"The task {task['kind']} was closed: {end}.{_by(task['closer'])}"


def _holds(tx: Tx, account: uuid.UUID, *, since: datetime, until: datetime | None) -> Iterator[Event]:
    for hold in tx.rows(_SQL["holds"], {"account": account, "since": since, "until": until}):
        yield hold["held_at"], f"Prompts of the account were put on hold, by {hold['held_by']}: {hold['reason']}"
        if hold["released_at"] is not None and (until is None or hold["released_at"] <= until):
            yield hold["released_at"], f"The hold was ended, by {hold['released_by']}."
