"""What an answer was made from: whoever reads notes the topics of what it reads, and live queries listen for them.

A topic is a word such as ``fee:0123456789ab``; the databases' triggers tell the same words at each commit that changes
what they stand for. Note before you look: then nothing can change unheard between the two. A topic too many costs a
run, one too few leaves a stale screen. Nothing here knows a noun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

EVERYTHING: Final = "*"
"""The topic of what no topic describes: any commit may change it."""
NOTHING: Final = "-"
"""What to note where nothing was read that could ever change."""


def topic(kind: str, subject: UUID) -> str:
    """The word for one thing, as ``rufaa_topic`` in SQL writes it: its kind and half of its id's random part."""
    return f"{kind}:{subject.hex[-12:]}"


@dataclass(slots=True)
class Reads:
    """What was noted. ``again_s``: the answer changes with the clock alone, first after so many seconds."""

    topics: set[str] = field(default_factory=set)
    again_s: float | None = None


_recording: Final[ContextVar[Reads | None]] = ContextVar("recording", default=None)


@contextmanager
def recording() -> Iterator[Reads]:
    """Keeps what is noted inside, in threads too that got a copy of the context. What surrounds it is told as well."""
    outer, reads = _recording.get(), Reads()
    token = _recording.set(reads)
    try:
        yield reads
    finally:
        _recording.reset(token)
        if outer is not None:
            _add(outer, *reads.topics, again_s=reads.again_s)


def note(*topics: str) -> None:
    """The answer depends on these. Does nothing where nobody records."""
    reads = _recording.get()
    if reads is not None:
        _add(reads, *topics)


def changes_in(seconds: float) -> None:
    """The answer will be another one after ``seconds``, whether or not anything is committed."""
    reads = _recording.get()
    if reads is not None:
        _add(reads, again_s=seconds)


def _add(reads: Reads, *topics: str, again_s: float | None = None) -> None:
    reads.topics.update(topics)
    if again_s is not None:
        reads.again_s = again_s if reads.again_s is None else min(reads.again_s, again_s)
