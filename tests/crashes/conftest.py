"""Real processes over a database that loses nothing: ``rufaa worker`` and ``rufaa gateway``, to be killed by number.

The roles refuse the fast and unsafe PostgreSQL of the other tests. So there is a durable one here, and the test's own
connections lead to it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from rufaa.cli.migrate import migrate
from rufaa.config import config
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.ingest.address import callback_url
from support import KEYS, free_port, wait_until

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A durable server of our own."""
    data = Path(tempfile.mkdtemp(prefix="rufaa-crashes-"))
    data.chmod(0o711)
    postgres = EmbeddedPostgres(Settings(data=data))
    here = connection.settings_dict
    before = {name: here[name] for name in ("NAME", "HOST", "PORT", "USER")}
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    try:
        postgres.start()
        postgres.create_database("crashes")
        url = postgres.url("crashes")
        given = conninfo_to_dict(url)
        here |= {"NAME": given["dbname"], "HOST": given["host"], "PORT": given["port"], "USER": given["user"]}
        migrate(config())
        yield url
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        here |= before
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


@dataclass
class Role:
    """A process of Rufaa."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def kill(self) -> None:
        """SIGKILL: it learns nothing of its end."""
        self.process.kill()
        self.process.wait(10)


@dataclass
class Roles:
    """Starts roles of Rufaa as an operator does. ``port`` is the gateway's, whether it runs or not."""

    database: str
    folder: Path
    stack: ExitStack
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def callback_url(self, prompt: object) -> str:
        return callback_url(self.url, prompt, keys=KEYS)  # type: ignore[arg-type]

    def start(self, name: str, **settings: str) -> Role:
        log = self.folder / f"{name}-{len(list(self.folder.iterdir()))}.log"
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SOURCE),
            "DATABASE_URL": self.database,
            "RUFAA_DATA": str(self.folder / "data"),
            "RUFAA_MODE": "demo",
            "RUFAA_SECRET_KEYS": KEYS[0],
            "RUFAA_HOST": "127.0.0.1",
            "RUFAA_PORT": str(self.port),
            "RUFAA_LOG": "json",
            **settings,
        }
        with log.open("wb") as out:
            process = subprocess.Popen([sys.executable, "-m", "rufaa", name], env=environ, stdout=out, stderr=out)
        self.stack.callback(_end, process)
        role = Role(process, self.url, log)
        if name == "gateway":
            wait_until(lambda: process.poll() is not None or _healthy(self.url), what="the gateway's health")
        assert process.poll() is None, log.read_text()
        return role


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=1):
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
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


@pytest.fixture(scope="module")
def lasting_gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a gateway for tests that kill only workers."""
    with ExitStack() as stack:
        roles = Roles(database_url, tmp_path_factory.mktemp("gateway"), stack, free_port())
        roles.start("gateway")
        yield roles.port
