"""The HTTP function API (protocol §2): addresses, statuses, headers and bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from rufaa.sync import timestamps

GET = {"path": "counter:get", "args": {}}


@pytest.mark.parametrize(
    ("kind", "path", "args", "value"),
    [
        ("query", "counter:get", {}, 0.0),
        ("query", "counter.js:get", [{"name": "a"}], 0.0),
        ("mutation", "counter:inc", {"by": 2}, 2.0),
        ("action", "actions:echo", {"v": "hi"}, "hi"),
        ("run/counter/get", "ignored", {}, 0.0),
        ("run/dir/sub/count", "ignored", {}, 0.0),
        ("run/counter/inc", "ignored", {"by": 3}, 3.0),
    ],
)
def test_a_call_that_succeeds(exchange: Any, *, kind: str, path: str, args: object, value: object) -> None:
    assert exchange.call(kind, path, args) == {"status": "success", "value": value}


def test_numbers_keep_their_point_for_the_python_client(exchange: Any) -> None:
    reply = exchange("POST", "/api/mutation", json_body={"path": "counter:inc", "args": {"by": 2}})
    assert reply.body == b'{"status":"success","value":2.0}'
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["cache-control"] == "no-store"


def test_a_failure_has_error_data_only_if_the_function_refused(exchange: Any) -> None:
    refused = exchange.call("mutation", "errors:convex", {"data": None})
    assert refused.keys() == {"status", "errorMessage", "errorData"}
    assert refused["errorData"] == {"code": "not-there", "message": "No such thing", "data": {"given": None}}
    for kind, path in (("query", "errors:plainQuery"), ("query", "no:such"), ("mutation", "counter:get")):
        failed = exchange.call(kind, path, {})
        assert failed.keys() == {"status", "errorMessage"}
        assert failed["status"] == "error"


@pytest.mark.parametrize(
    ("client", "format_", "value"),
    [
        (None, None, "7"),
        (None, "json", "7"),
        (None, "convex_clean_json", "7"),
        (None, "convex_json", {"$integer": "BwAAAAAAAAA="}),
        (None, "convex_encoded_json", {"$integer": "BwAAAAAAAAA="}),
        ("npm-1.48.0", None, "7"),
        ("npm-1.4.2", None, "7"),
        ("npm-1.4.2-alpha.1", None, {"$integer": "BwAAAAAAAAA="}),
        ("npm-1.4.1", None, {"$integer": "BwAAAAAAAAA="}),
        ("npm-1.4.1", "json", "7"),
        ("npm-0.19.1+build", None, {"$integer": "BwAAAAAAAAA="}),
        ("python-0.5.1", None, "7"),
        ("python-0.5.0", None, {"$integer": "BwAAAAAAAAA="}),
        ("python-convex-0.5.0", None, "7"),
        ("swift-0.0.1", None, "7"),
    ],
)
def test_the_form_of_the_answer(exchange: Any, client: str | None, format_: str | None, value: object) -> None:
    headers = {"convex-client": client} if client else {}
    answer = exchange.call("query", "values:echo", {"v": {"$integer": "BwAAAAAAAAA="}}, format=format_, **headers)
    assert answer["value"] == value


def test_a_query_by_get(exchange: Any) -> None:
    query = urlencode({"path": "values:echo", "args": json.dumps({"v": "é & x"})})
    assert exchange("GET", "/api/query", query=query).json == {"status": "success", "value": "é & x"}
    query = "path=values:echo&format=convex_encoded_json&args=" + quote('{"v":{"$bytes":"AQID"}}')
    assert exchange("GET", "/api/query", query=query).json["value"] == {"$bytes": "AQID"}
    mutation = urlencode({"path": "counter:inc", "args": "{}"})
    assert (
        "as Query, but it is defined as Mutation" in exchange("GET", "/api/query", query=mutation).json["errorMessage"]
    )


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "BadQueryArgs"),
        ("path=a:b", "BadQueryArgs"),
        ("args=%7B%7D", "BadQueryArgs"),
        ("path=a:b&args=%7B", "BadQueryArgs"),
        ("path=a:b&args=7", "BadQueryArgs"),
        ("path=a:b&args=%22%ff%22", "BadQueryArgs"),
        ("path=a:b&args=%7B%7D" + "&x=1" * 8, "BadQueryArgs"),
        ("path=a:b&args=%7B%7D&x=" + "1" * 65536, "BadQueryArgs"),
        ("path=a..b&args=%7B%7D", "BadConvexFunctionIdentifier"),
        ("path=a:b&args=%7B%7D&format=xml", "BadFormat"),
    ],
)
def test_a_bad_query_string(exchange: Any, query: str, code: str) -> None:
    reply = exchange("GET", "/api/query", query=query)
    assert (reply.status, reply.json["code"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", "BadJsonBody", "Failed to parse the request body as JSON: Expecting property name"),
        (b"\xff", "BadJsonBody", "Failed to parse the request body as JSON: The text is not UTF-8"),
        (
            b'{"path":"a:b","args":{"v":NaN}}',
            "BadJsonBody",
            "Failed to parse the request body as JSON: NaN is not JSON",
        ),
        (b"[" * 100_000, "BadJsonBody", "Failed to parse the request body as JSON: The JSON is too nested"),
        (b"[]", "BadJsonBody", "The request body must be a JSON object"),
        (b'{"args":{}}', "BadJsonBody", "Failed to deserialize the JSON body: `path` must be there, a string"),
        (b'{"path":7,"args":{}}', "BadJsonBody", "Failed to deserialize the JSON body: `path` must be there, a string"),
        (b'{"path":"a:b"}', "BadJsonBody", "Failed to deserialize the JSON body: `args` must be there, an object"),
        (
            b'{"path":"a:b","args":"{}"}',
            "BadJsonBody",
            "Failed to deserialize the JSON body: `args` must be there, an object",
        ),
        (b'{"path":"a:1","args":{}}', "BadConvexFunctionIdentifier", "'1' cannot name a function"),
        (b'{"path":"\\ud800:f","args":{}}', "BadConvexFunctionIdentifier", "'?' cannot name a module"),
        (
            b'{"path":"a:b","args":{},"format":"xml"}',
            "BadFormat",
            "format must be one of convex_encoded_json, convex_json, json, convex_clean_json",
        ),
        (b'{"path":"a:b","args":{},"format":["json"]}', "BadFormat", "format must be one of"),
    ],
)
def test_a_bad_body(exchange: Any, body: bytes, code: str, message: str) -> None:
    reply = exchange("POST", "/api/query", chunks=[body])
    assert (reply.status, reply.json["code"]) == (400, code)
    assert reply.json["message"].startswith(message)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/api/query", {"content-type": ""}, 400, "BadJsonBody"),
        ("POST", "/api/query", {"content-type": "text/plain"}, 400, "BadJsonBody"),
        ("POST", "/api/query", {"convex-client": "npm"}, 400, "InvalidClientVersion"),
        ("POST", "/api/query", {"convex-client": "npm-1.2"}, 400, "InvalidClientVersion"),
        ("POST", "/api/query", {"convex-client": "npm-1.2.3 "}, 400, "InvalidClientVersion"),
        ("POST", "/api/query", {"authorization": "Bearer bad"}, 401, "InvalidAuthHeader"),
        ("POST", "/api/query", {"authorization": "Bearer"}, 401, "InvalidAuthHeader"),
        ("POST", "/api/query", {"authorization": "Bearer  "}, 401, "InvalidAuthHeader"),
        ("POST", "/api/query", {"authorization": "Basic dTpw"}, 400, "InvalidAdminKey"),
        ("POST", "/api/query", {"authorization": ""}, 200, None),
        ("POST", "/api/query", {"authorization": "Convex key:eyJ9"}, 403, "BadDeployKey"),
        ("POST", "/api/query", {"authorization": "convex key"}, 403, "BadDeployKey"),
        ("POST", "/api/query", {"authorization": "Bearer broken"}, 500, "InternalServerError"),
        ("POST", "/api/query", {"authorization": "bEARER good"}, 200, None),
        ("POST", "/api/query", {"content-type": "Application/JSON; charset=utf-8"}, 200, None),
        ("POST", "/api/function", {}, 403, "BadDeployKey"),
        ("POST", "/api/run/counter", {}, 400, "MissingIdentifier"),
        ("POST", "/api/run//get", {}, 400, "BadConvexFunctionIdentifier"),
        ("POST", "/api/run/a:b/get", {}, 400, "BadConvexFunctionIdentifier"),
        ("POST", "/api/", {}, 404, "NotFound"),
        ("POST", "/api", {}, 404, "NotFound"),
        ("POST", "/query", {}, 404, "NotFound"),
        ("POST", "/api/query/", {}, 404, "NotFound"),
        ("POST", "/api/query_batch", {}, 404, "NotFound"),
        ("GET", "/api/nothing", {}, 404, "NotFound"),
        ("GET", "/api/mutation", {}, 405, "MethodNotAllowed"),
        ("GET", "/api/run/counter/get", {}, 405, "MethodNotAllowed"),
        ("PUT", "/api/query", {}, 405, "MethodNotAllowed"),
        ("HEAD", "/api/query", {}, 405, "MethodNotAllowed"),
    ],
)
def test_the_status_of_a_request(
    exchange: Any, *, method: str, path: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    reply = exchange(method, path, json_body=GET, headers=headers)
    assert (reply.status, reply.json.get("code")) == (status, code)


def test_a_method_that_is_not_allowed_says_which_are(exchange: Any) -> None:
    assert exchange("PUT", "/api/query").headers["allow"] == "GET, POST, OPTIONS"
    assert exchange("GET", "/api/action").headers["allow"] == "POST, OPTIONS"


def test_the_token_is_read_before_the_body(exchange: Any) -> None:
    reply = exchange("POST", "/api/query", chunks=[b"{", b"}"], headers={"authorization": "Bearer bad"})
    assert (reply.status, exchange.unread) == (401, 2)


def test_a_bearer_token_is_somebody(exchange: Any) -> None:
    somebody = exchange.call("query", "auth:whoami", {}, authorization="Bearer good")
    assert somebody["value"] == {"identity": "somebody", "ambient": {}}
    nobody = exchange.call("query", "auth:whoami", {"demoUserId": "admin"})
    assert nobody["value"] == {"identity": None, "ambient": {"demoUserId": "admin"}}


def test_an_unexpected_error_of_the_runtime_is_logged_without_its_text(
    exchange: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = exchange("POST", "/api/query", json_body=GET, headers={"authorization": "Bearer broken"})
    assert reply.json["message"] == "Your request couldn't be completed. Try again later."
    assert "error=RuntimeError at " in caplog.text
    assert "key store" not in caplog.text


def test_a_runtime_that_never_says_who_it_is_is_given_up(make_exchange: Any) -> None:
    reply = make_exchange(call_s=0.05)("POST", "/api/query", json_body=GET, headers={"authorization": "Bearer stuck"})
    assert (reply.status, reply.json["code"]) == (503, "SystemTimeoutError")


def test_overload_is_503(exchange: Any) -> None:
    reply = exchange("POST", "/api/query", json_body={"path": "errors:busy", "args": {}})
    assert (reply.status, reply.json) == (
        503,
        {"code": "Overloaded", "message": "The server is busy. Try again shortly."},
    )


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "mutation",
            "The function took too long. It was not stopped and may still take effect: look before you repeat it.",
        ),
        ("query", "The request took too long. Nothing was changed. Try again later."),
    ],
)
def test_a_function_that_takes_too_long_is_503(make_exchange: Any, runtime: Any, kind: str, message: str) -> None:
    exchange = make_exchange(call_s=0.05)

    async def story() -> Any:
        body = json.dumps({"path": f"slow:{kind}", "args": {}}).encode()
        reply = await exchange.exchange("POST", f"/api/{kind}", pieces=[body], headers={})
        runtime.may_end.set()
        if kind == "mutation":
            await asyncio.to_thread(runtime.ended.wait, 10)
        assert await exchange.app.aclose() == 0
        return reply

    reply = asyncio.run(story())
    assert (reply.status, reply.json) == (503, {"code": "SystemTimeoutError", "message": message})


# --- bodies -----------------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """A call of exactly ``size`` bytes."""
    body = json.dumps(GET).encode()
    return body + b" " * (size - len(body))


def test_a_body_up_to_the_limit_is_taken_in_any_pieces(make_exchange: Any) -> None:
    exchange = make_exchange(body_bytes=1000)
    whole = padded(1000)
    for pieces in ([whole], [whole[:999], whole[999:]], [whole[:10], b"", whole[10:], b""]):
        assert exchange("POST", "/api/query", chunks=pieces).status == 200


def test_a_body_over_the_limit_is_refused_whatever_was_declared(make_exchange: Any) -> None:
    exchange = make_exchange(body_bytes=1000)
    for pieces in ([padded(1001)], [padded(1000), b" "], [b" " * 600] * 3):
        reply = exchange("POST", "/api/query", chunks=pieces, headers={"content-length": "10"})
        assert (reply.status, reply.json) == (400, {"code": "BadJsonBody", "message": "The request body is too large"})
        assert reply.headers["connection"] == "close"
        assert exchange.unread == 0  # thrown away, so that the client sees the answer


def test_a_body_without_end_is_not_read_for_ever(make_exchange: Any) -> None:
    exchange = make_exchange(body_bytes=1000)
    assert exchange("POST", "/api/query", chunks=[b" " * 500] * 100).status == 400
    assert exchange.unread == 100 - 3 - 3  # three pieces went over the limit, three more were thrown away


@pytest.mark.parametrize("pieces", [(), (b"{",), (b" " * 1500,)])
def test_a_body_that_never_ends_times_out(make_exchange: Any, pieces: tuple[bytes, ...]) -> None:
    exchange = make_exchange(body_bytes=1000, body_s=0.05)
    reply = exchange("POST", "/api/query", chunks=exchange.hanging(*pieces))
    assert (reply.status, reply.json["code"]) == (408, "RequestTimeout")
    assert reply.headers["connection"] == "close"


def test_a_client_that_leaves_while_sending_gets_no_answer(make_exchange: Any) -> None:
    exchange = make_exchange(held_bytes=1000)
    assert exchange("POST", "/api/query", chunks=exchange.gone(b" " * 900)).status == 0
    assert exchange("POST", "/api/query", chunks=[padded(900)]).status == 200  # what it had sent is no longer held


def test_all_bodies_together_are_bounded(make_exchange: Any, runtime: Any) -> None:
    exchange = make_exchange(held_bytes=1000)
    slow = json.dumps({"path": "slow:mutation", "args": {}}).encode()

    async def story() -> list[int]:
        async def post(kind: str, body: bytes) -> int:
            reply = await exchange.exchange("POST", f"/api/{kind}", pieces=[body], headers={})
            return int(reply.status)

        holding = asyncio.create_task(post("mutation", slow + b" " * (600 - len(slow))))
        await asyncio.to_thread(runtime.began.wait, 10)
        refused = await post("query", padded(401))
        taken = await post("query", padded(400))
        runtime.may_end.set()
        return [refused, taken, await holding, await post("query", padded(1000))]

    assert asyncio.run(story()) == [503, 200, 200, 200]


# --- consistent queries -----------------------------------------------------------------------------------------------


def test_a_consistent_query_is_served_for_thirty_seconds(make_exchange: Any) -> None:
    now = 1_795_410_838_897_000_000
    clock = [now]
    exchange = make_exchange(now_ns=lambda: clock[0])
    given = exchange("POST", "/api/query_ts", headers={"content-type": ""}).json
    assert given == {"ts": timestamps.encode(now)}

    def at(later_ns: int) -> tuple[int, str | None]:
        clock[0] = now + later_ns
        reply = exchange("POST", "/api/query_at_ts", json_body={**GET, **given})
        return reply.status, reply.json.get("code")

    assert at(0) == (200, None)
    assert at(30_000_000_000) == (200, None)
    assert at(30_000_000_001) == (400, "BadTimestamp")
    assert at(-1) == (400, "BadTimestamp")


@pytest.mark.parametrize("ts", [None, 7, "", "soon", "AAAAAAAAAIA="])
def test_a_consistent_query_needs_a_timestamp(exchange: Any, ts: object) -> None:
    reply = exchange("POST", "/api/query_at_ts", json_body={**GET, "ts": ts})
    assert (reply.status, reply.json["code"]) == (400, "BadJsonBody")


def test_the_clock_is_the_real_one_by_default(exchange: Any) -> None:
    before = time.time_ns()
    given = timestamps.decode(exchange("POST", "/api/query_ts").json["ts"])
    assert before <= given <= time.time_ns()


def test_a_consistent_query_runs_only_queries(exchange: Any) -> None:
    ts = exchange("POST", "/api/query_ts").json["ts"]
    reply = exchange("POST", "/api/query_at_ts", json_body={"path": "counter:inc", "args": {}, "ts": ts})
    assert "as Query, but it is defined as Mutation" in reply.json["errorMessage"]


# --- CORS -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/query", "/api/mutation", "/api/run/counter/get", "/api/nothing"])
def test_a_preflight_allows_what_it_asks_for(exchange: Any, path: str) -> None:
    reply = exchange(
        "OPTIONS",
        path,
        headers={
            "origin": "http://localhost:5173",
            "access-control-request-method": "POST",
            "access-control-request-headers": "convex-client,content-type",
        },
    )
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers == {
        "cache-control": "no-store",
        "access-control-allow-origin": "http://localhost:5173",
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": "convex-client,content-type",
        "access-control-allow-methods": "GET, POST, OPTIONS, PATCH, DELETE, PUT",
        "access-control-max-age": "86400",
        "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/query", {}, 200),
        ("/api/nothing", {}, 404),
        ("/api/query", {"authorization": "Bearer bad"}, 401),
        ("/api/query", {"authorization": "Bearer broken"}, 500),
    ],
)
def test_a_page_of_any_origin_may_read_every_answer(
    exchange: Any, path: str, headers: dict[str, str], status: int
) -> None:
    reply = exchange("POST", path, json_body=GET, headers={"origin": "https://app.example", **headers})
    assert reply.status == status
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["vary"] == "Origin"


def test_without_an_origin_nothing_is_allowed(exchange: Any) -> None:
    reply = exchange("POST", "/api/query", json_body=GET)
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["vary"] == "Origin"


def test_a_cookie_is_nobody(exchange: Any) -> None:
    reply = exchange.call("query", "auth:whoami", {}, cookie="sessionid=good")
    assert reply["value"]["identity"] is None


def test_it_can_be_mounted_below_a_path(exchange: Any) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(GET).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/rufaa/api/query",
        "root_path": "/rufaa",
        "query_string": b"",
        "headers": [(b"Content-Type", b"application/json")],
    }
    asyncio.run(exchange.app(scope, receive, send))
    assert sent[0]["status"] == 200


def test_it_serves_http_alone(exchange: Any) -> None:
    with pytest.raises(TypeError, match="serves http, not websocket"):
        asyncio.run(exchange.app({"type": "websocket"}, None, None))
