"""What a short code is registered for: C2B notices (daraja.md §6) and Pull (§10). Only values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rufaa.phone import Phone


class ResponseType(StrEnum):
    """What becomes of a payment whose validation is not answered (daraja.md §6; the casing is Safaricom's)."""

    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a short code wants its C2B notices, and as which version of the API writes them."""

    short_code: str
    version: str
    confirmation_url: str
    validation_url: str
    response_type: ResponseType


@dataclass(frozen=True, slots=True)
class PullRegistration:
    """A short code for which Pull is on."""

    short_code: str
    nominated_number: Phone
    callback_url: str  # nothing is known to be posted there
