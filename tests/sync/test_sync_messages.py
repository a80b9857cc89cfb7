"""What clients may say on the WebSocket, and what is no message at all."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from rufaa.sync import messages
from rufaa.sync.calls import ApplicationFailure, Failure, Success
from rufaa.sync.messages import (
    Action,
    Add,
    Authenticate,
    BadMessage,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    Remove,
    Version,
    read,
)

SESSION = "58c092c8-fc58-4343-a01e-3198292810aa"


def put(**fields: Any) -> messages.Message:
    return read(json.dumps(fields))


def test_each_message_is_read_as_what_it_says() -> None:
    observed = {"maxObservedTimestamp": "AQAAAAAAAAA=", "connectionCount": 3, "lastCloseReason": None}
    assert put(type="Connect", sessionId=SESSION, clientTs=12, **observed) == Connect(uuid.UUID(SESSION), 1, 12)
    assert put(type="Connect", sessionId=SESSION) == Connect(uuid.UUID(SESSION), 0, None)
    add = {"type": "Add", "queryId": 0, "udfPath": "a.js:b", "args": [{}], "journal": "j"}
    asked = put(
        type="ModifyQuerySet", baseVersion=0, newVersion=1, modifications=[add, {"type": "Remove", "queryId": 7}]
    )
    assert asked == ModifyQuerySet(0, 1, (Add(0, "a:b", [{}], "j"), Remove(7)))
    assert put(type="Mutation", requestId=1, udfPath="a", args=[{"x": 1}]) == Mutation(1, "a:default", [{"x": 1}])
    assert put(type="Action", requestId=2, udfPath="a:b", args=[{}]) == Action(2, "a:b", [{}])
    assert put(type="Authenticate", baseVersion=0, tokenType="User", value="t") == Authenticate(0, "t")
    assert put(type="Authenticate", baseVersion=1, tokenType="None") == Authenticate(1, None)
    assert put(type="Authenticate", baseVersion=0, tokenType="Admin", value="k") == Authenticate(0, None, admin=True)
    assert put(type="Event", eventType="ClientConnect", event=[{}]) == Event()


CONNECT = {"type": "Connect", "sessionId": SESSION}
QUERIES = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "A message is a JSON object"),
        ({}, "A message has a type"),
        ({"type": 1}, "A message has a type"),
        ({"type": "Nonsense\u202e"}, "There is no message of type Nonsense?"),
        ({"type": "Connect", "sessionId": "x"}, "sessionId is a UUID"),
        ({"type": "Connect", "sessionId": SESSION.replace("-", "")}, "sessionId is a UUID"),
        ({"type": "Connect", "sessionId": None}, "sessionId is a UUID"),
        (CONNECT | {"maxObservedTimestamp": "x"}, "maxObservedTimestamp"),
        (CONNECT | {"maxObservedTimestamp": "//////////8="}, "maxObservedTimestamp"),
        (CONNECT | {"clientTs": "1"}, "clientTs is a number"),
        (CONNECT | {"clientTs": True}, "clientTs is a number"),
        (QUERIES | {"modifications": {}}, "modifications is a list"),
        (QUERIES | {"modifications": [1]}, "a modification is an object"),
        (QUERIES | {"modifications": [{"type": "Change"}]}, "an Add or a Remove"),
        (QUERIES | {"modifications": [{"type": "Remove"}]}, "queryId is an integer"),
        (QUERIES | {"modifications": [{"type": "Remove", "queryId": 1.0}]}, "queryId is an integer"),
        (QUERIES | {"modifications": [{"type": "Remove", "queryId": True}]}, "queryId is an integer"),
        (QUERIES | {"modifications": [{"type": "Remove", "queryId": 2**32}]}, "queryId is an integer"),
        (QUERIES | {"modifications": [{"type": "Remove", "queryId": -1}]}, "queryId is an integer"),
        (QUERIES | {"modifications": [{"type": "Add", "queryId": 1, "journal": 1}]}, "a journal is a string"),
        (QUERIES | {"baseVersion": None, "modifications": []}, "baseVersion is an integer"),
        ({"type": "Mutation", "udfPath": "a:b", "args": [{}]}, "requestId is an integer"),
        ({"type": "Action", "requestId": "1", "udfPath": "a:b", "args": [{}]}, "requestId is an integer"),
        ({"type": "Authenticate", "baseVersion": 0, "tokenType": "User"}, "tokenType is User with a value"),
        ({"type": "Authenticate", "baseVersion": 0, "tokenType": "Robot", "value": "x"}, "tokenType is User"),
    ],
)
def test_what_is_no_message_is_named(fields: object, said: str) -> None:
    with pytest.raises(BadMessage) as refused:
        read(json.dumps(fields))

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", '{"type":NaN}', "\ud800", "[" * 100_000, "[" + "{}," * 300_000 + "{}]"]
)
def test_what_is_no_json_is_no_message(text: str) -> None:
    with pytest.raises(BadMessage):
        read(text)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"args": [{}]}, "udfPath is missing"),
        ({"udfPath": 1, "args": [{}]}, "udfPath is missing"),
        ({"udfPath": "a:b"}, "args is missing"),
        ({"udfPath": "a:b", "args": "x"}, "args is missing"),
        ({"udfPath": "a:b", "args": [{}], "componentPath": "c"}, "no components"),
        ({"udfPath": "../a:b", "args": [{}]}, "cannot name a module"),
        ({"udfPath": "a:\ud800", "args": [{}]}, "cannot name a function"),
    ],
)
def test_a_mutation_that_is_wrong_can_still_be_answered(fields: dict[str, Any], fault: str) -> None:
    asked = put(type="Mutation", requestId=5, **fields)

    assert isinstance(asked, Mutation)
    assert asked.request == 5
    assert asked.fault is not None
    assert fault in asked.fault


def test_what_the_server_says_reads_as_the_clients_want_it() -> None:
    start, end = Version(0, 0, 0), Version(1, 2, 258)
    said = messages.transition(
        start,
        end,
        [messages.updated(0, Success("1.0"), journal="j"), messages.removed(3)],
        skew_ms=-5,
        now_ns=7,
    )
    assert json.loads(said) == {
        "type": "Transition",
        "startVersion": {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="},
        "endVersion": {"querySet": 1, "identity": 2, "ts": "AgEAAAAAAAA="},
        "modifications": [
            {"type": "QueryUpdated", "queryId": 0, "value": 1.0, "logLines": [], "journal": "j"},
            {"type": "QueryRemoved", "queryId": 3},
        ],
        "clientClockSkew": -5,
        "serverTs": 7,
    }
    assert "clientClockSkew" not in json.loads(messages.transition(start, end, [], skew_ms=None, now_ns=7))


def test_error_data_is_there_for_an_applications_error_alone() -> None:
    plain, ours = Failure("boom"), ApplicationFailure("refused", None)

    assert json.loads(messages.updated(1, plain)) == {
        "type": "QueryFailed",
        "queryId": 1,
        "errorMessage": "boom",
        "logLines": [],
        "journal": None,
    }
    assert json.loads(messages.updated(1, ours))["errorData"] is None
    failed = json.loads(messages.mutation_response(4, ours, ts_ns=9))
    assert failed == {
        "type": "MutationResponse",
        "requestId": 4,
        "success": False,
        "result": "refused",
        "errorData": None,
        "ts": None,
        "logLines": [],
    }
    assert "errorData" not in json.loads(messages.action_response(4, plain))
    succeeded = json.loads(messages.mutation_response(4, Success("null"), ts_ns=1))
    assert (succeeded["result"], succeeded["ts"]) == (None, "AQAAAAAAAAA=")
    assert "ts" not in json.loads(messages.action_response(4, Success("null")))


def test_a_transition_in_pieces_is_whole_when_they_are_joined() -> None:
    text = "é😀" * 5 + '"'
    pieces = [json.loads(piece) for piece in messages.chunks(text, characters=4, name="7")]

    assert "".join(piece["chunk"] for piece in pieces) == text
    assert [piece["partNumber"] for piece in pieces] == [0, 1, 2]
    assert {(piece["totalParts"], piece["transitionId"]) for piece in pieces} == {(3, "7")}
