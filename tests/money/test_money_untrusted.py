"""Callbacks from addresses that may not speak for Safaricom: believed only when a query says the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

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
    check_books,
    inbox_outcomes,
    open_tasks,
    post,
    push_beyond,
    receipts,
    running_gateway,
    success_body,
    verdicts,
)

LISTED = "196.201.214.200"
BEING_PROCESSED = (
    '{"requestId": "r", "errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}'
)
SPIKE_ARREST = (
    '{"fault": {"faultstring": "Spike arrest violation", "detail": {"errorcode":'
    ' "policies.ratelimit.SpikeArrestViolation"}}}'
)


@pytest.fixture
def gateway(database: str) -> Iterator[Running]:
    """Callbacks count only from one address, and loopback is not it."""
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES=LISTED) as running:
        yield running


def test_a_success_is_believed_after_a_query_and_its_number_is_not(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    assert inbox_outcomes() == ["ask"]
    assert town.prompt(prompt)["state"] == "pending"
    assert receipts() == []

    worker.query()  # at once: no time has passed

    assert town.status(referral) == "paid"
    assert receipts() == [(None, "applied")]
    assert verdicts(prompt) == ["callback:ask", "query:confirms"]


@pytest.mark.parametrize("forged_first", [True, False])
def test_a_false_number_is_not_put_on_money_whose_true_one_will_come(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, forged_first: bool
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    referral, prompt = town.prompted(PAYS)
    worker.dispatch()
    advance(21, simulator)
    row = town.prompt(prompt)
    forged = success_body(
        row["checkout_request_id"], phone=int(PAYS), number="UKS0FALSE0", MerchantRequestID=row["merchant_request_id"]
    )
    for forges in (forged_first, not forged_first):
        if forges:
            assert post(gateway.callback_url(prompt), forged).status == 200
            worker.settle()
        else:
            worker.query()

    assert town.status(referral) == "paid"
    assert receipts() == [(None, "applied")]  # awaited: the notice will tell it


@pytest.mark.fault(19)
def test_a_failure_decides_nothing_while_the_phone_may_ring(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(CANCELS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    worker.query()

    assert inbox_outcomes() == ["ask"]
    assert verdicts(prompt) == ["callback:ask", "query:fails-for-now"]
    assert town.prompt(prompt)["state"] == "pending"

    for seconds in (20, 20, 35, 25):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "unpaid"


@pytest.mark.fault(18)
def test_a_forged_success_is_not_believed_when_the_query_denies_it(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(CANCELS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    row = town.prompt(prompt)
    forged = success_body(row["checkout_request_id"], phone=int(CANCELS), MerchantRequestID=row["merchant_request_id"])
    assert post(gateway.callback_url(prompt), forged).status == 200
    worker.settle()

    for seconds in (2, 20, 20, 35, 25):
        advance(seconds, simulator)
        worker.query()

    assert town.prompt(prompt)["state"] == "unpaid"
    assert (receipts(), town.fee_state(referral)) == ([], "due")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "outcome"),
    [
        ("127.0.0.1", LISTED, "confirms"),
        ("127.0.0.1", f"10.0.0.1, {LISTED}", "confirms"),  # what the sender writes itself counts for nothing
        ("127.0.0.1", f"{LISTED}, 10.0.0.1", "ask"),
        ("127.0.0.1", "", "ask"),
    ],
)
def test_the_source_is_what_named_proxies_say(
    town: World, simulator: RunningSimulator, database: str, proxies: str, forwarded: str, outcome: str
) -> None:
    settings = {"RUFAA_CALLBACK_ADDRESSES": LISTED, "RUFAA_TRUSTED_PROXIES": proxies}
    with running_gateway(database, **settings) as gateway:
        worker = Worker(gateway.url)
        _, prompt = town.prompted(RINGS)
        simulator.script(Fault(FaultKind.CALLBACK_LOST))
        worker.dispatch()
        simulator.answer(RINGS)
        row = town.prompt(prompt)
        body = success_body(
            row["checkout_request_id"],
            number=simulator.prompts()[0].receipt,
            MerchantRequestID=row["merchant_request_id"],
        )

        assert post(gateway.callback_url(prompt), body, X_Forwarded_For=forwarded).status == 200
        worker.settle()
        assert inbox_outcomes() == [outcome]

        advance(20, simulator)
        worker.query()
        told = simulator.prompts()[0].receipt if outcome == "confirms" else None
        assert receipts() == [(told, "applied")]


def test_money_of_an_unknown_push_is_booked_as_safaricom_tells_it_and_not_as_a_forger_does(
    database: str, town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: a paid push that this database does not know, since it was restored from before
    forgotten = uuid.uuid4()
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    push_beyond(simulator, callback_url=gateway.callback_url(forgotten))
    advance(2, simulator)
    (push,) = simulator.prompts()

    # when: somebody with the right secret tells another amount, and the account confirms the push
    forged = success_body(push.checkout_request_id, number="UKN7XY1234", phone=int(PAYS), amount=99000.0)
    post(gateway.callback_url(forgotten), forged)
    worker.settle()
    worker.find_strays()

    # then: nothing is booked, and a person knows
    assert inbox_outcomes() == ["unknown-prompt"]
    assert receipts() == []
    assert open_tasks() == ["stray"]

    # and: the true callback is believed as if there had been no other
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES="127.0.0.1") as listed:
        true = success_body(push.checkout_request_id, number=push.receipt, phone=int(PAYS))
        post(listed.callback_url(forgotten), true)
    worker.settle()
    worker.find_strays()
    assert receipts() == [(push.receipt, "unapplied")]
    check_books(simulator)


@pytest.mark.fault(18)
def test_a_forged_callback_teaches_no_id_by_which_another_payment_would_be_taken(
    database: str, town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """A prompt without an id is asked about as soon as it has one, and the forger knows one that was paid."""
    # given: a push that was paid, which this database does not know, and a prompt whose answer was lost
    forgotten = uuid.uuid4()
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    push_beyond(simulator, callback_url=gateway.callback_url(forgotten))
    advance(2, simulator)
    (paid,) = simulator.prompts()
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.REQUEST_LOST, on=Operation.PUSH))
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "unknown"

    # when: somebody with the right secret gives the prompt that push's id
    forged = success_body(paid.checkout_request_id, number=paid.receipt, phone=int(RINGS), MerchantRequestID="m-1")
    post(gateway.callback_url(prompt), forged)
    worker.settle()
    worker.query()

    # then: the other's payment is nobody's here
    assert inbox_outcomes() == ["ask"]
    assert town.prompt(prompt)["checkout_request_id"] is None
    assert (town.fee_state(referral), receipts()) == ("due", [])

    # and: it is booked as its own once its true callback comes
    with running_gateway(database, RUFAA_CALLBACK_ADDRESSES="127.0.0.1") as listed:
        post(
            listed.callback_url(forgotten), success_body(paid.checkout_request_id, number=paid.receipt, phone=int(PAYS))
        )
    worker.settle()
    worker.find_strays()
    assert receipts() == [(paid.receipt, "unapplied")]


@pytest.mark.parametrize(("status", "answer"), [(429, SPIKE_ARREST), (500, BEING_PROCESSED)])
def test_a_late_success_is_asked_about_until_a_query_tells(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, status: int, answer: str
) -> None:
    """A finished payment's query gave a bare 500.001.1001 in 4 of 19 polls (daraja.md §5)."""
    # given: two queries said "unpaid" of a prompt that was paid
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_DELAYED, delay_s=300))
    worker.dispatch()
    simulator.answer(RINGS)
    checkout = town.prompt(prompt)["checkout_request_id"]
    said = (
        '{"ResponseCode": "0", "CheckoutRequestID": "'
        + checkout
        + '", "ResultCode": "1032", "ResultDesc": "cancelled"}'
    )
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=200, body=said, count=2))
    for seconds in (20, 80):
        advance(seconds, simulator)
        worker.query()
    assert town.prompt(prompt)["state"] == "unpaid"

    # when: the success comes at last, and the first query about it learns nothing
    advance(300, simulator)
    worker.settle()
    assert inbox_outcomes() == ["ask"]
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, on=Operation.QUERY, status=status, body=answer))
    for _ in range(5):
        worker.query()
        advance(300, simulator)

    # then: it is paid, or a person has it; never neither
    assert town.status(referral) == "paid" or open_tasks() == ["review"]
