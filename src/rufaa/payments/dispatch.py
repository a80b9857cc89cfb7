"""From a committed prompt to Daraja's answer: claim, commit, POST, commit.

A prompt that is claimed is never sent again unless Daraja said that it did not take it. No network call stands inside a
transaction. Writes of a worker carry the number of its lease, so that one that was frozen too long moves nothing.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

import structlog
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

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
from rufaa.payments.access import Accounts, AtHand, Budget
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
TIDY_FOR_S: Final = 10
"""How long what was tidied counts as tidy. Whoever claims within it is not held up by looking again."""
CLOCK_SLACK_S: Final = 60
"""What is further ahead than can be, by more than this, is from before the database's clock was set back."""
_RECORD_FOR_S: Final = 600
_RECORD_AGAIN_S: Final = 2.0
_LAND_S: Final = 0.02
_UNWRITTEN: Final = 200
"""Answers that are still to be written down: while there are so many, nothing is claimed. A worker that dies takes them
along, and their prompts become UNKNOWN."""
_TURNS: Final = 2
"""Of the event loop, until what was claimed is on its way. Whoever asks the database before that would hold it up."""
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


def record(tx: Tx, *answers: tuple[Claimed, PushOutcome]) -> None:
    """Commit what Daraja said. Where a callback settled the prompt first, or the lease ran out, only ids are kept.

    Who sends and who asks are woken where more is due before they look by themselves.
    """
    told = [_told(prompt, outcome) for prompt, outcome in answers]
    try:
        with transaction.atomic():  # a savepoint: Daraja giving one id twice must not lose the rest
            _write(tx, told)
    except IntegrityError:
        if len(answers) > 1:
            for answer in answers:
                record(tx, answer)
            return
        (values,) = told
        _log.error("prompt.id_given_twice", prompt=values["id"].hex)
        values |= {"checkout": None, "merchant": None, "code": "id-given-twice"}
        values |= _move(PromptState.UNKNOWN, PromptEvent.ANSWER_LOST, next_s=UNKNOWN_WITHOUT_ID_S)
        _write(tx, told)
    if any(values["state"] is not PromptState.PENDING for values in told):
        tx.wake_workers("dispatch", "query")


def _write(tx: Tx, told: Sequence[dict[str, Any]]) -> None:
    found = tx.rows(_SQL["record"], {name: [each[name] for each in told] for name in told[0]})
    moved = {(row["id"], row["lease"]) for row in found}
    late = [each for each in told if (each["id"], each["lease"]) not in moved]
    for each in late:
        tx.execute(_SQL["keep_ids"], each)
    if late:
        tx.wake_workers("query")


def _told(prompt: Claimed, outcome: PushOutcome) -> dict[str, Any]:
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
    return values


def _move(state: PromptState, event: PromptEvent, *, next_s: float | None) -> dict[str, Any]:
    # always a float, since a list of some whole numbers and some others has no type
    return {"state": state, "event": event, "next_s": None if next_s is None else float(next_s)}


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


class Dispatcher:
    """Sends what is due, many at a time, within the accounts' rates."""

    def __init__(
        self,
        daraja: Daraja,
        accounts: Accounts,
        aside: Aside,
        *,
        callback_url: Callable[[uuid.UUID], str],
        at_once: int = 200,
    ) -> None:
        self._daraja = daraja
        self._accounts = accounts
        self._aside = aside
        self._callback_url = callback_url
        self._at_once = at_once
        self._flying: set[asyncio.Task[None]] = set()
        self._records = Records(aside)
        self._tidied_at = -math.inf

    async def round(self) -> float | None:
        """Claim and start sending what is due; returns seconds until more may go, None if nothing waits.

        A prompt that Daraja has answered makes room for the next one before its answer is written down.
        """
        room = await self._room()
        if room <= 0:
            return 0.0
        stale = clock.uptime_s() - self._tidied_at > TIDY_FOR_S
        if stale:
            await self._tidy()
        claimed_at = clock.uptime_s()
        claimed, accounts, wait_s = await self._aside.run(
            lambda: unit(lambda tx: self._claim(tx, limit=room), step=Step.DISPATCH_CLAIM)
        )
        for prompt in claimed:
            task = asyncio.create_task(self._send(prompt, accounts[prompt.account], claimed_at=claimed_at))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if not claimed and not stale:
            await self._tidy()
        return wait_s

    async def _room(self) -> int:
        """How many more may fly. Waits for some that have landed, but not long: each round has its price."""
        await self._records.written(down_to=_UNWRITTEN - 1)
        if len(self._flying) > self._at_once * 3 // 4:
            await asyncio.wait(self._flying, timeout=_LAND_S)
        if len(self._flying) >= self._at_once:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
        return self._at_once - len(self._flying)

    async def _tidy(self) -> None:
        began = clock.uptime_s()
        await self._aside.run(lambda: unit(tidy, step=Step.DISPATCH_TIDY))
        self._tidied_at = began

    def _claim(self, tx: Tx, *, limit: int) -> tuple[list[Claimed], dict[uuid.UUID, AtHand | Exception], float | None]:
        claimed, wait_s = claim_due(tx, limit=limit)
        return claimed, {each: self._at_hand(tx, each) for each in {prompt.account for prompt in claimed}}, wait_s

    def _at_hand(self, tx: Tx, account: uuid.UUID) -> AtHand | Exception:
        """What is wrong with it, where it cannot be used: its prompts are claimed, and told that they were not sent."""
        try:
            return self._accounts.at_hand(tx, account)
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing was sent for certain
            _log.exception("prompt.account_unusable", account=account.hex)
            return error

    async def drain(self) -> None:
        """Wait for the answers to what was sent already; called when the worker stops."""
        self._records.draining = True
        if self._flying:
            await asyncio.wait(self._flying)
        await self._records.written(down_to=0)

    async def _send(self, prompt: Claimed, account: AtHand | Exception, *, claimed_at: float) -> None:
        outcome = await self._push(prompt, account, claimed_at=claimed_at)
        _log.info(
            "prompt.answered",
            prompt=prompt.id.hex,
            outcome=type(outcome).__name__,
            code=codes.loggable(getattr(outcome, "code", "")),
            phone=masked(prompt.phone),
            took_s=round(outcome.exchange.took_s, 3),
        )
        metrics.pushed(type(outcome).__name__, status=outcome.exchange.status, took_s=outcome.exchange.took_s)
        self._records.add(prompt, outcome)

    async def _push(self, prompt: Claimed, account: AtHand | Exception, *, claimed_at: float) -> PushOutcome:
        started_at = clock.now()
        nothing = Exchange(None, b"", started_at, 0.0)
        if isinstance(account, Exception):
            return NotSent(
                "account-unusable", f"The M-Pesa account cannot be used: {type(account).__name__}.", 30, nothing
            )
        if clock.uptime_s() - claimed_at > LATEST_START_S:
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


@dataclass(frozen=True, slots=True)
class _Answer:
    """``alone``: it is written in a transaction of its own."""

    prompt: Claimed
    outcome: PushOutcome
    until: float
    alone: bool = False


def _named(answers: Sequence[_Answer]) -> str:
    return " ".join(each.prompt.id.hex for each in answers)


class Records:
    """Writes outcomes down, all that came meanwhile in one commit, and again while the database is away: under its
    lease's number a second time changes nothing.

    What cannot be written is left: the lease runs out and the prompt becomes UNKNOWN, which is what it is.
    """

    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._waiting: list[_Answer] = []
        self._being_written: list[_Answer] = []
        self._writing: asyncio.Task[None] | None = None
        self._fewer = asyncio.Event()
        self.draining = False
        """Set when the worker stops: nothing is tried again."""

    def add(self, prompt: Claimed, outcome: PushOutcome) -> None:
        """It is written soon, in a task of its own."""
        self._waiting.append(_Answer(prompt, outcome, until=clock.uptime_s() + _RECORD_FOR_S))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def written(self, *, down_to: int) -> None:
        """Returns when at most ``down_to`` answers are left to be written; those that are given up are not left."""
        while len(self._waiting) + len(self._being_written) > down_to:
            self._fewer.clear()
            await self._fewer.wait()

    async def _write(self) -> None:
        while self._waiting:
            count = 1 if self._waiting[0].alone else len(self._waiting)
            answers, self._waiting = self._waiting[:count], self._waiting[count:]
            self._being_written = answers
            try:
                await self._commit(answers)
            except (DatabaseSilent, OperationalError, InterfaceError):
                _log.exception("prompt.outcome_not_recorded", prompt=_named(answers))
                if not self.draining:
                    await asyncio.sleep(_RECORD_AGAIN_S)
                    self._again([each for each in answers if clock.uptime_s() <= each.until])
            except Exception:  # noqa: BLE001
                _log.exception("prompt.outcome_not_recorded", prompt=_named(answers))
                if count > 1:  # one of them spoils it: each is tried by itself
                    self._again([replace(each, alone=True) for each in answers])
            self._being_written = []
            self._fewer.set()

    def _again(self, answers: list[_Answer]) -> None:
        self._waiting = answers + self._waiting

    async def _commit(self, answers: Sequence[_Answer]) -> None:
        told = [(each.prompt, each.outcome) for each in sorted(answers, key=lambda each: each.prompt.id)]
        await self._aside.run(lambda: unit(lambda tx: record(tx, *told), step=Step.DISPATCH_RECORD))
