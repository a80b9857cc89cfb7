"""The disk is full, or refuses to write: what is not committed is not acknowledged, and room alone heals it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from crashes.long import LONG, only_long
from rufaa.db.embedded import EmbeddedPostgres
from rufaa.ingest.address import callback_url
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
    PAYS,
    World,
    check_books,
    inbox_outcomes,
    make_world,
    post,
    pushes,
    receipts,
    rows,
    success_body,
    value,
    wait_until,
)

ROOM_MIB = 160


class Flood:
    """Big callbacks for one paid prompt, again and again; knows which were acknowledged."""

    def __init__(self, url: str, town: World, simulator: RunningSimulator, prompt: Any) -> None:
        self._address = callback_url(url, prompt, keys=KEYS)
        (pushed,) = simulator.prompts()
        self.receipt = pushed.receipt
        self._body = success_body(
            pushed.checkout_request_id,
            number=pushed.receipt,
            phone=int(PAYS),
            MerchantRequestID=town.prompt(prompt)["merchant_request_id"],
            Padding=os.urandom(25_000).hex(),  # nothing that could be compressed
        )
        self._number = 0
        self.acknowledged: set[int] = set()
        self.statuses: set[int] = set()

    def send(self, number: int) -> int:
        self._body["Body"]["stkCallback"]["ResultDesc"] = "as the test says"
        body = {"Body": {"stkCallback": {**self._body["Body"]["stkCallback"], "ResultDesc": f"copy {number};"}}}
        try:
            status = post(self._address, body).status
        except (OSError, HTTPException):
            return 0
        if status == 200:
            self.acknowledged.add(number)
        self.statuses.add(status)
        return status

    def until_refused(self, *, times: int = 8) -> None:
        """Sends until ``times`` in a row are not acknowledged."""
        in_a_row = 0
        with ThreadPoolExecutor(8) as pool:
            while in_a_row < times:
                assert self._number < 20_000
                numbers = range(self._number, self._number + 8)
                self._number += 8
                for status in pool.map(self.send, numbers):
                    in_a_row = 0 if status == 200 else in_a_row + 1

    def until_stored(self, *, within_s: float) -> None:
        wait_until(lambda: self.send(self._next()) == 200, what="an acknowledged callback", deadline_s=within_s)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def check(self) -> None:
        """Each that was acknowledged is there."""
        stored = {
            int(bytes(row["head"]).split(b"copy ")[1].split(b";")[0])
            for row in rows("SELECT substr(body, 1, 400) AS head FROM inbox")
        }
        assert self.acknowledged - stored == set()
        assert len(self.acknowledged) > 8
        assert self.statuses == {200, 503}


def paid(town: World, simulator: RunningSimulator) -> tuple[str, Any]:
    """A payment whose callback was lost: the flood brings it."""
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(PAYS)
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the push", deadline_s=60)
    simulator.advance(2)
    return referral, prompt


def check_end(flood: Flood, town: World, simulator: RunningSimulator, referral: str) -> None:
    wait_until(lambda: None not in inbox_outcomes(), what="the settlement of all", deadline_s=60)
    flood.check()
    assert town.status(referral) == "paid"
    assert receipts() == [(flood.receipt, "applied")]
    assert pushes(simulator) == 1
    check_books(simulator)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """For the processes that are started inside."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk() -> Iterator[list[str]]:
    """The start of a command that mounts a small disk over a folder, for itself alone; the folder comes last."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("NOT RUN: a small disk needs root and unshare")
    folder = Path(tempfile.mkdtemp(prefix="rufaa-small-"))
    folder.chmod(0o711)
    mount = f'mount -t tmpfs -o size={ROOM_MIB}m,mode=711 tmpfs "$0" && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, str(folder)]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT RUN: no disk may be mounted here")
    yield command
    folder.rmdir()


@pytest.mark.parametrize(
    "leaving",
    [pytest.param(0, id="no room at once"), pytest.param(24_000_000, id="none for the log", marks=only_long)],
)
def test_a_full_disk_is_said_and_room_alone_heals_it(
    small_disk: list[str], serving: Any, simulator: RunningSimulator, leaving: int
) -> None:
    job = serving(before=small_disk, data=Path(small_disk[-1]))
    town = make_world(simulator.url)
    referral, prompt = paid(town, simulator)
    flood = Flood(job.url, town, simulator, prompt)
    for number in range(1, 21):
        flood.send(-number)

    # when: somebody else takes the room, and callbacks go on arriving
    inside = Path(f"/proc/{job.role.process.pid}/root{job.data}")
    filler = inside / "somebody-elses"
    fill(filler, leaving=leaving)
    flood.until_refused()
    health = post(f"{job.url}/healthz", {})
    assert (health.status, health.json["checks"]["parts"]["why"]) == (503, "callbacks cannot be stored")
    if leaving == 0:  # nor can the server start again
        os.kill(job.postmaster(), signal.SIGKILL)
        wait_until(lambda: "It is tried again every 5 s." in job.said, what="the word about the disk")

    # then: room alone is enough
    filler.unlink()
    flood.until_stored(within_s=40)
    assert job.role.process.poll() is None
    check_end(flood, town, simulator, referral)
    assert "ended with" not in job.said  # neither gateway nor worker


def fill(path: Path, *, leaving: int) -> None:
    """Take all room but ``leaving`` bytes."""
    with path.open("wb") as file:
        free = os.fstatvfs(file.fileno()).f_bavail * os.fstatvfs(file.fileno()).f_frsize
        with suppress(OSError):
            for _ in range(max(0, free - leaving) // 65536 + 1):
                file.write(b"\0" * 65536)
                file.flush()


@pytest.mark.skipif(os.geteuid() == 0 and not LONG, reason="NOT RUN: as root the full disk shows it; RUFAA_LONG=1")
def test_a_disk_that_refuses_to_write_loses_nothing_that_was_acknowledged(
    town: World, postgres: EmbeddedPostgres, simulator: RunningSimulator, roles: Any
) -> None:
    """Needs no root: no file of PostgreSQL may be longer than 10 MB, its write-ahead log included."""
    value("SELECT pg_switch_wal()::text")  # so that the log begins a new file, which has its full length already
    postgres.stop()
    with files_up_to(10_000_000):
        postgres.start()
    gateway = roles.start("gateway")
    worker = roles.start("worker")
    referral, prompt = paid(town, simulator)
    flood = Flood(roles.url, town, simulator, prompt)
    for number in range(1, 21):
        flood.send(-number)

    flood.until_refused()

    if postgres.pid is not None:
        os.kill(postgres.pid, signal.SIGKILL)
    wait_until(lambda: not postgres.is_alive(), what="the server's end")
    postgres.start()  # now without the limit
    flood.until_stored(within_s=20)
    assert (gateway.process.poll(), worker.process.poll()) == (None, None)
    check_end(flood, town, simulator, referral)
