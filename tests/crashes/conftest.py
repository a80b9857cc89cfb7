"""Real processes, to be killed by number: ``rufaa worker`` and ``rufaa gateway``, over a database that loses nothing.

The test's own connections lead there, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from crashes.cutting import CuttingProxy
from crashes.forked import MAY_DIFFER, Forked, Forker
from ports import free_port
from rufaa.db import _pg_processes
from rufaa.db.embedded import EmbeddedPostgres, running_url
from rufaa.ingest.address import callback_url
from support import KEYS, wait_until

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def database_url(durable_database_url: str) -> str:
    return durable_database_url


@dataclass
class Role:
    """A process of Rufaa."""

    process: subprocess.Popen[bytes] | Forked
    url: str
    log: Path

    def kill(self) -> None:
        """SIGKILL: it learns nothing of its end."""
        self.process.kill()
        self.process.wait(10)


@dataclass
class Roles:
    """Starts roles of Rufaa as an operator does, or forks them. ``port`` is the gateway's, whether it runs or not."""

    database: str
    folder: Path
    stack: ExitStack
    port: int
    forker: Forker | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def callback_url(self, prompt: object) -> str:
        return callback_url(self.url, prompt, keys=KEYS)  # type: ignore[arg-type]

    def start(self, name: str, *, changed: str = "", **settings: str) -> Role:
        """``changed``: Python that runs in the process once Django is set up, say to make its times shorter."""
        log = self.folder / f"{name}-{len(list(self.folder.iterdir()))}.log"
        environ = _environ(self.database, data=self.folder / "data", port=self.port) | settings
        process: subprocess.Popen[bytes] | Forked
        if self.forker is not None and not changed and settings.keys() <= MAY_DIFFER:
            process = self.forker.fork(name, environ, log)
        else:
            with log.open("wb") as out:
                command = [sys.executable, *(["-c", _CHANGED, changed] if changed else ["-m", "rufaa"]), name]
                process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
        self.stack.callback(_end, process)
        role = Role(process, self.url, log)
        if name == "gateway":
            wait_until(lambda: process.poll() is not None or _healthy(self.url), what="the gateway's health")
            assert process.poll() is None, log.read_text()
        return role


def _environ(database: str, *, data: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SOURCE),
        "DATABASE_URL": database,
        "RUFAA_DATA": str(data),
        "RUFAA_MODE": "demo",
        "RUFAA_SECRET_KEYS": KEYS[0],
        "RUFAA_HOST": "127.0.0.1",
        "RUFAA_PORT": str(port),
        "RUFAA_LOG": "json",
    }


_CHANGED = """
import sys
changed = sys.argv.pop(1)
from rufaa.cli import database, main
set_up = database.use
def use(url):
    config = set_up(url)
    exec(changed, {})
    return config
database.use = use
main()
"""


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=1):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes] | Forked) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture
def roles(database: str, tmp_path: Path) -> Iterator[Roles]:
    with ExitStack() as stack:
        yield Roles(database, tmp_path, stack, free_port())


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forker]:
    data = tmp_path_factory.mktemp("forker")
    made = Forker(_environ("postgresql://127.0.0.1:1/nowhere", data=data, port=free_port()))
    yield made
    made.close()


@pytest.fixture
def forked_roles(database: str, tmp_path: Path, forker: Forker) -> Iterator[Roles]:
    """For tests that start hundreds; the others start theirs anew each."""
    with ExitStack() as stack:
        yield Roles(database, tmp_path, stack, free_port(), forker)


@pytest.fixture(scope="module")
def lasting_gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a gateway for tests that kill only workers."""
    with ExitStack() as stack:
        roles = Roles(database_url, tmp_path_factory.mktemp("gateway"), stack, free_port())
        roles.start("gateway")
        yield roles.port


# --- where the database itself misbehaves


@pytest.fixture
def postgres(database: str, durable_server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The server of ``database``, to be killed and frozen; it runs again at the end, whatever the test did."""
    yield durable_server
    durable_server.start()


@pytest.fixture
def proxy(database: str) -> Iterator[CuttingProxy]:
    """Between roles and the database: start them with ``DATABASE_URL=proxy.url``."""
    with CuttingProxy(database) as running:
        yield running


@dataclass
class Job:
    """``rufaa serve`` with its own PostgreSQL, and the test's connections lead there."""

    role: Role
    data: Path

    @property
    def url(self) -> str:
        return self.role.url

    @property
    def said(self) -> str:
        return self.role.log.read_text(errors="replace")

    def postmaster(self) -> int | None:
        cluster = Path(f"/proc/{self.role.process.pid}/root{self.data}/postgres")
        found = _pg_processes.read_postmaster(cluster)
        return found.pid if found is not None and found.pid in _pg_processes.at_work_in(cluster) else None


@pytest.fixture
def serving(tmp_path: Path, database_url: str) -> Iterator[Callable[..., Job]]:
    """Starts a job over a data folder of its own, or over the one given; ``before`` stands before its command."""
    here = connection.settings_dict
    settings_before = {name: here[name] for name in ("NAME", "HOST", "PORT", "USER")}
    made: list[Path] = []
    with ExitStack() as stack:

        def start(*, data: Path | None = None, before: Sequence[str] = (), **settings: str) -> Job:
            if data is None:
                data = Path(tempfile.mkdtemp(prefix="rufaa-job-"))
                data.chmod(0o711)
                made.append(data)
            port = free_port()
            log = tmp_path / f"serve-{port}.log"
            environ = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(SOURCE),
                "RUFAA_DATA": str(data),
                "RUFAA_MODE": "demo",
                "RUFAA_SECRET_KEYS": KEYS[0],
                "RUFAA_HOST": "127.0.0.1",
                "RUFAA_PORT": str(port),
                "RUFAA_LOG": "json",
                **settings,
            }
            with log.open("wb") as out:
                command = [*before, sys.executable, "-m", "rufaa", "serve"]
                process = subprocess.Popen(command, env=environ, stdout=out, stderr=out)
            stack.callback(_end, process)
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: process.poll() is not None or _healthy(url), what="the job", deadline_s=90)
            assert process.poll() is None, log.read_text()
            given = conninfo_to_dict(str(running_url(Path(f"/proc/{process.pid}/root{data}"))))
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
            here.update({"NAME": given["dbname"], "HOST": given["host"], "PORT": given["port"], "USER": given["user"]})
            return Job(Role(process, url, log), data)

        try:
            yield start
        finally:
            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
            here |= settings_before
    for each in made:
        shutil.rmtree(each, ignore_errors=True)
