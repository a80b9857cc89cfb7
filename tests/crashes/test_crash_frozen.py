"""Frozen with SIGSTOP: a worker past its lease, and PostgreSQL itself, which keeps its sockets and says nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crashes.conftest import Role
from crashes.long import LONG
from rufaa import clock
from rufaa.db import _pg_processes
from rufaa.db.embedded import EmbeddedPostgres
from rufaa.payments.dispatch import LEASE_S
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.signin import tokens
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    RINGS,
    Answer,
    World,
    advance,
    check_books,
    inbox_outcomes,
    post,
    pushes,
    receipts,
    requests_to,
    success_body,
    value,
    wait_until,
)

# A worker whose seconds are short, so that a real freeze outlasts them: lease, latest start, the client's whole call.
SHORT_LIVED = """
from rufaa.daraja import client
from rufaa.payments import dispatch
dispatch.LEASE_S, dispatch.LATEST_START_S = 3, 2
client.Timeouts.__init__.__defaults__ = (1.0, 1.5)
"""
FROZEN_S = 4.0
OTHER = "254708004001"


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def elapsed(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


# --- a worker


@pytest.mark.fault(34)
def test_a_worker_frozen_before_its_post_sends_nothing_when_it_thaws(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    """A person has asked anew meanwhile: that prompt is untouched."""
    # given: a worker that has claimed, and waits for its token
    roles.start("gateway")
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, on=Operation.TOKEN, delay_s=1))
    referral, prompt = town.prompted(RINGS)
    worker = roles.start("worker", changed=SHORT_LIVED)
    simulator.wait_until(lambda: len(requests_to(simulator, "/oauth/")) + waiting_tokens(simulator) > 0)
    wait_until(lambda: town.prompt(prompt)["state"] == "sending", what="the claim")

    with frozen(worker.process.pid):
        wait_until(elapsed(FROZEN_S), what="the freeze")
        simulator.advance(1)  # its token lies in the socket
        roles.start("worker")
        wait_until(lambda: town.prompt(prompt)["state"] == "unknown", what="the end of the lease")
        advance(UNKNOWN_WITHOUT_ID_S + 31)  # also the end of the frozen one's renewal
        wait_until(lambda: town.prompt(prompt)["state"] == "review", what="the hand-over")
        anew = town.ask(referral, RINGS, reason="it never rang")
        wait_until(lambda: town.prompt(anew)["state"] == "pending", what="the new prompt")
        before = (town.prompt(prompt), town.prompt(anew))

    # then: what it says about its prompt is refused, and it says nothing to Daraja
    wait_until(lambda: b"prompt.answered" in worker.log.read_bytes(), what="the thawed worker's word")
    assert said(worker, "prompt.answered", prompt.hex)["outcome"] == "NotSent"
    settle_one_more(town, simulator)
    assert (town.prompt(prompt), town.prompt(anew)) == before
    assert pushes(simulator) == 2  # the new prompt, and one more that was asked for to see that the workers work
    simulator.answer(RINGS)
    simulator.advance(1)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    check_books(simulator)


@pytest.mark.fault(34)
def test_a_worker_frozen_between_the_answer_and_its_record_brings_the_id_alone(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    roles.start("gateway")
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=1), Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(RINGS)
    worker = roles.start("worker")
    simulator.wait_until(lambda: len(simulator.prompts()) == 1)

    with frozen(worker.process.pid):
        simulator.advance(1)  # accepted: the answer lies in the socket
        other = roles.start("worker")
        advance(LEASE_S + 1)
        wait_until(lambda: town.prompt(prompt)["state"] == "unknown", what="the end of the lease")
        assert town.prompt(prompt)["checkout_request_id"] is None

    wait_until(lambda: town.prompt(prompt)["checkout_request_id"] is not None, what="the id")
    row = town.prompt(prompt)
    assert (row["state"], row["event"]) == ("unknown", "lease-expired")
    assert row["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    simulator.answer(RINGS)
    simulator.advance(2)

    def found() -> bool:
        advance(60)  # a query that was on its way before the PIN brings no news, and the next one is due later
        return town.status(referral) == "paid"

    wait_until(found, what="the payment that a query finds")
    assert pushes(simulator) == 1
    assert other.process.poll() is None
    check_books(simulator)


def test_a_worker_frozen_while_it_renews_the_token_harms_no_other(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    roles.start("gateway")
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, on=Operation.TOKEN, delay_s=1))
    _, first = town.prompted(RINGS)
    worker = roles.start("worker")
    wait_until(lambda: value("SELECT renewing_until IS NOT NULL FROM mpesa_access"), what="the renewal")
    simulator.wait_until(lambda: waiting_tokens(simulator) > 0)

    with frozen(worker.process.pid):
        simulator.advance(1)
        roles.start("worker")
        _, second = town.prompted(OTHER)
        advance(31)  # the end of the renewal's lease, and not of the prompt's
        wait_until(lambda: town.prompt(second)["state"] == "pending", what="the other worker's push")
        stored = value("SELECT sealed_token FROM mpesa_access")

    # its token is older than the stored one, and dead: it may not be stored, and the push goes out with the stored one
    wait_until(lambda: town.prompt(first)["state"] == "pending", what="the thawed worker's push")
    assert bytes(value("SELECT sealed_token FROM mpesa_access")) == bytes(stored)
    assert len(requests_to(simulator, "/oauth/")) == 2
    assert [each.phone for each in simulator.prompts()] == [OTHER, RINGS]
    check_books(simulator)


def waiting_tokens(simulator: RunningSimulator) -> int:
    """Requests for a token whose answer is held back: the fault is noted when it is used, the exchange at its end."""
    return sum(1 for entry in simulator.journal() if entry.kind == "fault-used")


def settle_one_more(town: World, simulator: RunningSimulator) -> None:
    _, one = town.prompted(OTHER)
    wait_until(lambda: town.prompt(one)["state"] == "pending", what="one more push")


def said(role: Role, event: str, prompt: str) -> dict[str, Any]:
    lines = [json.loads(line) for line in role.log.read_text().splitlines() if line.startswith("{")]
    (found,) = [line for line in lines if line["event"] == event and line.get("prompt") == prompt]
    return dict(found)


# --- PostgreSQL


def processes_of(postgres: EmbeddedPostgres) -> list[int]:
    assert postgres.pid is not None
    return sorted(_pg_processes.at_work_in(Path(f"/proc/{postgres.pid}/cwd").readlink()))


def test_a_frozen_postgres_is_said_to_be_away_and_is_used_again_when_it_thaws(
    town: World, postgres: EmbeddedPostgres, simulator: RunningSimulator, roles: Any
) -> None:
    # given: a prompt that was paid, whose callback comes in the freeze
    gateway = roles.start("gateway")
    worker = roles.start("worker")
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(PAYS)
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the push")
    simulator.advance(2)
    (pushed,) = simulator.prompts()
    body = success_body(
        pushed.checkout_request_id,
        number=pushed.receipt,
        phone=int(PAYS),
        MerchantRequestID=town.prompt(prompt)["merchant_request_id"],
    )
    address = roles.callback_url(prompt)
    waiting = town.waiting()
    token = tokens.issue(town.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
    ask = {
        "path": "referralPayments:triggerReferralPayment",
        "args": {"referralId": waiting, "phoneNumber": OTHER},
        "format": "json",
    }

    def timed(url: str, what: Any, **headers: str) -> tuple[Answer, float]:
        began = time.monotonic()
        return post(url, what, **headers), time.monotonic() - began

    # when
    with ThreadPoolExecutor(40) as pool:
        with frozen(*processes_of(postgres)):
            callbacks = [pool.submit(timed, address, body) for _ in range(5)]
            bearer = {"Authorization": f"Bearer {token}"}
            calls = [pool.submit(timed, f"{roles.url}/api/mutation", ask, **bearer) for _ in range(12)]
            healths = []
            until = elapsed(60 if LONG else 6)
            while not until():
                healths.append(timed(f"{roles.url}/healthz", {}))
            for each in callbacks:
                answer, took_s = each.result()  # while it is frozen
                assert answer.status == 503, (answer.body, took_s)
            for each in calls:
                answer, took_s = each.result()
                assert answer.status == 503, (answer.body, took_s)
            print("callbacks", [round(each.result()[1], 1) for each in callbacks])
            print("calls", [(round(each.result()[1], 1), each.result()[0].json["message"][:40]) for each in calls])
            print("health", [(answer.status, round(took_s, 1), answer.json) for answer, took_s in healths])
            assert {answer.status for answer, _ in healths} == {503}
            assert max(took_s for _, took_s in healths) < 12  # not as long as a call
        thawed = time.monotonic()

        # then: everything goes on by itself
        wait_until(lambda: post(f"{roles.url}/healthz", {}).status == 200, what="health", deadline_s=15)
        print("healthy after", round(time.monotonic() - thawed, 1))
        wait_until(lambda: post(address, body).status == 200, what="the callback", deadline_s=15)
        print("stored after", round(time.monotonic() - thawed, 1))
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    print("paid after", round(time.monotonic() - thawed, 1))
    wait_until(lambda: set(inbox_outcomes()) == {"confirms"}, what="the settlement")
    assert receipts() == [(pushed.receipt, "applied")]
    # nobody's phone rings for a call that was answered with "try again"
    assert value("SELECT count(*) FROM prompt") == 1
    again = post(f"{roles.url}/api/mutation", ask, Authorization=f"Bearer {token}").json
    assert again["value"]["success"] is True
    print("asked after", round(time.monotonic() - thawed, 1))
    assert pushes(simulator) == 2
    assert gateway.process.poll() is None
    if not LONG:
        assert worker.process.poll() is None
    check_books(simulator)
