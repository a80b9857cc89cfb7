"""SIGKILL at the worst moments: a push is never sent twice, and what was answered with 200 is never lost."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any

import psycopg
import pytest

from rufaa.payments.dispatch import LEASE_S
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    RINGS,
    World,
    advance,
    check_books,
    inbox_outcomes,
    post,
    pushes,
    receipts,
    rows,
    success_body,
    value,
    wait_until,
)

LISTED = "196.201.214.200"
MANY = 3000


@pytest.mark.fault(5)
def test_a_worker_killed_between_acceptance_and_record_sends_nothing_twice(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    # given: Daraja has accepted the push, and its answer hangs
    roles.start("gateway")
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=5))
    referral, prompt = town.prompted(RINGS)
    worker = roles.start("worker")
    simulator.wait_until(lambda: len(simulator.prompts()) == 1)
    assert town.prompt(prompt)["state"] == "sending"

    # when: the worker dies, and another starts
    worker.kill()
    simulator.advance(5)  # the answer goes to nobody
    roles.start("worker")
    advance(LEASE_S / 2)
    other_referral, _ = town.prompted("254708004999")  # the new worker is at work, and leaves the lease alone
    simulator.wait_until(lambda: len(simulator.prompts()) == 2)
    assert town.prompt(prompt)["state"] == "sending"
    advance(LEASE_S)
    wait_until(lambda: town.prompt(prompt)["state"] == "unknown", what="the end of the dead worker's lease")

    # then: the patient's PIN pays it by its callback alone
    assert town.prompt(prompt)["checkout_request_id"] is None
    simulator.answer(RINGS)
    simulator.advance(1)
    wait_until(lambda: town.status(referral) == "paid", what="the payment")
    assert town.prompt(prompt)["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    assert [each.phone for each in simulator.prompts()] == [RINGS, "254708004999"]
    assert pushes(simulator) == 2
    assert town.status(other_referral) == "pending-payment"
    check_books(simulator)


def test_a_worker_killed_while_it_settles_settles_once(town: World, simulator: RunningSimulator, roles: Any) -> None:
    # given: twenty paid prompts whose callbacks stand in the inbox, and one row that holds the settlement up
    roles.start("gateway")
    phones = [f"2547080040{each:02}" for each in range(20)]
    referrals = [town.prompted(phone)[0] for phone in phones]
    first = roles.start("worker")
    wait_until(
        lambda: value("SELECT count(*) FROM prompt WHERE state = 'pending'") == 20, what="twenty accepted prompts"
    )
    with held(roles.database, referrals[0]) as somebody_waits:
        for phone in phones:
            simulator.answer(phone)
        simulator.advance(0.9)
        wait_until(somebody_waits, what="the settlement waiting for the row")

        # when
        first.kill()
    roles.start("worker")

    # then
    wait_until(lambda: set(inbox_outcomes()) == {"confirms"}, what="the settlement of all")
    assert {town.status(referral) for referral in referrals} == {"paid"}
    assert sorted(number for number, _ in receipts() if number) == sorted(
        each.receipt for each in simulator.prompts() if each.receipt
    )
    check_books(simulator)


@contextmanager
def held(database: str, referral: str) -> Iterator[Callable[[], bool]]:
    """Another transaction holds the referral's row; the function given says whether somebody waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database) as holder:
        holder.execute("SELECT FROM referral WHERE id = %s FOR UPDATE", [uuid.UUID(referral)])
        yield lambda: bool(value(waiting))


def test_a_gateway_killed_under_callbacks_has_kept_what_it_acknowledged(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    # given: a paid prompt, and copies of a callback from 16 senders, many more than will be sent
    gateway = roles.start("gateway")
    referral, prompt = town.prompted(PAYS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker = roles.start("worker")
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the accepted prompt")
    worker.kill()
    simulator.advance(2)
    row = town.prompt(prompt)
    enough, killed = threading.Event(), threading.Event()
    acknowledged: list[int] = []

    def send(number: int) -> None:
        if killed.is_set():
            return
        body = success_body(
            row["checkout_request_id"],
            number=simulator.prompts()[0].receipt,
            phone=int(PAYS),
            MerchantRequestID=row["merchant_request_id"],
            ResultDesc=f"copy {number}",
        )
        try:
            if post(roles.callback_url(prompt), body).status == 200:
                acknowledged.append(number)
        except (OSError, HTTPException):
            pass  # no whole answer: Safaricom would have lost it, and so do we
        if len(acknowledged) >= 60:
            enough.set()

    # when: it dies in the middle
    with ThreadPoolExecutor(16) as pool:
        sending = [pool.submit(send, number) for number in range(MANY)]
        assert enough.wait(30)
        gateway.kill()
        killed.set()
        for each in sending:
            each.result()

    # then: each that was answered with 200 is in the inbox, and settles
    stored = [bytes(each["body"]) for each in rows("SELECT body FROM inbox")]
    missing = [number for number in acknowledged if not any(b'"copy %d"' % number in body for body in stored)]
    assert 60 <= len(acknowledged) < MANY
    assert missing == []
    roles.start("worker")
    wait_until(lambda: set(inbox_outcomes()) == {"confirms"}, what="the settlement")
    assert town.status(referral) == "paid"
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]
    check_books(simulator)


def test_a_worker_told_to_stop_finishes_the_push_that_it_began(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=5))
    _, prompt = town.prompted(RINGS)
    worker = roles.start("worker")
    simulator.wait_until(lambda: len(simulator.prompts()) == 1)

    worker.process.terminate()
    simulator.advance(5)

    assert worker.process.wait(20) == 0, worker.log.read_text()
    assert town.prompt(prompt)["state"] == "pending"
    assert town.prompt(prompt)["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    check_books(simulator)


@pytest.mark.parametrize("proxy", ["", "127.0.0.1"], ids=["no proxy named", "proxy named"])
def test_the_real_gateway_believes_only_named_proxies_about_the_source(
    town: World, simulator: RunningSimulator, roles: Any, proxy: str
) -> None:
    """The server underneath must not rewrite the peer's address by itself."""
    roles.start("gateway", RUFAA_CALLBACK_ADDRESSES=LISTED, RUFAA_TRUSTED_PROXIES=proxy)

    answer = post(roles.callback_url(uuid.UUID(int=1)), success_body("ws_CO_1"), X_Forwarded_For=LISTED)

    assert answer.status == 200
    (row,) = rows("SELECT trusted, source FROM inbox")
    assert row == ({"trusted": True, "source": LISTED} if proxy else {"trusted": False, "source": "127.0.0.1"})
