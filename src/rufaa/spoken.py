"""A refusal in the language of the page. The sentences are the nouns' own; their Swahili lies in ``locale`` here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext

from rufaa.errors import RufaaError, Sentence

Words = Mapping[str, str | Promise]
_NO_WORDS: Final[Words] = {}


def refusal(
    error: RufaaError,
    *,
    plainer: Words = _NO_WORDS,
    fields: Words = _NO_WORDS,
    word: Callable[[Enum], str] = lambda member: str(member.value),
) -> str:
    """What was refused, and what is allowed.

    ``plainer`` has other words for sentences that speak to programs, ``fields`` the labels of arguments (of the place
    ``%(argument)s``), ``word`` the word for a state.
    """

    def say(text: str) -> str:
        template = text.template if isinstance(text, Sentence) else text
        plain = plainer.get(template)
        said = str(plain) if plain is not None else gettext(template) if template else ""
        if not isinstance(text, Sentence) or not text.values:
            return said
        return said % {name: place(name, value) for name, value in text.values.items()}

    def place(name: str, value: object) -> str:
        if isinstance(value, list):
            return ", ".join(place(name, each) for each in value)
        if isinstance(value, Sentence):
            return say(value)
        if isinstance(value, Enum):
            return word(value)
        return str(fields.get(str(value), value)) if name == "argument" else str(value)

    return say(error.message)
