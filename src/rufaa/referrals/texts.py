"""Texts that people give for a referral: checked, trimmed, never cut. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from rufaa.errors import InvalidArgument, sentence

MAX_TEXT: Final = 20_000
MAX_NAME: Final = 200


def text_of(argument: str, text: str, *, limit: int = MAX_TEXT, needed: bool = False) -> str:
    """``text`` trimmed. PostgreSQL takes no NUL; a text that is too long is refused, not cut."""
    trimmed = text.strip()
    if needed and not trimmed:
        raise InvalidArgument(sentence("%(argument)s must not be empty.", argument=argument), argument=argument)
    if len(trimmed) > limit:
        raise InvalidArgument(
            sentence(
                "%(argument)s has %(length)s characters; %(limit)s are allowed.",
                argument=argument,
                length=len(trimmed),
                limit=limit,
            ),
            argument=argument,
        )
    if "\x00" in trimmed:
        raise InvalidArgument(
            sentence("%(argument)s has a NUL character, which no text may have.", argument=argument), argument=argument
        )
    return trimmed


def lab_results(value: object) -> object:
    if isinstance(value, str):
        return text_of("labResults", value)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value) and len(value) <= 200:
        return [text_of("labResults", entry) for entry in value]
    raise InvalidArgument(
        sentence("%(argument)s is a text, or a list of up to 200 texts.", argument="labResults"), argument="labResults"
    )


def day(argument: str, text: str) -> str:
    trimmed = text.strip()
    if trimmed:
        try:
            return date.fromisoformat(trimmed).isoformat()
        except ValueError:
            raise InvalidArgument(
                sentence("%(argument)s is not a date: write it as 2026-11-23.", argument=argument), argument=argument
            ) from None
    return ""


_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def email(text: str) -> str:
    trimmed = text_of("patientEmail", text, limit=254)
    if trimmed and not _EMAIL.fullmatch(trimmed):
        raise InvalidArgument(
            sentence("%(argument)s is not an e-mail address.", argument="patientEmail"), argument="patientEmail"
        )
    return trimmed
