"""The clock is set forward and back, and nodes disagree: nothing is sent twice, and nothing waits for the old time.

The database's time rules (``rufaa_now()``, whose offset is moved here); a node's own clock stamps requests alone.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crashes.long import only_long
from rufaa import clock
from rufaa.daraja.outcomes import Accepted, Exchange
from rufaa.db.atomic import unit
from rufaa.payments import access, dispatch
from rufaa.payments.dispatch import CLOCK_SLACK_S, LEASE_S, Claimed, claim_due, record, tidy
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.signin import tokens
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    execute,
    open_tasks,
    pushes,
    requests_to,
    rows,
    value,
    wait_until,
)

HOUR, DAY = 3600, 86_400
STEPS = pytest.mark.parametrize(
    "step_s",
    [
        pytest.param(-HOUR, id="-1 h"),
        pytest.param(HOUR, id="+1 h"),
        pytest.param(-DAY, id="-1 day", marks=only_long),
        pytest.param(DAY, id="+1 day", marks=only_long),
    ],
)
NOTHING = Exchange(None, b"", datetime(2026, 11, 23, tzinfo=UTC), 0.0)
LIVE = {"created", "sending", "pending", "unknown"}


def rounds(worker: Worker, *, for_s: int, every_s: int = 20) -> None:
    """The worker works on while time passes at its usual pace."""
    for _ in range(0, for_s, every_s):
        worker.dispatch()
        worker.query()
        worker.settle()
        advance(every_s)


def claim() -> Claimed:
    (claimed,), _ = unit(lambda tx: claim_due(tx, limit=1))
    return claimed


# --- the database's clock, at each stage of a prompt


@STEPS
def test_a_prompt_that_waits_to_be_sent_is_given_up_and_the_phone_is_free(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    """It must not ring an hour late, and who asked may ask again at once."""
    referral, prompt = town.prompted(RINGS)

    advance(step_s)
    worker.dispatch()

    row = town.prompt(prompt)
    assert (row["state"], row["event"]) == ("refused", "gave-up")
    anew = town.ask(referral, RINGS)
    worker.dispatch()
    assert town.prompt(anew)["state"] == "pending"
    rounds(worker, for_s=200)
    assert pushes(simulator) == 1


@pytest.mark.parametrize("step_s", [-CLOCK_SLACK_S + 10, -20], ids=str)
def test_a_small_correction_of_the_clock_delays_a_prompt_by_no_more_than_itself(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    _, prompt = town.prompted(RINGS)

    advance(step_s)
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "created"
    advance(-step_s)
    worker.dispatch()

    assert (town.prompt(prompt)["state"], pushes(simulator)) == ("pending", 1)


@STEPS
def test_a_dead_workers_lease_ends_all_the_same(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    _, prompt = town.prompted(RINGS)
    assert claim().id == prompt

    advance(step_s)
    worker.dispatch()
    if step_s < 0:
        assert town.prompt(prompt)["state"] == "sending"
        advance(LEASE_S + 1)
        worker.dispatch()
    assert town.prompt(prompt)["state"] == "unknown"
    advance(UNKNOWN_WITHOUT_ID_S)
    worker.query()

    assert town.prompt(prompt)["state"] == "review"
    assert open_tasks() == ["review"]
    assert pushes(simulator) == 0


@STEPS
def test_an_answer_that_comes_after_the_step_counts(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    """The worker lives, and its POST is under way while the clock is set."""
    _, prompt = town.prompted(RINGS)
    claimed = claim()

    advance(step_s)
    unit(tidy)
    unit(lambda tx: record(tx, (claimed, Accepted("m-1", "ws_CO_1", "", NOTHING))))

    row = town.prompt(prompt)
    assert row["checkout_request_id"] == "ws_CO_1"
    assert row["state"] == ("pending" if step_s < 0 else "unknown")
    assert value("SELECT next_at - rufaa_now() <= interval '20 s' FROM prompt")


@pytest.mark.fault(13)
@STEPS
def test_a_payment_whose_callback_was_lost_is_found_within_minutes(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    assert town.prompt(prompt)["state"] == "pending"

    advance(step_s)
    rounds(worker, for_s=60)

    assert town.status(referral) == "paid"
    assert pushes(simulator) == 1
    check_books(simulator)


@pytest.mark.fault(51)
@STEPS
def test_a_phone_that_still_rings_is_not_given_up_and_pays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()

    advance(step_s)
    rounds(worker, for_s=40)
    state = town.prompt(prompt)["state"]
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    # set forward by more than half an hour it is a person's at once, and its money counts even so
    assert state == ("pending" if step_s < 0 else "review")
    assert town.status(referral) == "paid"
    assert open_tasks() == []
    check_books(simulator)


def test_control_without_the_correction_a_prompt_waits_for_the_old_time(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = "SELECT id FROM prompt WHERE %(slack_s)s IS NULL"
    monkeypatch.setattr(dispatch, "_SQL", {**dispatch._SQL, "made_in_the_future": never, "sent_in_the_future": never})
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, _ = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    _, waiting = town.prompted(RINGS)

    advance(-HOUR)
    rounds(worker, for_s=1800, every_s=300)

    assert town.status(referral) == "pending-payment"
    assert town.prompt(waiting)["state"] == "created"


# --- what processes share about an account


@STEPS
def test_a_token_that_was_cached_is_used_or_renewed(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    """Set back, it looks fresh when it is dead: Daraja says so, and it is renewed."""
    town.prompted(RINGS)
    worker.dispatch()

    advance(step_s)
    simulator.advance(3700)  # the token is dead whatever our clock says
    _, prompt = town.prompted(PAYS)
    execute("UPDATE prompt SET next_at = rufaa_now() WHERE id = %(id)s", id=prompt)
    with shifted(timedelta(seconds=3700)):
        for _ in range(2):  # set back, the account's budget is pulled back to a full burst: a millisecond here
            worker.dispatch()

    assert town.prompt(prompt)["state"] == "pending"
    assert len(requests_to(simulator, "/oauth/")) == 2
    assert len(simulator.prompts()) == 2


@STEPS
def test_a_renewal_that_died_holds_nobody_up(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    begin = {"account": town.account.pk, "seen": 0, "lease_s": 30}
    assert unit(lambda tx: tx.row(access._SQL["begin_renewal"], begin)) is not None

    advance(step_s)
    _, prompt = town.prompted(RINGS)
    worker.dispatch()

    assert town.prompt(prompt)["state"] == "pending"


@STEPS
def test_the_budget_of_an_account_is_not_spent_for_hours(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, step_s: int
) -> None:
    execute("UPDATE mpesa_account SET pushes_per_s = 0.1")
    town.prompted("254708004000")
    worker.dispatch()

    advance(step_s)
    town.prompted("254708004001")
    worker.dispatch()
    advance(10)
    worker.dispatch()

    assert pushes(simulator) == 2


# --- the nodes' own clocks


@pytest.mark.fault(9)
@pytest.mark.parametrize("ahead_min", [-10, 10])
def test_a_token_issued_by_a_node_whose_clock_differs_is_accepted(ahead_min: int) -> None:
    user = uuid.uuid4()
    there = clock.now() + timedelta(minutes=ahead_min)

    token = tokens.issue(user, keys=KEYS, now=there, lifetime=timedelta(hours=1))

    assert tokens.verify(token, keys=KEYS).user == user


@pytest.mark.fault(51)
def test_workers_whose_clocks_differ_by_twenty_minutes_share_the_work(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    """Leases, schedules and the token's life are in the database's time, which both read there."""
    shift = "from datetime import timedelta; from rufaa import clock; now = clock.now;"
    roles.start("gateway", changed=f"{shift} clock.now = lambda: now() + timedelta(minutes=10)")
    for minutes in (-10, 10):
        roles.start("worker", changed=f"{shift} clock.now = lambda: now() + timedelta(minutes={minutes})")
    phones = [f"2547080040{each:02}" for each in range(30)]
    asked = [town.prompted(phone) for phone in phones]

    wait_until(lambda: value("SELECT count(*) FROM prompt WHERE state = 'pending'") == 30, what="thirty pushes")
    for phone in phones:
        simulator.answer(phone)
    simulator.advance(2)

    wait_until(lambda: {town.status(referral) for referral, _ in asked} == {"paid"}, what="the payments")
    assert pushes(simulator) == 30
    assert len(requests_to(simulator, "/oauth/")) == 1
    check_books(simulator)


@pytest.mark.fault(51)
def test_a_node_whose_clock_is_a_day_wrong_sends_nothing_and_says_why(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)

    with shifted(timedelta(days=1)):
        worker.dispatch()

    row = town.prompt(prompt)
    assert (row["state"], row["message"]) == ("refused", "Bad Request - Invalid Timestamp")
    anew = town.ask(referral, RINGS)
    worker.dispatch()
    assert town.prompt(anew)["state"] == "pending"
    assert len(simulator.prompts()) == 1


@pytest.mark.fault(51)
@pytest.mark.parametrize(
    ("instant", "stamp"),
    [
        (datetime(2028, 2, 28, 21, 0, tzinfo=UTC), "20280229000000"),
        (datetime(2028, 2, 29, 20, 59, 59, tzinfo=UTC), "20280229235959"),
        (datetime(2028, 2, 29, 21, 0, tzinfo=UTC), "20280301000000"),
        (datetime(2026, 12, 31, 21, 0, tzinfo=UTC), "20270101000000"),
        (datetime(2027, 2, 28, 21, 0, tzinfo=UTC), "20270301000000"),
    ],
)
def test_the_stamp_is_east_african_at_the_ends_of_days_and_years(instant: datetime, stamp: str) -> None:
    assert clock.daraja_timestamp(instant) == stamp
    assert clock.from_daraja_timestamp(stamp) == instant


# --- a long time away


@pytest.mark.fault(52)
def test_after_thirty_days_of_downtime_everything_open_ends_or_is_a_persons(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    # given: one prompt in each open state, and money that came while nobody listened
    simulator.script(Fault(FaultKind.CALLBACK_LOST), Fault(FaultKind.CALLBACK_LOST))
    worker = Worker(roles.url)  # no gateway runs: callbacks are lost
    paid, paid_prompt = town.prompted(PAYS)
    _, ringing_prompt = town.prompted(RINGS)
    worker.dispatch()
    simulator.script(Fault(FaultKind.ANSWER_LOST))
    _, lost_prompt = town.prompted("254708004001")
    worker.dispatch()
    _, dead_prompt = town.prompted("254708004002")
    assert claim().id == dead_prompt
    _, waiting_prompt = town.prompted("254708004003")
    prompts = (paid_prompt, ringing_prompt, lost_prompt, dead_prompt, waiting_prompt)
    states = [town.prompt(each)["state"] for each in prompts]
    assert states == ["pending", "pending", "unknown", "sending", "created"]
    simulator.advance(2)

    # when
    advance(30 * DAY, simulator)
    shift = "from datetime import timedelta; from rufaa import clock; now = clock.now;"
    roles.start("gateway")
    roles.start("worker", changed=f"{shift} clock.now = lambda: now() + timedelta(days=30)")

    # then: within seconds
    wait_until(lambda: not LIVE & {row["state"] for row in rows("SELECT state FROM prompt")}, what="the end of all")
    assert town.status(paid) == "paid"
    assert town.prompt(waiting_prompt)["state"] == "refused"  # it never rang, and does not ring now
    with_a_person = {row["prompt_id"] for row in rows("SELECT prompt_id FROM task WHERE closed_at IS NULL")}
    for prompt in (ringing_prompt, lost_prompt, dead_prompt):
        state = town.prompt(prompt)["state"]
        assert state == "unpaid" or (state == "review" and prompt in with_a_person)
    assert pushes(simulator) == 3
    check_books(simulator)


class shifted:  # noqa: N801 - used as a statement
    """This process's clock differs."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def __enter__(self) -> None:
        self._now = now = clock.now
        clock.now = lambda: now() + self._by

    def __exit__(self, *_: object) -> None:
        clock.now = self._now
