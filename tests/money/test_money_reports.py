"""Reports of every kind: from their addresses to the inbox, and from there to whoever takes them in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace

import psycopg
import pytest

from hostile.wire import connected, heard, request, statuses, target
from reports import BODIES, HEARD, Recorder, c2b_body, recording, result_body, url_of
from rufaa import metrics
from rufaa.db.atomic import Tx, unit
from rufaa.ingest import batcher, endpoint
from rufaa.ingest.address import Kind
from rufaa.ingest.loop import BATCH, settle_inbox
from rufaa.payments import refunds
from rufaa.payments.inbound import C2bItem, OrderItem
from rufaa.referrals.machine import Status
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    HANDLERS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    execute,
    failure_body,
    inbox_outcomes,
    open_tasks,
    post,
    receipts,
    register_c2b,
    rows,
    value,
    wait_until,
)

ACCEPTED = {"ResultCode": "0", "ResultDesc": "Accepted"}


@pytest.fixture
def recorder(database: str) -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def subjects(town: World) -> dict[Kind, uuid.UUID]:
    """What each kind of report is about."""
    _, prompt = town.prompted(RINGS)
    order = uuid.uuid4()
    return {
        Kind.STK: prompt,
        Kind.C2B: town.account.pk,
        Kind.C2B_VALIDATION: town.account.pk,
        Kind.RESULT: order,
        Kind.TIMEOUT: order,
    }


def stored() -> int:
    return int(value("SELECT count(*) FROM inbox"))


# --- the addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_is_stored_as_it_came_and_answered_as_documented(
    gateway: Running, subjects: dict[Kind, uuid.UUID], kind: Kind
) -> None:
    body = b' {"any": "thing"} \x00\xff'

    answer = post(url_of(kind, subjects[kind], gateway), body)

    assert answer.status == 200
    validation = kind is Kind.C2B_VALIDATION
    assert answer.json == (ACCEPTED if validation else {"ResultCode": 0, "ResultDesc": "Accepted"})
    if validation:  # accepted first, stored afterwards
        wait_until(lambda: stored() == 1, what="the validation in the inbox")
    (row,) = rows("SELECT * FROM inbox")
    assert (row["kind"], row["subject"], bytes(row["body"])) == (kind, subjects[kind], body)
    assert (row["source"], row["trusted"], row["settled_at"]) == ("127.0.0.1", True, None)


def test_a_validation_is_accepted_at_once_whatever_the_database_does(
    database: str, gateway: Running, subjects: dict[Kind, uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: nobody can write to the inbox, and whoever waited for it would be waiting still
    monkeypatch.setattr(batcher, "PATIENCE_S", 600.0)
    monkeypatch.setattr(batcher, "_SILENT_S", 600.0)
    url = url_of(Kind.C2B_VALIDATION, subjects[Kind.C2B_VALIDATION], gateway)
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE inbox")
        # when
        began = time.monotonic()
        for _ in range(20):
            answer = post(url, c2b_body())
            assert (answer.status, answer.json) == (200, ACCEPTED)
        assert time.monotonic() - began < 10  # all of them; Safaricom waits 8 s for one
        assert holder.execute("SELECT count(*) FROM inbox").fetchone() == (0,)

    # then: nobody waited, and what was accepted is kept once the database takes it
    wait_until(lambda: stored() == 20, what="the validations in the inbox")


def test_a_validation_that_nobody_can_store_is_given_up_and_counted(
    database: str, gateway: Running, subjects: dict[Kind, uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = gateway.app._ingest
    assert app is not None
    before = app.counts["not-stored"]
    url = url_of(Kind.C2B_VALIDATION, subjects[Kind.C2B_VALIDATION], gateway)
    with psycopg.connect(database) as holder, monkeypatch.context() as patched:
        patched.setattr(batcher, "PATIENCE_S", 0.2)
        holder.execute("LOCK TABLE inbox")
        for _ in range(
            3
        ):  # the first is being written; the others wait for the next batch, which does not come in time
            assert post(url, c2b_body()).json == ACCEPTED

        wait_until(lambda: app.counts["not-stored"] == before + 3, what="the end of patience")

    assert post(url, c2b_body("RKN7A1B2C9")).json == ACCEPTED  # and it goes on
    wait_until(lambda: b"RKN7A1B2C9" in b"".join(bytes(row["body"]) for row in rows("SELECT body FROM inbox")))


def test_a_validation_whose_body_does_not_come_is_accepted_all_the_same(
    gateway: Running, subjects: dict[Kind, uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.VALIDATION_BODY_S < 8 / 2  # Safaricom waits 8 s (daraja.md §6)
    monkeypatch.setattr(endpoint, "VALIDATION_BODY_S", 0.3)
    port, path = target(url_of(Kind.C2B_VALIDATION, subjects[Kind.C2B_VALIDATION], gateway))
    app = gateway.app._ingest
    assert app is not None
    before = app.counts["slow"]

    began = time.monotonic()
    with connected(port) as connection:
        connection.sendall(request(path, b'{"TransID":', length="500", last=False))
        came = heard(connection)

    assert time.monotonic() - began < 5
    assert statuses(came) == [200]
    assert came.endswith(b'{"ResultCode":"0","ResultDesc":"Accepted"}')
    assert b"connection: close" in came  # the rest of the body is no next request
    assert (app.counts["slow"], stored()) == (before + 1, 0)  # half a body is no report


def test_a_validation_too_long_or_without_room_is_accepted_and_not_stored(
    gateway: Running, subjects: dict[Kind, uuid.UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(Kind.C2B_VALIDATION, subjects[Kind.C2B_VALIDATION], gateway)
    app = gateway.app._ingest
    assert app is not None
    before = dict(app.counts)

    assert post(url, b" " * (endpoint.LIMIT_BYTES + 1)).json == ACCEPTED
    monkeypatch.setattr(endpoint, "READING_BYTES", 100)
    assert post(url, b" " * 101).json == ACCEPTED

    assert {end: app.counts[end] - before.get(end, 0) for end in ("too-long", "full")} == {"too-long": 1, "full": 1}
    assert stored() == 0


# --- the loop ---------------------------------------------------------------------------------------------------------


def tell(gateway: Running, kind: Kind, subject: uuid.UUID, body: object) -> None:
    before = stored()
    assert post(url_of(kind, subject, gateway), body).status == 200
    wait_until(lambda: stored() == before + 1, what="the report in the inbox")


def test_one_batch_takes_all_kinds_each_in_its_order_and_names_all(
    gateway: Running, subjects: dict[Kind, uuid.UUID], recorder: Recorder
) -> None:
    # given: kinds in turn, twice
    for number in ("RKN7A1B2C3", "RKN7A1B2C4"):
        for kind in (Kind.TIMEOUT, Kind.C2B, Kind.STK, Kind.RESULT, Kind.C2B_VALIDATION):
            body = c2b_body(number) if kind is Kind.C2B else BODIES[kind]
            tell(gateway, kind, subjects[kind], body if kind is not Kind.STK else failure_body("ws_CO_1"))

    # when
    assert settle_inbox(recorder.handlers) == 10

    # then
    assert inbox_outcomes() == [HEARD, HEARD, "fails", HEARD, "validation"] * 2
    account, order = subjects[Kind.C2B], subjects[Kind.RESULT]
    assert [(row["inbox"], row["kind"], row["subject"], row["number"], row["code"]) for row in recorder.heard()] == [
        (1, "timeout", order, None, "0"),
        (2, "c2b", account, "RKN7A1B2C3", None),
        (4, "result", order, "RKN7A1B2C4", "0"),
        (6, "timeout", order, None, "0"),
        (7, "c2b", account, "RKN7A1B2C4", None),
        (9, "result", order, "RKN7A1B2C4", "0"),
    ]
    assert {row["trusted"] for row in recorder.heard()} == {True}
    assert (open_tasks(), receipts()) == ([], [])


def test_who_takes_in_gets_when_it_was_heard_and_whether_it_may_be_believed(
    gateway: Running, subjects: dict[Kind, uuid.UUID]
) -> None:
    got: list[C2bItem | OrderItem] = []

    def take(tx: Tx, items: Sequence[C2bItem] | Sequence[OrderItem]) -> Sequence[str]:
        got.extend(items)
        return [HEARD] * len(items)

    for kind in (Kind.C2B, Kind.RESULT):
        tell(gateway, kind, subjects[kind], BODIES[kind])
    execute("INSERT INTO inbox (kind, subject, source, trusted, body) SELECT kind, subject, '', false, body FROM inbox")

    settle_inbox(replace(HANDLERS, arrivals=take, results=take))

    at = [row["at"] for row in rows("SELECT at FROM inbox ORDER BY id")]
    assert [(each.inbox, each.trusted, each.heard_at) for each in got] == [
        (1, True, at[0]),
        (3, False, at[2]),
        (2, True, at[1]),
        (4, False, at[3]),
    ]


BAD = "RKBADBADBAD"


class Poisoned(Recorder):
    """One number, and one code, that nobody can take in."""

    def arrivals(self, tx: Tx, items: Sequence[C2bItem]) -> Sequence[str]:
        words = super().arrivals(tx, items)
        if any(item.notice.receipt_number == BAD for item in items):
            raise ValueError(BAD)
        return words

    def results(self, tx: Tx, items: Sequence[OrderItem]) -> Sequence[str]:
        words = super().results(tx, items)
        if any(getattr(item.told, "result_code", "") == BAD for item in items):
            raise ValueError(BAD)
        return words


def test_a_poisoned_report_fails_alone_and_is_a_persons_task(
    town: World, gateway: Running, subjects: dict[Kind, uuid.UUID], recorder: Recorder
) -> None:
    for number in ("RKN7A1B2C3", BAD, "RKN7A1B2C4"):
        tell(gateway, Kind.C2B, subjects[Kind.C2B], c2b_body(number))
    for code in (0, BAD):
        tell(gateway, Kind.RESULT, subjects[Kind.RESULT], result_body(code))
    tell(gateway, Kind.STK, subjects[Kind.STK], failure_body("ws_CO_1"))
    failed = metrics.SETTLED.labels(verdict="failed")._value.get()

    assert settle_inbox(Poisoned().handlers) == 6

    assert inbox_outcomes() == [HEARD, "failed: ValueError", HEARD, HEARD, "failed: ValueError", "fails"]
    assert [row["inbox"] for row in recorder.heard()] == [1, 3, 4]  # what it wrote before it failed is not there
    (task,) = rows("SELECT * FROM task")  # a result of an order that is not here is nobody's
    assert (task["kind"], task["account_id"], task["facility_id"]) == ("unread", town.account.pk, town.tumaini.pk)
    assert "as number 2." in task["why"]
    assert metrics.SETTLED.labels(verdict="failed")._value.get() == failed + 2


@pytest.mark.parametrize("words", [[], [HEARD], [HEARD] * 3, ["", ""]], ids=["none", "too few", "too many", "empty"])
def test_a_report_is_never_closed_without_its_own_word(
    gateway: Running, subjects: dict[Kind, uuid.UUID], words: list[str]
) -> None:
    for number in ("RKN7A1B2C3", "RKN7A1B2C4"):
        tell(gateway, Kind.C2B, subjects[Kind.C2B], c2b_body(number))

    settle_inbox(replace(HANDLERS, arrivals=lambda _, items: words if len(items) == 2 else ["known"]))

    assert inbox_outcomes() == ["known", "known"]  # the batch was taken apart


def test_a_word_that_is_not_listed_makes_no_series_of_its_own(
    gateway: Running, subjects: dict[Kind, uuid.UUID], recorder: Recorder
) -> None:
    before = metrics.SETTLED.labels(verdict="other")._value.get()
    tell(gateway, Kind.C2B, subjects[Kind.C2B], c2b_body())

    recorder.settle()

    assert HEARD not in metrics.VERDICTS
    assert metrics.SETTLED.labels(verdict="other")._value.get() == before + 1
    assert HEARD.encode() not in metrics.text()


@pytest.mark.parametrize("body", [b"", b"{}", b"no JSON", c2b_body(None), dict.fromkeys(c2b_body())])
def test_notices_that_cannot_be_read_are_named_and_one_task_for_the_accounts_payee(
    town: World, gateway: Running, recorder: Recorder, body: object
) -> None:
    for _ in range(3):
        tell(gateway, Kind.C2B, town.account.pk, body)

    recorder.settle()

    assert {str(outcome).partition(":")[0] for outcome in inbox_outcomes()} == {"malformed"}
    (task,) = rows("SELECT * FROM task")
    assert (task["kind"], task["account_id"], task["facility_id"]) == ("unread", town.account.pk, town.tumaini.pk)
    assert "as number 1." in task["why"]

    # and: what comes after somebody looked is a task again
    execute("UPDATE task SET closed_at = rufaa_now()")
    tell(gateway, Kind.C2B, town.account.pk, body)
    recorder.settle()
    assert open_tasks() == ["unread"]
    assert (recorder.heard(), receipts()) == ([], [])


@pytest.mark.parametrize("of_fee", [False, True], ids=["of money that waits", "of a cancelled referral"])
def test_a_result_of_a_refund_that_cannot_be_taken_in_is_a_task_about_it(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, of_fee: bool
) -> None:
    # given: a refund
    register_c2b(town, simulator, gateway)
    if of_fee:
        referral, _ = town.prompted(PAYS)
        worker.dispatch()
    else:
        simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1000)
    advance(3, simulator)
    worker.settle()
    if of_fee:
        town.move(referral, Status.CANCELLED, reason="the patient went elsewhere")
    (receipt,) = rows("SELECT id FROM receipt")
    fee = value("SELECT id FROM fee") if of_fee else None
    refund = unit(
        lambda tx: refunds.propose(
            tx, receipt["id"], fee=fee, amount=None, phone=None, why="paid twice", by=uuid.UUID(int=1)
        )
    )
    execute("UPDATE task SET closed_at = rufaa_now()")

    # when: something comes to its addresses that is no result, or that fails
    tell(gateway, Kind.RESULT, refund, b"{}")
    tell(gateway, Kind.RESULT, refund, result_body(BAD))
    settle_inbox(Poisoned().handlers if of_fee else HANDLERS)

    # then: one task about it, and nothing moved
    (task,) = rows("SELECT * FROM task WHERE closed_at IS NULL AND kind = 'unread'")
    about = {"refund_id": refund, "receipt_id": receipt["id"], "fee_id": fee, "account_id": town.account.pk}
    assert {name: task[name] for name in about} == about
    assert task["facility_id"] == town.tumaini.pk
    assert rows("SELECT state FROM refund") == [{"state": "proposed"}]


def test_where_two_facilities_are_paid_on_an_account_the_task_is_nobodys_yet(
    town: World, gateway: Running, recorder: Recorder
) -> None:
    execute(
        "INSERT INTO price (id, facility_id, amount_cents, payee_id, account_id)"
        " SELECT gen_random_uuid(), %(other)s, amount_cents, %(other)s, account_id FROM price",
        other=town.elsewhere.pk,
    )

    tell(gateway, Kind.C2B, town.account.pk, b"{}")
    recorder.settle()

    assert rows("SELECT facility_id FROM task") == [{"facility_id": None}]


@pytest.mark.parametrize("body", [c2b_body(), b"{}"], ids=["a notice", "no notice"])
def test_a_notice_about_an_account_that_is_not_here_is_kept_and_a_persons_task(
    town: World, gateway: Running, recorder: Recorder, body: object
) -> None:
    """After a restore from an older backup, say."""
    nowhere = uuid.uuid4()

    tell(gateway, Kind.C2B, nowhere, body)
    recorder.settle()

    assert inbox_outcomes() == ["malformed: every field is null" if body == b"{}" else "unknown-account"]
    (task,) = rows("SELECT task.*, stray.prompt FROM task JOIN stray ON stray.id = stray_id")
    assert (task["kind"], task["prompt"], task["facility_id"]) == ("stray", nowhere, None)
    assert (recorder.heard(), receipts()) == ([], [])


def test_a_batch_is_no_longer_than_its_limit_and_the_rest_follows(
    town: World, gateway: Running, recorder: Recorder
) -> None:
    body = b'{"TransID": "RKN7A1B2C3"}'
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " SELECT 'c2b', %(id)s, '', true, %(body)s FROM generate_series(1, %(many)s)",
        id=town.account.pk,
        body=body,
        many=BATCH + 3,
    )

    assert [settle_inbox(recorder.handlers) for _ in range(3)] == [BATCH, 3, 0]
    assert len(recorder.heard()) == BATCH + 3
