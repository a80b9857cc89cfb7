"""``/healthz`` and ``/readyz``: each check fails alone, by name, and only where it should."""

from __future__ import annotations

import os
import signal
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from ports import free_port
from rufaa.cli.monitor import Rounds
from rufaa.gateway import app
from rufaa.gateway.vitals import STATE_KEPT_S
from support import Answer, Running, execute, post, rows, running_gateway, value, wait_until

GATEWAY = ["database", "parts", "writable", "migrations", "listening", "callbacks", "stopping"]


def look(url: str) -> tuple[int, dict[str, str]]:
    """The status, and what is wrong by name of the check; empty: nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            answer = Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            answer = Answer(error.code, error.read())
    checks: dict[str, Any] = answer.json["checks"]
    assert all(each["ok"] is (each["why"] == "") for each in checks.values())
    assert (answer.json["status"] == "ok") is (answer.status == 200)
    return answer.status, {name: each["why"] for name, each in checks.items()}


def wrong(url: str) -> dict[str, str]:
    return {name: why for name, why in look(url)[1].items() if why}


def test_all_is_well(gateway: Running) -> None:
    wait_until(lambda: look(f"{gateway.url}/readyz") == (200, dict.fromkeys(GATEWAY, "")), what="readiness")
    assert look(f"{gateway.url}/healthz") == (200, {"database": "", "parts": ""})


def test_without_a_database_it_is_neither_healthy_nor_ready() -> None:
    with running_gateway(f"postgresql://rufaa@127.0.0.1:{free_port()}/rufaa") as gateway:
        assert look(f"{gateway.url}/healthz") == (503, {"database": "ConnectionRefusedError", "parts": ""})
        assert wrong(f"{gateway.url}/readyz") == {
            "database": "ConnectionRefusedError",
            "writable": "not known",
            "migrations": "not known",
            "listening": "not connected for notifications",
        }


def test_a_database_that_freezes_holds_nobody_up(database: str, gateway: Running) -> None:
    """Its sockets stay open, and nothing ever comes."""
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")
    ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'rufaa vitals' AND datname = current_database()"
    pids = [int(row["pid"]) for row in rows(ours)]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        wait_until(lambda: wrong(f"{gateway.url}/healthz") == {"database": "TimeoutError"}, what="the check")
        assert time.monotonic() - began < 15  # two answers and a bit, on a busy machine
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")


def test_a_database_that_takes_no_writes_is_healthy_and_not_ready(database: str) -> None:
    separator = "&" if "?" in database else "?"
    with running_gateway(f"{database}{separator}options=-c%20default_transaction_read_only%3Don") as gateway:
        wait_until(lambda: "listening" not in wrong(f"{gateway.url}/readyz"), what="listening")
        assert wrong(f"{gateway.url}/readyz") == {"writable": "the database takes no writes: a replica, or read-only"}
        assert look(f"{gateway.url}/readyz")[0] == 503
        assert look(f"{gateway.url}/healthz")[0] == 200


def test_a_missing_migration_is_counted(database: str, gateway: Running) -> None:
    (last,) = rows("SELECT * FROM django_migrations WHERE app = 'payments' ORDER BY id DESC LIMIT 1")
    execute("DELETE FROM django_migrations WHERE id = %(id)s", id=last["id"])
    try:
        wait_until(
            lambda: wrong(f"{gateway.url}/readyz") == {"migrations": "1 missing: run rufaa migrate"}, what="the check"
        )
        assert look(f"{gateway.url}/healthz")[0] == 200
    finally:
        execute(
            "INSERT INTO django_migrations (id, app, name, applied) VALUES (%(id)s, %(app)s, %(name)s, %(applied)s)",
            **last,
        )
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")


@pytest.mark.fault(35)
def test_a_newer_database_is_ready(database: str, gateway: Running) -> None:
    execute("INSERT INTO django_migrations (app, name, applied) VALUES ('payments', '9999_newer', now())")
    try:
        wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")
    finally:
        execute("DELETE FROM django_migrations WHERE name = '9999_newer'")


def test_a_database_without_tables_is_not_ready(database: str) -> None:
    execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    try:
        with running_gateway(database) as gateway:
            wait_until(
                lambda: "missing: run rufaa migrate" in wrong(f"{gateway.url}/readyz").get("migrations", ""),
                what="the check",
            )
    finally:
        execute("ALTER TABLE elsewhere RENAME TO django_migrations")


def test_who_does_not_hear_is_healthy_and_not_ready(database: str, gateway: Running) -> None:
    """Its listening connection is ended again and again, so that it never hears for long."""
    ended = threading.Event()

    def end_listeners() -> None:
        with psycopg.connect(database, autocommit=True) as admin:
            while not ended.is_set():
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")

    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(end_listeners)
        try:
            wait_until(
                lambda: wrong(f"{gateway.url}/readyz") == {"listening": "not connected for notifications"},
                what="the check",
            )
            assert look(f"{gateway.url}/healthz")[0] == 200
        finally:
            ended.set()
        ending.result()
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")


def test_callbacks_that_pile_up_turn_traffic_away(
    database: str, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BEHIND", 2)
    with ThreadPoolExecutor(4) as pool, held(database, "inbox"):
        first = pool.submit(post, gateway.callback_url(uuid.uuid4()), b"{}")
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%inbox%%'"
        wait_until(lambda: value(waiting) == 1, what="the first batch")
        others = [pool.submit(post, gateway.callback_url(uuid.uuid4()), b"{}") for _ in range(2)]
        wait_until(lambda: wrong(f"{gateway.url}/readyz") == {"callbacks": "2 wait to be stored"}, what="the check")
        assert look(f"{gateway.url}/healthz")[0] == 200
    assert [each.result().status for each in (first, *others)] == [200, 200, 200]
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")


@contextmanager
def held(database: str, table: str) -> Iterator[None]:
    with psycopg.connect(database) as holder:
        holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_part_that_has_ended_is_unhealthy(gateway: Running) -> None:
    task = gateway.app._parts[0]
    task.get_loop().call_soon_threadsafe(task.cancel)

    wait_until(
        lambda: look(f"{gateway.url}/healthz") == (503, {"database": "", "parts": "a part has ended"}), what="the check"
    )


def test_a_flood_of_questions_is_no_flood_of_queries(database: str, gateway: Running) -> None:
    reads: list[int] = []
    state = gateway.app._vitals._state
    read = state._read

    async def counted() -> Any:
        reads.append(1)
        return await read()

    assert state._for_s == STATE_KEPT_S == 0.5
    state._read, state._for_s, state._held = counted, 3600, None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: look(f"{gateway.url}/healthz")[0], range(200)))

    assert answers == [200] * 200
    assert reads == [1]


@pytest.mark.fault(37)
def test_a_loop_of_a_worker_is_in_trouble_once_it_exceeds_its_bound() -> None:
    now = [100.0]
    rounds = Rounds({"settle": 60.0, "query": 180.0}, now=lambda: now[0])

    now[0] = 160.0
    assert rounds.trouble("settle") == ""
    now[0] = 161.0
    assert (rounds.trouble("settle"), rounds.trouble("query")) == ("no round for 61 s", "")
    rounds.done("settle")
    assert rounds.trouble("settle") == ""
    with pytest.raises(KeyError):
        rounds.done("a loop that nobody watches")
