"""Second factors without a browser: the app's codes, recovery codes, who is asked for one, and no passkeys at all."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client, RequestFactory

from people.signing import is_in, member, sign_in, text, with_password
from rufaa.console.acting import Acting, Done, act
from rufaa.console.work import work
from rufaa.db.atomic import unit
from rufaa.facilities import operations
from rufaa.facilities.models import User
from rufaa.signin import adapter, people, second_factor
from support import World, execute, rows, value


def code(secret: str, *, at: int = 0) -> str:
    """What the app shows now, or ``at`` steps of 30 seconds from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + at))


def later() -> None:
    """Codes that were shown may be shown again: as when half a minute has passed."""
    execute("DELETE FROM shared_count")


def with_app(name: str = "admin") -> tuple[Client, str]:
    """Somebody with a password who set an app up, still signed in, and the app's key."""
    with_password(name)
    client = Client()
    sign_in(client, name)
    page = text(client.get("/account/app/"))
    found = re.search(r'<code class="key">([A-Z2-7]{32})</code>', page)
    assert found is not None
    done = client.post("/account/app/", {"code": code(found[1])})
    assert (done.status_code, done.headers["Location"]) == (302, "/account/codes/")
    later()
    return client, found[1]


def recovery_codes(client: Client) -> list[str]:
    return re.findall(r"<code>(\d{8})</code>", text(client.get("/account/codes/")))


def test_an_app_is_set_up_and_its_code_asked_for_at_sign_in(world: World) -> None:
    client, secret = with_app()
    assert "Your authenticator app is set up." in text(client.get("/account/"))
    fresh = Client()

    first = sign_in(fresh, "admin", next="/referrals/new/")

    assert first.headers["Location"] == "/sign-in/second/"
    assert not is_in(fresh)
    wrong = fresh.post("/sign-in/second/", {"code": "000000"})
    assert "This is wrong, or too old." in text(wrong)
    assert not is_in(fresh)
    second = fresh.post("/sign-in/second/", {"code": code(secret)})
    assert second.headers["Location"] == "/referrals/new/"
    assert is_in(fresh)


def test_the_picture_is_drawn_here_and_has_no_style_of_its_own(world: World) -> None:
    page = text(member("admin").get("/account/app/"))

    assert "<svg" in page
    assert "style=" not in page
    assert "otpauth://totp/admin?secret=" in page
    assert "data:" not in page


def test_a_code_is_good_once(world: World) -> None:
    _, secret = with_app()
    one = code(secret)
    for client, comes_in in ((Client(), True), (Client(), False)):
        sign_in(client, "admin")
        client.post("/sign-in/second/", {"code": one})
        assert is_in(client) is comes_in


@pytest.mark.parametrize("at", [-3, 3])
def test_a_code_of_another_minute_is_none(world: World, at: int) -> None:
    _, secret = with_app()
    client = Client()
    sign_in(client, "admin")

    client.post("/sign-in/second/", {"code": code(secret, at=at)})

    assert not is_in(client)


def test_codes_cannot_be_guessed_by_trying(world: World) -> None:
    _, secret = with_app()
    client = Client()
    sign_in(client, "admin")
    for number in range(5):
        client.post("/sign-in/second/", {"code": f"00000{number}"})

    answer = client.post("/sign-in/second/", {"code": code(secret)})

    assert "Too many tries. Wait five minutes" in text(answer)
    assert not is_in(client)


def test_the_second_step_is_nobodys_before_the_first(world: World) -> None:
    _, secret = with_app()

    assert Client().get("/sign-in/second/").headers["Location"] == "/sign-in/"
    assert Client().post("/sign-in/second/", {"code": code(secret)}).headers["Location"] == "/sign-in/"


def test_half_signed_in_is_not_signed_in(world: World) -> None:
    with_app()
    client = Client()
    sign_in(client, "admin")

    for path in ("/work/", "/account/", "/account/codes/", "/account/app/off/"):
        assert client.get(path).headers["Location"].startswith("/sign-in/?next=")
    client.post("/sign-in/out/")
    assert client.get("/sign-in/").status_code == 200


def test_the_demos_way_in_asks_for_the_second_step_too(world: World) -> None:
    with_app()
    client = Client()

    assert client.post("/sign-in/as/", {"who": "admin"}).headers["Location"] == "/sign-in/second/"
    assert not is_in(client)


def test_a_recovery_code_lets_in_once(world: World) -> None:
    owner, _ = with_app()
    codes = recovery_codes(owner)
    assert len(set(codes)) == 10
    for client, comes_in in ((Client(), True), (Client(), False)):
        sign_in(client, "admin")
        client.post("/sign-in/second/", {"code": codes[3]})
        assert is_in(client) is comes_in
    assert "9 are left" in text(owner.get("/account/"))
    assert codes[3] not in recovery_codes(owner)


def test_new_recovery_codes_end_the_old_ones(world: World) -> None:
    owner, _ = with_app()
    old = recovery_codes(owner)

    owner.post("/account/codes/new/")

    new = recovery_codes(owner)
    assert len(new) == 10
    assert set(new).isdisjoint(old)
    file = owner.get("/account/codes/file/")
    assert file.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert text(file).split() == new


def test_nobody_without_a_factor_has_codes(world: World) -> None:
    client = member("admin")

    assert client.get("/account/codes/").status_code == 404
    client.post("/account/codes/new/")
    assert value("SELECT count(*) FROM mfa_authenticator") == 0


def test_what_codes_are_made_from_is_sealed_in_the_database(world: World) -> None:
    _, secret = with_app()
    kept = rows("SELECT type, data FROM mfa_authenticator ORDER BY type")

    assert [row["type"] for row in kept] == ["recovery_codes", "totp"]
    assert secret not in str(kept)
    opened = adapter.FactorAdapter().decrypt(json.loads(kept[1]["data"])["secret"])
    assert opened == secret


def test_a_session_that_was_left_open_changes_no_factor(world: World) -> None:
    client, secret = with_app()
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()

    asked = client.post("/account/app/off/")

    assert asked.headers["Location"] == "/sign-in/again/?next=%2Faccount%2Fapp%2Foff%2F"
    assert value("SELECT count(*) FROM mfa_authenticator WHERE type = 'totp'") == 1
    assert "This is not your password." in text(client.post(asked.headers["Location"], {"password": "wrong"}))
    by_code = client.post("/sign-in/again/code/?next=/account/app/off/", {"code": code(secret)})
    assert by_code.headers["Location"] == "/account/"  # what was asked for is done now
    assert value("SELECT count(*) FROM mfa_authenticator WHERE type = 'totp'") == 0


def test_an_app_is_taken_away_and_its_codes_with_it(world: World) -> None:
    client, _ = with_app()

    assert client.post("/account/app/off/").headers["Location"] == "/account/"

    assert value("SELECT count(*) FROM mfa_authenticator") == 0
    assert sign_in(Client(), "admin").headers["Location"] == "/work/"


def test_an_operator_takes_away_what_was_lost(world: World) -> None:
    with_app()
    with_app("receiver")

    assert unit(lambda tx: second_factor.forget(tx, people.named("admin").pk)) == 2

    assert sign_in(Client(), "admin").headers["Location"] == "/work/"
    assert sign_in(Client(), "receiver").headers["Location"] == "/sign-in/second/"


# --- a facility that asks for one ------------------------------------------------------------------------------------


def test_who_is_asked_for_a_second_factor_is_led_to_set_one_up(world: World) -> None:
    with_password("admin")
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, True))
    client = Client()
    sign_in(client, "admin")

    led = client.get("/work/?status=paid")

    assert led.headers["Location"] == "/account/second-factor/?next=%2Fwork%2F%3Fstatus%3Dpaid"
    assert "Uhuru Health Centre asks for more than a password." in text(client.get(led.headers["Location"]))
    page = text(client.get("/account/app/"))
    found = re.search(r'<code class="key">(\w+)</code>', page)
    assert found is not None
    client.post("/account/app/", {"code": code(found[1])})
    assert is_in(client)
    assert client.get("/account/second-factor/?next=/work/%3Fstatus=paid").headers["Location"] == "/work/?status=paid"
    assert client.get("/account/second-factor/?next=//evil.example").headers["Location"] == "/work/"


def test_nothing_is_done_for_who_lacks_one(world: World) -> None:
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, True))
    done: list[str] = []

    @act(back=work)  # type: ignore[arg-type]
    def deed(acting: Acting) -> Done:
        done.append(acting.actor.name)
        return Done("/work/")

    def post(name: str) -> str:
        request = RequestFactory().post("/deed/")
        request.user = User.objects.get(username=name)
        return deed(request).headers["Location"]

    assert post("admin") == "/account/second-factor/?next=%2Fwork%2F"
    assert done == []
    assert post("receiver") == "/work/"
    assert done == ["Receiver"]


def test_nobody_else_is_asked(world: World) -> None:
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, True))

    assert is_in(member("receiver"))
    execute("UPDATE membership SET revoked_at = rufaa_now() WHERE user_id = %(id)s", id=world.admin.user)
    assert is_in(member("admin"))
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, False))
    assert is_in(member("physician"))


def test_recovery_codes_alone_are_no_second_factor(world: World) -> None:
    with_app()
    unit(lambda tx: operations.require_second_factor(tx, world.uhuru, True))
    assert is_in(member("admin"))

    execute("DELETE FROM mfa_authenticator WHERE type = 'totp'")

    assert not is_in(member("admin"))


# --- passkeys: what no browser would send ----------------------------------------------------------------------------


def shown(data: str, handle: str) -> str:
    """What has the form of a shown passkey."""
    answer = f'{{"clientDataJSON": "e30", "authenticatorData": "{data}", "signature": "AA", "userHandle": {handle}}}'
    return f'{{"id": "AA", "rawId": "AA", "type": "public-key", "response": {answer}}}'


NONSENSE = [
    "",
    "x",
    "[]",
    "null",
    "5",
    "{}",
    '{"id": 5}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    '{"id": "AA", "rawId": "AA", "response": {"clientDataJSON": "e30", "attestationObject": "oA"}}',
    shown("AA", '"AA"'),
    shown("A" * 100, "null"),
    shown("A" * 100, f'"{"AA" * 30}"'),
    '{"name": "\\u0000"}',
]


@pytest.mark.parametrize("credential", NONSENSE)
def test_nonsense_for_a_passkey_lets_nobody_in_and_adds_none(world: World, credential: str) -> None:
    stranger, owner = Client(), member("admin")
    stranger.get("/sign-in/passkey/", headers={"accept": "application/json"})
    owner.get("/account/passkeys/add/")

    came = stranger.post("/sign-in/passkey/", {"credential": credential})
    added: Any = owner.post("/account/passkeys/add/", {"credential": credential, "name": "x", "passwordless": "on"})

    assert (came.status_code, came.headers["Location"]) == (302, "/sign-in/")
    assert not is_in(stranger)
    assert added.status_code == 200
    assert value("SELECT count(*) FROM mfa_authenticator") == 0


@pytest.mark.parametrize("credential", NONSENSE[:10])
def test_nonsense_at_the_second_step_lets_nobody_in(world: World, credential: str) -> None:
    with_app()
    client = Client()
    sign_in(client, "admin")
    client.get("/sign-in/second/")

    assert client.post("/sign-in/second/", {"credential": credential}).status_code == 200
    assert not is_in(client)


def test_a_passkey_of_somebody_else_cannot_be_taken_away(world: World) -> None:
    execute(
        "INSERT INTO mfa_authenticator (user_id, type, data, created_at)"
        " VALUES (%(id)s, 'webauthn', '{\"name\": \"x\"}', now())",
        id=User.objects.get(username="receiver").pk,
    )
    key = value("SELECT id FROM mfa_authenticator")

    assert member("admin").post(f"/account/passkeys/{key}/remove/").status_code == 404
    assert value("SELECT count(*) FROM mfa_authenticator") == 1


@pytest.mark.parametrize(
    ("public", "takes"),
    [
        ("https://rufaa.example", True),
        ("http://rufaa.example", False),
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", False),
        ("https://192.0.2.1", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_passkeys_are_offered_where_browsers_make_them(
    monkeypatch: pytest.MonkeyPatch, public: str, takes: bool
) -> None:
    class Here:
        public_url = public

    monkeypatch.setattr(adapter, "config", Here)
    assert adapter.takes_passkeys() is takes
