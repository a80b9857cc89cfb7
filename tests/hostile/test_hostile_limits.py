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
