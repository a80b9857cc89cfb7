"""Scripted misbehaviour: a list of faults, used up in order.

A fault is about the *answer* of a request or about the *callback* of a prompt. An accepted push uses at most one of
each, the first that waits. To add a fault: a kind here, its slot in ``CALLBACK_KINDS`` or not, and its effect in
``edge.py`` (answers) or ``plan`` below (callbacks).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from rufaa.errors import InvalidArgument
from rufaa.simulator.state import CallbackPlan


class FaultKind(StrEnum):
    CALLBACK_LOST = "callback-lost"  # never sent
    CALLBACK_DELAYED = "callback-delayed"  # ``delay_s`` later than usual
    CALLBACK_DUPLICATED = "callback-duplicated"  # ``copies`` of it, one straight after the other
    CALLBACK_FIRST = "callback-first"  # the push is answered only when its callback has been delivered
    ANSWER_LOST = "answer-lost"  # accepted, then the connection is cut
    ANSWER_DELAYED = "answer-delayed"  # accepted, answered ``delay_s`` later
    ANSWER_REPLACED = "answer-replaced"  # ``status`` and ``body`` instead; ``accepted`` says whether it took effect


class Operation(StrEnum):
    """Whose answers an answer fault is about."""

    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    PUSH = "push"
    QUERY = "query"


CALLBACK_KINDS: Final = frozenset({FaultKind.CALLBACK_LOST, FaultKind.CALLBACK_DELAYED, FaultKind.CALLBACK_DUPLICATED})


class InvalidFault(InvalidArgument):
    """The fault makes no sense."""

    code = "invalid-fault"


@dataclass(frozen=True, slots=True)
class Fault:
    """``count`` times. The other fields matter to the kinds that name them."""

    kind: FaultKind
    count: int = 1
    on: Operation = Operation.PUSH
    delay_s: float = 0.0
    copies: int = 2
    status: int = 503
    body: str = "<html><body><h1>503 Service Unavailable</h1></body></html>"
    content_type: str = "text/html;charset=UTF-8"
    accepted: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or self.copies < 1:
            raise InvalidFault("count and copies start at 1.", argument="count")
        if not (math.isfinite(self.delay_s) and 0 <= self.delay_s <= 10**7):
            raise InvalidFault("delay_s is a number of seconds from 0 to 10,000,000.", argument="delay_s")
        if not 200 <= self.status <= 599:
            raise InvalidFault("status is an HTTP status from 200 to 599.", argument="status")
        if any(ord(letter) < 32 for letter in self.content_type):
            raise InvalidFault("content_type is one line.", argument="content_type")
        if self.on is not Operation.PUSH and (self.kind in CALLBACK_KINDS or self.kind is FaultKind.CALLBACK_FIRST):
            raise InvalidFault("Only a push has callbacks.", argument="on")

    @property
    def before_effect(self) -> bool:
        """Whether it answers in place of Daraja, which then never sees the request."""
        return self.kind is FaultKind.ANSWER_REPLACED and not self.accepted


class Script:
    """The faults that wait. ``used`` is told of each one taken."""

    def __init__(self, used: Callable[[Fault], None]) -> None:
        self._waiting: list[Fault] = []
        self._used = used

    @property
    def waiting(self) -> tuple[Fault, ...]:
        return tuple(self._waiting)

    def add(self, fault: Fault) -> None:
        self._waiting.append(fault)

    def clear(self) -> None:
        self._waiting.clear()

    def take_answer(self, operation: Operation, *, before_effect: bool) -> Fault | None:
        """The next answer fault for ``operation``, if it is one that acts at this moment."""
        return self._take(
            lambda fault: fault.kind not in CALLBACK_KINDS and fault.on is operation,
            lambda fault: fault.before_effect is before_effect,
        )

    def take_callback_plan(self) -> CallbackPlan:
        fault = self._take(lambda fault: fault.kind in CALLBACK_KINDS, lambda _: True)
        return CallbackPlan() if fault is None else plan(fault)

    def _take(self, slot: Callable[[Fault], bool], now: Callable[[Fault], bool]) -> Fault | None:
        for place, fault in enumerate(self._waiting):
            if slot(fault):
                if not now(fault):
                    return None
                if fault.count == 1:
                    del self._waiting[place]
                else:
                    self._waiting[place] = replace(fault, count=fault.count - 1)
                self._used(fault)
                return fault
        return None


def plan(fault: Fault) -> CallbackPlan:
    """What a callback fault does to the callbacks of one prompt."""
    match fault.kind:
        case FaultKind.CALLBACK_LOST:
            return CallbackPlan(lost=True)
        case FaultKind.CALLBACK_DELAYED:
            return CallbackPlan(delay_s=fault.delay_s)
        case FaultKind.CALLBACK_DUPLICATED:
            return CallbackPlan(copies=fault.copies)
        case _:
            raise ValueError(f"{fault.kind} is not about callbacks")
