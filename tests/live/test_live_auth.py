"""Who somebody is on a connection: tokens that count, that do not, that run out, and that are taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from live.conftest import Start
from live.raw import raw
from rufaa import clock
from rufaa.facilities.queries import Actor
from rufaa.signin import tokens
from support import KEYS, RINGS, Running, World, execute, wait_until

PENDING = {"udfPath": "referrals:getPendingReferrals", "args": [{}]}
BAD = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpYXQiOjE3OTU0MTA5MTIsImV4cCI6MTk5NTQxNDUxMn0.c3R1Yg"


def token(actor: Actor, *, seconds: float = 3600) -> str:
    return tokens.issue(actor.user, keys=KEYS, now=clock.now(), lifetime=timedelta(seconds=seconds))


def test_npm_signs_in_and_out_and_each_time_sees_what_it_may(npm: Start, gateway: Running, world: World) -> None:
    referral = world.referral()
    client = npm(gateway.url)
    watched = client.watch("referrals:getReferral", referralId=referral)
    assert watched.until(lambda shown: "message" in shown)["data"]["code"] == "not-signed-in"

    client.tell(do="auth", tokens=[token(world.admin)])

    assert watched.until(lambda shown: "_id" in shown)["_id"] == referral
    client.first(lambda each: each.get("auth") is True, what="the confirmation")
    client.tell(do="auth", tokens=[token(world.stranger)])
    watched.until(lambda shown: shown is None or "_id" not in shown, what="nothing of another facility")


def test_npm_that_expects_a_login_is_confirmed_before_it_watches_anything(
    npm: Start, gateway: Running, world: World
) -> None:
    client = npm(gateway.url, EXPECT_AUTH="yes")
    client.tell(do="auth", tokens=[token(world.admin)])
    client.first(lambda each: each.get("auth") is True, what="the confirmation")

    referral = world.waiting()
    saved = client.mutate("referrals:updatePhoneNumbers", referralId=referral, patientPhone=RINGS, stkPhoneNumber=RINGS)

    assert saved["stkPhoneNumber"] == RINGS


def test_npm_gives_up_on_tokens_that_are_all_refused_and_goes_on_as_nobody(
    npm: Start, gateway: Running, world: World
) -> None:
    client = npm(gateway.url)
    watched = client.watch("referrals:getPendingReferrals")
    client.tell(do="auth", tokens=[BAD, BAD + "x", BAD + "y", BAD + "z"])

    client.first(lambda each: each.get("auth") is False, what="the refusal")

    assert watched.until(lambda shown: "data" in shown)["data"]["code"] == "not-signed-in"


def test_python_signs_in_with_a_token(python: Start, gateway: Running, world: World) -> None:
    referral = world.referral()
    client = python(gateway.url)
    client.tell(do="auth", tokens=[token(world.admin)])
    watched = client.watch("referrals:getPendingReferrals")
    assert [each["_id"] for each in watched.until(lambda shown: isinstance(shown, list))] == [referral]


def test_a_token_that_runs_out_on_an_idle_connection_is_said_at_once(gateway: Running, world: World) -> None:
    with raw(gateway.url) as client:
        client.say(
            type="Connect", sessionId="58c092c8-fc58-4343-a01e-3198292810aa", connectionCount=0, lastCloseReason=None
        )
        client.say(type="Authenticate", baseVersion=0, tokenType="User", value=token(world.admin, seconds=6))
        client.modify(0, {"type": "Add", "queryId": 0, **PENDING})
        while not (changed := client.hear_until("Transition")["modifications"]):
            pass
        assert changed[0]["value"] == []

        heard, closed = client.rest()

        assert [(each["type"], each["baseVersion"], each["authUpdateAttempted"]) for each in heard] == [
            ("AuthError", 1, False)
        ]
        assert closed == (1000, "")


def test_a_token_that_was_renewed_in_time_goes_on(gateway: Running, world: World) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.hear_until("Transition")
        for version in range(2):
            lasting = 3600 if version else 6
            client.say(
                type="Authenticate", baseVersion=version, tokenType="User", value=token(world.admin, seconds=lasting)
            )
            assert client.hear()["endVersion"]["identity"] == version + 1
        with pytest.raises(TimeoutError):
            client.connection.recv(timeout=7)


def test_signing_out_ends_the_answers_of_before(gateway: Running, world: World) -> None:
    world.referral()
    with raw(gateway.url) as client:
        client.hello()
        client.say(type="Authenticate", baseVersion=0, tokenType="User", value=token(world.admin, seconds=6))
        client.modify(1, {"type": "Add", "queryId": 0, **PENDING})
        while not client.hear_until("Transition")["modifications"]:
            pass
        client.say(type="Authenticate", baseVersion=1, tokenType="None")

        told = client.hear()

        assert told["modifications"][0]["errorData"]["code"] == "not-signed-in"
        with pytest.raises(TimeoutError):  # the token's end is nobody's now
            client.connection.recv(timeout=7)


@pytest.mark.parametrize("value", [BAD, "", "x" * 10_000, "é", "\ud800"])
def test_a_token_that_is_none_is_an_auth_error_and_a_close(gateway: Running, world: World, value: str) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.hear()
        client.say(type="Authenticate", baseVersion=0, tokenType="User", value=value)
        heard, closed = client.rest()
    assert [(each["type"], each["baseVersion"], each["authUpdateAttempted"]) for each in heard] == [
        ("AuthError", 0, True)
    ]
    assert closed == (1000, "")


def test_a_mutation_after_the_user_was_deactivated_is_refused(gateway: Running, world: World) -> None:
    with raw(gateway.url) as client:
        client.hello()
        client.say(type="Authenticate", baseVersion=0, tokenType="User", value=token(world.physician))
        execute("UPDATE rufaa_user SET is_active = false WHERE id = %(id)s", id=world.physician.user)
        client.mutate(0, "referrals:updateReferralStatus", referralId="0" * 32, status="cancelled")
        answer = client.hear_until("MutationResponse")
    assert (answer["success"], answer["errorData"]["code"]) == (False, "unknown-user")
    wait_until(lambda: gateway.app.sync.connections == 0)
