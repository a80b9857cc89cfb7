"""The processes that are measured: the gateway as it is run, and a worker that settles when it is told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from proc import process
from town import environment, set_up

from ports import free_port

START_S = 60.0


class Running:
    """A command of ``rufaa`` as it is run."""

    def __init__(self, command: str, database_url: str, *arguments: str, **settings: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rufaa", command, *arguments],
            env=os.environ | environment(database_url) | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _await(self, ready: str) -> None:
        until = time.monotonic() + START_S
        while not answers(ready):
            if self._process.poll() is not None or time.monotonic() > until:
                self.close()
                raise RuntimeError(f"{ready} did not answer")
            time.sleep(0.1)

    @property
    def resident(self) -> int:
        """Bytes of it in memory."""
        statm = Path(f"/proc/{self._process.pid}/statm").read_text()
        return int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu_s(self) -> float:
        """Processor time that it has used."""
        return process(self._process.pid).own_s

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Gateway(Running):
    """``rufaa gateway`` on a free port of 127.0.0.1."""

    def __init__(self, database_url: str, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__("gateway", database_url, RUFAA_HOST="127.0.0.1", RUFAA_PORT=str(self.port), **settings)
        self._await(f"{self.url}/readyz")


class WorkerRole(Running):
    """``rufaa worker``, at work as soon as this returns."""

    def __init__(self, database_url: str, **settings: str) -> None:
        port = free_port()
        super().__init__("worker", database_url, RUFAA_WORKER_METRICS_PORT=str(port), **settings)
        self._await(f"http://127.0.0.1:{port}/readyz")


class Simulator(Running):
    """``rufaa simulator``, with its journal in a file."""

    def __init__(self, journal: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__("simulator", "", f"--port={self.port}", f"--journal={journal}")
        self._await(self.url)


def answers(url: str) -> bool:
    """Whether it is there and says 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def daraja_token(url: str) -> str:
    """A token of the simulator at ``url``, for the demo account."""
    from rufaa.simulator.config import DEMO_CONSUMER_KEY, DEMO_CONSUMER_SECRET

    keys = b64encode(f"{DEMO_CONSUMER_KEY}:{DEMO_CONSUMER_SECRET}".encode()).decode()
    path = "/oauth/v1/generate?grant_type=client_credentials"
    asked = urllib.request.Request(url + path, headers={"Authorization": f"Basic {keys}"})
    with urllib.request.urlopen(asked, timeout=START_S) as answer:
        return str(json.load(answer)["access_token"])


class Worker:
    """Settles what is in the inbox, in a process of its own."""

    def __init__(self, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment(database_url),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        while self._out.readline().strip() != "ready":
            if self._process.poll() is not None:
                raise RuntimeError("the worker did not start")

    def settle(self) -> dict[str, float]:
        """How many callbacks it ``taken``, and when it ``began``, sent its ``commit``, and was ``done``: on the
        system's monotonic clock, in seconds."""
        self._in.write("\n")
        self._in.flush()
        while not (line := self._out.readline()).startswith("{"):
            if not line:
                raise RuntimeError("the worker ended")
        told: dict[str, float] = json.loads(line)
        return told

    def close(self) -> None:
        self._in.close()
        self._process.wait(30)


def settle_for_ever() -> None:
    """The worker's own process: for each line on standard input, settle."""
    set_up(os.environ["DATABASE_URL"])
    from rufaa.cli.work import HANDLERS
    from rufaa.db import failpoints
    from rufaa.ingest.loop import settle_inbox

    reached: dict[str, float] = {}
    failpoints.listen(lambda point: reached.__setitem__(point, time.monotonic()))
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        taken = settle_inbox(HANDLERS)
        step = failpoints.Step.SETTLE_BATCH
        told = {"taken": taken, "began": began, "commit": reached[step.before], "done": reached[step.after]}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    settle_for_ever()
