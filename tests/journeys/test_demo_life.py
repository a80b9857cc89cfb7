"""The life of ``make demo``: it starts, what dies is started again, an ending leaves nothing, data are found again."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo_process import RINGS, Demo, folder, processes, running_demo, start_by_make, start_demo, stop
from ports import is_free, port_pair
from support import post, wait_until

LONG = pytest.mark.timeout(300)


def sigterm_to_make(demo: Demo) -> None:
    demo.process.send_signal(signal.SIGTERM)


def ctrl_c(demo: Demo) -> None:
    os.killpg(demo.process.pid, signal.SIGINT)


def sigkill_of_make(demo: Demo) -> None:
    demo.process.kill()


def sigkill_of_the_supervisor(demo: Demo) -> None:
    os.kill(demo.part("demo"), signal.SIGKILL)


ENDINGS: list[Callable[[Demo], None]] = [sigterm_to_make, ctrl_c, sigkill_of_make, sigkill_of_the_supervisor]


@LONG
def test_every_ending_leaves_nothing_and_the_next_start_finds_all() -> None:
    with folder() as parent:
        data = parent / "a folder's $data"
        paid: list[str] = []
        for end in (*ENDINGS, sigterm_to_make):
            demo = start_by_make(data)
            try:
                demo.wait_until_ready()
                for referral in paid:
                    assert demo.referral(referral)["status"] == "paid", end
                paid.append(demo.pay())

                end(demo)

                demo.wait_for_end()
                demo.check_nothing_is_left()
                assert "Traceback" not in demo.output()
            finally:
                stop(demo)
        assert len(set(paid)) == len(ENDINGS) + 1


@LONG
def test_a_demo_that_is_told_to_stop_while_it_starts_leaves_nothing() -> None:
    with folder() as parent:
        demo = start_by_make(parent / "data")
        try:
            wait_until(lambda: demo.postmaster() != 0, what="PostgreSQL's start")

            demo.process.send_signal(signal.SIGTERM)

            demo.wait_for_end()
            demo.check_nothing_is_left()
            assert "ready http" not in demo.output()
        finally:
            stop(demo)


# --- parts that are killed ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def robust() -> Iterator[Demo]:
    """A demo whose parts are killed one by one."""
    with running_demo() as running:
        yield running


@LONG
@pytest.mark.parametrize("name", ["gateway", "worker", "simulator", "postmaster"])
def test_a_killed_part_is_started_again_and_the_ringing_prompt_is_paid(robust: Demo, name: str) -> None:
    def number() -> int:
        return robust.postmaster() if name == "postmaster" else robust.part(name)

    def is_back() -> bool:
        return number() not in {0, before} and robust.is_healthy() and _answers(robust, referral)

    referral = robust.waiting()
    robust.ring(referral, RINGS)
    before = number()

    os.kill(before, signal.SIGKILL)

    wait_until(is_back, what=f"the new {name}")
    answer = f"{robust.handset}/control/phones/{RINGS}/answer"
    wait_until(lambda: _is_accepted(answer), what="the PIN")
    robust.wait_for_status(referral, "paid")
    assert [each["status"] for each in robust.payments(referral)] == ["completed"]
    robust.pay()
    assert robust.process.poll() is None


def _answers(demo: Demo, referral: str) -> bool:
    """Whether functions are answered again: their connections come back later than those of the health."""
    asked = {"path": "referrals:getReferral", "args": {"referralId": referral, "demoUserId": "admin"}, "format": "json"}
    try:
        return post(f"{demo.url}/api/query", asked).status == 200
    except OSError:
        return False


def _is_accepted(answer: str) -> bool:
    try:
        return post(answer, {"pin": "1234"}).status == 200
    except OSError:  # the simulator is not back yet
        return False


# --- what cannot be started ---------------------------------------------------------------------------------------


@pytest.fixture
def parent() -> Iterator[Path]:
    with folder() as made:
        yield made


def test_a_second_demo_on_one_data_folder_is_refused(demo: Demo) -> None:
    second = start_demo(demo.data)

    assert second.wait_for_end() == 1
    assert f"The data folder {demo.data} is in use by the process {demo.process.pid}." in second.output()
    assert "ready http" not in second.output()
    assert is_free(second.port)
    wait_until(demo.is_healthy, what="the first one's health")


@pytest.mark.parametrize(("offset", "whose"), [(0, "the server"), (1, "the simulator")])
def test_a_port_that_is_taken_is_named_and_nothing_is_started(parent: Path, offset: int, whose: str) -> None:
    port = port_pair()
    with socket.create_server(("127.0.0.1", port + offset)):
        demo = start_demo(parent / "data", port=port)

        assert demo.wait_for_end() == 1
        assert demo.output() == (
            f"rufaa: Port {port + offset}, for {whose}, is taken by another program."
            " Choose another by PORT=… (make) or RUFAA_PORT.\n"
        )
    assert not (parent / "data" / "postgres").exists()
    assert processes(parent / "data") == {}


def test_what_the_demo_says_when_it_is_ready(demo: Demo) -> None:
    said = demo.output().splitlines()

    start = said.index(f"ready {demo.url}")
    text = "\n".join(said[start:])
    assert f"{demo.url}/\n" in text
    assert f"{demo.handset}/" in text
    assert list(demo.tokens) == ["physician", "admin", "receiver", "finance", "cashier"]
    assert len(set(demo.tokens.values())) == 5
    assert "examples/seed" in text
    assert [line for line in said[:start] if "ready" not in line] == []
