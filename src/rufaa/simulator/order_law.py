"""What an order comes to, by the books alone (daraja.md §7, §8, §10). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from rufaa.money import Money
from rufaa.simulator import codes
from rufaa.simulator.books import Books
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.orders import Order, OrderKind
from rufaa.simulator.state import Prompt

LEAST_PAYOUT: Final = Money.from_shillings(10)  # daraja.md §10


@dataclass(frozen=True, slots=True)
class Moves:
    """Money goes from the till to the wallet; its receipt number, and the balances, are not known yet."""

    movement: Movement


@dataclass(frozen=True, slots=True)
class Tells:
    """A status: what was asked about, in Safaricom's word for how it stands. One of the three is given."""

    status: str
    movement: Movement | None = None
    order: Order | None = None
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Fails:
    code: str


Comes = Moves | Tells | Fails


def decide(order: Order, books: Books, *, push_ids: bool) -> Comes:
    """What becomes of ``order`` now. ``push_ids``: whether a status may be asked by a push's MerchantRequestID."""
    code = order.refused_code or order.plan.fails_with
    if code is not None:
        return Fails(code)
    match order.kind:
        case OrderKind.STATUS:
            return _status(order, books, push_ids=push_ids)
        case OrderKind.REVERSAL:
            return _reversal(order, books)
        case OrderKind.B2C:
            return _payout(order, books)
        case _:
            assert_never(order.kind)


def _reversal(order: Order, books: Books) -> Comes:
    """Of the whole payment, once. That a part can be reversed only one source says, so another amount fails."""
    payment = books.movements.get(order.receipt or "")
    if payment is None or not payment.is_payment or payment.short_code != order.short_code:
        return Fails(codes.NO_SUCH_PAYMENT)
    if payment.receipt in books.undone:
        return Fails(codes.REVERSED_ALREADY)
    if order.amount != payment.amount:
        return Fails(codes.RULE_LIMITED)  # which code comes is not known
    return _from_till(order, books, way=Way.REVERSAL, to=payment, amount=payment.amount)


def _payout(order: Order, books: Books) -> Comes:
    if order.amount is None or order.amount < LEAST_PAYOUT:
        return Fails(codes.TOO_LITTLE)
    return _from_till(order, books, way=Way.PAYOUT, to=None, amount=order.amount)


def _from_till(order: Order, books: Books, *, way: Way, to: Movement | None, amount: Money) -> Comes:
    """``to``: the payment that goes back; None: to the phone that the order names."""
    if books.till(order.short_code) < amount:
        return Fails(codes.BALANCE_LOW)
    phone = order.phone if to is None else to.phone
    assert phone is not None
    return Moves(
        Movement(
            receipt="",
            way=way,
            short_code=order.short_code,
            phone=phone,
            amount=amount,
            at=order.taken_at,
            reference="" if to is None else to.reference,
            originator_id=order.originator_id,
            conversation_id=order.conversation_id,
            undoes=None if to is None else to.receipt,
        )
    )


def _status(order: Order, books: Books, *, push_ids: bool) -> Comes:
    if order.receipt is not None:
        movement = books.movements.get(order.receipt)
        if movement is None or movement.short_code != order.short_code:
            return Fails(codes.NO_SUCH_RECEIPT)
        return Tells("Completed", movement=movement)
    asked = order.about_id or ""
    about = books.orders.get(asked) or books.orders.get(books.by_originator.get(asked, ""))
    if about is not None and about.short_code == order.short_code:
        return _of_order(about, books)
    prompt = _prompt(asked, order, books) if push_ids else None
    return Fails(codes.NO_SUCH_RECEIPT) if prompt is None else _of_prompt(prompt, books)


def _of_order(about: Order, books: Books) -> Tells:
    movement = books.movements.get(about.transaction_id or "")
    if movement is not None:
        return Tells("Completed", movement=movement)
    if not about.over:
        return Tells("Initiated", order=about)
    return Tells("Completed" if about.result_code == codes.PAID else "Declined", order=about)


def _of_prompt(prompt: Prompt, books: Books) -> Tells:
    movement = books.movements.get(prompt.receipt or "")
    if movement is not None:
        return Tells("Completed", movement=movement)
    if not prompt.over:
        return Tells("Initiated", prompt=prompt)
    ends = {codes.CANCELLED: "Cancelled", codes.NOT_REACHED: "Expired", codes.EXPIRED: "Expired"}
    return Tells(ends.get(prompt.result_code or "", "Declined"), prompt=prompt)


def _prompt(merchant_request_id: str, order: Order, books: Books) -> Prompt | None:
    found = (each for each in books.prompts.values() if each.merchant_request_id == merchant_request_id)
    return next((each for each in found if each.short_code == order.short_code), None)
