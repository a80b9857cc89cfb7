"""What the real clients sent when they were recorded, put to our server: it must take every request.

The recordings are data beside the repository (``../shared/convex-transcripts``), never part of it. Where the recorded
server was told to misbehave, only our own answer counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rufaa.sync import timestamps

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "convex-transcripts"
SCENARIOS = {"npm-http": 39, "python-http": 16, "curl-plain-http": 18}  # and how many requests each has


def requests_of(scenario: str) -> list[dict[str, Any]]:
    file = FOLDER / f"{scenario}.jsonl"
    if not file.exists():
        pytest.skip("needs ../shared/convex-transcripts, the recorded messages of the real clients")
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    return [entry for entry in entries if entry.get("kind") == "http"]


def body_of(request: dict[str, Any]) -> bytes:
    body = request["body"]
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def expected_status(entry: dict[str, Any]) -> tuple[int, str | None]:
    """The HTTP status and what the body's ``status`` or ``code`` says, for a server that works."""
    request, recorded = entry["request"], entry["response"]
    authorization = request["headers"].get("authorization", "")
    if authorization.startswith("Convex ") or request["path"] == "/api/function":
        return 403, "BadDeployKey"  # we take no admin keys
    if recorded["status"] == 401 and authorization:
        return 401, "InvalidAuthHeader"
    if recorded["status"] == 405:
        return 405, "MethodNotAllowed"
    if recorded["status"] == 400 and entry["client"].startswith("curl"):
        return 400, recorded["body"]["code"]
    body = recorded["body"] if isinstance(recorded["body"], dict) else {}
    if "ts" in body:
        return 200, None
    function_failed = recorded["status"] in (200, 560) and body.get("status") == "error"
    return 200, "error" if function_failed else "success"  # else the recorded server was told to misbehave


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_recorded_request_is_answered_as_it_should_be(make_exchange: Any, scenario: str) -> None:
    entries = requests_of(scenario)
    assert len(entries) == SCENARIOS[scenario]
    asked_at = [timestamps.decode(e["response"]["body"]["ts"]) for e in entries if "query_ts" in e["request"]["path"]]
    exchange = make_exchange(now_ns=lambda: asked_at[0] + 1_000_000_000)
    for entry in entries:
        request, recorded = entry["request"], entry["response"]
        reply = exchange(
            request["method"],
            request["path"],
            query=request.get("query", ""),
            chunks=[body_of(request)],
            headers=request["headers"],
        )
        answer = reply.json
        told = answer.get("status") or answer.get("code")
        assert (reply.status, told) == expected_status(entry), entry
        if told == "success":
            assert answer.keys() == {"status", "value"}
        if told == "error":
            assert ("errorData" in answer) == ("errorData" in recorded["body"]), entry
            assert answer["errorMessage"].startswith("[Request ID: ")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_value_is_written_as_it_was_recorded(exchange: Any, scenario: str) -> None:
    compared = 0
    for entry in requests_of(scenario):
        request, recorded = entry["request"], entry["response"]
        path = request["body"].get("path") if isinstance(request["body"], dict) else None
        if path not in ("values:all", "values:echo", "actions:echo") or recorded["body"]["status"] != "success":
            continue
        reply = exchange("POST", request["path"], chunks=[body_of(request)], headers=request["headers"])
        # repr tells 1.0 from 1, and -0.0 from 0.0
        assert repr(reply.json["value"]) == repr(recorded["body"]["value"])
        compared += 1
    assert compared == {"npm-http": 3, "python-http": 1, "curl-plain-http": 4}[scenario]


def test_failures_are_told_in_the_recorded_words(exchange: Any) -> None:
    wanted = {
        "no:such": "Could not find public function for 'no:such'.",
        "counter:inc": "Trying to execute counter.js:inc as Query, but it is defined as Mutation.",
    }
    seen = set()
    for entry in requests_of("npm-http"):
        path = entry["request"]["body"]["path"] if entry["request"]["body"] else ""
        if path in wanted and entry["response"]["body"].get("status") == "error":
            reply = exchange("POST", entry["request"]["path"], chunks=[body_of(entry["request"])])
            ours, theirs = reply.json["errorMessage"], entry["response"]["body"]["errorMessage"]
            assert ours.split("\n")[1:] == theirs.split("\n")[1:] == [wanted[path]]
            seen.add(path)
    assert seen == set(wanted)
