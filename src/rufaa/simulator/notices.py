"""What is posted to a merchant besides the callbacks of prompts: C2B notices, results of orders. Only values.

A notice is fixed from when it is planned, and posted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Tells(StrEnum):
    """What a notice is."""

    CONFIRMATION = "confirmation"
    FORGED_CONFIRMATION = "forged-confirmation"  # by somebody who is not Safaricom
    RESULT = "result"
    QUEUE_TIMEOUT = "queue-timeout"
    FORGED_RESULT = "forged-result"


FORGED: Final = frozenset({Tells.FORGED_CONFIRMATION, Tells.FORGED_RESULT})


@dataclass(frozen=True, slots=True)
class Notice:
    """``about``: the receipt that a confirmation tells of, an invented one if it is forged; or an order's
    ConversationID."""

    due: datetime
    tells: Tells
    about: str
    short_code: str
    url: str
    body: str
    sent: bool = False
