"""Subscribe, change, see it: with the real clients, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from live.conftest import Start
from support import RINGS, Running, World

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
