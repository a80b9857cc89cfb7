"""Strands that wait for one lock go on one after the other, and hold up nobody but who wants what they hold."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from rufaa.db.atomic import Tx, unit
from simulation.run import prepared
from simulation.strands import CALM, Weather

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


def test_who_was_parked_at_its_first_statement_holds_locks_before_its_answer_is_read(database_url: str) -> None:
    """Who wants one of them parks, too. It took itself for the only one in a transaction, and waited for ever."""
    order: list[str] = []

    with prepared(1) as simulation:
        hub = simulation.hub

        def holds(tx: Tx) -> None:
            tx.execute("SELECT pg_advisory_xact_lock(7)")
            while not hub._parked:
                tx.execute("SELECT 1")

        def parks(tx: Tx) -> None:
            tx.execute("SELECT pg_advisory_xact_lock(8), pg_advisory_xact_lock(7)")
            order.append("who was parked")

        def wants(tx: Tx) -> None:
            tx.execute("SET LOCAL lock_timeout = '20s'")
            tx.execute("SELECT pg_advisory_xact_lock(8)")
            order.append("who came meanwhile")

        async def story() -> None:
            hub.weather = Weather(pauses=(1.0,))
            holding = asyncio.ensure_future(hub.run(lambda: unit(holds)))
            await asyncio.sleep(1.5)
            parking = asyncio.ensure_future(hub.run(lambda: unit(parks)))
            await holding
            assert not hub._parked  # it has been answered, and has not looked
            hub.weather = CALM
            await hub.run(lambda: unit(wants))
            await parking

        simulation.loop.run_until_complete(story())

    assert order == ["who was parked", "who came meanwhile"]
