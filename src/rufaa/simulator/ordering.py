"""Orders in the engine: taken, processed when it is their turn, and told of (daraja.md §7, §8, §10, §12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import codes, events, order_law, results
from rufaa.simulator.chaos import Drawn
from rufaa.simulator.core import Core
from rufaa.simulator.effects import order_plan
from rufaa.simulator.faults import Operation
from rufaa.simulator.movements import Movement, Way
from rufaa.simulator.notices import Notice, Tells
from rufaa.simulator.order_checks import Ordered
from rufaa.simulator.order_law import Fails, Moves
from rufaa.simulator.orders import Order, OrderKind
from rufaa.simulator.plans import AS_ORDERED, ForgedResult, OrderPlan
from rufaa.simulator.postman import Postman
from rufaa.simulator.results import StatusForm, Told

_SOMEBODY: Final = Phone("254708374149")  # of whom a forger has heard

OPERATIONS: Final = {
    OrderKind.STATUS: Operation.STATUS,
    OrderKind.REVERSAL: Operation.REVERSAL,
    OrderKind.B2C: Operation.B2C,
}


class Orders:
    def __init__(self, core: Core, postman: Postman) -> None:
        self._core = core
        self._postman = postman

    def take(self, ordered: Ordered, *, refused_code: str | None, drawn: Drawn) -> Order:
        """Acknowledge it. A reversal carries no id of the merchant's: each call is one more order."""
        core = self._core
        now = core.clock.now()
        order = Order(
            conversation_id=core.chance.conversation_id(at=now),
            originator_id=ordered.originator_id or core.chance.merchant_request_id(),
            kind=ordered.kind,
            short_code=ordered.merchant.short_code,
            result_url=ordered.result_url,
            timeout_url=ordered.timeout_url,
            taken_at=now,
            receipt=ordered.receipt,
            about_id=ordered.about_id,
            amount=ordered.amount,
            phone=ordered.phone,
            occasion=ordered.occasion,
            refused_code=refused_code or ordered.refused_code,
            plan=core.faults.take_order_plan(OPERATIONS[ordered.kind]) or self._drawn_plan(drawn),
        )
        place = len(core.books.notices)
        core.record(events.OrderTaken(order, tuple(self._early_notices(order))))
        self._postman.expect(since=place)
        self._await(order)
        return order

    def resume(self) -> None:
        """After a restart: what waited is processed when it is due."""
        for order in list(self._core.books.orders.values()):
            if not order.over:
                self._await(order)

    def _drawn_plan(self, drawn: Drawn) -> OrderPlan:
        plan = AS_ORDERED
        for fault in drawn.results:
            plan = order_plan(fault, plan)
            self._core.fault_used(fault)
        return plan

    # ------------------------------------------------------------ processing

    def _usual(self, order: Order) -> datetime:
        return order.taken_at + timedelta(seconds=self._core.settings.result_after_s)

    def _await(self, order: Order) -> None:
        later = order.plan.queue_timeout
        due = self._usual(order) + timedelta(seconds=0.0 if later is None else later.later_s)

        async def act() -> None:
            self._process(order.conversation_id)

        self._core.at(due, act)

    def _process(self, conversation_id: str) -> None:
        core = self._core
        order = core.books.orders[conversation_id]
        now = core.clock.now()
        comes = order_law.decide(order, core.books, push_ids=core.settings.status_by_push_ids)
        receipt = core.new_receipt()
        movement = None
        match comes:
            case Fails():
                number = results.failed_number(receipt)
                body = results.failed(self._told(order, number), comes)
            case Moves():
                number = receipt
                movement = replace(comes.movement, receipt=receipt, at=now)
                body = results.moved(self._told(order, number), self._afterwards(movement))
            case _:
                number = results.failed_number(receipt)
                form = core.chance.one_of(list(StatusForm))
                body = results.status(self._told(order, number), comes, form=form)
        ended = events.OrderEnded(
            conversation_id,
            result_code=comes.code if isinstance(comes, Fails) else codes.PAID,
            transaction_id=number,
            moved=movement,
            ended_at=now,
            notices=self._results(order, body),
        )
        place = len(core.books.notices)
        core.record(ended)
        self._postman.expect(since=place)

    def _afterwards(self, movement: Movement) -> Movement:
        """With the till's balance as it will be."""
        left = Money(self._core.books.till(movement.short_code).cents + movement.into_till.cents)
        return replace(movement, till_after=left)

    def _told(self, order: Order, number: str) -> Told:
        merchant = self._core.settings.merchant(order.short_code)
        name = order.short_code if merchant is None else merchant.name
        return Told(order, f"{order.short_code} - {name}", number, self._core.clock.now())

    # ------------------------------------------------------------ telling

    def _results(self, order: Order, body: str) -> tuple[Notice, ...]:
        plan = order.plan
        silent = plan.queue_timeout is not None and plan.queue_timeout.silent
        if plan.lost or silent:
            return ()
        due = self._core.clock.now() + timedelta(seconds=plan.delay_s)
        return tuple(
            self._notice(order, Tells.RESULT, body, due=due + timedelta(seconds=copy * plan.spacing_s))
            for copy in range(plan.copies)
        )

    def _early_notices(self, order: Order) -> list[Notice]:
        """What is posted before it is processed: by the queue, and by others."""
        planned = []
        if order.plan.queue_timeout is not None:
            body = results.timed_out(self._told(order, ""))
            planned.append(self._notice(order, Tells.QUEUE_TIMEOUT, body, due=self._usual(order)))
        if order.plan.forged is not None:
            due = order.taken_at + timedelta(seconds=order.plan.forged.after_s)
            body = self._forged(order, order.plan.forged)
            planned.append(self._notice(order, Tells.FORGED_RESULT, body, due=due))
        return planned

    def _forged(self, order: Order, forged: ForgedResult) -> str:
        """A failure with a code, or a success with a number that does not exist."""
        told = self._told(order, self._core.new_receipt())
        if forged.code is not None:
            return results.failed(told, Fails(forged.code))
        about = self._core.books.movements.get(order.receipt or "")
        invented = Movement(
            receipt=told.transaction_id if order.receipt is None else order.receipt,
            way={OrderKind.STATUS: Way.STK, OrderKind.REVERSAL: Way.REVERSAL, OrderKind.B2C: Way.PAYOUT}[order.kind],
            short_code=order.short_code,
            phone=order.phone or (_SOMEBODY if about is None else about.phone),
            amount=order.amount or (Money(100_000) if about is None else about.amount),
            at=order.taken_at,
            undoes=order.receipt,
        )
        if order.kind is OrderKind.STATUS:
            return results.status(told, order_law.Tells("Completed", movement=invented), form=StatusForm.PLAIN)
        return results.moved(told, replace(invented, receipt=told.transaction_id))

    def _notice(self, order: Order, tells: Tells, body: str, *, due: datetime) -> Notice:
        return Notice(
            due=due,
            tells=tells,
            about=order.conversation_id,
            short_code=order.short_code,
            url=order.timeout_url if tells is Tells.QUEUE_TIMEOUT else order.result_url,
            body=body,
        )
