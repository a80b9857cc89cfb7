"""Hundreds of made-up callbacks in one long-lived world, or thousands: RUFAA_HOSTILE says how many requests."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from http.client import HTTPConnection

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hostile.grammar import Facts, bodies, may_credit
from hostile.street import Ringing, numbers, phones, ring
from hostile.wire import target
from rufaa.ingest.endpoint import LIMIT_BYTES
from rufaa.payments.machine import Verdict
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.testing import RunningSimulator, running_simulator
from support import FEE, Running, Worker, World, check_books, make_world, rows, running_gateway

REQUESTS = int(os.environ.get("RUFAA_HOSTILE") or 400)
PER_EXAMPLE = 3.5  # on the average
LISTED = "196.201.214.200"
VERDICTS = {str(verdict) for verdict in Verdict}


@dataclass
class Post:
    """One request."""

    prompt: Ringing
    facts: Facts
    body: bytes
    trusted: bool
    true: bool  # in every word


@dataclass
class Place:
    """The world, and what was counted in it."""

    town: World
    simulator: RunningSimulator
    worker: Worker
    gateways: dict[bool, Running]  # by whether they trust us
    numbers: Iterator[str] = field(default_factory=numbers)
    phones: Iterator[str] = field(default_factory=phones)
    ringing: list[Ringing] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self) -> Ringing:
        if not self.ringing:
            self.ringing = ring(self.town, self.worker, [next(self.phones) for _ in range(40)])
        return self.ringing.pop()

    def post(self, prompt: Ringing, body: bytes, *, trusted: bool, how: str) -> int:
        """The status. ``how`` is the shape of the request around the body."""
        _, path = target(self.gateways[trusted].callback_url(prompt.id))
        headers = {"Content-Type": "application/json"}
        match how:
            case "typed wrong":
                headers = {"Content-Type": "text/html; charset=utf-16", "Content-Encoding": "gzip"}
            case "forwarded":
                headers["X-Forwarded-For"] = LISTED
            case "wrong secret":
                path = path[:-1] + ("0" if path[-1] != "0" else "1")
            case "escaped":
                path = path.replace("-", "%2d") + "?a=b"
        port, _ = target(self.gateways[trusted].url)
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            try:
                if how == "chunked":
                    parts = iter([body[at : at + 100] for at in range(0, len(body), 100)])
                    chunked = {**headers, "Transfer-Encoding": "chunked"}
                    connection.request("POST", path, parts, chunked, encode_chunked=True)
                else:
                    connection.request("POST", path, body, headers)
                status = connection.getresponse().status
            except ConnectionError:
                assert len(body) > LIMIT_BYTES  # it hangs up on what is too long, and need not wait for the rest
                status = 413
        self.counts["requests"] += 1
        self.counts[f"answered {status}"] += 1
        return status


@pytest.fixture
def place(database: str) -> Iterator[Place]:
    with ExitStack() as stack:
        simulator = stack.enter_context(running_simulator(SimulatorSettings(manual_clock=True, query_rate=None)))
        gateways = {
            True: stack.enter_context(running_gateway(database)),
            False: stack.enter_context(running_gateway(database, RUFAA_CALLBACK_ADDRESSES=LISTED)),
        }
        yield Place(make_world(simulator.url), simulator, Worker(gateways[True].url), gateways)
        check_books(simulator)


HOW = st.sampled_from(["plain"] * 6 + ["chunked", "typed wrong", "forwarded", "escaped", "wrong secret"])


@settings(
    max_examples=max(round(REQUESTS / PER_EXAMPLE), 1),
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def told(place: Place, data: st.DataObject) -> None:
    """One or two prompts, up to seven callbacks about them, settled in between or all together."""
    both = [place.take(), place.take()] if data.draw(st.booleans()) else [place.take()]
    given_numbers = [next(place.numbers) for _ in both]
    facts = [
        Facts(each.checkout, each.merchant, each.phone, number, both[-1 - at].checkout, given_numbers[-1 - at])
        if len(both) == 2
        else Facts(each.checkout, each.merchant, each.phone, number, "ws_CO_1", "RKN7A1B2C3")
        for at, (each, number) in enumerate(zip(both, given_numbers, strict=True))
    ]
    # all is drawn before anything is done: Hypothesis may give up an example while it draws
    plan = []
    for _ in range(data.draw(st.integers(1, 7))):
        about = data.draw(st.integers(0, len(both) - 1))
        at = len(both) - 1 - about if data.draw(st.integers(0, 5)) == 3 else about
        body, true = data.draw(bodies(facts[about]))
        trusted, how = data.draw(st.sampled_from([True, True, True, False])), data.draw(HOW)
        plan.append((Post(both[at], facts[at], body, trusted, true and about == at), how, data.draw(st.booleans())))
    posts = []
    for post, how, settled_at_once in plan:
        status = place.post(post.prompt, post.body, trusted=post.trusted, how=how)
        assert status == (404 if how == "wrong secret" else 413 if len(post.body) > LIMIT_BYTES else 200)
        posts += [post] if status == 200 else []
        if settled_at_once:
            place.worker.settle()
    place.worker.settle()
    check(place, both, posts)


def check(place: Place, both: list[Ringing], posts: list[Post]) -> None:
    ids = [each.id for each in both]
    # then: each is in the inbox byte by byte, in its order, with whether it may be believed, and named
    stored = rows(
        "SELECT subject, body, trusted, outcome FROM inbox WHERE subject = ANY(%(ids)s) AND settled_at IS NOT NULL"
        " ORDER BY id",
        ids=ids,
    )
    assert [(row["subject"], bytes(row["body"]), row["trusted"]) for row in stored] == [
        (each.prompt.id, each.body, each.trusted) for each in posts
    ]
    for row in stored:
        assert row["outcome"] in VERDICTS or row["outcome"].startswith("malformed: "), row["outcome"]
        place.counts[row["outcome"]] += 1
    # and: a prompt is paid only by a report that may be believed, and always by one that is true in every word
    states = {row["id"]: row["state"] for row in rows("SELECT id, state FROM prompt WHERE id = ANY(%(ids)s)", ids=ids)}
    fees = {
        row["id"]: row["state"]
        for row in rows("SELECT id, state FROM fee WHERE id = ANY(%(ids)s)", ids=[e.fee for e in both])
    }
    receipts = {
        row["prompt_id"]: row["number"]
        for row in rows("SELECT prompt_id, number FROM receipt WHERE prompt_id = ANY(%(ids)s)", ids=ids)
    }
    believable = defaultdict(set)
    for each in posts:
        number = may_credit(each.body, each.facts, cents=FEE.cents)
        if each.trusted and number is not None:
            believable[each.prompt.id].add(number)
    for prompt in both:
        paid = states[prompt.id] == "paid"
        assert (fees[prompt.fee] == "paid") == paid == (prompt.id in receipts)
        place.counts["paid" if paid else "not paid"] += 1
        if paid:
            assert receipts[prompt.id] in believable[prompt.id]
            place.simulator.script(Fault(FaultKind.CALLBACK_LOST))
            place.simulator.answer(prompt.phone)
    confirmed = {row["subject"] for row in stored if row["outcome"] == "confirms"}
    assert confirmed == set(receipts)
    for each in posts:
        others = {number for prompt, number in receipts.items() if prompt != each.prompt.id}
        if each.true and each.trusted and each.facts.number not in others:
            assert each.prompt.id in receipts, "a true report of a payment was not believed"
            place.counts["true reports"] += 1
    place.counts["examples"] += 1


@pytest.mark.timeout(240 + REQUESTS // 4)
def test_made_up_callbacks_credit_nothing_that_is_not_true(place: Place) -> None:
    told(place)

    counts = place.counts
    print(f"\n{counts['requests']} requests in {counts['examples']} examples:")
    for what, count in sorted(counts.items()):
        print(f"{count:7}  {what}")
    # it must have met both: a grammar that makes nothing believable proves nothing
    assert counts["requests"] >= REQUESTS // 2
    met = ("paid", "not paid", "true reports", "answered 404", "confirms", "ask", "no-receipt", "other-prompt")
    assert {what: counts[what] for what in met if not counts[what]} == {}
    assert sum(counts[what] for what in ("amount-differs", "phone-differs", "number-taken", "ask-differs", "fails")) > 0
