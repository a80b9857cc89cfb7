"""``rufaa replay``: what could not be taken in is settled once more after a repair, and what was taken in never is."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from rufaa.cli.replay import settled
from rufaa.db.atomic import Tx, unit
from rufaa.ingest.address import confirmation_url
from rufaa.ingest.replay import AlreadyTakenIn, NoSuchReport, StillNotTakenIn
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import (
    KEYS,
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
    success_body,
    unchanged,
    value,
)

BROKEN = "ALTER TABLE evidence ADD CONSTRAINT forced CHECK (receipt_number = '' AND result_code <> '1032') NOT VALID"
MENDED = "ALTER TABLE evidence DROP CONSTRAINT forced"


@pytest.fixture
def broken(database: str) -> Any:
    """While it is called nothing with a receipt number, and no cancellation, can be taken in."""
    state = {"broken": False}

    def switch(wanted: bool) -> None:
        if wanted != state["broken"]:
            execute(BROKEN if wanted else MENDED)
            state["broken"] = wanted

    yield switch
    switch(False)


Switch = Callable[[bool], None]


def code_of(referral: str) -> str:
    return str(value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)))


def notice(world: World, *, number: str = "UKS6UBBB8A", reference: str = "RENT") -> dict[str, str]:
    return {
        "TransactionType": "Pay Bill",
        "TransID": number,
        "TransTime": "20261128120000",
        "TransAmount": "1000.00",
        "BusinessShortCode": DEMO_SHORT_CODE,
        "BillRefNumber": reference,
        "MSISDN": "2547 ***** 149",
    }


def keep(subject: uuid.UUID, body: object, *, kind: str = "c2b", outcome: str | None = None) -> int:
    """A stored report, as if it had come to ``outcome``; its number."""
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body, settled_at, outcome) VALUES (%(kind)s, %(subject)s,"
        " '127.0.0.1', true, %(body)s, CASE WHEN %(outcome)s <> '' THEN rufaa_now() END, %(outcome)s)",
        kind=kind,
        subject=subject,
        body=json.dumps(body).encode(),
        outcome=outcome or "",
    )
    return int(value("SELECT max(id) FROM inbox"))


def cancelled(simulator: RunningSimulator) -> dict[str, Any]:
    """The callback of the one push: cancelled on the phone."""
    push = simulator.prompts()[0]
    return failure_body(push.checkout_request_id, MerchantRequestID=push.merchant_request_id)


# --- what failed ---------------------------------------------------------------------------------------------------


def test_a_notice_that_failed_pays_once_it_can_be_taken_in(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, broken: Switch
) -> None:
    register_c2b(town, simulator, gateway)
    referral = town.waiting()
    broken(True)
    simulator.pay(RINGS, DEMO_SHORT_CODE, code_of(referral), 1000)
    advance(3, simulator)
    worker.settle()
    assert (inbox_outcomes(), open_tasks()) == (["failed: IntegrityError"], ["unread"])

    # while it is broken nothing changes
    with unchanged(), pytest.raises(StillNotTakenIn, match=r"It still fails: IntegrityError. Nothing was changed."):
        settled(1)

    broken(False)
    assert settled(1) == (
        "Stored report 1 is taken in, as report 3: it is new money, and pays the fee."
        " The task that it had opened is closed."
    )
    assert town.status(referral) == "paid"
    assert (inbox_outcomes(), open_tasks()) == (["failed: IntegrityError", "pays"], [])
    first, second = rows("SELECT kind, subject, trusted, body, source FROM inbox ORDER BY id")
    assert second == {**first, "source": "replay of 1"}
    assert rows("SELECT closed_as, closed_by FROM task") == [{"closed_as": "replayed", "closed_by": None}]


def test_a_callback_that_failed_is_settled_and_its_task_closed(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, broken: Switch
) -> None:
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    broken(True)
    simulator.answer(RINGS)
    advance(3, simulator)
    worker.settle()
    assert (inbox_outcomes(), open_tasks()) == (["failed: IntegrityError"], ["contradiction"])

    broken(False)
    said = settled(1)

    assert said.endswith(": it is believed. The task that it had opened is closed.")
    assert (town.status(referral), town.prompt(prompt)["state"], open_tasks()) == ("paid", "paid", [])


def test_the_task_stays_while_another_report_of_the_account_is_unread(
    town: World, simulator: RunningSimulator, worker: Worker, broken: Switch, gateway: Running
) -> None:
    register_c2b(town, simulator, gateway)
    broken(True)
    for _ in range(2):
        simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1000)
        advance(3, simulator)
        worker.settle()
    assert (inbox_outcomes(), open_tasks()) == (["failed: IntegrityError"] * 2, ["unread"])
    broken(False)

    assert "task" not in settled(1)
    assert open_tasks() == ["unapplied", "unread"]
    assert settled(2).endswith("The task that it had opened is closed.")
    assert open_tasks() == ["unapplied", "unapplied"]


def test_what_could_not_be_read_is_read_by_a_newer_version(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    report = keep(prompt, cancelled(simulator), kind="stk", outcome="malformed: not an object")

    assert settled(report) == f"Stored report {report} is taken in, as report {report + 1}: it is believed."
    assert town.prompt(prompt)["state"] == "unpaid"
    assert town.fee_state(referral) == "due"


def test_a_report_to_an_account_that_was_unknown_is_taken_in_once_it_is_there(
    world: World, gateway: Running, worker: Worker, simulator: RunningSimulator
) -> None:
    account = world.account.pk
    stranger = uuid.uuid4()
    number = simulator.pay(RINGS, DEMO_SHORT_CODE, "RENT", 1000)
    post(confirmation_url(gateway.url, stranger, keys=KEYS), notice(world, number=number))
    worker.settle()
    assert (inbox_outcomes(), open_tasks()) == (["unknown-account"], ["stray"])
    with unchanged(), pytest.raises(StillNotTakenIn, match=r"It still cannot be taken in: unknown-account."):
        settled(1)

    def known(tx: Tx) -> None:
        columns = "short_code, created_at, owner_id, base_url, kind, till_number, sealed_keys"
        tx.execute(
            f"INSERT INTO mpesa_account (id, environment, {columns}) SELECT %(new)s, 'sandbox', {columns}"
            " FROM mpesa_account WHERE id = %(old)s",
            {"new": stranger, "old": account},
        )

    unit(known)
    said = settled(1)

    assert said.startswith("Stored report 1 is taken in, as report 3: it is new money, and waits for a person.")
    assert receipts() == [(number, "unapplied")]
    assert open_tasks() == ["unapplied"]


def test_a_callback_about_a_prompt_that_is_still_unknown_changes_nothing(
    town: World, gateway: Running, worker: Worker
) -> None:
    post(gateway.callback_url(uuid.uuid4()), failure_body("ws_CO_231120261010123708374149"))
    worker.settle()

    with unchanged(), pytest.raises(StillNotTakenIn, match=r"It still cannot be taken in: unknown-prompt."):
        settled(1)


# --- what is refused -----------------------------------------------------------------------------------------------


def test_what_was_taken_in_is_refused_with_what_it_meant(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    register_c2b(town, simulator, gateway)
    simulator.pay(RINGS, DEMO_SHORT_CODE, code_of(town.waiting()), 1000)
    advance(3, simulator)
    worker.settle()

    with unchanged(), pytest.raises(AlreadyTakenIn) as refused:
        settled(1)

    assert refused.value.message == (
        "Stored report 1 was taken in. It is not settled again, since it could count twice."
        " What it meant: it is new money, and pays the fee."
    )


def test_a_stray_that_is_asked_about_is_evidence_and_refused(town: World, gateway: Running, worker: Worker) -> None:
    post(gateway.callback_url(uuid.uuid4()), success_body("ws_CO_231120261010123708374149"))
    worker.settle()
    assert inbox_outcomes() == ["unknown-prompt"]

    with unchanged(), pytest.raises(AlreadyTakenIn):
        settled(1)


def test_a_second_replay_is_refused(town: World, worker: Worker, simulator: RunningSimulator) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    report = keep(prompt, cancelled(simulator), kind="stk", outcome="failed: X")
    settled(report)

    for again in (report, report + 1):
        with unchanged(), pytest.raises(AlreadyTakenIn, match=r"What it meant: it is believed."):
            settled(again)


def test_two_replays_at_once_settle_it_once(town: World, worker: Worker, simulator: RunningSimulator) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    report = keep(prompt, cancelled(simulator), kind="stk", outcome="failed: X")
    ends: list[str] = []

    def one() -> None:
        try:
            ends.append(settled(report))
        except AlreadyTakenIn:
            ends.append("refused")

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each == "refused" for each in ends) == [False, True, True, True]
    assert inbox_outcomes() == ["failed: X", "fails"]


@pytest.mark.parametrize("outcome", ["validation", "known", "confirms", "ask"])
def test_other_words_are_refused(town: World, outcome: str) -> None:
    report = keep(town.account.pk, notice(town), outcome=outcome)

    with unchanged(), pytest.raises(AlreadyTakenIn):
        settled(report)


def test_what_does_not_exist_is_one_sentence(town: World) -> None:
    with unchanged(), pytest.raises(NoSuchReport, match=r"There is no stored report 7."):
        settled(7)


# --- what nobody settled -------------------------------------------------------------------------------------------


def test_a_report_that_waits_is_settled_itself(town: World, worker: Worker, simulator: RunningSimulator) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    report = keep(prompt, cancelled(simulator), kind="stk")

    assert settled(report) == f"Stored report {report} is taken in: it is believed."
    assert inbox_outcomes() == ["fails"]
