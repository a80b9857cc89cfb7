"""The random mode: every push, query and token draws its faults, all from one seed.

A swarm: the seed also chooses which kinds are on and how often each comes, so that no two seeds are alike. What a
request meets depends on the seed, its phone and how often that phone was asked before, and not on what other requests
come in between: one seed is one story, also where requests arrive together.

No draw invents money. And each leaves one witness of every payment: where the answer to a push does not bring its id,
the callback comes and can be read; where the callback does not come, or cannot be believed, the query lies at most
once; a payment by hand is confirmed by C2B unless Pull is on; and of the same order or pull every second is spared, so
that who asks again learns the truth.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rufaa.simulator import codes
from rufaa.simulator.config import Chaos
from rufaa.simulator.faults import KINDS, Fault, FaultKind, Operation, Slot
from rufaa.simulator.plans import C2bPhone, Forgery, PhoneForm
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import SHAPES

_SHARE_ON: Final = 0.7  # of the kinds, for one seed
_FORGERS_HASTE_S: Final = 30.0
_ORDER_FAILS: Final = ("26", codes.RULE_LIMITED, codes.BALANCE_LOW)
"""Without a fault of who ordered it: of the first two nobody knows whether anything was done, of the last all do."""
_FAILURES: Final = (codes.BALANCE_LOW, codes.EXPIRED, codes.CANCELLED, codes.NOT_REACHED, codes.WRONG_PIN)
_TAMPERED_FIELDS: Final[Mapping[str, tuple[object, ...]]] = {
    "amount": (1, 999.99, 0, "1000,00", None),
    "phone": (254708004999, "0722000***", None),
    "checkout_request_id": ("ws_CO_1", None),
    "merchant_request_id": ("m-1", None),
    "result_desc": ("", None),
}
_RARE: Final[Mapping[FaultKind, float]] = {FaultKind.MAINTENANCE: 0.1}
_LATE: Final = (
    FaultKind.CALLBACK_DELAYED,
    FaultKind.CALLBACK_DUPLICATED,
    FaultKind.CALLBACK_REORDERED,
    FaultKind.CALLBACK_FAILURE_FIRST,
)
_REORDERED: Final = (FaultKind.CALLBACK_REORDERED, FaultKind.CONFIRMATION_REORDERED)
_ORDERS: Final = frozenset({Operation.STATUS, Operation.REVERSAL, Operation.B2C})
_TRUE_EVERY_SECOND_TIME: Final = _ORDERS | {Operation.PULL}
_UNTOLD: Final = (FaultKind.CONFIRMATION_LOST, FaultKind.CONFIRMATION_NULL)
_NOT_DRAWN: Final = frozenset({FaultKind.ANSWER_REPLACED})  # the presets are better than what chance would write


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one request or payment meets.

    ``callbacks`` and ``query`` are about the prompt that a push makes, ``notices`` about the C2B confirmation of the
    payment that comes of it, ``results`` about an order, ``pull`` about the rows of one answer.
    """

    answer: Fault | None = None
    callbacks: tuple[Fault, ...] = ()
    query: Fault | None = None
    maintenance: Fault | None = None
    notices: tuple[Fault, ...] = ()
    forged_notice: Fault | None = None
    results: tuple[Fault, ...] = ()
    pull: Fault | None = None


NOTHING: Final = Drawn()


@dataclass(slots=True)
class Swarm:
    """The faults of one seed. ``shares``: how often each kind that is on comes. ``start`` counts the restarts."""

    chaos: Chaos
    start: int = 0
    shares: Mapping[FaultKind, float] = field(init=False)
    _asked: Counter[tuple[Operation, str]] = field(init=False, default_factory=Counter)
    _paid: Counter[str] = field(init=False, default_factory=Counter)  # payments by hand

    def __post_init__(self) -> None:
        chance = random.Random(f"swarm/{self.chaos.seed}")  # noqa: S311 - replayable, not secret
        kinds = [kind for kind in FaultKind if kind not in _NOT_DRAWN]
        self.shares = {
            kind: min(1.0, self.chaos.rate * chance.uniform(0.2, 1.0) * _RARE.get(kind, 1.0))
            for kind in kinds
            if chance.random() < _SHARE_ON
        }

    def draw(self, operation: Operation, subject: str = "") -> Drawn:
        """What the next request of ``operation`` about ``subject``, a phone or an id, meets."""
        self._asked[operation, subject] += 1
        nth = self._asked[operation, subject]
        if operation in _TRUE_EVERY_SECOND_TIME and nth % 2 == 0:
            return NOTHING
        key = f"{self.chaos.seed}/{self.start}/{operation}/{subject}/{nth}"
        chance = random.Random(key)  # noqa: S311
        answer = self._answer(chance, operation)
        if operation in _ORDERS:
            return Drawn(answer=answer, results=tuple(self._results(chance, operation)))
        if operation is Operation.PULL:
            return Drawn(answer=answer, pull=self._first(chance, Slot.PULL, operation))
        if operation is not Operation.PUSH:
            return Drawn(answer=answer)
        callbacks = self._callbacks(chance)
        query = self._first(chance, Slot.QUERY)
        maintenance = self._made(chance, FaultKind.MAINTENANCE, Operation.PUSH)
        notices = tuple(self._notices(chance))
        forged = self._made(chance, FaultKind.CONFIRMATION_FORGED, Operation.PUSH)
        return _with_a_witness(Drawn(answer, callbacks, query, maintenance, notices, forged))

    def draw_payment(self, phone: str, *, pulled: bool) -> Drawn:
        """What the next payment by hand of ``phone`` meets. ``pulled``: whether Pull can show it too."""
        self._paid[phone] += 1
        chance = random.Random(f"{self.chaos.seed}/{self.start}/payment/{phone}/{self._paid[phone]}")  # noqa: S311
        notices = [fault for fault in self._notices(chance) if pulled or fault.kind not in _UNTOLD]
        forged = self._made(chance, FaultKind.CONFIRMATION_FORGED, Operation.PUSH)
        return Drawn(notices=tuple(notices), forged_notice=forged)

    def _answer(self, chance: random.Random, operation: Operation) -> Fault | None:
        return self._first(chance, Slot.ANSWER, operation)

    def _first(self, chance: random.Random, slot: Slot, operation: Operation = Operation.PUSH) -> Fault | None:
        kinds = [kind for kind in self.shares if KINDS[kind].slot is slot and operation in KINDS[kind].on]
        chance.shuffle(kinds)
        made = (self._made(chance, kind, operation) for kind in kinds)
        return next((fault for fault in made if fault is not None), None)

    def _callbacks(self, chance: random.Random) -> tuple[Fault, ...]:
        kinds = [kind for kind in self.shares if KINDS[kind].slot is Slot.CALLBACK]
        made = [self._made(chance, kind, Operation.PUSH) for kind in kinds]
        return tuple(fault for fault in made if fault is not None)

    def _notices(self, chance: random.Random) -> list[Fault]:
        kinds = [kind for kind in self.shares if KINDS[kind].slot is Slot.NOTICE]
        made = (self._made(chance, kind, Operation.PUSH) for kind in kinds if kind is not FaultKind.CONFIRMATION_FORGED)
        return [fault for fault in made if fault is not None]

    def _results(self, chance: random.Random, operation: Operation) -> Iterator[Fault]:
        for kind in self.shares:
            if KINDS[kind].slot is Slot.ORDER:
                made = self._made(chance, kind, operation)
                if made is not None:
                    yield made

    def _made(self, chance: random.Random, kind: FaultKind, operation: Operation) -> Fault | None:
        if chance.random() >= self.shares.get(kind, 0.0):
            return None
        make = _PARAMETERS.get(kind)
        count = 2 if kind in _REORDERED else 1
        return Fault(kind, count=count, on=operation, **({} if make is None else make(chance, operation)))


def _with_a_witness(drawn: Drawn) -> Drawn:
    """``drawn`` without what would leave a payment that nobody can ever see, or an answer that never comes."""
    callbacks = {fault.kind: fault for fault in drawn.callbacks}
    query = drawn.query
    if drawn.answer is not None and _hides_the_id(drawn.answer):
        callbacks.pop(FaultKind.CALLBACK_LOST, None)
        callbacks.pop(FaultKind.CALLBACK_TAMPERED, None)
    if FaultKind.CALLBACK_FAILURE_FIRST in callbacks:  # it ends all questions: only the success speaks then
        callbacks.pop(FaultKind.CALLBACK_LOST, None)
        callbacks.pop(FaultKind.CALLBACK_TAMPERED, None)
    if drawn.answer is not None and drawn.answer.kind is FaultKind.CALLBACK_FIRST:  # or the answer would wait for hours
        for kind in _LATE:
            callbacks.pop(kind, None)
    unseen = FaultKind.CALLBACK_LOST in callbacks or FaultKind.CALLBACK_TAMPERED in callbacks
    if unseen and query is not None and "times" in query.parameters:
        query = Fault(query.kind, **{**query.parameters, "times": 1})
    return replace(drawn, callbacks=tuple(callbacks.values()), query=query)


def _hides_the_id(answer: Fault) -> bool:
    """Whether a push may take effect and its answer not say as what."""
    return not answer.before_effect and answer.kind not in {FaultKind.ANSWER_DELAYED, FaultKind.CALLBACK_FIRST}


Make = Callable[[random.Random, Operation], dict[str, object]]


def _tampering(chance: random.Random, _: Operation) -> dict[str, object]:
    if chance.random() < 0.5:
        return {"shape": chance.choice(list(SHAPES))}
    name = chance.choice(list(_TAMPERED_FIELDS))
    return {"field": name, "value": chance.choice(_TAMPERED_FIELDS[name])}


def _preset(chance: random.Random, operation: Operation) -> dict[str, object]:
    name = chance.choice(list(PRESETS))
    accepted = operation is Operation.PUSH and PRESETS[name].may_ring and chance.random() < 0.5
    return {"preset": name, "accepted": accepted}


_PARAMETERS: Final[Mapping[FaultKind, Make]] = {
    FaultKind.CALLBACK_DELAYED: lambda chance, _: {"delay_s": chance.choice((5.0, 60.0, 600.0, 7200.0))},
    FaultKind.CALLBACK_DUPLICATED: lambda chance, _: {
        "copies": chance.choice((2, 3)),
        "spacing_s": chance.choice((0.0, 5.0, 3600.0)),
    },
    FaultKind.CALLBACK_REORDERED: lambda chance, _: {"delay_s": chance.uniform(10, 120)},
    FaultKind.CALLBACK_TAMPERED: _tampering,
    FaultKind.CALLBACK_MASKED: lambda chance, _: {"phone_form": chance.choice(list(PhoneForm)[1:])},
    FaultKind.CALLBACK_FORGED: lambda chance, _: {
        "forgery": chance.choice(list(Forgery)),
        "delay_s": chance.uniform(0, _FORGERS_HASTE_S),
        "code": chance.choice(_FAILURES),
    },
    FaultKind.CALLBACK_FAILURE_FIRST: lambda chance, _: {
        "code": chance.choice(_FAILURES),
        "delay_s": chance.choice((5.0, 60.0, 600.0)),
    },
    FaultKind.CALLBACK_TWO_FAILURES: lambda chance, _: {"code": chance.choice(_FAILURES)},
    FaultKind.ANSWER_DELAYED: lambda chance, _: {"delay_s": chance.uniform(0.1, 2.0)},
    FaultKind.ANSWER_PRESET: _preset,
    FaultKind.QUERY_WRONG: lambda chance, _: {"code": chance.choice(_FAILURES), "times": chance.choice((0, 1, 3))},
    FaultKind.QUERY_PROCESSING: lambda chance, _: {"times": chance.choice((0, 2, 5))},
    FaultKind.QUERY_TOO_EARLY: lambda chance, _: {"delay_s": chance.choice((10.0, 30.0, 60.0))},
    FaultKind.TOKEN_SHORT_LIVED: lambda chance, _: {"for_s": chance.choice((0.0, 10.0, 100.0))},
    FaultKind.MAINTENANCE: lambda chance, _: {"for_s": chance.uniform(20, 120)},
    FaultKind.CONFIRMATION_DELAYED: lambda chance, _: {"delay_s": chance.choice((5.0, 60.0, 600.0, 7200.0))},
    FaultKind.CONFIRMATION_DUPLICATED: lambda chance, _: {
        "copies": chance.choice((2, 3)),
        "spacing_s": chance.choice((0.0, 5.0, 3600.0)),
    },
    FaultKind.CONFIRMATION_REORDERED: lambda chance, _: {"delay_s": chance.uniform(10, 120)},
    FaultKind.CONFIRMATION_MASKED: lambda chance, _: {"phone_as": chance.choice(list(C2bPhone))},
    FaultKind.ORDER_FAILED: lambda chance, _: {"code": chance.choice(_ORDER_FAILS)},
    FaultKind.RESULT_DELAYED: lambda chance, _: {"delay_s": chance.choice((5.0, 60.0, 600.0, 7200.0))},
    FaultKind.RESULT_DUPLICATED: lambda chance, _: {
        "copies": chance.choice((2, 3)),
        "spacing_s": chance.choice((0.0, 5.0, 3600.0)),
    },
    FaultKind.RESULT_FORGED: lambda chance, _: {
        "delay_s": chance.uniform(0, _FORGERS_HASTE_S),
        **chance.choice(({}, {"code": codes.BALANCE_LOW}, {"code": codes.NO_SUCH_PAYMENT})),
    },
    FaultKind.QUEUE_TIMEOUT: lambda chance, _: {
        "delay_s": chance.choice((5.0, 60.0, 600.0)),
        "silent": chance.random() < 0.3,
        **chance.choice(({}, {"code": chance.choice(_ORDER_FAILS)})),
    },
    FaultKind.PULL_LATE: lambda chance, _: {"delay_s": chance.choice((60.0, 600.0, 7200.0))},
    FaultKind.CONFIRMATION_FORGED: lambda chance, _: {"delay_s": chance.uniform(0, _FORGERS_HASTE_S)},
}
