"""The server as a whole: settings, ports, signals, its own failures, and many prompts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.money import Money
from rufaa.simulator import journal, server, stk
from rufaa.simulator.config import DEMO_MERCHANT, InvalidSettings, Merchant, SimulatorSettings
from rufaa.simulator.testing import running_simulator

if TYPE_CHECKING:
    from conftest import Client, Listener

PROGRAM = """
import sys
from pathlib import Path
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.server import run
run(SimulatorSettings(journal=Path(sys.argv[1])), port=0)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_stops_when_told(tmp_path: Path, how: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(server.__file__).parents[2])}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "journal.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            first = child.stdout.readline()
            assert first.startswith("simulator ready http://127.0.0.1:")
            url = first.split()[-1]
            stream = urllib.request.urlopen(url + "/handset/stream", timeout=20)  # an open page does not hold it back
            with stream:
                child.send_signal(how)
                assert stream.read().startswith(b"retry: 1000\n")  # its end is told, not cut
                assert child.wait(20) == 0
            assert child.stderr.read() == ""
            assert child.stdout.read() == ""
        finally:
            child.kill()


def test_a_taken_port_is_refused() -> None:
    with running_simulator() as sim, pytest.raises(server.PortTaken):
        server.run(SimulatorSettings(), port=int(sim.url.rpartition(":")[2]))


def test_a_failure_of_its_own_is_journalled_and_answered_as_darajas(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(stk, "push", broken)
    got = client.push()
    assert (got.status, got.json["errorCode"], got.json["errorMessage"]) == (
        500,
        "500.003.1001",
        "Internal Server Error",
    )
    (entry,) = [each for each in client.sim.journal() if each.kind == "internal-error"]
    assert "planted" in entry.data["error"]


def test_a_full_disk_refuses_the_push_and_moves_nothing(
    simulate: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = simulate(journal=tmp_path / "journal.jsonl")
    append = journal._append

    def full(file: Any, line: bytes) -> None:
        if b"prompt-created" in line:
            raise OSError(28, "No space left on device")
        append(file, line)

    monkeypatch.setattr(journal, "_append", full)
    assert client.push("254708000000").json["errorCode"] == "500.003.1001"
    assert client.sim.prompts() == []
    client.sim.advance(100)
    assert client.sim.till("174379") == Money(0)


def test_hundreds_of_prompts(simulate: Callable[..., Client], listener: Listener) -> None:
    client = simulate(callback_timeout_s=20)
    accepted = []
    for n in range(400):
        accepted.append(client.pushed(f"2547{n % 100:02}00{'0000' if n % 2 else '1032'}", Amount=1))
        if n % 100 == 99:
            client.sim.advance(2)
    assert len(set(accepted)) == 400
    assert client.sim.till("174379") == Money(20_000)
    assert len(listener.bodies) == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"merchants": ()},
        {"merchants": (DEMO_MERCHANT, DEMO_MERCHANT)},
        {"merchants": (Merchant("12", "k", "s", "p", "N"),)},
        {"merchants": (DEMO_MERCHANT, Merchant("600001", "demo-key", "another", "p", "N"))},
        {"pin": "12345"},
        {"start_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - the fault under test
    ],
)
def test_senseless_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        SimulatorSettings(**changes)


def test_it_knows_nothing_of_the_rest_of_the_house() -> None:
    program = (
        "import sys, json, rufaa.simulator.testing; "
        "print(json.dumps(sorted(n for n in sys.modules if n.startswith(('rufaa', 'django', 'psycopg', 'asyncpg')))))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(server.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    strangers = [each for each in json.loads(done.stdout) if not each.startswith("rufaa.simulator")]
    assert strangers == ["rufaa", "rufaa.clock", "rufaa.errors", "rufaa.money", "rufaa.phone"]


def test_the_command_takes_a_seed_of_chaos(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(server.__file__).parents[2])}
    command = [sys.executable, "-m", "rufaa", "simulator", "--port=0", "--chaos"]
    with subprocess.Popen([*command, "7"], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as child:
        try:
            assert child.stdout is not None
            url = child.stdout.readline().split()[-1]
            with urllib.request.urlopen(url + "/control/chaos", timeout=20) as answer:
                assert json.load(answer)["chaos"]["seed"] == 7
        finally:
            child.terminate()
            child.wait(20)
    refused = subprocess.run(
        [*command, "-1"], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False, timeout=60
    )
    assert refused.returncode == 2
    assert "greater than or equal to 0" in refused.stderr
