"""Subscribe, change, see it: with the real clients, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from live.conftest import Start
from support import RINGS, Running, World, call_back, wait_until

ADMIN = {"demoUserId": "admin"}


@pytest.mark.parametrize("kind", ["npm", "python"])
def test_a_watched_referral_follows_what_its_watcher_does(
    request: pytest.FixtureRequest, gateway: Running, world: World, kind: str
) -> None:
    start: Start = request.getfixturevalue(kind)
    client = start(gateway.url)
    referral = world.waiting()
    watched = client.watch("referrals:getReferral", referralId=referral, **ADMIN)
    watched.until(lambda shown: shown["status"] == "pending-payment")

    saved = client.mutate(
        "referrals:updatePhoneNumbers",
        referralId=referral,
        patientPhone=RINGS,
        stkPhoneNumber=RINGS,
        **ADMIN,
    )

    assert saved["stkPhoneNumber"] == RINGS
    shown: Any = watched.until(lambda shown: shown["stkPhoneNumber"] == RINGS, what="the new phone")
    assert shown["_id"] == referral


@pytest.mark.parametrize("kind", ["npm", "python"])
def test_a_page_turns_from_pending_to_paid_by_itself(
    request: pytest.FixtureRequest, gateway: Running, world: World, kind: str
) -> None:
    start: Start = request.getfixturevalue(kind)
    referral, prompt = world.prompted()
    client = start(gateway.url)
    payments = client.watch("payments:getByReferral", referralId=referral, **ADMIN)
    page = client.watch("referrals:getReferral", referralId=referral, **ADMIN)
    assert payments.until(lambda shown: len(shown) == 1)[0]["status"] == "pending"
    page.until(lambda shown: shown["status"] == "pending-payment")

    call_back(prompt)

    assert payments.until(lambda shown: shown[0]["status"] == "completed")[0]["amount"] == 1000
    page.until(lambda shown: shown["status"] == "paid")


def test_npm_shows_a_failing_query_and_a_failing_mutation_with_their_data(
    npm: Start, gateway: Running, world: World
) -> None:
    client = npm(gateway.url)
    nowhere = client.watch("no:such")
    assert "Could not find public function for 'no:such'" in nowhere.until(lambda shown: "message" in shown)["message"]

    refused = client.start("referrals:updateReferralStatus", referralId=world.referral(), status="paid", **ADMIN)

    assert refused.error()["data"]["code"] == "unlawful-move"
    assert [each for each in client.events if "log" in each and "Received" in each["log"]] == []


def test_npm_stops_watching_and_the_server_too(npm: Start, gateway: Running, world: World) -> None:
    client = npm(gateway.url)
    watched = client.watch("referrals:getPendingReferrals", **ADMIN)
    watched.until(lambda shown: shown == [])
    assert gateway.app.sync.watches == 1

    watched.stop()

    wait_until(lambda: gateway.app.sync.watches == 0, what="the end of the watch")
    world.referral()
    client.watch("referrals:countByStatus", **ADMIN).until(lambda shown: shown is not None)
    assert watched.shown == [[]]
