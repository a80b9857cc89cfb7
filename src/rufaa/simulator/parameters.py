"""What each parameter of a fault may be, and how that is said. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rufaa.simulator import codes
from rufaa.simulator.plans import C2bPhone, Forgery, PhoneForm
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import FIELDS, SHAPES

_SECONDS: Final = "is a number of seconds from 0 to 10,000,000."


def _seconds(value: object) -> bool:
    return _is_number(value) and math.isfinite(value) and 0 <= value <= 10**7  # type: ignore[arg-type, operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(least: int, most: int) -> Callable[[object], bool]:
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
    "copies": (whole(1, 1000), "is a whole number from 1 to 1,000."),
    "times": (whole(0, 10**6), "is a whole number from 0 to 1,000,000."),
    "code": (_is_code, f"is a ResultCode that means a failure, as a string: not {', '.join(codes.NO_FAILURES)}."),
    "shape": _one_of(tuple(SHAPES)),
    "field": _one_of(FIELDS),
    "value": (_is_value, "is a string, a number, true, false or null."),
    "phone_form": _one_of(tuple(PhoneForm)),
    "phone_as": _one_of(tuple(C2bPhone)),
    "forgery": _one_of(tuple(Forgery)),
    "preset": _one_of(tuple(PRESETS)),
    "status": (whole(200, 599), "is an HTTP status from 200 to 599."),
    "body": (lambda value: isinstance(value, str), "is text."),
    "content_type": (_is_line, "is one line."),
    "accepted": (_is_bool, "is true or false."),
    "everywhere": (_is_bool, "is true or false."),
    "silent": (_is_bool, "is true or false."),
}
