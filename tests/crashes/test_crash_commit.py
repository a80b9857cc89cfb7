"""The connection is cut at a COMMIT: whether it took effect is not known, and nothing is done twice to find out.

Cut before PostgreSQL hears the COMMIT, or after it has carried it out and before anybody is told.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import psycopg
import pytest

from crashes.conftest import Roles
from crashes.cutting import Cut, CuttingProxy
from crashes.long import only_long
from rufaa import clock
from rufaa.facilities.queries import Actor
from rufaa.ingest import batcher
from rufaa.payments.dispatch import LEASE_S
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.signin import tokens
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    RINGS,
    Answer,
    World,
    advance,
    check_books,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    pushes,
    receipts,
    requests_to,
    rows,
    success_body,
    value,
    verdicts,
    wait_until,
)

CLAIM = "event = 'claim'"
RECORD = "a callback brought the id"
SETTLE = "UPDATE inbox SET settled_at"
STORE = "INSERT INTO inbox"
BEGIN_RENEWAL = "renewal = renewal + 1, renewing_until"
STORE_TOKEN = "sealed_token ="
CREATE_REFERRAL = 'INSERT INTO "referral"'
CREATE_PROMPT = "INSERT INTO prompt"
BOTH = pytest.mark.parametrize("cut", [Cut.BEFORE_COMMIT, Cut.AFTER_COMMIT], ids=["before", "after"])
AFTER = pytest.mark.parametrize(
    "cut", [pytest.param(Cut.BEFORE_COMMIT, marks=only_long, id="before"), pytest.param(Cut.AFTER_COMMIT, id="after")]
)


@pytest.fixture
def roles(forked_roles: Roles) -> Roles:
    return forked_roles


# --- the proxy itself


@BOTH
@pytest.mark.parametrize("client", ["psycopg", "psycopg extended", "asyncpg", "asyncpg extended"])
def test_the_cut_is_where_it_is_said_to_be(database: str, proxy: CuttingProxy, cut: Cut, client: str) -> None:
    execute("DROP TABLE IF EXISTS cuts")
    execute("CREATE TABLE cuts (value int)")
    trap = proxy.cut("INSERT INTO cuts", cut)

    try:
        _insert(proxy.url, client)
    except (psycopg.OperationalError, asyncpg.PostgresConnectionError, ConnectionError, OSError):
        pass
    else:
        raise AssertionError("the COMMIT was answered")

    assert trap.done.wait(10)
    assert value("SELECT count(*) FROM cuts") == (1 if cut is Cut.AFTER_COMMIT else 0)
    assert ("C:COMMIT" in trap.sprung) is (cut is Cut.AFTER_COMMIT)
    _insert(proxy.url, client)  # the next one passes
    assert value("SELECT count(*) FROM cuts") == (2 if cut is Cut.AFTER_COMMIT else 1)
    execute("DROP TABLE cuts")


def _insert(url: str, client: str) -> None:
    extended = client.endswith("extended")
    if client.startswith("psycopg"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("BEGIN")
            connection.execute("INSERT INTO cuts VALUES (%s)", [1])
            connection.execute("COMMIT", prepare=extended)
        return

    async def insert() -> None:
        connection = await asyncpg.connect(url, timeout=5, command_timeout=5)
        try:
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO cuts VALUES ($1)", 1)
            if extended:
                await connection.fetch("COMMIT")
            else:
                await connection.execute("COMMIT;")
        finally:
            connection.terminate()

    asyncio.run(insert())


# --- the worker's commits


@pytest.mark.fault(44)
@BOTH
def test_a_claim_that_is_perhaps_committed_is_never_sent_blindly(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    roles.start("gateway")
    trap = proxy.cut(CLAIM, cut)
    referral, prompt = town.prompted(PAYS)
    roles.start("worker", DATABASE_URL=proxy.url)
    assert trap.done.wait(30)

    if cut is Cut.BEFORE_COMMIT:  # it was rolled back, and claimed again
        wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the push")
        simulator.advance(2)
        wait_until(lambda: town.status(referral) == "paid", what="the payment")
        assert pushes(simulator) == 1
    else:  # nobody knows whose claim it is: its lease runs out, and a person asks anew
        assert town.prompt(prompt)["state"] == "sending"
        advance(LEASE_S + 1)
        wait_until(lambda: town.prompt(prompt)["state"] == "unknown", what="the end of the lease")
        advance(UNKNOWN_WITHOUT_ID_S)
        wait_until(lambda: town.prompt(prompt)["state"] == "review", what="the hand-over to a person")
        assert open_tasks() == ["review"]
        assert pushes(simulator) == 0
    check_books(simulator)


@pytest.mark.fault(44)
@BOTH
def test_an_outcome_that_is_perhaps_recorded_is_recorded_once(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    """Its write carries the lease, so that writing it again does nothing, or what is missing."""
    roles.start("gateway")
    trap = proxy.cut(RECORD, cut)
    referral, prompt = town.prompted(PAYS)
    roles.start("worker", DATABASE_URL=proxy.url)
    assert trap.done.wait(30)

    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the record")

    assert town.prompt(prompt)["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    simulator.advance(2)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    moves = rows("SELECT event FROM history WHERE subject = %(id)s ORDER BY id", id=prompt)
    assert [row["event"] for row in moves] == ["create", "claim", "accepted", "confirmed"]
    assert pushes(simulator) == 1
    check_books(simulator)


@AFTER
def test_a_push_that_daraja_did_not_take_is_sent_once_more_however_its_record_went(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    roles.start("gateway")
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=429, body=SPIKE, content_type="application/json"))
    trap = proxy.cut(RECORD, cut)
    referral, prompt = town.prompted(PAYS)
    roles.start("worker", DATABASE_URL=proxy.url)
    assert trap.done.wait(30)
    wait_until(lambda: town.prompt(prompt)["event"] == "not-sent", what="the record")

    advance(30)

    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the second sending")
    simulator.advance(2)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    assert (pushes(simulator), len(simulator.prompts())) == (2, 1)
    assert town.prompt(prompt)["lease"] == 2
    check_books(simulator)


@pytest.mark.fault(44)
@BOTH
def test_a_settlement_that_is_perhaps_committed_settles_once(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    roles.start("gateway")
    phones = [f"2547080000{each:02}" for each in (0,)] + [f"2547080040{each:02}" for each in range(5)]
    asked = [town.prompted(phone) for phone in phones]
    worker = roles.start("worker")
    wait_until(lambda: value("SELECT count(*) FROM prompt WHERE state = 'pending'") == len(phones), what="the pushes")
    worker.kill()
    for phone in phones[1:]:
        simulator.answer(phone)
    simulator.advance(2)
    wait_until(lambda: len(inbox_outcomes()) == len(phones), what="the callbacks")

    trap = proxy.cut(SETTLE, cut)
    roles.start("worker", DATABASE_URL=proxy.url)
    assert trap.done.wait(30)

    wait_until(lambda: set(inbox_outcomes()) == {"confirms"}, what="the settlement")
    assert {town.status(referral) for referral, _ in asked} == {"paid"}
    assert len(receipts()) == len(phones)
    assert {state for _, state in receipts()} == {"applied"}
    for _, prompt in asked:
        assert verdicts(prompt) == ["callback:confirms"]
    check_books(simulator)


@pytest.mark.parametrize(
    ("which", "cut"),
    [
        pytest.param(BEGIN_RENEWAL, Cut.BEFORE_COMMIT, marks=only_long, id="begun-before"),
        pytest.param(BEGIN_RENEWAL, Cut.AFTER_COMMIT, id="begun-after"),
        pytest.param(STORE_TOKEN, Cut.BEFORE_COMMIT, id="stored-before"),
        pytest.param(STORE_TOKEN, Cut.AFTER_COMMIT, marks=only_long, id="stored-after"),
    ],
)
def test_a_renewal_of_the_token_that_is_perhaps_committed_holds_nobody_up_for_long(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut, which: str
) -> None:
    roles.start("gateway")
    trap = proxy.cut(which, cut)
    referral, prompt = town.prompted(PAYS)
    roles.start("worker", DATABASE_URL=proxy.url)
    assert trap.done.wait(30)
    wait_until(lambda: town.prompt(prompt)["event"] == "not-sent", what="the record that nothing was sent")

    advance(6)  # when it is due again
    if which == BEGIN_RENEWAL and cut is Cut.AFTER_COMMIT:
        advance(31)  # the renewal that nobody makes keeps its lease
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the push")

    asked = len(requests_to(simulator, "/oauth/v1/generate"))
    assert asked == (2 if (which, cut) == (STORE_TOKEN, Cut.BEFORE_COMMIT) else 1)
    simulator.advance(2)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    assert pushes(simulator) == 1
    check_books(simulator)


# --- the gateway's commits


@pytest.mark.fault(24)
@pytest.mark.parametrize("cut", list(Cut), ids=lambda cut: cut.value)
def test_a_callback_that_is_perhaps_stored_is_stored_again_and_settles_once(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    assert batcher._SILENT_S < batcher.PATIENCE_S
    # Broken off after one second, it leaves the other connection four of the sender's five.
    early = "from rufaa.ingest import batcher; batcher._SILENT_S = 1.0"
    roles.start("gateway", changed=early, DATABASE_URL=proxy.url)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(PAYS)
    roles.start("worker")
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the push")
    simulator.advance(2)
    (pushed,) = simulator.prompts()
    body = success_body(
        pushed.checkout_request_id,
        number=pushed.receipt,
        phone=int(PAYS),
        MerchantRequestID=town.prompt(prompt)["merchant_request_id"],
    )
    trap = proxy.cut(STORE, cut)

    answer = post(roles.callback_url(prompt), body)

    assert trap.done.wait(10)
    assert answer.status == 200  # written once more within the sender's patience, and that commit was answered
    copies = 1 if cut is Cut.BEFORE_COMMIT else 2
    wait_until(lambda: inbox_outcomes() == ["confirms"] * copies, what="the settlement of every copy")
    assert receipts() == [(pushed.receipt, "applied")]
    assert town.status(referral) == "paid"
    assert pushes(simulator) == 1
    check_books(simulator)


@BOTH
def test_a_referral_that_is_perhaps_created_is_answered_with_look_before_you_repeat(
    town: World, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    roles.start("gateway", DATABASE_URL=proxy.url)
    trap = proxy.cut(CREATE_REFERRAL, cut)

    answer = call(roles, "referrals:createReferral", NEW_REFERRAL, by=town.physician)

    assert trap.done.wait(10)
    assert_may_be_done(answer)
    assert value("SELECT count(*) FROM referral") == (1 if cut is Cut.AFTER_COMMIT else 0)
    assert call(roles, "referrals:createReferral", NEW_REFERRAL, by=town.physician).json["status"] == "success"


@BOTH
def test_a_prompt_that_is_perhaps_asked_for_rings_once(
    town: World, simulator: RunningSimulator, proxy: CuttingProxy, roles: Any, cut: Cut
) -> None:
    roles.start("gateway", DATABASE_URL=proxy.url)
    referral = town.waiting()
    trap = proxy.cut(CREATE_PROMPT, cut)
    wanted = {"referralId": referral, "phoneNumber": RINGS}

    answer = call(roles, "referralPayments:triggerReferralPayment", wanted, by=town.admin)

    assert trap.done.wait(10)
    assert_may_be_done(answer)
    assert value("SELECT count(*) FROM prompt") == (1 if cut is Cut.AFTER_COMMIT else 0)
    roles.start("worker")
    again = call(roles, "referralPayments:triggerReferralPayment", wanted, by=town.admin).json
    assert again["value"]["success"] is True
    simulator.answer(RINGS)
    simulator.advance(1)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    assert pushes(simulator) == 1
    check_books(simulator)


NEW_REFERRAL = {
    "patientName": "Jane Wafula",
    "medicalHistory": "none",
    "labResults": "none",
    "diagnosis": "fracture",
    "receivingFacility": "Tumaini Referral Hospital",
    "priority": "Routine",
}
SPIKE = json.dumps({"errorCode": "500.003.02", "errorMessage": "Error Occurred: Spike Arrest Violation"})


def call(roles: Any, path: str, args: dict[str, Any], *, by: Actor) -> Answer:
    token = tokens.issue(by.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
    body = {"path": path, "args": args, "format": "json"}
    return post(f"{roles.url}/api/mutation", body, Authorization=f"Bearer {token}")


def assert_may_be_done(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (503, "SystemTimeoutError")
    assert "look before you repeat it" in answer.json["message"]
