"""What can be set in the simulator, with defaults that behave as Safaricom was measured or documents itself.

Only values live here. Where a default is not measured, its comment says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from rufaa.errors import InvalidArgument
from rufaa.money import Money
from rufaa.simulator.plans import PhoneForm

DEMO_SHORT_CODE: Final = "174379"
DEMO_CONSUMER_KEY: Final = "demo-key"
DEMO_CONSUMER_SECRET: Final = "demo-secret"  # noqa: S105 - it is no secret: the simulator is the only one who takes it
DEMO_PASSKEY: Final = "demo-passkey"
DEMO_PIN: Final = "1234"
DEMO_INITIATOR_NAME: Final = "demo-operator"
DEMO_INITIATOR_PASSWORD: Final = "demo-Password#1"  # noqa: S105

WALLET_LIMIT: Final = Money(50_000_000)  # daraja.md §3
NEW_WALLET: Final = Money(7_000_000)  # what a phone has that nobody has seen before

_SHORT_CODE: Final = re.compile(r"[0-9]{5,7}")
_PIN: Final = re.compile(r"[0-9]{4}")


class InvalidSettings(InvalidArgument):
    """The simulator cannot start with these settings."""

    code = "invalid-simulator-settings"


class C2bVersion(StrEnum):
    """Which C2B product an app has (daraja.md §6)."""

    V1 = "v1"  # shows a SHA-256 of the payer's number
    V2 = "v2"  # shows it masked


@dataclass(frozen=True, slots=True)
class Initiator:
    """The API operator of an organisation, who may order all that can be ordered (daraja.md §7)."""

    name: str
    password: str


class DuplicateForm(StrEnum):
    """How a payout under an OriginatorConversationID that was taken before is refused (daraja.md §10)."""

    ENVELOPE = "envelope"  # 500.002.1001, at once
    RESULT = "result"  # acknowledged, and result 15


class PullMethod(StrEnum):
    """How Pull may be queried: documented as GET with a body, done by everybody as POST (daraja.md §15)."""

    POST = "post"
    GET = "get"
    BOTH = "both"

    @property
    def allowed(self) -> tuple[str, ...]:
        return ("GET", "POST") if self is PullMethod.BOTH else (self.upper(),)


class PullZone(StrEnum):
    """What Pull's times mean, which is not known (daraja.md §15)."""

    WRITTEN = "written"  # windows are in EAT, and the Z of trxDate means UTC
    EAT = "eat"  # all is in EAT, and the Z is wrong
    UTC = "utc"


@dataclass(frozen=True, slots=True)
class Merchant:
    """An organisation that may send prompts. Short codes that share a ``consumer_key`` belong to one Daraja app.

    With a ``till_number`` it is a Buy Goods merchant: ``short_code`` is then the store number, and PartyB must be the
    till (daraja.md §3). Without one it is a paybill, and PartyB is the short code. With ``c2b_validation`` its
    ValidationURL is asked before each payment.
    """

    short_code: str
    consumer_key: str
    consumer_secret: str
    passkey: str
    name: str
    till_number: str | None = None
    c2b_version: C2bVersion = C2bVersion.V2
    c2b_validation: bool = False  # off by default, as at Safaricom
    initiator: Initiator | None = None  # without one every order fails with 2001


DEMO_MERCHANT: Final = Merchant(
    short_code=DEMO_SHORT_CODE,
    consumer_key=DEMO_CONSUMER_KEY,
    consumer_secret=DEMO_CONSUMER_SECRET,
    passkey=DEMO_PASSKEY,
    name="RUFAA DEMO",
    initiator=Initiator(DEMO_INITIATOR_NAME, DEMO_INITIATOR_PASSWORD),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """``messages`` in ``period_s`` seconds, spread evenly, of which ``burst`` may come at once."""

    messages: int
    period_s: int
    burst: int = 1


SAFARICOM_QUERY_RATE: Final = Rate(messages=5, period_s=60, burst=1)  # daraja.md §5, measured by two parties


class LimitForm(StrEnum):
    """How a push beyond its rate is refused; both forms are real (daraja.md §3, §5)."""

    APIGEE = "apigee"  # HTTP 429 with a gateway fault
    ENVELOPE = "envelope"  # 500.003.02 Spike Arrest Violation


@dataclass(frozen=True, slots=True)
class Chaos:
    """The random mode. ``seed`` chooses which faults there are and when each comes; with ``rate`` they come more often:
    it is the share of the requests that meet the kind that comes most."""

    seed: int
    rate: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise InvalidSettings("rate is above 0 and at most 1.", argument="rate")


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """All that can be set. Times are in seconds of the simulator's clock, except the two time-outs: real ones."""

    merchants: tuple[Merchant, ...] = (DEMO_MERCHANT,)
    seed: int = 1
    journal: Path | None = None  # JSON lines, appended, and replayed at the start

    manual_clock: bool = False  # time stands still but for POST /control/clock
    start_at: datetime | None = None  # where a manual clock starts; None: now

    answer_after_s: float = 1.0  # how long a phone that answers by itself thinks
    unanswered_after_s: float = 60.0  # daraja.md §12: 26 s measured in sandbox, 60 and 90 s claimed
    callback_after_s: float = 0.5  # between the end of a prompt and its callback; not measured
    callback_timeout_s: float = 5.0  # daraja.md §12
    callback_balance_share: float = 0.65  # callbacks with a Balance item without Value: 736 of 1,132 (daraja.md §4)
    callback_phones: PhoneForm = PhoneForm.WHOLE  # masked ones are announced (daraja.md §4)
    confirmation_after_s: float = 1.0  # between a payment and its C2B confirmation: later than the callback (§6)
    validation_timeout_s: float = 8.0  # real seconds; daraja.md §6
    production: bool = False  # C2B addresses are registered once and for all, and no payment is simulated
    result_after_s: float = 2.0  # between an order and its processing, which its result follows; not measured
    b2c_duplicate_form: DuplicateForm = DuplicateForm.ENVELOPE
    status_by_push_ids: bool = False  # whether OriginalConversationID takes a MerchantRequestID: not known (§7)
    key: Path | None = None  # of the SecurityCredential; its certificate stands beside it, as .crt
    pull_method: PullMethod = PullMethod.POST
    pull_zone: PullZone = PullZone.WRITTEN
    pull_rows: int = 1000  # in one answer; not documented
    forger_address: str | None = "127.0.0.2"  # where forged callbacks come from, if server and machine are on loopback
    chaos: Chaos | None = None

    wallet_balance: Money = NEW_WALLET
    pin: str = DEMO_PIN

    token_life_s: int = 3600
    new_token_kills_old: bool = True  # documented, not confirmed by a measurement (daraja.md §2)
    timestamp_tolerance_s: float | None = 3600.0  # not measured; a UTC stamp, three hours off, must be refused
    query_too_early_s: float = 1.0  # 0 switches off "asked too early" (daraja.md §5); the span is not measured
    query_rate: Rate | None = SAFARICOM_QUERY_RATE
    push_rate: Rate | None = None  # commercial and unpublished (daraja.md §12)
    push_limit_form: LimitForm = LimitForm.APIGEE

    def __post_init__(self) -> None:
        codes = [merchant.short_code for merchant in self.merchants]
        if not codes or len(set(codes)) != len(codes):
            raise InvalidSettings("Give at least one merchant, and each short code once.", argument="merchants")
        secrets: dict[str, str] = {}
        for merchant in self.merchants:
            if not _SHORT_CODE.fullmatch(merchant.short_code):
                raise InvalidSettings("A short code has 5 to 7 digits.", argument="merchants")
            if secrets.setdefault(merchant.consumer_key, merchant.consumer_secret) != merchant.consumer_secret:
                raise InvalidSettings("One consumer key has one secret.", argument="merchants")
        if not _PIN.fullmatch(self.pin):
            raise InvalidSettings("A PIN has four digits.", argument="pin")
        if self.start_at is not None and self.start_at.tzinfo is None:
            raise InvalidSettings("start_at needs a time zone.", argument="start_at")

    def merchant(self, short_code: str) -> Merchant | None:
        return next((each for each in self.merchants if each.short_code == short_code), None)

    def paid_at(self, number: str) -> Merchant | None:
        """Who is paid by hand under ``number``: a paybill, or a till by its till number."""
        return next((each for each in self.merchants if (each.till_number or each.short_code) == number), None)
