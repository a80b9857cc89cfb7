"""Tickets: which topics (``rufaa.reads``) a page may be told of, for whoever was shown what they stand for.

A page that a server has drawn keeps its ticket and hears with it when to fetch itself again. A ticket tells nothing of
the topics: it holds a short digest of each and a signature, and hearing with it tells only *that* something changed.
What changed is asked anew, with all rights. Knows no database and no protocol.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from typing import Final

from rufaa import secret
from rufaa.reads import EVERYTHING

_LABEL: Final = "live-ticket"
_WORD: Final = 6  # bytes of a digest: two of a thousand topics agree once in 500 million pages, and cost a fetch
_SIGNED: Final = 32  # hex digits
MOST: Final = 600
"""Topics of one ticket. Beyond, the page hears of every commit."""
EVERY_WORD: Final = b"\x00" * _WORD


def word(topic: str) -> bytes:
    """The digest of one topic."""
    return EVERY_WORD if topic == EVERYTHING else hashlib.blake2s(topic.encode(), digest_size=_WORD).digest()


def issue(keys: Sequence[str], topics: Collection[str]) -> str:
    """A ticket for ``topics``, as it stands in an address."""
    named = topics if len(topics) <= MOST else {EVERYTHING}
    body = base64.urlsafe_b64encode(b"".join(sorted({word(topic) for topic in named}))).decode()
    return secret.signature(keys, _LABEL, body) + body


def read(keys: Sequence[str], ticket: str) -> frozenset[bytes] | None:
    """The digests of a ticket's topics; None if none of ``keys`` made it."""
    claimed, body = ticket[:_SIGNED], ticket[_SIGNED:]
    if len(body) > MOST * _WORD * 2 or not secret.is_signature(keys, _LABEL, body, claimed):
        return None
    words = base64.urlsafe_b64decode(body)
    return frozenset(words[at : at + _WORD] for at in range(0, len(words), _WORD))
