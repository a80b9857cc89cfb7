"""From the stored callback to its settlement when something is broken: one bad callback, a busy or absent database."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import asyncpg
import psycopg
import pytest

from ports import free_port
from rufaa.cli import work
from rufaa.db.atomic import Tx
from rufaa.db.listen import Listener
from rufaa.ingest import batcher
from rufaa.ingest.address import Kind
from rufaa.ingest.batcher import Batcher, Report
from rufaa.ingest.loop import settle_inbox
from rufaa.referrals.operations import fees_paid
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    HANDLERS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    query_body,
    running_gateway,
    success_body,
    value,
)

OTHER = "254708004999"
HandOn = Callable[[Tx, Sequence[uuid.UUID]], None]


def two_paid(town: World, simulator: RunningSimulator, worker: Worker) -> tuple[str, str]:
    """Two referrals whose callbacks stand in the inbox."""
    first, _ = town.prompted(RINGS)
    second, _ = town.prompted(OTHER)
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.answer(OTHER)
    simulator.advance(1)
    assert inbox_outcomes() == [None, None]
    return first, second


def poisoned(referral: str) -> HandOn:
    fee = value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))

    def hand_on(tx: Tx, fees: Sequence[uuid.UUID]) -> None:
        if fee in fees:
            raise ValueError("a defect of ours")
        fees_paid(tx, fees)

    return hand_on


def test_a_callback_that_cannot_be_settled_does_not_hold_up_the_others_and_is_named(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    bad, good = two_paid(town, simulator, worker)

    settle_inbox(replace(HANDLERS, hand_on=poisoned(bad)))

    assert (town.status(bad), town.status(good)) == ("pending-payment", "paid")
    assert sorted(map(str, inbox_outcomes())) == ["confirms", "failed: ValueError"]
    advance(20, simulator)
    worker.query()  # the money is found all the same
    assert town.status(bad) == "paid"


def test_a_late_success_that_cannot_be_settled_is_a_persons_task(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral = late_success(town, simulator, worker)

    settle_inbox(replace(HANDLERS, hand_on=poisoned(referral)))

    assert inbox_outcomes() == ["failed: ValueError"]
    assert open_tasks() == ["contradiction"]

    # and when the defect is mended, the bytes that were kept can be taken in again
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " SELECT kind, subject, source, trusted, body FROM inbox"
    )
    worker.settle()
    assert town.status(referral) == "paid"


def late_success(town: World, simulator: RunningSimulator, worker: Worker) -> str:
    """A prompt that is unpaid as far as we know, whose success stands in the inbox. No query is due any more."""
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=300))
    worker.dispatch()
    simulator.answer(RINGS)
    body = query_body(simulator.prompts()[0].checkout_request_id, "1032")
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=body, count=2))
    for seconds in (20, 80):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "unpaid"
    advance(300, simulator)
    assert inbox_outcomes() == [None]
    return referral


@contextmanager
def locked(database: str, sql: str, **params: object) -> Iterator[None]:
    """Somebody else's open transaction that holds the rows of ``sql``."""
    with psycopg.connect(database) as other:
        other.execute(sql, params)
        yield


@pytest.mark.fault(43)
@pytest.mark.parametrize("trouble", ["lock_timeout", "statement_timeout", "terminated"])
def test_a_passing_trouble_of_the_database_leaves_the_callback_for_the_next_round(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, database: str, trouble: str
) -> None:
    # given: a late success, and a transaction elsewhere that holds its referral for longer than we wait
    referral = late_success(town, simulator, worker)

    def impatient(tx: Tx, fees: Sequence[uuid.UUID]) -> None:
        if trouble == "terminated":
            tx.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        tx.execute(f"SET LOCAL {trouble} = '50ms'")
        fees_paid(tx, fees)

    with locked(database, "SELECT FROM referral WHERE id = %(id)s FOR UPDATE", id=uuid.UUID(referral)):
        settle_inbox(replace(HANDLERS, hand_on=impatient))
    assert town.status(referral) == "pending-payment"

    # when: the trouble is over
    worker.settle()

    # then
    assert town.status(referral) == "paid"
    assert inbox_outcomes() == ["confirms"]


@pytest.mark.fault(23)
@pytest.mark.parametrize("silent", [False, True], ids=["refused", "silent"])
def test_while_the_database_is_away_callbacks_are_not_acknowledged(
    town: World, simulator: RunningSimulator, database: str, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    # given: a gateway whose database refuses connections, or takes them and says nothing
    assert batcher.PATIENCE_S == 5.0
    monkeypatch.setattr(batcher, "PATIENCE_S", 0.4)
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        if silent:
            dead.listen(16)
        with running_gateway(f"postgresql://rufaa@127.0.0.1:{dead.getsockname()[1]}/rufaa") as gateway:
            # when
            began = time.monotonic()
            answer = post(gateway.callback_url(uuid.UUID(int=1)), success_body("ws_CO_1"))

            # then
            assert answer.status == 503
            assert time.monotonic() - began > 0.3
            assert gateway.app._ingest is not None
            assert gateway.app._ingest.counts == {"not-stored": 1}
    assert value("SELECT count(*) FROM inbox") == 0


class Pool:
    """A pool that fails as told, then lends from the real one."""

    def __init__(self, real: object, *errors: Exception) -> None:
        self._real = real
        self._errors = list(errors)

    def acquire(self, **how: object) -> object:
        if self._errors:
            raise self._errors.pop(0)
        return self._real.acquire(**how)  # type: ignore[attr-defined]


def stored_after(database: str, error: Exception) -> None:
    """Store one callback through a batcher whose first try ends in ``error``. Raises ``NotStored``."""

    async def main() -> None:
        real = await asyncpg.create_pool(database, min_size=0, max_size=1)
        writer = Batcher(Pool(real, error))
        running = asyncio.create_task(writer.run())
        try:
            await writer.store(Report(Kind.STK, uuid.UUID(int=1), "127.0.0.1", True, b"{}"))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await real.close()

    asyncio.run(main())


@pytest.mark.fault(23)
@pytest.mark.parametrize("error", [OSError("gone"), TimeoutError()], ids=["OSError", "TimeoutError"])
def test_a_callback_waits_for_the_database_to_come_back(town: World, database: str, error: Exception) -> None:
    stored_after(database, error)
    assert value("SELECT count(*) FROM inbox") == 1


def test_no_error_of_a_driver_ends_the_writer(town: World, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher, "PATIENCE_S", 30.0)
    stored_after(database, AttributeError("'NoneType' object has no attribute 'close'"))  # as drivers do at times
    assert value("SELECT count(*) FROM inbox") == 1


def test_a_loop_with_nothing_to_do_sleeps_although_something_else_is_due(
    town: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query held back by its rate is due all the time; the loop that sends must not turn for it without a pause."""
    slept: list[float] = []

    async def main() -> None:
        stop, rounds = asyncio.Event(), 0

        async def nothing_to_do() -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 5:
                stop.set()

        async def due_at_once() -> float:
            return 0.0

        async def sleep(seconds: float, *_: object) -> None:
            slept.append(seconds)

        monkeypatch.setattr(work, "_sleep", sleep)
        await work._loop("dispatch", nothing_to_do, Listener(database), stop, next_due=due_at_once)

    asyncio.run(main())

    assert len(slept) == 5
    assert min(slept) > 0


def test_a_gateway_without_its_database_says_so_in_its_health(database: str) -> None:
    with running_gateway(f"postgresql://rufaa@127.0.0.1:{free_port()}/rufaa") as gateway:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{gateway.url}/healthz", timeout=30)
        with caught.value:
            assert caught.value.code == 503
