"""What people do with a fee: raise it, ask a phone for it, waive or defer it. Each takes the transaction it joins.

Locks are taken in one order everywhere: fees by id, then prompts by id, then receipts, then what the money belongs to
(a referral). Settlement ends at referrals, so whoever starts from a referral locks its fee first. Keys never change, so
the locks leave room for the foreign keys of rows that only point there (FOR NO KEY UPDATE).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rufaa import ids
from rufaa.daraja import codes
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError, sentence
from rufaa.law import Moved
from rufaa.money import Money
from rufaa.payments.hold import HELD_FOR_S
from rufaa.payments.machine import FEE, OPEN_FEE, PROMPT_LIFE_S, FeeEvent, FeeState
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "operations.sql")


class NoPrice(RufaaError):
    """The referring facility has no price for this referral."""

    kind = Kind.CONFLICT
    code = "no-price"


class FeeNotOpen(RufaaError):
    """Nothing can be asked for: the fee is waived or refunded, or there is none yet."""

    kind = Kind.CONFLICT
    code = "fee-not-open"


class AlreadyPaid(RufaaError):
    """The fee is paid, so there is nothing to retry, waive or defer."""

    kind = Kind.CONFLICT
    code = "already-paid"


class AmountMismatch(RufaaError):
    """The amount is not what is open. A prompt never asks for part of a fee."""

    kind = Kind.CONFLICT
    code = "amount-mismatch"


class PromptLive(RufaaError):
    """A prompt for this fee is under way to another phone."""

    kind = Kind.CONFLICT
    code = "prompt-live"


class PhoneBusy(RufaaError):
    """The phone is busy with another M-Pesa request."""

    kind = Kind.CONFLICT
    code = "phone-busy"


class PromptInReview(RufaaError):
    """A person looks at an earlier prompt: it may still turn out to be paid."""

    kind = Kind.CONFLICT
    code = "prompt-in-review"


class PaidMeanwhile(RufaaError):
    """The server was restored from a backup, and the fee may have been paid in the time that is lost."""

    kind = Kind.CONFLICT
    code = "paid-meanwhile"


class NothingToRetry(RufaaError):
    """No prompt of this fee has failed."""

    kind = Kind.CONFLICT
    code = "nothing-to-retry"


class NoProposal(RufaaError):
    """There is no open proposal to waive or defer this fee."""

    kind = Kind.CONFLICT
    code = "no-proposal"


class SamePerson(RufaaError):
    """Whoever proposed it cannot be the second person."""

    kind = Kind.FORBIDDEN
    code = "second-person-needed"


# --- fees ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Raised:
    """A new fee, and the facility whose money it is."""

    fee: uuid.UUID
    payee: uuid.UUID


def raise_fee(
    tx: Tx, *, facility: uuid.UUID, receiving: uuid.UUID, account_code: str, deferred: bool, needed: bool = True
) -> Raised | None:
    """Freeze payee, account and amount from the price list of ``facility`` into a fee.

    ``deferred``: an emergency's fee, which holds nobody up. Without a price: ``NoPrice``, or None where the fee is not
    ``needed``.
    """
    price = tx.row(_SQL["price"], {"facility": facility, "receiving": receiving})
    if price is None:
        if needed:
            raise NoPrice(
                "No price is set for this referral. An operator sets one: rufaa price set.", facilityId=facility.hex
            )
        return None
    fee = ids.new_id()
    event = FeeEvent.RAISE_DEFERRED if deferred else FeeEvent.RAISE
    tx.execute(
        _SQL["insert_fee"],
        {**price, "id": fee, "state": FEE.first[event], "event": event, "account_code": account_code},
    )
    return Raised(fee, price["payee"])


def owed_since(tx: Tx, fee: uuid.UUID, at: datetime) -> None:
    """It was owed before it was raised here, in another app: payments since ``at`` may be its own."""
    tx.execute(_SQL["owed_since"], {"fee": fee, "at": at})


def lock_fee(tx: Tx, fee: uuid.UUID) -> dict[str, Any]:
    row = tx.row(_SQL["lock_fee"], {"fee": fee})
    if row is None:
        raise AssertionError(f"fee {fee} vanished")
    return row


def cancel_fee(tx: Tx, fee: uuid.UUID, *, reason: str) -> None:
    """The referral was cancelled. An open fee is owed no more; a paid one becomes a refund task for two people."""
    row = lock_fee(tx, fee)
    decision = FEE.decide(FeeState(row["state"]), FeeEvent.CANCEL)
    if isinstance(decision, Moved):
        _move_fee(tx, fee, decision.state, FeeEvent.CANCEL, reason)
        tx.execute(_SQL["withdraw_exemptions"], {"fee": fee})
        withdraw_unsent(tx, fee)
    elif FeeState(row["state"]) is FeeState.PAID:
        for pays in tx.rows(_SQL["pays"], {"fee": fee}):
            tx.execute(
                _SQL["open_task"],
                {
                    "id": ids.new_id(),
                    "kind": "refund",
                    "facility": row["payee_id"],
                    "fee": fee,
                    "prompt": None,
                    "receipt": pays["receipt_id"],
                    "why": f"The referral was cancelled after it was paid: {reason}",
                },
            )


def open_task_for_prompt(tx: Tx, prompt: uuid.UUID, *, kind: str, why: str) -> None:
    """Ask a person about a prompt; one open task of a kind is enough. Nothing for a prompt that is not known here."""
    tx.execute(_SQL["open_task_for_prompt"], {"id": ids.new_id(), "prompt": prompt, "kind": kind, "why": why})


def open_task_for_fee(tx: Tx, fee: uuid.UUID, *, kind: str, why: str) -> None:
    """Ask the payee's finance people about a fee; one open task of a kind is enough."""
    payee = lock_fee(tx, fee)["payee_id"]
    about = {"facility": payee, "fee": fee, "prompt": None, "receipt": None}
    tx.execute(_SQL["open_task"], {"id": ids.new_id(), "kind": kind, "why": why, **about})


def withdraw_unsent(tx: Tx, fee: uuid.UUID) -> None:
    """A prompt that no worker has claimed yet never rings."""
    tx.execute(_SQL["withdraw_unsent"], {"fee": fee})


def propose_exemption(tx: Tx, fee: uuid.UUID, *, kind: FeeEvent, reason: str, by: uuid.UUID) -> uuid.UUID:
    """The first of two people. A newer proposal takes the older one's place."""
    row = lock_fee(tx, fee)
    _check_exempt(row, kind)
    if not reason.strip():
        raise InvalidArgument("Say why: the reason is kept for ever.", argument="reason")
    tx.execute(_SQL["withdraw_exemptions"], {"fee": fee})
    proposal = ids.new_id()
    tx.execute(_SQL["propose"], {"id": proposal, "fee": fee, "kind": kind, "reason": reason.strip(), "by": by})
    return proposal


def second_exemption(tx: Tx, fee: uuid.UUID, *, by: uuid.UUID) -> FeeState:
    """The second of two people: the open proposal takes effect. Returns the fee's new state."""
    row = lock_fee(tx, fee)
    proposal = tx.row(_SQL["open_proposal"], {"fee": fee})
    if proposal is None:
        raise NoProposal("Nobody has proposed to waive or defer this fee, or it was settled meanwhile.")
    if proposal["proposed_by"] == by:
        raise SamePerson("You proposed this. Another person has to agree.")
    kind = FeeEvent(proposal["kind"])
    state = _check_exempt(row, kind)
    tx.execute(_SQL["second"], {"id": proposal["id"], "by": by})
    _move_fee(tx, fee, state, kind, proposal["reason"])
    if state is FeeState.WAIVED:
        withdraw_unsent(tx, fee)
    return state


def _check_exempt(row: dict[str, Any], kind: FeeEvent) -> FeeState:
    state = FeeState(row["state"])
    if state is FeeState.PAID:
        raise AlreadyPaid("The fee is paid; it can only be refunded.")
    decision = FEE.decide(state, kind)
    if not isinstance(decision, Moved):
        raise FeeNotOpen(sentence("The fee is %(state)s already.", state=state), status=state)
    return decision.state


def _move_fee(tx: Tx, fee: uuid.UUID, state: FeeState, event: FeeEvent, reason: str) -> None:
    tx.execute(_SQL["move_fee"], {"fee": fee, "state": state, "event": event, "reason": reason})


# --- prompts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requested:
    """A prompt that is under way. ``joined``: it was there already, and nothing was sent for this call."""

    prompt: uuid.UUID
    attempt: int
    phone: Phone
    amount: Money
    joined: bool


@dataclass(frozen=True, slots=True)
class PaidAlready:
    """There is nothing to send: the money is there, by ``prompt`` where it was one."""

    amount: Money
    prompt: uuid.UUID | None


def request_prompt(
    tx: Tx, fee: uuid.UUID, *, phone: Phone, amount: Money | None, reason: str = "", retry: bool = False
) -> Requested | PaidAlready:
    """Commit to asking ``phone`` for the fee; a worker sends it after the commit.

    Refusals come in this order: fee paid (an answer, or ``AlreadyPaid`` for a ``retry``), fee not open, amount, live
    prompt to another phone, prompt in review without a ``reason``, fee of before a restore without a ``reason``,
    nothing to retry, phone busy. The same call while its prompt is live joins that prompt.
    """
    row = lock_fee(tx, fee)
    state, due = FeeState(row["state"]), Money(row["amount_cents"])
    if state is FeeState.PAID:
        if retry:
            raise AlreadyPaid("The fee is paid already. Nothing was sent.", status=state)
        paid = tx.row(_SQL["paid_by"], {"fee": fee})
        return PaidAlready(due, None if paid is None else paid["prompt_id"])
    if state not in OPEN_FEE:
        raise FeeNotOpen(sentence("The fee is %(state)s: there is nothing to pay.", state=state), status=state)
    if amount is not None and amount != due:
        raise AmountMismatch(
            sentence(
                "%(amount)s is not what is open: the fee is %(due)s. Leave the amount out, or give %(shillings)s.",
                amount=amount,
                due=due,
                shillings=due.shillings,
            ),
            expected=due.shillings,
        )
    last = tx.row(_SQL["last_prompt"], {"fee": fee})
    if last is not None and last["live"]:
        if retry or last["payer_phone"] != phone:
            raise PromptLive(
                sentence(
                    "A prompt for this referral waits on hold. It goes out when the hold ends;"
                    " pay by paybill meanwhile."
                )
                if last["held"]
                else sentence("A prompt for this referral is under way. Wait until it is answered or has run out."),
                secondsLeft=_seconds_left(last),
            )
        return Requested(last["id"], last["attempt"], phone, due, joined=True)
    doubts = tx.row(_SQL["doubts"], {"fee": fee})
    assert doubts is not None
    if doubts["in_review"] is not None and not reason.strip():
        raise PromptInReview(
            "An earlier prompt may still turn out to be paid. To ask again, give a reason.",
            paymentId=doubts["in_review"].hex,
        )
    if doubts["backup_at"] is not None and not reason.strip():
        raise PaidMeanwhile(
            sentence(
                "This server was restored from a backup of %(backup_at)s UTC, and the fee may have been paid since."
                " Look for it in the M-Pesa statement. To ask all the same, give a reason.",
                backup_at=f"{doubts['backup_at']:%Y-%m-%d %H:%M}",
            ),
            since=doubts["backup_at"].isoformat(),
        )
    if retry and last is None:
        raise NothingToRetry("No prompt was sent for this referral yet. Use triggerReferralPayment.")
    _check_phone_free(tx, phone)
    prompt = ids.new_id()
    attempt = 1 if last is None else last["attempt"] + 1
    inserted = tx.execute(
        _SQL["insert_prompt"],
        {
            "id": prompt,
            "fee": fee,
            "account": row["account_id"],
            "attempt": attempt,
            "phone": phone,
            "amount_cents": due.cents,
            "reason": reason.strip(),
        },
    )
    if not inserted:  # another transaction took the phone between the look and the write
        _check_phone_free(tx, phone)
        raise _phone_busy(PROMPT_LIFE_S)
    tx.wake_workers("dispatch")
    return Requested(prompt, attempt, phone, due, joined=False)


def _check_phone_free(tx: Tx, phone: Phone) -> None:
    """One prompt per phone: two at once collide (daraja.md §12), and says nothing about whose the other one is."""
    other = tx.row(_SQL["last_of_phone"], {"phone": phone})
    if other is None:
        return
    if other["live"]:
        raise _phone_busy(_seconds_left(other))
    wait_s = codes.PAY_AGAIN_AFTER_S.get(other["code"], 0)
    since: datetime | None = other["settled_at"]
    if since is not None and wait_s:
        left = wait_s - (other["now"] - since).total_seconds()
        if left > 0:
            raise _phone_busy(left)


def _phone_busy(seconds: float) -> PhoneBusy:
    left = max(1, round(seconds))
    return PhoneBusy(
        sentence("This phone is busy with another M-Pesa request. Try again in %(left)s s.", left=left),
        secondsLeft=left,
    )


def _seconds_left(row: dict[str, Any]) -> int:
    """How long a live prompt can still ring, or wait on hold; at least a few seconds, since only an answer ends it."""
    age: float = (row["now"] - row["created_at"]).total_seconds()
    return max(5, round((HELD_FOR_S if row["held"] else PROMPT_LIFE_S) - age))
