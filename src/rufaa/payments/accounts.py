"""The M-Pesa accounts of a facility, as its administrators read them: what is set and how it goes, never a key.

An account whose money is one facility's alone is held and checked by that facility's administrators; one that several
share is the operator's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rufaa import ids, reads, secret
from rufaa.daraja.credentials import Credentials, is_sandbox_passkey
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError
from rufaa.facilities.models import Facility, MpesaAccount
from rufaa.facilities.operations import credentials_of
from rufaa.facilities.queries import Forbidden
from rufaa.payments import hold, key_checks
from rufaa.payments.hold import Hold
from rufaa.payments.key_checks import Check

_SQL: Final = sql.load(__file__, "accounts.sql")


class AccountNotFound(RufaaError):
    """The facility has no such account, and none of its money goes there."""

    kind = Kind.NOT_FOUND
    code = "account-not-found"


class SharedAccount(Forbidden):
    """Other facilities' money goes to the account too: what is done to it is done to them."""

    code = "shared-account"


@dataclass(frozen=True, slots=True)
class LastPrompt:
    """What became of the newest prompt that Safaricom answered: the one proof of a passkey that there is."""

    at: datetime
    taken: bool
    said: str

    @property
    def refuses_passkey(self) -> bool:
        said = self.said.lower()
        return not self.taken and ("wrong credentials" in said or "merchant does not exist" in said)


@dataclass(frozen=True, slots=True)
class Keys:
    """Which keys there are. ``readable``: a secret of the operator's opens them."""

    readable: bool
    sandbox_passkey: bool = False
    initiator: bool = False
    nominated_number: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """``own``: its money is this facility's alone."""

    id: uuid.UUID
    environment: str
    kind: str
    short_code: str
    till_number: str
    own: bool
    c2b_registered_at: datetime | None
    pull_registered_at: datetime | None
    keys: Keys
    held: Hold | None
    check: Check | None
    last_prompt: LastPrompt | None


def of_facility(tx: Tx, facility: Facility, *, keys: tuple[str, ...]) -> list[Account]:
    """The accounts that are ``facility``'s, or to which money of its referrals goes."""
    reads.note("prices")
    rows = tx.rows(_SQL["of_facility"], {"facility": facility.pk})
    reads.note(*(reads.topic("account", row["id"]) for row in rows))
    held = hold.held_now(tx)
    checks = key_checks.latest(tx, [row["id"] for row in rows])
    return [_account(row, keys=keys, held=held.get(row["id"]), check=checks.get(row["id"])) for row in rows]


def own(tx: Tx, facility: Facility, account: object) -> uuid.UUID:
    """An account that ``facility`` alone is paid to. Raises ``AccountNotFound`` and ``SharedAccount``."""
    identifier = ids.from_wire(account)
    found = [row for row in tx.rows(_SQL["of_facility"], {"facility": facility.pk}) if row["id"] == identifier]
    if identifier is None or not found:
        raise AccountNotFound("This facility has no such M-Pesa account.")
    if not found[0]["own"]:
        raise SharedAccount(
            "Other facilities are paid to this account too: an operator does this. Nothing was changed."
        )
    return identifier


def _account(row: dict[str, Any], *, keys: tuple[str, ...], held: Hold | None, check: Check | None) -> Account:
    prompt = None
    if row["prompt_at"] is not None:
        prompt = LastPrompt(row["prompt_at"], row["prompt_taken"], row["prompt_said"])
    plain = ("id", "environment", "kind", "short_code", "till_number", "own", "c2b_registered_at", "pull_registered_at")
    return Account(
        **{name: row[name] for name in plain},
        keys=_keys(row, keys),
        held=held,
        check=check,
        last_prompt=prompt,
    )


def _keys(row: dict[str, Any], keys: tuple[str, ...]) -> Keys:
    names = ("id", "environment", "base_url", "short_code", "kind", "till_number", "sealed_keys")
    try:
        found: Credentials = credentials_of(MpesaAccount(**{name: row[name] for name in names}), keys=keys)
    except (secret.CannotUnseal, RufaaError, ValueError):
        return Keys(readable=False)
    return Keys(
        readable=True,
        sandbox_passkey=is_sandbox_passkey(found.passkey),
        initiator=found.initiator_name is not None,
        nominated_number=found.nominated_number is not None,
    )
