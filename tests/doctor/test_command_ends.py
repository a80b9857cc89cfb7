"""A command ends at once, and leaves nothing undone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}
DONE = """
import atexit, sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor
from rufaa.cli import ending

class Kept:
    def __del__(self): print("taken apart")
kept = Kept()
folder = tempfile.TemporaryDirectory()
print(folder.name)
atexit.register(lambda: print("registered"))
pool = ThreadPoolExecutor(1)
pool.submit(lambda: (sum(range(10**6)), sys.stdout.write("in the pool\\n")))
threading.Thread(target=lambda: (threading.main_thread().join(), sys.stdout.write("in a thread\\n"))).start()
sys.stderr.write("said")
ending.end({code})
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=BUFFERED, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("code", "status", "said"), [("", 0, "said"), ("None", 0, "said"), ("3", 3, "said"), ("'why'", 1, "saidwhy\n")]
)
def test_threads_and_what_is_registered_are_waited_for(code: str, status: int, said: str) -> None:
    ended = python(DONE.format(code=code))

    folder, *printed = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (status, said)
    assert printed == ["in the pool", "in a thread", "registered"]
    assert not Path(folder).exists()


def test_a_reader_who_has_gone_is_no_fault() -> None:
    seen, theirs = os.pipe()
    os.close(seen)
    try:
        process = subprocess.run(
            [sys.executable, "-c", "from rufaa.cli import ending\nprint('x' * 9)\nending.end()"],
            env=BUFFERED,  # it is told at the end, and not at the print
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)

    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "status"), [(["--help"], 0), (["functions"], 0), (["no-such-command"], 2), (["explain", "x"], 1)]
)
def test_a_command_has_the_status_that_it_had(run: Run, words: list[str], status: int) -> None:
    ended = run(*words)

    assert ended.returncode == status, ended.stderr
    assert ended.stdout or ended.stderr
