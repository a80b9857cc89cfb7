"""One's own account: name, language, password, sessions, and the page for strangers."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from people.signing import PASSWORD, is_in, member, sign_in, text, with_password
from rufaa.facilities.models import User
from rufaa.signin import sessions
from support import World, execute, value

NEW = "three kites over Kisumu"
CHROME = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/128.0.0.0 Mobile Safari/537.36"


def signed_in(name: str = "admin", **more: str) -> Client:
    """Somebody who came in by password."""
    client = Client(**more)  # type: ignore[arg-type]
    assert sign_in(client, name).status_code == 302
    return client


@pytest.mark.parametrize(
    "path",
    [
        *("", "second-factor/", "app/", "app/off/", "codes/", "codes/new/", "codes/file/", "passkeys/add/"),
        "passkeys/1/remove/",
    ],
)
def test_a_stranger_is_sent_to_sign_in(world: World, path: str) -> None:
    answer = Client().get(f"/account/{path}")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?next=/account/")


@pytest.mark.parametrize("path", ["name/", "password/", "sessions/end/"])
def test_what_changes_something_takes_a_post_of_somebody(world: World, path: str) -> None:
    assert Client().post(f"/account/{path}").headers["Location"] == f"/sign-in/?next=/account/{path}"
    assert member("admin").get(f"/account/{path}").status_code == 405


def test_the_page_names_who_i_am_and_leads_on(world: World) -> None:
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")
    page = text(member("admin").get("/account/"))

    for shown in ("otieno@uhuru.example", 'value="Admin"', 'href="/work/"', "Authenticator app", "Sign out"):
        assert shown in page


def test_i_change_my_name(world: World) -> None:
    client = member("admin")

    assert client.post("/account/name/", {"full_name": "  Achieng’   O'Otieno "}).headers["Location"] == "/account/"

    assert User.objects.get(username="admin").full_name == "Achieng’ O'Otieno"
    assert "Your name is changed." in text(client.get("/account/"))


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\u202eb"])
def test_a_name_that_nobody_can_read_is_refused_and_stays_typed(world: World, name: str) -> None:
    client = member("admin")

    refused = client.post("/account/name/", {"full_name": name})

    assert refused.status_code == 422
    assert "A person&#x27;s name has 1 to 200 characters." in text(refused)
    assert User.objects.get(username="admin").full_name == "Admin"


# --- the password ----------------------------------------------------------------------------------------------------


def change(client: Client, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> int:
    given = {"current": current, "password": new, "again": new if again is None else again}
    return client.post("/account/password/", given).status_code


def test_a_changed_password_ends_all_other_sessions_and_keeps_this_one(world: World) -> None:
    with_password("admin")
    here, there = signed_in(), signed_in()

    assert change(here) == 302

    assert "You are signed out everywhere else." in text(here.get("/account/"))
    assert is_in(here)
    assert not is_in(there)
    assert value("SELECT count(*) FROM usersessions_usersession") == 1
    assert sign_in(Client(), "admin", NEW).status_code == 302


@pytest.mark.parametrize(
    ("current", "new", "again", "said"),
    [
        ("wrong", NEW, None, "This is not your password."),
        (PASSWORD, NEW, "another", "The two passwords differ."),
        (PASSWORD, "short", None, "at least ten characters"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    world: World, current: str, new: str, again: str | None, said: str
) -> None:
    before = with_password("admin").password
    client = signed_in()

    refused = client.post(
        "/account/password/", {"current": current, "password": new, "again": new if again is None else again}
    )

    assert refused.status_code == 422
    assert said in text(refused)
    assert User.objects.get(username="admin").password == before
    assert is_in(client)


def test_who_sits_down_at_an_open_screen_guesses_no_password_there(world: World) -> None:
    with_password("admin")
    client = signed_in()

    assert [change(client, current="wrong") for _ in range(5)] == [422, 422, 422, 422, 429]
    assert change(client) == 429


def test_who_has_no_password_is_told_where_to_get_one(world: World) -> None:
    client = member("admin")

    assert "You have none." in text(client.get("/account/"))
    assert change(client, current="") == 422
    assert not User.objects.get(username="admin").has_usable_password()


# --- sessions --------------------------------------------------------------------------------------------------------


def test_i_see_where_i_am_signed_in_and_end_it_all_but_here(world: World) -> None:
    with_password("admin")
    with_password("receiver")
    here = signed_in()
    there = signed_in(HTTP_USER_AGENT=CHROME, REMOTE_ADDR="192.0.2.7")
    other = signed_in("receiver")
    page = text(here.get("/account/"))
    assert "Chrome · Android" in page
    assert "192.0.2.7" in page
    assert page.count("this one") == 1

    here.post("/account/sessions/end/")

    assert is_in(here)
    assert not is_in(there)
    assert is_in(other)
    assert "Nowhere else." in text(here.get("/account/"))


def test_a_session_that_ended_is_listed_no_more(world: World) -> None:
    with_password("admin")
    here, there = signed_in(), signed_in(REMOTE_ADDR="192.0.2.7")
    there.post("/sign-in/out/")

    assert "192.0.2.7" not in text(here.get("/account/")).partition("Your last sign-ins")[0]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (CHROME, "Chrome · Android"),
        ("Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/127.0 Safari/537.36 Edg/127.0", "Edge · Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604",
            "Safari · iPhone",
        ),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_browsers_are_named_in_short(agent: str, name: str) -> None:
    assert sessions.named(agent) == name


def test_the_page_asks_no_more_with_many_sessions(world: World) -> None:
    with_password("admin")
    client = signed_in()

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get("/account/")
        return len(seen)

    alone = asked()
    execute(
        "INSERT INTO usersessions_usersession (user_id, ip, session_key, user_agent, data, created_at, last_seen_at)"
        " SELECT id, '192.0.2.1', 'k' || n, '', '{}', now(), now() FROM rufaa_user, generate_series(1, 20) AS n"
        " WHERE username = 'admin'"
    )
    execute(
        "INSERT INTO django_session (session_key, session_data, expire_date)"
        " SELECT 'k' || n, '', now() + interval '1 hour' FROM generate_series(1, 20) AS n"
    )
    assert asked() == alone
    assert text(client.get("/account/")).count("192.0.2.1") == 20
