"""What the gateway holds of callbacks while its database does not take them."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest

from rufaa.ingest import batcher
from rufaa.ingest.address import Kind
from rufaa.ingest.batcher import Batcher, NotStored, Report
from support import value


@pytest.mark.fault(36)
def test_what_waits_for_the_database_is_bounded_and_given_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given: a database that lets nobody in for now, and a bound of three bodies
    assert batcher.WAITING_BYTES == 16 * 1024 * 1024
    monkeypatch.setattr(batcher, "WAITING_BYTES", 3000)

    async def main() -> None:
        pool = await asyncpg.create_pool(database, min_size=0, max_size=1)
        writer = Batcher(pool)
        one = Report(Kind.STK, uuid.UUID(int=1), "127.0.0.1", True, b" " * 1000)
        waiting = [asyncio.create_task(writer.store(one)) for _ in range(3)]
        await asyncio.sleep(0)

        # when: a fourth comes, it is refused at once
        with pytest.raises(NotStored):
            await writer.store(one)

        # then: whoever waited is stored, and there is room again
        running = asyncio.create_task(writer.run())
        await asyncio.gather(*waiting)
        await asyncio.gather(*(writer.store(one) for _ in range(3)))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await pool.close()

    asyncio.run(main())

    assert value("SELECT count(*) FROM inbox") == 6


@pytest.mark.parametrize("bound", ["WAITING_BYTES", "_WAITING"])
def test_what_nobody_waits_for_never_takes_the_room_of_those_who_do(
    database: str, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    # given: room for eight reports, and a database that takes none for now
    monkeypatch.setattr(batcher, bound, 8000 if bound == "WAITING_BYTES" else 8)
    ended: list[bool] = []

    async def main() -> None:
        pool = await asyncpg.create_pool(database, min_size=0, max_size=1)
        writer = Batcher(pool)
        validation = Report(Kind.C2B_VALIDATION, uuid.UUID(int=1), "127.0.0.1", True, b"v" * 1000)
        one = Report(Kind.C2B, uuid.UUID(int=1), "127.0.0.1", True, b" " * 1000)

        # when: five validations come, a quarter of the room is theirs; the others are given up at once
        for _ in range(5):
            writer.keep(validation, ended=ended.append)
        assert ended == [False] * 3

        # then: the rest is for those who wait, and whoever comes too much is told so at once
        waiting = [asyncio.create_task(writer.store(one)) for _ in range(6)]
        await asyncio.sleep(0)
        with pytest.raises(NotStored):
            await writer.store(one)

        running = asyncio.create_task(writer.run())
        await asyncio.gather(*waiting)
        await asyncio.sleep(0)
        assert ended == [False] * 3 + [True] * 2
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await pool.close()

    asyncio.run(main())

    assert value("SELECT count(*) FROM inbox WHERE kind = 'c2b-validation'") == 2
    assert value("SELECT count(*) FROM inbox WHERE kind = 'c2b'") == 6


def test_what_nobody_waits_for_is_given_up_in_time_and_ends_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher, "PATIENCE_S", 0.05)
    ended: list[bool] = []

    async def main() -> None:
        pool = await asyncpg.create_pool(database, min_size=0, max_size=1)
        writer = Batcher(pool)
        given_up = asyncio.Event()

        def end(stored: bool) -> None:
            ended.append(stored)
            given_up.set()

        writer.keep(Report(Kind.C2B_VALIDATION, uuid.UUID(int=1), "127.0.0.1", True, b"{}"), ended=end)
        await asyncio.wait_for(given_up.wait(), 5)
        running = asyncio.create_task(writer.run())
        monkeypatch.setattr(batcher, "PATIENCE_S", 5)
        await writer.store(Report(Kind.C2B, uuid.UUID(int=1), "127.0.0.1", True, b"{}"))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await pool.close()

    asyncio.run(main())

    assert ended == [False]
    assert value("SELECT string_agg(kind, ' ') FROM inbox") == "c2b"
