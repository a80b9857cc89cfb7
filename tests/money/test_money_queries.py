"""Asking: when, what an answer decides, and when a person takes over."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest

from rufaa.db.atomic import Tx
from rufaa.payments.reconcile import Reconciler
from rufaa.referrals.operations import fees_paid
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
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
    query_body,
    receipts,
    requests_to,
    rows,
    value,
    verdicts,
)

QUERY = "/mpesa/stkpushquery/v1/query"
OTHER = "254708004999"


def asked(simulator: RunningSimulator) -> int:
    return len(requests_to(simulator, QUERY))


def query_says(simulator: RunningSimulator, code: str, *, times: int) -> None:
    body = query_body(simulator.prompts()[-1].checkout_request_id, code)
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=body, count=times))


@pytest.mark.fault(13)
@pytest.mark.usefixtures("standing_clock")
def test_a_lost_callback_is_asked_about_at_20_s_and_its_number_comes_later(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: it is paid, and the callback is ten minutes late
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=600))
    worker.dispatch()
    simulator.answer(RINGS)

    # when: a second too early, then in time
    advance(19, simulator)
    worker.query()
    assert asked(simulator) == 0
    advance(1, simulator)
    worker.query()

    # then
    assert asked(simulator) == 1
    assert town.status(referral) == "paid"
    assert receipts() == [(None, "applied")]
    worker.query()
    advance(300, simulator)
    worker.query()
    assert asked(simulator) == 1  # nothing more to ask

    # and when the callback comes at last, it only brings the number
    advance(300, simulator)
    worker.settle()
    assert inbox_outcomes() == ["confirms"]
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]
    assert value("SELECT paid_at FROM receipt") is not None
    assert value("SELECT count(*) FROM transfer WHERE kind = 'received'") == 1
    assert open_tasks() == []
    assert verdicts(prompt) == ["query:confirms", "callback:confirms"]


def test_the_schedule_is_20_40_75_100_150_and_then_every_five_minutes_to_30_minutes(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    query_says(simulator, "4999", times=100)

    ages: list[int] = []
    while town.prompt(prompt)["state"] == "pending":
        due = value("SELECT extract(epoch FROM next_at - sent_at) FROM prompt")
        advance(int(due) - (ages[-1] if ages else 0), simulator)
        worker.query()
        ages.append(int(due))

    assert ages == [20, 40, 75, 100, 150, 450, 750, 1050, 1350, 1650, 1800]
    assert asked(simulator) == 11
    assert town.prompt(prompt)["state"] == "review"
    assert open_tasks() == ["review"]
    assert set(verdicts(prompt)) == {"query:no-news"}


def test_failures_told_by_queries_decide_only_after_the_prompts_life(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(CANCELS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()

    for seconds in (20, 20, 35):
        advance(seconds, simulator)
        worker.query()
        assert town.prompt(prompt)["state"] == "pending"
    advance(25, simulator)
    worker.query()

    assert verdicts(prompt) == ["query:fails-for-now"] * 3 + ["query:fails"]
    assert (town.prompt(prompt)["state"], town.prompt(prompt)["code"]) == ("unpaid", "1032")
    assert town.fee_state(referral) == "due"
    advance(1800, simulator)
    worker.query()
    assert asked(simulator) == 4


def test_one_failure_told_after_the_prompts_life_decides_nothing_two_do(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(CANCELS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()

    advance(100, simulator)
    worker.query()
    assert town.prompt(prompt)["state"] == "pending"
    advance(50, simulator)
    worker.query()

    assert verdicts(prompt) == ["query:fails-for-now", "query:fails"]
    assert town.prompt(prompt)["state"] == "unpaid"


@pytest.mark.usefixtures("standing_clock")
def test_no_response_keeps_one_last_query_at_150_s(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: the callback says 1037, wrongly: the patient pays in the last moment (daraja.md §15)
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    row = town.prompt(prompt)
    body = failure_body(row["checkout_request_id"], 1037, MerchantRequestID=row["merchant_request_id"])
    assert post(gateway.callback_url(prompt), body).status == 200
    worker.settle()
    assert town.prompt(prompt)["state"] == "unpaid"
    simulator.answer(RINGS)

    advance(149, simulator)
    worker.query()
    assert asked(simulator) == 0
    advance(1, simulator)
    worker.query()

    assert asked(simulator) == 1
    assert town.status(referral) == "paid"
    assert receipts() == [(None, "applied")]


def test_no_response_that_was_true_is_asked_about_once_and_no_more(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    simulator.advance(61)  # nobody answers: 1037
    worker.settle()
    assert (town.prompt(prompt)["state"], town.prompt(prompt)["code"]) == ("unpaid", "1037")

    for _ in range(4):
        advance(150, simulator)
        worker.query()

    assert asked(simulator) == 1
    assert town.prompt(prompt)["state"] == "unpaid"


def test_the_last_query_about_no_response_is_repeated_when_it_learned_nothing(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(
        Fault(FaultKind.CALLBACK_LOST),
        Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=429, body="{}"),
    )
    worker.dispatch()
    row = town.prompt(prompt)
    body = failure_body(row["checkout_request_id"], 1037, MerchantRequestID=row["merchant_request_id"])
    assert post(gateway.callback_url(prompt), body).status == 200
    worker.settle()
    simulator.answer(RINGS)

    for _ in range(4):
        advance(150, simulator)
        worker.query()

    assert town.status(referral) == "paid"


@pytest.mark.fault(25)
def test_an_uncertain_code_leaves_the_prompt_pending(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted("254708000017")
    worker.dispatch()
    simulator.advance(2)
    worker.settle()

    assert inbox_outcomes() == ["no-news"]
    assert town.prompt(prompt)["state"] == "pending"
    for seconds in (20, 20, 35, 25, 50):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "pending"
    assert verdicts(prompt) == ["callback:no-news"] + ["query:no-news"] * 5


def test_after_an_hour_of_downtime_a_prompt_is_asked_about_before_a_person_is(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """The one time when callbacks are lost for sure is when we were down."""
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    simulator.answer(RINGS)

    advance(3500, simulator)
    worker.query()

    assert asked(simulator) == 1
    assert town.status(referral) == "paid"
    assert town.prompt(prompt)["state"] == "paid"


@pytest.mark.fault(26)
@pytest.mark.usefixtures("standing_clock")
def test_the_query_budget_of_an_account_spaces_questions(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """5 a minute with burst 1 were measured (daraja.md §5): one each 12 s."""
    execute("UPDATE mpesa_account SET queries_per_min = 5")
    for each in range(3):
        town.prompted(f"25470800400{each}")
    worker.dispatch()
    assert len(simulator.prompts()) == 3
    advance(20, simulator)

    counts = []
    for seconds in (0, 0, 11, 1, 12):
        advance(seconds, simulator)
        worker.query()
        counts.append(asked(simulator))

    assert counts == [1, 1, 1, 2, 3]


@pytest.mark.fault(26)
@pytest.mark.usefixtures("standing_clock")
def test_what_waits_longest_is_asked_about_first(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    execute("UPDATE mpesa_account SET queries_per_min = 5")
    prompts = [town.prompted(f"25470800400{each}")[1] for each in range(3)]
    worker.dispatch()
    waits = (prompts[1], prompts[2], prompts[0])
    for place, prompt in enumerate(waits):
        execute(
            "UPDATE prompt SET next_at = sent_at + %(s)s * interval '1 second' WHERE id = %(id)s", s=place, id=prompt
        )
    advance(20, simulator)

    asked_about = []
    for _ in waits:
        worker.query()
        asked_about.append(value("SELECT id FROM prompt WHERE queries = 1 AND id <> ALL(%(known)s)", known=asked_about))
        advance(12, simulator)

    assert tuple(asked_about) == waits


def test_an_answer_that_cannot_be_settled_does_not_hold_up_the_others(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, _ = town.prompted(RINGS)
    good, _ = town.prompted(OTHER)
    simulator.script(Fault(FaultKind.CALLBACK_LOST, count=2))
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.answer(OTHER)
    poison = value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(bad))

    def hand_on(tx: Tx, fees: Sequence[uuid.UUID]) -> None:
        assert poison not in fees, "the poison"
        fees_paid(tx, fees)

    with monkeypatch.context() as patched:
        patched.setattr(
            "support.Reconciler",
            lambda daraja, accounts, aside, **_: Reconciler(daraja, accounts, aside, hand_on=hand_on),
        )
        advance(20, simulator)
        for _ in range(3):
            try:
                worker.query()
            except AssertionError as error:
                assert str(error).startswith("the poison")  # noqa: PT017 - the loop logs it and goes on
    assert (town.status(good), town.status(bad)) == ("paid", "pending-payment")

    advance(60, simulator)
    worker.query()
    assert town.status(bad) == "paid"


@pytest.mark.fault(25)
def test_an_answer_about_another_prompt_is_no_news(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    body = query_body("ws_CO_of_somebody_else", "0")
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=body))

    advance(20, simulator)
    worker.query()

    assert verdicts(prompt) == ["query:no-news"]
    assert town.prompt(prompt)["state"] == "pending"
    assert rows("SELECT id FROM receipt") == []


def test_a_prompt_whose_accounts_keys_cannot_be_read_any_more_is_a_persons_in_the_end(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    execute("UPDATE mpesa_account SET sealed_keys = 'of another key'")

    for _ in range(11):
        advance(int(value("SELECT extract(epoch FROM next_at - rufaa_now()) FROM prompt")) + 1, simulator)
        worker.query()

    assert (town.prompt(prompt)["state"], open_tasks()) == ("review", ["review"])
    assert asked(simulator) == 0
    assert verdicts(prompt) == ["query:no-news"] * 11


@pytest.mark.fault(25)
@pytest.mark.parametrize("code", ["0", "1032"])
@pytest.mark.parametrize(
    ("status", "form"),
    [
        (200, '{"errorCode": "CODE", "errorMessage": "x"}'),
        (200, '{"errorCode": CODE, "errorMessage": "x"}'),
        (500, '{"requestId": "r", "errorCode": "CODE", "errorMessage": "x"}'),
        (500, '{"fault": {"faultstring": "x", "detail": {"errorcode": "CODE"}}}'),
    ],
)
def test_the_code_of_an_error_is_no_result(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, status: int, form: str, code: str
) -> None:
    """Neither is it money, nor twice a failure, whatever number Daraja or its gateway puts there."""
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    body = form.replace("CODE", code)
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=status, body=body, count=9))

    for _ in range(3):
        advance(301, simulator)
        worker.query()

    assert verdicts(prompt) == ["query:no-news"] * 3
    assert town.prompt(prompt)["state"] == "pending"
    assert value("SELECT string_agg(DISTINCT result_code, ' ') FROM evidence") == f"error-{code}"
    assert receipts() == []
    assert town.status(referral) == "pending-payment"
