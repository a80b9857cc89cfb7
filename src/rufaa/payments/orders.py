"""From an approved refund to M-Pesa's word about it, and questions for a transaction's status: claim, commit, POST,
commit; the result comes to an address of its own.

A payout carries the refund's own id, and a reversal takes all of a receipt, so that neither can be done twice: one
whose answer was lost is ordered again, and M-Pesa says so if it was there (daraja.md §8, §10). Silence and a post to
the time-out address are never a failure: M-Pesa is asked what became of the order.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, assert_never

import structlog

from rufaa import clock, ids
from rufaa.daraja import codes
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Because, Declined, Exchange, NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, B2cOutcome
from rufaa.db import sql
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.errors import RufaaError
from rufaa.money import Money
from rufaa.payments import claims, refund_guards, refunds
from rufaa.payments.access import Accounts
from rufaa.payments.refund_machine import RefundEvent, RefundMethod, RefundState
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "orders.sql")
_log = structlog.get_logger()

LEASE_S: Final = 60
"""As a push's: longer than the client's whole deadline."""
RESULT_WAIT_S: Final = 180
"""How long the result of an order that was taken is waited for before M-Pesa is asked."""
RESEND_AFTER_S: Final = 120
"""When an order whose answer was lost is given again; its result may come by itself before."""
MOST_ORDERS: Final = 5
"""How often an order is given before a person looks."""
LONGEST_ORDERS_S: Final = 24 * 3600
"""How long an order whose answer was lost is given again: what M-Pesa remembers of it longer than that is not known."""
_UNTIL_A_PERSON: Final = {"most": MOST_ORDERS, "longest_s": LONGEST_ORDERS_S}
PATIENCE_S: Final = 3600
"""How long an order that M-Pesa does not take is tried before a person is told. It is tried on."""
LATEST_START_S: Final = 30
"""As a push's: with the client's whole deadline still within the lease."""
_ASK_AFTER_S: Final = (0, 60, 300, 900, 3600, 3600 * 6, 3600 * 24)
"""Waits between the questions for what became of an order; after the last one a person looks."""
_LONGEST_WAIT_S: Final = 2 * 3600
"""Nothing waits as long, but for the last question: a time that is further ahead was written before the clock was set
back."""
REMARKS: Final = "Referral fee refund"  # no name, no diagnosis


@dataclass(frozen=True, slots=True)
class Order:
    """A refund that this worker, and nobody else, may order once."""

    refund: uuid.UUID
    lease: int
    account: uuid.UUID
    method: RefundMethod
    receipt_number: str
    amount: Money
    phone: str


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question for the status of a transaction."""

    id: uuid.UUID
    account: uuid.UUID
    receipt_number: str | None
    original_conversation_id: str | None


class Addresses(Protocol):
    """Where the result of an order is posted to, and where that it was not processed in time."""

    @property
    def result(self) -> str: ...

    @property
    def timeout(self) -> str: ...


# --- what is due ---------------------------------------------------------------------------------------------------


def tidy(tx: Tx) -> None:
    """Leases that ran out, and orders that hear nothing, are unknown: asked about or given again, never failed."""
    tx.execute(_SQL["set_back"], {"longest_s": _LONGEST_WAIT_S, "asked_after_s": _ASK_AFTER_S[-1] + _LONGEST_WAIT_S})
    for row in tx.rows(_SQL["expired"], {"longest_s": _LONGEST_WAIT_S}):
        _unknown(tx, row["id"], RefundEvent.LEASE_EXPIRED, next_s=RESEND_AFTER_S, code="lease-expired")
    for row in tx.rows(_SQL["silent"]):
        _unknown(tx, row["id"], RefundEvent.SILENT, next_s=0, code="no-result")
    for row in tx.rows(_SQL["not_taken"], {"patience_s": PATIENCE_S, "longest_s": _LONGEST_WAIT_S}):
        locked, _ = refunds.lock(tx, row["id"])
        if RefundState(locked["state"]) is RefundState.APPROVED:
            refunds.ask_person(tx, locked, kind="refund", why=_NOT_TAKEN.format(code=locked["code"] or "no answer"))
    for row in tx.rows(_SQL["overtaken"]):
        refunds.let_go(tx, row["id"])
    claims.hand_over(tx)


def _unknown(tx: Tx, refund: uuid.UUID, event: RefundEvent, *, next_s: float, code: str) -> None:
    row, _ = refunds.lock(tx, refund)
    if refunds.move(tx, row, event, next_s=next_s, code=code) and refund_guards.is_overtaken(tx, row):
        refunds.ask_whether_both(tx, row)


_NOT_TAKEN: Final = (
    "M-Pesa does not take the order to give this money back ({code}). It is tried on; to do otherwise, withdraw the"
    " refund."
)


def claim_orders(tx: Tx, *, limit: int) -> list[Order]:
    """Refunds that are to be ordered: agreed to, or of an answer that was lost and can safely be given again."""
    rows = tx.rows(_SQL["claim"], {"limit": limit, "lease_s": LEASE_S, **_UNTIL_A_PERSON})
    return [
        Order(
            refund=row["id"],
            lease=row["lease"],
            account=row["account_id"],
            method=RefundMethod(row["method"]),
            receipt_number=row["receipt_number"] or "",
            amount=Money(row["amount_cents"]),
            phone=row["phone"],
        )
        for row in rows
    ]


def claim_inquiries(tx: Tx, *, limit: int) -> list[Inquiry]:
    """Orders in doubt and claims whose time to be asked about has come; each gets a question of its own."""
    asked: list[Inquiry] = []
    for row in tx.rows(_SQL["unclear_refunds"], {"limit": limit, **_UNTIL_A_PERSON}):
        conversation = row["originator_conversation_id"] or _own_id(row["id"], RefundMethod(row["method"]))
        if row["asked"] >= len(_ASK_AFTER_S) or conversation is None:
            refunds.ask_no_more(tx, row, why=refunds.NOT_TOLD)
            continue
        again = {"refund": row["id"], "conversation": conversation, "again_s": _ASK_AFTER_S[row["asked"]] or 60}
        tx.execute(_SQL["ask_refund_again"], again)
        asked.append(_ask(tx, row["account_id"], refund=row["id"], conversation=conversation))
    for row in tx.rows(_SQL["due_claims"], {"limit": limit}):
        asked.append(_ask(tx, row["account_id"], claim=row["id"], number=row["number"]))
    return asked


def _own_id(refund: uuid.UUID, method: RefundMethod) -> str | None:
    """What M-Pesa knows an order by before it has answered: a payout carries an id of ours."""
    return ids.wire(refund) if method is RefundMethod.B2C else None


def _ask(
    tx: Tx,
    account: uuid.UUID,
    *,
    refund: uuid.UUID | None = None,
    claim: uuid.UUID | None = None,
    number: str | None = None,
    conversation: str | None = None,
) -> Inquiry:
    inquiry = ids.new_id()
    tx.execute(
        _SQL["inquire"],
        {
            "id": inquiry,
            "account": account,
            "refund": refund,
            "claim": claim,
            "number": number,
            "conversation": conversation,
        },
    )
    return Inquiry(inquiry, account, number, conversation)


def hand_over_unasked(tx: Tx) -> None:
    """Where M-Pesa has nowhere to post an answer to, nothing is asked: a person looks at once."""
    for row in tx.rows(_SQL["unknown_due"]):
        locked, _ = refunds.lock(tx, row["id"])
        if RefundState(locked["state"]) is RefundState.UNKNOWN:
            refunds.ask_no_more(tx, locked, why=refunds.NOT_TOLD)
    tx.execute(_SQL["put_off_claims"], {"s": RESEND_AFTER_S})


def next_order_s(tx: Tx) -> float | None:
    """Seconds until the next order, question or expiry is due; None if none ever is."""
    return tx.seconds(_SQL["next_due"])


# --- what Daraja answered ------------------------------------------------------------------------------------------


def record(tx: Tx, order: Order, outcome: B2cOutcome) -> None:
    """Commit what Daraja said of an order. Where its result was faster, or the lease ran out, only its ids are kept."""
    row, _ = refunds.lock(tx, order.refund)
    _keep_ids(tx, order, outcome)
    event, next_s = _event(outcome)
    code, message = ("", "") if isinstance(outcome, Acknowledged) else (outcome.code, outcome.message)
    state = RefundState(row["state"])
    if row["lease"] != order.lease or state not in {RefundState.SENDING, RefundState.RESENDING}:
        return  # its result was faster, or this worker was too slow to speak for it
    not_taken = event in {RefundEvent.DECLINED, RefundEvent.NOT_SENT}
    again = state is RefundState.RESENDING
    if not_taken or (again and isinstance(outcome, AlreadyTaken)):  # M-Pesa has the one before, and no second one
        tx.execute(_SQL["not_ordered"], {"id": order.refund})
    if not_taken and again:  # this one was not taken; one before may have been
        next_s = float(RESEND_AFTER_S)
    if event is not RefundEvent.ACCEPTED and refund_guards.is_overtaken(tx, row):
        _overtaken(tx, row, event, code=code, message=message)
    elif event is RefundEvent.DECLINED and state is RefundState.SENDING:
        refunds.fail(tx, row, code=code, message=message)
    else:
        refunds.move(tx, row, event, next_s=next_s, code=code, message=message)


def _keep_ids(tx: Tx, order: Order, outcome: B2cOutcome) -> None:
    own = _own_id(order.refund, order.method)
    match outcome:
        case Acknowledged():
            conversation, originator = outcome.conversation_id, outcome.originator_conversation_id or own
        case AlreadyTaken():
            conversation, originator = None, own
        case _:
            return
    kept = {"id": order.refund, "lease": order.lease, "conversation": conversation, "originator": originator}
    tx.execute(_SQL["keep_ids"], kept)


def _event(outcome: B2cOutcome) -> tuple[RefundEvent, float]:
    """Also: seconds until it is looked at again."""
    match outcome:
        case Acknowledged() | AlreadyTaken():
            return RefundEvent.ACCEPTED, RESULT_WAIT_S
        case NotSent():
            return RefundEvent.NOT_SENT, outcome.retry_after_s
        case Declined():
            return RefundEvent.DECLINED, 0.0
        case Unknown():
            return RefundEvent.ANSWER_LOST, RESEND_AFTER_S
        case never:
            assert_never(never)


def _overtaken(tx: Tx, row: dict[str, Any], event: RefundEvent, *, code: str, message: str) -> None:
    """Another refund of this money went while this one was being ordered: it is not ordered again."""
    state = RefundState(row["state"])
    if state is RefundState.SENDING and event in {RefundEvent.DECLINED, RefundEvent.NOT_SENT}:
        refunds.reject(tx, row, code=code, message=message, reason=refunds.WENT_OTHERWISE)
    elif refunds.move(tx, row, event, code=code, message=message):
        refunds.ask_whether_both(tx, row)


def note(tx: Tx, inquiry: Inquiry, outcome: B2cOutcome) -> None:
    """What Daraja said of a question; its answer comes later, or never, and then it is asked again."""
    code = "" if isinstance(outcome, Acknowledged) else outcome.code
    taken = outcome if isinstance(outcome, Acknowledged) else None
    tx.execute(
        _SQL["inquired"],
        {
            "id": inquiry.id,
            "code": code,
            "conversation": taken.conversation_id if taken else None,
            "originator": taken.originator_conversation_id if taken else None,
        },
    )


# --- the worker ----------------------------------------------------------------------------------------------------


_NO_ADDRESS: Final = (
    "This server has no address for what M-Pesa answers (MPESA_CALLBACKS=none): give it back in the M-Pesa portal."
)


class Orders:
    """Gives the orders and asks the questions that are due."""

    def __init__(
        self,
        daraja: Daraja,
        accounts: Accounts,
        aside: Aside,
        *,
        addresses: Callable[[uuid.UUID], Addresses] | None,
        at_once: int = 5,
    ) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._addresses = addresses
        self._at_once = at_once

    async def round(self) -> float | None:
        """One round; returns None, since nothing here is held back by a rate."""
        await self._aside.run(lambda: unit(self._tidy, step=Step.ORDER_TIDY))
        began = clock.uptime_s()
        orders = await self._aside.run(
            lambda: unit(lambda tx: claim_orders(tx, limit=self._at_once), step=Step.ORDER_CLAIM)
        )
        inquiries = [] if self._addresses is None else await self._claimed_inquiries()
        ordering = (self._order(order, claimed_at=began) for order in orders)
        await asyncio.gather(*ordering, *map(self._inquire, inquiries))
        return None

    def _tidy(self, tx: Tx) -> None:
        tidy(tx)
        if self._addresses is None:
            hand_over_unasked(tx)

    async def ask(self) -> None:
        """One round of the questions alone: nothing is ordered."""
        await self._aside.run(lambda: unit(tidy, step=Step.ORDER_TIDY))
        if self._addresses is not None:
            await asyncio.gather(*map(self._inquire, await self._claimed_inquiries()))

    async def _claimed_inquiries(self) -> list[Inquiry]:
        return await self._aside.run(
            lambda: unit(lambda tx: claim_inquiries(tx, limit=self._at_once), step=Step.INQUIRY_CLAIM)
        )

    async def _order(self, order: Order, *, claimed_at: float) -> None:
        try:
            outcome = await self._send(order, claimed_at=claimed_at)
            await self._aside.run(lambda: unit(lambda tx: record(tx, order, outcome), step=Step.ORDER_RECORD))
            _log.info("refund.ordered", refund=order.refund.hex, outcome=type(outcome).__name__)
        except Exception:  # noqa: BLE001 - its lease runs out, and it is asked about; the others must not wait
            _log.exception("refund.failed", refund=order.refund.hex)

    async def _send(self, order: Order, *, claimed_at: float) -> B2cOutcome:
        nothing = Exchange(None, b"", clock.now(), 0.0)
        if self._addresses is None:
            return Declined("no-callbacks", _NO_ADDRESS, Because.BAD_REQUEST, nothing)
        try:
            account = await self._accounts.get(order.account)
            where = self._addresses(order.refund)
            if clock.uptime_s() - claimed_at > LATEST_START_S:
                # This process was held up. Its lease may have run out, and a person may have given it back otherwise.
                return NotSent("late", "The worker was held up for too long to order it.", 0.0, nothing)
            with around(Step.ORDER_CALL):
                if order.method is RefundMethod.REVERSAL:
                    return await self._daraja.reverse(
                        account.credentials,
                        account.tokens,
                        receipt_number=order.receipt_number,
                        amount=order.amount,
                        result_url=where.result,
                        timeout_url=where.timeout,
                        remarks=REMARKS,
                    )
                return await self._daraja.b2c(
                    account.credentials,
                    account.tokens,
                    originator_conversation_id=ids.wire(order.refund),
                    phone=Phone(order.phone),
                    amount=order.amount,
                    result_url=where.result,
                    timeout_url=where.timeout,
                    remarks=REMARKS,
                )
        except DatabaseSilent as error:  # before anything was sent
            return NotSent(error.code, error.message, RESEND_AFTER_S, nothing)
        except RufaaError as error:  # the client checks before it sends: no operator, or a wrong address
            return Declined(error.code, error.message, Because.BAD_REQUEST, nothing)

    async def _inquire(self, inquiry: Inquiry) -> None:
        assert self._addresses is not None
        try:
            account = await self._accounts.get(inquiry.account)
            where = self._addresses(inquiry.id)
            outcome: B2cOutcome
            try:
                with around(Step.INQUIRY_CALL):
                    outcome = await self._daraja.transaction_status(
                        account.credentials,
                        account.tokens,
                        receipt_number=inquiry.receipt_number,
                        original_conversation_id=inquiry.original_conversation_id,
                        result_url=where.result,
                        timeout_url=where.timeout,
                    )
            except RufaaError as error:
                outcome = Declined(
                    error.code, error.message, Because.BAD_REQUEST, Exchange(None, b"", clock.now(), 0.0)
                )
            await self._aside.run(lambda: unit(lambda tx: note(tx, inquiry, outcome), step=Step.INQUIRY_NOTE))
            _log.info("inquiry.sent", inquiry=inquiry.id.hex, code=codes.loggable(getattr(outcome, "code", "")))
        except Exception:  # noqa: BLE001 - asked again later; the others must not wait
            _log.exception("inquiry.failed", inquiry=inquiry.id.hex)
