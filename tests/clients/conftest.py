"""Published Daraja clients, unmodified, each in a process that knows its simulator by the address alone.

The simulator's clock stands still until a test moves it, and begins now: the clients stamp their requests with the
machine's own time.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo_process import environment, need_program
from npm_project import installed
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import running_simulator
from shops import CLIENTS, NAIROBI, PYTHON, Counter, Shop, Station

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(HERE / "npm", into=tmp_path_factory.mktemp("clients") / "npm")


@pytest.fixture(scope="session")
def hire(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Callable[..., Shop]]:
    """The shop of a client on a machine in that time zone; one process each, for all tests."""
    shops: dict[tuple[str, str], Shop] = {}
    folder = tmp_path_factory.mktemp("shops")

    def command(client: str) -> list[str]:
        script = f"{client.replace('-', '_')}_shop"
        if client in PYTHON:
            return [sys.executable, str(HERE / "pypi" / f"{script}.py")]
        return [need_program("node"), str(request.getfixturevalue("npm") / f"{script}.cjs")]

    def hired(client: str, *, zone: str = NAIROBI) -> Shop:
        if (client, zone) not in shops:
            settings = environment(TZ=zone, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
            del settings["PYTHONPATH"]
            complaints = folder / f"{client}-{len(shops)}"
            with complaints.open("w") as errors:
                process = subprocess.Popen(
                    command(client),
                    env=settings,
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            shops[client, zone] = Shop(client, process, complaints)
        return shops[client, zone]

    yield hired
    for shop in shops.values():
        with shop.process:  # closes its input, on which it ends
            pass


@pytest.fixture
def station(hire: Callable[..., Shop]) -> Iterator[Station]:
    """Opens a simulator with these settings, with a client at its counter."""
    bodies: list[bytes] = []
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append(self.path)
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ExitStack() as stack, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def opened(client: str, *, zone: str = NAIROBI, **settings: Any) -> Counter:
            if client == "mpesa-node":  # stamps in UTC, wherever it runs: see test_the_clock_of_another_zone_is_refused
                settings = {"timestamp_tolerance_s": None, **settings}
            given = SimulatorSettings(**{"manual_clock": True, "query_rate": None, **settings})
            counter = Counter(
                hire(client, zone=zone),
                stack.enter_context(running_simulator(given)),
                f"http://127.0.0.1:{server.server_port}/h/0123abcd",
                bodies,
                paths,
            )
            counter.open()
            return counter

        yield opened
        server.shutdown()
        thread.join()


@pytest.fixture(params=CLIENTS)
def counter(request: pytest.FixtureRequest, station: Station) -> Counter:
    """Each client in turn."""
    return station(request.param)
