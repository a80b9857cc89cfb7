"""What the real clients sent on their WebSocket when they were recorded, put to our connection message by message.

The recordings are data beside the repository (``../shared/convex-transcripts``), never part of it. Where the recorded
server was told to misbehave, only our own answer counts: whatever was sent must be taken, and nothing left unanswered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rufaa.sync import values
from rufaa.sync.calls import ApplicationFailure, Outcome, Success
from rufaa.sync.effects import Limits
from sync.talk import Talk, failed

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "convex-transcripts"
FILES = sorted(FOLDER.glob("*-ws-*.jsonl")) + sorted(FOLDER.glob("react-*.jsonl")) + sorted(FOLDER.glob("npm-browser*"))
HONEST = ("npm-ws-basics", "npm-ws-auth-expect", "npm-ws-ordering", "python-ws-subscribe", "react-query-mutation")


class Recorded:
    """The functions as the recorded server had them, as far as their answers were recorded: looked up by time."""

    def __init__(self) -> None:
        self.shown: dict[str, Any] = {}

    def __call__(self, name: str, args: Any, _identity: object) -> Outcome:
        known = self.shown.get(json.dumps([name, args], sort_keys=True))
        return _outcome(known) if known is not None else Success("null")


def _outcome(told: dict[str, Any]) -> Outcome:
    if "value" in told:
        return Success(values.dumps(told["value"]))
    if "errorData" in told:
        return ApplicationFailure(told["errorMessage"], told["errorData"])
    return failed(told["errorMessage"])


def entries(file: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [each for each in lines if each.get("kind") == "ws"]


def test_there_are_recordings_to_replay() -> None:
    if not FOLDER.exists():
        pytest.skip("needs ../shared/convex-transcripts, the recorded messages of the real clients")
    assert len(FILES) == 96


def is_cut(message: object) -> bool:
    """Long strings were cut when they were recorded."""
    return any(len(each) >= 6000 for each in _strings(message))


def _strings(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _strings(each)]
        case list():
            return [text for each in value for text in _strings(each)]
        case _:
            return []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_every_recorded_message_is_taken_and_every_request_answered(file: Path) -> None:
    connections: dict[int, Talk] = {}
    asked: dict[int, set[int]] = {}
    for entry in entries(file):
        if entry["dir"] != "client->server" or "msg" not in entry:
            continue
        talk = connections.setdefault(entry["conn"], Talk(lambda name, _args, _who: Success(f'"{name}"')))
        if is_cut(entry["msg"]):
            continue
        talk.say(**entry["msg"])
        talk.settle()
        if entry["msg"]["type"] in {"Mutation", "Action"}:
            asked.setdefault(entry["conn"], set()).add(entry["msg"]["requestId"])

    assert connections or file.stem in {"npm-ws-upgrade-refused"}
    for number, talk in connections.items():
        if talk.connection.end is not None:
            assert talk.client.heard[-1]["type"] == "AuthError"
            assert file.stem in {
                "npm-ws-auth-admin",
                "python-ws-basics",
            }  # with an admin key, which we take from nobody
            continue
        assert talk.client.answered.keys() == asked.get(number, set())
        assert talk.client.resolved == asked.get(number, set())
        assert talk.client.shown.keys() == set(talk.watching)


@pytest.mark.parametrize("scenario", HONEST)
def test_an_honest_recording_is_told_as_it_was(scenario: str) -> None:
    """Query by query the same as the recorded server said, and as far with the query set and the identity."""
    if not FOLDER.exists():
        pytest.skip("needs ../shared/convex-transcripts, the recorded messages of the real clients")
    compared = 0
    recorded: dict[int, Recorded] = {}
    talks: dict[int, Talk] = {}
    for entry in entries(FOLDER / f"{scenario}.jsonl"):
        conn = entry["conn"]
        answers = recorded.setdefault(conn, Recorded())
        talk = talks.setdefault(conn, Talk(answers, Limits()))
        if "msg" not in entry:
            continue
        message = entry["msg"]
        if entry["dir"] == "client->server":
            talk.say(**message)
            continue
        if message["type"] != "Transition":
            continue
        for each in message["modifications"]:
            asked = talk.watching.get(each["queryId"])
            if asked is not None and each["type"] != "QueryRemoved":
                answers.shown[json.dumps([asked.name, asked.args], sort_keys=True)] = each
        talk.now_s += talk.limits.opening_s  # the recorded server sent a Transition for the sign-in alone
        talk.settle()
        for each in message["modifications"]:
            if each["type"] == "QueryRemoved":
                assert each["queryId"] not in talk.client.shown
                continue
            (kind, shown) = talk.client.shown[each["queryId"]]
            if kind == "value":
                assert json.loads(shown) == each["value"]
            else:
                assert shown == each["errorMessage"].partition("]")[2] or "Server Error" in shown
            compared += 1
        version = talk.client.version
        assert version["querySet"] == message["endVersion"]["querySet"]
        assert version["identity"] == message["endVersion"]["identity"]
    assert compared > 0
