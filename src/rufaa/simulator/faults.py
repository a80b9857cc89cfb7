"""Scripted misbehaviour: what can go wrong, by name, and the list of faults that wait, used up in order.

A fault is about the *answer* of a request, the *callbacks* of a prompt, or the *queries* about a prompt. A request uses
at most one answer fault, an accepted push at most one callback fault besides, and a prompt that is asked about at most
one query fault: the first that waits. ``maintenance`` alone begins by itself. To add a fault: a kind here with its line
in ``KINDS``, and its effect in ``edge.py`` (answers), ``callback_plan`` or ``query_plan`` below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Final

from rufaa.errors import InvalidArgument
from rufaa.simulator import codes
from rufaa.simulator.plans import (
    CallbackPlan,
    FailureFirst,
    Forged,
    Forgery,
    PhoneForm,
    QueryPlan,
    SecondFailure,
    Tampering,
)
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import FIELDS, SHAPES


class FaultKind(StrEnum):
    CALLBACK_LOST = "callback-lost"
    CALLBACK_DELAYED = "callback-delayed"
    CALLBACK_DUPLICATED = "callback-duplicated"
    CALLBACK_REORDERED = "callback-reordered"
    CALLBACK_TAMPERED = "callback-tampered"
    CALLBACK_MASKED = "callback-masked"
    CALLBACK_FORGED = "callback-forged"
    CALLBACK_FAILURE_FIRST = "callback-failure-first"
    CALLBACK_TWO_FAILURES = "callback-two-failures"
    CALLBACK_FIRST = "callback-first"
    REQUEST_LOST = "request-lost"
    ANSWER_LOST = "answer-lost"
    ANSWER_DELAYED = "answer-delayed"
    ANSWER_TRUNCATED = "answer-truncated"
    ANSWER_TORN = "answer-torn"
    ANSWER_REPLACED = "answer-replaced"
    ANSWER_PRESET = "answer-preset"
    ID_REPEATED = "id-repeated"
    QUERY_FLAPPING = "query-flapping"
    QUERY_WRONG = "query-wrong"
    QUERY_PROCESSING = "query-processing"
    QUERY_TOO_EARLY = "query-too-early"
    TOKEN_KILLED = "token-killed"  # noqa: S105 - a name
    TOKEN_SHORT_LIVED = "token-short-lived"  # noqa: S105
    MAINTENANCE = "maintenance"


class Operation(StrEnum):
    """Whose answers an answer fault is about."""

    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    PUSH = "push"
    QUERY = "query"


class Slot(Enum):
    """What a fault is about."""

    CALLBACK = "callbacks"
    ANSWER = "answer"
    QUERY = "queries"
    NOW = "everything"


@dataclass(frozen=True, slots=True)
class About:
    """One kind: what it does, and the parameters that it has besides ``count``, with what they are if not given."""

    slot: Slot
    line: str
    parameters: Mapping[str, Any]
    on: frozenset[Operation] = frozenset({Operation.PUSH})
    before_effect: bool = False  # it acts before Daraja has seen the request


_ALL: Final = frozenset(Operation)
_HTML_503: Final = PRESETS["html-503"]

KINDS: Final[Mapping[FaultKind, About]] = {
    FaultKind.CALLBACK_LOST: About(Slot.CALLBACK, "Never sent.", {}),
    FaultKind.CALLBACK_DELAYED: About(Slot.CALLBACK, "`delay_s` later than usual.", {"delay_s": 0.0}),
    FaultKind.CALLBACK_DUPLICATED: About(
        Slot.CALLBACK,
        "`copies` of it, the first `delay_s` later than usual, each other `spacing_s` after the one before.",
        {"copies": 2, "spacing_s": 0.0, "delay_s": 0.0},
    ),
    FaultKind.CALLBACK_REORDERED: About(
        Slot.CALLBACK,
        "The callbacks of `count` prompts wait until `delay_s` after the first push, and go out last push first.",
        {"delay_s": 120.0},
    ),
    FaultKind.CALLBACK_TAMPERED: About(
        Slot.CALLBACK,
        "A named `shape`, or `value` in the named `field`.",
        {"shape": None, "field": None, "value": None},
    ),
    FaultKind.CALLBACK_MASKED: About(
        Slot.CALLBACK, "Shows the payer as `phone_form` says.", {"phone_form": PhoneForm.MASKED_END}
    ),
    FaultKind.CALLBACK_FORGED: About(
        Slot.CALLBACK,
        "Somebody who is not Safaricom posts a `forgery`, `delay_s` after the push; no money moves by it. `code` is"
        " that of a forged failure.",
        {"forgery": Forgery.INVENTED_RECEIPT, "delay_s": 0.0, "code": codes.CANCELLED},
    ),
    FaultKind.CALLBACK_FAILURE_FIRST: About(
        Slot.CALLBACK,
        "If it is paid: first a failure with `code`, and `delay_s` later the money moves, and a success comes.",
        {"code": codes.NOT_REACHED, "delay_s": 60.0},
    ),
    FaultKind.CALLBACK_TWO_FAILURES: About(
        Slot.CALLBACK,
        "If it fails: `delay_s` after its callback another failure, with `code`.",
        {"code": codes.EXPIRED, "delay_s": 1.0},
    ),
    FaultKind.CALLBACK_FIRST: About(Slot.ANSWER, "The push is answered only when its callback has been delivered.", {}),
    FaultKind.REQUEST_LOST: About(
        Slot.ANSWER, "The connection is cut, and nothing took effect.", {}, on=_ALL, before_effect=True
    ),
    FaultKind.ANSWER_LOST: About(Slot.ANSWER, "It took effect, and the connection is cut.", {}, on=_ALL),
    FaultKind.ANSWER_DELAYED: About(
        Slot.ANSWER, "It took effect, and is answered `delay_s` later.", {"delay_s": 0.0}, on=_ALL
    ),
    FaultKind.ANSWER_TRUNCATED: About(Slot.ANSWER, "Half of the answer's JSON, as if it were all.", {}, on=_ALL),
    FaultKind.ANSWER_TORN: About(Slot.ANSWER, "Half of the answer, then the connection is cut.", {}, on=_ALL),
    FaultKind.ANSWER_REPLACED: About(
        Slot.ANSWER,
        "`status`, `content_type` and `body` instead; `accepted`: it took effect all the same.",
        {
            "status": _HTML_503.status,
            "body": _HTML_503.body,
            "content_type": _HTML_503.content_type,
            "accepted": False,
        },
        on=_ALL,
    ),
    FaultKind.ANSWER_PRESET: About(
        Slot.ANSWER, "A named answer instead; `accepted` as before.", {"preset": None, "accepted": False}, on=_ALL
    ),
    FaultKind.ID_REPEATED: About(
        Slot.ANSWER,
        "The push is answered with the CheckoutRequestID of an earlier one; `everywhere`: its callback says it too.",
        {"everywhere": False},
    ),
    FaultKind.QUERY_FLAPPING: About(
        Slot.QUERY, "Of the next prompt asked about, every second answer is a bare 500.001.1001.", {}
    ),
    FaultKind.QUERY_WRONG: About(
        Slot.QUERY,
        "The next prompt asked about has failed with `code`, whatever is true, for `times` answers; 0: for ever.",
        {"code": codes.CANCELLED, "times": 1},
    ),
    FaultKind.QUERY_PROCESSING: About(
        Slot.QUERY,
        "The next prompt asked about is under processing, whatever is true, for `times` answers; 0: for ever.",
        {"times": 0},
    ),
    FaultKind.QUERY_TOO_EARLY: About(
        Slot.QUERY,
        "The id of the next prompt asked about is invalid until `delay_s` after its push.",
        {"delay_s": 30.0},
    ),
    FaultKind.TOKEN_KILLED: About(
        Slot.ANSWER,
        "Somebody else asked for a token with the same key: the one in use is dead.",
        {},
        on=frozenset({Operation.PUSH, Operation.QUERY}),
        before_effect=True,
    ),
    FaultKind.TOKEN_SHORT_LIVED: About(
        Slot.ANSWER,
        "The next token dies after `for_s`, whatever it says.",
        {"for_s": 0.0},
        on=frozenset({Operation.TOKEN}),
        before_effect=True,
    ),
    FaultKind.MAINTENANCE: About(
        Slot.NOW,
        "In `delay_s`, and for `for_s`, pushes and queries are answered as under maintenance, and reach nobody.",
        {"delay_s": 0.0, "for_s": 600.0},
    ),
}


class InvalidFault(InvalidArgument):
    """The fault makes no sense."""

    code = "invalid-fault"


_SECONDS: Final = "is a number of seconds from 0 to 10,000,000."


def _seconds(value: object) -> bool:
    return _is_number(value) and math.isfinite(value) and 0 <= value <= 10**7  # type: ignore[arg-type, operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(least: int, most: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _one_of(names: Sequence[str]) -> tuple[Callable[[object], bool], str]:
    return lambda value: isinstance(value, str) and value in names, f"is one of {', '.join(names)}."


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200 and not any(ord(letter) < 32 for letter in value)


def _is_code(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 20 and value.isprintable() and value not in codes.NO_FAILURES


def _is_value(value: object) -> bool:
    return value is None or isinstance(value, str | bool) or (_is_number(value) and math.isfinite(value))  # type: ignore[arg-type]


# What each parameter may be, and how that is said.
PARAMETERS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "delay_s": (_seconds, _SECONDS),
    "spacing_s": (_seconds, _SECONDS),
    "for_s": (_seconds, _SECONDS),
    "copies": (_whole(1, 1000), "is a whole number from 1 to 1,000."),
    "times": (_whole(0, 10**6), "is a whole number from 0 to 1,000,000."),
    "code": (_is_code, f"is a ResultCode that means a failure, as a string: not {', '.join(codes.NO_FAILURES)}."),
    "shape": _one_of(tuple(SHAPES)),
    "field": _one_of(FIELDS),
    "value": (_is_value, "is a string, a number, true, false or null."),
    "phone_form": _one_of(tuple(PhoneForm)),
    "forgery": _one_of(tuple(Forgery)),
    "preset": _one_of(tuple(PRESETS)),
    "status": (_whole(200, 599), "is an HTTP status from 200 to 599."),
    "body": (lambda value: isinstance(value, str), "is text."),
    "content_type": (_is_line, "is one line."),
    "accepted": (_is_bool, "is true or false."),
    "everywhere": (_is_bool, "is true or false."),
}


@dataclass(frozen=True, slots=True, init=False)
class Fault:
    """``count`` times ``kind``. ``parameters`` are those of the kind in ``KINDS``, complete.

    ``Fault(FaultKind.CALLBACK_DELAYED, delay_s=600)``. Raises ``InvalidFault``.
    """

    kind: FaultKind
    count: int
    on: Operation
    parameters: Mapping[str, Any]

    def __init__(
        self, kind: FaultKind, /, *, count: int = 1, on: Operation | None = None, **parameters: object
    ) -> None:
        about = KINDS[kind]
        at = on or (Operation.PUSH if Operation.PUSH in about.on else next(iter(about.on)))
        if not _whole(1, 10**6)(count):
            raise InvalidFault("count is a whole number from 1 to 1,000,000.", argument="count")
        if at not in about.on:
            raise InvalidFault(f"{kind} is about {', '.join(sorted(about.on))}.", argument="on")
        for name, value in parameters.items():
            if name not in about.parameters:
                has = ", ".join(["count", *(["on"] if len(about.on) > 1 else []), *about.parameters])
                raise InvalidFault(f"{kind} has no {name[:40]}: it has {has}.", argument=name)
            may_be, words = PARAMETERS[name]
            if not may_be(value):
                raise InvalidFault(f"{name} {words}", argument=name)
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "on", at)
        object.__setattr__(self, "parameters", {**about.parameters, **parameters})
        self._check_together(frozenset(parameters))

    def __getitem__(self, parameter: str) -> Any:
        return self.parameters[parameter]

    @property
    def before_effect(self) -> bool:
        """Whether it acts before Daraja has seen the request, which then mostly never does."""
        return KINDS[self.kind].before_effect or self.parameters.get("accepted") is False

    def to_data(self) -> dict[str, Any]:
        on = {"on": self.on} if len(KINDS[self.kind].on) > 1 else {}
        return {"kind": self.kind, "count": self.count, **on, **self.parameters}

    def with_count(self, count: int) -> Fault:
        """The same, not checked again: of two to reorder one may be left."""
        made = object.__new__(Fault)
        for name, value in (("kind", self.kind), ("count", count), ("on", self.on), ("parameters", self.parameters)):
            object.__setattr__(made, name, value)
        return made

    def _check_together(self, given: frozenset[str]) -> None:
        match self.kind:
            case FaultKind.CALLBACK_REORDERED if self.count < 2:
                raise InvalidFault("To reorder takes two prompts: give a count of 2 or more.", argument="count")
            case FaultKind.CALLBACK_TAMPERED if given not in ({"shape"}, {"field", "value"}):
                raise InvalidFault("Give either a shape, or a field and its value.", argument="shape")
            case FaultKind.ANSWER_PRESET if "preset" not in given:
                raise InvalidFault(f"preset {PARAMETERS['preset'][1]}", argument="preset")
            case FaultKind.ANSWER_PRESET if self["accepted"] and not PRESETS[self["preset"]].may_ring:
                raise InvalidFault(
                    f"{self['preset']} is a refusal: nothing takes effect that is answered so. Leave accepted out.",
                    argument="accepted",
                )
            case _:
                pass


@dataclass(slots=True)
class _Waiting:
    fault: Fault
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

    def add(self, fault: Fault) -> None:
        self._waiting.append(_Waiting(fault))

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


_REORDERED_SPACING_S: Final = 0.2


def callback_plan(fault: Fault, plan: CallbackPlan, *, began_at: datetime, place: int = 0) -> CallbackPlan:
    """``plan``, and what ``fault`` does besides. ``began_at``, ``place``: of a group that is reordered."""
    match fault.kind:
        case FaultKind.CALLBACK_LOST:
            return replace(plan, lost=True)
        case FaultKind.CALLBACK_DELAYED:
            return replace(plan, delay_s=fault["delay_s"])
        case FaultKind.CALLBACK_DUPLICATED:
            return replace(
                plan,
                copies=fault["copies"],
                spacing_s=fault["spacing_s"],
                delay_s=max(plan.delay_s, fault["delay_s"]),
            )
        case FaultKind.CALLBACK_REORDERED:
            due = began_at + timedelta(seconds=fault["delay_s"] - place * _REORDERED_SPACING_S)
            return replace(plan, not_before=due)
        case FaultKind.CALLBACK_TAMPERED:
            return replace(plan, tampering=Tampering(fault["shape"], fault["field"], fault["value"]))
        case FaultKind.CALLBACK_MASKED:
            return replace(plan, phone_form=PhoneForm(fault["phone_form"]))
        case FaultKind.CALLBACK_FORGED:
            return replace(plan, forged=Forged(Forgery(fault["forgery"]), fault["delay_s"], fault["code"]))
        case FaultKind.CALLBACK_FAILURE_FIRST:
            return replace(plan, failure_first=FailureFirst(fault["code"], fault["delay_s"]))
        case FaultKind.CALLBACK_TWO_FAILURES:
            return replace(plan, second_failure=SecondFailure(fault["code"], fault["delay_s"]))
        case _:
            raise ValueError(f"{fault.kind} is not about callbacks")


def query_plan(fault: Fault) -> QueryPlan:
    """What a query fault does to the queries about one prompt."""
    match fault.kind:
        case FaultKind.QUERY_FLAPPING:
            return QueryPlan(flaps=True)
        case FaultKind.QUERY_WRONG:
            return QueryPlan(says=fault["code"], times=fault["times"])
        case FaultKind.QUERY_PROCESSING:
            return QueryPlan(says=codes.STILL_PROCESSING, times=fault["times"])
        case FaultKind.QUERY_TOO_EARLY:
            return QueryPlan(too_early_s=fault["delay_s"])
        case _:
            raise ValueError(f"{fault.kind} is not about queries")
