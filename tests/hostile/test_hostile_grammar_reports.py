"""Hundreds of made-up notices and results, through their addresses and the loop: RUFAA_HOSTILE says how many."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hostile.grammar import Payment, may_arrive, may_end, notices, results
from hostile.street import numbers
from hostile.wire import chunked, exchange, request, statuses, target
from reports import HEARD, Recorder, recording, url_of
from rufaa import ids, metrics
from rufaa.db.atomic import unit
from rufaa.ingest.address import Kind
from rufaa.ingest.endpoint import LIMIT_BYTES
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import operations as payments
from rufaa.simulator.testing import RunningSimulator
from support import HANDLERS, Running, World, check_books, receipts, rows, running_gateway, wait_until

REQUESTS = int(os.environ.get("RUFAA_HOSTILE") or 400)
PER_EXAMPLE = 3.0  # on the average
LISTED = "196.201.214.200"
HOW = st.sampled_from(["plain"] * 6 + ["chunked", "forwarded", "escaped", "wrong secret", "another kind's secret"])
KINDS = st.sampled_from([Kind.C2B, Kind.C2B, Kind.RESULT, Kind.RESULT, Kind.TIMEOUT, Kind.C2B_VALIDATION])
TO_OTHERS = {Kind.C2B: Kind.C2B_VALIDATION, Kind.RESULT: Kind.TIMEOUT}


@dataclass
class Place:
    account: uuid.UUID
    town: World
    recorder: Recorder
    recorded: bool  # by the recorder; else the worker's own handlers take in
    gateways: dict[bool, Running]  # by whether they trust us
    numbers: Iterator[str] = field(default_factory=numbers)
    counts: Counter[str] = field(default_factory=Counter)

    def settle(self) -> None:
        if self.recorded:
            self.recorder.settle()
        else:
            while settle_inbox(HANDLERS):
                pass

    def owed(self) -> tuple[uuid.UUID, str]:
        """A fee of KES 1,000 that waits, and its account code."""
        code = ids.new_account_code()
        fee = unit(
            lambda tx: payments.raise_fee(
                tx, facility=self.town.uhuru.pk, receiving=self.town.tumaini.pk, account_code=code, deferred=False
            )
        )
        assert fee is not None
        return fee.fee, code

    def post(self, kind: Kind, subject: uuid.UUID, body: bytes, *, trusted: bool, how: str) -> int:
        """The status; 413 where it hung up on too long a body."""
        gateway = self.gateways[trusted]
        port, path = target(url_of(kind, subject, gateway))
        headers = []
        match how:
            case "forwarded":
                headers = [f"X-Forwarded-For: {LISTED}"]
            case "escaped":
                path = path.replace("-", "%2d") + "?a=b"
            case "wrong secret":
                path = path[:-1] + ("0" if path[-1] != "0" else "1")
            case "another kind's secret":
                other = TO_OTHERS.get(kind, Kind.STK)
                path = path[:-32] + url_of(other, subject, gateway)[-32:]
            case "chunked":
                parts = [body[at : at + 100] for at in range(0, len(body), 100)]
                data = request(path, chunked(*parts), "Transfer-Encoding: chunked", length=None)
        if how != "chunked":
            data = request(path, body, *headers)
        found = statuses(exchange(port, data))
        assert found or len(body) > LIMIT_BYTES
        self.counts["requests"] += 1
        status = found[0] if found else 413
        self.counts[f"{kind}: answered {status}"] += 1
        return status


@pytest.fixture(params=[True, False], ids=["written down", "by the worker"])
def place(request: pytest.FixtureRequest, database: str, town: World, simulator: RunningSimulator) -> Iterator[Place]:
    with ExitStack() as stack:
        gateways = {
            True: stack.enter_context(running_gateway(database)),
            False: stack.enter_context(running_gateway(database, RUFAA_CALLBACK_ADDRESSES=LISTED)),
        }
        account, recorder = uuid.UUID(str(town.account.pk)), stack.enter_context(recording())
        yield Place(account, town, recorder, request.param, gateways)
        check_books(simulator if request.param else None)  # what is made up is not in the till


@dataclass
class Sent:
    kind: Kind
    subject: uuid.UUID
    body: bytes
    trusted: bool
    true: str | None  # the number, where it is true in every word


@settings(
    max_examples=max(round(REQUESTS / PER_EXAMPLE), 1),
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def told(place: Place, data: st.DataObject) -> None:
    """Up to six reports about one account and one order, settled in between or all together."""
    order = uuid.uuid4()
    fee, code = place.owed()
    plan = []
    for _ in range(data.draw(st.integers(1, 5))):
        kind, number = data.draw(KINDS), next(place.numbers)
        facts = Payment(number, next(place.numbers), f"AG_20261123_{order.hex[:12]}", code)
        of_money = kind in {Kind.C2B, Kind.C2B_VALIDATION}
        stranger = data.draw(st.integers(0, 11)) == 5  # a report of the other sort
        body, true = data.draw((notices if of_money is not stranger else results)(facts))
        trusted, how = data.draw(st.sampled_from([True, True, True, False])), data.draw(HOW)
        subject = place.account if of_money else order
        sent = Sent(kind, subject, body, trusted, number if true and not stranger else None)
        plan.append((sent, how, data.draw(st.booleans())))
    posted: list[Sent] = []
    (before,) = rows("SELECT coalesce(max(id), 0) AS id, count(*) AS n FROM inbox")
    for sent, how, settled_at_once in plan:
        status = place.post(sent.kind, sent.subject, sent.body, trusted=sent.trusted, how=how)
        too_long = len(sent.body) > LIMIT_BYTES
        if how.endswith("secret"):
            assert status in {404} | ({413} if too_long else set())
            continue
        accepted = sent.kind is Kind.C2B_VALIDATION
        assert status in ({413, 200} if accepted and too_long else {413} if too_long else {200})
        if not too_long:
            posted.append(sent)
            wait_until(lambda: rows("SELECT count(*) AS n FROM inbox")[0]["n"] == before["n"] + len(posted))
        if settled_at_once:
            place.settle()
    place.settle()
    if place.recorded:
        check(place, posted, after=before["id"])
    else:
        check_money(place, posted, fee, after=before["id"])


def check(place: Place, posted: list[Sent], *, after: int) -> None:
    # then: each is in the inbox byte by byte, in its order, with whether it may be believed, and named
    stored = rows(
        "SELECT id, kind, subject, body, trusted, outcome FROM inbox WHERE id > %(after)s AND settled_at IS NOT NULL"
        " ORDER BY id",
        after=after,
    )
    assert [(row["kind"], row["subject"], bytes(row["body"]), row["trusted"]) for row in stored] == [
        (each.kind, each.subject, each.body, each.trusted) for each in posted
    ]
    # and: what was handed on is what the body says, and what is true in every word was handed on whole
    handed = {row["inbox"]: row for row in place.recorder.heard() if row["inbox"] > after}
    for row, each in zip(stored, posted, strict=True):
        told = handed.pop(row["id"], None)
        outcome = row["outcome"].partition(":")[0]
        place.counts[f"{each.kind}: {outcome}"] += 1
        assert outcome == ("validation" if each.kind is Kind.C2B_VALIDATION else HEARD if told else "malformed")
        if told is not None:
            assert (told["subject"], told["trusted"]) == (each.subject, each.trusted)
        match each.kind:
            case Kind.C2B if told is not None:
                believable = may_arrive(each.body)
                assert believable is not None
                number, cents = believable
                assert told["number"] == number
                assert told["cents"] is None or told["cents"] == cents
                assert each.true is None or (told["number"], told["cents"]) == (each.true, 100_000)
            case Kind.RESULT if told is not None:
                believable_end = may_end(each.body)
                assert believable_end is not None
                assert told["code"] == believable_end[0]
                assert told["number"] in {None, believable_end[1]}
                assert each.true is None or (told["number"], told["code"]) == (each.true, "0")
            case Kind.C2B | Kind.RESULT:
                assert each.true is None, "a true report was not handed on"
            case Kind.TIMEOUT:
                assert told is not None
        place.counts["true reports"] += each.true is not None
    assert handed == {}
    assert receipts() == []
    place.counts["examples"] += 1


def check_money(place: Place, posted: list[Sent], fee: uuid.UUID, *, after: int) -> None:
    stored = rows("SELECT id, kind, outcome FROM inbox WHERE id > %(after)s AND settled_at IS NOT NULL", after=after)
    assert len(stored) == len(posted)
    for row in stored:
        word = row["outcome"].partition(":")[0]
        place.counts[f"{row['kind']}: {word}"] += 1
        assert word in metrics.VERDICTS
        assert word not in {"failed", "other"}
    # then: money is there once where a notice that may be believed tells of it, and nowhere else
    believed = [may_arrive(each.body) for each in posted if each.trusted and each.kind is Kind.C2B]
    believable = {(number, cents) for number, cents in filter(None, believed)}
    numbers = [number for number, _ in believable]
    booked = {
        (row["number"], row["amount_cents"])
        for row in rows("SELECT number, amount_cents FROM receipt WHERE number = ANY(%(numbers)s)", numbers=numbers)
    }
    assert booked <= believable
    assert len(booked) == len({number for number, _ in booked})
    assert rows("SELECT count(*) AS n FROM receipt") == [{"n": place.counts["receipts"] + len(booked)}]
    place.counts["receipts"] += len(booked)
    true = {each.true for each in posted if each.true and each.trusted and each.kind is Kind.C2B}
    assert true <= {number for number, _ in booked}, "a true notice was not believed"
    # and: the fee is paid by one of exactly its amount, and always by one that is true in every word
    (state,) = rows("SELECT state FROM fee WHERE id = %(fee)s", fee=fee)
    paid = state["state"] == "paid"
    assert not paid or 100_000 in {cents for _, cents in booked}
    assert paid or not true
    place.counts["paid" if paid else "not paid"] += 1
    place.counts["true reports"] += len(true)
    place.counts["examples"] += 1


@pytest.mark.timeout(240 + REQUESTS // 4)
def test_made_up_reports_are_handed_on_as_they_are_or_not_at_all(place: Place) -> None:
    told(place)

    counts = place.counts
    print(f"\n{counts['requests']} requests in {counts['examples']} examples:")
    for what, count in sorted(counts.items()):
        print(f"{count:7}  {what}")
    # it must have met both: a grammar that makes nothing believable proves nothing
    assert counts["requests"] >= REQUESTS // 2
    if not place.recorded:
        met = ("paid", "not paid", "receipts", "c2b: pays", "c2b: unapplied", "c2b: malformed", "result: unknown-order")
        assert {what: counts[what] for what in met if not counts[what]} == {}
        return
    met = ("c2b: heard", "c2b: malformed", "result: heard", "result: malformed", "timeout: heard", "true reports")
    met += ("c2b-validation: validation", "c2b: answered 404", "result: answered 404")
    assert {what: counts[what] for what in met if not counts[what]} == {}
