"""Registering an account at Safaricom: where C2B notices go (daraja.md §6), and that payments may be pulled (§10).

It moves no money, and asking twice does no harm. In production C2B is registered once and for all, and a second try is
told no more than that something is there: so what is tried is noted before it is sent, and taken for ours when its
answer was lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar, assert_never

from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Declined, NotSent, Unknown
from rufaa.daraja.registration import AlreadyRegistered, Registered
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, unit
from rufaa.errors import InvalidArgument
from rufaa.payments import pulls
from rufaa.payments.access import Accounts

T = TypeVar("T")

_SQL: Final = sql.load(__file__, "registering.sql")


@dataclass(frozen=True, slots=True)
class Told:
    """What Daraja answered, in plain words; ``registered``: payments are told of, or may be pulled, from now on."""

    registered: bool
    words: str


class Registrar:
    """Registers accounts over a Daraja client, each call once."""

    def __init__(self, daraja: Daraja, accounts: Accounts, aside: Aside) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside

    async def c2b(self, account: uuid.UUID, *, public_url: str, confirmation_url: str, validation_url: str) -> Told:
        """Tell Safaricom where to post C2B notices. Raises ``InvalidCallbackUrl`` before anything is sent."""
        if await self._commit(partial(_shares, account=account)):
            return Told(False, _SHARED)
        access = await self._accounts.get(account)
        before = await self._commit(partial(_intend, account=account, public_url=public_url))
        try:
            outcome = await self._daraja.register_c2b(
                access.credentials, access.tokens, confirmation_url=confirmation_url, validation_url=validation_url
            )
        except InvalidArgument:
            await self._commit(partial(_forget, account=account, before=before))
            raise
        match outcome:
            case Registered():
                await self._commit(partial(_registered, account=account, public_url=public_url))
                return Told(True, f"Registered. Payments will be told of at {public_url}. {_said(outcome)}")
            case AlreadyRegistered(perhaps_by_another=False) if before["c2b_urls_for"] == public_url:
                await self._commit(partial(_registered, account=account, public_url=public_url))
                return Told(True, f"Registered already, by an earlier try from here for {public_url}. {_said(outcome)}")
            case AlreadyRegistered(perhaps_by_another=True):
                words = (
                    "Something is registered already, perhaps by an aggregator who holds the short code: payments are"
                    f" told there and not here. Have it removed, then run this again. {_said(outcome)}"
                )
            case AlreadyRegistered():
                words = (
                    "Addresses are registered already, and Safaricom does not say which: perhaps another system's, or"
                    " an earlier server's. Two operators remove them on the M-Pesa portal; then run this again."
                    f" {_said(outcome)}"
                )
            case Declined() | NotSent():
                words = _turned_away(outcome)
            case Unknown():
                return Told(False, _not_known(outcome))  # the note of the try stays
            case never:
                assert_never(never)
        await self._commit(partial(_forget, account=account, before=before))
        return Told(False, words)

    async def pull(self, account: uuid.UUID, *, callback_url: str) -> Told:
        """Turn Pull on for the account. Raises ``InvalidArgument`` where the nominated number is not known."""
        if await self._commit(partial(_shares, account=account)):
            return Told(False, _SHARED)
        access = await self._accounts.get(account)
        outcome = await self._daraja.pull_register(access.credentials, access.tokens, callback_url=callback_url)
        match outcome:
            case Registered() | AlreadyRegistered():
                await self._commit(partial(_pull_registered, account=account))
                already = " already" if isinstance(outcome, AlreadyRegistered) else ""
                return Told(True, f"Registered{already}. Payments can be pulled. {_said(outcome)}")
            case Declined() | NotSent():
                return Told(False, _turned_away(outcome))
            case Unknown():
                return Told(False, _not_known(outcome))
            case never:
                assert_never(never)

    async def _commit(self, work: Callable[[Tx], T]) -> T:
        return await self._aside.run(lambda: unit(work))


_SHARED: Final = (
    "Nothing was registered: several accounts here have this short code, and what M-Pesa tells of a payment does not"
    " say to which of them it came. It would be booked as one's and as the other's. Use one account for the short code,"
    " or leave C2B and Pull off."
)


def _shares(tx: Tx, *, account: uuid.UUID) -> bool:
    row = tx.row(_SQL["shares"], {"account": account})
    return row is not None and bool(row["shares"])


def _intend(tx: Tx, *, account: uuid.UUID, public_url: str) -> dict[str, Any]:
    """Note what is tried; what was noted before comes back."""
    before = tx.row(_SQL["before"], {"account": account})
    if before is None:
        raise AssertionError(f"account {account} vanished")
    if before["c2b_registered_at"] is None:
        tx.execute(_SQL["intend"], {"account": account, "public_url": public_url})
    return before


def _forget(tx: Tx, *, account: uuid.UUID, before: dict[str, Any]) -> None:
    """It was not registered: what was noted before stands again."""
    if before["c2b_registered_at"] is None:
        tx.execute(_SQL["intend"], {"account": account, "public_url": before["c2b_urls_for"]})


def _registered(tx: Tx, *, account: uuid.UUID, public_url: str) -> None:
    tx.execute(_SQL["c2b_registered"], {"account": account, "public_url": public_url})


def _pull_registered(tx: Tx, *, account: uuid.UUID) -> None:
    tx.execute(_SQL["pull_registered"], {"account": account})
    pulls.start(tx, account)


def _said(outcome: Registered | AlreadyRegistered) -> str:
    code = f"{outcome.code} " if isinstance(outcome, AlreadyRegistered) else ""
    return f"Daraja: {code}{outcome.message or '(no words)'}"


def _turned_away(outcome: Declined | NotSent) -> str:
    what = "Declined" if isinstance(outcome, Declined) else "Not sent"
    return f"{what}: nothing was registered. Daraja: {outcome.code} {outcome.message}"


def _not_known(outcome: Unknown) -> str:
    return (
        "It is not known whether it was registered: the answer was lost, or says neither. Run this again: that does no"
        f" harm. {outcome.code}: {outcome.message}"
    )


def forget(tx: Tx, account: uuid.UUID) -> None:
    """Whoever runs the account had its registrations taken away."""
    tx.execute(_SQL["forget"], {"account": account})
    pulls.stop(tx, account)
