"""Strands that wait for one lock go on one after the other."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from rufaa.db.atomic import Tx, unit
from simulation.run import prepared

_WAITING: Final = 6
_FROM_THE_LOCK_TO_THE_NUMBER: Final = """
SELECT pg_advisory_xact_lock_shared(7),
       (SELECT count(*) FROM generate_series(1, %(rows)s)),
       nextval('turn') AS turn
"""


def test_who_waits_for_one_transaction_goes_on_in_the_order_of_waiting(database_url: str) -> None:
    """All get the lock at once, and the first has most to do: left alone, the last would come first."""
    turns: list[int] = []

    with prepared(1) as simulation:
        hub = simulation.hub
        hub.quietly(lambda: unit(lambda tx: tx.execute("CREATE SEQUENCE turn")))

        def waits(place: int) -> Any:
            def work(tx: Tx) -> int:
                tx.execute("SELECT 1")
                row = tx.row(_FROM_THE_LOCK_TO_THE_NUMBER, {"rows": (_WAITING - place) * 200_000})
                assert row is not None
                return int(row["turn"])

            return lambda: unit(work)

        def holds(tx: Tx) -> None:
            tx.execute("SELECT pg_advisory_xact_lock(7)")
            while len(hub._parked) < _WAITING:
                tx.execute("SELECT 2")

        async def story() -> None:
            holding = asyncio.ensure_future(hub.run(lambda: unit(holds)))
            await asyncio.sleep(0.1)
            waiting = []
            for place in range(_WAITING):
                waiting.append(asyncio.ensure_future(hub.run(waits(place))))
                await asyncio.sleep(0.1)
            await holding
            turns.extend(await asyncio.gather(*waiting))

        try:
            simulation.loop.run_until_complete(story())
        finally:
            hub.quietly(lambda: unit(lambda tx: tx.execute("DROP SEQUENCE turn")))

    assert turns == list(range(1, _WAITING + 1))
