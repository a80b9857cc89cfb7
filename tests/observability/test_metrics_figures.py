"""What ``/metrics`` asks the database for, and what that costs."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid

import psycopg
import pytest

from observability.scraping import TOKEN, figures_of, scrape
from ports import free_port
from rufaa import metrics
from rufaa.db import sql
from rufaa.db.atomic import unit
from rufaa.gateway import vitals
from rufaa.gateway.vitals import DEADLINE_S, FIGURES_KEPT_S, Kept
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import hold
from rufaa.payments.operations import open_task_for_prompt
from support import HANDLERS, PAYS, RINGS, Running, World, advance, call_back, execute, running_gateway


def figures(url: str) -> dict[str, float]:
    with running_gateway(url, RUFAA_METRICS_TOKEN=TOKEN) as fresh:  # nothing is kept from an earlier look
        return figures_of(fresh.url)


def test_an_empty_database_has_every_series_at_zero(database: str) -> None:
    found = figures(database)

    only_with_calls = {name for name in metrics.DESCRIBED if name.startswith("rufaa_function_")}
    only_of_a_worker = {"rufaa_worker_last_round_timestamp_seconds"}
    there = {name for name in metrics.DESCRIBED if any(sample.startswith(name) for sample in found)}
    assert metrics.DESCRIBED.keys() - there <= only_with_calls | only_of_a_worker
    for name in ("inbox_unsettled", "inbox_oldest_age_seconds", "receipts_unapplied_cents", "tasks_open{kind=review}"):
        assert found[f"rufaa_{name}"] == 0
    assert 0 < found["rufaa_database_round_trip_seconds"] < DEADLINE_S
    assert found["rufaa_database_connections{pool=callbacks,state=used}"] == 0


def test_what_waits_is_shown_with_its_age(database: str, world: World) -> None:
    # given: two prompts to send, one unknown, one in review, money for a fee that was given up, a callback about
    # a prompt that nobody knows, and one to settle
    for phone in ("254708000001", "254708000002"):
        world.prompted(phone)
    (_, lost), (_, doubted), (referral, late) = (world.prompted(f"25470800000{number}") for number in (3, 4, 5))
    for prompt in (lost, doubted):
        execute("UPDATE prompt SET state = 'sending', event = 'claim', next_at = NULL WHERE id = %(id)s", id=prompt)
    execute("UPDATE prompt SET state = 'unknown', event = 'answer-lost' WHERE id = %(id)s", id=lost)
    execute("UPDATE prompt SET state = 'review', event = 'doubted' WHERE id = %(id)s", id=doubted)
    unit(lambda tx: open_task_for_prompt(tx, doubted, kind="review", why="x"))
    world.move(referral, "cancelled", reason="x")
    assert call_back(late) == "confirms"
    store = "INSERT INTO inbox (kind, subject, source, trusted, body) VALUES ('stk', %(id)s, 'x', true, '')"
    execute(store, id=uuid.uuid4())
    settle_inbox(HANDLERS)
    execute(store, id=late)
    advance(70)

    found = figures(database)

    seventy = pytest.approx(70, abs=10)
    states = {name: value for name, value in found.items() if name.startswith("rufaa_prompts{")}
    assert states == {
        "rufaa_prompts{state=created}": 2,
        "rufaa_prompts{state=sending}": 0,
        "rufaa_prompts{state=pending}": 0,
        "rufaa_prompts{state=unknown}": 1,
        "rufaa_prompts{state=review}": 1,
    }
    assert (found["rufaa_prompts_due{work=send}"], found["rufaa_prompts_due{work=ask}"]) == (2, 0)
    assert found["rufaa_prompts_due_age_seconds{work=send}"] == seventy
    assert (found["rufaa_inbox_unsettled"], found["rufaa_inbox_oldest_age_seconds"]) == (1, seventy)
    assert (found["rufaa_receipts_unapplied"], found["rufaa_receipts_unapplied_cents"]) == (1, 100_000)
    assert found["rufaa_receipts_unapplied_age_seconds"] == seventy
    for kind, number in {"unapplied": 1, "review": 1, "contradiction": 0, "refund": 0, "stray": 1}.items():
        assert found[f"rufaa_tasks_open{{kind={kind}}}"] == number
        assert found[f"rufaa_tasks_oldest_age_seconds{{kind={kind}}}"] == (seventy if number else 0)


def test_accounts_on_hold_are_counted_and_their_prompts_are_not_due(database: str, world: World) -> None:
    world.prompted(PAYS)
    assert figures(database)["rufaa_account_held"] == 0
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="down", by="amina"))
    advance(70)

    found = figures(database)

    assert (found["rufaa_account_held"], found["rufaa_prompts{state=created}"]) == (1, 1)
    assert (found["rufaa_prompts_due{work=send}"], found["rufaa_prompts_due_age_seconds{work=send}"]) == (0, 0)


def test_the_figures_are_read_once_in_five_seconds(watched: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = watched.app._vitals._figures
    assert figures._for_s == FIGURES_KEPT_S == 5
    first = figures_of(watched.url)
    monkeypatch.setattr(figures, "_for_s", 3600)
    execute("INSERT INTO inbox (kind, subject, source, trusted, body) VALUES ('stk', gen_random_uuid(), 'x', true, '')")

    for _ in range(10):
        again = scrape(watched.url)

    assert again["rufaa_inbox_unsettled"] == first["rufaa_inbox_unsettled"] == 0
    assert again["rufaa_database_round_trip_seconds"] == first["rufaa_database_round_trip_seconds"]


def test_what_is_kept_is_shared_by_all_who_ask_and_read_anew_when_it_is_old() -> None:
    read: list[int] = []

    async def reading() -> int:
        read.append(1)
        await asyncio.sleep(0)
        return len(read)

    async def main() -> None:
        kept, never = Kept(reading, for_s=60), Kept(reading, for_s=0)
        assert await asyncio.gather(*(kept.get() for _ in range(50))) == [1] * 50
        assert [await never.get(), await never.get()] == [2, 3]

    asyncio.run(main())


def test_without_a_database_the_process_still_tells_of_itself() -> None:
    with running_gateway(f"postgresql://rufaa@127.0.0.1:{free_port()}/rufaa", RUFAA_METRICS_TOKEN=TOKEN) as gateway:
        found = scrape(gateway.url)

    assert found["rufaa_database_up"] == 0
    assert found["process_resident_memory_bytes"] > 0
    assert "rufaa_callbacks_total{end=stored,kind=stk}" in found
    assert not any(name.startswith(("rufaa_prompts", "rufaa_inbox", "rufaa_tasks")) for name in found)


def test_a_frozen_database_holds_a_scrape_up_only_to_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel accepts; nobody ever answers
        url = f"postgresql://rufaa@127.0.0.1:{silent.getsockname()[1]}/rufaa"
        with running_gateway(url, RUFAA_METRICS_TOKEN=TOKEN) as gateway:
            began = time.monotonic()
            found = scrape(gateway.url)
            took_s = time.monotonic() - began

    assert found["rufaa_database_up"] == 0
    assert DEADLINE_S == 2
    assert took_s < 10  # by far less than any other patience, and enough for a busy machine


MANY = 20_000
PAST = {
    "inbox (kind, subject, source, trusted, body, settled_at, outcome)": (
        "'stk', gen_random_uuid(), 'x', true, '', now(), 'fails'"
    ),
    "prompt (id, state, event, fee_id, account_id, attempt, payer_phone, amount_cents, next_at)": (
        "gen_random_uuid(), 'paid', 'confirmed', gen_random_uuid(), gen_random_uuid(), 1, '254708000000', 100, NULL"
    ),
    "receipt (id, state, event, account_id, amount_cents)": (
        "gen_random_uuid(), 'applied', 'apply', gen_random_uuid(), 100"
    ),
    "task (id, kind, facility_id, fee_id, why, closed_at)": (
        "gen_random_uuid(), 'review', gen_random_uuid(), gen_random_uuid(), '', now()"
    ),
}


@pytest.fixture
def crowded(database: str, world: World) -> str:
    """Many rows of the past: settled, answered, applied, closed."""
    world.prompted(RINGS)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")  # neither triggers nor foreign keys
        for table, row in PAST.items():
            admin.execute(f"INSERT INTO {table} SELECT {row} FROM generate_series(1, %s)", [MANY])
        admin.execute("ANALYZE inbox, prompt, receipt, task")
    return database


def test_no_figure_reads_the_rows_of_the_past(crowded: str) -> None:
    statements = sql.load(vitals.__file__, "vitals.sql")
    with psycopg.connect(crowded, autocommit=True) as connection:
        for name in ("inbox", "live", "review", "due", "unapplied", "tasks"):
            text = statements[name].replace("$1", str(metrics.MOST_COUNTED))
            plan = json.dumps(connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}").fetchone())
            assert "Seq Scan" not in plan, (name, plan)
            assert f'"Actual Rows": {MANY}' not in plan
        control = connection.execute("EXPLAIN SELECT count(*) FROM prompt WHERE state = 'review'").fetchall()
    assert "Seq Scan" in str(control), "the rows are too few for the plans to mean anything"
