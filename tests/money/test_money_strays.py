"""Callbacks of pushes that this database does not know, since it was restored from before: the money is kept."""

from __future__ import annotations

import urllib.request
import uuid
from dataclasses import replace
from typing import Any, Final

import pytest

from rufaa.cli.story import tell
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
    KEYS,
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    check_books,
    credentials,
    execute,
    inbox_outcomes,
    open_tasks,
    post,
    push_beyond,
    receipts,
    rows,
    success_body,
    unchanged,
    value,
)

ALSO_PAYS: Final = "254709000000"
A_MONTH_S: Final = 30 * 24 * 3600.0


def forgotten(simulator: RunningSimulator, gateway: Running, phone: str = PAYS) -> uuid.UUID:
    """A push of before the restore, paid and called back; the prompt's id, which nobody knows here."""
    prompt = uuid.uuid4()
    push_beyond(simulator, callback_url=gateway.callback_url(prompt), phone=phone)
    advance(2, simulator)
    return prompt


def stray() -> dict[str, Any]:
    (row,) = rows("SELECT * FROM stray")
    return row


def test_the_money_of_an_unknown_prompt_waits_in_unapplied_with_a_task(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    forgotten(simulator, gateway)
    worker.settle()
    assert receipts() == []  # a callback alone is not enough: nothing here says what was asked for
    worker.find_strays()

    number = simulator.prompts()[0].receipt
    assert receipts() == [(number, "unapplied")]
    assert open_tasks() == ["unapplied"]
    (task,) = rows("SELECT facility_id, why FROM task")
    assert task["facility_id"] == town.tumaini.pk  # the account's only payee
    assert str(number) in task["why"]
    assert inbox_outcomes() == ["unknown-prompt"]
    assert [(row["channel"], row["verdict"]) for row in rows("SELECT * FROM evidence ORDER BY id")] == [
        ("callback", "ask"),
        ("query", "confirms"),
    ]
    check_books(simulator)

    worker.find_strays()
    assert stray()["queries"] == 1  # it is found, and not asked about again


def test_copies_of_it_are_one_payment(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_DUPLICATED, copies=3))
    forgotten(simulator, gateway)
    worker.settle()
    worker.find_strays()
    worker.find_strays()

    assert len(receipts()) == 1
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


def test_the_account_that_has_the_money_is_found_among_several(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """Accounts are asked one after the other; one that cannot be reached holds up no other."""
    for short_code in ("600001", "600002", "600003"):
        account = replace(credentials("http://127.0.0.1:1"), short_code=short_code)
        unit(
            lambda tx, account=account: facilities.keep_account(
                tx, account, keys=KEYS, pushes_per_s=1000, queries_per_min=60_000
            )
        )
    forgotten(simulator, gateway)
    worker.settle()
    for _ in range(12):
        if receipts():
            break
        advance(61)
        worker.find_strays()

    assert len(receipts()) == 1
    assert (
        value("SELECT short_code FROM receipt JOIN mpesa_account ON mpesa_account.id = account_id") == DEMO_SHORT_CODE
    )
    check_books(simulator)


@pytest.mark.parametrize("keys", ["at hand", "of another secret"])
def test_what_no_account_confirms_becomes_a_persons_task_and_nothing_in_the_books(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, keys: str
) -> None:
    """Somebody who knows the secret invents a payment; and of an account whose keys cannot be read nobody can ask."""
    if keys != "at hand":
        execute("UPDATE mpesa_account SET sealed_keys = 'of another secret'")
    url = gateway.callback_url(uuid.uuid4())
    assert post(url, success_body("ws_CO_23112026101010123708374149")).status == 200
    worker.settle()
    for _ in range(40):
        advance(300)
        worker.find_strays()

    assert receipts() == []
    assert open_tasks() == ["stray"]
    assert "no account confirms it" in value("SELECT why FROM task")
    check_books(simulator)


def test_asking_ends_after_a_day(town: World, simulator: RunningSimulator, gateway: Running, worker: Worker) -> None:
    post(gateway.callback_url(uuid.uuid4()), success_body("ws_CO_23112026101010123708374149"))
    worker.settle()
    for _ in range(60):
        advance(1800)
        worker.find_strays()

    assert stray()["next_at"] is None
    assert 24 <= stray()["queries"] <= 50


@pytest.mark.fault(51)
def test_what_came_while_the_clock_was_ahead_is_asked_about_once_it_is_set_back(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, count=2, on=Operation.QUERY))
    advance(A_MONTH_S)
    forgotten(simulator, gateway)
    worker.settle()
    advance(-A_MONTH_S)

    worker.find_strays()
    assert stray()["queries"] == 0
    worker.find_strays()
    assert (stray()["queries"], open_tasks()) == (1, ["stray"])  # how long it waits is not known
    for _ in range(2):
        worker.find_strays()
        advance(3600)
    assert stray()["queries"] == 2
    worker.find_strays()

    assert len(receipts()) == 1
    assert open_tasks() == ["unapplied"]
    check_books(simulator)


@pytest.mark.fault(51)
def test_what_came_while_the_clock_was_ahead_is_asked_about_for_a_day(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    advance(A_MONTH_S)
    post(gateway.callback_url(uuid.uuid4()), success_body("ws_CO_23112026101010123708374149"))
    worker.settle()
    advance(-A_MONTH_S)

    for _ in range(40):
        worker.find_strays()
        advance(3600)

    assert stray()["next_at"] is None
    assert 20 <= stray()["queries"] <= 30


def test_a_late_confirmation_closes_the_persons_task(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, count=100, on=Operation.QUERY))
    forgotten(simulator, gateway)
    worker.settle()
    for _ in range(20):
        advance(300)
        worker.find_strays()
    assert open_tasks() == ["stray"]

    urllib.request.urlopen(urllib.request.Request(f"{simulator.url}/control/faults", method="DELETE")).close()
    advance(3600)
    worker.find_strays()

    assert open_tasks() == ["unapplied"]
    assert len(receipts()) == 1
    check_books(simulator)


def test_a_failure_of_an_unknown_prompt_needs_nobody(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    forgotten(simulator, gateway, CANCELS)
    worker.settle()

    assert rows("SELECT id FROM stray") == []
    assert open_tasks() == []
    assert inbox_outcomes() == ["unknown-prompt"]


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        {"Body": {"stkCallback": {"ResultCode": 0, "ResultDesc": "ok"}}},
        success_body("ws_CO_1", number=None),
        success_body("ws_CO_1", amount=None),
        success_body("ws_CO_1", amount=0),
        success_body(None),
    ],
    ids=["unreadable", "empty", "no number", "no amount", "nothing paid", "no id"],
)
def test_a_claim_that_cannot_be_asked_about_goes_to_a_person(
    town: World, gateway: Running, worker: Worker, body: Any
) -> None:
    assert post(gateway.callback_url(uuid.uuid4()), body).status == 200
    worker.settle()

    assert open_tasks() == ["stray"]
    assert stray()["next_at"] is None
    assert receipts() == []


def test_a_known_pushs_callback_sent_to_an_unknown_address_is_no_second_payment(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(PAYS)
    worker.dispatch()
    advance(2, simulator)
    worker.settle()
    assert len(receipts()) == 1
    row = town.prompt(prompt)

    body = success_body(row["checkout_request_id"], number=simulator.prompts()[0].receipt, phone=int(PAYS))
    post(gateway.callback_url(uuid.uuid4()), body)
    worker.settle()
    worker.find_strays()

    assert rows("SELECT id FROM stray") == []
    assert len(receipts()) == 1
    check_books(simulator)


def test_a_receipt_number_of_another_push_does_not_swallow_the_money(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    town.prompted(RINGS)
    worker.dispatch()
    simulator.answer(RINGS)
    advance(2, simulator)
    worker.settle()
    taken = simulator.prompts()[0].receipt
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    prompt = forgotten(simulator, gateway)

    post(
        gateway.callback_url(prompt),
        success_body(simulator.prompts()[1].checkout_request_id, number=taken, phone=int(PAYS)),
    )
    worker.settle()
    worker.find_strays()

    assert receipts() == [(taken, "applied"), (None, "unapplied")]
    check_books(simulator)


def test_one_receipt_number_for_two_unknown_pushes_does_not_swallow_the_money_of_the_second(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: two pushes of before the restore; the callback of the second reports the number of the first
    forgotten(simulator, gateway)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    second = forgotten(simulator, gateway, phone=ALSO_PAYS)
    first_push, second_push = simulator.prompts()
    body = success_body(second_push.checkout_request_id, number=first_push.receipt, phone=int(ALSO_PAYS))
    post(gateway.callback_url(second), body)

    # when: the account has the money of both
    worker.settle()
    worker.find_strays()

    # then: each is in the books, one without its number
    assert sorted(receipts(), key=str) == [(first_push.receipt, "unapplied"), (None, "unapplied")]
    assert len({row["receipt_id"] for row in rows("SELECT receipt_id FROM stray")}) == 2
    assert open_tasks() == ["unapplied", "unapplied"]
    check_books(simulator)


def test_a_second_receipt_number_for_one_push_is_not_a_second_payment(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    prompt = forgotten(simulator, gateway)
    checkout = simulator.prompts()[0].checkout_request_id
    post(gateway.callback_url(prompt), success_body(checkout, number="UKN7XY1234", phone=int(PAYS)))
    worker.settle()
    worker.find_strays()
    advance(61)
    worker.find_strays()

    assert len(receipts()) == 1
    assert sorted(open_tasks()) == ["stray", "unapplied"]
    check_books(simulator)


def test_queries_about_strays_keep_to_the_accounts_rate(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    unit(lambda tx: tx.execute("UPDATE mpesa_account SET queries_per_min = 5"))
    for number in range(3):
        post(gateway.callback_url(uuid.uuid4()), success_body(f"ws_CO_2311202610101012370837414{number}"))
    worker.settle()
    worker.find_strays()

    assert value("SELECT sum(queries) FROM stray") == 1


def test_nothing_is_found_where_nothing_was_called_back(town: World, worker: Worker) -> None:
    with unchanged():
        worker.find_strays()


def test_explain_tells_where_the_money_of_an_unknown_prompt_is(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    prompt = forgotten(simulator, gateway)
    worker.settle()
    number = str(simulator.prompts()[0].receipt)

    def told(what: str) -> str:
        return "\n".join(unit(lambda tx: list(tell(tx, what))))

    assert "It is not in the books: no account has confirmed it." in told(number)
    worker.find_strays()
    for what in (number, prompt.hex, simulator.prompts()[0].checkout_request_id):
        assert "1,000.00 are in the books" in told(what)
        assert "For a person: unapplied." in told(what)
