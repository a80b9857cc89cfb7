"""Asks Safaricom whether an account's keys are right: a worker's part, between two commits and in no transaction.

It asks for an access token, which moves no money, through the keeper that all processes share: a new token may end the
one before (daraja.md §2). Keys that are refused are tried once where apps of the other kind live, so that a sandbox key
on a production account is called what it is.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from rufaa import secret
from rufaa.daraja.client import Daraja
from rufaa.daraja.credentials import BASE_URLS, AccountKind, Credentials, Environment
from rufaa.daraja.tokens import TokenUnavailable
from rufaa.db.aside import Aside
from rufaa.db.atomic import look, unit
from rufaa.errors import InvalidArgument
from rufaa.payments import key_checks
from rufaa.payments.access import Account, Accounts
from rufaa.payments.key_checks import Due, Finding

_OTHER: Final = {Environment.PRODUCTION: Environment.SANDBOX, Environment.SANDBOX: Environment.PRODUCTION}
_UNREACHED: Final = frozenset({"dns", "not-connected", "timeout", "connection-lost", "tls"})
_BUSY: Final = frozenset({"renewal-slow", "http-429"})
_REFUSED: Final = ("http-400", "http-401", "http-403", "400.", "401.", "403.")
_LONGEST_S: Final = 40.0  # below the lease


def elsewhere(account: Credentials) -> Credentials | None:
    """The same keys where apps of the other kind live; None for the simulator, of which there is one. Only for a token:
    what else an account has stays behind."""
    other = _OTHER.get(account.environment)
    if other is None:
        return None
    return replace(
        account,
        environment=other,
        base_url=BASE_URLS[other],
        short_code="600000",
        till_number=None,
        kind=AccountKind.PAYBILL,
        passkey="0" * 64,
        initiator_name=None,
        initiator_password=None,
        certificate=None,
    )


class KeyChecker:
    """``other`` says where else refused keys are tried."""

    def __init__(
        self,
        daraja: Daraja,
        accounts: Accounts,
        aside: Aside,
        *,
        other: Callable[[Credentials], Credentials | None] = elsewhere,
    ) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._other = other

    async def round(self) -> float | None:
        """Do one check that is due; 0.0: there may be another."""
        due = await self._aside.run(lambda: unit(key_checks.claim))
        if due is None:
            return None
        finding, said = await self._find(due.account)
        await self._aside.run(partial(_end, due, finding, said))
        return 0.0

    async def _find(self, account: uuid.UUID) -> tuple[Finding, str]:
        try:
            async with asyncio.timeout(_LONGEST_S):
                kept = await self._accounts.get(account)
                return await self._ask(kept)
        except (secret.CannotUnseal, InvalidArgument, ValueError):
            return Finding.UNREADABLE, ""
        except TimeoutError:
            return Finding.NO_ANSWER, ""

    async def _ask(self, account: Account) -> tuple[Finding, str]:
        try:
            held = await self._held(account)
            await account.tokens.token(rejected=held)
        except TokenUnavailable as error:
            finding = _finding(error)
            if finding is Finding.WRONG and await self._is_good_elsewhere(account.credentials):
                finding = Finding.OTHER_ENVIRONMENT
            return finding, error.message
        return Finding.RIGHT, ""

    async def _held(self, account: Account) -> str | None:
        """The token that is in use, which proves nothing about the keys of now; None: there is none, and asking for one
        is the check."""
        return await self._aside.run(lambda: look(account.tokens.held))

    async def _is_good_elsewhere(self, account: Credentials) -> bool:
        there = self._other(account)
        if there is None:
            return False
        try:
            await self._daraja.fetch_token(there)
        except TokenUnavailable:
            return False
        return True


def _end(due: Due, finding: Finding, said: str) -> None:
    unit(lambda tx: key_checks.end(tx, due, finding, said=said))


def _finding(error: TokenUnavailable) -> Finding:
    if error.reason in _UNREACHED:
        return Finding.NO_ANSWER
    if error.reason in _BUSY:
        return Finding.BUSY
    return Finding.WRONG if error.reason.startswith(_REFUSED) else Finding.ODD
