"""The faults that wait: a list that is used up in its order, each kind by what it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rufaa.simulator.effects import callback_plan, notice_plan, order_plan, query_plan
from rufaa.simulator.faults import KINDS, Fault, FaultKind, Operation, Slot
from rufaa.simulator.plans import CallbackPlan, NoticePlan, OrderPlan, QueryPlan


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    switch: str | None = None
    began_at: datetime | None = None
    used: int = 0


class Script:
    """The faults that wait. ``used`` is told of each one taken."""

    def __init__(self, used: Callable[[Fault], None]) -> None:
        self._waiting: list[_Waiting] = []
        self._used = used

    @property
    def waiting(self) -> tuple[Fault, ...]:
        return tuple(each.fault for each in self._waiting)

    def by_switch(self, switch: str | None) -> tuple[Fault, ...]:
        """Those that wait since ``switch`` was switched on; None: those that no switch has put there."""
        return tuple(each.fault for each in self._waiting if each.switch == switch)

    def add(self, fault: Fault, *, switch: str | None = None) -> None:
        self._waiting.append(_Waiting(fault, switch))

    def remove(self, switch: str) -> None:
        """Forget what ``switch`` has put there."""
        self._waiting = [each for each in self._waiting if each.switch != switch]

    def clear(self) -> None:
        self._waiting.clear()

    def take_answer(self, operation: Operation, *, before_effect: bool) -> Fault | None:
        """The next answer fault for ``operation``, if it is one that acts at this moment."""
        for waiting in self._waiting:
            fault = waiting.fault
            if KINDS[fault.kind].slot is Slot.ANSWER and fault.on is operation:
                return self._take(waiting) if fault.before_effect is before_effect else None
        return None

    def take_callback_plan(self, *, now: datetime) -> CallbackPlan | None:
        for waiting in self._waiting:
            if KINDS[waiting.fault.kind].slot is Slot.CALLBACK:
                began_at, place = waiting.began_at or now, waiting.used
                return callback_plan(self._take(waiting, at=now), CallbackPlan(), began_at=began_at, place=place)
        return None

    def take_query_plan(self) -> QueryPlan | None:
        for waiting in self._waiting:
            if KINDS[waiting.fault.kind].slot is Slot.QUERY:
                return query_plan(self._take(waiting))
        return None

    def take_notice_plan(self, *, now: datetime) -> NoticePlan | None:
        """For the confirmation of a payment that is made now."""
        for waiting in self._waiting:
            kind = waiting.fault.kind
            if KINDS[kind].slot is Slot.NOTICE and kind is not FaultKind.CONFIRMATION_FORGED:
                began_at, place = waiting.began_at or now, waiting.used
                return notice_plan(self._take(waiting, at=now), NoticePlan(), began_at=began_at, place=place)
        return None

    def take_forged_notice(self) -> Fault | None:
        for waiting in self._waiting:
            if waiting.fault.kind is FaultKind.CONFIRMATION_FORGED:
                return self._take(waiting)
        return None

    def take_order_plan(self, operation: Operation) -> OrderPlan | None:
        for waiting in self._waiting:
            if KINDS[waiting.fault.kind].slot is Slot.ORDER and waiting.fault.on in (None, operation):
                return order_plan(self._take(waiting), OrderPlan())
        return None

    def take_pull_fault(self) -> Fault | None:
        for waiting in self._waiting:
            if KINDS[waiting.fault.kind].slot is Slot.PULL:
                return self._take(waiting)
        return None

    def _take(self, waiting: _Waiting, *, at: datetime | None = None) -> Fault:
        fault = waiting.fault
        waiting.began_at = waiting.began_at or at
        waiting.used += 1
        if fault.count == 1:
            self._waiting.remove(waiting)
        else:
            waiting.fault = fault.with_count(fault.count - 1)
        self._used(fault)
        return fault
