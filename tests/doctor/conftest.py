"""Real commands over a database that loses nothing, as an operator runs them; the test's own connections lead there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from demo_process import ROOT
from rufaa.cli.migrate import migrate
from rufaa.config import config
from rufaa.db.embedded import EmbeddedPostgres, Settings
from support import KEYS

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A durable server of our own."""
    data = Path(tempfile.mkdtemp(prefix="rufaa-doctor-"))
    data.chmod(0o711)
    postgres = EmbeddedPostgres(Settings(data=data))
    here = connection.settings_dict
    before = {name: here[name] for name in ("NAME", "HOST", "PORT", "USER")}
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    try:
        postgres.start()
        postgres.create_database("doctor")
        url = postgres.url("doctor")
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


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A production server's settings without database and account."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "RUFAA_DATA": str(tmp_path / "data"),
        "RUFAA_SECRET_KEYS": KEYS[0],
    }


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Run:
    """A command that ends, with settings over those of ``environ``."""

    def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rufaa", *arguments],
            cwd=tmp_path,
            env={**environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command
