"""Health of real processes: a gateway that is told to stop, and a worker's own port."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from crashes.conftest import Roles, database_url, roles
from observability.scraping import TOKEN, samples, scrape
from observability.test_health import look, wrong
from ports import free_port
from support import execute, wait_until

__all__ = ["database_url", "roles"]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())


def refused(url: str) -> bool:
    try:
        get(url)
    except ConnectionRefusedError:
        return True
    except OSError as error:
        return isinstance(getattr(error, "reason", None), ConnectionRefusedError)
    return False


def test_a_gateway_that_is_told_to_stop_says_so_before_it_refuses(database: str, roles: Roles) -> None:
    gateway = roles.start("gateway", RUFAA_DRAIN_S="10")
    wait_until(lambda: look(f"{gateway.url}/readyz")[0] == 200, what="readiness")
    get(gateway.url)  # the first page takes longest

    gateway.process.terminate()

    wait_until(lambda: wrong(f"{gateway.url}/readyz") == {"stopping": "told to stop"}, what="the check")
    assert look(f"{gateway.url}/healthz")[0] == 200
    assert "Rufaa" in get(gateway.url)  # whoever comes late is served
    gateway.process.wait(60)
    assert refused(gateway.url)


def test_a_second_signal_hurries(database: str, roles: Roles) -> None:
    gateway = roles.start("gateway", RUFAA_DRAIN_S="60")
    gateway.process.terminate()
    wait_until(lambda: wrong(f"{gateway.url}/readyz").get("stopping") == "told to stop", what="the check")

    gateway.process.terminate()

    gateway.process.wait(15)


def test_a_worker_shows_how_it_is_where_it_was_told_to(database: str, roles: Roles) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    worker = roles.start("worker", RUFAA_WORKER_METRICS_PORT=str(port))
    wait_until(lambda: not refused(url) and look(f"{url}/readyz")[0] == 200, what="the worker's readiness")

    loops = dict.fromkeys(
        ("settle", "dispatch", "query", "stray", "order", "pull", "book", "tell", "seal", "check"), ""
    )
    assert look(f"{url}/healthz") == (200, {"database": "", **loops})
    ready = dict.fromkeys(("writable", "migrations", "listening", "stopping"), "")
    assert look(f"{url}/readyz") == (200, {"database": "", **loops, **ready})
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES ('stk', gen_random_uuid(), 'x', true, 'no report')"
    )
    execute("NOTIFY rufaa_work")

    def settled() -> bool:
        return samples(get(f"{url}/metrics"))["rufaa_callbacks_settled_total{verdict=malformed}"] == 1

    def without_a_round() -> list[str]:
        found = samples(get(f"{url}/metrics"))
        return [loop for loop in loops if not found[f"rufaa_worker_rounds_total{{loop={loop},result=done}}"]]

    wait_until(settled, what="the settled callback")
    wait_until(lambda: not without_a_round(), what="a round of each loop")  # each begins by itself
    found = samples(get(f"{url}/metrics"))
    for loop in loops:
        assert found[f"rufaa_worker_last_round_timestamp_seconds{{loop={loop}}}"] > 1e9
    assert found["rufaa_database_up"] == 1
    worker.process.terminate()
    assert worker.process.wait(15) == 0
    assert refused(url)


def test_a_round_that_fails_is_counted(database: str, roles: Roles) -> None:
    port = free_port()
    execute("ALTER TABLE inbox RENAME TO elsewhere")
    try:
        roles.start("worker", RUFAA_WORKER_METRICS_PORT=str(port))
        url = f"http://127.0.0.1:{port}"

        def failed() -> float:
            found: dict[str, Any] = {} if refused(url) else samples(get(f"{url}/metrics"))
            return float(found.get("rufaa_worker_rounds_total{loop=settle,result=failed}", 0))

        wait_until(lambda: failed() >= 2, what="two failed rounds")
        found = samples(get(f"{url}/metrics"))
        assert "rufaa_worker_last_round_timestamp_seconds{loop=settle}" not in found
        assert found["rufaa_worker_rounds_total{loop=dispatch,result=failed}"] == 0
    finally:
        execute("ALTER TABLE elsewhere RENAME TO inbox")


def test_a_port_that_is_taken_is_refused_by_the_name_of_its_setting(database: str, roles: Roles) -> None:
    gateway = roles.start("gateway", RUFAA_METRICS_TOKEN=TOKEN)
    assert scrape(gateway.url)["rufaa_database_up"] == 1

    worker = roles.start("worker", RUFAA_WORKER_METRICS_PORT=str(roles.port))

    assert worker.process.wait(15) == 1
    (line,) = worker.log.read_text().splitlines()
    message = json.loads(line)["message"]
    assert message == (
        f"Port {roles.port}, for the worker, is taken by another program. Choose another by RUFAA_WORKER_METRICS_PORT."
    )
