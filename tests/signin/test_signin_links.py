"""Signing in by an OpenID issuer, through a real gateway: who is bound to whom, and what becomes of everybody else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from rufaa import clock
from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument
from rufaa.signin import issuers, links, tokens
from rufaa.signin.links import AlreadyLinked, NotLinked
from signin.stub_issuer import AUDIENCE, DISCOVERY, SUBJECT, StubIssuer, running_issuer
from support import KEYS, Answer, Running, World, execute, post, rows, running_gateway, value


@pytest.fixture
def stub() -> Iterator[StubIssuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def other() -> Iterator[StubIssuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def door(database: str, stub: StubIssuer, other: StubIssuer) -> Iterator[Running]:
    named = f"{stub.url} {AUDIENCE}, {other.url} {AUDIENCE} another"
    with running_gateway(database, RUFAA_MODE="development", RUFAA_OIDC_ISSUERS=named) as running:
        yield running


def link(user: uuid.UUID, issuer: StubIssuer, subject: str = SUBJECT) -> None:
    unit(lambda tx: links.link(tx, user, issuer=issuer.url, subject=subject))


def asked(door: Running, bearer: str, referral: str = "0" * 32) -> Answer:
    body = {"path": "referrals:getReferral", "args": {"referralId": referral}, "format": "json"}
    return post(f"{door.url}/api/query", body, Authorization=f"Bearer {bearer}")


def test_a_linked_person_acts_as_themselves(world: World, door: Running, stub: StubIssuer) -> None:
    referral = world.referral()
    link(world.second_admin.user, stub)
    body = {"path": "referrals:updateReferralStatus", "args": {"referralId": referral, "status": "awaiting-biodata"}}

    answer = post(f"{door.url}/api/mutation", body, Authorization=f"Bearer {stub.token()}")

    assert answer.json["status"] == "success"
    moved = value("SELECT actor FROM history WHERE machine = 'referral' ORDER BY id DESC LIMIT 1")
    assert moved == world.second_admin.user


def test_nobody_is_bound_by_what_a_token_claims_besides(world: World, door: Running, stub: StubIssuer) -> None:
    """Neither an e-mail nor a name nor an id of ours says who somebody is."""
    execute("UPDATE rufaa_user SET email = 'admin@uhuru.example' WHERE username = 'admin'")
    claims = {"email": "admin@uhuru.example", "email_verified": True, "preferred_username": "admin", "name": "Admin"}

    for subject in (SUBJECT, "admin", world.admin.user.hex, "admin@uhuru.example"):
        refused = asked(door, stub.token(sub=subject, **claims))

        assert (refused.status, refused.json["code"]) == (401, "Unauthenticated")
        assert refused.json["message"] == (
            "Nobody here is linked to this sign-in. An operator links it:"
            f" rufaa user link NAME --issuer {stub.url} --subject {subject}"
        )


def test_the_same_subject_of_another_issuer_is_somebody_else(
    world: World, door: Running, stub: StubIssuer, other: StubIssuer
) -> None:
    referral = world.referral()
    link(world.admin.user, stub)
    assert asked(door, other.token()).status == 401

    link(world.stranger.user, other)

    assert asked(door, stub.token(), referral).json["value"]["_id"] == referral
    assert asked(door, other.token(), referral).json["value"] is None


def test_a_link_that_is_taken_away_and_a_person_who_is_switched_off(
    world: World, door: Running, stub: StubIssuer
) -> None:
    link(world.admin.user, stub)
    token = stub.token()
    assert asked(door, token).status == 200

    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'admin'")
    refused = asked(door, token)
    assert (refused.status, refused.json["message"]) == (
        401, "The person to whom this sign-in is linked may no longer sign in.",
    )  # fmt: skip

    execute("UPDATE rufaa_user SET is_active = true WHERE username = 'admin'")
    unit(lambda tx: links.unlink(tx, "admin", issuer=stub.url, subject=SUBJECT))
    assert asked(door, token).json["message"].startswith("Nobody here is linked to this sign-in.")


def test_the_audiences_of_one_issuer_are_not_those_of_another(
    world: World, door: Running, stub: StubIssuer, other: StubIssuer
) -> None:
    link(world.admin.user, stub)
    link(world.admin.user, other)

    assert asked(door, other.token(aud="another")).status == 200
    assert asked(door, stub.token(aud="another")).status == 401


def test_an_issuer_that_is_away_stops_nobody_else(
    world: World, door: Running, stub: StubIssuer, other: StubIssuer
) -> None:
    stub.answers[DISCOVERY] = 503
    link(world.admin.user, stub)
    link(world.admin.user, other)

    refused = asked(door, stub.token())

    assert (refused.status, refused.json["code"]) == (503, "Overloaded")
    said = f"The keys of {stub.url} cannot be read now, so its tokens cannot be checked. Try again shortly."
    assert refused.json["message"] == said
    ours = tokens.issue(world.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
    assert asked(door, other.token()).status == 200
    assert asked(door, ours).status == 200


def test_an_issuer_that_hangs_holds_up_nobody_else(
    world: World, door: Running, stub: StubIssuer, other: StubIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.may_answer.clear()
    link(world.admin.user, other)

    with monkeypatch.context() as patched:
        patched.setattr(issuers, "ANSWER_S", 0.5)
        assert asked(door, stub.token()).status == 503
    assert asked(door, other.token()).status == 200


def test_an_issuer_that_is_not_in_the_settings_is_nobody(world: World, gateway: Running, stub: StubIssuer) -> None:
    link(world.admin.user, stub)

    refused = asked(gateway, stub.token())

    assert (refused.status, refused.json["message"]) == (401, "This is not a token that this server takes.")
    assert stub.asked == []


def test_a_token_of_theirs_gets_no_token_of_ours(world: World, door: Running, stub: StubIssuer) -> None:
    link(world.admin.user, stub)

    assert post(f"{door.url}/api/token", b"", Authorization=f"Bearer {stub.token()}").status == 401


def test_an_issuer_cannot_sign_as_this_server(world: World, door: Running, stub: StubIssuer) -> None:
    claims: dict[str, Any] = {"aud": "rufaa", "sub": world.admin.user.hex}
    for issuer in (door.url, "rufaa"):
        assert asked(door, stub.token(iss=issuer, header={"typ": "at+jwt"}, **claims)).status == 401


# --- linking ---------------------------------------------------------------------------------------------------------


def test_linking_again_changes_nothing_and_another_is_refused(world: World, stub: StubIssuer) -> None:
    link(world.admin.user, stub)
    before = rows("SELECT * FROM openid_link")
    link(world.admin.user, stub)

    with pytest.raises(AlreadyLinked, match="linked to admin"):
        link(world.physician.user, stub)

    assert rows("SELECT * FROM openid_link") == before


def test_a_subject_can_be_given_to_another_once_it_is_free(world: World, stub: StubIssuer) -> None:
    link(world.admin.user, stub)
    for nobody, subject in (("physician", SUBJECT), ("admin", "another"), ("nobody", SUBJECT)):
        with pytest.raises(NotLinked):
            unit(lambda tx, who=nobody, what=subject: links.unlink(tx, who, issuer=stub.url, subject=what))  # type: ignore[misc]
    unit(lambda tx: links.unlink(tx, "admin", issuer=stub.url, subject=SUBJECT))

    link(world.physician.user, stub)

    assert [(each.user, each.issuer, each.subject) for each in unit(links.listed)] == [("physician", stub.url, SUBJECT)]
    assert value("SELECT count(*) FROM openid_link") == 2


@pytest.mark.parametrize("subject", ["", "s" * 256, "a\x00b", "a\nb"])
def test_what_no_token_could_name_is_not_linked(world: World, stub: StubIssuer, subject: str) -> None:
    with pytest.raises(InvalidArgument):
        link(world.admin.user, stub, subject)
    assert rows("SELECT * FROM openid_link") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE openid_link SET user_id = (SELECT id FROM rufaa_user WHERE username = 'physician')",
        "UPDATE openid_link SET subject = 'another'",
        "UPDATE openid_link SET issuer = 'https://other.example'",
        "UPDATE openid_link SET removed_at = NULL",
        "UPDATE openid_link SET created_at = created_at - interval '1 day'",
        "DELETE FROM openid_link",
        "TRUNCATE openid_link",
    ],
)
def test_the_database_keeps_links_as_they_are(world: World, stub: StubIssuer, statement: str) -> None:
    link(world.admin.user, stub)
    unit(lambda tx: links.unlink(tx, "admin", issuer=stub.url, subject=SUBJECT))

    with pytest.raises(IntegrityError):
        execute(statement)


def test_the_database_keeps_a_subject_to_one_user(world: World, stub: StubIssuer) -> None:
    link(world.admin.user, stub)

    with pytest.raises(IntegrityError):
        execute(
            "INSERT INTO openid_link (id, user_id, issuer, subject)"
            " SELECT gen_random_uuid(), %(user)s, issuer, subject FROM openid_link",
            user=world.physician.user,
        )
