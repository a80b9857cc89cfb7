"""Callbacks that lie, with and without the right secret: what is stored, how it is named, how the truth is found."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import (
    PAYS,
    RINGS,
    Running,
    Worker,
    World,
    advance,
    failure_body,
    inbox_outcomes,
    open_tasks,
    post,
    receipts,
    rows,
    snapshot,
    success_body,
    value,
    verdicts,
)

Make = Callable[[dict[str, Any]], Any]  # from the prompt's row to a body


def lie(**changes: object) -> Make:
    """A success about the right prompt that differs from the truth as told."""
    return lambda row: success_body(
        row["checkout_request_id"],
        **{"MerchantRequestID": row["merchant_request_id"], "phone": row["phone"], **changes},
    )


def metadata(*items: dict[str, object]) -> Make:
    return lie(CallbackMetadata={"Item": list(items)})


def raw(body: bytes) -> Make:
    return lambda _: body


def amount_written(text: str) -> Make:
    """The amount as these letters, which no JSON library would write."""
    return lambda row: json.dumps(lie(amount="AMOUNT")(row)).replace('"AMOUNT"', text).encode()


def ringing(town: World, prompt: uuid.UUID) -> dict[str, Any]:
    row = town.prompt(prompt)
    return {"phone": int(row["payer_phone"]), **row}


@dataclass(frozen=True)
class Lie:
    what: str
    body: Make
    outcome: str
    state: str = "pending"

    @property
    def evidence(self) -> list[str]:
        return [] if self.outcome.startswith("malformed") else [f"callback:{self.outcome}"]


LIES = [
    Lie("a cent less", lie(amount=999.99), "amount-differs", "review"),
    Lie("one shilling", lie(amount=1), "amount-differs", "review"),
    Lie("more", lie(amount=10000), "amount-differs", "review"),
    Lie("more, as a string", lie(amount="1001"), "amount-differs", "review"),
    Lie("half a shilling more", lie(amount=1000.5), "amount-differs", "review"),
    Lie("another phone", lie(phone=254708004999), "phone-differs", "review"),
    Lie("another masked phone", lie(phone="254708***999"), "phone-differs", "review"),
    Lie("amount 0", lie(amount=0), "no-receipt"),
    Lie("amount below 0", lie(amount=-1000), "no-receipt"),
    Lie("amount true", lie(amount=True), "no-receipt"),
    Lie("amount null", lie(amount=None), "no-receipt"),
    Lie("amount of words", lie(amount="one thousand"), "no-receipt"),
    Lie("amount NaN", amount_written("NaN"), "no-receipt"),
    Lie("amount Infinity", amount_written("Infinity"), "no-receipt"),
    Lie("amount 1e3", amount_written("1e3"), "no-receipt"),
    Lie("amount 1e308", amount_written("1e308"), "no-receipt"),
    Lie("amount in two ways", metadata(
        {"Name": "Amount", "Value": 1000}, {"Name": "Amount", "Value": 1},
        {"Name": "MpesaReceiptNumber", "Value": "RKN7A1B2C3"},
    ), "no-receipt"),
    Lie("no metadata", lie(CallbackMetadata=None), "no-receipt"),
    Lie("empty metadata", metadata(), "no-receipt"),
    Lie("metadata as a list", lie(CallbackMetadata=[1, 2]), "no-receipt"),
    Lie("no receipt number", lie(number=None), "no-receipt"),
    Lie("a receipt number of no such form", lie(number="rkn7a1b2c3"), "no-receipt"),
    Lie("a receipt number with NUL", lie(number="RKN7A1\x00B2C"), "no-receipt"),
    Lie("other ids", lie(MerchantRequestID="m-2"), "other-prompt"),
    Lie("another checkout id", lie(CheckoutRequestID="ws_CO_1"), "other-prompt"),
    Lie("an id with a lone surrogate", lie(CheckoutRequestID="ws_\ud800"), "malformed: no usable CheckoutRequestID"),
    Lie("no checkout id", lie(CheckoutRequestID=None), "malformed: no usable CheckoutRequestID"),
    Lie("code false", lie(ResultCode=False), "malformed: no usable ResultCode"),
    Lie("code 0.0", lie(ResultCode=0.0), "malformed: no usable ResultCode"),
    Lie("a code that nobody knows", lie(ResultCode=31337), "no-news"),
    Lie("code 4999", lie(ResultCode=4999), "no-news"),
    Lie("code 17", lie(ResultCode=17), "no-news"),
    Lie("nothing", raw(b""), "malformed: empty"),
    Lie("null", raw(b"null"), "malformed: not a JSON object"),
    Lie("a list", raw(b"[]"), "malformed: not a JSON object"),
    Lie("an empty object", raw(b"{}"), "malformed: no Body.stkCallback"),
    Lie("a body that is null", raw(b'{"Body": null}'), "malformed: no Body.stkCallback"),
    Lie("cut off", raw(b'{"Body": {"stkCallback": {"ResultCode": 0'), "malformed: not JSON"),
    Lie("gzip", lambda row: gzip.compress(json.dumps(lie()(row)).encode()), "malformed: not JSON"),
    Lie("100,000 deep", raw(b"[" * 30_000 + b"]" * 30_000), "malformed: nested deeper than 32"),
    Lie("NULs", raw(b"\x00" * 1000), "malformed: not JSON"),
]  # fmt: skip


def test_lies_with_the_right_secret_credit_nothing_and_the_truth_is_found(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: a prompt that rings for each lie; M-Pesa's own callbacks will be lost
    simulator.script(Fault(FaultKind.CALLBACK_LOST, count=len(LIES)))
    phones = {case.what: f"2547080040{place:02}" for place, case in enumerate(LIES)}
    prompts = {what: town.prompted(phone)[1] for what, phone in phones.items()}
    worker.dispatch()

    # when: each is lied about
    for case in LIES:
        prompt = prompts[case.what]
        assert post(gateway.callback_url(prompt), case.body(ringing(town, prompt))).status == 200
    worker.settle()

    # then: all is stored and named, and nothing is credited
    stored = {row["subject"]: row["outcome"] for row in rows("SELECT subject, outcome FROM inbox")}
    assert {case.what: stored[prompts[case.what]] for case in LIES} == {case.what: case.outcome for case in LIES}
    assert {what: verdicts(prompt) for what, prompt in prompts.items()} == {case.what: case.evidence for case in LIES}
    states = {what: town.prompt(prompt)["state"] for what, prompt in prompts.items()}
    assert states == {case.what: case.state for case in LIES}
    assert receipts() == []
    assert value("SELECT count(*) FROM fee WHERE state <> 'due'") == 0
    unreadable = ["contradiction"] * sum(not case.evidence for case in LIES)
    assert open_tasks() == unreadable + ["review"] * sum(case.state == "review" for case in LIES)

    # and when the patients pay, the queries find it
    for phone in phones.values():
        simulator.answer(phone)
    advance(20, simulator)
    for _ in range(3 * len(LIES)):
        worker.query()
    assert {what: town.prompt(prompt)["state"] for what, prompt in prompts.items()} == dict.fromkeys(prompts, "paid")
    assert receipts() == [(None, "applied")] * len(LIES)
    assert open_tasks() == unreadable


@pytest.mark.fault(18)
def test_a_forged_success_of_a_prompt_that_was_cancelled_ends_unpaid(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    referral, prompt = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    assert post(gateway.callback_url(prompt), lie(amount=1)(ringing(town, prompt))).status == 200
    worker.settle()
    simulator.cancel(RINGS)

    for seconds in (20, 20, 35, 25):
        advance(seconds, simulator)
        worker.query()

    assert town.prompt(prompt)["state"] == "unpaid"
    assert (receipts(), town.fee_state(referral)) == ([], "due")
    assert open_tasks() == []


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    "path",
    [
        "/h/{id}-{wrong}",
        "/h/{id}-",
        "/h/{id}",
        "/h/",
        "/h/{ID}-{right}",
        "/h/{id}-{RIGHT}",
        "/h/{id}-{right}/",
        "/h/{id}-{right}0",
        "/h/{other}-{right}",
    ],
)
def test_a_wrong_secret_is_404_and_leaves_no_trace(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, path: str
) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()
    right = gateway.callback_url(prompt).rpartition("-")[2]
    wrong = ("0" if right[0] != "0" else "1") + right[1:]
    names = {"id": prompt.hex, "right": right, "wrong": wrong, "other": "0" * 32}
    url = gateway.url + path.format(**names, ID=prompt.hex.upper(), RIGHT=right.upper())
    before = snapshot()

    assert post(url, lie()(ringing(town, prompt))).status == 404
    worker.settle()

    assert snapshot() == before
    assert rows("SELECT * FROM inbox") == []


def test_ten_megabytes_are_refused_and_not_stored(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, prompt = town.prompted(RINGS)
    worker.dispatch()

    try:
        status = post(gateway.callback_url(prompt), b" " * 10_000_000).status
    except OSError:  # the server hangs up once it has seen too much, perhaps before we have read its answer
        status = 413

    assert status == 413
    assert rows("SELECT * FROM inbox") == []
    assert post(gateway.callback_url(prompt), b" " * 65_536).status == 200
    assert post(gateway.callback_url(prompt), b" " * 65_537).status == 413


@pytest.mark.fault(20)
def test_a_callback_replayed_onto_another_prompt_credits_nobody(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: A is paid, B rings
    town.prompted(PAYS)
    _, other = town.prompted(RINGS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    assert inbox_outcomes() == ["confirms"]
    (sent,) = [entry.data["body"] for entry in simulator.journal() if entry.kind == "callback-sent"]

    # when: A's own callback, byte for byte, comes to B's address
    assert post(gateway.callback_url(other), sent.encode()).status == 200
    worker.settle()

    # then
    assert inbox_outcomes() == ["confirms", "other-prompt"]
    assert town.prompt(other)["state"] == "pending"
    assert len(receipts()) == 1


@pytest.mark.fault(20)
def test_a_callback_replayed_onto_a_prompt_without_an_id_credits_nobody(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: A is paid; B's answer was lost, so that it has no id to compare with
    town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    (sent,) = [entry.data["body"] for entry in simulator.journal() if entry.kind == "callback-sent"]
    _, other = town.prompted(RINGS)
    simulator.script(Fault(FaultKind.ANSWER_LOST))
    worker.dispatch()
    assert town.prompt(other)["state"] == "unknown"

    # when
    assert post(gateway.callback_url(other), sent.encode()).status == 200
    worker.settle()

    # then
    assert inbox_outcomes() == ["confirms", "other-prompt"]
    row = town.prompt(other)
    assert (row["state"], row["checkout_request_id"]) == ("unknown", None)
    assert len(receipts()) == 1


@pytest.mark.fault(27)
def test_the_number_of_another_receipt_credits_nobody_and_asks_a_person(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    _, first = town.prompted(PAYS)
    _, other = town.prompted(RINGS)
    worker.dispatch()
    simulator.advance(2)
    worker.settle()
    taken = receipts()[0][0]

    body = lie(number=taken)(ringing(town, other))
    assert post(gateway.callback_url(other), body).status == 200
    worker.settle()

    assert inbox_outcomes() == ["confirms", "number-taken"]
    assert town.prompt(first)["state"] == "paid"
    assert town.prompt(other)["state"] == "pending"
    assert receipts() == [(taken, "applied")]
    assert open_tasks() == ["contradiction"]


def test_one_number_for_two_prompts_in_one_batch_credits_the_first_alone(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    first_referral, first = town.prompted(RINGS)
    second_referral, second = town.prompted("254708004999")
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    worker.dispatch()
    simulator.answer(RINGS)
    (number,) = [each.receipt for each in simulator.prompts() if each.receipt is not None]
    assert post(gateway.callback_url(first), lie(number=number)(ringing(town, first))).status == 200
    body = lie(number=number)(ringing(town, second))
    assert post(gateway.callback_url(second), body).status == 200

    worker.settle()

    assert inbox_outcomes() == ["confirms", "number-taken"]
    assert (town.fee_state(first_referral), town.fee_state(second_referral)) == ("paid", "due")
    assert receipts() == [(number, "applied")]


@pytest.mark.fault(19)
@pytest.mark.parametrize("code", [1032, 1037, 2001, 1])
def test_a_forged_failure_of_a_prompt_that_is_paid_all_the_same_ends_paid(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, code: int
) -> None:
    """Whoever knows the path can delay a payment by seconds, never lose it: the true callback still counts."""
    referral, prompt = town.prompted(RINGS)
    worker.dispatch()
    row = town.prompt(prompt)
    body = failure_body(row["checkout_request_id"], code, MerchantRequestID=row["merchant_request_id"])
    assert post(gateway.callback_url(prompt), body).status == 200
    worker.settle()
    assert town.prompt(prompt)["state"] == "unpaid"

    simulator.answer(RINGS)
    simulator.advance(1)
    worker.settle()

    assert town.status(referral) == "paid"
    assert receipts() == [(simulator.prompts()[0].receipt, "applied")]
