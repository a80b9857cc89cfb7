"""What one M-Pesa account needs to speak to Daraja. One that exists is well formed; its secrets stay out of logs.

Where the values come from (environment, a table of facilities) is not decided here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from rufaa.daraja.initiator import certificate_problem, name_problem, password_problem
from rufaa.errors import InvalidArgument

_SHORT_CODE: Final = re.compile(r"[0-9]{5,7}")
_TILL_NUMBER: Final = re.compile(r"[0-9]{5,10}")
_SECRET: Final = re.compile(r"[!-~]{1,512}")
SANDBOX_SHORT_CODE: Final = "174379"  # everybody's, as is its passkey (daraja.md §13)
_SANDBOX_PASSKEY_SHA256: Final = "6b933448d12f658cae3204515c314d7745b132307854ba107b16922825446b73"
_SIMULATORS_KEYS: Final = frozenset({"demo-key", "demo-secret", "demo-passkey"})
_NOMINATED: Final = re.compile(r"254[17][0-9]{8}")


class Environment(StrEnum):
    """Which Safaricom answers."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"
    SIMULATOR = "simulator"  # ours: plain http and private addresses are allowed


class AccountKind(StrEnum):
    """What kind of number customers pay to (daraja.md §3)."""

    PAYBILL = "paybill"
    TILL = "till"


class C2bVersion(StrEnum):
    """Which C2B product the Daraja app has; the other one is answered 401.003.01 (daraja.md §6)."""

    V1 = "v1"  # shows a SHA-256 of the payer's number
    V2 = "v2"  # shows it masked


class PullMethod(StrEnum):
    """How Pull is queried: documented as GET with a body, done by everybody as POST (daraja.md §15)."""

    POST = "post"
    GET = "get"


BASE_URLS: Final = {  # daraja.md §1
    Environment.SANDBOX: "https://sandbox.safaricom.co.ke",
    Environment.PRODUCTION: "https://api.safaricom.co.ke",
}


class InvalidCredentials(InvalidArgument):
    """The account's settings cannot work. ``data.problems`` lists everything that is missing or wrong."""

    code = "invalid-mpesa-credentials"

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(
            "The M-Pesa account is not usable: " + "; ".join(problems) + ".", argument="credentials", problems=problems
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One M-Pesa account. Raises ``InvalidCredentials`` naming everything that is wrong, never a secret's value.

    ``short_code`` is the paybill, or for a till the head-office (store) number; ``till_number`` is the till itself.
    The initiator's three fields go together, and only status, reversal and B2C need them; ``certificate`` is
    Safaricom's own, as PEM text. ``nominated_number`` is the phone that the organisation registered, for Pull only.
    """

    environment: Environment
    base_url: str
    short_code: str
    till_number: str | None
    kind: AccountKind
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    passkey: str = field(repr=False)
    initiator_name: str | None = None
    initiator_password: str | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    c2b_version: C2bVersion = C2bVersion.V2
    pull_method: PullMethod = PullMethod.POST
    nominated_number: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        found = list(problems(self))
        if found:
            raise InvalidCredentials(found)

    @property
    def transaction_type(self) -> str:
        """The TransactionType of a push (daraja.md §3)."""
        return "CustomerPayBillOnline" if self.kind is AccountKind.PAYBILL else "CustomerBuyGoodsOnline"

    @property
    def party_b(self) -> str:
        """Who is paid: the paybill itself, or the till number (daraja.md §3)."""
        if self.kind is AccountKind.TILL:
            assert self.till_number is not None  # problems() saw to it
            return self.till_number
        return self.short_code

    def url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path


def problems(account: Credentials) -> list[str]:
    """Everything that is wrong with the account, one short clause each."""
    found: list[str] = []
    if not _SHORT_CODE.fullmatch(account.short_code):
        found.append("the short code is not 5 to 7 digits")
    if account.kind is AccountKind.TILL and account.till_number is None:
        found.append("a till needs its till number")
    if account.till_number is not None and not _TILL_NUMBER.fullmatch(account.till_number):
        found.append("the till number is not 5 to 10 digits")
    for name, value in (
        ("consumer key", account.consumer_key),
        ("consumer secret", account.consumer_secret),
        ("passkey", account.passkey),
    ):
        if not _SECRET.fullmatch(value):
            found.append(f"the {name} is empty, too long, or has spaces or non-ASCII characters")
    if ":" in account.consumer_key:  # HTTP Basic would split it there
        found.append("the consumer key has a colon")
    found.extend(_base_url_problems(account))
    found.extend(_public_values(account))
    found.extend(_initiator_problems(account))
    if account.nominated_number is not None and not _NOMINATED.fullmatch(account.nominated_number):
        found.append("the nominated number is not of the form 2547XXXXXXXX or 2541XXXXXXXX")
    return found


def is_sandbox_passkey(passkey: str) -> bool:
    """Whether it is the one that Safaricom shows to every developer."""
    return hashlib.sha256(passkey.encode()).hexdigest() == _SANDBOX_PASSKEY_SHA256


def _public_values(account: Credentials) -> list[str]:
    """What everybody knows, and therefore opens nothing, where it must open something."""
    found: list[str] = []
    if account.environment is Environment.PRODUCTION:
        if account.short_code == SANDBOX_SHORT_CODE:
            found.append(f"the short code {SANDBOX_SHORT_CODE} is the sandbox's, and production needs your own")
        if is_sandbox_passkey(account.passkey):
            found.append("the passkey is the sandbox's, and production needs the one that Safaricom sent you by e-mail")
    if account.environment is not Environment.SIMULATOR:
        for name, value in (
            ("consumer key", account.consumer_key),
            ("consumer secret", account.consumer_secret),
            ("passkey", account.passkey),
        ):
            if value in _SIMULATORS_KEYS:
                found.append(f"the {name} is the simulator's, which Safaricom does not know")
    return found


def _initiator_problems(account: Credentials) -> list[str]:
    name, password, certificate = account.initiator_name, account.initiator_password, account.certificate
    found = [
        name_problem(name) if name is not None else None,
        password_problem(password) if password is not None else None,
        certificate_problem(certificate) if certificate is not None else None,
    ]
    if len({value is None for value in (name, password, certificate)}) > 1:
        found.append("an initiator needs a name, a password and a certificate, or none of the three")
    return [problem for problem in found if problem is not None]


def _base_url_problems(account: Credentials) -> list[str]:
    try:
        url = urlsplit(account.base_url)
        host, _ = url.hostname, url.port
    except ValueError:
        return ["the base URL is not a URL"]
    if url.scheme not in {"http", "https"} or not host or any(c.isspace() for c in account.base_url):
        return ["the base URL is not an http or https URL"]
    if url.username is not None or url.query or url.fragment:
        return ["the base URL has a user, a query or a fragment"]
    if url.scheme == "http" and account.environment is not Environment.SIMULATOR:
        return [f"the base URL of {account.environment} must be https"]
    return []
