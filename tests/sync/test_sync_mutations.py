"""A mutation of the WebSocket meets others of its name, waits out what passes, and is answered whatever happens."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rufaa.sync.calls import Calls, Failure, Outcome, Success, TookTooLong
from rufaa.sync.effects import Run
from rufaa.sync.mutations import Latest, Mutations
from rufaa.sync.runtime import Committed, Identity, Once, Overloaded

SESSION = uuid.UUID("58c092c8-fc58-4343-a01e-3198292810aa")
JANE, JOHN = Identity(uuid.UUID(int=1)), Identity(uuid.UUID(int=2))


def asked(request: int = 0, *, by: float = 1.0, identity: Identity | None = JANE) -> Run:
    return Run(SESSION, request, "counter:inc", [{"by": by}], identity)


class Database:
    """A runtime whose commits go as ``goes`` says, one each, and well from then on."""

    def __init__(self, *goes: Exception | Callable[[], Awaitable[None]]) -> None:
        self.goes = list(goes)
        self.asked: list[Once] = []
        self.began = asyncio.Event()

    async def authenticate(self, token: str | None, /) -> Identity | None:
        raise NotImplementedError

    async def run(self, *_: Any) -> object:
        raise NotImplementedError

    async def run_once(self, _function: Any, _identity: Any, _ambient: Any, _args: Any, once: Once, /) -> Committed:
        self.asked.append(once)
        self.began.set()
        if self.goes:
            next_one = self.goes.pop(0)
            if isinstance(next_one, Exception):
                raise next_one
            await next_one()
        return Committed(once.write(float(len(self.asked))), 1000 + len(self.asked))

    async def now_ns(self) -> int:
        return 1000


def mutations(make_registry: Any, database: Database, *, patience_s: float = 5.0) -> Mutations:
    calls = Calls(make_registry(), database, development=True, deadline_s=5, most_running=10)
    return Mutations(calls, Latest(500), patience_s=patience_s)


def run(work: Callable[[], Awaitable[Outcome | list[Outcome]]]) -> Any:
    async def main() -> Any:
        return await work()

    return asyncio.run(main())


def test_it_is_answered_with_its_commit_and_the_next_one_comes_after(make_registry: Any) -> None:
    database = Database()
    made = mutations(make_registry, database)

    assert run(lambda: made.run(asked())) == Success("1.0", 1001)
    assert run(lambda: made.run(asked(1))) == Success("2.0", 1002)
    assert [each.floor_ns for each in database.asked] == [500, 1001]


def test_two_of_the_same_name_run_once(make_registry: Any) -> None:
    go = asyncio.Event()
    database = Database(go.wait)  # type: ignore[arg-type]
    made = mutations(make_registry, database)

    async def both() -> list[Outcome]:
        first, second = asyncio.create_task(made.run(asked())), asyncio.create_task(made.run(asked()))
        await database.began.wait()
        first.cancel()  # its connection is lost
        go.set()
        return [await second]

    assert run(both) == [Success("1.0", 1001)]
    assert len(database.asked) == 1


@pytest.mark.parametrize("other", [asked(by=2.0), asked(identity=JOHN), asked(identity=None)])
def test_another_call_under_the_same_name_hears_nothing_of_it(make_registry: Any, other: Run) -> None:
    go = asyncio.Event()
    database = Database(go.wait)  # type: ignore[arg-type]
    made = mutations(make_registry, database)

    async def both() -> list[Outcome]:
        first = asyncio.create_task(made.run(asked()))
        await database.began.wait()
        refused = await made.run(other)
        go.set()
        return [refused, await first]

    refused, first = run(both)
    assert isinstance(refused, Failure)
    assert "taken by another call" in refused.message
    assert first == Success("1.0", 1001)
    assert len(database.asked) == 1


def test_what_was_decided_is_not_remembered_here(make_registry: Any) -> None:
    database = Database()
    made = mutations(make_registry, database)
    run(lambda: made.run(asked()))
    run(lambda: made.run(asked()))
    assert len(database.asked) == 2, "the database knows it, also after a restart"


@pytest.mark.parametrize("trouble", [Overloaded(), TookTooLong(may_be_done=True), TookTooLong(may_be_done=False)])
def test_trouble_that_passes_is_waited_out(make_registry: Any, trouble: Exception) -> None:
    database = Database(trouble)
    made = mutations(make_registry, database)

    assert run(lambda: made.run(asked())) == Success("2.0", 1002)
    assert database.asked[0].digest == database.asked[1].digest


@pytest.mark.parametrize(
    ("troubles", "said"),
    [
        ([Overloaded("There is no room.")], "There is no room."),
        ([TookTooLong(may_be_done=False)], "Nothing was changed."),
        ([TookTooLong(may_be_done=True), Overloaded()], "may still take effect"),
    ],
)
def test_trouble_that_lasts_is_told_as_it_is(make_registry: Any, troubles: list[Exception], said: str) -> None:
    made = mutations(make_registry, Database(*(troubles * 10)), patience_s=0.5 if len(troubles) > 1 else 0.0)

    failed = run(lambda: made.run(asked()))

    assert isinstance(failed, Failure)
    assert said in failed.message


def test_what_nobody_foresaw_is_answered_too(make_registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = mutations(make_registry, Database())

    async def broken(*_: Any, **__: Any) -> Outcome:
        raise ZeroDivisionError

    monkeypatch.setattr(made._calls, "call", broken)
    failed = run(lambda: made.run(asked()))
    assert isinstance(failed, Failure)
    assert failed.message.startswith("[Request ID: ")
