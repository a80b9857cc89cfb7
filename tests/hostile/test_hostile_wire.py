"""The wire of the callback address: which requests are a callback, which are refused, and that nobody can hold it."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
import structlog

from hostile.wire import chunked, connected, exchange, heard, request, statuses, target
from rufaa.gateway.connections import HEAD_BYTES, Connection
from rufaa.ingest import endpoint
from rufaa.simulator.testing import RunningSimulator
from support import (
    RINGS,
    Running,
    Worker,
    World,
    post,
    requests_to,
    rows,
    running_gateway,
    snapshot,
    value,
    wait_until,
)

BODY = b'{"a":1}'
CHUNKED = "Transfer-Encoding: chunked"
LISTED = "196.201.214.200"


@pytest.fixture
def address(town: World, gateway: Running, worker: Worker) -> tuple[int, str]:
    """Port and path of a prompt that rings."""
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    return target(gateway.callback_url(prompt))


def stored() -> list[bytes]:
    return [bytes(row["body"]) for row in rows("SELECT body FROM inbox ORDER BY id")]


def outcomes(port: int, cases: dict[str, bytes]) -> dict[str, tuple[list[int], list[bytes]]]:
    """For each request: the statuses that came, and what the inbox got."""
    found = {}
    for what, data in cases.items():
        before = len(stored())
        answer = exchange(port, data)
        found[what] = (statuses(answer), stored()[before:])
    return found


STORED = ([200], [BODY])
REFUSED: tuple[list[int], list[bytes]] = ([400], [])
NOWHERE: tuple[list[int], list[bytes]] = ([404], [])
POST_ONLY: tuple[list[int], list[bytes]] = ([405], [])


def test_the_ways_to_say_how_long_a_body_is(address: tuple[int, str], books: None) -> None:
    """Two lengths, or one that is none, are never guessed: a proxy in front may have guessed otherwise."""
    port, path = address
    whole = chunked(BODY)
    cases = {
        "Content-Length": (request(path, BODY), STORED),
        "HTTP/1.0": (request(path, BODY, version="HTTP/1.0"), STORED),
        "chunked": (request(path, whole, CHUNKED, length=None), STORED),
        "in chunks of one byte": (
            request(path, chunked(*[BODY[at : at + 1] for at in range(len(BODY))]), CHUNKED, length=None),
            STORED,
        ),
        "chunked, a trailer": (
            request(path, chunked(BODY, trailer="X-Forwarded-For: 1.2.3.4\r\n"), CHUNKED, length=None),
            STORED,
        ),
        "chunked after a tab": (request(path, whole, "Transfer-Encoding:\tchunked", length=None), STORED),
        "gzip, then chunked": (request(path, whole, "Transfer-Encoding: gzip, chunked", length=None), STORED),
        "chunked, then Content-Length": (request(path, whole, CHUNKED), REFUSED),
        "Content-Length, then chunked": (request(path, whole, "Content-Length: 5", CHUNKED, length=None), REFUSED),
        "Content-Length twice": (request(path, BODY, "Content-Length: 7"), REFUSED),
        "Content-Length in two ways": (request(path, BODY, "Content-Length: 3"), REFUSED),
        "a list of lengths": (request(path, BODY, length="7, 7"), REFUSED),
        "a signed length": (request(path, BODY, length="+7"), REFUSED),
        "a length below zero": (request(path, BODY, length="-1"), REFUSED),
        "a hexadecimal length": (request(path, BODY, length="0x7"), REFUSED),
        "a length beyond 64 bits": (request(path, BODY, length="99999999999999999999"), REFUSED),
        "chunked, then gzip": (request(path, whole, "Transfer-Encoding: chunked, gzip", length=None), REFUSED),
        "chunked and identity": (request(path, whole, CHUNKED, "Transfer-Encoding: identity", length=None), REFUSED),
        "xchunked": (request(path, whole, "Transfer-Encoding: xchunked", length=None), REFUSED),
        "a space before the colon": (request(path, whole, "Transfer-Encoding : chunked", length=None), REFUSED),
        "a folded line": (request(path, whole, "Transfer-Encoding:\r\n chunked", length=None), REFUSED),
        "a chunk below zero": (request(path, b"-1\r\n\r\n", CHUNKED, length=None), REFUSED),
        "a chunk beyond 64 bits": (request(path, b"fffffffffffffffff\r\n", CHUNKED, length=None), REFUSED),
        "a chunk longer than it said": (request(path, b"3\r\n" + BODY, CHUNKED, length=None), REFUSED),
        "a second chunk that is none": (request(path, chunked(BODY)[:-5] + b"zz\r\n", CHUNKED, length=None), REFUSED),
        "no length": (request(path, b"", length=None), ([200], [b""])),
    }

    assert outcomes(port, {what: data for what, (data, _) in cases.items()}) == {
        what: outcome for what, (_, outcome) in cases.items()
    }


def test_methods_and_headers(address: tuple[int, str], books: None) -> None:
    port, path = address
    cases = {
        **{name: (request(path, BODY, method=name), POST_ONLY) for name in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")},
        **{name: (request(path, BODY, method=name), REFUSED) for name in ("post", "BREW", "POST\x00")},
        "no Content-Type": (request(path, BODY), STORED),
        "a wrong Content-Type": (request(path, BODY, "Content-Type: image/png; charset=utf-16"), STORED),
        "an unknown Content-Encoding": (request(path, BODY, "Content-Encoding: br"), STORED),
        "Expect: 100-continue": (request(path, BODY, "Expect: 100-continue"), ([100, 200], [BODY])),
        "Expect something else": (request(path, BODY, "Expect: 200-maybe"), STORED),
        **{
            f"Upgrade: {offer}": (
                request(path, BODY, "Connection: close, Upgrade, HTTP2-Settings", f"Upgrade: {offer}", last=False),
                STORED,
            )
            for offer in ("websocket", "h2c", "TLS/1.2, HTTP/1.1", "x" * 100)
        },
        "Upgrade, chunked": (
            request(path, chunked(BODY), "Connection: Upgrade", "Upgrade: h2c", CHUNKED, length=None),
            STORED,
        ),
        "Upgrade of GET": (request(path, BODY, "Connection: Upgrade", "Upgrade: h2c", method="GET"), POST_ONLY),
        "CONNECT": (request(path, BODY, method="CONNECT"), REFUSED),
        "8 KB of header": (request(path, BODY, f"X: {'y' * 8192}"), STORED),
        "a thousand headers": (request(path, BODY, *[f"X{number}: y" for number in range(1000)]), STORED),
        "too much header": (request(path, BODY, f"X: {'y' * HEAD_BYTES}"), ([431], [])),
        "too many headers": (request(path, BODY, *[f"X{number}: {'y' * 50}" for number in range(1000)]), ([431], [])),
        "NUL in a header": (request(path, BODY, "X: a\x00b"), REFUSED),
        "a line of LF alone": (request(path, BODY).replace(b"\r\n", b"\n"), REFUSED),
        "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50, REFUSED),
        "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
        "noise": (bytes(range(256)) * 4, REFUSED),
    }

    assert outcomes(port, {what: data for what, (data, _) in cases.items()}) == {
        what: outcome for what, (_, outcome) in cases.items()
    }


def test_an_offer_of_a_websocket_costs_no_body_where_there_are_websockets(
    address: tuple[int, str], monkeypatch: pytest.MonkeyPatch, books: None
) -> None:
    """One is opened by GET alone."""
    monkeypatch.setattr(Connection, "_should_upgrade_to_ws", lambda _: True)
    port, path = address
    offer = ("Connection: close, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")

    assert outcomes(port, {"POST": request(path, BODY, *offer, last=False)}) == {"POST": STORED}


def test_which_paths_are_the_prompts(address: tuple[int, str], books: None) -> None:
    """The path as it is once its percent signs are read, whatever stands before or behind it; no dots are followed."""
    port, path = address
    upper = "/h/" + path[3:].upper()
    cases = {
        "itself": (path, STORED),
        "with a query": (f"{path}?a=b", STORED),
        "with an empty query": (f"{path}?", STORED),
        "with a query of 8 KB": (f"{path}?{'x' * 8192}", STORED),
        "with a fragment": (f"{path}#x", STORED),
        "of another host": (f"http://elsewhere{path}", STORED),
        "%68 for h": (path.replace("/h/", "/%68/"), STORED),
        "%2f for the slash": (path.replace("/h/", "/h%2f"), STORED),
        "%2d for the dash": (path.replace("-", "%2d"), STORED),
        "%2D for the dash": (path.replace("-", "%2D"), STORED),
        "%XX for a digit": (f"/h/%{ord(path[3]):02x}{path[4:]}", STORED),
        "percent signs twice": (path.replace("-", "%252d"), NOWHERE),
        "a broken percent sign": (f"{path}%zz", NOWHERE),
        "upper case": (upper, NOWHERE),
        "upper-case h": (path.replace("/h/", "/H/"), NOWHERE),
        "a slash behind": (f"{path}/", NOWHERE),
        "a space behind": (f"{path}%20", NOWHERE),
        "NUL behind": (f"{path}%00", NOWHERE),
        "a newline behind": (f"{path}%0a", NOWHERE),
        "a parameter behind": (f"{path};x=1", NOWHERE),
        "two slashes before": (f"/{path}", NOWHERE),
        "a dot before": (f"/.{path}", NOWHERE),
        "%2e before": (f"/%2e{path}", NOWHERE),
        "up and down": (f"/x/..{path}", NOWHERE),
        "up and down in h": (f"/h/..{path}", NOWHERE),
        "a dot in h": (f"/h/.{path[2:]}", NOWHERE),
        "up and down, hidden": (f"/h/%2e%2e{path}", NOWHERE),
        "another dash": (path.replace("-", "%e2%80%90"), NOWHERE),
        "digits of another script": (path[:3] + "%d9%a0" + path[4:], NOWHERE),
        "a star": ("*", NOWHERE),
        "8 KB of path": (f"{path}{'0' * 8192}", NOWHERE),
        "no ASCII": (f"{path}\xff", REFUSED),
        "backslashes": (path.replace("/", "\\"), REFUSED),
        "too much path": (f"{path}?{'x' * HEAD_BYTES}", ([431], [])),
    }

    assert outcomes(port, {what: request(each, BODY) for what, (each, _) in cases.items()}) == {
        what: outcome for what, (_, outcome) in cases.items()
    }


def test_several_requests_on_one_connection(address: tuple[int, str], books: None) -> None:
    port, path = address
    one = request(path, BODY, last=False)
    cases = {
        "three at once": (one + one + request(path, BODY), ([200] * 3, [BODY] * 3)),
        "each with an offer of another protocol": (
            request(path, BODY, "Connection: Upgrade", "Upgrade: h2c", last=False) * 500 + request(path, BODY),
            ([200] * 501, [BODY] * 501),
        ),
        "a request in the body of an offer": (
            request(path, request(path, b"smuggled"), "Connection: close, Upgrade", "Upgrade: h2c", last=False),
            ([200], [request(path, b"smuggled")]),
        ),
        "one, then noise": (one + b"\x00noise\r\n\r\n", STORED),  # what was stored is answered 200 all the same
        "one, then too much header": (one + request(path, BODY, f"X: {'y' * HEAD_BYTES}"), STORED),
        "after a wrong secret": (request("/h/x", BODY, last=False) + one, NOWHERE),
        "after a body that nobody read": (request(path, one, method="PUT", last=False) + one, POST_ONLY),
        "in the body of a wrong secret": (request("/h/x", one, last=False), NOWHERE),
        "behind the length": (request(path, BODY + one, length="7", last=True), STORED),
    }

    found = outcomes(port, {what: data for what, (data, _) in cases.items()})

    wait_until(lambda: len(stored()) == 3 + 501 + 1 + 3, what="what was taken in")
    assert found == {what: outcome for what, (_, outcome) in cases.items()}


def test_half_a_body_is_no_report(address: tuple[int, str], books: None) -> None:
    port, path = address
    halves = {
        "of a length": request(path, BODY, length="700"),
        "of chunks": request(path, chunked(BODY)[:-5], CHUNKED, length=None),
        "of a head": request(path, BODY)[:20],
    }
    for half in halves.values():
        with connected(port) as connection:
            connection.sendall(half)
            connection.shutdown(socket.SHUT_WR)
            connection.close()

    assert statuses(exchange(port, request(path, BODY))) == [200]
    assert stored() == [BODY]


@pytest.mark.fault(22)
def test_ten_megabytes_in_chunks_are_refused(address: tuple[int, str], books: None) -> None:
    port, path = address
    part = b" " * 60_000
    endless = request(path, chunked(*[part] * 170), CHUNKED, length=None)

    with connected(port) as connection:
        with suppress(ConnectionError):  # it hangs up once it has seen too much
            connection.sendall(endless)
        assert statuses(heard(connection)) in ([413], [])

    assert stored() == []
    limit = endpoint.LIMIT_BYTES
    assert statuses(exchange(port, request(path, chunked(b" " * limit), CHUNKED, length=None))) == [200]
    assert statuses(exchange(port, request(path, chunked(b" " * limit, b" "), CHUNKED, length=None))) == [413]
    assert [len(body) for body in stored()] == [limit]


@pytest.mark.fault(17)
def test_a_flood_of_wrong_secrets_is_counted_and_leaves_no_trace(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, address: tuple[int, str], books: None
) -> None:
    port, path = address
    before, asked = snapshot(), len(requests_to(simulator, "/"))
    assert gateway.app._ingest is not None
    counted = gateway.app._ingest.counts["refused"]
    pipelined = [path[:-8] + f"{number:08x}" for number in range(2000)]

    with structlog.testing.capture_logs() as events, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda guess: statuses(exchange(port, request(guess, BODY))), pipelined))

    assert found == [[404]] * 2000
    assert gateway.app._ingest.counts["refused"] == counted + 2000
    assert len([event for event in events if event["event"] == "callback.refused"]) <= 12  # 1, 2, 4, 8, …
    worker.settle()
    worker.query()
    assert snapshot() == before
    assert len(requests_to(simulator, "/")) == asked


@pytest.mark.parametrize("trailer", ["", f"X-Forwarded-For: {LISTED}\r\n"], ids=["headers", "trailer"])
@pytest.mark.parametrize(
    ("proxies", "headers", "source"),
    [
        ("", [f"X-Forwarded-For: {LISTED}", f"Forwarded: for={LISTED}", f"X-Real-IP: {LISTED}"], "127.0.0.1"),
        ("127.0.0.1", [f"X-Forwarded-For: {LISTED}, 10.0.0.1"], "10.0.0.1"),
        ("127.0.0.1", [f"X-Forwarded-For: {LISTED}", "X-Forwarded-For: 10.0.0.1"], "10.0.0.1"),
        ("127.0.0.1", [f"X-Forwarded-For: {LISTED}", "X-Forwarded-For: no address"], "no address"),
        ("127.0.0.1", [f"X-Forwarded-For: {LISTED}", "X-Forwarded-For: 10.0.0.1, 127.0.0.1"], "10.0.0.1"),
    ],
)
def test_a_forged_source_is_not_believed(
    town: World, database: str, proxies: str, headers: list[str], source: str, trailer: str
) -> None:
    """Nor one in a trailer, which comes after the headers that a proxy has set."""
    _, prompt = town.prompted(RINGS)
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES=LISTED, RUFAA_TRUSTED_PROXIES=proxies) as gateway:
        port, path = target(gateway.callback_url(prompt))
        body = chunked(BODY, trailer=trailer)
        assert statuses(exchange(port, request(path, body, CHUNKED, *headers, length=None))) == [200]

    assert rows("SELECT source, trusted FROM inbox") == [{"source": source, "trusted": False}]


# --- whoever is slow -----------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines of ten seconds shortened to half of one."""
    assert (Connection.head_s, endpoint.BODY_S, Connection.request_s) == (10.0, 10.0, 60.0)
    monkeypatch.setattr(Connection, "head_s", 0.5)
    monkeypatch.setattr(endpoint, "BODY_S", 0.5)


def dribbled(connection: socket.socket, data: bytes) -> bytes:
    """Send one byte at a time, each too soon for a pause to be noticed, until the other side closes."""
    connection.settimeout(0.1)
    came = b""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            part = connection.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return came + heard(connection)  # what it said before it closed
        if not part:
            return came
        came += part
    raise AssertionError(f"still open after {len(data)} bytes")


@pytest.mark.fault(22)
@pytest.mark.parametrize(
    ("what", "status"),
    [
        *[(what, [408]) for what in ("nothing", "head", "empty lines", "body", "chunks")],
        *[(what, [200]) for what in ("later", "empty lines later")],
    ],
)
def test_a_slow_sender_is_closed_within_its_deadline(
    impatient: None, address: tuple[int, str], what: str, status: list[int], books: None
) -> None:
    port, path = address
    whole = request(path, BODY, last=False)
    with connected(port) as connection:
        began = time.monotonic()
        match what:
            case "nothing":
                came = heard(connection)
            case "head":
                came = dribbled(connection, request(path, BODY, "X: " + "y" * 100))
            case "empty lines":
                came = dribbled(connection, b"\r\n" * 50)
            case "body":
                connection.sendall(request(path, b"", length="1000"))
                came = dribbled(connection, b" " * 100)
            case "chunks":
                connection.sendall(request(path, b"", CHUNKED, length=None))
                came = dribbled(connection, b"1\r\n \r\n" * 20)
            case "later":  # a whole request, and then a second one that never ends
                connection.sendall(whole)
                came = connection.recv(65536) + dribbled(connection, request(path, BODY, "X: " + "y" * 100))
            case "empty lines later":
                connection.sendall(whole)
                came = connection.recv(65536) + dribbled(connection, b"\r\n" * 50)
        took = time.monotonic() - began

    assert statuses(came)[:1] == status
    assert statuses(came)[1:] in ([], [408])
    assert 0.3 < took < 10
    assert stored() == ([BODY] if what.endswith("later") else [])


def test_a_body_that_nobody_times_is_closed_within_its_deadline(
    address: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it may have all the time in the world: half a minute for the function API."""
    monkeypatch.setattr(Connection, "request_s", 0.5)
    port, _ = address
    with connected(port) as connection:
        connection.sendall(request("/api/query", b"", "Content-Type: application/json", length="1000"))
        began = time.monotonic()
        assert dribbled(connection, b" " * 100) == b""
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("what", ["head", "trailer", "chunk extension", "trailers"])
def test_a_head_or_a_framing_without_end_is_cut_off(address: tuple[int, str], what: str, books: None) -> None:
    """Nothing would count it: it is no body."""
    port, path = address
    begin = {
        "head": request(path, b"", "X: ")[: -len("\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")],
        "trailer": request(path, b"1\r\n \r\n0\r\nX: ", CHUNKED, length=None),
        "chunk extension": request(path, b"1;x=", CHUNKED, length=None),
        "trailers": request(path, b"1\r\n \r\n0\r\n", CHUNKED, length=None),
    }[what]
    more = b"X: y\r\n" * 10_000 if what == "trailers" else b"y" * 60_000

    with connected(port) as connection:
        sent = 0
        try:
            connection.sendall(begin)
            while sent < 100_000_000:
                connection.sendall(more)
                sent += len(more)
        except ConnectionError:
            pass

    assert sent < 30_000_000  # what the kernels' buffers hold, and no more
    assert stored() == []


def test_two_hundred_slow_senders_do_not_stop_an_honest_one(address: tuple[int, str], books: None) -> None:
    port, path = address
    with ExitStack() as stack:
        began = time.monotonic()
        for number in range(200):
            slow = stack.enter_context(connected(port))
            slow.sendall(request(path, b"{" * 1000, length="1001") if number % 2 else b"POST /h/x HTTP/1.1\r\nX: ")

        assert [post(f"http://127.0.0.1:{port}{path}", BODY).status for _ in range(20)] == [200] * 20
        assert time.monotonic() - began < Connection.head_s  # nobody waited for their end

    assert stored() == [BODY] * 20


def test_where_connections_run_out_those_that_say_nothing_make_room(
    monkeypatch: pytest.MonkeyPatch, address: tuple[int, str], gateway: Running, books: None
) -> None:
    port, path = address
    wait_until(lambda: statuses(exchange(port, request("/h/x"))) == [404], what="an answer")
    monkeypatch.setattr(Connection, "most", 20)
    ingest = gateway.app._ingest
    assert ingest is not None
    with ExitStack() as stack:
        working = stack.enter_context(connected(port))
        working.sendall(request(path, BODY[:1], length=str(len(BODY))))  # the first of all
        wait_until(lambda: ingest._reading == 1, what="the reading of its one byte")
        silent = [stack.enter_context(connected(port)) for _ in range(40)]

        assert post(f"http://127.0.0.1:{port}{path}", BODY).status == 200

        working.sendall(BODY[1:])
        assert statuses(heard(working)) == [200]
        assert heard(silent[0]) == b""  # long closed
    assert stored() == [BODY, BODY]


def test_too_many_bodies_at_once_are_refused_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, address: tuple[int, str], books: None
) -> None:
    port, path = address
    assert endpoint.READING_BYTES == 16 * 1024 * 1024
    monkeypatch.setattr(endpoint, "READING_BYTES", 100_000)
    half = request(path, b" " * 40_000, length="41000")
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(3)]
        for each in slow:
            each.sendall(half)
        # the third that is read finds no room; which it is, nobody can say
        wait_until(lambda: refused(slow) == 1, what="the refusal")
        assert post(f"http://127.0.0.1:{port}{path}", BODY).status == 200
        open_ones = [each for each in slow if not closed(each)]
        for each in open_ones:
            each.sendall(b" " * 1000)
            assert statuses(heard(each)) == [200]
    assert sorted(len(body) for body in stored()) == [7, 41_000, 41_000]
    assert statuses(exchange(port, request(path, b" " * 60_000))) == [200]  # what was held is given back
    assert value("SELECT count(*) FROM inbox") == 4


def closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b"-"
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(30)


def refused(connections: list[socket.socket]) -> int:
    return sum(closed(each) for each in connections)
