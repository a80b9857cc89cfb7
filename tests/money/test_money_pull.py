"""Pull: a payment that nobody told of is found in the list of the last two days, and never counted twice."""

from __future__ import annotations

import json
import uuid

import pytest

from rufaa.clock import EAT
from rufaa.db.atomic import unit
from rufaa.payments import pulls
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    execute,
    give_operator,
    open_tasks,
    register_c2b,
    register_pull,
    rows,
    value,
)

PAYER = "254708374149"


@pytest.fixture
def pulling(town: World, simulator: RunningSimulator, gateway: Running) -> World:
    """The town, whose account may be pulled and is asked every quarter of an hour."""
    give_operator(town, simulator)
    register_pull(simulator)
    unit(lambda tx: pulls.start(tx, town.account.pk))
    return town


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


@pytest.mark.fault(31)
def test_a_payment_whose_notice_is_lost_is_pulled(pulling: World, simulator: RunningSimulator, worker: Worker) -> None:
    referral = pulling.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)
    advance(3, simulator)
    worker.settle()
    assert pulling.fee_state(referral) == "due"

    worker.pull()

    assert pulling.status(referral) == "paid"
    assert rows("SELECT number, state FROM receipt") == [{"number": number, "state": "applied"}]
    check_books(simulator)


@pytest.mark.fault(31)
def test_what_is_known_is_pulled_again_and_again_and_counted_once(
    pulling: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    register_c2b(pulling, simulator, gateway)
    referral, _ = pulling.prompted(PAYS)
    by_hand = pulling.waiting()
    worker.dispatch()
    simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(by_hand), 1000)
    advance(3, simulator)
    worker.settle()

    for _ in range(3):
        worker.pull()
        advance(pulls.EVERY_S + 1, simulator)

    assert [pulling.status(each) for each in (referral, by_hand)] == ["paid", "paid"]
    assert value("SELECT count(*) FROM receipt") == 2
    assert value("SELECT count(*) FROM evidence WHERE channel = 'pull'") == 2  # each told once is kept once
    assert open_tasks() == []
    check_books(simulator)


def test_a_row_is_kept_whole(pulling: World, simulator: RunningSimulator, worker: Worker) -> None:
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    advance(3, simulator)

    worker.pull()

    told = json.loads(value("SELECT convert_from(body, 'UTF8') FROM evidence WHERE channel = 'pull'"))
    assert told["transactionId"] == number
    assert set(told) == {
        *("transactionId", "trxDate", "msisdn", "sender", "transactiontype", "billreference", "amount"),
        "organizationname",
    }


def tells(simulator: RunningSimulator, *told: dict[str, object]) -> None:
    """The next answer is this list."""
    body = {"ResponseRefID": "1", "ResponseCode": "1000", "ResponseMessage": "Success", "Response": [list(told)]}
    fault = Fault(FaultKind.ANSWER_REPLACED, on=Operation.PULL, status=200, body=json.dumps(body))
    simulator.script(fault)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ({"transactionId": "?"}, []),
        ({"amount": "9.00"}, ["contradicts"]),
        ({"amount": "1,000"}, ["known"]),
        ({"transactionId": "UKS6FALSE1", "amount": "-1000.00"}, ["ask"]),
        ({"transactionId": "UKS6FALSE1", "amount": 0}, ["ask"]),
    ],
    ids=str,
)
def test_a_row_that_is_wrong_credits_nobody_and_changes_nothing_of_what_is_known(
    pulling: World, simulator: RunningSimulator, worker: Worker, wrong: dict[str, object], meant: list[str]
) -> None:
    """Another amount than is in the books, or no number: a person looks. No amount that can be: M-Pesa is asked."""
    referral = pulling.waiting()
    number = simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)
    advance(3, simulator)
    worker.pull()
    other = code_of(pulling.waiting())
    money = ("receipt", "application", "transfer", "fee", "prompt", "refund")
    before = {table: rows(f"SELECT * FROM {table} ORDER BY 1") for table in money}
    advance(pulls.EVERY_S + 1, simulator)
    row: dict[str, object] = {"transactionId": number, "amount": "1000.00", "billreference": other}

    tells(simulator, row | wrong)
    worker.pull()

    assert {table: rows(f"SELECT * FROM {table} ORDER BY 1") for table in money} == before
    told = rows("SELECT verdict FROM evidence WHERE channel = 'pull' ORDER BY id")
    assert [row["verdict"] for row in told] == ["pays", *meant]
    assert open_tasks() == (["contradiction"] if meant in ([], ["contradicts"]) else [])
    check_books(simulator)


def test_of_more_than_is_read_at_once_a_person_knows(
    pulling: World, simulator: RunningSimulator, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", shillings) for shillings in (700, 1000))
    advance(3, simulator)
    with monkeypatch.context() as patched:
        patched.setattr(pulls, "MOST_PAGES", 1)
        tells(simulator, {"transactionId": first, "amount": "700.00", "billreference": "RENT"})
        worker.pull()

    assert open_tasks() == ["contradiction", "unapplied"]
    assert "the first 1 are" in value("SELECT why FROM task WHERE kind = 'contradiction'")
    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()
    assert sorted(row["number"] for row in rows("SELECT number FROM receipt")) == sorted([first, second])


@pytest.mark.parametrize("silent", ["server", "Safaricom"])
def test_of_what_is_older_than_the_window_after_a_long_silence_a_person_knows(
    pulling: World, simulator: RunningSimulator, worker: Worker, silent: str
) -> None:
    """Pull tells of two days alone (daraja.md §10)."""
    worker.pull()
    assert open_tasks() == []
    if silent == "Safaricom":
        simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.PULL, status=503, count=2))
        for _ in range(2):
            advance(24 * 3600, simulator)
            worker.pull()
        advance(3600, simulator)
    else:
        advance(49 * 3600, simulator)

    worker.pull()

    assert open_tasks() == ["contradiction"]
    assert "Pull did not tell of everything for longer than two days" in value("SELECT why FROM task")
    execute("UPDATE task SET closed_at = rufaa_now(), closed_as = 'compared'")
    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()
    assert open_tasks() == []


@pytest.mark.parametrize("first", ["a silence", "what cannot be read"])
def test_a_second_gap_is_told_once_the_question_about_the_first_is_closed(
    pulling: World, simulator: RunningSimulator, worker: Worker, first: str
) -> None:
    """One question about an account is open at a time. Nothing of the second may be lost by that."""
    worker.pull()
    if first == "a silence":
        advance(49 * 3600, simulator)
    else:
        advance(pulls.EVERY_S + 1, simulator)
        tells(simulator, {"amount": "1.00"})
    worker.pull()
    assert open_tasks() == ["contradiction"]
    begins = value("SELECT pulled_until FROM mpesa_access")

    for _ in range(2):
        advance(49 * 3600, simulator)
        worker.pull()
    execute("UPDATE task SET closed_at = rufaa_now(), closed_as = 'compared'")
    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()

    (why,) = (row["why"] for row in rows("SELECT why FROM task WHERE closed_at IS NULL"))
    assert f"a payment from {begins.astimezone(EAT):%d %B %Y %H:%M} to " in why


def test_a_row_that_cannot_be_read_is_told_once_the_question_that_was_open_is_closed(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    worker.pull()
    execute(
        "INSERT INTO task (id, kind, facility_id, account_id, why)"
        " SELECT gen_random_uuid(), 'contradiction', account_payee(id), id, 'another question' FROM mpesa_account"
    )
    advance(pulls.EVERY_S + 1, simulator)
    tells(simulator, {"amount": "1.00"})
    worker.pull()
    advance(49 * 3600, simulator)
    worker.pull()
    assert [row["why"] for row in rows("SELECT why FROM task")] == ["another question"]
    execute("UPDATE task SET closed_at = rufaa_now(), closed_as = 'compared'")

    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()

    (why,) = (row["why"] for row in rows("SELECT why FROM task WHERE closed_at IS NULL"))
    assert "Pull did not tell of everything" in why


@pytest.mark.fault(51)
def test_of_what_was_not_asked_for_while_the_clock_was_ahead_a_person_knows(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    advance(30 * 24 * 3600)
    worker.pull()
    advance(-30 * 24 * 3600)

    worker.pull()

    assert "The clock of this server was ahead" in value("SELECT why FROM task")
    execute("UPDATE task SET closed_at = rufaa_now(), closed_as = 'compared'")
    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()
    assert open_tasks() == []


def test_of_the_time_in_which_it_was_switched_off_nobody_is_told(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    """Whoever switches it off knows."""
    worker.pull()
    unit(lambda tx: pulls.stop(tx, pulling.account.pk))
    advance(49 * 3600, simulator)
    unit(lambda tx: pulls.start(tx, pulling.account.pk))

    worker.pull()

    assert value("SELECT pulled_until FROM mpesa_access") is not None
    assert open_tasks() == []


def test_after_the_clock_was_set_back_it_is_asked_at_once(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    """A host that began with its clock a year ahead would ask nothing for a year."""
    execute("UPDATE mpesa_access SET pull_at = rufaa_now() + interval '1 year'")
    simulator.pay(PAYER, DEMO_SHORT_CODE, "RENT", 1000)
    advance(3, simulator)

    worker.pull()

    assert value("SELECT count(*) FROM receipt") == 1


def test_it_is_asked_every_quarter_of_an_hour_and_sooner_after_no_news(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    def asked() -> int:
        return sum(
            entry.kind == "exchange" and entry.data["path"] == "/pulltransactions/v1/query"
            for entry in simulator.journal()
        )

    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.PULL, status=503))
    counts = []
    for seconds in (0, 1, pulls.AGAIN_AFTER_S, 1, pulls.EVERY_S, 0):
        advance(seconds, simulator)
        worker.pull()
        counts.append(asked())
    empty = counts[0]  # an empty window is one question; another page is asked for only after a full one

    assert counts == [empty, empty, 2 * empty, 2 * empty, 3 * empty, 3 * empty]


def test_a_row_that_comes_late_or_twice_is_one_payment(
    pulling: World, simulator: RunningSimulator, worker: Worker
) -> None:
    referral, other = pulling.waiting(), pulling.waiting()
    simulator.script(Fault(FaultKind.PULL_DOUBLED))
    simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(referral), 1000)
    simulator.pay(PAYER, DEMO_SHORT_CODE, code_of(other), 1000)
    advance(3, simulator)

    worker.pull()
    advance(pulls.EVERY_S + 1, simulator)
    worker.pull()

    assert [pulling.status(each) for each in (referral, other)] == ["paid", "paid"]
    assert value("SELECT count(*) FROM receipt") == 2
    check_books(simulator)
