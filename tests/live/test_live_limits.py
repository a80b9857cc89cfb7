"""Who says too much, or nothing, or nonsense: the error or the close that is documented, and nobody else disturbed."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from live.raw import SESSION, Raw, deaf, raw
from rufaa.gateway.connections import Connection
from rufaa.gateway.sockets import FRAME_BYTES, Socket
from support import Running, World, running_gateway, value, wait_until

GET = {"udfPath": "referrals:getPendingReferrals", "args": [{"demoUserId": "admin"}]}


@pytest.fixture
def neighbour(gateway: Running, world: World) -> Iterator[Raw]:
    """Somebody who watches a list all the while, and sees the next referral when all is over."""
    with raw(gateway.url) as other:
        other.hello(session=str(uuid.uuid4()))
        other.modify(1, {"type": "Add", "queryId": 0, **GET})
        while not other.hear_until("Transition")["modifications"]:
            pass
        yield other
        world.referral()
        gateway.do("mutation", "referrals:createReferral", created(world))
        told = other.hear_until("Transition")
        assert [each["queryId"] for each in told["modifications"]] == [0]


class Gate:
    """Holds every transaction that writes a record of a mutation."""

    def __init__(self, database: str) -> None:
        self._database = database

    @contextmanager
    def hold(self) -> Iterator[None]:
        with psycopg.connect(self._database) as holder:
            holder.execute("LOCK TABLE mutation_record IN EXCLUSIVE MODE")
            yield

    def until_one_waits(self) -> None:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_until(lambda: value(waiting) == 1, what="a transaction that waits")


@pytest.fixture
def gate(database: str) -> Gate:
    return Gate(database)


def created(world: World, by: str = "physician") -> dict[str, Any]:
    return {
        "patientName": "Jane Wafula",
        "receivingFacility": world.tumaini.name,
        "priority": "Routine",
        "medicalHistory": "none",
        "labResults": "none",
        "diagnosis": "fracture",
        "demoUserId": by,
    }


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"type":"Nonsense"}', '{"type":"Connect","sessionId":"x"}', "NaN", '{"type":"Mutation"}', "\x00"],
)
def test_nonsense_is_a_fatal_error_and_a_close(gateway: Running, neighbour: Raw, text: str) -> None:
    with raw(gateway.url) as client:
        client.connection.send(text)
        heard, closed = client.rest()
    assert [each["type"] for each in heard] == ["FatalError"]
    assert closed == (1000, "")


def test_a_binary_frame_is_a_fatal_error(gateway: Running, neighbour: Raw) -> None:
    with raw(gateway.url) as client:
        client.connection.send(b"{}")
        heard, closed = client.rest()
    assert [each["type"] for each in heard] == ["FatalError"]
    assert closed == (1000, "")


def test_text_that_is_no_unicode_is_closed_as_such(gateway: Running, neighbour: Raw) -> None:
    with raw(gateway.url) as client:
        client.connection.send(b"\xff\xfe", text=True)
        assert client.rest() == ([], (1007, ""))


@pytest.mark.parametrize("path", ["/api/sync/", "/api/x/sync", "/api/1.2.3/4/sync", "/sync", "/h/x", "/"])
def test_there_is_no_socket_elsewhere(gateway: Running, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, raw(gateway.url, path):
        pass
    assert refused.value.response.status_code == 403


def test_a_mutation_of_ten_megabytes_is_answered(gateway: Running, neighbour: Raw, world: World) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.mutate(0, "referrals:createReferral", **created(world), patientId="x" * 10_000_000)
        answer = client.hear_until("MutationResponse")
        client.hear_until("Transition")

    assert answer["requestId"] == 0


def test_a_mutation_with_too_many_values_ends_it_before_they_are_read(gateway: Running, neighbour: Raw) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.connection.send(
            '{"type":"Mutation","requestId":0,"udfPath":"a:b","args":[{"x":[' + "[]," * 200_000 + "[]]}]}"
        )
        heard, closed = client.rest()
    assert heard[-1]["type"] == "FatalError"
    assert "more than 250000" in heard[-1]["error"]
    assert closed == (1000, "")


def test_a_frame_that_is_too_large_for_ever_is_said_to_be(gateway: Running, neighbour: Raw) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.hear_until("Transition")
        with suppress(ConnectionClosed):
            client.connection.send("x" * (FRAME_BYTES + 1))
        heard, (code, _) = client.rest()
    assert [each["type"] for each in heard] == ["FatalError"]
    assert heard[0]["error"] == f"A message has at most {FRAME_BYTES} bytes"
    assert code == 1009


def test_ten_thousand_queries_in_one_set_are_a_fatal_error(gateway: Running, neighbour: Raw) -> None:
    adds = [
        {"type": "Add", "queryId": query, "udfPath": "referrals:getReferral", "args": [{"referralId": f"{query}"}]}
        for query in range(10_000)
    ]
    with raw(gateway.url) as client:
        client.hello()
        client.modify(1, *adds)
        heard, closed = client.rest()
    assert heard[-1]["type"] == "FatalError"
    assert heard[-1]["error"] == "A connection watches at most 1000 queries at once"
    assert closed == (1000, "")
    wait_until(lambda: gateway.app.sync.watches == 1, what="only the neighbour's watch")


def test_a_flood_of_mutations_is_closed_for_now_and_what_was_begun_is_done_once(
    gateway: Running, neighbour: Raw, world: World
) -> None:
    with raw(gateway.url) as client:
        client.hello()
        with ThreadPoolExecutor(1) as pool:
            hearing = pool.submit(client.rest)  # meanwhile: who hears nothing may miss why the line was closed
            with suppress(ConnectionClosed):
                for request in range(5000):
                    client.mutate(request, "referrals:createReferral", **created(world))
            heard, closed = hearing.result()
    assert closed == (1013, "TooManyConcurrentMutations")
    answered = [each for each in heard if each["type"] == "MutationResponse"]
    wait_until(lambda: gateway.app.sync.held_bytes == 0, what="nothing is held")
    assert len(answered) <= int(value("SELECT count(*) FROM referral")) <= len(answered) + 1


def test_frames_that_wait_are_bounded_over_all_connections(
    gateway: Running, neighbour: Raw, world: World, database: str
) -> None:
    """No mutation ends before somebody was sent away: a table that all of them write is held until then."""
    sync = gateway.app.sync
    sync.limits = replace(sync.limits, held_bytes=1_000_000)
    with ExitStack() as stack:
        holder = stack.enter_context(psycopg.connect(database))
        holder.execute("LOCK TABLE particulars IN EXCLUSIVE MODE")
        clients = [stack.enter_context(raw(gateway.url)) for _ in range(4)]
        for client in clients:
            client.hello(session=str(uuid.uuid4()))
            with suppress(ConnectionClosed):  # sent away before it has said all
                for request in range(4):
                    client.mutate(request, "referrals:createReferral", **created(world), patientId="x" * 200_000)
        wait_until(lambda: any(client.closed for client in clients), what="one that is sent away")
        holder.rollback()
        ends = {end_of(client) for client in clients}
        assert ends <= {"answered", "TooManyConcurrentRequests"}
        assert "TooManyConcurrentRequests" in ends
        assert sync.held_bytes <= 2_000_000


def end_of(client: Raw) -> str:
    """Whether it was answered, or why it was closed."""
    try:
        client.hear_until("MutationResponse")
    except ConnectionClosed as closed:
        return closed.rcvd.reason if closed.rcvd is not None else "lost"
    return "answered"


def test_who_does_not_read_is_cut_off_and_costs_one_transition(
    gateway: Running, neighbour: Raw, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Socket, "silent_s", 0.5)
    for _ in range(50):
        world.referral()
    theirs = GET | {"args": [{"demoUserId": "second-admin"}]}
    hello = {"type": "Connect", "sessionId": SESSION, "connectionCount": 0, "lastCloseReason": "InitialConnect"}
    queries = {
        "type": "ModifyQuerySet",
        "baseVersion": 0,
        "newVersion": 1,
        "modifications": [{"type": "Add", "queryId": query, **theirs} for query in range(1000)],
    }

    with deaf(gateway.url, hello, queries):
        wait_until(lambda: bool(piled_up(gateway)), what="messages that nobody reads")
        (full,) = piled_up(gateway)
        for _ in range(3):
            gateway.do("mutation", "referrals:createReferral", created(world))
            neighbour.hear_until("Transition")
        assert full.transport.get_write_buffer_size() < 40_000_000
        full.ping_timeout = 0.5
        full.loop.call_soon_threadsafe(full.send_keepalive_ping)
        wait_until(lambda: gateway.app.sync.connections == 1, what="the cut")
    wait_until(lambda: gateway.app.sync.watches == 1, what="only the neighbour's watch")


def piled_up(gateway: Running) -> list[Socket]:
    sockets = [each for each in gateway.server.server_state.connections if isinstance(each, Socket)]
    return [each for each in sockets if each.transport.get_write_buffer_size() > 100_000]


def test_silence_is_broken_by_a_ping_for_the_npm_client(gateway: Running, world: World) -> None:
    sync = gateway.app.sync
    sync.limits = replace(sync.limits, ping_s=0.3)
    with raw(gateway.url) as client:
        client.hello()
        client.hear_until("Transition")
        for _ in range(3):
            client.say(type="Event", eventType="ClientConnect", event=[])
            assert client.hear() == {"type": "Ping"}


def test_one_too_many_connections_is_sent_away_unless_somebody_has_said_nothing_yet(
    gateway: Running, world: World
) -> None:
    sync = gateway.app.sync
    sync.limits = replace(sync.limits, connections=2)
    with raw(gateway.url) as first, raw(gateway.url) as silent:
        first.hello()
        first.hear_until("Transition")
        wait_until(lambda: sync.connections == 2)
        with raw(gateway.url) as third:
            third.hello()
            assert silent.rest() == ([], (1013, "TooManyConcurrentRequests"))
            third.hear_until("Transition")
            with raw(gateway.url) as fourth:
                assert fourth.rest() == ([], (1013, "TooManyConcurrentRequests"))
            first.mutate(0, "no:such")
            first.hear_until("MutationResponse")


def test_open_screens_are_counted(database: str, world: World) -> None:
    token = "a-token-of-the-tests-that-is-long-enough"
    with running_gateway(database, RUFAA_METRICS_TOKEN=token) as running, raw(running.url) as client:
        client.hello()
        client.modify(1, *({"type": "Add", "queryId": query, **GET} for query in range(3)))
        while not client.hear_until("Transition")["modifications"]:
            pass
        request = urllib.request.Request(f"{running.url}/metrics", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as response:
            told = response.read().decode()
    assert "\nrufaa_sync_connections 1.0\n" in told
    assert "\nrufaa_sync_watches 3.0\n" in told


def test_screens_leave_connections_to_callbacks(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "most", 8)
    with running_gateway(database) as running:
        assert running.app.sync.limits.connections == 6


def test_a_fault_of_ours_closes_the_socket_as_such(
    gateway: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with raw(gateway.url) as client:
        client.hello()
        client.hear_until("Transition")
        monkeypatch.setattr("rufaa.sync.connection.Connection.receive", broken)
        client.mutate(0, "no:such")
        assert client.rest() == ([], (1011, "InternalServerError"))


def test_mutations_that_wait_are_not_begun_once_their_client_is_gone(
    gateway: Running, world: World, gate: Gate
) -> None:
    with gate.hold(), raw(gateway.url) as client:
        client.hello()
        for request in range(20):
            client.mutate(request, "referrals:createReferral", **created(world))
        gate.until_one_waits()
        client.connection.socket.close()
        wait_until(lambda: gateway.app.sync.connections == 0, what="the end of the connection")
    wait_until(lambda: value("SELECT count(*) FROM mutation_record") == 1, what="the one that was begun")
    assert gateway.app.sync.held_bytes == 0
    with raw(gateway.url) as other:
        other.hello(session=str(uuid.uuid4()))
        other.mutate(0, "referrals:createReferral", **created(world))
        other.hear_until("MutationResponse")
    assert value("SELECT count(*) FROM referral") == 2


def test_too_many_watches_close_it_with_a_name_that_npm_waits_longer_for(gateway: Running, world: World) -> None:
    sync = gateway.app.sync
    sync.limits = replace(sync.limits, watches=2)
    with raw(gateway.url) as client:
        client.hello()
        client.modify(1, *({"type": "Add", "queryId": query, **GET} for query in range(3)))
        assert client.rest()[1] == (1013, "SubscriptionsWorkerFullError")
    wait_until(lambda: sync.watches == 0)


def test_a_gateway_that_stops_says_that_it_restarts(database: str) -> None:
    with ExitStack() as stack, running_gateway(database) as running:
        client = stack.enter_context(raw(running.url))
        client.hello()
        client.hear_until("Transition")
        running.server.should_exit = True
        assert client.rest()[1][0] == 1012


def test_a_mutation_whose_session_and_number_are_taken_runs_nothing(gateway: Running, world: World) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.mutate(0, "referrals:createReferral", **created(world))
        first = client.hear_until("MutationResponse")
        client.hear_until("Transition")
        client.mutate(0, "referrals:createReferral", **created(world))
        again = client.hear_until("MutationResponse")
        client.hear_until("Transition")
        client.mutate(0, "referrals:createReferral", **created(world, by="admin"))
        other = client.hear_until("MutationResponse")
        assert client.hear_until("Transition")["modifications"] == []

    assert first["success"]
    assert again == first
    assert (other["success"], other["errorData"]["code"]) == (False, "request-taken")
    assert value("SELECT count(*) FROM referral") == 1


@pytest.mark.parametrize("args", ["\ud800", "\x00", {"$integer": "x"}, {"$set": []}, "x" * 200])
def test_a_mutation_is_answered_whatever_is_in_it(gateway: Running, world: World, args: object) -> None:
    with raw(gateway.url) as client:
        client.hello()
        asked = {**created(world), "patientName": args, "receivingFacility": "nowhere"}
        client.connection.send(
            json.dumps({"type": "Mutation", "requestId": 7, "udfPath": "referrals:createReferral", "args": [asked]})
        )
        answer = client.hear_until("MutationResponse")
        client.hear_until("Transition")
    assert (answer["requestId"], answer["success"]) == (7, False)
    assert value("SELECT count(*) FROM referral") == 0
