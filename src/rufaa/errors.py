"""The one shape of every refusal: a kind, a stable code, a sentence for a person, and data for a program.

A noun's errors are subclasses that live beside the function that raises them. The edges (function API,
command line, pages) turn ``kind`` into their own terms in one place each; no noun knows an edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Final


class Kind(StrEnum):
    """What sort of refusal it is; an edge maps these, and nothing else, to its status codes."""

    INVALID = "invalid"  # the arguments are wrong: repeat with others
    UNAUTHENTICATED = "unauthenticated"  # who are you?
    FORBIDDEN = "forbidden"  # known, but not allowed to do this
    NOT_FOUND = "not-found"  # not there, or not yours to see
    CONFLICT = "conflict"  # lawful in another state of the world
    UNAVAILABLE = "unavailable"  # try again later


PAGE_STATUS: Final[Mapping[Kind, int]] = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 403,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.UNAVAILABLE: 503,
}
"""The HTTP status of a page that says so: of the staff's and of the patient's."""


class Sentence(str):
    """English for a person, that remembers what it was made of, so that a page can say it in another language."""

    template: str
    values: Mapping[str, object]


def sentence(template: str, **values: object) -> Sentence:
    """``template`` with ``values`` in its places ``%(name)s``; of a list, all with commas between.

    What a value may be: a name that the template quotes, a number, an amount, a member of an enumeration, or a
    sentence, which is translated itself.
    """
    made = Sentence(template % {name: _plain(value) for name, value in values.items()} if values else template)
    made.template, made.values = template, values
    return made


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


class RufaaError(Exception):
    """A refusal. Nothing was changed.

    ``code`` is stable (kebab-case) and documented in docs/reference/errors.md; ``message`` is for a person and
    says what is allowed (a ``sentence`` where something stands in it); ``data`` holds JSON-compatible values for a
    program.
    """

    kind: ClassVar[Kind] = Kind.INVALID
    code: ClassVar[str] = "invalid"

    def __init__(self, message: str, **data: object) -> None:
        super().__init__(message)
        self.message = message
        self.data: Mapping[str, object] = data


class InvalidArgument(RufaaError):
    """An argument has a wrong form. ``data.argument`` names it."""

    kind = Kind.INVALID
    code = "invalid-argument"


class InvalidSetting(InvalidArgument):
    """A setting has a value that cannot be used."""

    code = "invalid-setting"
