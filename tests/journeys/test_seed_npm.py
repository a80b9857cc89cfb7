"""The seed document's calls from the real npm client, as ``examples/seed`` makes them."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo_process import RINGS, ROOT, Demo, environment, need_program
from npm_project import installed
from ports import free_port
from support import post, wait_until

EXAMPLE = ROOT / "examples" / "seed"
CREATED = re.compile(r"created: ([0-9a-f]{32})")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its locked packages, as ``npm ci`` installs them."""
    return installed(EXAMPLE, into=tmp_path_factory.mktemp("seed") / "example")


def run(project: Path, demo: Demo, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need_program("npm"), "--silent", script],
        cwd=project,
        env=environment(RUFAA_URL=demo.url, **more),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize("identity", ["demoUserId", "token"])
def test_the_story_is_kept_to_its_end(project: Path, demo: Demo, identity: str) -> None:
    given = {"RUFAA_TOKEN": demo.tokens["admin"]} if identity == "token" else {}

    told = run(project, demo, "test", **given)

    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.endswith("Every promise was kept.\n")
    jane, john = CREATED.findall(told.stdout)
    for referral in (jane, john):
        document = demo.referral(referral)
        assert (document["status"], document["payment"]["status"]) == ("confirmed", "paid")
        completed = [each for each in demo.payments(referral) if each["status"] == "completed"]
        assert [(each["amount"], each["mpesaTransactionId"]) for each in completed] == [
            (1000, document["payment"]["receipt"])
        ]
    assert [each["status"] for each in demo.payments(jane)] == ["completed"]
    assert demo.payments(john)[-1]["status"] == "failed"
    assert (demo.referral(john)["bookedDate"], demo.referral(john)["bookedTime"]) == ("2031-03-04", "09:30")


@pytest.fixture
def person(demo: Demo) -> Iterator[list[dict[str, str]]]:
    """Somebody at the handset of RINGS, who first cancels, then types the PIN. What they answered, in order."""
    answers: list[dict[str, str]] = []
    over = threading.Event()

    def answer() -> None:
        url = f"{demo.handset}/control/phones/{RINGS}/answer"
        for each in ({"action": "cancel"}, {"pin": "1234"}):
            wait_until(
                lambda given=each: over.is_set() or post(url, given).status == 200,  # type: ignore[misc]
                what="a ringing phone",
                deadline_s=100,
            )
            answers.append(each)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield answers
    over.set()
    thread.join()


def test_npm_start_rings_waits_for_a_person_and_retries(
    project: Path, demo: Demo, person: list[dict[str, str]]
) -> None:
    told = run(project, demo, "start")

    assert told.returncode == 0, told.stdout + told.stderr
    assert person == [{"action": "cancel"}, {"pin": "1234"}]
    jane, _ = CREATED.findall(told.stdout)
    assert [each["status"] for each in demo.payments(jane)] == ["completed", "failed"]
    assert told.stdout.count(f"{RINGS} rings now. Open {demo.handset}/phone/{RINGS} and type the PIN 1234.") == 2
    assert "Not paid: The request was cancelled on the phone. The push is retried." in told.stdout


def test_a_promise_that_is_not_kept_ends_it_with_status_1(project: Path, demo: Demo) -> None:
    told = run(project, demo, "test", RUFAA_TOKEN=demo.tokens["receiver"])

    assert told.returncode == 1
    assert "forbidden: " in told.stderr
    assert "Every promise" not in told.stdout


def test_a_server_that_is_not_there_is_named(project: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"

    told = subprocess.run(
        [need_program("node"), "seed.mjs"],
        cwd=project,
        env=environment(RUFAA_URL=nowhere),
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 1
    assert told.stderr == f"  ✗ Nothing listens at {nowhere}. Is `make demo` running?\n"


def test_the_lock_pins_by_hash_and_names_no_place_to_download_from() -> None:
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())

    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages["node_modules/convex"]["version"] == "1.48.0"
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
