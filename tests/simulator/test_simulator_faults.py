"""Scripted faults: each does what it says, once, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from rufaa.money import Money
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, InvalidFault, Operation
from rufaa.simulator.testing import RunningSimulator, running_simulator

if TYPE_CHECKING:
    from conftest import Client, Got, Listener

PAYS = "254708000000"


def test_a_lost_callback_is_never_sent_and_the_next_one_is(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_LOST))
    client.pushed(PAYS)
    client.sim.advance(1_000)
    assert listener.bodies == []
    assert client.sim.till("174379") == Money(100_000)

    client.pushed(PAYS)
    client.sim.advance(1_000)
    assert len(listener.bodies) == 1


def test_a_delayed_callback_comes_later(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=600))
    client.pushed(PAYS)
    client.sim.advance(601.4)
    assert listener.bodies == []
    client.sim.advance(0.1)
    assert len(listener.bodies) == 1


def test_a_duplicated_callback_comes_as_the_same_bytes(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_DUPLICATED, copies=3))
    client.pushed(PAYS)
    client.sim.advance(2)
    assert len(listener.bodies) == 3
    assert len(set(listener.bodies)) == 1
    assert client.sim.till("174379") == Money(100_000)


def test_a_callback_can_come_before_the_answer(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FIRST))
    asked = client.pushed(PAYS)
    assert [each["CheckoutRequestID"] for each in listener.callbacks] == [asked]
    client.sim.advance(1_000)
    assert len(listener.bodies) == 1


def test_also_for_a_phone_that_a_person_answers(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FIRST))
    held = Held(client)
    client.sim.wait_until(lambda: len(client.sim.prompts()) == 1)
    assert held.got == []
    client.sim.answer("254708374149")
    client.sim.advance(1)
    held.thread.join(20)
    assert [each.status for each in held.got] == [200]
    assert len(listener.bodies) == 1


@pytest.mark.parametrize("phone", [PAYS, "254708004999"])
def test_callback_first_does_not_wait_for_one_that_never_comes(client: Client, phone: str) -> None:
    client.sim.script(Fault(FaultKind.CALLBACK_FIRST), Fault(FaultKind.CALLBACK_LOST))
    assert client.push(phone).status == 200


def test_a_lost_answer_cuts_the_connection_after_acceptance(client: Client, listener: Listener) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_LOST))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.push(PAYS)
    client.sim.advance(2)
    assert len(listener.bodies) == 1
    (push,) = [e for e in client.sim.journal() if e.kind == "exchange" and "processrequest" in e.data["path"]]
    assert (push.data["status"], push.data["answer"]) == (None, None)
    assert client.push("254708001032").status == 200


def test_a_lost_answer_waits_for_a_push_that_is_accepted(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_LOST))
    assert client.push(Amount=0).status == 400
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.push()


def test_a_delayed_answer_waits_for_the_clock(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=30))
    held = Held(client)
    client.sim.wait_until(lambda: any(e.kind == "fault-used" for e in client.sim.journal()))
    client.sim.advance(29.9)
    assert held.got == []
    client.sim.advance(0.1)
    held.thread.join(20)
    assert [each.status for each in held.got] == [200]


@pytest.mark.parametrize("accepted", [False, True])
def test_another_answer_can_be_given_with_or_without_effect(client: Client, accepted: bool) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_REPLACED, count=2, accepted=accepted))
    for phone in (PAYS, "254708001032"):
        got = client.push(phone)
        assert (got.status, got.headers["content-type"]) == (503, "text/html;charset=UTF-8")
        assert got.text.startswith("<html>")
    assert len(client.sim.prompts()) == (2 if accepted else 0)
    assert client.push("254708001037").status == 200


def test_tokens_and_queries_can_fail_too(client: Client) -> None:
    client.sim.script(
        Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=429, body="{}", content_type="application/json"),
        Fault(FaultKind.ANSWER_REPLACED, on=Operation.TOKEN, status=500, body=""),
    )
    asked = client.pushed()
    assert client.query(asked).status == 429
    assert client.get("/oauth/v1/generate").status == 500
    assert client.sim.till("174379") == Money(0)


def test_one_push_meets_one_answer_fault_and_one_callback_fault(client: Client, listener: Listener) -> None:
    client.sim.script(
        Fault(FaultKind.CALLBACK_LOST),
        Fault(FaultKind.ANSWER_REPLACED, status=500, accepted=True),
        Fault(FaultKind.CALLBACK_DUPLICATED),
    )
    assert client.push(PAYS).status == 500
    client.sim.advance(2)
    assert listener.bodies == []
    assert client.push(PAYS).status == 200
    client.sim.advance(2)
    assert len(listener.bodies) == 2


def test_faults_are_used_in_the_order_of_the_script(client: Client) -> None:
    client.sim.script(Fault(FaultKind.ANSWER_LOST), Fault(FaultKind.ANSWER_REPLACED, status=500))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.push(PAYS)
    assert client.push("254708001032").status == 500
    assert len(client.sim.prompts()) == 1


def test_a_held_answer_does_not_hold_the_simulator(meet: Callable[[RunningSimulator], Client]) -> None:
    with running_simulator(SimulatorSettings(manual_clock=True)) as sim:
        client = meet(sim)
        sim.script(Fault(FaultKind.CALLBACK_FIRST))
        held = Held(client)
        sim.wait_until(lambda: len(sim.prompts()) == 1)
        told_to_stop = time.monotonic()
    assert time.monotonic() - told_to_stop < 10
    held.thread.join(20)
    assert held.got == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fault(FaultKind.CALLBACK_LOST, count=0),
        lambda: Fault(FaultKind.CALLBACK_DUPLICATED, copies=0),
        lambda: Fault(FaultKind.CALLBACK_DELAYED, delay_s=-1),
        lambda: Fault(FaultKind.CALLBACK_DELAYED, delay_s=float("nan")),
        lambda: Fault(FaultKind.ANSWER_REPLACED, status=99),
        lambda: Fault(FaultKind.ANSWER_REPLACED, content_type="a\r\nb: c"),
        lambda: Fault(FaultKind.CALLBACK_LOST, on=Operation.QUERY),
        lambda: Fault(FaultKind.CALLBACK_FIRST, on=Operation.TOKEN),
    ],
)
def test_a_senseless_fault_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(InvalidFault):
        make()


class Held:
    """A push whose answer is awaited in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self.got: list[Got] = []
        self._client = client
        self.thread = threading.Thread(target=self._push, daemon=True)
        self.thread.start()

    def _push(self) -> None:
        with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
            self.got.append(self._client.push())
