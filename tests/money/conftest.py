"""The money path by hand. Whatever a test did, the books must hold at its end and equal the simulator's till."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from rufaa.simulator.testing import RunningSimulator
from support import Running, World, check_books, execute, running_gateway, value


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Events are kept in memory: drawing the tracebacks of errors on purpose takes longer than the tests."""
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
def standing_clock(database: str) -> Iterator[None]:
    """The database's time stands, and only ``advance`` moves it: for what one second decides."""
    running = str(value("SELECT pg_get_functiondef('rufaa_now'::regproc)"))
    assert running.count("statement_timestamp()") == 1
    execute(running.replace("statement_timestamp()", f"timestamptz '{value('SELECT now()').isoformat()}'"))
    yield
    execute(running)


@pytest.fixture(autouse=True)
def books(request: pytest.FixtureRequest, town: World, simulator: RunningSimulator) -> Iterator[None]:
    yield
    if request.node.get_closest_marker("xfail") is None:  # a known defect: its own assertion says what is wrong
        check_books(simulator)
