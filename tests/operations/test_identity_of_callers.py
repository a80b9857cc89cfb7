"""Who is calling: a token of this server, or in the demo alone a name in the arguments; everything else is refused."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import jwt
import pytest

from rufaa import clock, secret
from rufaa.facilities.models import User
from rufaa.facilities.queries import Actor
from rufaa.ids import new_id
from rufaa.signin import tokens
from support import KEYS, Running, World, post, running_gateway, unchanged, value

OTHER_KEYS: Final = ("the secret of another server that is long enough",)
OLDER_KEY: Final = "an older secret of this server that is long enough"
HOUR: Final = timedelta(hours=1)


@pytest.fixture
def production(database: str) -> Iterator[Running]:
    keys = f"{KEYS[0]},{OLDER_KEY}"
    with running_gateway(database, RUFAA_MODE="production", RUFAA_SECRET_KEYS=keys) as running:
        yield running


def ask(gateway: Running, authorization: str | None = None, **args: str) -> tuple[int, Any]:
    """A mutation that the administrator may do: HTTP status, and the body."""
    headers = {} if authorization is None else {"Authorization": authorization}
    body = {"path": "referrals:updateReferralStatus", "args": args, "format": "json"}
    answer = post(f"{gateway.url}/api/mutation", body, **headers)
    return answer.status, answer.json


def token(
    user: uuid.UUID, *, keys: tuple[str, ...] = KEYS, now: datetime | None = None, lifetime: timedelta = HOUR
) -> str:
    return tokens.issue(user, keys=keys, now=now or clock.now(), lifetime=lifetime)


def signed(user: uuid.UUID, **claims: Any) -> str:
    """A token under the right key, with claims of the test's choice; None leaves one out."""
    now = datetime.now(UTC)
    full = {"iss": "rufaa", "aud": "rufaa", "sub": user.hex, "iat": now, "exp": now + HOUR, **claims}
    kept = {name: value for name, value in full.items() if value is not None}
    (key,) = cast("list[dict[str, str]]", tokens.key_set(KEYS)["keys"])
    head = {"typ": "at+jwt", "kid": key["kid"]}
    return jwt.encode(kept, secret.signing_key(KEYS[0]), algorithm="ES256", headers=head)


def part(fields: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def without_signature(user: uuid.UUID, *, algorithm: str) -> str:
    claims = {"iss": "rufaa", "aud": "rufaa", "sub": user.hex, "iat": 1, "exp": 4_000_000_000}
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}."


def cut(text: str) -> str:
    """The same token with another user's id in it and the old signature."""
    head, _, signature = text.split(".")
    claims = {"iss": "rufaa", "aud": "rufaa", "sub": new_id().hex, "iat": 1, "exp": 4_000_000_000}
    return f"{head}.{part(claims)}.{signature}"


BAD: Final[list[tuple[str, Callable[[uuid.UUID], str]]]] = [
    ("words", lambda _: "let me in"),
    ("dots", lambda _: ".."),
    ("expired", lambda user: token(user, now=clock.now() - 2 * HOUR)),
    ("not valid yet", lambda user: signed(user, iat=datetime.now(UTC) + HOUR)),
    ("of another server", lambda user: token(user, keys=OTHER_KEYS)),
    ("signed with the secret itself", lambda user: jwt.encode({"sub": user.hex}, KEYS[0], algorithm="HS256")),
    ("alg none", lambda user: without_signature(user, algorithm="none")),
    ("alg None", lambda user: without_signature(user, algorithm="None")),
    ("alg HS256 unsigned", lambda user: without_signature(user, algorithm="HS256")),
    ("changed claims", lambda user: cut(token(user))),
    ("another issuer", lambda user: signed(user, iss="https://idp.example")),
    ("another audience", lambda user: signed(user, aud="convex")),
    ("without end", lambda user: signed(user, exp=None)),
    ("without subject", lambda user: signed(user, sub=None)),
    ("a name as subject", lambda user: signed(user, sub="admin")),
]


def test_a_token_that_names_nobody_is_401(world: World, production: Running, subtests: pytest.Subtests) -> None:
    referral = world.referral()
    with unchanged():
        for what, made in BAD:
            with subtests.test(what):
                bearer = f"Bearer {made(world.admin.user)}"
                status, body = ask(production, bearer, referralId=referral, status="awaiting-biodata")
                assert (status, body["code"]) == (401, "Unauthenticated")
                assert set(body) == {"code", "message"}
                assert ("expired" in body["message"]) is (what == "expired")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("Bearer", 401, "InvalidAuthHeader"),
        ("Basic YWRtaW46YWRtaW4=", 400, "InvalidAdminKey"),
        ("Convex prod:admin|key", 403, "BadDeployKey"),
    ],
)
def test_another_authorization_is_refused(world: World, gateway: Running, header: str, status: int, code: str) -> None:
    referral = world.referral()
    with unchanged():
        answered, body = ask(gateway, header, referralId=referral, status="awaiting-biodata", demoUserId="admin")
    assert (answered, body["code"]) == (status, code)


def test_a_bad_token_is_not_mended_by_a_demo_name(world: World, gateway: Running) -> None:
    with unchanged():
        status, _ = ask(gateway, "Bearer x.y.z", referralId=world.uhuru.pk.hex, status="paid", demoUserId="admin")
    assert status == 401


def test_a_token_says_who_acts(world: World, production: Running) -> None:
    referral = world.referral()

    status, body = ask(production, f"Bearer {token(world.admin.user)}", referralId=referral, status="awaiting-biodata")

    assert (status, body["value"]["status"]) == (200, "awaiting-biodata")


def test_a_token_of_an_older_key_still_counts(world: World, production: Running) -> None:
    bearer = f"Bearer {token(world.admin.user, keys=(OLDER_KEY,))}"

    status, body = ask(production, bearer, referralId=world.referral(), status="awaiting-biodata")

    assert (status, body["value"]["status"]) == (200, "awaiting-biodata")


def test_a_token_of_somebody_who_is_not_there(world: World, production: Running) -> None:
    referral = world.referral()
    gone = User.objects.get(pk=world.second_admin.user)
    gone.is_active = False
    gone.save()
    with unchanged():
        for user in (new_id(), gone.pk):
            status, body = ask(production, f"Bearer {token(user)}", referralId=referral, status="awaiting-biodata")
            assert (status, body["errorData"]["code"]) == (200, "unknown-user")


@pytest.mark.parametrize("name", ["admin", "", "nobody"])
def test_in_production_a_name_in_the_arguments_is_nobody(world: World, production: Running, name: str) -> None:
    referral = world.referral()
    with unchanged():
        status, body = ask(production, referralId=referral, status="awaiting-biodata", demoUserId=name)
    assert (status, body["errorData"]["code"]) == (200, "not-signed-in")
    assert "setAuth" in body["errorData"]["message"]


def test_in_production_the_token_counts_and_not_the_name(world: World, production: Running) -> None:
    referral = world.referral()
    bearer = f"Bearer {token(world.physician.user)}"
    with unchanged():
        _, body = ask(production, bearer, referralId=referral, status="awaiting-biodata", demoUserId="admin")
    assert body["errorData"]["code"] == "forbidden"

    bearer = f"Bearer {token(world.admin.user)}"
    _, body = ask(production, bearer, referralId=referral, status="awaiting-biodata", demoUserId="physician")
    assert body["value"]["status"] == "awaiting-biodata"


def test_in_the_demo_a_name_or_an_id_says_who_acts(world: World, gateway: Running) -> None:
    for name in ("admin", world.admin.user.hex):
        _, body = ask(gateway, referralId=world.referral(), status="awaiting-biodata", demoUserId=name)
        assert body["value"]["status"] == "awaiting-biodata"


def test_in_the_demo_the_name_counts_before_the_token(world: World, gateway: Running) -> None:
    """It is about this one call; a page that has signed in somebody may still act as another."""
    referral = world.referral()
    bearer = f"Bearer {token(world.admin.user)}"
    with unchanged():
        _, body = ask(gateway, bearer, referralId=referral, status="awaiting-biodata", demoUserId="physician")
    assert body["errorData"]["code"] == "forbidden"


@pytest.mark.parametrize("name", ["", "nobody", "admins", " admin", "admin\n", "0" * 32, "é" * 500])
def test_in_the_demo_an_unknown_name_is_nobody(world: World, gateway: Running, name: str) -> None:
    referral = world.referral()
    with unchanged():
        _, body = ask(gateway, referralId=referral, status="awaiting-biodata", demoUserId=name)
    assert body["errorData"]["code"] == "unknown-user"


@pytest.mark.parametrize("args", [{}, {"demoUserId": None}])
def test_without_either_nothing_is_done(world: World, gateway: Running, args: dict[str, Any]) -> None:
    referral = world.referral()
    with unchanged():
        _, body = ask(gateway, referralId=referral, status="awaiting-biodata", **args)
    assert body["errorData"] == {
        "code": "not-signed-in",
        "message": "Say who you are: call setAuth with a token of this server.",
        "data": {},
    }


def test_every_move_is_written_down_with_who_made_it(world: World, gateway: Running) -> None:
    def last_actor(by: Actor) -> Any:
        referral = world.referral()
        gateway.do(
            "mutation", "referrals:updateReferralStatus", {"referralId": referral, "status": "awaiting-biodata"}, by=by
        )
        return value("SELECT actor FROM history WHERE machine = 'referral' ORDER BY id DESC LIMIT 1")

    assert last_actor(world.admin) == world.admin.user
    assert last_actor(world.second_admin) == world.second_admin.user
