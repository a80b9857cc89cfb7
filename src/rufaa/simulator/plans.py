"""What is planned for what is not as it should be: callbacks, queries, notices, what others post. Values.

They are part of the prompt, the payment or the order, hence of the journal: a restarted simulator goes on with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class PhoneForm(StrEnum):
    """How a callback shows the payer (daraja.md §4)."""

    WHOLE = "whole"  # 254708374149, a number
    MASKED_END = "masked-end"  # "0708374***"
    MASKED_MIDDLE = "masked-middle"  # "254708***149"
    ABSENT = "absent"  # no such item


class C2bPhone(StrEnum):
    """How a C2B notice shows the payer (daraja.md §6)."""

    HASHED = "hashed"  # SHA-256 in hex of 254708374149: v1
    MASKED = "masked"  # "2547 ***** 149": v2
    STARRED = "starred"  # "2******9": seen in the sandbox
    WHOLE = "whole"  # "254708374149": as it was before 2022
    EMPTY = "empty"  # ""


class Forgery(StrEnum):
    """What somebody who is not Safaricom posts."""

    INVENTED_RECEIPT = "invented-receipt"  # success, with the right path, ids, amount and phone
    OTHER_IDS = "other-ids"  # success with the ids, and the receipt if it has one, of the prompt before
    FAILURE = "failure"  # a failure while the prompt lives; ``code`` says which
    WRONG_SECRET = "wrong-secret"  # noqa: S105 - a success, to a path that ends in other letters


@dataclass(frozen=True, slots=True)
class Tampering:
    """Either a named shape (``shapes.py``), or another value in a named field."""

    shape: str | None = None
    field: str | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class Forged:
    forgery: Forgery
    after_s: float  # from the acceptance of the push
    code: str  # of a forged failure


@dataclass(frozen=True, slots=True)
class FailureFirst:
    """A payment is first reported as a failure with ``code``; the money moves ``hold_s`` later."""

    code: str
    hold_s: float


@dataclass(frozen=True, slots=True)
class SecondFailure:
    """A failure is reported once more, with ``code`` (daraja.md §16), ``after_s`` later."""

    code: str
    after_s: float


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """Which callbacks a prompt will have: ``copies`` of its result, ``delay_s`` later than usual; none if ``lost``."""

    lost: bool = False
    delay_s: float = 0.0
    not_before: datetime | None = None
    copies: int = 1
    spacing_s: float = 0.0  # between two copies
    tampering: Tampering | None = None
    phone_form: PhoneForm | None = None  # None: as the settings say
    forged: Forged | None = None
    failure_first: FailureFirst | None = None
    second_failure: SecondFailure | None = None


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How queries about a prompt are answered other than truly."""

    flaps: bool = False  # every second answer is a bare 500.001.1001
    says: str | None = None  # this code, whatever is true ...
    times: int = 0  # ... so many times; 0: for ever
    too_early_s: float = 0.0  # until this age its id is called invalid


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """How the C2B confirmation of a payment goes: ``copies`` of it, ``delay_s`` later than usual; none if ``lost``."""

    lost: bool = False
    delay_s: float = 0.0
    not_before: datetime | None = None
    copies: int = 1
    spacing_s: float = 0.0
    phone_as: C2bPhone | None = None  # None: as the version has it
    null: bool = False  # every field of it


@dataclass(frozen=True, slots=True)
class QueueTimeout:
    """An order is not processed in time, which is posted; it is ``later_s`` afterwards. ``silent``: no result then."""

    later_s: float
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ForgedResult:
    """Somebody else posts a result ``after_s`` after the order: a failure with ``code``, or a success."""

    after_s: float
    code: str | None = None


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """What becomes of an order: ``copies`` of its result, ``delay_s`` after it was processed; none if ``lost``."""

    fails_with: str | None = None  # it is processed to this code, and moves nothing
    lost: bool = False
    delay_s: float = 0.0
    copies: int = 1
    spacing_s: float = 0.0
    queue_timeout: QueueTimeout | None = None
    forged: ForgedResult | None = None


AS_USUAL: Final = CallbackPlan()
TRULY: Final = QueryPlan()
NOTICED: Final = NoticePlan()
AS_ORDERED: Final = OrderPlan()


class Says(StrEnum):
    """What a posting is."""

    RESULT = "result"  # what Safaricom has to say, tampered with or not
    FAILURE_FIRST = "failure-first"  # a failure of what will be paid
    SECOND_FAILURE = "second-failure"
    FORGED = "forged"  # by somebody else


@dataclass(frozen=True, slots=True)
class Posting:
    """One POST about a prompt, fixed from when it is planned."""

    due: datetime
    says: Says
    url: str
    body: str
    sent: bool = False
