"""Real commands over a database that loses nothing, as an operator runs them; the test's own connections lead there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo_process import ROOT
from support import KEYS
from warm import rufaa

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def database_url(durable_database_url: str) -> str:
    return durable_database_url


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

    return lambda *arguments, **settings: rufaa(*arguments, cwd=tmp_path, env={**environ, **settings})
