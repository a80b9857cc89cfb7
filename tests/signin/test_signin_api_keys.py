"""API keys: made once, used as a bearer or for a token, and worth nothing from the moment they are revoked."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
import psycopg
import pytest
from django.db import IntegrityError

from rufaa import clock, log
from rufaa.db.atomic import unit
from rufaa.errors import InvalidArgument
from rufaa.facilities.queries import Actor
from rufaa.signin import api_keys, tokens
from rufaa.signin.api_keys import InvalidExpiry, UnknownKey
from support import KEYS, Answer, Running, World, advance, execute, post, rows, running_gateway, value, wait_until

NOBODYS: Final = f"rk_{'0' * 48}"


@pytest.fixture
def production(database: str) -> Iterator[Running]:
    with running_gateway(database, RUFAA_MODE="production", RUFAA_TOKEN_LIFE_S="300") as running:
        yield running


def made(user: Actor, *, expires_at: datetime | None = None) -> str:
    return unit(lambda tx: api_keys.add(tx, user.user, name="front end", expires_at=expires_at))


def revoke(key: str) -> None:
    unit(lambda tx: api_keys.revoke(tx, key[:11]))


def exchange(gateway: Running, bearer: str) -> Answer:
    return post(f"{gateway.url}/api/token", b"", Authorization=f"Bearer {bearer}")


def asked(gateway: Running, bearer: str, referral: str) -> Answer:
    """A query as whomever the bearer names."""
    body = {"path": "referrals:getReferral", "args": {"referralId": referral}, "format": "json"}
    return post(f"{gateway.url}/api/query", body, Authorization=f"Bearer {bearer}")


def switch_off(user: Actor) -> None:
    execute("UPDATE rufaa_user SET is_active = false WHERE id = %(id)s", id=user.user)


# --- what a key is for -----------------------------------------------------------------------------------------------


def test_a_key_acts_as_its_user_itself_and_by_the_token_it_is_given(world: World, production: Running) -> None:
    referral = world.referral()
    key = made(world.admin)

    issued = exchange(production, key)

    assert issued.status == 200
    assert set(issued.json) == {"token", "expiresAt", "expiresInS"}
    assert issued.json["expiresInS"] == 300
    said = jwt.decode(issued.json["token"], options={"verify_signature": False})
    assert (said["iss"], said["sub"]) == (production.url, world.admin.user.hex)
    assert (said["exp"], said["exp"] - said["iat"]) == (issued.json["expiresAt"], 300)
    assert 0 <= clock.now().timestamp() - said["iat"] < 30
    for bearer in (key, issued.json["token"]):
        assert asked(production, bearer, referral).json["value"]["_id"] == referral
    assert asked(production, made(world.stranger), referral).json["value"] is None


def test_a_key_says_who_acts(world: World, production: Running) -> None:
    referral = world.referral()
    body = {"path": "referrals:updateReferralStatus", "args": {"referralId": referral, "status": "awaiting-biodata"}}

    answer = post(f"{production.url}/api/mutation", body, Authorization=f"Bearer {made(world.second_admin)}")

    assert answer.json["status"] == "success"
    moved = value("SELECT actor FROM history WHERE machine = 'referral' ORDER BY id DESC LIMIT 1")
    assert moved == world.second_admin.user


def test_only_a_digest_of_the_key_is_kept(world: World) -> None:
    key = made(world.admin)

    assert re.fullmatch("rk_[0-9a-f]{48}", key)
    (row,) = rows("SELECT api_key::text AS whole, prefix FROM api_key")
    assert row["prefix"] == key[:11]
    assert key[11:] not in row["whole"]
    assert key.encode()[11:].hex() not in row["whole"]
    assert made(world.admin) != key


def test_a_key_in_a_log_line_is_blotted_out_and_its_prefix_is_not() -> None:
    key = "rk_" + "4f" * 24
    assert log._PRIVATE.sub("…", f"key {key} of {key[:11]}") == f"key … of {key[:11]}"


# --- what ends one ---------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_at_once_and_so_is_its_token(world: World, production: Running) -> None:
    key, other = made(world.admin), made(world.admin)
    token = exchange(production, key).json["token"]
    others = exchange(production, other).json["token"]
    assert asked(production, token, world.referral()).status == 200

    revoke(key)

    for refused in (asked(production, key, "0" * 32), exchange(production, key)):
        assert (refused.status, refused.json["code"]) == (401, "Unauthenticated")
        assert refused.json["message"] == "This API key was revoked. Ask an operator for another."
    refused = asked(production, token, "0" * 32)
    assert (refused.status, refused.json["message"]) == (
        401, "The API key that this token was issued for was revoked.",
    )  # fmt: skip
    for bearer in (other, others):  # the control
        assert asked(production, bearer, "0" * 32).status == 200


def test_an_expired_key_is_refused(world: World, production: Running) -> None:
    key = made(world.admin, expires_at=clock.now() + timedelta(hours=1))
    assert asked(production, key, "0" * 32).status == 200

    advance(3600)

    for refused in (asked(production, key, "0" * 32), exchange(production, key)):
        assert (refused.status, refused.json["message"]) == (
            401, "This API key has expired. Ask an operator for another.",
        )  # fmt: skip


def test_a_token_ends_no_later_than_its_key(world: World, production: Running) -> None:
    ends = (clock.now() + timedelta(seconds=90)).replace(microsecond=0)

    issued = exchange(production, made(world.admin, expires_at=ends)).json

    assert issued["expiresAt"] == int(ends.timestamp())
    assert 60 < issued["expiresInS"] <= 90


def test_a_person_who_is_switched_off_is_refused_whatever_they_present(world: World, production: Running) -> None:
    key = made(world.admin)
    token = exchange(production, key).json["token"]
    by_hand = tokens.issue(world.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(hours=1))
    referral = world.referral()
    assert asked(production, by_hand, referral).json["value"]["_id"] == referral

    switch_off(world.admin)

    for refused in (asked(production, key, referral), exchange(production, key)):
        assert (refused.status, refused.json["message"]) == (
            401, "The person whom this API key stands for may no longer sign in.",
        )  # fmt: skip
    for stolen in (token, by_hand):
        assert asked(production, stolen, referral).json["errorData"]["code"] == "unknown-user"


# --- what is no key --------------------------------------------------------------------------------------------------

NO_KEY: Final[list[tuple[str, Callable[[str], str]]]] = [
    ("unknown", lambda _: NOBODYS),
    ("the prefix alone", lambda key: key[:11]),
    ("shorter", lambda key: key[:-1]),
    ("longer", lambda key: f"{key}0"),
    ("in capitals", lambda key: f"rk_{key[3:].upper()}"),
    ("another's end", lambda key: key[:-1] + ("0" if key[-1] != "0" else "1")),
    ("100 kB without an end", lambda _: f"rk_{'0' * 20_000}"),
    ("its digest", lambda key: f"rk_{api_keys.digest(key).hex()}"),
]


def test_what_is_no_key_is_refused(world: World, production: Running, subtests: pytest.Subtests) -> None:
    key = made(world.admin)
    for what, bearer in NO_KEY:
        with subtests.test(what):
            for refused in (asked(production, bearer(key), "0" * 32), exchange(production, bearer(key))):
                assert (refused.status, refused.json) == (
                    401, {"code": "Unauthenticated", "message": "This is not an API key of this server."},
                )  # fmt: skip
    assert rows("SELECT last_used_at FROM api_key") == [{"last_used_at": None}]


def test_a_token_is_not_taken_for_a_key(world: World, production: Running) -> None:
    """Else a stolen one could be renewed for ever."""
    token = exchange(production, made(world.admin)).json["token"]

    refused = exchange(production, token)

    assert (refused.status, refused.json["message"]) == (401, "This is not an API key of this server.")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "Unauthenticated"),
        ("Bearer", 401, "InvalidAuthHeader"),
        ("Basic YWRtaW46YWRtaW4=", 400, "InvalidAdminKey"),
        ("Convex prod:admin|key", 403, "BadDeployKey"),
    ],
)
def test_a_token_needs_a_key(production: Running, header: str | None, status: int, code: str) -> None:
    refused = post(f"{production.url}/api/token", b"", **({} if header is None else {"Authorization": header}))

    assert (refused.status, refused.json["code"]) == (status, code)


def test_what_a_request_has_for_a_body_is_not_looked_at(world: World, production: Running) -> None:
    key = made(world.admin)
    for body in (b"", b"{", b"x" * 1_000_000):
        for bearer, status in ((key, 200), (NOBODYS, 401)):
            answer = post(f"{production.url}/api/token", body, Authorization=f"Bearer {bearer}")
            assert answer.status == status


def test_a_page_of_another_origin_gets_no_token_that_it_could_read(world: World, production: Running) -> None:
    request = urllib.request.Request(
        f"{production.url}/api/token",
        b"",
        {"Authorization": f"Bearer {made(world.admin)}", "Origin": "https://front.example"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        headers = {name.lower(): text for name, text in answer.headers.items()}
    assert not [name for name in headers if name.startswith("access-control-")]
    assert headers["cache-control"] == "no-store"

    for method in ("GET", "OPTIONS"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{production.url}/api/token", method=method), timeout=30)
        with refused.value as answer:
            assert (answer.code, answer.headers["allow"]) == (405, "POST")


def test_a_key_made_while_the_gateway_runs_counts_at_once(world: World, production: Running) -> None:
    assert asked(production, NOBODYS, "0" * 32).status == 401  # all keys were read, a moment ago

    assert asked(production, made(world.admin), "0" * 32).status == 200


def test_while_the_database_cannot_tell_the_answer_is_to_try_again(
    world: World, production: Running, database: str
) -> None:
    key = made(world.admin)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
        for refused in (asked(production, key, "0" * 32), exchange(production, key)):
            assert (refused.status, refused.json["code"]) == (503, "Overloaded")
            assert "Nothing was changed" in refused.json["message"]

    assert asked(production, key, "0" * 32).status == 200


def test_a_connection_that_breaks_while_a_key_is_looked_up_did_nothing(
    world: World, production: Running, database: str
) -> None:
    key = made(world.admin)
    waiting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%api_key%%'"
    with psycopg.connect(database) as other, ThreadPoolExecutor(1) as aside:
        other.execute("LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE")
        asking = aside.submit(asked, production, key, "0" * 32)
        wait_until(lambda: value(f"SELECT count(*) {waiting}") == 1)
        execute(f"SELECT pg_terminate_backend(pid) {waiting}")
        refused = asking.result()

    assert (refused.status, refused.json["code"]) == (503, "Overloaded")
    assert "Nothing was changed" in refused.json["message"]


# --- its last use ----------------------------------------------------------------------------------------------------


def test_the_last_use_is_noted_at_most_once_in_five_minutes(world: World, production: Running) -> None:
    def noted() -> Any:
        return value("SELECT last_used_at FROM api_key")

    key = made(world.admin)
    assert noted() is None
    asked(production, key, "0" * 32)
    first = noted()
    assert first is not None
    asked(production, key, "0" * 32)
    advance(285)
    exchange(production, key)
    assert noted() == first

    advance(16)
    exchange(production, key)

    assert noted() >= first + timedelta(seconds=301)


def test_nobody_waits_for_the_note(world: World, production: Running, database: str) -> None:
    key = made(world.admin)
    with psycopg.connect(database) as other:
        other.execute("SELECT FROM api_key FOR UPDATE")

        assert asked(production, key, "0" * 32).status == 200

    assert value("SELECT last_used_at FROM api_key") is None


# --- making and revoking ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "front\x00end", "front\x1bend"])
def test_a_key_has_a_name_that_people_can_read(world: World, name: str) -> None:
    with pytest.raises(InvalidArgument):
        unit(lambda tx: api_keys.add(tx, world.admin.user, name=name, expires_at=None))
    assert rows("SELECT * FROM api_key") == []


def test_a_key_that_would_be_expired_is_not_made(world: World) -> None:
    with pytest.raises(InvalidExpiry):
        made(world.admin, expires_at=clock.now() - timedelta(seconds=1))
    assert rows("SELECT * FROM api_key") == []


def test_revoking_again_changes_nothing(world: World) -> None:
    key = made(world.admin)
    revoke(key)
    before = rows("SELECT * FROM api_key")
    advance(60)

    for said in (key[:11], key[3:11], key, f" {key[:11].upper()} "):
        told = unit(lambda tx, said=said: api_keys.revoke(tx, said))  # type: ignore[misc]
        assert (told.prefix, told.user, told.in_force) == (key[:11], "admin", False)

    assert rows("SELECT * FROM api_key") == before


@pytest.mark.parametrize("said", ["", "rk_", "rk_0000000", "00000000", "%", "rk_%", NOBODYS])
def test_what_is_no_prefix_revokes_nothing(world: World, said: str) -> None:
    key = made(world.admin)
    assert not key.startswith("rk_00000000")

    with pytest.raises(UnknownKey):
        unit(lambda tx: api_keys.revoke(tx, said))

    assert value("SELECT revoked_at FROM api_key") is None


EXPIRED_AT_ONCE: Final = (
    "INSERT INTO api_key (id, user_id, name, prefix, digest, expires_at)"
    " SELECT gen_random_uuid(), user_id, name, 'rk_1', 'x', rufaa_now() FROM api_key"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_key SET user_id = (SELECT id FROM rufaa_user WHERE username = 'physician')",
        "UPDATE api_key SET digest = sha256('x')",
        "UPDATE api_key SET prefix = 'rk_00000000'",
        "UPDATE api_key SET expires_at = expires_at + interval '1 day'",
        "UPDATE api_key SET revoked_at = NULL",
        "UPDATE api_key SET created_at = created_at - interval '1 day'",
        "DELETE FROM api_key",
        "TRUNCATE api_key",
        EXPIRED_AT_ONCE,
    ],
)
def test_the_database_keeps_keys_as_they_are(world: World, statement: str) -> None:
    revoke(made(world.admin, expires_at=clock.now() + timedelta(days=1)))

    with pytest.raises(IntegrityError):
        execute(statement)


def test_no_token_is_taken_for_a_key_that_is_not_there(world: World, production: Running) -> None:
    token = tokens.issue(
        world.admin.user, keys=KEYS, now=clock.now(), lifetime=timedelta(minutes=5), api_key=uuid.uuid4()
    )

    assert asked(production, token, "0" * 32).status == 401
