"""One gateway and one long-lived world that hostile senders meet. The books are compared with the simulator's till."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from rufaa.simulator.testing import RunningSimulator
from support import Running, World, check_books, running_gateway


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Events are kept in memory: a thousand refusals would fill the screen."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture(scope="session")
def one_gateway(database_url: str) -> Iterator[Running]:
    with running_gateway(database_url) as running:
        yield running


@pytest.fixture
def gateway(one_gateway: Running, database: str) -> Running:
    """One gateway for all: it keeps nothing between two callbacks."""
    return one_gateway


@pytest.fixture
def books(town: World, simulator: RunningSimulator) -> Iterator[None]:
    """At the end the books balance and hold what the till of M-Pesa holds."""
    yield
    check_books(simulator)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real and documented payloads. They are not part of the project."""
    folder = Path(os.environ.get("RUFAA_CORPUS") or Path(__file__).parents[3] / "shared" / "daraja-corpus")
    if not (folder / "index.tsv").is_file():
        pytest.skip(f"no corpus at {folder}: set RUFAA_CORPUS")
    return folder
