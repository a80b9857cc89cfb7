"""A first password by invitation, another one after a forgotten one: who gets a link, and what a link is good for."""

from __future__ import annotations

import re
import smtplib
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.test import Client, override_settings

from people.signing import PASSWORD, is_in, member, sign_in, text, with_password
from rufaa import settings as production
from rufaa.db.atomic import look, unit
from rufaa.facilities.models import User
from rufaa.facilities.queries import UnknownUser
from rufaa.signin import password_links, people, post
from rufaa.signin.password_links import BadLink
from support import KEYS, Running, World, advance, execute, value, wait_until

NEW = "three kites over Kisumu"


@pytest.fixture
def outbox() -> Iterator[list[Any]]:
    """What was sent."""
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        yield mail.outbox


def invited(name: str) -> str:
    """The path of an invitation."""
    address, _ = look(lambda tx: people.invitation(tx, people.named(name)))
    return urlsplit(address).path


def choose(path: str, password: str = NEW, again: str | None = None, client: Client | None = None) -> Any:
    return (client or Client()).post(path, {"password": password, "again": password if again is None else again})


def test_an_invitation_leads_to_a_first_password_and_in(world: World) -> None:
    path = invited("receiver")
    client = Client()
    assert "You sign in as <strong>receiver</strong>." in text(client.get(path))

    chosen = choose(path, client=client)

    assert chosen.headers["Location"] == "/sign-in/"
    assert "Your password is set. Sign in with it." in text(client.get("/sign-in/"))
    sign_in(client, "receiver", NEW)
    assert is_in(client)
    assert User.objects.get(username="receiver").password.startswith("argon2")


def test_a_servers_passwords_are_as_dear_as_django_makes_them() -> None:
    """Those of these tests are not (``cheap``)."""
    with override_settings(PASSWORD_HASHERS=production.PASSWORD_HASHERS):
        assert re.match(r"argon2\$argon2id\$v=19\$m=102400,t=2,p=8\$", make_password(NEW))
    assert "m=8," in make_password(NEW)


def test_an_invitation_is_good_once(world: World) -> None:
    path = invited("receiver")
    choose(path)

    again = choose(path, "another password of a thief")

    assert again.status_code == 404
    assert "This link does not work" in text(again)
    assert Client().get(path).status_code == 404
    assert sign_in(Client(), "receiver", NEW).status_code == 302


def test_two_at_once_with_one_link_are_not_both_taken(world: World, database: str) -> None:
    """The one who comes second waits for the first, and looks again at what is stored then."""
    link = invited("receiver").split("/")[3]
    refused: list[BaseException] = []

    def second() -> None:
        try:
            unit(lambda tx: password_links.use(tx, link, "another password of a thief", keys=KEYS))
        except BadLink as error:
            refused.append(error)

    with psycopg.connect(database) as first, psycopg.connect(database, autocommit=True) as watch:
        first.execute("UPDATE rufaa_user SET password = 'the first' WHERE username = 'receiver'")
        other = threading.Thread(target=second)
        other.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        wait_until(lambda: watch.execute(waits).fetchone() == (1,), what="the second one's wait")
        first.commit()
        other.join()

    assert len(refused) == 1
    assert User.objects.get(username="receiver").password == "the first"


def test_an_invitation_is_good_for_seven_days(world: World) -> None:
    path = invited("receiver")
    advance(7 * 24 * 3600 - 60)
    assert Client().get(path).status_code == 200

    advance(61)

    assert Client().get(path).status_code == 404
    assert choose(path).status_code == 404
    assert not User.objects.get(username="receiver").has_usable_password()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda link: link[:-1] + ("0" if link[-1] != "0" else "1"),
        lambda link: "0" * 32 + link[32:],
        lambda link: link[:33] + "ffffffff" + link[41:],
        lambda link: link + "0",
        lambda link: link.upper(),
        lambda link: link[:0],
        lambda link: link[:1],
    ],
)
def test_a_link_that_was_changed_opens_nothing(world: World, spoil: Any) -> None:
    link = look(lambda tx: password_links.issue(tx, world.receiver.user, keys=KEYS, life=password_links.INVITED))

    with pytest.raises(BadLink):
        unit(lambda tx: password_links.use(tx, spoil(link), NEW, keys=KEYS))
    assert not User.objects.get(username="receiver").has_usable_password()


def test_a_link_of_one_person_is_nobody_elses(world: World) -> None:
    link = look(lambda tx: password_links.issue(tx, world.receiver.user, keys=KEYS, life=password_links.INVITED))
    other = world.admin.user.hex + link[32:]

    with pytest.raises(BadLink):
        unit(lambda tx: password_links.use(tx, other, NEW, keys=KEYS))


def test_who_is_switched_off_can_use_no_link_and_get_none(world: World, outbox: list[Any]) -> None:
    execute("UPDATE rufaa_user SET email = 'r@tumaini.example' WHERE username = 'receiver'")
    path = invited("receiver")
    execute("UPDATE rufaa_user SET is_active = false WHERE username = 'receiver'")

    assert choose(path).status_code == 404
    with pytest.raises(UnknownUser):
        invited("receiver")
    Client().post("/sign-in/forgotten/", {"login": "receiver"})
    assert outbox == []


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        (NEW, NEW + "!", "The two passwords differ."),
        ("short", "short", "A password has at least ten characters."),
        ("password1234", "password1234", "This password is too common."),
        ("receiver-receiver"[:10], "receiver-receiver"[:10], "too similar to the username"),
        ("", "", "A password has at least ten characters."),
        ("x" * 1001, "x" * 1001, "at most 1000 characters"),
        ("a long one \x00 with a null", "a long one \x00 with a null", "at most 1000 characters"),
    ],
)
def test_a_password_that_is_easy_to_guess_is_refused_with_the_reason(
    world: World, password: str, again: str, said: str
) -> None:
    path = invited("receiver")

    refused = choose(path, password, again)

    assert refused.status_code == 422
    assert said in text(refused)
    assert not User.objects.get(username="receiver").has_usable_password()
    assert Client().get(path).status_code == 200  # and the link is still good


def test_a_new_password_ends_every_session_and_forgives_wrong_tries(world: World) -> None:
    with_password("admin")
    elsewhere = member("admin")
    for _ in range(5):
        sign_in(Client(), "admin", "wrong")

    choose(invited("admin"))

    assert not is_in(elsewhere)
    assert sign_in(Client(), "admin", PASSWORD).status_code == 422
    assert sign_in(Client(), "admin", NEW).status_code == 302


# --- forgotten -------------------------------------------------------------------------------------------------------


def test_who_forgot_it_gets_a_link_by_e_mail_for_an_hour(world: World, outbox: list[Any]) -> None:
    with_password("admin")
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")

    page = Client().post("/sign-in/forgotten/", {"login": " Otieno@uhuru.example "})

    assert "an e-mail is on its way" in text(page)
    wait_until(lambda: bool(outbox), what="the e-mail")
    (sent,) = outbox
    assert (sent.to, sent.subject) == (["otieno@uhuru.example"], "A new password for Rufaa")
    found = re.search(r"http://127\.0\.0\.1:8000(/sign-in/password/\S+/)\n", sent.body)
    assert found is not None
    advance(3590)
    assert Client().get(found[1]).status_code == 200
    advance(20)
    assert Client().get(found[1]).status_code == 404


def test_by_name_it_works_as_well_and_the_link_is_good_once(world: World, outbox: list[Any]) -> None:
    with_password("admin")
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example', language = 'sw' WHERE username = 'admin'")

    Client().post("/sign-in/forgotten/", {"login": "ADMIN"})

    wait_until(lambda: bool(outbox), what="the e-mail")
    found = re.search(r"/sign-in/password/\S+/", outbox[0].body)
    assert found is not None
    assert choose(found[0]).status_code == 302
    assert choose(found[0]).status_code == 404
    assert sign_in(Client(), "admin", NEW).status_code == 302


@pytest.mark.parametrize("typed", ["nobody", "admin", "", "x" * 5000, "a\x00b", "'; DROP TABLE fee; --"])
def test_a_stranger_learns_nothing_of_who_is_here(world: World, outbox: list[Any], typed: str) -> None:
    page = Client().post("/sign-in/forgotten/", {"login": typed})

    assert page.status_code == 200
    assert "an e-mail is on its way" in text(page)
    assert outbox == []


def test_nobody_is_buried_in_e_mails(world: World, outbox: list[Any]) -> None:
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")

    answers = [Client().post("/sign-in/forgotten/", {"login": "admin"}).status_code for _ in range(7)]

    assert answers == [200, 200, 200, 200, 200, 429, 429]
    wait_until(lambda: len(outbox) == 5, what="the e-mails that were allowed")


def test_a_host_that_a_stranger_names_is_in_no_link(world: World, outbox: list[Any]) -> None:
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")

    Client(headers={"host": "evil.example"}).post("/sign-in/forgotten/", {"login": "admin"})

    wait_until(lambda: bool(outbox), what="the e-mail")
    assert "evil" not in outbox[0].body


def test_a_server_without_e_mail_says_whom_to_ask(world: World) -> None:
    page = text(Client().get("/sign-in/forgotten/"))

    assert "This server sends no e-mail." in page
    assert '<form class="panel"' not in page


def test_a_mail_server_that_is_away_looks_no_different(
    world: World, outbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def away(*_: object, **__: object) -> int:
        asked.set()
        raise smtplib.SMTPServerDisconnected

    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")
    monkeypatch.setattr(post, "send_mail", away)

    page = Client().post("/sign-in/forgotten/", {"login": "admin"})

    assert page.status_code == 200
    assert "an e-mail is on its way" in text(page)
    assert asked.wait(30)


def test_how_long_the_mail_server_takes_tells_nobody_anything(
    world: World, outbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(post, "send_mail", lambda *_: go_on.wait(30))
    execute("UPDATE rufaa_user SET email = 'otieno@uhuru.example' WHERE username = 'admin'")

    assert Client().post("/sign-in/forgotten/", {"login": "admin"}).status_code == 200

    assert not go_on.is_set()
    go_on.set()


# --- switched off ----------------------------------------------------------------------------------------------------


def test_switching_off_ends_sessions_and_switching_on_lets_in_again(world: World) -> None:
    with_password("admin")
    client = Client()
    sign_in(client, "admin")

    ended = unit(lambda tx: people.switch_off(tx, people.named("admin")))

    assert ended == 1
    assert value("SELECT count(*) FROM django_session WHERE session_key = %(key)s", key=client.session.session_key) == 0
    assert not is_in(client)
    assert sign_in(client, "admin").headers["Location"] == "/sign-in/"
    unit(lambda tx: people.switch_on(tx, people.named("admin")))
    assert sign_in(client, "admin").headers["Location"] == "/work/"
    assert is_in(client)


def test_tokens_of_who_was_switched_off_count_no_more(world: World, gateway: Running) -> None:
    assert gateway.call("query", "referrals:getOutgoingReferrals", {}, by=world.admin)["status"] == "success"

    unit(lambda tx: people.switch_off(tx, people.named("admin")))

    refused = gateway.call("query", "referrals:getOutgoingReferrals", {}, by=world.admin)
    assert refused["status"] == "error"
    assert refused["errorData"]["code"] == "unknown-user"


def test_ending_sessions_leaves_other_people_alone(world: World) -> None:
    with_password("receiver")
    client = Client()
    sign_in(client, "receiver")

    unit(lambda tx: people.switch_off(tx, people.named("admin")))

    assert is_in(client)
