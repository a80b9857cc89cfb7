"""Jobs run as processes of their own, with small Python programs as parts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rufaa
from rufaa.db import tether

WAIT_S = 60

JOB = '''
import os, sys
from pathlib import Path
from rufaa.cli import supervise
from rufaa.cli.supervise import Part, Restarts
from rufaa.db.embedded import EmbeddedPostgres, Settings

FOLDER = Path(sys.argv[1])
PYTHON = sys.executable

def part(name, code, ready=None, **env):
    """A part that writes its process number into FOLDER/<name>.pid each time it starts."""
    begin = f"import os, signal, sys, time; open({str(FOLDER / name)!r} + '.pid', 'a').write(f'{{os.getpid()}}\\\\n');"
    return Part(name=name, argv=[PYTHON, "-c", begin + "\\n" + code], env=env, ready=ready)

def touched(name):
    return lambda: (FOLDER / name).exists()

def on_ready():
    (FOLDER / "ready").touch()

QUICK = Restarts(first_s=0.05, longest_s=0.1, healthy_s=60, most=3)
SLEEP = "signal.pause()"
'''


class Job:
    """One supervisor process and the folder that it and its parts leave traces in."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder

    def wait_for(self, condition: Callable[[], bool], *, otherwise: str) -> None:
        assert tether.wait_until(condition, timeout_s=WAIT_S), otherwise

    def wait_until_ready(self) -> None:
        self.wait_for(
            lambda: (self.folder / "ready").exists() or self.process.poll() is not None, otherwise="it was never ready"
        )
        assert self.process.poll() is None, self.process.communicate()

    def pids(self, name: str) -> list[int]:
        path = self.folder / f"{name}.pid"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def end(self) -> tuple[int, str, str]:
        """Wait for the end. Exit status, standard output, standard error."""
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, (out or b"").decode(), err.decode()


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def running() -> Callable[[int], bool]:
    return is_running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Passed by the account that runs PostgreSQL, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="rufaa-test-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def job(folder: Path) -> Iterator[Callable[..., Job]]:
    """Start a supervisor: ``code`` after JOB, and then see that it is gone with all that it wrote the number of."""
    jobs: list[Job] = []

    def start(code: str, *, stdout: int = subprocess.PIPE, before: tuple[str, ...] = (), **environment: str) -> Job:
        script = folder / "job.py"
        script.write_text(JOB + code)
        process = subprocess.Popen(
            [*before, sys.executable, str(script), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(rufaa.__file__).parents[1]), **environment},
        )
        jobs.append(Job(process, folder))
        return jobs[-1]

    yield start
    for one in jobs:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
        try:
            one.process.communicate(timeout=WAIT_S)
        finally:
            one.process.kill()
    for path in folder.glob("*.pid"):
        for line in path.read_text().splitlines():
            assert tether.wait_until(lambda pid=int(line): not is_running(pid), timeout_s=WAIT_S), path.name  # type: ignore[misc]
