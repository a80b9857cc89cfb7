"""PostgreSQL dies under load, refuses, or has no room: what was acknowledged is there, and nobody is asked twice."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.client import HTTPException
from typing import Any

import psycopg
import pytest

from crashes.long import LONG, only_long
from rufaa import clock
from rufaa.db.embedded import EmbeddedPostgres
from rufaa.facilities.queries import Actor
from rufaa.payments.dispatch import LEASE_S
from rufaa.payments.machine import UNKNOWN_WITHOUT_ID_S
from rufaa.signin import tokens
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.engine import NotRinging
from rufaa.simulator.testing import RunningSimulator, running_simulator
from support import (
    KEYS,
    RINGS,
    World,
    advance,
    check_books,
    failure_body,
    inbox_outcomes,
    make_world,
    post,
    requests_to,
    rows,
    value,
    wait_until,
)

KILLS = 30 if LONG else 3
BACK_WITHIN_S = 60.0
"""From the server's answer to the first success of each role. Measured: 0.1 to 3 s; after a storm 3 to 8 s, since a
pool gives a connection up after 4 s, and 14 s with eight such tests at once. The bound is for what never comes back."""


# --- the load


class Load:
    """Clerks who refer and ask for the fee, patients who type their PIN. Knows what was acknowledged to them."""

    def __init__(self, url: str, town: World, simulator: RunningSimulator) -> None:
        self._url = url
        self._town = town
        self._simulator = simulator
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.created: list[str] = []  # referrals whose creation was acknowledged
        self.asked: list[str] = []  # whose prompt was acknowledged: a phone was asked, or will be
        self.paid_seen: list[str] = []
        self.refused: Counter[int] = Counter()
        self._answered = 0
        self._tokens = {
            who.user: tokens.issue(who.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=2))
            for who in (town.physician, town.admin)
        }

    @contextmanager
    def running(self, clerks: int = 4) -> Iterator[None]:
        with ThreadPoolExecutor(clerks + 1) as pool:
            jobs = [pool.submit(self._clerk, number, clerks) for number in range(clerks)]
            jobs.append(pool.submit(self._patients))
            try:
                yield
            finally:
                self._stop.set()
                for job in jobs:
                    job.result(120)

    def _call(self, path: str, args: dict[str, Any], who: Actor) -> dict[str, Any] | None:
        """The answer; None where none came, or a 503: whether it took effect is then not known."""
        try:
            answer = post(
                f"{self._url}/api/mutation",
                {"path": path, "args": args, "format": "json"},
                Authorization=f"Bearer {self._tokens[who.user]}",
            )
        except (OSError, HTTPException):
            self.refused[0] += 1
            return None
        if answer.status != 200:
            assert answer.status == 503, (answer.status, answer.body)
            self.refused[503] += 1
            return None
        found: dict[str, Any] = answer.json
        return found

    def _until_known(self, path: str, args: dict[str, Any], who: Actor) -> dict[str, Any] | None:
        """Says it again until it is answered: moves and prompts may be said twice."""
        while not self._stop.is_set():
            found = self._call(path, args, who)
            if found is not None:
                return found
            self._stop.wait(0.05)
        return None

    def _clerk(self, number: int, of: int) -> None:
        town = self._town
        phones = [f"2547080040{each:02}" for each in range(number, 100, of)]
        for turn in range(10**6):
            if self._stop.is_set():
                return
            made = self._call("referrals:createReferral", NEW_REFERRAL, town.physician)
            if made is None:
                continue
            assert made["status"] == "success", made
            referral = made["value"]
            with self._lock:
                self.created.append(referral)
            for status in ("awaiting-biodata", "pending-payment"):
                args = {"referralId": referral, "status": status}
                moved = self._until_known("referrals:updateReferralStatus", args, town.admin)
                assert moved is None or moved["status"] == "success", moved
                if moved is None:
                    return
            args = {"referralId": referral, "phoneNumber": phones[turn % len(phones)]}
            asked = self._until_known("referralPayments:triggerReferralPayment", args, town.admin)
            if asked is not None and asked["status"] == "success":
                with self._lock:
                    self.asked.append(referral)

    def _patients(self) -> None:
        while not self._stop.is_set():
            self.everybody_pays()
            self._stop.wait(0.02)

    def everybody_pays(self) -> None:
        prompts = self._simulator.prompts()
        for prompt in prompts[self._answered :]:
            with suppress(NotRinging):
                self._simulator.answer(str(prompt.payer))
        self._answered = len(prompts)


def settle_down(load: Load) -> None:
    """Time passes until nothing is open: leases run out, what is unknown is asked about or handed over."""

    def nothing_open() -> bool:
        return not value("SELECT count(*) FROM prompt WHERE state IN ('created', 'sending', 'pending', 'unknown')")

    for seconds in (0, LEASE_S + 1, 40, 40, UNKNOWN_WITHOUT_ID_S, 300, 1800):
        load.everybody_pays()
        advance(seconds)
        with suppress(AssertionError):
            wait_until(nothing_open, deadline_s=3)
            break
    wait_until(lambda: None not in inbox_outcomes(), what="the settlement of every callback")


def check_nothing_lost(simulator: RunningSimulator, load: Load, *, also_created: int = 0) -> dict[str, int]:
    """The simulator's journal is the oracle."""
    in_database = {row["id"].hex: row["state"] for row in rows("SELECT id, state FROM referral")}
    assert [each for each in load.created if each not in in_database] == []
    prompted = {
        row["referral"].hex
        for row in rows("SELECT DISTINCT referral.id AS referral FROM referral JOIN prompt USING (fee_id)")
    }
    assert [each for each in load.asked if each not in prompted] == []
    # at most one push that Daraja took for each prompt: each prompt has its own callback address
    taken = Counter(
        json.loads(entry["body"])["CallBackURL"]
        for entry in requests_to(simulator, "/mpesa/stkpush/v1/processrequest")
        if entry["status"] in {200, None}
    )
    assert [url for url, count in taken.items() if count > 1] == []
    # each callback that was answered with 200 is in the inbox, and settled
    stored = Counter(bytes(row["body"]) for row in rows("SELECT body FROM inbox WHERE settled_at IS NOT NULL"))
    acknowledged = [
        entry.data["body"].encode()
        for entry in simulator.journal()
        if entry.kind == "callback-sent" and entry.data["status"] == 200
    ]
    assert [body for body in acknowledged if not stored[body]] == []
    # each shilling that left a wallet is a receipt here
    paid = {prompt.receipt for prompt in simulator.prompts() if prompt.receipt}
    known = rows("SELECT receipt.number, prompt.checkout_request_id FROM receipt JOIN prompt ON prompt.id = prompt_id")
    assert len(known) == len(paid)
    assert {row["number"] for row in known if row["number"]} <= paid
    check_books(simulator)
    states = Counter(row["state"] for row in rows("SELECT state FROM prompt"))
    return {
        "referrals": len(load.created),
        "prompts": sum(states.values()),
        "pushes": sum(taken.values()),
        "callbacks acknowledged": len(acknowledged),
        "callbacks lost": sum(
            1 for entry in simulator.journal() if entry.kind == "callback-sent" and entry.data["status"] != 200
        ),
        **dict(states),
    }


NEW_REFERRAL = {
    "patientName": "Jane Wafula",
    "medicalHistory": "none",
    "labResults": "none",
    "diagnosis": "fracture",
    "receivingFacility": "Tumaini Referral Hospital",
    "priority": "Routine",
}


@pytest.fixture
def safaricom() -> Iterator[RunningSimulator]:
    """Its clock is the real one, and its phones answer at once."""
    settings = SimulatorSettings(query_rate=None, callback_after_s=0.1, unanswered_after_s=86_400)
    with running_simulator(settings) as running:
        yield running


# --- killed


@pytest.mark.fault(35)
@pytest.mark.timeout(1800 if LONG else 240)
def test_postgres_killed_under_load_loses_nothing_and_nobody_is_asked_twice(
    database: str, postgres: EmbeddedPostgres, safaricom: RunningSimulator, roles: Any
) -> None:
    town = make_world(safaricom.url)
    gateway = roles.start("gateway")
    worker = roles.start("worker")
    load = Load(roles.url, town, safaricom)
    chance = random.Random(38)
    back: list[float] = []
    with load.running():
        for _ in range(KILLS):
            _when(lambda: len(safaricom.prompts()), grows_by=5)
            _when(lambda: len(load.created), grows_by=chance.randint(1, 8))  # anywhere in a prompt's life
            assert postgres.pid is not None
            os.kill(postgres.pid, signal.SIGKILL)
            wait_until(lambda: not postgres.is_alive(), what="the server's death")
            postgres.start()
            began = time.monotonic()
            _when(lambda: len(load.created), grows_by=1, within_s=BACK_WITHIN_S)
            _when(lambda: len(safaricom.prompts()), grows_by=1, within_s=BACK_WITHIN_S)
            back.append(time.monotonic() - began)
    settle_down(load)

    # neither role was started again
    assert gateway.process.poll() is None
    assert worker.process.poll() is None
    told = check_nothing_lost(safaricom, load)
    print(told, dict(load.refused), "back after", sorted(round(each, 1) for each in back))
    assert told["paid"] > 0


@only_long
def test_a_postgres_that_was_away_for_long_is_used_as_soon_as_it_is_back(
    database: str, postgres: EmbeddedPostgres, safaricom: RunningSimulator, roles: Any
) -> None:
    """A pool that doubles its pauses would sleep for as long again."""
    town = make_world(safaricom.url)
    roles.start("gateway")
    roles.start("worker")
    load = Load(roles.url, town, safaricom)
    with load.running(2):
        _when(lambda: len(load.asked), grows_by=1)
        assert postgres.pid is not None
        os.kill(postgres.pid, signal.SIGKILL)
        wait_until(pause(60), what="the end of the outage", deadline_s=90)
        postgres.start()
        began = time.monotonic()
        _when(lambda: len(load.created), grows_by=1, within_s=5)
        _when(lambda: len(safaricom.prompts()), grows_by=1, within_s=10)
        print("back after", round(time.monotonic() - began, 1))
    settle_down(load)
    check_nothing_lost(safaricom, load)


def test_a_job_starts_its_killed_postgres_again_and_goes_on(serving: Any, safaricom: RunningSimulator) -> None:
    job = serving()
    town = make_world(safaricom.url)
    load = Load(job.url, town, safaricom)
    back: list[float] = []
    with load.running(2):
        for _ in range(2):
            _when(lambda: len(safaricom.prompts()), grows_by=5)
            postmaster = job.postmaster()
            began = time.monotonic()
            os.kill(postmaster, signal.SIGKILL)
            wait_until(lambda was=postmaster: job.postmaster() not in {None, was}, what="a new server")  # type: ignore[misc]
            _when(lambda: len(load.created), grows_by=1, within_s=BACK_WITHIN_S)
            _when(lambda: len(safaricom.prompts()), grows_by=1, within_s=BACK_WITHIN_S)
            back.append(time.monotonic() - began)
    settle_down(load)

    told = check_nothing_lost(safaricom, load)
    print(told, dict(load.refused), "back after", sorted(round(each, 1) for each in back))
    assert job.said.count("PostgreSQL is back.") == 2
    assert "worker ended" not in job.said
    assert "gateway ended" not in job.said


# --- refused


@pytest.mark.fault(43)
def test_a_storm_of_broken_connections_loses_nothing_and_nobody_is_asked_twice(
    database: str, safaricom: RunningSimulator, roles: Any
) -> None:
    town = make_world(safaricom.url)
    gateway = roles.start("gateway")
    worker = roles.start("worker")
    load = Load(roles.url, town, safaricom)
    killed = 0
    with load.running(), psycopg.connect(database, autocommit=True) as admin:
        _when(lambda: len(load.created), grows_by=2)
        _when(lambda: len(safaricom.prompts()), grows_by=1)  # the worker has started: one that is hit before, ends
        strikes = 300 if LONG else 30
        while strikes > 0 or killed < 30:
            strikes -= 1
            ended = admin.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7"
            ).fetchone()
            killed += ended[0] if ended else 0
            wait_until(pause(0.1), what="the next strike")
        _when(lambda: len(load.created), grows_by=3, within_s=BACK_WITHIN_S)
        _when(lambda: len(safaricom.prompts()), grows_by=1, within_s=BACK_WITHIN_S)
    settle_down(load)

    assert (gateway.process.poll(), worker.process.poll()) == (None, None)
    told = check_nothing_lost(safaricom, load)
    print(told, dict(load.refused), "connections broken", killed)
    assert killed >= 30


@pytest.mark.fault(36, 43)
def test_locks_and_an_empty_pool_shed_calls_with_try_again(database: str, roles: Any) -> None:
    """Calls for one row that somebody holds, and four connections: no call waits for ever, none is half done."""
    calls = 6 if LONG else 1
    town = make_world()
    roles.start("gateway", RUFAA_POOL_SIZE="4")
    referral = town.referral()
    token = tokens.issue(town.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
    move = {"path": "referrals:updateReferralStatus", "args": {"referralId": referral, "status": "awaiting-biodata"}}

    def call(_: int = 0) -> tuple[int, str | None, dict[str, Any], float]:
        began = time.monotonic()
        request = urllib.request.Request(
            f"{roles.url}/api/mutation",
            json.dumps({**move, "format": "json"}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, None, json.load(answer), time.monotonic() - began
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Retry-After"], json.load(error), time.monotonic() - began

    with psycopg.connect(database) as holder, ThreadPoolExecutor(calls) as pool:
        holder.execute("SELECT FROM referral WHERE id = %s FOR UPDATE", [uuid.UUID(referral)])
        answers = list(pool.map(call, range(calls)))
        assert post(f"{roles.url}/healthz", {}).status == 200

    assert {(status, again) for status, again, _, _ in answers} == {(503, "5")}
    shed = [body["message"] for _, _, body, _ in answers if body["code"] == "Overloaded"]
    assert shed
    assert all("Nothing was changed" in message for message in shed)
    assert max(took_s for _, _, _, took_s in answers) < 22
    assert town.status(referral) == "pending-admin"
    status, _, body, _ = call()
    assert (status, body["status"]) == (200, "success")
    assert town.status(referral) == "awaiting-biodata"


@pytest.mark.fault(36)
def test_a_gateway_with_few_descriptors_hears_callbacks_beside_a_hundred_silent_connections(
    town: World, simulator: RunningSimulator, roles: Any
) -> None:
    gateway = roles.start("gateway", changed="import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (60, 60))")
    _, prompt = town.prompted(RINGS)
    address = roles.callback_url(prompt)
    idle: list[socket.socket] = []
    try:
        for _ in range(100):
            idle.append(socket.create_connection(("127.0.0.1", roles.port), timeout=5))
        answers: Counter[int] = Counter()
        for _ in range(5):
            try:
                answers[post(address, failure_body("ws_CO_1", 1)).status] += 1
            except (OSError, HTTPException):
                answers[0] += 1
        assert set(answers) == {200}  # those who say nothing make room
    finally:
        for each in idle:
            each.close()

    wait_until(lambda: _status(f"{roles.url}/healthz") == 200, what="health", deadline_s=BACK_WITHIN_S)
    assert gateway.process.poll() is None
    assert len(inbox_outcomes()) == answers[200] == 5


def _status(url: str) -> int:
    try:
        return post(url, {}).status
    except (OSError, HTTPException):
        return 0


# --- controls: what is meant to see a loss does see one


def test_control_a_loss_is_noticed(database: str, safaricom: RunningSimulator, roles: Any) -> None:
    town = make_world(safaricom.url)
    roles.start("gateway")
    roles.start("worker")
    load = Load(roles.url, town, safaricom)
    with load.running(2):
        _when(lambda: value("SELECT count(*) FROM receipt"), grows_by=2)
    settle_down(load)
    check_nothing_lost(safaricom, load)

    for loss in (
        "DELETE FROM inbox WHERE id = (SELECT min(id) FROM inbox)",
        "DELETE FROM receipt WHERE id = (SELECT id FROM receipt LIMIT 1)",
        "DELETE FROM referral WHERE id = (SELECT id FROM referral LIMIT 1)",
        "DELETE FROM prompt WHERE id = (SELECT id FROM prompt LIMIT 1)",
    ):
        with psycopg.connect(database) as admin:
            admin.execute("SET session_replication_role = replica")
            table = loss.split()[2]
            admin.execute(f"CREATE TABLE spare AS SELECT * FROM {table}")
            admin.execute(loss)
            admin.commit()
            with pytest.raises(AssertionError):
                check_nothing_lost(safaricom, load)
            admin.execute(f"DELETE FROM {table}")
            admin.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM spare")
            admin.execute("DROP TABLE spare")
    check_nothing_lost(safaricom, load)


def test_control_a_server_that_may_lose_what_it_acknowledged_is_refused(database: str, roles: Any) -> None:
    name = value("SELECT current_database()")
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        try:
            refused = roles.start("worker")
            assert refused.process.wait(30) == 1
        finally:
            admin.execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')
    assert "may lose payments that it has acknowledged" in refused.log.read_text()


def pause(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def _when(count: Callable[[], int], *, grows_by: int, within_s: float = 60) -> None:
    before = count()
    wait_until(lambda: count() >= before + grows_by, what="progress", deadline_s=within_s)
