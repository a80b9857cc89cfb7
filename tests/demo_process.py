"""A real ``rufaa demo`` as a process: its output, its parts by number, calls to it, and what is left after its end.

Knows nothing of the nouns: it speaks to the demo as a stranger does.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import warm
from ports import is_free, port_pair
from support import post, wait_until

ROOT = Path(__file__).parents[1]
START_S = 60.0
PAYS, CANCELS, RINGS = "254708000000", "254708001032", "254708374149"
_NOT_OURS = {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE"}
_TOKEN = re.compile(r"^ +(\w+) .*\n(ey[\w.-]+)$", re.MULTILINE)


def need_program(*names: str) -> str:
    """The path of the first program that there is; skips the test where there is none, and fails it in CI."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing = f"{' or '.join(names)} is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{missing}, and .ci/run should have seen to it")
    pytest.skip(missing)


def environment(**more: str) -> dict[str, str]:
    """Ours without what is set for the tests' own database and what makes Python slow, and with Rufaa's source."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RUFAA_", "MPESA_", "MAKE")) and name not in _NOT_OURS
    }
    return {**kept, "PYTHONPATH": str(ROOT / "src"), **more}


def processes(data: Path) -> dict[int, str]:
    """Living processes that have to do with the data folder: number and command line."""
    mark = str(data).encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, setting = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            if (mark in command or mark in setting) and b"\nState:\tZ" not in (folder / "status").read_bytes():
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
        except OSError:  # it ended while we looked, or is somebody else's
            continue
    return found


class Demo:
    """One demo. ``url`` and ``handset`` are its two addresses, ``tokens`` what it printed for its people."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, port: int, data: Path, said: Path, errors: Path | None = None
    ) -> None:
        self.process = process
        self.port = port
        self.data = data
        self.url = f"http://127.0.0.1:{port}"
        self.handset = f"http://127.0.0.1:{port + 1}"
        self._said = said
        self._errors = errors

    # -- its life --------------------------------------------------------------------------------------------------

    def output(self) -> str:
        return self._said.read_text()

    def wait_until_ready(self) -> None:
        """Until the one line that says so; fails with all output when the demo ends before."""

        def ready() -> bool:
            if f"ready {self.url}\n" in self.output():
                return True
            assert self.process.poll() is None, self.output() + (self._errors.read_text() if self._errors else "")
            return False

        wait_until(ready, what="the demo's ready line", deadline_s=START_S)
        wait_until(lambda: "Ctrl-C" in self.output(), what="the rest of the demo's words")

    def part(self, name: str) -> int:
        """The process number of gateway, worker, simulator; 0 while there is none."""
        return next((pid for pid, command in processes(self.data).items() if f" -m rufaa {name}" in command), 0)

    def postmaster(self) -> int:
        """PostgreSQL's first process; 0 while there is none."""
        try:
            return int((self.data / "postgres" / "postmaster.pid").read_text().split("\n")[0])
        except (FileNotFoundError, ValueError):
            return 0

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def wait_for_end(self) -> int:
        """Wait until the process that we started has ended. Its exit status."""
        return self.process.wait(START_S)

    def check_nothing_is_left(self) -> None:
        """No process, and both ports free; what a kill leaves behind gets a moment to die of it."""
        wait_until(lambda: not processes(self.data), what=f"the end of {processes(self.data)}")
        assert is_free(self.port)
        assert is_free(self.port + 1)

    # -- calls -----------------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> dict[str, str]:
        return dict(_TOKEN.findall(self.output()))

    def call(self, kind: str, path: str, args: Mapping[str, Any], *, by: str = "admin") -> Any:
        """The value of a function call as a person of the demo; it must succeed."""
        body = {"path": path, "args": {**args, "demoUserId": by}, "format": "json"}
        answer = post(f"{self.url}/api/{kind}", body).json
        assert answer.get("status") == "success", answer
        return answer["value"]

    def approved(self, patient: str = "Jane Wafula") -> str:
        """A new referral in awaiting-biodata. Its id."""
        referral: str = self.call(
            "mutation",
            "referrals:createReferral",
            {
                "patientName": patient,
                "medicalHistory": "none",
                "labResults": "none",
                "diagnosis": "fracture of the radius",
                "receivingFacility": "Tumaini Referral Hospital",
                "priority": "Routine",
            },
            by="physician",
        )
        self._move(referral, "awaiting-biodata")
        return referral

    def waiting(self, *, patient: str = "Jane Wafula") -> str:
        """A new referral in pending-payment whose payer is not known yet. Its id."""
        referral = self.approved(patient)
        self._move(referral, "pending-payment")
        return referral

    def _move(self, referral: str, status: str) -> None:
        self.call("mutation", "referrals:updateReferralStatus", {"referralId": referral, "status": status})

    def push(self, referral: str, phone: str) -> Any:
        return self.call(
            "mutation", "referralPayments:triggerReferralPayment", {"referralId": referral, "phoneNumber": phone}
        )

    def ring(self, referral: str, phone: str) -> None:
        """Push, and wait until Daraja has taken it, which the call itself does for some seconds alone."""
        self.push(referral, phone)
        taken = {"pending", "paid", "unpaid"}
        wait_until(lambda: self.payments(referral)[0]["promptStatus"] in taken, what="the accepted push")

    def referral(self, referral: str) -> Any:
        return self.call("query", "referrals:getReferral", {"referralId": referral})

    def payments(self, referral: str) -> Any:
        return self.call("query", "payments:getByReferral", {"referralId": referral})

    def pay(self) -> str:
        """A referral from its creation to paid, by a phone that pays by itself. Its id."""
        referral = self.waiting()
        self.ring(referral, PAYS)
        self.wait_for_status(referral, "paid")
        return referral

    def wait_for_status(self, referral: str, status: str) -> None:
        wait_until(lambda: self.referral(referral)["status"] == status, what=f"the referral's move to {status}")

    # -- the command line beside it --------------------------------------------------------------------------------

    def rufaa(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside the running demo, on its data folder."""
        return self._rufaa(self.data, *arguments)

    def rufaa_elsewhere(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command on a data folder where nothing runs."""
        return self._rufaa(self.data.parent / "elsewhere", *arguments)

    def _rufaa(self, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = environment(RUFAA_DATA=str(data), RUFAA_PORT=str(self.port), COLUMNS="200")
        return warm.rufaa(*arguments, cwd=self.data.parent, env=settings, timeout_s=START_S)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the account which runs PostgreSQL may pass, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="rufaa-demo-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def start_demo(data: Path, *, port: int | None = None) -> Demo:
    """Start ``rufaa demo`` in a process group of its own. The caller stops it."""
    chosen = port_pair() if port is None else port
    settings = environment(RUFAA_PORT=str(chosen), RUFAA_DATA=str(data))
    # in a folder where no .env of the checkout is read
    return _start([sys.executable, "-m", "rufaa", "demo"], settings, port=chosen, data=data, cwd=data.parent)


def start_by_make(data: Path) -> Demo:
    """Start ``make demo`` with these tests' environment, as its user types it. The caller stops it."""
    port = port_pair()
    command = [need_program("make"), "demo", f"PORT={port}", f"DATA={data}", f"VENV={sys.prefix}"]
    # Named empty, since the checkout's .env may name one. Where Rufaa is not installed, its source must do.
    settings = environment(RUFAA_SETUP="skip", DATABASE_URL="")
    return _start(command, settings, port=port, data=data, cwd=ROOT)


def _start(command: Sequence[str], settings: Mapping[str, str], *, port: int, data: Path, cwd: Path) -> Demo:
    said = data.parent / f"said-{time.monotonic_ns()}"
    with said.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Demo(process, port=port, data=data, said=said)


def stop(demo: Demo) -> None:
    """End it whatever it does, for a fixture's own end."""
    if demo.process.poll() is None:
        demo.process.send_signal(signal.SIGTERM)
        try:
            demo.wait_for_end()
        finally:
            demo.process.kill()
            demo.process.wait()
    for pid in processes(demo.data):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def running_demo() -> Iterator[Demo]:
    """A demo with an empty data folder, ready for calls; at the end nothing of it may be left."""
    with folder() as parent:
        demo = start_demo(parent / "data")
        try:
            demo.wait_until_ready()
            yield demo
            demo.process.send_signal(signal.SIGTERM)
            assert demo.wait_for_end() == 0, demo.output()
            demo.check_nothing_is_left()
        finally:
            stop(demo)
