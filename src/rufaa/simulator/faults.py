"""Scripted misbehaviour: what can go wrong, by name.

A fault is about the *answer* of a request, the *callbacks* of a prompt, the *queries* about a prompt, the *C2B
confirmations* of a payment, an *order* and its results, or the rows of a *pull*. A request uses at most one answer
fault, an accepted push at most one callback fault besides, and so on: the first that waits. ``maintenance`` alone
begins by itself. The list of those that wait is in ``script.py``. To add a fault: a kind here with its line in
``KINDS``, what its parameters may be in ``parameters.py``, and its effect in ``edge.py`` (answers), ``pull.py`` or
``effects.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from rufaa.errors import InvalidArgument
from rufaa.simulator import codes
from rufaa.simulator.parameters import PARAMETERS, whole
from rufaa.simulator.plans import C2bPhone, Forgery, PhoneForm
from rufaa.simulator.presets import PRESETS


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
    CONFIRMATION_LOST = "confirmation-lost"
    CONFIRMATION_DELAYED = "confirmation-delayed"
    CONFIRMATION_DUPLICATED = "confirmation-duplicated"
    CONFIRMATION_REORDERED = "confirmation-reordered"
    CONFIRMATION_MASKED = "confirmation-masked"
    CONFIRMATION_NULL = "confirmation-null"
    CONFIRMATION_FORGED = "confirmation-forged"
    ORDER_FAILED = "order-failed"
    RESULT_LOST = "result-lost"
    RESULT_DELAYED = "result-delayed"
    RESULT_DUPLICATED = "result-duplicated"
    RESULT_FORGED = "result-forged"
    QUEUE_TIMEOUT = "queue-timeout"
    PULL_NONE = "pull-none"
    PULL_LATE = "pull-late"
    PULL_DOUBLED = "pull-doubled"


class Operation(StrEnum):
    """Whose answers an answer fault is about."""

    TOKEN = "token"  # noqa: S105 - the name of an endpoint
    PUSH = "push"
    QUERY = "query"
    C2B_REGISTER = "c2b-register"
    C2B_SIMULATE = "c2b-simulate"
    STATUS = "status"
    REVERSAL = "reversal"
    B2C = "b2c"
    PULL_REGISTER = "pull-register"
    PULL = "pull"


class Slot(Enum):
    """What a fault is about."""

    CALLBACK = "callbacks"
    ANSWER = "answer"
    QUERY = "queries"
    NOW = "everything"
    NOTICE = "C2B confirmations"
    ORDER = "orders"
    PULL = "pulls"


@dataclass(frozen=True, slots=True)
class About:
    """One kind: what it does, and the parameters that it has besides ``count``, with what they are if not given."""

    slot: Slot
    line: str
    parameters: Mapping[str, Any]
    on: frozenset[Operation] = frozenset({Operation.PUSH})
    before_effect: bool = False  # it acts before Daraja has seen the request

    @property
    def on_any(self) -> bool:
        """Whether it is about whichever operation comes first, if none is named."""
        return self.slot is Slot.ORDER


_ALL: Final = frozenset(Operation)
_ORDERS: Final = frozenset({Operation.STATUS, Operation.REVERSAL, Operation.B2C})
_PRODUCTS: Final = _ALL - {Operation.TOKEN}
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
        on=_PRODUCTS,
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
        "In `delay_s`, and for `for_s`, everything but tokens is answered as under maintenance, and reaches nobody.",
        {"delay_s": 0.0, "for_s": 600.0},
    ),
    FaultKind.CONFIRMATION_LOST: About(Slot.NOTICE, "Of the next payment: never sent.", {}),
    FaultKind.CONFIRMATION_DELAYED: About(Slot.NOTICE, "`delay_s` later than usual.", {"delay_s": 0.0}),
    FaultKind.CONFIRMATION_DUPLICATED: About(
        Slot.NOTICE,
        "`copies` of it, the first `delay_s` later than usual, each other `spacing_s` after the one before.",
        {"copies": 2, "spacing_s": 0.0, "delay_s": 0.0},
    ),
    FaultKind.CONFIRMATION_REORDERED: About(
        Slot.NOTICE,
        "Those of `count` payments wait until `delay_s` after the first payment, and go out last payment first.",
        {"delay_s": 120.0},
    ),
    FaultKind.CONFIRMATION_MASKED: About(
        Slot.NOTICE, "Shows the payer as `phone_as` says.", {"phone_as": C2bPhone.STARRED}
    ),
    FaultKind.CONFIRMATION_NULL: About(Slot.NOTICE, "Every field of it is null.", {}),
    FaultKind.CONFIRMATION_FORGED: About(
        Slot.NOTICE,
        "Somebody who is not Safaricom posts one with an invented receipt to the right address, `delay_s` after the"
        " next push or payment and with its reference, amount and phone; no money moves by it.",
        {"delay_s": 0.0},
    ),
    FaultKind.ORDER_FAILED: About(
        Slot.ORDER, "It is acknowledged, fails with `code`, and moves nothing.", {"code": codes.WRONG_PIN}, on=_ORDERS
    ),
    FaultKind.RESULT_LOST: About(Slot.ORDER, "It is processed, and its result never sent.", {}, on=_ORDERS),
    FaultKind.RESULT_DELAYED: About(
        Slot.ORDER, "Its result comes `delay_s` after it was processed.", {"delay_s": 0.0}, on=_ORDERS
    ),
    FaultKind.RESULT_DUPLICATED: About(
        Slot.ORDER,
        "`copies` of its result, each `spacing_s` after the one before.",
        {"copies": 2, "spacing_s": 0.0},
        on=_ORDERS,
    ),
    FaultKind.RESULT_FORGED: About(
        Slot.ORDER,
        "Somebody who is not Safaricom posts a result to the right address with the right ids, `delay_s` after the"
        " order: a failure with `code` or, without one, a success with an invented number.",
        {"delay_s": 0.0, "code": None},
        on=_ORDERS,
    ),
    FaultKind.QUEUE_TIMEOUT: About(
        Slot.ORDER,
        "It is not processed in time, which is posted to the QueueTimeOutURL, but `delay_s` later, and with `code` it"
        " fails then; `silent`: no result is posted.",
        {"delay_s": 60.0, "code": None, "silent": False},
        on=_ORDERS,
    ),
    FaultKind.PULL_NONE: About(
        Slot.PULL, "The next query is answered 1001, though there is money.", {}, on=frozenset({Operation.PULL})
    ),
    FaultKind.PULL_LATE: About(
        Slot.PULL,
        "Payments of the last `delay_s` are missing in the answer to the next query.",
        {"delay_s": 3600.0},
        on=frozenset({Operation.PULL}),
    ),
    FaultKind.PULL_DOUBLED: About(
        Slot.PULL, "Every row of the answer to the next query comes twice.", {}, on=frozenset({Operation.PULL})
    ),
}


class InvalidFault(InvalidArgument):
    """The fault makes no sense."""

    code = "invalid-fault"


@dataclass(frozen=True, slots=True, init=False)
class Fault:
    """``count`` times ``kind``. ``parameters`` are those of the kind in ``KINDS``, complete.

    ``Fault(FaultKind.CALLBACK_DELAYED, delay_s=600)``. Raises ``InvalidFault``.
    """

    kind: FaultKind
    count: int
    on: Operation | None
    parameters: Mapping[str, Any]

    def __init__(
        self, kind: FaultKind, /, *, count: int = 1, on: Operation | None = None, **parameters: object
    ) -> None:
        about = KINDS[kind]
        usual = Operation.PUSH if Operation.PUSH in about.on else next(iter(about.on))
        at = on or (None if about.on_any else usual)
        if not whole(1, 10**6)(count):
            raise InvalidFault("count is a whole number from 1 to 1,000,000.", argument="count")
        if at is not None and at not in about.on:
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
        on = {"on": self.on} if self.on is not None and len(KINDS[self.kind].on) > 1 else {}
        return {"kind": self.kind, "count": self.count, **on, **self.parameters}

    def with_count(self, count: int) -> Fault:
        """The same, not checked again: of two to reorder one may be left."""
        made = object.__new__(Fault)
        for name, value in (("kind", self.kind), ("count", count), ("on", self.on), ("parameters", self.parameters)):
            object.__setattr__(made, name, value)
        return made

    def _check_together(self, given: frozenset[str]) -> None:
        match self.kind:
            case FaultKind.CALLBACK_REORDERED | FaultKind.CONFIRMATION_REORDERED if self.count < 2:
                raise InvalidFault("To reorder takes two: give a count of 2 or more.", argument="count")
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
