"""Africa's Talking's bulk SMS on the virtual handset, and messages that are known again by their key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from rufaa.simulator.bulk_sms import SmsFault
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import running_simulator
from support import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Client, Got, Listener

PHONE = "254708374149"
MESSAGES = f"/control/phones/{PHONE}/messages"
FORM = {"username": "sandbox", "to": f"+{PHONE}", "message": "Habari", "from": "RUFAA"}


def send(client: Client, *, key: str = "a key", **form: str) -> Got:
    return client.ask(
        "/version1/messaging",
        method="POST",
        body=urlencode(FORM | form).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded", **({"apiKey": key} if key else {})},
    )


def inbox(client: Client) -> list[Any]:
    return list(client.get(MESSAGES).json["messages"])


def recipient(got: Got) -> dict[str, Any]:
    (only,) = got.json["SMSMessageData"]["Recipients"]
    return dict(only)


def test_a_message_with_a_key_is_one_however_often_it_is_sent(client: Client) -> None:
    body = {"from": "RUFAA", "text": "Habari", "key": "n-1"}
    first = client.control(MESSAGES, body)
    again = client.control(MESSAGES, body | {"text": "Otherwise"})
    other = client.control(MESSAGES, body | {"key": "n-2"})

    assert first.json == again.json != other.json
    assert [each["id"] for each in inbox(client)] == ["sms-2", "sms-1"]
    for wrong in ("a" * 81, "\u00e9", "\x00", 5):
        assert client.control(MESSAGES, body | {"key": wrong}).json["error"] == "invalid-argument"


def test_a_key_is_known_after_a_restart(tmp_path: Path) -> None:
    settings = SimulatorSettings(manual_clock=True, journal=tmp_path / "journal.jsonl")
    for _ in range(2):
        with running_simulator(settings) as sim:
            engine = sim._engine
            sim._call(lambda: engine.owner.receive(PHONE, sender="RUFAA", text="Habari", key="n-1"))  # noqa: B023
            assert len(sim.messages(PHONE)) == 1


def test_it_takes_a_message_and_tells_what_it_costs(client: Client) -> None:
    got = send(client)

    assert got.status == 201
    told = recipient(got)
    assert (told["statusCode"], told["status"], told["number"], told["cost"]) == (
        101,
        "Success",
        f"+{PHONE}",
        "KES 0.8000",
    )
    assert told["messageId"].startswith("ATXid_")
    assert [(each["from"], each["text"]) for each in inbox(client)] == [("RUFAA", "Habari")]
    assert recipient(send(client))["messageId"] != told["messageId"]  # it knows nothing again
    assert len(inbox(client)) == 2


@pytest.mark.parametrize(
    ("fault", "status", "code", "arrives"),
    [
        (SmsFault.KEY_REFUSED, 401, None, 0),
        (SmsFault.THROTTLED, 429, None, 0),
        (SmsFault.SERVER_ERROR, 500, None, 0),
        (SmsFault.BAD_PHONE, 201, 403, 0),
        (SmsFault.BLACKLISTED, 201, 406, 0),
        (SmsFault.NO_CREDIT, 201, 405, 0),
        (SmsFault.GATEWAY_ERROR, 201, 501, 0),
        (SmsFault.NONSENSE, 201, None, 1),
        (SmsFault.NO_REPORT, 201, 101, 1),
    ],
)
def test_what_goes_wrong_goes_wrong_once(
    client: Client, fault: SmsFault, status: int, code: int | None, arrives: int
) -> None:
    assert client.control("/control/sms", {"next": [fault]}).json["next"] == [fault]

    got = send(client)

    assert got.status == status
    if code is not None:
        assert recipient(got)["statusCode"] == code
    assert len(inbox(client)) == arrives
    assert recipient(send(client))["statusCode"] == 101


def test_what_is_no_message_is_refused(client: Client) -> None:
    assert send(client, key="").status == 401
    assert send(client, message="").status == 400
    assert recipient(send(client, to="nobody"))["statusCode"] == 403
    assert inbox(client) == []


@pytest.mark.parametrize(
    "body", [{"next": ["fire"]}, {"next": "lost-answer"}, {"reports_url": "here"}, {"incoming_url": 5}, {"more": 1}]
)
def test_what_cannot_be_set_is_refused(client: Client, body: dict[str, object]) -> None:
    assert client.control("/control/sms", body).json["error"] == "invalid-argument"


def test_reports_and_replies_go_where_they_are_wanted(client: Client, listener: Listener) -> None:
    reply = f"/control/phones/{PHONE}/replies"
    assert client.control(reply, {"text": "STOP"}).json["error"] == "invalid-argument"
    client.control("/control/sms", {"reports_url": listener.url, "incoming_url": listener.url, "next": ["undelivered"]})

    told = recipient(send(client))
    wait_until(lambda: len(listener.bodies) == 1, what="the report")
    assert f"id={told['messageId']}&status=Failed&phoneNumber=%2B{PHONE}" in listener.bodies[0]

    assert client.control(reply, {"text": "STOP"}).json == {"status": 200}
    assert f"from=%2B{PHONE}" in listener.bodies[1]
    assert "text=STOP" in listener.bodies[1]
    assert client.control(reply, {"text": " "}).json["error"] == "invalid-argument"
