"""One document of the app before, read field by field: what fits, what is left out, and what keeps it from coming.

Pure. A *fault* keeps the whole document aside; a *note* says what of it is left out here. Neither ever quotes a value:
they are shown and logged, and the document itself is kept as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rufaa import phone as phones
from rufaa.clock import EAT
from rufaa.errors import InvalidArgument
from rufaa.phone import Phone
from rufaa.referrals import texts
from rufaa.referrals.machine import Priority, Status
from rufaa.sync import values
from rufaa.sync.values import InvalidValue, Value

_STATUSES: Final[Mapping[str, Status]] = {
    **{status.value: status for status in Status},
    "pending": Status.PENDING_ADMIN,
    "approved": Status.AWAITING_BIODATA,
    "canceled": Status.CANCELLED,
}
_TOKEN: Final = re.compile(r"[0-9A-Za-z_-]{20,128}")
"""A patient's link that is long enough to be unguessable."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_FIRST_YEAR, _LAST_YEAR = 2015, 2100
_PAID: Final = frozenset({"completed", "complete", "paid", "success", "successful"})


class Reading:
    """A document as it is being read."""

    def __init__(self, document: Mapping[str, Value]) -> None:
        self._document = document
        self.faults: list[str] = []
        self.notes: list[str] = []

    def text(self, name: str, *, limit: int = texts.MAX_TEXT, needed: bool = False) -> str:
        """The field trimmed; what does not fit is left out, or a fault where it is ``needed``."""
        value = self._document.get(name)
        if isinstance(value, float) and value.is_integer():
            value = str(int(value))  # a number that was typed as one
        if value is None or value == "":
            if needed:
                self.faults.append(f"{name} is missing.")
            return ""
        if not isinstance(value, str):
            return self._unfit(name, "is no text", needed=needed)
        try:
            return texts.text_of(name, value, limit=limit, needed=needed)
        except InvalidArgument as error:
            return self._unfit(name, error.message.removeprefix(f"{name} ").rstrip("."), needed=needed)

    def whole(self, name: str) -> str:
        """A medical text: it comes as it is, or the document does not."""
        return self.text(name, needed=True) if self._document.get(name) not in (None, "") else ""

    def lab_results(self) -> object:
        value = self._document.get("labResults")
        if value is None:
            return ""
        try:
            return texts.lab_results(value)
        except InvalidArgument:
            pass
        try:
            self.notes.append("labResults is no text and no list of texts: it comes as JSON.")
            return texts.text_of("labResults", values.dumps(values.encode(value)))
        except (InvalidArgument, InvalidValue):
            self.faults.append("labResults does not fit a text.")
            return ""

    def phone(self, name: str) -> Phone | None:
        value = self._document.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, float) and value.is_integer():
            value = str(int(value))
        try:
            return phones.parse(value)
        except InvalidArgument:
            self.notes.append(f"{name} is no Kenyan mobile number: it is left out.")
            return None

    def email(self) -> str:
        text = self.text("patientEmail", limit=254)
        try:
            return texts.email(text)
        except InvalidArgument:
            return self._unfit("patientEmail", "is no e-mail address", needed=False)

    def day(self, name: str) -> str:
        """A day as text; an instant is one too, in East Africa."""
        value = self._document.get(name)
        if isinstance(value, float):
            try:
                return datetime.fromtimestamp(value / 1000, EAT).date().isoformat()
            except (OverflowError, ValueError, OSError):
                return self._unfit(name, "is no date", needed=False)
        text = self.text(name, limit=40)
        if _DAY.match(text) and "T" in text[10:11]:
            text = text[:10]
        try:
            return texts.day(name, text)
        except InvalidArgument:
            return self._unfit(name, "is no date", needed=False)

    def created_at(self) -> datetime | None:
        value = self._document.get("_creationTime")
        if isinstance(value, float):
            try:
                instant = datetime.fromtimestamp(value / 1000, UTC)
            except (OverflowError, ValueError, OSError):
                instant = None
            if instant is not None and _FIRST_YEAR <= instant.year < _LAST_YEAR:
                return instant
        self.faults.append("_creationTime is no instant of these years.")
        return None

    def status(self) -> Status | None:
        value = self._document.get("status")
        word = value.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(value, str) else ""
        if word not in _STATUSES:
            self.faults.append(f"status is none of: {', '.join(Status)}.")
        return _STATUSES.get(word)

    def priority(self) -> Priority | None:
        value = self._document.get("priority")
        word = value.strip().capitalize() if isinstance(value, str) else ""
        if word in list(Priority):
            return Priority(word)
        self.faults.append(f"priority is none of: {', '.join(Priority)}.")
        return None

    def token(self) -> str | None:
        value = self._document.get("referralToken")
        if value is None:
            return None
        if isinstance(value, str) and _TOKEN.fullmatch(value):
            return value
        self.notes.append("referralToken can be guessed: the patient's link is a new one.")
        return None

    def is_paid(self) -> bool:
        """Whether this, a payment's document, says that the money came."""
        value = self._document.get("status")
        return isinstance(value, str) and value.strip().lower() in _PAID

    def code(self) -> str:
        """A payment's M-Pesa code, as the document has it."""
        for name in ("mpesaTransactionId", "mpesaReceiptNumber", "receiptNumber"):
            value = self._document.get(name)
            if isinstance(value, str) and value.strip() and len(value) <= 40:
                return value.strip()
        return ""

    def number(self, name: str) -> float | None:
        value = self._document.get(name)
        return value if isinstance(value, float) else None

    def word(self, name: str) -> str:
        """An id or a name: the field where it is a short text, else empty."""
        value = self._document.get(name)
        return value.strip() if isinstance(value, str) and len(value) <= texts.MAX_NAME and "\x00" not in value else ""

    def _unfit(self, name: str, why: str, *, needed: bool) -> str:
        if needed:
            self.faults.append(f"{name} {why}.")
        else:
            self.notes.append(f"{name} {why}: it is left out.")
        return ""
