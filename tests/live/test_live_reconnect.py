"""A line that is cut, an answer that is lost, a node that answers in another's place: nothing is lost or done twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from live.conftest import Start
from live.line import Line
from support import RINGS, Running, World, running_gateway, value, wait_until

ADMIN = {"demoUserId": "admin"}


@pytest.fixture
def line(gateway: Running) -> Iterator[Line]:
    with Line(gateway.url) as between:
        yield between


def jane(world: World) -> dict[str, Any]:
    return {
        "patientName": "Jane Wafula",
        "receivingFacility": world.tumaini.name,
        "priority": "Routine",
        "medicalHistory": "none",
        "labResults": "none",
        "diagnosis": "fracture",
        "demoUserId": "physician",
    }


def referrals() -> int:
    return int(value("SELECT count(*) FROM referral"))


@pytest.mark.parametrize("kind", ["npm", "python"])
def test_what_changed_while_the_line_was_down_is_shown_when_it_is_back(
    request: pytest.FixtureRequest, gateway: Running, line: Line, world: World, kind: str
) -> None:
    start: Start = request.getfixturevalue(kind)
    client = start(line.url)
    referral = world.waiting()
    watched = client.watch("referrals:getReferral", referralId=referral, **ADMIN)
    other = client.watch("referrals:getReferral", referralId=world.waiting(), **ADMIN)
    watched.until(lambda shown: shown["stkPhoneNumber"] is None)
    other.until(lambda shown: shown["status"] == "pending-payment")

    line.block()
    wait_until(lambda: gateway.app.sync.connections == 0, what="the server's notice")
    gateway.do(
        "mutation",
        "referrals:updatePhoneNumbers",
        {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": RINGS, **ADMIN},
    )
    line.unblock()

    watched.until(lambda shown: shown["stkPhoneNumber"] == RINGS)
    assert None not in watched.shown + other.shown, "no value is taken away in between"


def test_a_mutation_whose_answer_was_lost_is_done_once_and_resolves(
    npm: Start, gateway: Running, line: Line, world: World
) -> None:
    client = npm(line.url)
    client.mutate("referrals:updatePhoneNumbers", **phones(world.waiting()))
    line.swallows = True
    creating = client.start("referrals:createReferral", **jane(world))
    before = referrals()
    wait_until(lambda: referrals() > before - 1 and line.swallowed > 200, what="a lost answer")
    count = referrals()
    line.swallows = False
    line.cut()

    created = creating.value()

    assert referrals() == count
    assert value("SELECT count(*) FROM mutation_record") == 2
    assert (
        gateway.do("query", "referrals:getReferral", {"referralId": created, **ADMIN})["patientName"] == "Jane Wafula"
    )


def phones(referral: str) -> dict[str, Any]:
    return {"referralId": referral, "patientPhone": RINGS, "stkPhoneNumber": RINGS, **ADMIN}


def test_another_node_answers_from_the_record(npm: Start, gateway: Running, line: Line, world: World) -> None:
    with running_gateway(str(gateway.config.database_url)) as elsewhere:
        client = npm(line.url)
        client.mutate("referrals:updatePhoneNumbers", **phones(world.waiting()))
        line.swallows = True
        creating = client.start("referrals:createReferral", **jane(world))
        wait_until(lambda: value("SELECT count(*) FROM mutation_record") == 2, what="the commit")
        line.to = elsewhere.url
        line.swallows = False
        line.cut()

        assert len(creating.value()) == 32

        assert elsewhere.app.sync.connections == 1
        assert value("SELECT count(*) FROM referral WHERE state = 'pending-admin'") == 1


def test_mutations_made_while_the_line_is_down_are_done_in_order_when_it_is_back(
    npm: Start, gateway: Running, line: Line, world: World
) -> None:
    client = npm(line.url)
    first = client.watch("referrals:getPendingReferrals", **ADMIN)
    first.until(lambda shown: shown == [])
    line.block()
    asked = [
        client.start("referrals:createReferral", **{**jane(world), "patientName": name})
        for name in ("Amina", "Baraka", "Chege")
    ]
    line.unblock()

    ids = [each.value() for each in asked]

    assert [each["_id"] for each in reversed(first.until(lambda shown: len(shown) == 3))] == ids
    names = [each["patientName"] for each in reversed(first.shown[-1])]
    assert names == ["Amina", "Baraka", "Chege"]


def test_an_action_in_flight_at_a_cut_fails_at_npm_and_is_not_done_again(
    npm: Start, gateway: Running, line: Line, world: World
) -> None:
    client = npm(line.url)
    referral = world.waiting()
    client.watch("referrals:getReferral", referralId=referral, **ADMIN).until(lambda shown: shown is not None)
    sending = client.act("mpesa:initiateSTKPush", phoneNumber=RINGS, referralId=referral, **ADMIN)
    wait_until(lambda: value("SELECT count(*) FROM prompt") == 1, what="the prompt")
    line.cut()

    assert "Connection lost while action was in flight" in sending.error()["message"]
    assert value("SELECT count(*) FROM prompt") == 1
