"""The real Python client, and raw sockets, against uvicorn on a free port."""

from __future__ import annotations

import math
import socket
from typing import Any
from urllib.parse import urlsplit

import convex
import pytest
from convex import ConvexInt64
from convex.http_client import ConvexExecutionError, ConvexHttpClient


@pytest.fixture
def client(server: str) -> ConvexHttpClient:
    return ConvexHttpClient(server)


def test_calls_of_all_kinds(client: ConvexHttpClient) -> None:
    assert client.query("counter:get", {"name": "a"}) == 0.0
    assert client.mutation("counter:inc", {"by": 2}) == 2.0
    assert client.mutation("counter.js:inc", {"by": ConvexInt64(3)}) == 5.0
    assert client.action("actions:echo", {"v": "hi"}) == "hi"
    assert client.query("dir/sub:count") == 0.0
    assert client.query("defaultmod") == 0.0


def test_every_value_arrives(client: ConvexHttpClient) -> None:
    got = client.query("values:all")
    assert math.isnan(got.pop("nan"))
    assert math.copysign(1, got.pop("neg0")) == -1
    assert got == {
        "arr": [1.5, [], {}],
        "bool": True,
        "bytes": b"\x00\x10\x83",
        "inf": math.inf,
        "int": ConvexInt64(-(2**63)),
        "ninf": -math.inf,
        "null": None,
        "obj": {"_id": "x1"},
        "one": 1.0,
        "str": "é😀",
    }


def test_every_value_comes_back(client: ConvexHttpClient) -> None:
    sent: dict[str, Any] = {"a": [1.5, math.inf], "b": b"\xff", "c": ConvexInt64(7), "d": {"": None}, "e": "😀"}
    assert client.query("values:echo", {"v": sent}) == sent


def test_a_refusal_is_a_convex_error_with_data(client: ConvexHttpClient) -> None:
    with pytest.raises(convex.ConvexError) as refused:
        client.query("errors:convexQuery")
    assert refused.value.data == {
        "code": "not-there",
        "message": "No such thing",
        "data": {"n": {"$integer": "BwAAAAAAAAA="}},
    }


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("errors:plainQuery", {}, r"\[Request ID: [0-9a-f]{16}\] Server Error$"),
        ("no:such", {}, "Could not find public function for 'no:such'"),
        ("counter:inc", {}, "Trying to execute counter.js:inc as Query"),
        ("counter:get", {"names": "a"}, "ArgumentValidationError: Unknown: 'names'"),
        ("values:echo", {"v": "\ud800"}, "Invalid arguments for values.js:echo: A string has an unpaired surrogate"),
    ],
)
def test_a_failure_is_an_execution_error(
    client: ConvexHttpClient, name: str, args: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConvexExecutionError, match=message):
        client.query(name, args)


def test_a_bad_request_tells_its_code(client: ConvexHttpClient) -> None:
    with pytest.raises(Exception, match="503 Overloaded: The server is busy"):
        client.query("errors:busy")
    client.set_auth("good")
    assert client.query("auth:whoami", {"demoUserId": "u"}) == {"identity": "somebody", "ambient": {"demoUserId": "u"}}
    client.set_auth("bad")
    with pytest.raises(Exception, match="401 InvalidAuthHeader: Could not verify the token"):
        client.query("auth:whoami")
    client.set_admin_auth("key")
    with pytest.raises(Exception, match="403 BadDeployKey: Admin and deploy keys are not accepted here"):
        client.query("auth:whoami")


def test_a_body_that_is_too_large_is_answered(client: ConvexHttpClient) -> None:
    with pytest.raises(Exception, match="400 BadJsonBody: The request body is too large"):
        client.query("values:echo", {"v": "x" * (17 * 1024 * 1024)})
    big = "x" * (15 * 1024 * 1024)
    assert client.query("values:echo", {"v": big}) == big


def test_a_chunked_body_is_taken(server: str) -> None:
    address = urlsplit(server)
    body = b'{"path":"counter:get","args":{}}'
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/query HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        for piece in (body[:10], body[10:]):
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"status":"success","value":0.0}')


def test_a_client_that_hangs_up_does_not_stop_its_mutation(server: str, runtime: Any) -> None:
    address = urlsplit(server)
    body = b'{"path":"slow:mutation","args":{}}'
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/mutation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert runtime.began.wait(10)
    runtime.may_end.set()
    assert runtime.ended.wait(10)
    assert runtime.done == ["mutation"]
