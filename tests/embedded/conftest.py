"""Folders for the embedded server, and programs of their own that run one. No database fixture, no Django."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import rufaa
from rufaa.db import _pg_processes, tether
from rufaa.db.embedded import EmbeddedPostgres, Settings

WAIT_S = 20

SERVE = """
import sys, threading
from pathlib import Path
from rufaa.db.embedded import EmbeddedPostgres, Settings
postgres = EmbeddedPostgres(Settings(data=Path(sys.argv[1])))
postgres.start()
print(postgres.pid, postgres.url(), flush=True)
sys.stdin.readline()
postgres.stop()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account which runs PostgreSQL can pass, as a server's usually is. pytest's own are private."""
    made = Path(tempfile.mkdtemp(prefix="rufaa-test-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data folder whose server was made, started and stopped: initdb takes longer than most tests."""
    made = Path(tempfile.mkdtemp(prefix="rufaa-test-", dir="/tmp"))
    made.chmod(0o711)
    with EmbeddedPostgres(Settings(data=made / "rufaa-data", fast_unsafe=True)):
        pass
    yield made / "rufaa-data"
    shutil.rmtree(made)


@pytest.fixture
def new_data(folder: Path) -> Path:
    """Not made yet."""
    return folder / "rufaa-data"


@pytest.fixture
def data(new_data: Path, made_once: Path) -> Path:
    """With a cluster of its own, which is not running."""
    subprocess.run(["cp", "-a", str(made_once), str(new_data)], check=True)
    (new_data / "postgres.lock").unlink()
    (new_data / "postgres.log").unlink()
    return new_data


@pytest.fixture
def postgres(data: Path) -> Iterator[EmbeddedPostgres]:
    """Not started; stopped at the end."""
    server = EmbeddedPostgres(Settings(data=data, fast_unsafe=True))
    yield server
    server.stop()


@pytest.fixture
def durable(data: Path) -> Iterator[EmbeddedPostgres]:
    """As ``postgres``, and it keeps what it acknowledged: the other one loses it in a crash, as it says."""
    server = EmbeddedPostgres(Settings(data=data))
    yield server
    server.stop()


@pytest.fixture
def new_postgres(new_data: Path) -> Iterator[EmbeddedPostgres]:
    """Not started, over a data folder that is not made yet; stopped at the end."""
    server = EmbeddedPostgres(Settings(data=new_data, fast_unsafe=True))
    yield server
    server.stop()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        assert tether.wait_until(condition, timeout_s=WAIT_S), "it did not come true in time"

    return wait


@pytest.fixture
def nobody_in() -> Callable[[Path], bool]:
    """Whether no PostgreSQL process works in the cluster."""
    return lambda cluster: not _pg_processes.at_work_in(cluster)


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python code as a process of its own; it stops at the end, when its input closes."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        environment: Mapping[str, str] = {
            **os.environ,
            "PYTHONPATH": str(Path(rufaa.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        started.append(
            subprocess.Popen(
                [*before, sys.executable, "-c", code, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                cwd="/",
            )
        )
        return started[-1]

    yield start
    for process in started:
        try:
            process.communicate(timeout=WAIT_S)  # closes its input, at which it stops
        finally:
            process.kill()


@pytest.fixture
def serving(
    program: Callable[..., subprocess.Popen[str]], data: Path
) -> Callable[[], tuple[subprocess.Popen[str], int, str]]:
    """Run a server over ``data`` in a process of its own: the process, the postmaster's number, the URL."""

    def serve() -> tuple[subprocess.Popen[str], int, str]:
        process = program(SERVE, str(data))
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert len(said) == 2, process.communicate()[1]
        return process, int(said[0]), said[1]

    return serve
