"""What all processes share about an M-Pesa account: one access token, and one budget of pushes and queries.

Both live in ``mpesa_access``. A new token may kill the one before (daraja.md §2), so one process renews at a time,
under a lease, and a renewer that comes too late finds its write refused.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rufaa import clock, metrics, secret
from rufaa.daraja import rate
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.outcomes import Exchange, NoNews
from rufaa.daraja.tokens import RENEW_AHEAD_S, TokenSource, TokenUnavailable
from rufaa.db import sql
from rufaa.db.aside import Aside
from rufaa.db.atomic import Tx, look, unit
from rufaa.db.failpoints import Step, around
from rufaa.facilities.models import MpesaAccount
from rufaa.facilities.operations import credentials_of

if TYPE_CHECKING:  # who only locks an account, as every command does, needs no HTTP client: it is a tenth of a start
    from rufaa.daraja.client import Daraja

T = TypeVar("T")

_SQL: Final = sql.load(__file__, "access.sql")
_RENEWAL_S: Final = 30
_LOOK_AGAIN_S: Final = 0.1
_WAIT_S: Final = 20.0


class Budget(StrEnum):
    """What an account's rate limits are about."""

    PUSH = "push"
    QUERY = "query"


def spend(tx: Tx, account: uuid.UUID, budget: Budget, *, due: str, limit: int) -> tuple[int, float | None]:
    """Take from the account's shared budget: (how many of what is due may go now, seconds until more may).

    ``due`` is the query that counts what is due, up to one more than may go; it runs under the lock of the account's
    row, which is held until the commit, so that two workers never spend a slot for the same prompt. None: nothing is
    held back.
    """
    row = lock(tx, account)
    most = max(0, limit)
    counted = tx.row(due, {"account": account, "most": most + 1})
    if row is None or counted is None:
        return 0, None
    wanted = min(counted["due"], most)
    tat, limit_ = row[f"{budget}_tat"], _limit(row, budget)
    admission = rate.admit(tat, row["now"], interval_s=limit_.interval_s, burst=limit_.burst, wanted=wanted)
    # Also what was pulled back, since the clock was set back: else it would be pulled back, and in vain, each time.
    if admission.granted or (tat is not None and admission.tat < tat):
        tx.execute(_SQL[f"store_{budget}"], {"account": account, "tat": admission.tat})
    if admission.granted == counted["due"]:
        return admission.granted, None
    return admission.granted, (admission.next_free_at - row["now"]).total_seconds()


def lock(tx: Tx, account: uuid.UUID) -> dict[str, Any] | None:
    """The account's budgets and rates, locked until the commit; None if it has none, and then nothing is claimed."""
    return tx.row(_SQL["lock_budget"], {"account": account})


def forgo_burst(tx: Tx, account: uuid.UUID) -> None:
    """One push may go now, and each next one an interval later: what was saved up while nothing was sent is lost."""
    row = lock(tx, account)
    if row is not None:
        limit = _limit(row, Budget.PUSH)
        tat = rate.without_burst(row["push_tat"], row["now"], interval_s=limit.interval_s, burst=limit.burst)
        tx.execute(_SQL["store_push"], {"account": account, "tat": tat})


@dataclass(frozen=True, slots=True)
class _Limit:
    interval_s: float
    burst: int


def _limit(row: Mapping[str, Any], budget: Budget) -> _Limit:
    if budget is Budget.PUSH:
        return _Limit(1 / row["pushes_per_s"], max(1, int(row["pushes_per_s"])))
    # "5 per 60 s, burst 1" was measured (daraja.md §5); who may ask more is taken to have a burst of a second
    return _Limit(60 / row["queries_per_min"], max(1, int(row["queries_per_min"] / 60)))


def claim(
    tx: Tx, budget: Budget, statements: Mapping[str, str], *, limit: int, **params: object
) -> tuple[list[dict[str, Any]], float | None]:
    """Claim what is due of all accounts, up to ``limit`` rows and within each account's budget. Each may have its part
    of ``limit``, and what those before it leave; where that is too few for all, those that had nothing for the longest
    have it. No account's backlog holds up another's.

    ``statements`` has the queries ``due_accounts``, ``count_due`` and ``claim``; ``params`` go to the last. Also:
    seconds until more may be claimed, None if nothing is held back.
    """
    rows: list[dict[str, Any]] = []
    waits: list[float] = []
    accounts: list[uuid.UUID] = [row["account_id"] for row in tx.rows(statements["due_accounts"])]
    served = accounts
    if limit < len(accounts):
        about = {"accounts": accounts, "limit": max(0, limit)}
        served = [row["account_id"] for row in tx.rows(_SQL[f"served_long_ago_{budget}"], about)]
    left = len(served)
    for account in accounts:
        part = 0
        if account in served:
            part = -(-(limit - len(rows)) // left)
            left -= 1
        granted, free_in_s = spend(tx, account, budget, due=statements["count_due"], limit=part)
        if free_in_s is not None:
            waits.append(free_in_s)
        if granted:
            rows += tx.rows(statements["claim"], {**params, "account": account, "limit": granted})
    return rows, min(waits, default=None)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that can be used: its credentials and its shared token."""

    credentials: Credentials
    tokens: SharedTokens


@dataclass(frozen=True, slots=True)
class AtHand:
    """An account as a transaction found it: its credentials, and tokens of which the first need not be asked for."""

    credentials: Credentials
    tokens: TokenSource


class Accounts:
    """The accounts that this process has used, by id. Keys are read again when their row changes."""

    def __init__(self, daraja: Daraja, aside: Aside, *, keys: tuple[str, ...]) -> None:
        self._daraja = daraja
        self._aside = aside
        self._keys = keys
        self._known: dict[uuid.UUID, tuple[bytes, Account]] = {}

    async def get(self, account: uuid.UUID) -> Account:
        """Raises ``CannotUnseal`` where the keys cannot be read."""
        return self._of(await self._aside.run(lambda: look(lambda _: MpesaAccount.objects.get(pk=account))))

    async def to_ask(self, account: uuid.UUID) -> Account | NoNews:
        """As ``get``. Where the keys cannot be read nothing is learned, and a schedule of questions goes on to its end,
        which is a person."""
        try:
            return await self.get(account)
        except secret.CannotUnseal as error:
            return NoNews(error.code, error.message, None, Exchange(None, b"", clock.now(), 0.0))

    def at_hand(self, tx: Tx, account: uuid.UUID) -> AtHand:
        """For what is sent at once. Raises ``CannotUnseal`` as ``get`` does."""
        row = tx.row(_SQL["at_hand"], {"account": account})
        known = self._known.get(account)
        if row is None or known is None or known[0] != _version(row["sealed_keys"], row["base_url"]):
            used = self._of(MpesaAccount.objects.get(pk=account))
        else:
            used = known[1]
        return AtHand(used.credentials, _TokenAtHand(used.tokens.held_by(row), used.tokens))

    def _of(self, row: MpesaAccount) -> Account:
        account, version = row.pk, _version(row.sealed_keys, row.base_url)
        known = self._known.get(account)
        if known is None or known[0] != version:
            credentials = credentials_of(row, keys=self._keys)
            tokens = SharedTokens(account, self._daraja, credentials, self._aside, keys=self._keys)
            known = self._known[account] = (version, Account(credentials, tokens))
        return known[1]


def _version(sealed_keys: bytes | memoryview, base_url: str) -> bytes:
    """What an account's credentials were made from."""
    return bytes(sealed_keys) + base_url.encode()


@dataclass(frozen=True, slots=True)
class _TokenAtHand:
    """A token that was in use a moment ago. If none was, or Daraja refuses it, the account's others follow."""

    held: str | None
    others: SharedTokens

    async def token(self, *, rejected: str | None = None) -> str:
        if self.held is not None and rejected is None:
            return self.held
        return await self.others.token(rejected=rejected)


class SharedTokens:
    """The account's one token, in the database. A ``TokenSource`` for the Daraja client."""

    def __init__(
        self, account: uuid.UUID, daraja: Daraja, credentials: Credentials, aside: Aside, *, keys: tuple[str, ...]
    ) -> None:
        self._account = account
        self._daraja = daraja
        self._credentials = credentials
        self._aside = aside
        self._keys = keys
        self._one_at_a_time = asyncio.Lock()

    async def token(self, *, rejected: str | None = None) -> str:
        """The token that all use. Raises ``TokenUnavailable``."""
        async with self._one_at_a_time, asyncio.timeout(_WAIT_S + _RENEWAL_S):
            until = asyncio.get_running_loop().time() + _WAIT_S
            while True:
                held, renewal = await self._aside.run(lambda: look(self._read))
                if held is not None and held != rejected:
                    return held
                mine = await self._commit(Step.TOKEN_BEGIN, partial(self._begin, seen=renewal))
                if mine is not None:
                    return await self._renew(mine)
                if asyncio.get_running_loop().time() > until:
                    raise TokenUnavailable(
                        "Another process renews the access token and has not finished.",
                        reason="renewal-slow",
                        retry_after_s=5.0,
                    )
                await asyncio.sleep(_LOOK_AGAIN_S)  # another process renews; it takes one round trip to Safaricom

    async def _renew(self, mine: int) -> str:
        try:
            with around(Step.TOKEN_CALL):
                fetched = await self._daraja.fetch_token(self._credentials)
            sealed = secret.seal(self._keys, fetched.access_token.encode(), context=self._context)
            lives_s = max(fetched.expires_in_s - RENEW_AHEAD_S, fetched.expires_in_s / 2)
            params = {**self._mine(mine), "sealed": sealed, "lives_s": lives_s}
            await self._commit(Step.TOKEN_STORE, lambda tx: tx.execute(_SQL["store_token"], params))
        except BaseException:  # also where it is not known whether the token was stored: then this changes nothing
            metrics.RENEWALS.labels(outcome="failed").inc()
            ended = self._commit(Step.TOKEN_END, lambda tx: tx.execute(_SQL["end_renewal"], self._mine(mine)))
            await asyncio.shield(ended)
            raise
        metrics.RENEWALS.labels(outcome="renewed").inc()
        return fetched.access_token

    def held(self, tx: Tx) -> str | None:
        """The token that is in use now, if one is."""
        return self._read(tx)[0]

    def _read(self, tx: Tx) -> tuple[str | None, int]:
        row = tx.row(_SQL["at_hand"], {"account": self._account})
        return self.held_by(row), 0 if row is None else row["renewal"]

    def held_by(self, row: Mapping[str, Any] | None) -> str | None:
        """The token that is in use now, if one is, by a row of ``at_hand``. Raises ``TokenUnavailable``."""
        if row is None:
            raise TokenUnavailable("This account is not set up.", reason="no-account", retry_after_s=60.0)
        if row["sealed_token"] is None or not row["fresh"]:
            return None
        try:
            return secret.unseal(self._keys, bytes(row["sealed_token"]), context=self._context).decode()
        except secret.CannotUnseal:  # sealed under a key that is gone: a new token costs nothing
            return None

    def _begin(self, tx: Tx, seen: int) -> int | None:
        row = tx.row(_SQL["begin_renewal"], {"account": self._account, "seen": seen, "lease_s": _RENEWAL_S})
        return None if row is None else int(row["renewal"])

    def _mine(self, renewal: int) -> dict[str, object]:
        return {"account": self._account, "renewal": renewal}

    async def _commit(self, step: Step, work: Callable[[Tx], T]) -> T:
        return await self._aside.run(lambda: unit(work, step=step))

    @property
    def _context(self) -> str:
        return f"mpesa-token:{self._account.hex}"
