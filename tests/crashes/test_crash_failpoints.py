"""SIGKILL of a real process at every failpoint that the code lists: the story ends as it should, with at most one push.

How many pushes there were is counted in the simulator's journal, not in our tables.
"""

from __future__ import annotations

import ast
import inspect
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from crashes.conftest import Roles
from rufaa.daraja.client import Daraja
from rufaa.db import failpoints
from rufaa.db.atomic import WORK, unit
from rufaa.db.failpoints import POINTS, Step
from rufaa.money import Money
from rufaa.payments.dispatch import LEASE_S, claim_due
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    FEE,
    PAYS,
    Worker,
    World,
    advance,
    check_books,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    push_beyond,
    pushes,
    rows,
    value,
    wait_until,
)

SOURCE: Final = Path(__file__).parents[2] / "src"
OTHER: Final = "254709000000"  # answers by itself and pays
STEP_S: Final = 10  # how far time moves at once

OTHER_STORIES: Final = tuple(  # told in test_crash_failpoints_back and in notices/test_notices_sending
    point
    for step in Step
    if step.startswith(("order.", "inquiry.", "pull.", "notice."))
    for point in (step.before, step.after)
)

STARTS: Final = {  # which process has the step
    Step.FUNCTION_COMMIT: "gateway",
    Step.INGEST_STORE: "gateway",
    Step.INGEST_ANSWER: "gateway",
}


@pytest.fixture
def roles(forked_roles: Roles) -> Roles:
    return forked_roles


@dataclass(frozen=True)
class Ending:
    """What the world says after the crash, the restart and the time that is needed."""

    pushes: int  # POSTs of pushes in the simulator's journal
    prompt: str
    receipt: str  # "numbered", "awaited" or "none"


PAID: Final = Ending(1, "paid", "numbered")
FOUND_BY_ASKING: Final = Ending(1, "paid", "awaited")
NEVER_SENT: Final = Ending(0, "review", "none")  # it may have been sent for all that is known, so a person decides

ENDINGS: Final[dict[str, Ending]] = {
    Step.FUNCTION_COMMIT.before: PAID,
    Step.FUNCTION_COMMIT.after: PAID,
    Step.DISPATCH_TIDY.before: NEVER_SENT,
    Step.DISPATCH_TIDY.after: NEVER_SENT,
    Step.DISPATCH_CLAIM.before: PAID,  # nothing was claimed
    Step.DISPATCH_CLAIM.after: NEVER_SENT,
    Step.DISPATCH_CALL.before: NEVER_SENT,
    Step.DISPATCH_CALL.after: PAID,
    Step.DISPATCH_RECORD.before: PAID,
    Step.DISPATCH_RECORD.after: PAID,
    # the token is fetched for a prompt that is claimed already
    **{point: NEVER_SENT for step in Step if step.startswith("token.") for point in (step.before, step.after)},
    Step.INGEST_STORE.before: FOUND_BY_ASKING,  # Safaricom delivers once
    Step.INGEST_STORE.after: PAID,
    Step.INGEST_ANSWER.before: PAID,
    Step.INGEST_ANSWER.after: PAID,
    Step.SETTLE_BATCH.before: PAID,
    Step.SETTLE_BATCH.after: PAID,
    Step.SETTLE_ALONE.before: PAID,
    Step.SETTLE_ALONE.after: PAID,
    Step.SETTLE_GIVE_UP.before: FOUND_BY_ASKING,
    Step.SETTLE_GIVE_UP.after: FOUND_BY_ASKING,
    Step.QUERY_OVERDUE.before: Ending(1, "review", "none"),
    Step.QUERY_OVERDUE.after: Ending(1, "review", "none"),
    **{
        point: FOUND_BY_ASKING
        for step in (Step.QUERY_CLAIM, Step.QUERY_CALL, Step.QUERY_SETTLE)
        for point in (step.before, step.after)
    },
    **{point: PAID for step in Step if step.startswith("stray.") for point in (step.before, step.after)},
}


@dataclass
class Story:
    """One referral's payment, with a process that dies once on the way and is started again."""

    town: World
    simulator: RunningSimulator
    roles: Any
    point: str
    died: bool = False
    orphans: list[uuid.UUID] = field(default_factory=list)  # claimed by the process that died

    def start(self) -> None:
        """Start the one that dies, and a worker."""
        self.victim_name = STARTS.get(Step(self.point.partition(":")[0]), "worker")
        self.victim = self.roles.start(self.victim_name, RUFAA_DIE_AT=self.point)
        if self.victim_name != "worker":
            self.roles.start("worker")

    def revive(self) -> None:
        """Start again who has died. Nobody dies but at the failpoint, and nobody twice."""
        status = self.victim.process.poll()
        if status is not None:
            assert (status, self.died) == (-signal.SIGKILL, False), self.victim.log.read_text()
            self.died = True
            self.orphans = [row["id"] for row in rows("SELECT id FROM prompt WHERE state = 'sending'")]
            self.victim = self.roles.start(self.victim_name)

    def let_time_pass(self, *, until: Callable[[], bool]) -> None:
        for _ in range(60):
            wait_until(lambda: self.is_down() or self._nothing_is_due(), what="an idle worker")
            self.revive()
            if until() and self._nothing_is_due():
                return
            advance(STEP_S, self.simulator)
            execute("SELECT pg_notify(%(channel)s, '')", channel=WORK)
        raise AssertionError(f"no end (died: {self.died}): {rows('SELECT * FROM prompt')}")

    def call(self, path: str, args: dict[str, Any]) -> Any:
        """A call that is repeated when the connection breaks, as a person would."""
        for _ in range(2):
            try:
                return post(f"{self.roles.url}/api/mutation", {"path": path, "args": args, "format": "json"}).json
            except (OSError, ValueError):
                wait_until(self.is_down, what="the gateway's end")
                self.revive()
        raise AssertionError("the gateway died twice")

    def is_down(self) -> bool:
        return self.victim.process.poll() is not None

    def _nothing_is_due(self) -> bool:
        return not value(
            "SELECT EXISTS (SELECT FROM inbox WHERE settled_at IS NULL)"
            " OR EXISTS (SELECT FROM prompt WHERE next_at <= rufaa_now() OR lease_until < rufaa_now())"
            " OR EXISTS (SELECT FROM stray WHERE next_at <= rufaa_now())"
            " OR EXISTS (SELECT FROM refund WHERE next_at <= rufaa_now() OR lease_until < rufaa_now())"
            " OR EXISTS (SELECT FROM claim WHERE next_at <= rufaa_now())"
            " OR EXISTS (SELECT FROM mpesa_access WHERE pull_at <= rufaa_now())"
            # who is sending is waited for, unless it died, or waits itself until a dead one's renewal has run out
            " OR (EXISTS (SELECT FROM prompt WHERE state = 'sending' AND id <> ALL (%(orphans)s))"
            "     AND NOT EXISTS (SELECT FROM mpesa_access WHERE renewing_until > rufaa_now()))",
            orphans=self.orphans,
        )


def ended(prompt: uuid.UUID) -> Callable[[], bool]:
    return lambda: (
        value("SELECT state FROM prompt WHERE id = %(id)s", id=prompt) in {"paid", "review"}
        and value("SELECT count(*) FROM stray WHERE next_at IS NOT NULL") == 0
        and value("SELECT count(*) FROM prompt WHERE state IN ('created', 'sending', 'pending', 'unknown')") == 0
    )


@pytest.mark.fault(4, 5, 32)
@pytest.mark.parametrize("point", ENDINGS)
def test_a_process_killed_at_any_failpoint_charges_once_and_loses_nothing(
    town: World, simulator: RunningSimulator, roles: Any, lasting_gateway: int, point: str
) -> None:
    step = Step(point.partition(":")[0])
    if STARTS.get(step) != "gateway":
        roles.port = lasting_gateway
    story = Story(town, simulator, roles, point)

    # when: the process dies at the point, somewhere on the way from the click to the money
    with STAGES.get(step, plainly)(story) as (referral, prompt):
        story.let_time_pass(until=lambda: story.died and ended(prompt)())

        # then
        ending = ENDINGS[point]
        others = 1 if step is Step.SETTLE_ALONE or step.startswith("stray.") else 0
        assert pushes(simulator) == ending.pushes + others
        assert town.prompt(prompt)["state"] == ending.prompt
        assert receipt_of(prompt) == ending.receipt
        assert town.status(referral) == ("paid" if ending.prompt == "paid" else "pending-payment")
        assert None not in inbox_outcomes()
        if ending.prompt == "review":
            assert "review" in open_tasks()

        # and: the next payment goes through; of a prompt in review a person may ask anew
        if ending.prompt == "review":
            paid_next, again = referral, town.ask(referral, OTHER, reason="the phone did not ring")
        else:
            paid_next, again = town.prompted(OTHER)
        execute("SELECT pg_notify(%(channel)s, '')", channel=WORK)
        story.let_time_pass(until=ended(again))
        assert town.prompt(again)["state"] == "paid"
        assert town.status(paid_next) == "paid"
        assert pushes(simulator) == ending.pushes + others + 1
    moved = [each for each in simulator.prompts() if each.receipt]
    if ending.prompt == "paid":
        assert len(moved) == 2 + others
        assert simulator.till(DEMO_SHORT_CODE) == Money(FEE.cents * len(moved))
        check_books(simulator)
    elif step is Step.QUERY_OVERDUE:
        # The phone paid, and nothing that could say so has come yet: only money that is not seen may be missing.
        assert simulator.till(DEMO_SHORT_CODE) == Money(FEE.cents * 2)
        check_books()
    else:
        check_books(simulator)


def receipt_of(prompt: uuid.UUID) -> str:
    found = rows("SELECT number FROM receipt WHERE prompt_id = %(id)s", id=prompt)
    if not found:
        return "none"
    return "numbered" if found[0]["number"] else "awaited"


# --- how the stories begin


@contextmanager
def plainly(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    made = story.town.prompted(PAYS)  # first, since an idle worker passes some of the points, too
    story.start()
    yield made


@contextmanager
def with_its_callback_there(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """Sent before, and its callback waits in the inbox."""
    made = story.town.prompted(PAYS)
    Worker(story.roles.url).dispatch()
    advance(2, story.simulator)
    assert inbox_outcomes() == [None]
    story.start()
    yield made


@contextmanager
def by_a_click(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """The front end asks, hears nothing, and asks again."""
    referral = story.town.waiting()
    story.start()
    args = {"referralId": referral, "phoneNumber": PAYS, "demoUserId": "admin"}
    answer = story.call("referralPayments:triggerReferralPayment", args)
    assert answer["status"] == "success", answer
    assert answer["value"]["success"] is True
    (prompt,) = rows("SELECT id FROM prompt")
    yield referral, prompt["id"]


@contextmanager
def after_a_dead_worker(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """A worker claimed it and was never heard of again."""
    referral, prompt = story.town.prompted(PAYS)
    unit(lambda tx: claim_due(tx, limit=1))
    advance(LEASE_S + 1, story.simulator)
    story.start()
    yield referral, prompt


@contextmanager
def without_a_token(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    story.simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.TOKEN, status=503))
    made = story.town.prompted(PAYS)
    story.start()
    yield made


@contextmanager
def without_callback(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """Sent before, and it is time to ask."""
    story.simulator.script(Fault(FaultKind.CALLBACK_LOST))
    made = story.town.prompted(PAYS)
    Worker(story.roles.url).dispatch()
    advance(21, story.simulator)
    story.start()
    yield made


@contextmanager
def without_callback_and_answer(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """Sent before; nothing can be asked, and the time for waiting is over."""
    story.simulator.script(Fault(FaultKind.CALLBACK_LOST), Fault(FaultKind.ANSWER_LOST))
    made = story.town.prompted(PAYS)
    Worker(story.roles.url).dispatch()
    advance(UNKNOWN_WITHOUT_ID_S + 1, story.simulator)
    story.start()
    yield made


@contextmanager
def poisoned(prompt: uuid.UUID) -> Iterator[None]:
    """Callbacks about ``prompt`` cannot be settled, whatever one tries; queries can."""
    execute(
        "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = 'data_exception'; END $$"
    )
    execute(
        "CREATE TRIGGER poison BEFORE INSERT ON evidence FOR EACH ROW"
        f" WHEN (NEW.prompt_id = '{prompt}' AND NEW.channel = 'callback') EXECUTE FUNCTION poison()"
    )
    try:
        yield
    finally:
        execute("DROP FUNCTION poison() CASCADE")


@contextmanager
def beside_a_poisoned_one(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """Two callbacks are in the inbox; the other one spoils the batch."""
    referral, prompt = story.town.prompted(PAYS)
    _, other = story.town.prompted("254701000000")
    Worker(story.roles.url).dispatch()
    advance(2, story.simulator)
    assert inbox_outcomes() == [None, None]
    with poisoned(other):
        story.start()
        yield referral, prompt


@contextmanager
def poisoned_itself(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    referral, prompt = story.town.prompted(PAYS)
    with poisoned(prompt):
        story.start()
        yield referral, prompt
    assert set(open_tasks()) == {"contradiction"}


@contextmanager
def beside_a_stray(story: Story) -> Iterator[tuple[str, uuid.UUID]]:
    """A callback of a push that this database has never heard of, since it was restored from before."""
    forgotten = uuid.uuid4()
    push_beyond(story.simulator, callback_url=story.roles.callback_url(forgotten))
    advance(2, story.simulator)
    wait_until(lambda: inbox_outcomes() == [None], what="the callback")
    story.start()
    wait_until(story.is_down, what="the worker's end")
    story.revive()
    yield story.town.prompted(PAYS)
    assert rows("SELECT number, state FROM receipt WHERE prompt_id IS NULL") == [
        {"number": story.simulator.prompts()[0].receipt, "state": "unapplied"}
    ]
    assert "unapplied" in open_tasks()


STAGES: Final = {
    **{step: beside_a_stray for step in Step if step.startswith("stray.")},
    Step.FUNCTION_COMMIT: by_a_click,
    Step.DISPATCH_TIDY: after_a_dead_worker,
    Step.TOKEN_END: without_a_token,
    Step.SETTLE_BATCH: with_its_callback_there,
    Step.SETTLE_ALONE: beside_a_poisoned_one,
    Step.SETTLE_GIVE_UP: poisoned_itself,
    Step.QUERY_OVERDUE: without_callback_and_answer,
    Step.QUERY_CLAIM: without_callback,
    Step.QUERY_CALL: without_callback,
    Step.QUERY_SETTLE: without_callback,
}


# --- the list is whole


ALSO_IN_COMMANDS: Final = ("DISPATCH_TIDY", "ORDER_TIDY", "SETTLE_ALONE")


@pytest.mark.fault(32)
def test_every_failpoint_has_an_ending() -> None:
    assert {*ENDINGS, *OTHER_STORIES} == set(POINTS)


def test_every_step_stands_at_exactly_one_place() -> None:
    named = [
        f"{node.attr}"
        for path in sorted(SOURCE.rglob("*.py"))
        if path.name != "failpoints.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Step"
    ]
    # the batcher has its commit on another driver, and names both of its points; a pass or a replay by hand, and the
    # questions alone of orders, make the very commits of the worker
    assert sorted({*named}) == sorted(step.name for step in Step)
    assert sorted({name for name in named if named.count(name) > 1}) == sorted(["INGEST_STORE", *ALSO_IN_COMMANDS])


_NO_MONEY = ("api_keys.use(", "unit(records.forget)", "unit(appointments)")
"""Commits beside the money path: the last use of an API key, records of mutations that are too old, and the worker's
round of appointments, which is one commit and is due again where it did not come about."""


def test_every_commit_of_the_money_path_names_its_step() -> None:
    """What only reads goes through ``look``."""
    nameless = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for folder in ("payments", "ingest", "functions", "cli/work.py")
        for path in sorted(
            (SOURCE / "rufaa" / folder).rglob("*.py") if "." not in folder else [SOURCE / "rufaa" / folder]
        )
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "unit"
        if "step" not in {keyword.arg for keyword in node.keywords}
        if not any(each in ast.unparse(node) for each in _NO_MONEY)
    ]
    assert nameless == []


def test_every_call_of_the_money_path_stands_in_its_step() -> None:
    calls = {name for name, method in vars(Daraja).items() if inspect.iscoroutinefunction(method) and name[0] != "_"}
    found, bare = set(), []
    for folder in ("payments", "ingest", "functions", "referrals", "gateway"):
        for path in sorted((SOURCE / "rufaa" / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            around = [
                (node.lineno, node.end_lineno or 0)
                for node in ast.walk(tree)
                if isinstance(node, ast.With) and "around(Step." in ast.unparse(node.items[0])
            ]
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in calls:
                    found.add(node.func.attr)
                    if not any(first <= node.lineno <= last for first, last in around):
                        bare.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert bare == []
    assert found >= {"stk_push", "stk_query", "fetch_token"}  # or it looks in the wrong places


@pytest.mark.parametrize("where", ["dispatch.call", "dispatch.call:during", "dispatch.call:after=0", "x", ""])
def test_an_unknown_failpoint_is_refused_with_the_list(where: str) -> None:
    with pytest.raises(failpoints.UnknownPoint) as refused:
        failpoints.die_at(where)
    assert "dispatch.call:after" in refused.value.message


def test_production_refuses_to_die_on_purpose() -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "RUFAA_DIE_AT": Step.DISPATCH_CALL.before}
    ran = subprocess.run(
        [sys.executable, "-m", "rufaa", "worker"], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode != 0
    assert "RUFAA_DIE_AT" in ran.stderr + ran.stdout
