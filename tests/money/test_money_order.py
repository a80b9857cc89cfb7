"""Callbacks in every order and number: early, doubled, late, contradictory. Success wins, once, whenever it comes."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
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
    pushes,
    query_body,
    receipts,
    rows,
    success_body,
    value,
    verdicts,
)


def paid(simulator: RunningSimulator, prompt: int = 0) -> str:
    """The receipt number that M-Pesa gave."""
    number = simulator.prompts()[prompt].receipt
    assert number is not None
    return number


def query_says(simulator: RunningSimulator, checkout: str, code: str, *, times: int = 1) -> None:
    body = query_body(checkout, code)
    simulator.script(
        Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=body, count=times, accepted=True)
    )


@pytest.mark.fault(12)
def test_a_callback_that_beats_the_answer_to_its_post_pays_and_the_answer_changes_nothing(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: a phone that pays at once, and Daraja answering the push only after the callback was taken
    referral, prompt = town.prompted(PAYS)
    simulator.script(Fault(FaultKind.CALLBACK_FIRST))

    # when
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "pending"  # the callback waits in the inbox, committed
    assert inbox_outcomes() == [None]
    worker.settle()

    # then
    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert receipts() == [(paid(simulator), "applied")]
    assert inbox_outcomes() == ["confirms"]


@pytest.mark.parametrize(
    ("phone", "state", "verdict"), [(PAYS, "paid", "callback:confirms"), (CANCELS, "unpaid", "callback:fails")]
)
def test_a_callback_settled_while_the_post_is_unanswered_stands_and_the_late_answer_moves_nothing(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, phone: str, state: str, verdict: str
) -> None:
    # given: the answer hangs, and meanwhile the callback comes and is settled
    _, prompt = town.prompted(phone)
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=10))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(worker.dispatch)
        simulator.wait_until(lambda: len(simulator.prompts()) == 1)
        assert town.prompt(prompt)["state"] == "sending"
        simulator.advance(5)
        worker.settle()
        assert town.prompt(prompt)["state"] == state
        before = town.prompt(prompt)

        # when
        simulator.advance(5)
        sending.result()

    # then
    assert town.prompt(prompt) == before
    assert before["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    assert verdicts(prompt) == [verdict]
    assert pushes(simulator) == 1


def test_a_callback_twice_is_one_receipt(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(PAYS)
    simulator.script(Fault(FaultKind.CALLBACK_DUPLICATED, copies=2))
    worker.dispatch()
    simulator.advance(2)

    worker.settle()

    assert inbox_outcomes() == ["confirms", "confirms"]
    assert receipts() == [(paid(simulator), "applied")]
    assert value("SELECT count(*) FROM history WHERE machine = 'prompt' AND to_state = 'paid'") == 1
    assert open_tasks() == []
    assert verdicts(prompt) == ["callback:confirms"] * 2


@pytest.mark.fault(14)
def test_a_callback_a_thousand_times_at_once_is_one_receipt(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: the callback of a paid prompt, as it was sent
    referral, prompt = town.prompted(PAYS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    simulator.advance(2)
    body = success_body(town.prompt(prompt)["checkout_request_id"], number=paid(simulator), phone=int(PAYS))
    body["Body"]["stkCallback"]["MerchantRequestID"] = town.prompt(prompt)["merchant_request_id"]
    url = gateway.callback_url(prompt)

    # when: it comes 1,000 times, 32 at once
    with ThreadPoolExecutor(32) as pool:
        statuses = {answer.status for answer in pool.map(lambda _: post(url, body), range(1000))}
    worker.settle()

    # then
    assert statuses == {200}
    assert value("SELECT count(*) FROM inbox WHERE outcome = 'confirms'") == 1000
    assert receipts() == [(paid(simulator), "applied")]
    assert town.status(referral) == "paid"
    assert open_tasks() == []


@pytest.mark.fault(15)
def test_a_success_after_a_failure_that_two_queries_told_still_pays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: the money moved, the callback is late, and the query says that nothing was paid (daraja.md §5)
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=600))
    worker.dispatch()
    simulator.answer(RINGS)
    query_says(simulator, town.prompt(prompt)["checkout_request_id"], "1032", times=2)
    for seconds in (20, 80):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "unpaid"

    # when
    advance(600, simulator)
    worker.settle()

    # then
    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert receipts() == [(paid(simulator), "applied")]


@pytest.mark.fault(15)
def test_a_success_after_review_pays_and_closes_the_task(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: thirty minutes without news
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=2000))
    worker.dispatch()
    simulator.answer(RINGS)
    query_says(simulator, town.prompt(prompt)["checkout_request_id"], "4999", times=50)
    for _ in range(40):
        advance(50, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "review"
    assert open_tasks() == ["review"]

    # when
    advance(60, simulator)
    worker.settle()

    # then
    assert town.status(referral) == "paid"
    assert receipts() == [(paid(simulator), "applied")]
    assert open_tasks() == []


def test_a_success_after_a_refusal_pays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: Daraja says that it refused the push, and sends it all the same
    referral, prompt = town.prompted(RINGS)
    body = '{"requestId": "r", "errorCode": "400.002.02", "errorMessage": "Bad Request - Invalid Amount"}'
    simulator.script(
        Fault(FaultKind.ANSWER_REPLACED, status=400, body=body, content_type="application/json", accepted=True)
    )
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "refused"
    assert town.prompt(prompt)["code"] == "400.002.02"

    # when
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    # then
    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert receipts() == [(paid(simulator), "applied")]
    assert town.prompt(prompt)["checkout_request_id"] == simulator.prompts()[0].checkout_request_id


@pytest.mark.fault(16)
def test_a_failure_after_success_undoes_nothing_and_asks_a_person(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    row = town.prompt(prompt)
    failure = failure_body(row["checkout_request_id"], MerchantRequestID=row["merchant_request_id"])

    assert post(gateway.callback_url(prompt), failure).status == 200
    worker.settle()

    assert inbox_outcomes() == ["confirms", "ask"]
    assert town.prompt(prompt)["state"] == "paid"
    assert town.fee_state(referral) == "paid"
    assert town.status(referral) == "paid"
    assert open_tasks() == ["contradiction"]


def test_two_different_failures_for_one_push_are_one_failure(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """Seen three times in 10,651 ids (daraja.md §16): 1037 then 1019."""
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    row = town.prompt(prompt)
    for code in (1037, 1019):
        body = failure_body(row["checkout_request_id"], code, MerchantRequestID=row["merchant_request_id"])
        assert post(gateway.callback_url(prompt), body).status == 200

    worker.settle()

    assert inbox_outcomes() == ["fails", "fails"]
    assert (town.prompt(prompt)["state"], town.prompt(prompt)["code"]) == ("unpaid", "1037")
    assert open_tasks() == []
    assert receipts() == []


@pytest.mark.fault(16)
@pytest.mark.parametrize("order", [("failure", "success"), ("success", "failure")])
def test_success_and_failure_in_one_batch_are_paid_in_either_order(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, order: tuple[str, str]
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    simulator.answer(RINGS)
    row = town.prompt(prompt)
    ids = {"MerchantRequestID": row["merchant_request_id"]}
    bodies = {
        "failure": failure_body(row["checkout_request_id"], **ids),
        "success": success_body(row["checkout_request_id"], number=paid(simulator), **ids),
    }
    for each in order:
        assert post(gateway.callback_url(prompt), bodies[each]).status == 200

    worker.settle()

    assert town.prompt(prompt)["state"] == "paid"
    assert town.status(referral) == "paid"
    assert receipts() == [(paid(simulator), "applied")]
    assert open_tasks() == (["contradiction"] if order[0] == "success" else [])


def test_two_receipt_numbers_for_one_prompt_keep_the_first_and_ask_a_person(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    row = town.prompt(prompt)
    other = success_body(
        row["checkout_request_id"], number="RKN7ZZZZZZ", phone=int(PAYS), MerchantRequestID=row["merchant_request_id"]
    )

    assert post(gateway.callback_url(prompt), other).status == 200
    worker.settle()

    assert receipts() == [(paid(simulator), "applied")]
    assert open_tasks() == ["contradiction"]


def test_an_inbox_row_for_a_prompt_that_is_not_here_is_kept_and_named(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """After a restore from an older backup, say: the bytes must be there for whoever sorts it out."""
    elsewhere = uuid.UUID(int=7)
    body = success_body("ws_CO_1")

    assert post(gateway.callback_url(elsewhere), body).status == 200
    worker.settle()

    assert inbox_outcomes() == ["unknown-prompt"]
    (row,) = rows("SELECT kind, subject, source, body FROM inbox")
    assert (row["kind"], row["subject"]) == ("stk", elsewhere)
    assert row["source"] == "127.0.0.1"
    assert b"RKN7A1B2C3" in bytes(row["body"])
    assert receipts() == []


def test_a_stored_callback_is_never_changed_or_deleted(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()

    for statement in ("UPDATE inbox SET outcome = 'no'", "DELETE FROM inbox", "UPDATE evidence SET verdict = 'fails'"):
        with pytest.raises(Exception, match=r"never changes|are kept"):
            execute(statement)
