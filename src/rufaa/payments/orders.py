"""From an approved refund to M-Pesa's word about it, and questions for a transaction's status: claim, commit, POST,
commit; the result comes to an address of its own.

A payout carries the refund's own id, and a reversal takes all of a receipt, so that neither can be done twice: one
whose answer was lost is ordered again, and M-Pesa says so if it was there (daraja.md §8, §10). Silence and a post to
the time-out address are never a failure: M-Pesa is asked what became of the order.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, assert_never

import structlog

from rufaa import clock, ids
from rufaa.daraja import codes
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Because, Declined, Exchange, NotSent, Unknown
from rufaa.daraja.outcomes_orders import Acknowledged, AlreadyTaken, B2cOutcome
from rufaa.daraja.results import (
    AsyncResult,
    B2cVerdict,
    QueueTimeout,
    ReversalVerdict,
    StatusResult,
    StatusVerdict,
    b2c_result,
    reversal_result,
    status_result,
)
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.errors import RufaaError
from rufaa.money import Money
from rufaa.payments import claims, refunds
from rufaa.payments.access import Accounts
from rufaa.payments.inbound import OrderItem
from rufaa.payments.machine import RefundEvent, RefundMethod, RefundState
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
_ASK_AFTER_S: Final = (0, 60, 300, 900, 3600, 3600 * 6, 3600 * 24)
"""Waits between the questions for what became of an order; after the last one a person looks."""
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
    for row in tx.rows(_SQL["expired"]):
        _unknown(tx, row["id"], RefundEvent.LEASE_EXPIRED, next_s=RESEND_AFTER_S, code="lease-expired")
    for row in tx.rows(_SQL["silent"]):
        _unknown(tx, row["id"], RefundEvent.SILENT, next_s=0, code="no-result")
    claims.hand_over(tx)


def _unknown(tx: Tx, refund: uuid.UUID, event: RefundEvent, *, next_s: float, code: str) -> None:
    row, _ = refunds.lock(tx, refund)
    refunds.move(tx, row, event, next_s=next_s, code=code)


def claim_orders(tx: Tx, *, limit: int) -> list[Order]:
    """Refunds that are to be ordered: agreed to, or of an answer that was lost and can safely be given again."""
    rows = tx.rows(_SQL["claim"], {"limit": limit, "lease_s": LEASE_S, "most": MOST_ORDERS})
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
    for row in tx.rows(_SQL["unclear_refunds"], {"limit": limit, "most": MOST_ORDERS}):
        if row["asked"] >= len(_ASK_AFTER_S) or row["originator_conversation_id"] is None:
            tx.execute(_SQL["ask_no_more"], {"refund": row["id"]})
            locked, _ = refunds.lock(tx, row["id"])
            refunds.ask_person(tx, locked, kind="refund", why=_NOT_TOLD)
            continue
        tx.execute(_SQL["ask_refund_again"], {"refund": row["id"], "again_s": _ASK_AFTER_S[row["asked"]] or 60})
        asked.append(_ask(tx, row["account_id"], refund=row["id"], conversation=row["originator_conversation_id"]))
    for row in tx.rows(_SQL["due_claims"], {"limit": limit}):
        asked.append(_ask(tx, row["account_id"], claim=row["id"], number=row["number"]))
    return asked


_NOT_TOLD: Final = (
    "M-Pesa does not tell whether this money went back. Look for it in the M-Pesa statement, and say what you found;"
    " it is not ordered again meanwhile."
)


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


def next_order_s(tx: Tx) -> float | None:
    """Seconds until the next order, question or expiry is due; None if none ever is."""
    return tx.seconds(_SQL["next_due"])


# --- what Daraja answered ------------------------------------------------------------------------------------------


def record(tx: Tx, order: Order, outcome: B2cOutcome) -> None:
    """Commit what Daraja said of an order. Where its result was faster, or the lease ran out, only its ids are kept."""
    row, _ = refunds.lock(tx, order.refund)
    match outcome:
        case Acknowledged():
            tx.execute(
                _SQL["keep_ids"],
                {
                    "id": order.refund,
                    "lease": order.lease,
                    "conversation": outcome.conversation_id,
                    "originator": outcome.originator_conversation_id,
                },
            )
            event, next_s = RefundEvent.ACCEPTED, float(RESULT_WAIT_S)
            code, message = "", ""
        case AlreadyTaken():
            originator = ids.wire(order.refund)
            tx.execute(
                _SQL["keep_ids"],
                {"id": order.refund, "lease": order.lease, "conversation": None, "originator": originator},
            )
            event, next_s = RefundEvent.ACCEPTED, float(RESULT_WAIT_S)
            code, message = outcome.code, outcome.message
        case NotSent():
            event, next_s = RefundEvent.NOT_SENT, outcome.retry_after_s
            code, message = outcome.code, outcome.message
        case Declined():
            event, next_s = RefundEvent.DECLINED, 0.0
            code, message = outcome.code, outcome.message
        case Unknown():
            event, next_s = RefundEvent.ANSWER_LOST, float(RESEND_AFTER_S)
            code, message = outcome.code, outcome.message
        case never:
            assert_never(never)
    state = RefundState(row["state"])
    if row["lease"] != order.lease or state not in {RefundState.SENDING, RefundState.RESENDING}:
        return  # its result was faster, or this worker was too slow to speak for it
    if event in {RefundEvent.DECLINED, RefundEvent.NOT_SENT}:
        tx.execute(_SQL["not_ordered"], {"id": order.refund})
        if state is RefundState.RESENDING:  # this one was not taken; one before may have been
            next_s = float(RESEND_AFTER_S)
    if event is RefundEvent.DECLINED and state is RefundState.SENDING:
        refunds.fail(tx, row, code=code, message=message)
    else:
        refunds.move(tx, row, event, next_s=next_s, code=code, message=message)


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


# --- what M-Pesa says came of it -----------------------------------------------------------------------------------


TakeStatus: TypeAlias = Callable[[Tx, dict[str, Any], StatusResult], str]
"""Told of the status of a claimed payment; returns a word for what was made of it."""


def take_in(tx: Tx, items: Sequence[OrderItem], *, of_claim: TakeStatus) -> list[str]:
    """Results and time-outs, in their order; a word for each."""
    return [_take(tx, item, of_claim) for item in items]


def _take(tx: Tx, item: OrderItem, of_claim: TakeStatus) -> str:
    result = item.told if isinstance(item.told, AsyncResult) else item.told.result
    inquiry = tx.row(_SQL["inquiry"], {"id": item.order})
    if inquiry is not None:
        return _answer(tx, inquiry, result, item, of_claim)
    try:
        row, standing = refunds.lock(tx, item.order)
    except refunds.NoSuchRefund:
        return "unknown-order"
    word = _refund_result(tx, row, standing, result, item)
    _evidence(tx, item, word, result, refund=row["id"])
    return word


def _refund_result(
    tx: Tx, row: dict[str, Any], standing: refunds.Standing, result: AsyncResult | None, item: OrderItem
) -> str:
    if not _of_this_order(row, item.told):
        refunds.ask_person(tx, row, kind="contradiction", why="A result names another order than this refund's.")
        return "other-order"
    if not item.trusted:  # nobody that may speak for Safaricom: ask Safaricom
        tx.execute(_SQL["ask_now"], {"refund": row["id"]})
        tx.wake_workers()
        return "ask"
    if result is None:
        refunds.move(tx, row, RefundEvent.SILENT, next_s=0, code="timed-out")
        tx.wake_workers()
        return "timed-out"
    match RefundMethod(row["method"]):
        case RefundMethod.REVERSAL:
            return _reversed(tx, row, standing, result)
        case RefundMethod.B2C:
            return _paid_out(tx, row, standing, result)
        case never:
            assert_never(never)


def _of_this_order(row: dict[str, Any], told: AsyncResult | QueueTimeout) -> bool:
    """Whether the ids fit, as far as both sides know them. Several orders of one refund may have ids of their own."""
    if row["method"] == RefundMethod.B2C:
        theirs = told.originator_conversation_id
        return theirs is None or theirs == ids.wire(row["id"])
    known = {row["conversation_id"], row["originator_conversation_id"]} - {None}
    theirs_too = {told.conversation_id, told.originator_conversation_id} - {None}
    return row["orders"] > 1 or not known or not theirs_too or bool(known & theirs_too)


def _reversed(tx: Tx, row: dict[str, Any], standing: refunds.Standing, result: AsyncResult) -> str:
    told = reversal_result(result)
    if told.original_receipt not in {None, standing.row["number"]} or told.amount not in {
        None,
        Money(row["amount_cents"]),
    }:
        return _does_not_fit(tx, row)
    match told.verdict:
        case ReversalVerdict.REVERSED:
            return _went(tx, row, standing, told.receipt_number)
        case ReversalVerdict.ALREADY_REVERSED:
            # Ours, where an earlier order of this refund may have been processed: nobody else knows of it.
            if row["orders"] > 1:
                return _went(tx, row, standing, None)
            refunds.move(tx, row, RefundEvent.SILENT, code=result.result_code)
            refunds.ask_person(
                tx,
                row,
                kind="refund",
                why="M-Pesa says that this payment was reversed before, and not by an order from here. Find out in the"
                " M-Pesa portal who did it, and say what became of the money.",
            )
            return "reversed-before"
        case ReversalVerdict.NOT_REVERSED_FINAL | ReversalVerdict.NOT_REVERSED_RETRY | ReversalVerdict.CONFIG:
            return _did_not_go(tx, row, result, certain=row["orders"] == 1)
        case ReversalVerdict.UNKNOWN:
            return _unclear(tx, row, result)
        case never:
            assert_never(never)


def _paid_out(tx: Tx, row: dict[str, Any], standing: refunds.Standing, result: AsyncResult) -> str:
    told = b2c_result(result)
    if told.amount not in {None, Money(row["amount_cents"])}:
        return _does_not_fit(tx, row)
    match told.verdict:
        case B2cVerdict.PAID:
            return _went(tx, row, standing, told.receipt_number)
        case B2cVerdict.NOT_PAID_FINAL | B2cVerdict.NOT_PAID_RETRY | B2cVerdict.CONFIG:
            return _did_not_go(tx, row, result, certain=True)  # every order of this refund has the one id
        case B2cVerdict.ALREADY_TAKEN | B2cVerdict.UNKNOWN:
            return _unclear(tx, row, result)
        case never:
            assert_never(never)


def _went(tx: Tx, row: dict[str, Any], standing: refunds.Standing, number: str | None) -> str:
    state = RefundState(row["state"])
    if state is RefundState.FAILED and row["fee_id"] is None and standing.row["free_cents"] < row["amount_cents"]:
        # It was free again, and pays something else now: that cannot be undone here.
        refunds.ask_person(
            tx,
            row,
            kind="contradiction",
            why="M-Pesa gave this money back after it had said that it did not, and it was used meanwhile.",
        )
        return "contradicts"
    if state is RefundState.DONE and number is not None and row["number"] not in {None, number}:
        refunds.ask_person(
            tx, row, kind="contradiction", why="Two results say that this money went back, under two numbers."
        )
        return "contradicts"
    if number is not None and tx.row(_SQL["number_taken"], {"number": number, "id": row["id"]}) is not None:
        refunds.ask_person(tx, row, kind="contradiction", why="A result gives the number of another refund.")
        return "number-taken"
    return "refunded" if refunds.succeed(tx, row, standing, number=number) else "known"


def _did_not_go(tx: Tx, row: dict[str, Any], result: AsyncResult, *, certain: bool) -> str:
    if RefundState(row["state"]) is RefundState.DONE:
        refunds.ask_person(tx, row, kind="contradiction", why="It is done, and a later result says that it is not.")
        return "contradicts"
    if not certain:  # another order of it may have gone through
        return _unclear(tx, row, result)
    code = result.result_code
    went = refunds.fail(tx, row, code=code, message=result.result_desc)
    return "not-refunded" if went else "known"


def _unclear(tx: Tx, row: dict[str, Any], result: AsyncResult) -> str:
    refunds.move(tx, row, RefundEvent.SILENT, next_s=RESEND_AFTER_S, code=result.result_code)
    return "no-news"


def _does_not_fit(tx: Tx, row: dict[str, Any]) -> str:
    refunds.ask_person(
        tx, row, kind="contradiction", why="A result speaks of another receipt or amount than this refund's."
    )
    return "amount-differs"


def _answer(tx: Tx, inquiry: dict[str, Any], result: AsyncResult | None, item: OrderItem, of_claim: TakeStatus) -> str:
    known = {inquiry["conversation_id"], inquiry["originator_conversation_id"]} - {None}
    theirs = {item.told.conversation_id, item.told.originator_conversation_id} - {None}
    fits = not known or not theirs or bool(known & theirs)
    if not item.trusted or not fits or result is None:
        word = "ask" if fits and not item.trusted else "other-order" if not fits else "timed-out"
        _evidence(tx, item, word, result, refund=inquiry["refund_id"], claim=inquiry["claim_id"])
        return word  # asked again on the schedule
    tx.execute(_SQL["answered"], {"id": inquiry["id"], "code": result.result_code})
    told = status_result(result)
    if inquiry["claim_id"] is not None:
        word = of_claim(tx, inquiry, told)
        _evidence(tx, item, word, result, claim=inquiry["claim_id"])
        return word
    row, standing = refunds.lock(tx, inquiry["refund_id"])
    word = _status_of_refund(tx, row, standing, told)
    _evidence(tx, item, word, result, refund=row["id"])
    return word


def _status_of_refund(tx: Tx, row: dict[str, Any], standing: refunds.Standing, told: StatusResult) -> str:
    match told.verdict:
        case StatusVerdict.COMPLETED:
            if told.amount not in {None, Money(row["amount_cents"])} or told.receipt_number == standing.row["number"]:
                return _does_not_fit(tx, row)
            return _went(tx, row, standing, told.receipt_number)
        case StatusVerdict.FAILED:
            return _did_not_go(tx, row, told.answer, certain=row["orders"] == 1 or row["method"] == RefundMethod.B2C)
        case StatusVerdict.PENDING | StatusVerdict.UNKNOWN:
            return "no-news"
        case never:
            assert_never(never)


def _evidence(
    tx: Tx,
    item: OrderItem,
    word: str,
    result: AsyncResult | None,
    *,
    refund: uuid.UUID | None = None,
    claim: uuid.UUID | None = None,
) -> None:
    channel = "status" if claim is not None else "result" if result is not None else "timeout"
    tx.execute(
        _SQL["insert_evidence"],
        {
            "channel": channel,
            "refund": refund,
            "claim": claim,
            "inbox": item.inbox,
            "verdict": word,
            "code": result.result_code if result else "",
            "desc": result.result_desc if result else "",
            "number": (result.transaction_id or "") if result else "",
        },
    )


# --- the worker ----------------------------------------------------------------------------------------------------


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
        await self._aside.run(lambda: unit(tidy, step=Step.ORDER_TIDY))
        if self._addresses is None:
            return None  # nobody would tell what became of an order: none is given
        orders = await self._aside.run(
            lambda: unit(lambda tx: claim_orders(tx, limit=self._at_once), step=Step.ORDER_CLAIM)
        )
        inquiries = await self._aside.run(
            lambda: unit(lambda tx: claim_inquiries(tx, limit=self._at_once), step=Step.INQUIRY_CLAIM)
        )
        await asyncio.gather(*map(self._order, orders), *map(self._inquire, inquiries))
        return None

    async def _order(self, order: Order) -> None:
        try:
            outcome = await self._send(order)
            await self._aside.run(lambda: unit(lambda tx: record(tx, order, outcome), step=Step.ORDER_RECORD))
            _log.info("refund.ordered", refund=order.refund.hex, outcome=type(outcome).__name__)
        except Exception:  # noqa: BLE001 - its lease runs out, and it is asked about; the others must not wait
            _log.exception("refund.failed", refund=order.refund.hex)

    async def _send(self, order: Order) -> B2cOutcome:
        assert self._addresses is not None
        nothing = Exchange(None, b"", clock.now(), 0.0)
        try:
            account = await self._accounts.get(order.account)
            where = self._addresses(order.refund)
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
