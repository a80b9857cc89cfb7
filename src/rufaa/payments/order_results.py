"""What M-Pesa says came of an order: results, time-outs and answers to questions, each into one word and its move.

A result is believed where it comes from an address that may speak for Safaricom, names this order, and speaks of its
receipt and amount. That something did not go is believed where no other order of the refund can have gone through.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, assert_never

from rufaa import ids
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
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments import refund_guards, refunds, strays
from rufaa.payments.inbound import OrderItem
from rufaa.payments.orders import RESEND_AFTER_S
from rufaa.payments.refund_machine import RefundEvent, RefundMethod, RefundState
from rufaa.payments.refund_refusals import NoSuchRefund

_SQL: Final = sql.load(__file__, "order_results.sql")


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
    except NoSuchRefund:
        if item.trusted and result is not None and result.result_code == "0" and not _is_status(result):
            strays.hand_over_order(tx, item.order, inbox=item.inbox)
        return "unknown-order"
    word = _refund_result(tx, row, standing, result, item)
    _evidence(tx, item, word, result, refund=row["id"])
    return word


def _is_status(result: AsyncResult) -> bool:
    """It answers a question, and is no order that was carried out."""
    return "TransactionStatus" in result.parameters


def _refund_result(
    tx: Tx, row: dict[str, Any], standing: refunds.Standing, result: AsyncResult | None, item: OrderItem
) -> str:
    if not item.trusted:  # nobody that may speak for Safaricom: ask Safaricom
        tx.execute(_SQL["ask_now"], {"refund": row["id"]})
        tx.wake_workers()
        return "ask"
    if not _of_this_order(row, item.told):
        refunds.ask_person(tx, row, kind="contradiction", why="A result names another order than this refund's.")
        return "other-order"
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
            if row["orders"] > 1 or RefundState(row["state"]) is RefundState.DONE:
                return _went(tx, row, standing, None)
            refunds.move(tx, row, RefundEvent.SILENT, code=result.result_code)
            refunds.ask_no_more(tx, row, why=_REVERSED_BEFORE)  # nor is it ordered again, which would look like ours
            return "reversed-before"
        case ReversalVerdict.NOT_REVERSED_FINAL | ReversalVerdict.NOT_REVERSED_RETRY | ReversalVerdict.CONFIG:
            return _did_not_go(tx, row, result, certain=row["orders"] == 1)
        case ReversalVerdict.UNKNOWN:
            return _unclear(tx, row, result)
        case never:
            assert_never(never)


_REVERSED_BEFORE: Final = (
    "M-Pesa says that this payment was reversed before, and not by an order from here. Find out in the M-Pesa portal"
    " who did it, and say what became of the money."
)


def _paid_out(tx: Tx, row: dict[str, Any], standing: refunds.Standing, result: AsyncResult) -> str:
    told = b2c_result(result)
    if told.amount not in {None, Money(row["amount_cents"])}:
        return _does_not_fit(tx, row)
    match told.verdict:
        case B2cVerdict.PAID:
            return _went(tx, row, standing, told.receipt_number)
        case B2cVerdict.NOT_PAID_FINAL | B2cVerdict.NOT_PAID_RETRY | B2cVerdict.CONFIG:
            # Of several orders under the one id it may speak of the last, and an earlier one have been carried out.
            return _did_not_go(tx, row, result, certain=row["orders"] == 1)
        case B2cVerdict.ALREADY_TAKEN | B2cVerdict.UNKNOWN:
            return _unclear(tx, row, result)
        case never:
            assert_never(never)


def _went(tx: Tx, row: dict[str, Any], standing: refunds.Standing, number: str | None) -> str:
    state = RefundState(row["state"])
    if row["approved_by"] is None:
        refunds.ask_person(tx, row, kind="contradiction", why="A result says that this went, and nobody agreed to it.")
        return "contradicts"
    standing = refunds.make_room(tx, row, standing)
    if refunds.is_spent(tx, row, standing):
        # It was free again, and pays something else or went back otherwise: that cannot be undone here.
        refunds.ask_person(
            tx,
            row,
            kind="contradiction",
            why="M-Pesa gave this money back after it had said that it did not, and it was used meanwhile.",
        )
        refunds.is_told(tx, row)
        return "contradicts"
    if state is RefundState.DONE:
        return _went_again(tx, row, number)
    if number is not None and refund_guards.is_taken(tx, row, number):
        return _number_taken(tx, row)
    return "refunded" if refunds.succeed(tx, row, standing, number=number) else "known"


def _went_again(tx: Tx, row: dict[str, Any], number: str | None) -> str:
    """It is done, and M-Pesa says so once more: of the same payment, unless the number tells otherwise."""
    if number is None or row["number"] == number:
        return "known"
    if refund_guards.is_taken(tx, row, number):
        return _number_taken(tx, row)
    if row["number"] is not None:
        refunds.ask_person(
            tx, row, kind="contradiction", why="Two results say that this money went back, under two numbers."
        )
        return "contradicts"
    tx.execute(_SQL["numbered"], {"id": row["id"], "number": number})
    if not row["reason"]:
        return "known"
    refunds.ask_person(tx, row, kind="contradiction", why=_SAID_BEFORE.format(number=number))
    return "contradicts"


_SAID_BEFORE: Final = (
    "A person said that this money went back and gave no number, and M-Pesa tells now that it went as {number}. Look in"
    " the M-Pesa statement whether these are two payments."
)


def _number_taken(tx: Tx, row: dict[str, Any]) -> str:
    refunds.ask_person(tx, row, kind="contradiction", why="A result gives the number of another refund.")
    return "number-taken"


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
            return _did_not_go(tx, row, told.answer, certain=row["orders"] == 1)
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
