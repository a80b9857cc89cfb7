"""Which of the worker's loops a commit wakes."""

from __future__ import annotations

import asyncio

from rufaa.db.atomic import Tx, unit
from rufaa.db.listen import Listener


def test_a_wake_up_is_for_the_loops_that_it_names_and_without_names_for_all(database: str) -> None:
    heard: list[set[str]] = []

    async def main() -> None:
        listener = Listener(database)
        listening = asyncio.create_task(listener.run())
        loops = ("settle", "dispatch", "query")
        with listener.work(loops[0]) as one, listener.work(loops[1]) as two, listener.work(loops[2]) as three:
            events = dict(zip(loops, (one, two, three), strict=True))
            await listener.connected.wait()
            for names in (("dispatch",), ("dispatch", "query"), ()):
                for event in events.values():
                    event.clear()
                await asyncio.to_thread(lambda names=names: unit(lambda tx: Tx.wake_workers(tx, *names)))
                await listener.all_heard()
                heard.append({name for name, event in events.items() if event.is_set()})
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(main())

    assert heard == [{"dispatch"}, {"dispatch", "query"}, {"settle", "dispatch", "query"}]
