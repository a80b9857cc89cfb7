"""A push is sent once: whatever becomes of its answer, of the connection and of the worker that sent it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from ports import free_port
from rufaa.daraja.outcomes import Accepted, Because, Declined, Exchange, NotSent, PushOutcome, Unknown
from rufaa.db.atomic import unit
from rufaa.payments import dispatch
from rufaa.payments.dispatch import LEASE_S, Claimed, claim_due, record, tidy
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import RINGS, Running, Worker, World, advance, execute, inbox_outcomes, open_tasks, pushes, receipts, rows

NOTHING = Exchange(None, b"", datetime(2026, 11, 23, tzinfo=UTC), 0.1)
SPIKE_ARREST = (
    '{"fault": {"faultstring": "Spike arrest violation", "detail": {"errorcode":'
    ' "policies.ratelimit.SpikeArrestViolation"}}}'
)


def claim_one() -> Claimed:
    (claimed,), _ = unit(lambda tx: claim_due(tx, limit=10))
    return claimed


def waive(town: World, referral: str) -> None:
    unit(lambda tx: referrals.propose_exemption(tx, town.admin, referral, kind=FeeEvent.WAIVE, reason="poor"))
    unit(lambda tx: referrals.second_exemption(tx, town.second_admin, referral))


def came(prompt: Claimed, outcome: PushOutcome) -> None:
    unit(lambda tx: record(tx, (prompt, outcome)))


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.ANSWER_LOST),
        Fault(FaultKind.ANSWER_REPLACED, accepted=True),
        Fault(FaultKind.ANSWER_REPLACED, status=200, body="", accepted=True),
        Fault(FaultKind.ANSWER_REPLACED, status=200, body='{"ResponseCode": "0"}', accepted=True),
    ],
    ids=["cut off", "503 HTML", "empty 200", "no id"],
)
def test_a_push_whose_answer_was_lost_is_never_sent_again_and_its_callback_pays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, fault: Fault
) -> None:
    # given
    referral, prompt = town.prompted(RINGS)
    simulator.script(fault)
    worker.dispatch()
    row = town.prompt(prompt)
    assert (row["state"], row["checkout_request_id"]) == ("unknown", None)

    # when: time passes, and then the patient pays
    for _ in range(3):
        advance(15, simulator)
        worker.dispatch()
        worker.query()
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    # then
    assert pushes(simulator) == 1
    assert town.status(referral) == "paid"
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]
    assert town.prompt(prompt)["checkout_request_id"] == simulator.prompts()[0].checkout_request_id


@pytest.mark.usefixtures("standing_clock")
def test_unknown_without_an_id_goes_to_a_person_after_three_minutes_and_late_money_still_pays(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_LOST), Fault(FaultKind.CALLBACK_DELAYED, delay_s=200))
    worker.dispatch()
    simulator.answer(RINGS)

    advance(179, simulator)
    worker.query()
    assert town.prompt(prompt)["state"] == "unknown"
    advance(1, simulator)
    worker.query()
    assert town.prompt(prompt)["state"] == "review"
    assert open_tasks() == ["review"]

    advance(30, simulator)
    worker.settle()
    assert town.status(referral) == "paid"
    assert open_tasks() == []
    assert pushes(simulator) == 1


@pytest.mark.fault(25)
def test_unknown_and_never_accepted_goes_to_a_person_and_takes_nothing(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_REPLACED))  # 503 from a gateway that passed nothing on
    worker.dispatch()

    advance(180, simulator)
    worker.query()

    assert town.prompt(prompt)["state"] == "review"
    assert (pushes(simulator), simulator.prompts(), receipts()) == (1, [], [])


@pytest.mark.fault(8)
def test_a_throttled_push_is_the_same_attempt_sent_again_once(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=429, body=SPIKE_ARREST, content_type="application/json"))
    worker.dispatch()
    row = town.prompt(prompt)
    assert (row["state"], row["attempt"], row["code"]) == ("created", 1, "policies.ratelimit.SpikeArrestViolation")
    worker.dispatch()
    assert pushes(simulator) == 1  # not at once

    advance(12, simulator)
    worker.dispatch()
    worker.dispatch()

    assert pushes(simulator) == 2
    assert len(simulator.prompts()) == 1
    assert [row["id"] for row in rows("SELECT id FROM prompt")] == [prompt]
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()
    assert town.status(referral) == "paid"


@pytest.mark.usefixtures("standing_clock")
def test_a_refused_connection_is_tried_again_and_given_up_after_150_s(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: nobody listens where Daraja should be
    referral, prompt = town.prompted(RINGS)
    base_url = f"http://127.0.0.1:{free_port()}"
    execute("UPDATE mpesa_account SET base_url = %(url)s", url=base_url)

    # when: it is tried whenever it is due
    for _ in range(29):
        worker.dispatch()
        assert (town.prompt(prompt)["state"], town.prompt(prompt)["code"]) == ("created", "not-connected")
        advance(5, simulator)
    worker.dispatch()
    assert town.prompt(prompt)["state"] == "created"
    advance(6, simulator)
    worker.dispatch()

    # then
    row = town.prompt(prompt)
    assert (row["state"], row["event"], row["next_at"]) == ("refused", "gave-up", None)
    assert pushes(simulator) == 0

    # and the person asks again
    execute("UPDATE mpesa_account SET base_url = %(url)s", url=simulator.url)
    again = town.ask(referral, RINGS)
    worker.dispatch()
    assert (again != prompt, town.prompt(again)["state"]) == (True, "pending")


@pytest.mark.fault(1)
def test_a_refused_connection_that_heals_is_sent_once(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    execute("UPDATE mpesa_account SET base_url = %(url)s", url=f"http://127.0.0.1:{free_port()}")
    worker.dispatch()
    execute("UPDATE mpesa_account SET base_url = %(url)s", url=simulator.url)

    advance(5, simulator)
    worker.dispatch()
    advance(5, simulator)
    worker.dispatch()

    assert town.prompt(prompt)["state"] == "pending"
    assert pushes(simulator) == 1


def test_a_prompt_that_nobody_could_send_in_time_does_not_ring_hours_later(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)

    advance(3 * 3600, simulator)
    worker.dispatch()

    assert town.prompt(prompt)["state"] == "refused"
    assert pushes(simulator) == 0


@pytest.mark.parametrize(("how", "fee"), [("cancel", "waived"), ("waive", "waived")])
def test_a_push_that_was_not_sent_while_its_fee_closed_is_withdrawn(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, how: str, fee: str
) -> None:
    # given: claimed, and the fee closes before Daraja's "too many requests" comes
    referral, prompt = town.prompted(RINGS)
    claimed = claim_one()
    if how == "cancel":
        town.move(referral, "cancelled", reason="the patient went elsewhere")
    else:
        waive(town, referral)
    assert town.fee_state(referral) == fee

    # when
    came(claimed, NotSent("500.003.02", "Spike Arrest", 12, NOTHING))
    advance(200, simulator)
    worker.dispatch()
    worker.query()

    # then: it is over, and the phone is free for another referral
    assert town.prompt(prompt)["state"] == "refused"
    _, other = town.prompted(RINGS)
    worker.dispatch()
    assert town.prompt(other)["state"] == "pending"


def test_a_prompt_whose_fee_closes_just_before_the_claim_is_not_claimed(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """Between a round's look for what must not be sent any more and its claim there is a commit."""
    referral, prompt = town.prompted(RINGS)
    claimed = claim_one()
    waive(town, referral)
    came(claimed, NotSent("500.003.02", "Spike Arrest", 12, NOTHING))
    advance(20, simulator)

    # when: it is due, and nothing has been withdrawn yet
    unclaimed, _ = unit(lambda tx: claim_due(tx, limit=10))

    # then
    assert unclaimed == []
    assert town.prompt(prompt)["state"] == "created"
    worker.dispatch()
    assert town.prompt(prompt)["event"] == "withdrawn"
    assert pushes(simulator) == 0


@pytest.mark.usefixtures("standing_clock")
def test_a_worker_frozen_past_its_lease_moves_nothing_but_brings_the_id(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: Daraja has accepted, and the worker hears nothing for longer than its lease
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=1), Fault(FaultKind.CALLBACK_LOST))
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(worker.dispatch)
        simulator.wait_until(lambda: len(simulator.prompts()) == 1)
        advance(LEASE_S - 1)
        unit(tidy)
        assert town.prompt(prompt)["state"] == "sending"
        advance(2)
        unit(tidy)
        row = town.prompt(prompt)
        assert (row["state"], row["code"], row["checkout_request_id"]) == ("unknown", "lease-expired", None)

        # when: it wakes up
        simulator.advance(1)
        frozen.result()

    # then: UNKNOWN stays, but now it can be asked about, and is
    row = town.prompt(prompt)
    assert (row["state"], row["event"]) == ("unknown", "lease-expired")
    assert row["checkout_request_id"] == simulator.prompts()[0].checkout_request_id
    simulator.answer(RINGS)
    advance(1, simulator)
    worker.query()
    assert town.status(referral) == "paid"
    assert pushes(simulator) == 1


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    "outcome",
    [
        Declined("400.002.02", "Bad Request", Because.BAD_REQUEST, NOTHING),
        NotSent("500.003.02", "Spike Arrest", 12, NOTHING),
        Unknown("timeout", "", NOTHING),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_a_late_answer_after_the_lease_never_makes_the_prompt_sendable(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, outcome: PushOutcome
) -> None:
    _, prompt = town.prompted(RINGS)
    claimed = claim_one()
    advance(LEASE_S + 1)
    unit(tidy)
    before = town.prompt(prompt)

    came(claimed, outcome)
    advance(30)
    worker.dispatch()

    assert town.prompt(prompt) == before
    assert pushes(simulator) == 0


@pytest.mark.fault(37)
def test_a_worker_that_was_held_up_after_its_claim_sends_nothing(
    town: World,
    simulator: RunningSimulator,
    gateway: Running,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frozen between claim and POST, its lease may be over and a person may have asked anew."""
    _, prompt = town.prompted(RINGS)
    with monkeypatch.context() as patched:
        patched.setattr(dispatch, "LATEST_START_S", -1)
        worker.dispatch()

    assert pushes(simulator) == 0
    row = town.prompt(prompt)
    assert (row["state"], row["event"], row["code"]) == ("created", "not-sent", "late")

    worker.dispatch()
    assert (town.prompt(prompt)["state"], pushes(simulator)) == ("pending", 1)


def test_the_answer_of_an_older_lease_moves_nothing_of_a_newer_one(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    """Claimed, not sent, claimed again: what the first claim still hears is about no push that rings."""
    _, prompt = town.prompted(RINGS)
    first = claim_one()
    came(first, NotSent("500.003.02", "Spike Arrest", 12, NOTHING))
    advance(12)
    second = claim_one()
    assert (first.id, first.lease, second.lease) == (prompt, 1, 2)
    before = town.prompt(prompt)

    came(first, Accepted("m-1", "ws_CO_of_the_first", "", NOTHING))

    assert town.prompt(prompt) == before
    came(second, Accepted("m-2", "ws_CO_of_the_second", "", NOTHING))
    assert town.prompt(prompt)["state"] == "pending"
    assert town.prompt(prompt)["checkout_request_id"] == "ws_CO_of_the_second"


def test_an_id_that_comes_after_review_is_asked_about(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_DELAYED, delay_s=1), Fault(FaultKind.CALLBACK_LOST))
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(worker.dispatch)
        simulator.wait_until(lambda: len(simulator.prompts()) == 1)
        simulator.answer(RINGS)
        advance(LEASE_S + 1)
        unit(tidy)
        advance(180)
        worker.query()
        assert town.prompt(prompt)["state"] == "review"
        simulator.advance(1)
        frozen.result()
    assert town.prompt(prompt)["checkout_request_id"] is not None

    advance(60, simulator)
    worker.query()

    assert town.status(referral) == "paid"


@pytest.mark.fault(10)
def test_an_id_that_daraja_gives_twice_belongs_to_the_first_and_the_second_pays_by_its_own(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: A has its id; B is accepted, but the answer names A's
    first_referral, first = town.prompted(RINGS)
    worker.dispatch()
    taken = town.prompt(first)["checkout_request_id"]
    referral, prompt = town.prompted("254708004999")
    body = (
        '{"MerchantRequestID": "m", "CheckoutRequestID": "' + taken + '", "ResponseCode": "0", "CustomerMessage": ""}'
    )
    simulator.script(Fault(FaultKind.ANSWER_REPLACED, status=200, body=body, accepted=True))

    # when
    worker.dispatch()

    # then
    row = town.prompt(prompt)
    assert (row["state"], row["code"], row["checkout_request_id"]) == ("unknown", "id-given-twice", None)
    assert town.prompt(first)["checkout_request_id"] == taken
    simulator.answer("254708004999")
    simulator.advance(1)
    worker.settle()
    assert inbox_outcomes() == ["confirms"]
    assert (town.status(referral), town.status(first_referral)) == ("paid", "pending-payment")


def test_a_callback_that_brings_the_id_of_a_lost_answer_and_a_failure_frees_the_phone(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_LOST))
    worker.dispatch()
    simulator.cancel(RINGS)
    simulator.advance(1)
    worker.settle()
    assert town.prompt(prompt)["state"] == "unpaid"

    again = town.ask(referral, RINGS)
    worker.dispatch()
    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    assert isinstance(again, uuid.UUID)
    assert town.status(referral) == "paid"
    assert pushes(simulator) == 2
