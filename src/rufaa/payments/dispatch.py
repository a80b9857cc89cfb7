"""From a committed prompt to Daraja's answer: claim, commit, POST, commit.

A prompt that is claimed is never sent again unless Daraja said that it did not take it. No network call stands inside a
transaction. Writes of a worker carry the number of its lease, so that one that was frozen too long moves nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, assert_never

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from rufaa import clock, metrics
from rufaa.daraja import codes
from rufaa.daraja.client import Daraja
from rufaa.daraja.outcomes import Accepted, Because, Declined, Exchange, NotSent, PushOutcome, Unknown
from rufaa.db import sql
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import Tx, unit
from rufaa.db.failpoints import Step, around
from rufaa.errors import RufaaError
from rufaa.money import Money
from rufaa.payments import access
from rufaa.payments.access import Accounts, Budget
from rufaa.payments.hold import GIVEN_UP, HELD_FOR_S
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S, PromptEvent, PromptState, next_query_s
from rufaa.phone import Phone, masked

_SQL: Final = sql.load(__file__, "dispatch.sql")
_log = structlog.get_logger()

LEASE_S: Final = 60
"""Longer than the client's whole deadline (25 s), so that only a dead or frozen worker loses its lease."""
LATEST_START_S: Final = 30
"""A push begins at most so long after its claim: with the client's deadline it ends within the lease."""
SEND_FOR_S: Final = 150
"""How long a prompt that Daraja does not take is tried; then the person asks again. On hold: ``HELD_FOR_S``."""
CLOCK_SLACK_S: Final = 60
"""What is further ahead than can be, by more than this, is from before the database's clock was set back."""
_RECORD_FOR_S: Final = 600
_RECORD_AGAIN_S: Final = 2.0
DESCRIPTION: Final = "Referral fee"  # at most 13 characters (daraja.md §3); no name, no diagnosis


_LEASE: Final = {"lease_s": LEASE_S}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A prompt that this worker, and nobody else, may send once."""

    id: uuid.UUID
    lease: int
    account: uuid.UUID
    phone: Phone
    amount: Money
    account_code: str


def claim_due(tx: Tx, *, limit: int) -> tuple[list[Claimed], float | None]:
    """Claim prompts that are due, within each account's rate. Also: seconds until more may go, None if none wait."""
    rows, wait_s = access.claim(tx, Budget.PUSH, _SQL, limit=limit, lease_s=LEASE_S)
    claimed = [_claimed(row) for row in rows]
    return claimed, wait_s


def _claimed(row: dict[str, Any]) -> Claimed:
    return Claimed(
        id=row["id"],
        lease=row["lease"],
        account=row["account_id"],
        phone=Phone(row["payer_phone"]),
        amount=Money(row["amount_cents"]),
        account_code=row["account_code"],
    )


def record(tx: Tx, prompt: Claimed, outcome: PushOutcome) -> None:
    """Commit what Daraja said. Where a callback settled the prompt first, or the lease ran out, only ids are kept."""
    values: dict[str, Any] = {"id": prompt.id, "lease": prompt.lease, "checkout": None, "merchant": None}
    match outcome:
        case Accepted():
            values |= {"checkout": outcome.checkout_request_id, "merchant": outcome.merchant_request_id}
            values |= _move(PromptState.PENDING, PromptEvent.ACCEPTED, next_s=next_query_s(0))
            values |= {"code": "", "message": outcome.customer_message}
        case Declined():
            values |= _move(PromptState.REFUSED, PromptEvent.DECLINED, next_s=None)
            values |= {"code": "1001" if outcome.phone_busy else outcome.code, "message": outcome.message}
        case NotSent():
            values |= _move(PromptState.CREATED, PromptEvent.NOT_SENT, next_s=outcome.retry_after_s)
            values |= {"code": outcome.code, "message": outcome.message}
        case Unknown():
            values |= _move(PromptState.UNKNOWN, PromptEvent.ANSWER_LOST, next_s=UNKNOWN_WITHOUT_ID_S)
            values |= {"code": outcome.code, "message": outcome.message}
        case never:
            assert_never(never)
    try:
        with transaction.atomic():  # a savepoint: Daraja giving one id twice must not lose the rest
            moved = tx.execute(_SQL["record"], values)
            if not moved:
                tx.execute(_SQL["keep_ids"], values)
    except IntegrityError:
        _log.error("prompt.id_given_twice", prompt=prompt.id.hex)
        values |= {"checkout": None, "merchant": None, "code": "id-given-twice"}
        values |= _move(PromptState.UNKNOWN, PromptEvent.ANSWER_LOST, next_s=UNKNOWN_WITHOUT_ID_S)
        tx.execute(_SQL["record"], values)
    tx.wake_workers()


def _move(state: PromptState, event: PromptEvent, *, next_s: float | None) -> dict[str, Any]:
    return {"state": state, "event": event, "next_s": next_s}


def tidy(tx: Tx) -> None:
    """Before claiming: what must not be sent any more, and what a worker that died or froze may have sent."""
    late = {"slack_s": CLOCK_SLACK_S}
    unmade = tx.rows(_SQL["made_in_the_future"], late)
    moved = [*tx.rows(_SQL["sent_in_the_future"], late), *tx.rows(_SQL["leased_for_too_long"], late | _LEASE)]
    for row in (*unmade, *moved):
        _log.warning("prompt.clock_set_back", prompt=row["id"].hex)
    tx.execute(_SQL["withdraw"])
    patience = {"send_for_s": SEND_FOR_S, "held_for_s": HELD_FOR_S, "held": GIVEN_UP}
    tx.execute(_SQL["give_up"], patience)
    for row in tx.rows(_SQL["expire"], {"wait_s": UNKNOWN_WITHOUT_ID_S}):
        _log.warning("prompt.lease_expired", prompt=row["id"].hex)


def next_sending_s(tx: Tx) -> float | None:
    """Seconds until the next prompt has to be sent, or loses its lease; None if none ever has to."""
    return tx.seconds(_SQL["next_due"])


def _uptime_s() -> float:
    """A clock that runs on while the machine is suspended, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Dispatcher:
    """Sends what is due, many at a time, within the accounts' rates."""

    def __init__(
        self,
        daraja: Daraja,
        accounts: Accounts,
        aside: Aside,
        *,
        callback_url: Callable[[uuid.UUID], str],
        at_once: int = 100,
    ) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._callback_url = callback_url
        self._at_once = at_once
        self._flying: set[asyncio.Task[None]] = set()
        self._draining = False

    async def round(self) -> float | None:
        """Claim and start sending what is due; returns seconds until more may go, None if nothing waits."""
        room = self._at_once - len(self._flying)
        if room <= 0:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            return 0.0
        await self._aside.run(lambda: unit(tidy, step=Step.DISPATCH_TIDY))
        claimed_at = _uptime_s()
        claimed, wait_s = await self._aside.run(
            lambda: unit(lambda tx: claim_due(tx, limit=room), step=Step.DISPATCH_CLAIM)
        )
        for prompt in claimed:
            task = asyncio.create_task(self._send(prompt, claimed_at=claimed_at))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        return wait_s

    async def drain(self) -> None:
        """Wait for the answers to what was sent already; called when the worker stops."""
        self._draining = True
        if self._flying:
            await asyncio.wait(self._flying)

    async def _send(self, prompt: Claimed, *, claimed_at: float) -> None:
        outcome = await self._push(prompt, claimed_at=claimed_at)
        _log.info(
            "prompt.answered",
            prompt=prompt.id.hex,
            outcome=type(outcome).__name__,
            code=codes.loggable(getattr(outcome, "code", "")),
            phone=masked(prompt.phone),
            took_s=round(outcome.exchange.took_s, 3),
        )
        metrics.pushed(type(outcome).__name__, status=outcome.exchange.status, took_s=outcome.exchange.took_s)
        await self._record(prompt, outcome)

    async def _record(self, prompt: Claimed, outcome: PushOutcome) -> None:
        """Write it down, again while the database is away: under its lease's number a second time changes nothing.

        If it cannot be written, the lease runs out and the prompt becomes UNKNOWN, which is what it is.
        """
        until = _uptime_s() + _RECORD_FOR_S
        while True:
            try:
                await self._aside.run(lambda: unit(lambda tx: record(tx, prompt, outcome), step=Step.DISPATCH_RECORD))
            except (DatabaseSilent, OperationalError, InterfaceError):
                _log.exception("prompt.outcome_not_recorded", prompt=prompt.id.hex)
                if self._draining or _uptime_s() > until:
                    return
                await asyncio.sleep(_RECORD_AGAIN_S)
            except Exception:  # noqa: BLE001
                _log.exception("prompt.outcome_not_recorded", prompt=prompt.id.hex)
                return
            else:
                return

    async def _push(self, prompt: Claimed, *, claimed_at: float) -> PushOutcome:
        started_at = clock.now()
        nothing = Exchange(None, b"", started_at, 0.0)
        try:
            account = await self._accounts.get(prompt.account)
        except Exception as error:  # noqa: BLE001 - nothing was sent for certain
            _log.exception("prompt.account_unusable", account=prompt.account.hex)
            return NotSent(
                "account-unusable", f"The M-Pesa account cannot be used: {type(error).__name__}.", 30, nothing
            )
        if _uptime_s() - claimed_at > LATEST_START_S:
            # This process was frozen. Its lease may have run out, and a person may have asked anew meanwhile.
            return NotSent("late", "The worker was held up for too long to send it.", 0.0, nothing)
        try:
            with around(Step.DISPATCH_CALL):
                return await self._daraja.stk_push(
                    account.credentials,
                    account.tokens,
                    phone=prompt.phone,
                    amount=prompt.amount,
                    account_reference=prompt.account_code,
                    description=DESCRIPTION,
                    callback_url=self._callback_url(prompt.id),
                    at=started_at,
                )
        except RufaaError as error:  # the client checks before it sends: a wrong callback address, say
            return Declined(error.code, error.message, Because.BAD_REQUEST, nothing)
