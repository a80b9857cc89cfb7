"""Real processes under a storm: one settlement of a thousand callbacks, bounded memory, and room for the honest."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from crashes import conftest as crashes
from crashes.conftest import Role, Roles
from hostile.wire import chunked, connected, exchange, heard, request, statuses, target
from ports import free_port
from rufaa.gateway.connections import Connection
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    RINGS,
    World,
    check_books,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    receipts,
    success_body,
    value,
    wait_until,
)

database_url = crashes.database_url
roles = crashes.roles

GROWTH_MB = 40
"""What a storm may add to a gateway that rests at 90. Measured: 7."""


@pytest.fixture
def town_square(town: World, simulator: RunningSimulator) -> Iterator[World]:
    yield town
    check_books(simulator)


@pytest.mark.fault(14)
def test_a_thousand_copies_on_two_gateways_and_two_workers_are_one_payment(
    town_square: World, simulator: RunningSimulator, roles: Roles
) -> None:
    # given: two gateways and two workers, and a prompt that was paid
    others = Roles(roles.database, roles.folder, roles.stack, free_port())
    for each in (roles, others):
        each.start("gateway")
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town_square.prompted(PAYS)
    workers = [roles.start("worker"), others.start("worker")]
    wait_until(lambda: town_square.prompt(prompt)["state"] == "pending", what="the accepted prompt")
    execute("UPDATE prompt SET next_at = next_at + interval '1 hour'")  # no worker asks while the copies come
    simulator.advance(2)
    row = town_square.prompt(prompt)
    number = simulator.prompts()[0].receipt
    body = success_body(
        row["checkout_request_id"], number=number, phone=int(PAYS), MerchantRequestID=row["merchant_request_id"]
    )
    raw = json.dumps(body).encode()

    # when: its callback comes a thousand times, twenty at once to each gateway
    def send(place: int) -> list[int]:
        port, path = target((roles, others)[place % 2].callback_url(prompt))
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        answers = []
        for _ in range(25):
            connection.request("POST", path, raw)
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
        connection.close()
        return answers

    began = time.monotonic()
    with psycopg.connect(roles.database) as holder:  # until both workers have some of them in their hands
        holder.execute("SELECT FROM fee FOR UPDATE")
        with ThreadPoolExecutor(40) as pool:
            answered = [status for statuses_ in pool.map(send, range(40)) for status in statuses_]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: value(waiting) == 2, what="two workers at the same fee")
    wait_until(lambda: value("SELECT count(*) FROM inbox WHERE settled_at IS NULL") == 0, what="the settlement of all")
    took = time.monotonic() - began

    # then
    assert answered == [200] * 1000
    assert Counter(inbox_outcomes()) == {"confirms": 1000}
    assert receipts() == [(number, "applied")]
    assert value("SELECT count(*) FROM history WHERE machine = 'prompt' AND to_state = 'paid'") == 1
    assert value("SELECT count(*) FROM evidence") == 1000
    assert town_square.status(referral) == "paid"
    assert open_tasks() == []
    shares = [worker.log.read_text().count('"callback.settled"') for worker in workers]
    print(f"\n1,000 copies in {took:.1f} s, settled by two workers: {shares}")
    assert sum(shares) == 1000
    assert min(shares) > 0


def memory_mb(role: Role, what: str) -> float:
    """VmRSS or VmHWM of a process."""
    text = Path(f"/proc/{role.process.pid}/status").read_text()
    return int(re.findall(rf"{what}:\s+(\d+) kB", text)[0]) / 1024


class Storm:
    """Threads that send until the end."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._over = threading.Event()
        self.sent: Counter[str] = Counter()

    def blow(self, stack: ExitStack) -> None:
        pool = stack.enter_context(ThreadPoolExecutor(100))
        stack.callback(self._over.set)
        kinds = {
            "ten megabytes": lambda: request(self._path, b" " * 10_000_000),
            "ten megabytes in chunks": lambda: request(
                self._path, chunked(*[b" " * 60_000] * 170), "Transfer-Encoding: chunked", length=None
            ),
            "ten megabytes for nobody": lambda: request("/h/x", b" " * 10_000_000),
            "a bomb": lambda: request(self._path, bomb, "Content-Encoding: gzip"),
            "nesting": lambda: request(self._path, b'{"a":' * 12_000),
            "a head": lambda: b"POST /h/x HTTP/1.1\r\nX: " + b"y" * 5_000_000,
            "noise": lambda: b"\x00" * 1000,
        }
        bomb = gzip.compress(bytes(50_000_000))
        for place in range(28):
            kind = list(kinds)[place % len(kinds)]
            pool.submit(self._send, kind, kinds[kind]())
        for _ in range(60):
            pool.submit(self._dribble)

    def _send(self, kind: str, data: bytes) -> None:
        limit = 40 if kind in {"a bomb", "nesting"} else 100_000  # these are stored
        while not self._over.is_set() and self.sent[kind] < limit:
            with suppress(OSError):
                exchange(self._port, data)
            self.sent[kind] += 1

    def is_blowing(self) -> bool:
        """Whether some have been sent of what may be sent for ever."""
        return min(self.sent[kind] for kind in ("ten megabytes", "ten megabytes for nobody", "a head", "noise")) > 3

    def _dribble(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), connected(self._port) as connection:
                connection.sendall(request(self._path, b"{" * 60_000, length="65000"))
                while not self._over.wait(0.2):
                    connection.sendall(b"{")
            self.sent["dribbled"] += 1


def test_a_storm_fills_neither_memory_nor_log_and_honest_callbacks_come_through(
    town: World, simulator: RunningSimulator, roles: Roles
) -> None:
    # given: a gateway that has been at work
    gateway = roles.start("gateway")
    _, prompt = town.prompted(RINGS)
    url = roles.callback_url(prompt)
    for _ in range(50):
        assert post(url, b"{}").status == 200
    rest, log = memory_mb(gateway, "VmRSS"), gateway.log.stat().st_size
    Path(f"/proc/{gateway.process.pid}/clear_refs").write_text("5")  # the peak counts from here

    # when: ten megabytes, bombs, nesting, endless heads, noise and sixty slow senders, for eight seconds
    storm = Storm(*target(url))
    honest = []
    with ExitStack() as stack:
        storm.blow(stack)
        until = time.monotonic() + 8
        while time.monotonic() < until or not storm.is_blowing():
            began = time.monotonic()
            assert post(url, b'{"honest": 1}').status == 200
            honest.append(time.monotonic() - began)
    peak = memory_mb(gateway, "VmHWM")

    # then
    honest.sort()
    print(f"\n{dict(storm.sent)}\nat rest {rest:.0f} MB, at most {peak:.0f} MB; {len(honest)} honest callbacks,")
    grown = gateway.log.stat().st_size - log
    print(f"median {honest[len(honest) // 2]:.3f} s, slowest {honest[-1]:.3f} s; log +{grown} B")
    assert peak - rest < GROWTH_MB
    assert grown < 10_000
    assert value("SELECT count(*) FROM inbox WHERE body = %(body)s", body=b'{"honest": 1}') == len(honest)
    assert value("SELECT count(*) FROM inbox WHERE length(body) > 65536") == 0


def test_five_hundred_who_never_finish_their_head_stop_nobody_and_are_closed(
    town: World, simulator: RunningSimulator, roles: Roles
) -> None:
    gateway = roles.start("gateway")
    _, prompt = town.prompted(RINGS)
    url = roles.callback_url(prompt)
    port, path = target(url)
    rest = memory_mb(gateway, "VmRSS")
    with ExitStack() as stack:
        began = time.monotonic()
        silent: list[socket.socket] = []
        for place in range(500):
            connection = stack.enter_context(connected(port))
            if place % 2:
                connection.sendall(request(path, b"{}", f"X: {'y' * 8000}")[:8000])
            silent.append(connection)

        assert [post(url, b"{}").status for _ in range(50)] == [200] * 50
        assert time.monotonic() - began < Connection.head_s  # before any of them was closed
        print(f"\n500 silent connections: +{memory_mb(gateway, 'VmRSS') - rest:.0f} MB")

        # and: each is told so in the end
        assert [statuses(heard(each)) for each in silent] == [[408]] * 500
