"""Signing in and out by password: who comes in, what is said to who does not, and where one goes on."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from people.signing import PASSWORD, is_in, member, sign_in, text, with_password
from rufaa.facilities.models import User
from rufaa.signin import pages
from support import World, execute, rows, value


def test_a_name_and_its_password_open_the_work_list(world: World) -> None:
    with_password("admin")
    client = Client()

    answer = sign_in(client, "admin")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/work/")
    assert is_in(client)


def test_an_e_mail_address_is_as_good_as_the_name(world: World) -> None:
    with_password("admin")
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")
    client = Client()

    assert sign_in(client, " Otieno@Uhuru.example ").status_code == 302
    assert is_in(client)


def test_the_page_is_the_houses_own_and_offers_no_sign_up(world: World) -> None:
    page = text(Client().get("/sign-in/"))

    assert "<h1>Sign in</h1>" in page
    assert 'autocomplete="username webauthn"' in page
    assert "sign up" not in page.lower()
    for path in ("/sign-in/signup/", "/accounts/signup/", "/sign-in/up/"):
        assert Client().get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("admin", "wrong"),
        ("nobody", PASSWORD),
        ("receiver", PASSWORD),  # has none
        ("x" * 5000, "y" * 5000),
        ("admin'--", "' OR ''='"),
        ("<script>alert(1)</script>", "\u202etxt"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence_and_the_name_stays(world: World, name: str, password: str) -> None:
    with_password("admin")
    client = Client()

    answer = sign_in(client, name, password)

    assert answer.status_code == 422
    assert "This name and this password do not belong together." in text(answer)
    assert "<script>alert" not in text(answer)
    assert not is_in(client)


@pytest.mark.parametrize("given", [{}, {"login": "admin"}, {"login": "ad\x00min", "password": PASSWORD}])
def test_what_is_missing_or_cannot_be_a_name_is_refused(world: World, given: dict[str, str]) -> None:
    with_password("admin")
    answer = Client().post("/sign-in/", given)

    assert answer.status_code == 422
    assert 'class="wrong"' in text(answer)


def test_who_was_switched_off_is_told_what_a_stranger_is_told(world: World) -> None:
    with_password("admin")
    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'admin'")
    client = Client()

    answer = sign_in(client, "admin")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/")
    assert "do not belong together" in text(client.get("/sign-in/"))
    assert not is_in(client)


def test_a_session_ends_at_once_when_its_person_is_switched_off(world: World) -> None:
    client = member("admin")
    assert is_in(client)

    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'admin'")

    assert client.get("/work/").headers["Location"] == "/sign-in/?next=/work/"


def test_the_session_is_a_new_one_after_signing_in(world: World) -> None:
    with_password("admin")
    client = Client()
    client.post("/sign-in/language/", {"language": "sw"})
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key

    sign_in(client, "admin")

    assert client.session.session_key != before
    assert value("SELECT count(*) FROM django_session WHERE session_key = %(key)s", key=before) == 0


def test_signing_out_takes_a_post_and_ends_the_session(world: World) -> None:
    client = member("admin")

    assert client.get("/sign-in/out/").status_code == 405
    assert is_in(client)
    assert client.post("/sign-in/out/").headers["Location"] == "/sign-in/"
    assert not is_in(client)


def test_a_form_from_elsewhere_signs_nobody_in(world: World) -> None:
    with_password("admin")
    client = Client(enforce_csrf_checks=True)

    assert sign_in(client, "admin").status_code == 403
    assert not is_in(client)


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        ("/referrals/new/?a=1", "/referrals/new/?a=1"),
        ("https://evil.example/", "/work/"),
        ("//evil.example/", "/work/"),
        ("///evil.example", "/work/"),
        ("/\\evil.example", "/work/"),
        ("http:evil.example", "/work/"),
        ("javascript:alert(1)", "/work/"),
        ("https://testserver/work/", "/work/"),
        ("http://evil.example@testserver/", "/work/"),
        (" /work/\n//evil.example", "/work/"),
    ],
)
def test_one_goes_on_inside_this_server_and_nowhere_else(world: World, wanted: str, to: str) -> None:
    with_password("admin")

    assert sign_in(Client(), "admin", next=wanted).headers["Location"] == to
    assert member("admin").get("/sign-in/", {"next": wanted}).headers["Location"] == to
    assert Client().post("/sign-in/as/", {"who": "admin", "next": wanted}).headers["Location"] == to


def test_a_host_that_a_stranger_names_leads_nowhere(world: World) -> None:
    with_password("admin")
    answer = Client(headers={"host": "evil.example"}).post(
        "/sign-in/", {"login": "admin", "password": PASSWORD, "next": "https://evil.example/"}
    )

    assert answer.headers["Location"] == "/work/"


# --- guessing --------------------------------------------------------------------------------------------------------


def guess(times: int, name: str = "admin", **more: str) -> Client:
    client = Client(**more)  # type: ignore[arg-type]
    for _ in range(times):
        sign_in(client, name, "wrong")
    return client


def test_the_fifth_wrong_try_keeps_the_name_out_and_says_how_long(world: World) -> None:
    with_password("admin")
    client = guess(4)

    locked = sign_in(client, "admin", "wrong")

    assert locked.status_code == 429
    assert "Too many wrong tries. Wait 15 minutes, and try again." in text(locked)
    assert locked.headers["Retry-After"] == "900"
    assert sign_in(client, "admin").status_code == 429  # the right one, too
    assert not is_in(client)


def test_four_wrong_tries_and_the_right_one_begin_anew(world: World) -> None:
    with_password("admin")
    sign_in(guess(4), "admin")

    assert sign_in(guess(4), "admin").status_code == 302


def test_how_a_name_is_spelled_gives_no_more_tries(world: World) -> None:
    with_password("admin")
    for name in ("admin", "Admin", "ADMIN", " admin"):
        guess(1, name)

    assert sign_in(Client(), "aDmin", "wrong").status_code == 429


def test_nobody_is_kept_out_elsewhere_and_no_other_name_here(world: World) -> None:
    with_password("admin")
    with_password("receiver")
    guess(5)

    assert sign_in(Client(REMOTE_ADDR="192.0.2.7"), "admin").status_code == 302
    assert sign_in(Client(), "receiver").status_code == 302


def test_an_address_that_a_stranger_writes_into_a_header_counts_for_nothing(world: World) -> None:
    with_password("admin")
    for number in range(4):
        sign_in(Client(HTTP_X_FORWARDED_FOR=f"192.0.2.{number}"), "admin", "wrong")

    assert sign_in(Client(HTTP_X_FORWARDED_FOR="192.0.2.9"), "admin", "wrong").status_code == 429


def test_after_the_wait_one_may_try_again(world: World) -> None:
    with_password("admin")
    client = guess(5)
    execute("UPDATE axes_accessattempt SET attempt_time = attempt_time - interval '14 minutes'")
    assert "Wait 1 minute, and try again." in text(sign_in(client, "admin"))

    execute("UPDATE axes_accessattempt SET attempt_time = attempt_time - interval '1 minute'")

    assert sign_in(client, "admin").status_code == 302


def test_what_was_typed_as_password_is_nowhere(world: World) -> None:
    guess(1, "admin")

    kept = str(rows("SELECT * FROM axes_accessattempt"))
    assert "admin" in kept
    assert "wrong" not in kept


# --- the demo --------------------------------------------------------------------------------------------------------


def test_in_the_demo_one_may_be_anybody(world: World) -> None:
    client = Client()
    page = text(client.get("/sign-in/?next=/referrals/new/"))
    assert "Administrator · Uhuru Health Centre" in page

    answer = client.post("/sign-in/as/", {"who": "admin", "next": "/referrals/new/"})

    assert answer.headers["Location"] == "/referrals/new/"
    assert is_in(client)
    client.post("/sign-in/as/", {"who": "receiver"})
    assert "Receiver" in text(client.get("/work/"))


@pytest.mark.parametrize("who", ["", "nobody", "ad\x00min"])
def test_the_demo_knows_only_its_people(world: World, who: str) -> None:
    client = Client()

    assert client.post("/sign-in/as/", {"who": who}).headers["Location"] == "/sign-in/"
    assert not is_in(client)


def test_outside_of_the_demo_nobody_comes_in_by_name_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Serious:
        demo = False
        public_url = "https://rufaa.example"

    monkeypatch.setattr(pages, "config", Serious)
    client = Client()

    assert client.post("/sign-in/as/", {"who": "admin"}).status_code == 404
    assert not is_in(client)
    assert "Sign in as" not in text(client.get("/sign-in/"))


# --- languages -------------------------------------------------------------------------------------------------------


def test_a_chosen_language_is_kept_in_the_browser_and_with_the_person(world: World) -> None:
    client = member("admin")

    answer = client.post("/sign-in/language/", {"language": "sw", "next": "/work/"})

    assert answer.headers["Location"] == "/work/"
    assert User.objects.get(username="admin").language == "sw"
    assert '<html lang="sw">' in text(client.get("/work/"))
    elsewhere = Client()
    elsewhere.post("/sign-in/as/", {"who": "admin"})
    assert '<html lang="sw">' in text(elsewhere.get("/work/"))


@pytest.mark.parametrize("chosen", ["", "xx", "en\x00"])
def test_another_language_changes_nothing(world: World, chosen: str) -> None:
    client = member("admin")

    assert client.post("/sign-in/language/", {"language": chosen, "next": "//evil"}).headers["Location"] == "/sign-in/"
    assert User.objects.get(username="admin").language == ""


def test_the_door_asks_no_more_of_the_database_with_many_people(world: World) -> None:
    counts = []
    for number in (1, 20):
        for each in range(number):
            execute(
                "INSERT INTO rufaa_user (id, username, password, is_superuser, is_staff, is_active, first_name,"
                " last_name, email, date_joined, full_name) VALUES (gen_random_uuid(), %(name)s, '', false, false,"
                " true, '', '', '', now(), '')",
                name=f"p{number}-{each}",
            )
        with CaptureQueriesContext(connection) as asked:
            Client().get("/sign-in/")
        counts.append(len(asked))
    assert counts[0] == counts[1]
