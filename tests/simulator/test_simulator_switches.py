"""The fault switches: each does what it says, for once or until it is switched off, and shows itself while it is on."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import pytest

from rufaa.simulator.switches import SWITCHES

if TYPE_CHECKING:
    from conftest import Client, Listener

PHONE = "254708000000"  # pays by itself


def on(client: Client, name: str, times: str = "once", **more: object) -> None:
    got = client.control(f"/control/switches/{name}", {"times": times, **more})
    assert got.status == 200, got.text


def state(client: Client, name: str) -> tuple[str, str | None]:
    (shown,) = [each for each in client.get("/control/switches").json["switches"] if each["name"] == name]
    return shown["times"], shown["on"]


def test_all_are_off_at_first(client: Client) -> None:
    shown = client.get("/control/switches").json["switches"]
    assert [each["name"] for each in shown] == list(SWITCHES)
    assert {each["on"] for each in shown} == {None}


@pytest.mark.parametrize("name", list(SWITCHES))
def test_each_can_be_switched_on_and_off(client: Client, name: str) -> None:
    on(client, name)
    assert state(client, name)[0] == "once"
    assert client.ask(f"/control/switches/{name}", method="DELETE").status == 200
    assert state(client, name) == ("off", None)
    assert client.get("/control/faults").json == {"faults": []}
    assert client.get("/control/maintenance").json == {"maintenance": None}


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("callback-lost", {}, 400, "times is once or always."),
        ("callback-lost", {"times": "twice"}, 400, "times is once or always."),
        ("callback-lost", {"times": ["once"]}, 400, "times is once or always."),
        ("callback-lost", {"times": "once", "seconds": 5}, 400, "This switch takes no seconds."),
        ("callback-late", {"times": "once", "seconds": 0}, 400, "seconds is a whole number from 1 to 3,600."),
        ("callback-late", {"times": "once", "seconds": 3601}, 400, "seconds is a whole number from 1 to 3,600."),
        ("callback-late", {"times": "once", "seconds": 1.5}, 400, "seconds is a whole number from 1 to 3,600."),
        ("callback-late", {"times": "once", "seconds": True}, 400, "seconds is a whole number from 1 to 3,600."),
        ("callback-late", {"times": "once", "minutes": 1}, 400, "Unknown: minutes."),
        ("maintenance", {"times": "always"}, 400, "This switch goes off by itself: switch it on once."),
        ("gravity", {"times": "once"}, 404, f"The switches are {', '.join(SWITCHES)}."),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_goes_wrong(
    client: Client, name: str, body: object, status: int, words: str
) -> None:
    on(client, "callback-late", seconds=7)
    got = client.control(f"/control/switches/{name}", body)
    assert (got.status, got.json["message"]) == (status, words)
    (fault,) = client.get("/control/faults").json["faults"]
    assert (fault["kind"], fault["delay_s"]) == ("callback-delayed", 7)


def test_no_switch_of_that_name_is_switched_off(client: Client) -> None:
    assert client.ask("/control/switches/gravity", method="DELETE").status == 404


def test_once_is_once_and_always_is_until_it_is_switched_off(client: Client, listener: Listener) -> None:
    on(client, "callback-lost")
    assert state(client, "callback-lost") == ("once", "once")
    for _ in range(2):
        client.pushed(PHONE)
        client.sim.advance(5)
    assert state(client, "callback-lost") == ("off", None)
    assert len(listener.bodies) == 1
    on(client, "callback-lost", "always")
    for _ in range(3):
        client.pushed(PHONE)
        client.sim.advance(5)
    assert state(client, "callback-lost") == ("always", "until switched off")
    assert len(listener.bodies) == 1
    client.ask("/control/switches/callback-lost", method="DELETE")
    client.pushed(PHONE)
    client.sim.advance(5)
    assert len(listener.bodies) == 2


def test_switched_on_again_it_takes_the_place_of_what_it_was(client: Client) -> None:
    on(client, "callback-late", "always", seconds=10)
    on(client, "callback-late", seconds=20)
    (fault,) = client.get("/control/faults").json["faults"]
    assert (fault["delay_s"], fault["count"]) == (20, 1)
    (shown,) = [each for each in client.get("/control/switches").json["switches"] if each["name"] == "callback-late"]
    assert (shown["seconds"], shown["times"]) == (20, "once")


def test_all_off_forgets_what_a_script_has_put_there_too(client: Client) -> None:
    client.control("/control/faults", {"kind": "answer-lost"})
    for name in ("callback-lost", "maintenance"):
        on(client, name)
    assert client.ask("/control/switches", method="DELETE").status == 200
    assert client.get("/control/faults").json == {"faults": []}
    assert client.get("/control/maintenance").json == {"maintenance": None}
    client.pushed(PHONE)


def test_off_leaves_what_a_script_and_other_switches_have_put_there(client: Client) -> None:
    client.control("/control/faults", {"kind": "callback-lost"})
    on(client, "callback-lost")
    on(client, "callback-twice")
    client.ask("/control/switches/callback-lost", method="DELETE")
    kinds = [each["kind"] for each in client.get("/control/faults").json["faults"]]
    assert kinds == ["callback-lost", "callback-duplicated"]


# ------------------------------------------------------------------------- what each does


def codes(listener: Listener) -> list[Any]:
    return [each["ResultCode"] for each in listener.callbacks]


def paid(client: Client) -> None:
    client.pushed(PHONE)
    client.sim.advance(1.6)


def test_late_is_so_many_seconds_late(client: Client, listener: Listener) -> None:
    on(client, "callback-late", seconds=45)
    paid(client)
    client.sim.advance(44)
    assert codes(listener) == []
    client.sim.advance(1)
    assert codes(listener) == [0]


def test_twice_is_twice(client: Client, listener: Listener) -> None:
    on(client, "callback-twice")
    paid(client)
    client.sim.advance(1)
    assert listener.bodies[0] == listener.bodies[1]
    assert len(client.sim.movements()) == 1


def test_contradicted_is_first_denied_by_the_query_and_then_reported(client: Client, listener: Listener) -> None:
    on(client, "contradicted", seconds=30)
    asked = client.pushed(PHONE)
    client.sim.advance(20)
    assert [client.query(asked).json["ResultCode"] for _ in range(3)] == ["1032", "1032", "0"]
    assert codes(listener) == []
    client.sim.advance(12)
    assert codes(listener) == [0]


def test_failure_first_moves_the_money_later(client: Client, listener: Listener) -> None:
    on(client, "failure-first", seconds=30)
    client.pushed("254708374149")
    client.sim.answer("254708374149")
    client.sim.advance(1)
    assert (codes(listener), client.sim.movements()) == ([1037], [])
    client.sim.advance(30)
    assert codes(listener) == [1037, 0]
    assert len(client.sim.movements()) == 1


def test_down_is_503_for_one_push_or_for_pushes_and_queries(client: Client) -> None:
    on(client, "down")
    assert client.push(PHONE).status == 503
    assert client.sim.prompts() == []
    asked = client.pushed(PHONE)
    on(client, "down", "always")
    client.sim.advance(5)
    assert [client.push(PHONE).status, client.query(asked).status, client.query(asked).status] == [503, 503, 503]


def test_answer_lost_rings_all_the_same(client: Client) -> None:
    on(client, "answer-lost")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.push("254708374149")
    assert len(client.sim.prompts()) == 1


def test_answer_late_rings_all_the_same(client: Client) -> None:
    on(client, "answer-late", seconds=300)
    client.patience_s = 0.3
    with pytest.raises(TimeoutError):
        client.push("254708374149")
    client.sim.wait_until(lambda: len(client.sim.prompts()) == 1)


def test_maintenance_ends_by_itself(client: Client) -> None:
    on(client, "maintenance", seconds=60)
    assert state(client, "maintenance") == ("once", "until 09:13:00")
    assert "maintenance" in client.push(PHONE).text
    client.sim.advance(61)
    assert state(client, "maintenance") == ("off", None)
    client.pushed(PHONE)


def test_a_forged_callback_tells_of_money_that_never_moved(client: Client, listener: Listener) -> None:
    on(client, "forged-callback")
    client.pushed("254708374149")
    client.sim.advance(1)
    assert (codes(listener), client.sim.movements()) == ([0], [])
    assert listener.senders == ["127.0.0.2"]


@pytest.mark.parametrize(("name", "expected"), [("notice-lost", 0), ("forged-notice", 2)])
def test_notices_are_lost_and_forged(client: Client, listener: Listener, name: str, expected: int) -> None:
    urls = {"ConfirmationURL": listener.url, "ValidationURL": listener.url}
    body = {"ShortCode": "174379", "ResponseType": "Completed", **urls}
    assert client.post("/mpesa/c2b/v2/registerurl", body).status == 200
    on(client, name)
    client.sim.pay("254708374149", "174379", "A", 10)
    client.sim.advance(5)
    assert len(listener.bodies) == expected
    assert len(client.sim.movements()) == 1
