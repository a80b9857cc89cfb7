"""What ``/metrics`` counts on a payment's way, and of calls and callbacks that fail."""

from __future__ import annotations

import json
import socket
import uuid

from observability.scraping import get, grown, scrape
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator
from support import CANCELS, PAYS, RINGS, Running, Worker, World, advance, execute, post, success_body, wait_until


def test_a_payment_is_counted_on_its_way(
    watched: Running, simulator: RunningSimulator, town: World, worker: Worker
) -> None:
    before = scrape(watched.url)

    referral, _ = town.prompted(PAYS)
    worker.dispatch()
    simulator.advance(2)
    wait_until(lambda: worker.settle() > 0, what="the callback")
    assert town.status(referral) == "paid"

    gained = grown(before, scrape(watched.url))
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
    watched: Running, simulator: RunningSimulator, town: World, worker: Worker
) -> None:
    simulator.script(Fault(FaultKind.CALLBACK_LOST))
    town.prompted(CANCELS)
    worker.dispatch()
    advance(25, simulator)
    before = scrape(watched.url)

    worker.query()

    assert grown(before, scrape(watched.url)) == {"rufaa_queries_total{outcome=unpaid}": 1}


def test_a_prompt_that_cannot_be_sent_and_a_token_that_is_not_given_are_counted(watched: Running, world: World) -> None:
    before = scrape(watched.url)
    world.prompted(RINGS)

    Worker(watched.url).dispatch()

    assert grown(before, scrape(watched.url)) == {
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


def test_a_batch_that_is_taken_apart_is_counted_once(watched: Running, world: World) -> None:
    """One callback that cannot be committed beside one that can: nothing is counted of what was rolled back."""
    good, bad = world.prompted(RINGS)[1], world.prompted(PAYS)[1]
    before = scrape(watched.url)
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
        assert Worker(watched.url).settle() == 2
    finally:
        execute("DROP FUNCTION forced() CASCADE")

    gained = grown(before, scrape(watched.url))
    assert gained["rufaa_callbacks_settled_total{verdict=confirms}"] == 1
    assert gained["rufaa_callbacks_settled_total{verdict=failed}"] == 1
    assert gained["rufaa_callback_settled_seconds_count"] == 1


def test_how_callbacks_end_is_counted(watched: Running) -> None:
    before = scrape(watched.url)
    url = watched.callback_url(uuid.uuid4())

    post(url[:-1], b"{}")
    get(url)
    post(url, b"x" * 70_000)
    with socket.create_connection(("127.0.0.1", watched.config.port)) as wire:
        wire.sendall(f"POST {url[len(watched.url) :]} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf".encode())

    wanted = {
        f"rufaa_callbacks_total{{end={end},kind=stk}}": 1 for end in ("refused", "method", "too-long", "broken-off")
    }
    wait_until(lambda: grown(before, scrape(watched.url)) == wanted, what="the four ends")


def test_calls_are_counted_by_function_and_strangers_make_no_series(watched: Running, world: World) -> None:
    before = scrape(watched.url)
    referral = world.referral()

    watched.do("query", "referrals:getReferral", {"referralId": referral}, by=world.physician)
    watched.call("query", "referrals:getReferral", {"referralId": referral})  # nobody
    watched.call("query", "referrals:getReferral", {"no": "such"}, by=world.physician)
    watched.call("mutation", "referrals:getReferral", {"referralId": referral}, by=world.physician)
    for number in range(20):
        watched.call("action", f"made{number}:up", {}, by=world.physician)

    gained = grown(before, scrape(watched.url))
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


def test_a_function_that_fails_is_counted_as_failed(watched: Running, world: World) -> None:
    before = scrape(watched.url)
    execute("ALTER TABLE particulars RENAME TO elsewhere")
    try:
        watched.call("query", "referrals:getReferral", {"referralId": uuid.uuid4().hex}, by=world.physician)
    finally:
        execute("ALTER TABLE elsewhere RENAME TO particulars")

    gained = grown(before, scrape(watched.url))
    assert gained["rufaa_function_calls_total{function=referrals:getReferral,kind=query,status=failed}"] == 1
