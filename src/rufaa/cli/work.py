"""The worker's loops: settle callbacks, send prompts, ask about them, tell people, seal the audit. The composition
root of money.

Each loop looks at the tables, does what is due, and waits for a notification or for the time when more is due.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog

from rufaa import metrics
from rufaa.appointments.operations import next_due_s
from rufaa.appointments.operations import work as appointments
from rufaa.audit.operations import SEAL_EVERY_S, Sealer
from rufaa.cli import monitor
from rufaa.cli.key_checking import KeyChecker
from rufaa.cli.monitor import Rounds
from rufaa.cli.questions import Questions
from rufaa.config import Config
from rufaa.daraja.client import Daraja, new_session
from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import unit
from rufaa.db.listen import Listener
from rufaa.gateway.monitor import Monitor, function_connections
from rufaa.gateway.vitals import Vitals
from rufaa.ingest.address import callback_urls, order_urls
from rufaa.ingest.loop import BATCH, Handlers, settle_inbox
from rufaa.notices.gateways import gateways
from rufaa.notices.sending import Notices, next_notice_s
from rufaa.payments.access import Accounts
from rufaa.payments.arrivals import status_of_claim, take_notices
from rufaa.payments.dispatch import Dispatcher, next_sending_s
from rufaa.payments.key_checks import next_check_s
from rufaa.payments.order_results import take_in as take_results
from rufaa.payments.orders import Orders, next_order_s
from rufaa.payments.pulls import Pulls, next_pull_s
from rufaa.payments.reconcile import Reconciler, next_question_s
from rufaa.payments.strays import Strays, next_stray_s
from rufaa.referrals.operations import fees_paid

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 5.0
"""The longest that a loop sleeps, or a moment more: a lost notification costs no more than this. Loops with nothing to
do wake at the same moments, and ask together."""
ROUND_EVERY_S: Final = 40.0
"""A loop that nobody wakes only asks when more is due. After so long it does a whole round all the same, which finds
what has no time: a clock that was set back, say. The dispatcher always does, so that a click finds everything tidy."""
BOUNDS_S: Final[Mapping[str, float]] = {
    "settle": 60.0,
    "dispatch": 90.0,
    "query": 180.0,
    "stray": 180.0,
    "order": 180.0,
    "pull": 600.0,
    "book": 90.0,
    "tell": 180.0,
    "seal": 90.0,
    "check": 120.0,
}
"""A loop without a round for so long is stuck. Above what one may take: deadlines of the database and of Daraja."""
_AFTER_ERROR_S: Final = 1.0
_SHORTEST_S: Final = 0.05
_SILENCES: Final = 3
_THREADS: Final = 6
_BATCHES: Final = 4
"""That a round of settlement takes of a backlog on each side: few, since a worker that is to stop ends its round."""


HANDLERS: Final = Handlers(
    hand_on=fees_paid,
    arrivals=partial(take_notices, hand_on=fees_paid),
    results=partial(take_results, of_claim=partial(status_of_claim, hand_on=fees_paid)),
)
"""Who takes in what the inbox holds."""


class WorkerStuck(Exception):
    """The database has not answered for so long that threads may be lost: only a new process helps."""


async def work(config: Config, *, stop: asyncio.Event | None = None) -> None:
    """Work until SIGTERM, SIGINT or ``stop``; then finish what is in the air and return."""
    if config.database_url is None:
        raise AssertionError("a worker needs DATABASE_URL")
    stop = stop or _stop_on_signals()
    aside = Aside(threads=_THREADS, name="work")
    listener = Listener(config.database_url)
    rounds = Rounds(BOUNDS_S)
    async with new_session() as session, AsyncExitStack() as stack:
        if config.worker_metrics_port is not None:
            watched = await _monitor(config.database_url, rounds, listener, stop, stack)
            await stack.enter_async_context(monitor.port(config.worker_metrics_port, watched))
        daraja = Daraja(session)
        accounts = Accounts(daraja, aside, keys=config.secret_keys)
        dispatcher = Dispatcher(daraja, accounts, aside, callback_url=callback_urls(config))
        reconciler = Reconciler(daraja, accounts, aside, hand_on=fees_paid)
        strays = Strays(daraja, accounts, aside)
        given = Orders(daraja, accounts, aside, addresses=order_urls(config))
        pulls = Pulls(daraja, accounts, aside, hand_on=fees_paid)
        checker = KeyChecker(daraja, accounts, aside)
        notices = Notices(
            gateways(session, aside, sms=config.sms, mail_host=_mail_host(config)),
            aside,
            public_url=config.public_url,
        )
        sealer = Sealer()

        async def seal() -> float | None:
            await aside.run(sealer.round)
            return 0.0 if sealer.behind else SEAL_EVERY_S

        due = Questions(aside).about
        loop = partial(_loop, listener=listener, stop=stop, done=rounds.done)
        listening = asyncio.create_task(listener.run())
        loops = [
            asyncio.create_task(loop("settle", partial(settle, aside), apart_s=LOOK_EVERY_S / 3)),
            asyncio.create_task(
                loop("dispatch", dispatcher.round, next_due=due(next_sending_s), every_s=0.0, apart_s=LOOK_EVERY_S / 2)
            ),
            asyncio.create_task(loop("query", reconciler.round, next_due=due(next_question_s), place=1)),
            asyncio.create_task(loop("stray", strays.round, next_due=due(next_stray_s), place=2)),
            asyncio.create_task(loop("order", given.round, next_due=due(next_order_s), place=3)),
            asyncio.create_task(loop("pull", pulls.round, next_due=due(next_pull_s), place=4)),
            asyncio.create_task(loop("check", checker.round, next_due=due(next_check_s), place=5)),
            asyncio.create_task(loop("book", partial(book, aside), next_due=due(next_due_s), place=6)),
            asyncio.create_task(loop("tell", notices.round, next_due=due(next_notice_s), place=7)),
            asyncio.create_task(loop("seal", seal)),
        ]
        stopping = asyncio.create_task(_wait_for(stop))
        try:
            await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
            for task in loops:  # a loop that ended by itself has failed: raise what it raised
                if task.done():
                    task.result()
            await asyncio.wait(loops)
            await dispatcher.drain()
        finally:
            for task in (listening, stopping, *loops):
                task.cancel()
            await asyncio.gather(listening, stopping, *loops, return_exceptions=True)
            aside.close()


async def settle(aside: Aside) -> float | None:
    """A round of settlement. Of a backlog two batches go side by side: one is read while PostgreSQL writes one."""

    async def batch() -> int:
        return await aside.run(lambda: settle_inbox(HANDLERS))

    async def batches() -> None:
        for _ in range(_BATCHES):
            if await batch() < BATCH:
                return

    taken = await batch()
    if taken == BATCH:
        await asyncio.gather(batches(), batches())
    return 0.0 if taken else None


async def book(aside: Aside) -> float | None:
    """A round of appointments."""
    return 0.0 if await aside.run(lambda: unit(appointments)) else None


def _mail_host(config: Config) -> str | None:
    """The name that e-mails have in their Message-IDs; None where none are sent."""
    return None if config.email is None else urlsplit(config.public_url).hostname or "rufaa"


async def _monitor(
    database_url: str, rounds: Rounds, listener: Listener, stop: asyncio.Event, stack: AsyncExitStack
) -> Monitor:
    vitals = Vitals(database_url)
    await vitals.start()
    stack.push_async_callback(vitals.aclose)
    return Monitor(
        vitals,
        parts={name: partial(rounds.trouble, name) for name in BOUNDS_S},
        ready={
            "listening": lambda: "" if listener.connected.is_set() else "not connected for notifications",
            "stopping": lambda: "told to stop" if stop.is_set() else "",
        },
        pools=function_connections,
    )


async def _wait_for(stop: asyncio.Event) -> None:
    await stop.wait()


async def _loop(
    name: str,
    round_: Callable[[], Awaitable[float | None]],
    listener: Listener,
    stop: asyncio.Event,
    *,
    next_due: Callable[[], Awaitable[float | None]] | None = None,
    done: Callable[[str], None] = metrics.round_done,
    every_s: float = ROUND_EVERY_S,
    place: int | None = None,
    apart_s: float = 0.0,
) -> None:
    """``round_`` again and again: at once after 0, else when woken, or when it or ``next_due`` says.

    Where nobody wakes it, ``next_due`` alone says whether it is needed, but for one each ``every_s``. A loop does that
    one at a ``place`` of its own in that time, between two looks, and what it does at each look ``apart_s`` after the
    others: at the same moment each would need a connection, and a turn of the interpreter.
    """

    async def rest(wait_s: float | None) -> None:
        round_at = 0.0 if place is None else whole_round_at
        await _sleep(_at_most(wait_s, apart_s, round_at=round_at), woken, stop)

    silences = 0
    whole_round_at = 0.0  # until then a round is done only for what is due
    with listener.work(name) as woken:
        while not stop.is_set():
            again = False  # only the round itself may ask to be repeated without a pause
            called = woken.is_set()
            woken.clear()
            try:
                if next_due is not None and not called and time.monotonic() < whole_round_at:
                    wait_s = await next_due()
                    if wait_s is None or wait_s > 0:
                        silences = 0
                        done(name)
                        await rest(wait_s)
                        continue
                wait_s = await round_()
                again = wait_s == 0.0
                if not again and next_due is not None:
                    due_s = await next_due()
                    # What is due but held back by a rate waits for the rate; the rest waits for its time.
                    wait_s = due_s if wait_s is None else max(wait_s, due_s or 0.0)
                silences = 0
                whole_round_at = _next_whole_round(every_s, place)
                done(name)
            except DatabaseSilent as error:
                silences += 1
                metrics.ROUNDS.labels(name, "failed").inc()
                if silences >= _SILENCES:
                    raise WorkerStuck(name) from error
                wait_s, whole_round_at = _AFTER_ERROR_S, 0.0
            except Exception:  # noqa: BLE001 - whatever it was, the other loops and the next round go on
                _log.exception("worker.round_failed", loop=name)
                metrics.ROUNDS.labels(name, "failed").inc()
                wait_s, whole_round_at = _AFTER_ERROR_S, 0.0
                woken.clear()
            if not again:
                await rest(wait_s)


def _next_whole_round(every_s: float, place: int | None) -> float:
    """By the clock of ``time.monotonic``: for who has a place, a second before the others look."""
    now = time.monotonic()
    if place is None:
        return now + every_s
    return now + every_s - (now + 1.0 - place * LOOK_EVERY_S) % every_s


def _at_most(wait_s: float | None, apart_s: float = 0.0, *, round_at: float = 0.0) -> float:
    """Seconds to sleep for who has nothing to do for ``wait_s``, or for ever: to the next moment at which all look, or
    ``apart_s`` after it, or to ``round_at``."""
    # from just before that moment, where timers may end, to the one after it
    to_next_look_s = LOOK_EVERY_S + _SHORTEST_S - (time.monotonic() + _SHORTEST_S - apart_s) % LOOK_EVERY_S
    waits_s = [to_next_look_s]
    if wait_s is not None:
        waits_s.append(max(wait_s, _SHORTEST_S))
    if round_at > time.monotonic():
        waits_s.append(max(round_at - time.monotonic(), _SHORTEST_S))
    return min(waits_s)


async def _sleep(seconds: float, woken: asyncio.Event, stop: asyncio.Event) -> None:
    waits = [asyncio.create_task(woken.wait()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in waits:
        task.cancel()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    return stop
