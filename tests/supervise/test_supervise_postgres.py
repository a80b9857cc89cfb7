"""A job with the embedded PostgreSQL: whatever is killed, the rest goes on or ends, and the data are there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rufaa.db import _pg_processes
from rufaa.db.embedded import EmbeddedPostgres, Settings, running_url

Start = Callable[..., Any]
IsRunning = Callable[[int], bool]

WITH_POSTGRES = """
import psycopg
postgres = EmbeddedPostgres(Settings(data=FOLDER / "data"))
def before():
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value int)")
code = f'''
import psycopg
def write():
    with psycopg.connect({postgres.url()!r}) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]
while True:
    try:
        count = write()
    except psycopg.OperationalError:
        time.sleep(0.02)
        continue
    open({str(FOLDER / "acknowledged")!r}, "a").write(f"{{count}}\\\\n")
    time.sleep(0.01)
'''
sys.exit(supervise.run([part("worker", code, touched("acknowledged"))], postgres=postgres, on_ready=on_ready,
                       before_parts=before, restarts=QUICK))
"""


def acknowledged(folder: Path) -> int:
    return len((folder / "acknowledged").read_text().splitlines())


def in_the_database(folder: Path) -> int:
    with (
        EmbeddedPostgres(Settings(data=folder / "data")) as postgres,
        psycopg.connect(postgres.url()) as connection,
    ):
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def postmaster(folder: Path) -> int:
    found = _pg_processes.read_postmaster(folder / "data" / "postgres")
    assert found is not None
    return found.pid


def is_free(folder: Path) -> bool:
    return not _pg_processes.at_work_in(folder / "data" / "postgres")


def test_a_signal_ends_the_parts_then_postgres(job: Start) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()
    assert running_url(started.folder / "data") is not None

    started.process.terminate()

    status, _, err = started.end()
    assert (status, err) == (0, "")
    assert is_free(started.folder)
    assert running_url(started.folder / "data") is None
    assert "database system is shut down" in (started.folder / "data" / "postgres.log").read_text()
    assert in_the_database(started.folder) >= acknowledged(started.folder) > 0


def test_a_killed_postmaster_is_started_again_and_the_parts_go_on(job: Start) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()
    first = postmaster(started.folder)

    os.kill(first, signal.SIGKILL)
    before = acknowledged(started.folder)

    started.wait_for(lambda: acknowledged(started.folder) > before + 3, otherwise="the part did not go on")
    assert postmaster(started.folder) != first
    assert len(started.pids("worker")) == 1
    started.process.terminate()
    status, _, err = started.end()
    assert status == 0
    assert "rufaa  | PostgreSQL ended; it is started again.\nrufaa  | PostgreSQL is back.\n" in err
    assert in_the_database(started.folder) >= acknowledged(started.folder)


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_has_the_data(job: Start, running: IsRunning) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()
    worker = started.pids("worker")[0]

    started.process.kill()
    started.process.wait()

    started.wait_for(lambda: is_free(started.folder) and not running(worker), otherwise="a process is left")
    assert in_the_database(started.folder) >= acknowledged(started.folder) > 0


@pytest.mark.fault(35)
def test_supervisor_and_postmaster_killed_together_leave_no_process(job: Start, running: IsRunning) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()
    worker = started.pids("worker")[0]

    os.kill(postmaster(started.folder), signal.SIGKILL)
    started.process.kill()
    started.process.wait()

    started.wait_for(lambda: is_free(started.folder) and not running(worker), otherwise="a process is left")
    assert in_the_database(started.folder) >= acknowledged(started.folder) > 0


def test_a_postgres_that_cannot_be_started_again_ends_the_job(job: Start, running: IsRunning) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()
    cluster = started.folder / "data" / "postgres"
    (cluster / "PG_VERSION").write_text("16\n")

    os.kill(postmaster(started.folder), signal.SIGKILL)

    status, _, err = started.end()
    assert status == 1
    assert "was made by PostgreSQL 16; this Rufaa runs 18" in err
    assert not running(started.pids("worker")[0])
    assert is_free(started.folder)


def test_a_data_folder_in_use_ends_the_second_job_and_not_the_first(job: Start) -> None:
    started = job(WITH_POSTGRES)
    started.wait_until_ready()

    second = job(WITH_POSTGRES)

    status, _, err = second.end()
    assert status == 1
    assert f"is in use by the process {started.process.pid}." in err
    assert started.process.poll() is None
