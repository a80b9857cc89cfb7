"""What somebody who shows a client to others can have go wrong, in plain words: each switch scripts a fault or two.

A switch is on for the next time, or until it is switched off. To add one: a ``Switch`` in ``SWITCHES``; the faults
themselves are in ``faults.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.simulator import words
from rufaa.simulator.core import Core
from rufaa.simulator.faults import Fault, FaultKind, Operation

ALWAYS: Final = 10**6  # times: more than anybody shows
LONGEST_S: Final = 3600


class NoSuchSwitch(RufaaError):
    """There is no switch of this name."""

    kind = Kind.NOT_FOUND
    code = "no-such-switch"


@dataclass(frozen=True, slots=True)
class Switch:
    """``faults(count, seconds)`` are what it scripts; ``seconds`` the default, None where there is nothing to say."""

    group: str
    short: str  # to name it among those that are on
    line: str  # what happens; "…" stands for the seconds
    faults: Callable[[int, float], tuple[Fault, ...]]
    seconds: int | None = None
    choices: tuple[tuple[str, str], ...] = (("once", "Once"), ("always", "Always"))


def _one(kind: FaultKind, *, on: Operation | None = None, **parameters: Any) -> Callable[[int, float], tuple[Fault]]:
    return lambda count, _: (Fault(kind, count=count, on=on, **parameters),)


def _timed(kind: FaultKind, **parameters: Any) -> Callable[[int, float], tuple[Fault]]:
    return lambda count, seconds: (Fault(kind, count=count, delay_s=seconds, **parameters),)


def _contradicted(count: int, seconds: float) -> tuple[Fault, ...]:
    return (
        Fault(FaultKind.CALLBACK_DELAYED, count=count, delay_s=seconds),
        Fault(FaultKind.QUERY_WRONG, count=count, times=2),
    )


def _down(count: int, _: float) -> tuple[Fault, ...]:
    asked = (Operation.PUSH,) if count == 1 else (Operation.PUSH, Operation.QUERY)
    return tuple(Fault(FaultKind.ANSWER_PRESET, count=count, on=each, preset="html-503") for each in asked)


def _maintenance(_: int, seconds: float) -> tuple[Fault, ...]:
    return (Fault(FaultKind.MAINTENANCE, for_s=seconds),)


_MAINTENANCE: Final = "maintenance"
_OFF: Final[dict[str, str | None]] = {"times": "off", "on": None}

_CALLBACK: Final = "What M-Pesa reports"
_ANSWER: Final = "What M-Pesa answers"
_FORGER: Final = "Somebody who is not M-Pesa"

SWITCHES: Final[Mapping[str, Switch]] = {
    "callback-lost": Switch(_CALLBACK, "callback lost", "The callback is lost.", _one(FaultKind.CALLBACK_LOST)),
    "callback-late": Switch(
        _CALLBACK, "callback late", "The callback comes … seconds late.", _timed(FaultKind.CALLBACK_DELAYED), 60
    ),
    "callback-twice": Switch(
        _CALLBACK, "callback twice", "The callback comes twice.", _one(FaultKind.CALLBACK_DUPLICATED, spacing_s=1.0)
    ),
    "contradicted": Switch(
        _CALLBACK,
        "contradicted",
        "The callback comes … seconds late; meanwhile the status query says, wrongly, that it was cancelled.",
        _contradicted,
        60,
    ),
    "failure-first": Switch(
        _CALLBACK,
        "failure first",
        "The PIN is right, but a failure is reported; the money moves … seconds later.",
        _timed(FaultKind.CALLBACK_FAILURE_FIRST),
        30,
    ),
    "notice-lost": Switch(
        _CALLBACK, "notice lost", "The notice of a payment (C2B) is lost.", _one(FaultKind.CONFIRMATION_LOST)
    ),
    "down": Switch(_ANSWER, "M-Pesa down", "M-Pesa is down: a page with 503, and no phone rings.", _down),
    "answer-late": Switch(
        _ANSWER, "answer late", "The phone rings, but the answer takes … seconds.", _timed(FaultKind.ANSWER_DELAYED), 45
    ),
    "answer-lost": Switch(
        _ANSWER, "answer lost", "The phone rings, but the connection breaks.", _one(FaultKind.ANSWER_LOST)
    ),
    _MAINTENANCE: Switch(
        _ANSWER, "maintenance", "M-Pesa is under maintenance for … seconds.", _maintenance, 120, (("once", "On"),)
    ),
    "forged-callback": Switch(
        _FORGER, "forged callback", "Somebody reports a payment that was never made.", _one(FaultKind.CALLBACK_FORGED)
    ),
    "forged-notice": Switch(
        _FORGER,
        "forged notice",
        "Somebody sends a notice (C2B) of money that never came.",
        _one(FaultKind.CONFIRMATION_FORGED),
    ),
}


class Switches:
    def __init__(self, core: Core) -> None:
        self._core = core

    def picture(self) -> list[dict[str, Any]]:
        """Every switch, with what it is now: ``times`` is off, once or always; ``on`` is null, or says until when."""
        return [
            {"name": name, "line": each.line, "seconds": self._seconds(name), **self._state(name)}
            for name, each in SWITCHES.items()
        ]

    def others(self) -> list[str]:
        """What waits besides, in the words of the script: faults that no switch has put there."""
        return [
            f"{each.kind}, {each.count} times" if each.count > 1 else str(each.kind)
            for each in self._core.faults.by_switch(None)
        ]

    def switch_on(self, name: str, *, always: bool, seconds: object = None) -> None:
        """Raises ``NoSuchSwitch`` and ``InvalidArgument``."""
        switch = _switch(name)
        given = switch.seconds if seconds is None else seconds
        if always and ("always", "Always") not in switch.choices:
            raise InvalidArgument("This switch goes off by itself: switch it on once.", argument="times")
        if switch.seconds is None and given is not None:
            raise InvalidArgument("This switch takes no seconds.", argument="seconds")
        if given is not None and (type(given) is not int or not 1 <= given <= LONGEST_S):
            raise InvalidArgument(f"seconds is a whole number from 1 to {LONGEST_S:,}.", argument="seconds")
        faults = switch.faults(ALWAYS if always else 1, float(given or 0))
        self.switch_off(name)
        for fault in faults:
            self._core.script(fault, switch=name)

    def switch_off(self, name: str) -> None:
        """It is off, whether it was on or not. Raises ``NoSuchSwitch``."""
        _switch(name)
        if self._state(name) == _OFF:
            return
        if name == _MAINTENANCE:
            self._core.end_maintenance()
        else:
            self._core.forget_faults(name)

    def all_off(self) -> None:
        """No switch is on, and no other fault waits; the random mode stays as it is."""
        self.switch_off(_MAINTENANCE)
        self._core.forget_faults()

    def _seconds(self, name: str) -> int | None:
        """Those that are in force or, while it is off, the default."""
        usual, waiting = SWITCHES[name].seconds, self._core.faults.by_switch(name)
        return usual if usual is None or not waiting else round(waiting[0]["delay_s"])

    def _state(self, name: str) -> dict[str, str | None]:
        if name == _MAINTENANCE:
            window, now = self._core.books.maintenance, self._core.clock.now()
            if window is None or not self._core.books.under_maintenance(now):
                return _OFF
            return {"times": "once", "on": f"until {words.clock_time(window.until)}"}
        waiting = self._core.faults.by_switch(name)
        if not waiting:
            return _OFF
        if max(each.count for each in waiting) == 1:
            return {"times": "once", "on": "once"}
        return {"times": "always", "on": "until switched off"}


def _switch(name: str) -> Switch:
    try:
        return SWITCHES[name]
    except KeyError:
        raise NoSuchSwitch(f"The switches are {', '.join(SWITCHES)}.") from None
