"""What ``/metrics`` shows, to whom, and what it costs."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ports import free_port
from rufaa import functions, metrics
from rufaa.config import load
from rufaa.db import sql
from rufaa.db.atomic import unit
from rufaa.errors import InvalidSetting
from rufaa.gateway import vitals
from rufaa.gateway.vitals import DEADLINE_S, FIGURES_KEPT_S, Kept
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import hold
from rufaa.payments.machine import LIVE, ArrivalVerdict, PromptState, Verdict
from rufaa.payments.operations import open_task_for_prompt
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
    HANDLERS,
    PAYS,
    RINGS,
    Answer,
    Running,
    Worker,
    World,
    advance,
    call_back,
    execute,
    post,
    running_gateway,
    success_body,
    wait_until,
)

TOKEN = "a-metrics-token-that-is-long-enough"


def get(url: str, **headers: str) -> Answer:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): text for name, text in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def scrape(url: str) -> dict[str, float]:
    """``name{label="value"}`` of every sample → its value."""
    answer = get(f"{url}/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200
    return samples(answer.body.decode())


def figures_of(url: str) -> dict[str, float]:
    """A scrape in which the database answered in time, as it may not on a busy machine."""
    found: dict[str, float] = {}

    def is_answered() -> bool:
        found.update(scrape(url))
        return found["rufaa_database_up"] == 1

    wait_until(is_answered, what="the database's figures")
    return found


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{_shown(sample.labels)}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _shown(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{name}={value}" for name, value in sorted(labels.items())) + "}" if labels else ""


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What the counters of ours gained."""
    counted = (name for name in after if re.match(r"rufaa_\w+(_total|_count)\b", name))
    return {name: after[name] - before.get(name, 0) for name in counted if after[name] != before.get(name, 0)}


@pytest.fixture
def gateway(database: str) -> Iterator[Running]:
    with running_gateway(database, RUFAA_METRICS_TOKEN=TOKEN) as running:
        yield running


# --- who may look ----------------------------------------------------------------------------------------------------


def test_without_the_setting_there_is_nothing_for_anybody(database: str) -> None:
    with running_gateway(database) as gateway:
        answers = [get(f"{gateway.url}/metrics", Authorization=given) for given in ("", "Bearer ", f"Bearer {TOKEN}")]
        nowhere = get(f"{gateway.url}/nowhere-at-all")

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert {plain(answer.body) for answer in answers} == {plain(nowhere.body)}


def plain(page: bytes) -> bytes:
    """Without the address that a form leads back to, and its token."""
    return re.sub(rb' value="[^"]*"', b"", page)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        f"Digest {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN} x",
    ],
)
def test_who_does_not_present_the_token_sees_nothing(gateway: Running, given: str) -> None:
    answer = get(f"{gateway.url}/metrics", Authorization=given)

    assert answer.status == 401
    assert b"rufaa_" not in answer.body


def test_who_presents_the_token_sees_the_metrics(gateway: Running) -> None:
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN}"):
        answer = get(f"{gateway.url}/metrics", Authorization=given)
        assert answer.status == 200
        assert b"rufaa_database_up 1.0" in answer.body
        assert b"process_cpu_seconds_total" in answer.body


@pytest.mark.parametrize("token", ["short", "x" * 15, "with a space in the middle", "ünsichtbares-zeichen-x"])
def test_a_token_that_is_no_secret_is_refused(token: str) -> None:
    with pytest.raises(InvalidSetting, match="RUFAA_METRICS_TOKEN: use at least 16 characters") as refused:
        load({"RUFAA_METRICS_TOKEN": token})

    assert token not in refused.value.message
    assert load({"RUFAA_METRICS_TOKEN": "x" * 16}).metrics_token == "x" * 16
    assert load({"RUFAA_METRICS_TOKEN": ""}).metrics_token is None


# --- what is counted -------------------------------------------------------------------------------------------------


def test_a_payment_is_counted_on_its_way(
    gateway: Running, simulator: RunningSimulator, town: World, worker: Worker
) -> None:
    before = scrape(gateway.url)

    referral, _ = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    wait_until(lambda: worker.settle() > 0, what="the callback")
    assert town.status(referral) == "paid"

    gained = grown(before, scrape(gateway.url))
    assert gained == {
        "rufaa_callbacks_total{end=stored,kind=stk}": 1,
        "rufaa_callback_store_duration_seconds_count": 1,
        "rufaa_callback_batch_size_count": 1,
        "rufaa_callbacks_settled_total{verdict=confirms}": 1,
        "rufaa_callback_settled_seconds_count": 1,
        "rufaa_pushes_total{http=2xx,outcome=accepted}": 1,
        "rufaa_push_duration_seconds_count": 1,
        "rufaa_token_renewals_total{outcome=renewed}": 1,
    }


def test_a_question_and_its_answer_are_counted(
    gateway: Running, simulator: RunningSimulator, town: World, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    town.prompted(CANCELS)
    worker.dispatch()
    advance(25, simulator)
    before = scrape(gateway.url)

    worker.query()

    assert grown(before, scrape(gateway.url)) == {"rufaa_queries_total{outcome=unpaid}": 1}


def test_a_prompt_that_cannot_be_sent_and_a_token_that_is_not_given_are_counted(gateway: Running, world: World) -> None:
    before = scrape(gateway.url)
    world.prompted(RINGS)

    Worker(gateway.url).dispatch()

    assert grown(before, scrape(gateway.url)) == {
        "rufaa_pushes_total{http=none,outcome=not-sent}": 1,
        "rufaa_push_duration_seconds_count": 1,
        "rufaa_token_renewals_total{outcome=failed}": 1,
    }


FAILS_AT_COMMIT = """
CREATE FUNCTION forced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.result_desc = 'bad' THEN RAISE EXCEPTION 'forced' USING ERRCODE = 'check_violation'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER forced AFTER INSERT ON evidence DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION forced();
"""


def test_a_batch_that_is_taken_apart_is_counted_once(gateway: Running, world: World) -> None:
    """One callback that cannot be committed beside one that can: nothing is counted of what was rolled back."""
    good, bad = world.prompted(RINGS)[1], world.prompted(PAYS)[1]
    before = scrape(gateway.url)
    execute(FAILS_AT_COMMIT)
    try:
        for prompt, desc, number in ((good, "good", "RKN7A1B2C3"), (bad, "bad", "RKN7A1B2C4")):
            phone = int(RINGS) if prompt == good else int(PAYS)
            body = success_body(f"ws_CO_{desc}", ResultDesc=desc, number=number, phone=phone)
            execute(
                "INSERT INTO inbox (kind, subject, source, trusted, body)"
                " VALUES ('stk', %(prompt)s, '127.0.0.1', true, %(body)s)",
                prompt=prompt,
                body=json.dumps(body).encode(),
            )
        assert Worker(gateway.url).settle() == 2
    finally:
        execute("DROP FUNCTION forced() CASCADE")

    gained = grown(before, scrape(gateway.url))
    assert gained["rufaa_callbacks_settled_total{verdict=confirms}"] == 1
    assert gained["rufaa_callbacks_settled_total{verdict=failed}"] == 1
    assert gained["rufaa_callback_settled_seconds_count"] == 1


def test_how_callbacks_end_is_counted(gateway: Running) -> None:
    before = scrape(gateway.url)
    url = gateway.callback_url(uuid.uuid4())

    post(url[:-1], b"{}")
    get(url)
    post(url, b"x" * 70_000)
    with socket.create_connection(("127.0.0.1", gateway.config.port)) as wire:
        wire.sendall(f"POST {url[len(gateway.url) :]} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())

    wanted = {
        f"rufaa_callbacks_total{{end={end},kind=stk}}": 1 for end in ("refused", "method", "too-long", "broken-off")
    }
    wait_until(lambda: grown(before, scrape(gateway.url)) == wanted, what="the four ends")


def test_calls_are_counted_by_function_and_strangers_make_no_series(gateway: Running, world: World) -> None:
    before = scrape(gateway.url)
    referral = world.referral()

    gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.physician)
    gateway.call("query", "referrals:getReferral", {"referralId": referral})  # nobody
    gateway.call("query", "referrals:getReferral", {"no": "such"}, by=world.physician)
    gateway.call("mutation", "referrals:getReferral", {"referralId": referral}, by=world.physician)
    for number in range(20):
        gateway.call("action", f"made{number}:up", {}, by=world.physician)

    gained = grown(before, scrape(gateway.url))
    name = "function=referrals:getReferral"
    assert gained == {
        f"rufaa_function_calls_total{{{name},kind=query,status=ok}}": 1,
        f"rufaa_function_calls_total{{{name},kind=query,status=refused}}": 1,
        f"rufaa_function_calls_total{{{name},kind=query,status=invalid}}": 1,
        f"rufaa_function_calls_total{{{name},kind=mutation,status=invalid}}": 1,
        "rufaa_function_calls_total{function=(unknown),kind=action,status=invalid}": 20,
        f"rufaa_function_duration_seconds_count{{{name},kind=query}}": 3,
        f"rufaa_function_duration_seconds_count{{{name},kind=mutation}}": 1,
        "rufaa_function_duration_seconds_count{function=(unknown),kind=action}": 20,
    }


def test_a_function_that_fails_is_counted_as_failed(gateway: Running, world: World) -> None:
    before = scrape(gateway.url)
    execute("ALTER TABLE particulars RENAME TO elsewhere")
    try:
        gateway.call("query", "referrals:getReferral", {"referralId": uuid.uuid4().hex}, by=world.physician)
    finally:
        execute("ALTER TABLE elsewhere RENAME TO particulars")

    gained = grown(before, scrape(gateway.url))
    assert gained["rufaa_function_calls_total{function=referrals:getReferral,kind=query,status=failed}"] == 1


# --- what the database is asked --------------------------------------------------------------------------------------


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


def test_the_figures_are_read_once_in_five_seconds(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = gateway.app._vitals._figures
    assert figures._for_s == FIGURES_KEPT_S == 5
    first = figures_of(gateway.url)
    monkeypatch.setattr(figures, "_for_s", 3600)
    execute("INSERT INTO inbox (kind, subject, source, trusted, body) VALUES ('stk', gen_random_uuid(), 'x', true, '')")

    for _ in range(10):
        again = scrape(gateway.url)

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


# --- names and labels ------------------------------------------------------------------------------------------------


def test_every_word_of_the_machines_has_its_series() -> None:
    of_ingest = {"unknown-prompt", "unknown-account", "malformed", "failed", "validation", "other"}
    of_orders = {"refunded", "not-refunded", "reversed-before", "other-order", "unknown-order", "timed-out"}
    assert {*Verdict, *ArrivalVerdict} | of_ingest | of_orders == set(metrics.VERDICTS)
    assert tuple(Kind) == metrics.REPORTS
    assert set(metrics.DESCRIBED["rufaa_prompts"].labels["state"]) == {*LIVE, PromptState.REVIEW}


def test_every_sample_is_described_and_no_label_has_another_value_than_it_may(gateway: Running, world: World) -> None:
    counted = metrics.CALLS.collect()
    before = {sample.labels["function"] for family in counted for sample in family.samples}
    gateway.call("query", "referrals:getReferral", {"referralId": world.referral()}, by=world.physician)
    gateway.call("query", "no:thing", {}, by=world.physician)
    # and what tests of the protocol alone counted before, in this process
    registered = {function.name for function in functions.load().functions()} | before

    text = get(f"{gateway.url}/metrics", Authorization=f"Bearer {TOKEN}").body.decode()

    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.startswith("rufaa_"):
                assert sample.name.startswith(("process_", "python_")), sample.name
                continue
            name = sample.name
            for ending in ("_bucket", "_count", "_sum"):
                name = name if name in metrics.DESCRIBED else name.removesuffix(ending)
            told = metrics.DESCRIBED[name]
            labels = {label: value for label, value in sample.labels.items() if label != "le"}
            assert labels.keys() == told.labels.keys()
            for label, value in labels.items():
                assert value in told.labels[label] or (label == "function" and value in registered), (name, label)
        assert family.documentation
