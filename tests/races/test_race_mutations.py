"""A mutation under its client's own numbers runs once: two at once, one after a restart, and by whom."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta

import pytest

from races.gates import Racers, meeting
from rufaa import functions
from rufaa.db.aside import Aside
from rufaa.db.atomic import look, unit
from rufaa.db.listen import Listener
from rufaa.functions import records
from rufaa.functions.records import KEPT_DAYS, RequestTaken
from rufaa.sync.calls import ApplicationFailure, Calls, Form, Named, Outcome, Success
from rufaa.sync.registry import FunctionKind
from rufaa.sync.runtime import Once
from support import RINGS, World, advance, functions_runtime, rows, unchanged, value, wait_until

SESSION = uuid.UUID("58c092c8-fc58-4343-a01e-3198292810aa")
NAMED = Named(SESSION, 0, b"d" * 32, 0)
ONCE = Once(SESSION, 0, b"d" * 32, 0, str)
BY = {"demoUserId": "physician"}


class Node:
    """A process as far as the database can tell: threads and a runtime of its own."""

    def __init__(self, database: str) -> None:
        self.aside = Aside(threads=2, name="node")
        runtime = functions_runtime(self.aside, Listener(database), demo=True)
        self.calls = Calls(functions.load(), runtime, development=True, deadline_s=20, most_running=10)

    def mutate(self, name: str, args: dict[str, object], named: Named = NAMED) -> Outcome:
        return asyncio.run(
            self.calls.call(
                name,
                kind=FunctionKind.MUTATION,
                args=[args],  # type: ignore[list-item]
                identity=None,
                form=Form.WIRE,
                named=named,
            )
        )

    def create(self, world: World, named: Named = NAMED, by: str = "physician") -> Outcome:
        args: dict[str, object] = {
            "patientName": "Jane Wafula",
            "receivingFacility": world.tumaini.name,
            "priority": "Routine",
            "medicalHistory": "none",
            "labResults": "none",
            "diagnosis": "fracture",
            "demoUserId": by,
        }
        return self.mutate("referrals:createReferral", args, named)


@pytest.fixture
def nodes(database: str) -> Iterator[tuple[Node, Node]]:
    pair = (Node(database), Node(database))
    yield pair
    for node in pair:
        node.aside.close()


def ends(running: list[Future[Outcome]]) -> list[Outcome]:
    return [each.result(timeout=30) for each in running]


def created() -> int:
    return int(value("SELECT count(*) FROM referral"))


def test_two_nodes_that_get_it_at_once_run_it_once_and_say_the_same(
    racers: Racers, nodes: tuple[Node, Node], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "keep", hesitant := Hesitant(records.keep))

    running = racers.start(*(lambda node=node: node.create(world) for node in nodes))
    hesitant.until(lambda: racers.waiting() == 1)
    first, second = ends(running)

    assert isinstance(first, Success)
    assert first.ts_ns > 0
    assert first == second
    assert created() == 1


def test_without_the_constraint_both_would_have_run(
    racers: Racers,
    nodes: tuple[Node, Node],
    world: World,
    without: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without("mutation_record", "mutation_record_once")
    claim = records._SQL["claim"].replace("ON CONFLICT ON CONSTRAINT mutation_record_once DO NOTHING", "")
    monkeypatch.setitem(records._SQL, "claim", claim)  # type: ignore[index]
    monkeypatch.setattr(records, "keep", meeting(2, records.keep))

    ends(racers.start(*(lambda node=node: node.create(world) for node in nodes)))

    assert created() == 2


class Hesitant:
    """``function``, which waits for a signal at first."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._go = threading.Event()

    def __call__(self, *args: object, **kwargs: object) -> object:
        assert self._go.wait(20)
        return self._function(*args, **kwargs)

    def until(self, holds: Callable[[], bool]) -> None:
        wait_until(holds)
        self._go.set()


def test_the_loser_runs_it_where_the_winner_failed(
    racers: Racers, nodes: tuple[Node, Node], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []

    def fails_once(*args: object, **kwargs: object) -> object:
        if not failed:
            failed.append(True)
            raise RuntimeError("as the test wants it")
        return keep(*args, **kwargs)  # type: ignore[arg-type]

    keep = records.keep
    monkeypatch.setattr(records, "keep", hesitant := Hesitant(fails_once))
    running = racers.start(*(lambda node=node: node.create(world) for node in nodes))
    hesitant.until(lambda: racers.waiting() == 1)

    kinds = sorted(type(each).__name__ for each in ends(running))

    assert kinds == ["Failure", "Success"]
    assert created() == 1


def test_after_a_restart_it_is_answered_with_its_first_timestamp(nodes: tuple[Node, Node], world: World) -> None:
    before, after = nodes
    first = before.create(world)
    advance(3600)

    assert after.create(world, replace(NAMED, floor_ns=2**62)) == first
    assert created() == 1


def test_a_refusal_is_not_remembered(nodes: tuple[Node, Node], world: World) -> None:
    node, _ = nodes

    refused = node.mutate("referrals:updateReferralStatus", {"referralId": "0" * 32, "status": "rejected", **BY})

    assert isinstance(refused, ApplicationFailure)
    assert value("SELECT count(*) FROM mutation_record") == 0


def test_its_timestamp_is_the_databases_and_above_what_was_seen(nodes: tuple[Node, Node], world: World) -> None:
    node, _ = nodes
    now = int(value("SELECT extract(epoch FROM rufaa_now()) * 1000000")) * 1000

    first = node.create(world)
    ahead = now + 10**12
    second = node.create(world, replace(NAMED, request=1, floor_ns=ahead))

    assert isinstance(first, Success)
    assert isinstance(second, Success)
    assert now <= first.ts_ns < now + 60 * 10**9
    assert second.ts_ns == ahead + 1


@pytest.mark.parametrize("other", ["arguments", "person"])
def test_numbers_that_were_used_for_another_call_answer_nobody_else(
    nodes: tuple[Node, Node], world: World, other: str
) -> None:
    node, _ = nodes
    node.create(world)

    with unchanged():
        if other == "arguments":
            refused = node.create(world, replace(NAMED, digest=b"e" * 32))
        else:
            refused = node.create(world, by="admin")

    assert isinstance(refused, ApplicationFailure)
    assert isinstance(refused.data, dict)
    assert refused.data["code"] == RequestTaken.code


def test_one_that_waits_for_daraja_is_remembered_by_what_it_waits_for(
    nodes: tuple[Node, Node], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rufaa.functions.runtime.ANSWER_S", 0.1)
    before, after = nodes
    referral = world.waiting()
    args = {"referralId": referral, "phoneNumber": RINGS, "demoUserId": "admin"}
    with_prompt = before.mutate("referralPayments:triggerReferralPayment", args)
    assert isinstance(with_prompt, Success)
    (record,) = rows("SELECT result, waiting FROM mutation_record")

    again = after.mutate("referralPayments:triggerReferralPayment", args)

    assert record["result"] is None
    assert again == with_prompt
    assert value("SELECT count(*) FROM prompt") == 1


def test_records_are_forgotten_after_two_weeks_and_not_before(nodes: tuple[Node, Node], world: World) -> None:
    node, _ = nodes
    node.create(world)
    advance(timedelta(days=KEPT_DAYS).total_seconds() - 60)
    assert unit(records.forget) == 0
    assert look(lambda tx: tx.rows("SELECT 1 FROM mutation_record")) != []

    advance(120)

    assert unit(records.forget) == 1
    assert value("SELECT count(*) FROM mutation_record") == 0


def test_what_cannot_be_remembered_is_not_done(database: str) -> None:
    def unwritable(_: object) -> str:
        raise ValueError("as the test wants it")

    once = replace(ONCE, write=unwritable)

    with pytest.raises(ValueError, match="as the test wants it"):
        unit(lambda tx: (records.claim(tx, once, caller=uuid.uuid4()), records.keep(tx, once, "x")))

    assert value("SELECT count(*) FROM mutation_record") == 0
