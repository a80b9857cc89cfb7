"""The people of a facility: its administrators invite, give and take roles, switch off, and nobody lifts themselves."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from desks import Desk
from people.signing import PASSWORD, is_in, sign_in, with_password
from rufaa.db.atomic import Tx, unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility, User
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.signin import members, people
from support import World, execute, rows, someone, value, wait_until

At = Callable[[Actor], Desk]


@pytest.fixture
def outbox() -> Iterator[list[Any]]:
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
        mail.outbox = []
        yield mail.outbox


def house(world: World, part: str = "people/") -> str:
    return f"/settings/{world.uhuru.pk.hex}/{part}"


def at(world: World, actor: Actor, deed: str = "") -> str:
    return house(world, f"people/{actor.user.hex}/{deed}")


def roles_of(name: str, facility: Facility) -> list[str]:
    return sorted(
        row["role"]
        for row in rows(
            "SELECT role FROM membership JOIN rufaa_user ON rufaa_user.id = user_id"
            " WHERE username = %(name)s AND facility_id = %(facility)s AND revoked_at IS NULL",
            name=name,
            facility=facility.pk,
        )
    )


def people_now() -> list[dict[str, Any]]:
    """Everything that these pages change; equal before and after what was refused."""
    return [
        *rows("SELECT id, username, email, password, is_active FROM rufaa_user ORDER BY id"),
        *rows("SELECT id, user_id, facility_id, role, revoked_at FROM membership ORDER BY id"),
        *rows("SELECT id, user_id FROM mfa_authenticator ORDER BY id"),
        *rows("SELECT count(*) FROM logbook"),
    ]


def refused(desk: Desk, path: str, code: int, **given: Any) -> str:
    before = people_now()
    answer = desk.post(path, **given)
    assert answer.status_code == code, (answer.status_code, answer.content.decode())
    assert people_now() == before
    return answer.content.decode()


def with_factor(actor: Actor) -> None:
    execute(
        "INSERT INTO mfa_authenticator (type, data, user_id, created_at)"
        " VALUES ('totp', '{\"secret\": \"x\"}', %(u)s, now())",
        u=actor.user,
    )


# --- the list --------------------------------------------------------------------------------------------------------


def test_an_administrator_reads_who_works_there_as_what_and_when_they_came_last(world: World, desk: At) -> None:
    execute("UPDATE rufaa_user SET last_login = now() WHERE username = 'physician'")
    html = desk(world.admin).text(house(world))

    for name, role in (("Physician", "Physician"), ("Second-Admin", "Administrator")):
        assert re.search(rf"<strong>{name}.*?{role} · {name.lower()}", html, re.DOTALL), name
    assert "last here" in html
    assert "never signed in" in html
    assert "Finance · finance" not in html  # of another facility


def test_of_many_people_each_stands_on_one_page(world: World, desk: At) -> None:
    execute(
        "INSERT INTO rufaa_user"
        " (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined,"
        " full_name)"
        " SELECT gen_random_uuid(), '!', false, 'nurse' || n, '', '', '', false, true, now(), ''"
        " FROM generate_series(100, 219) AS n"
    )
    execute(
        "INSERT INTO membership (id, user_id, facility_id, role) SELECT gen_random_uuid(), id, %(f)s, 'reception'"
        " FROM rufaa_user WHERE username LIKE 'nurse%%'",
        f=world.uhuru.pk,
    )
    pages = [desk(world.admin).text(house(world), page=page) for page in ("1", "2")]
    seen = [re.findall(r"· ([\w-]+)</span>", page) for page in pages]

    assert [len(each) for each in seen] == [100, 23]
    assert len({*seen[0], *seen[1]}) == 123
    assert ["?page=2" in page for page in pages] == [True, False]
    for odd in ("0", "-1", "x", "9999", "", "١"):
        assert desk(world.admin).get(house(world), page=odd).status_code == 200


@pytest.mark.parametrize("name", ["physician", "receiver", "receiving_admin", "finance", "operator", "stranger"])
def test_nobody_else_opens_it(world: World, desk: At, name: str) -> None:
    who = desk(getattr(world, name))
    code = 403 if name == "physician" else 404

    for path in (house(world), at(world, world.physician)):
        assert who.get(path).status_code == code
    refused(who, house(world, "people/invite/"), code, full_name="X", username="x", roles="finance")
    refused(who, at(world, world.physician, "roles/"), code, roles="administrator")
    refused(who, at(world, world.physician, "off/"), code)


def test_the_same_number_of_queries_for_few_and_for_twenty(world: World, desk: At) -> None:
    def asked(path: str) -> int:
        admin = desk(world.admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text(path)
        return len(captured)

    few = asked(house(world)), asked(at(world, world.physician))
    for number in range(20):
        unit(
            lambda tx, name=f"nurse{number}": facilities.add_member(  # type: ignore[misc]
                tx, facilities.add_user(tx, name), world.uhuru, Role.PHYSICIAN
            )
        )
        execute("UPDATE rufaa_user SET email = 'x' || id WHERE id = %(id)s", id=world.physician.user)

    assert (asked(house(world)), asked(at(world, world.physician))) == few
    assert max(few) <= 16


# --- inviting --------------------------------------------------------------------------------------------------------


def test_somebody_is_invited_by_email_chooses_a_password_and_is_in(world: World, desk: At, outbox: list[Any]) -> None:
    admin = desk(world.admin)
    told = admin.does(
        house(world, "people/invite/"),
        full_name="Wanjiru Kamau",
        username="wanjiru",
        email="Wanjiru@Example.com",
        roles="physician",
    )

    assert "The invitation is on its way." in told
    assert "Link to hand over" not in told
    (letter,) = outbox
    assert letter.to == ["wanjiru@example.com"]
    (path,) = re.findall(r"/sign-in/password/[^\s]+", letter.body)
    stranger = Client()
    stranger.post(path, {"password": PASSWORD, "again": PASSWORD})
    sign_in(stranger, "wanjiru")
    assert is_in(stranger)
    assert roles_of("wanjiru", world.uhuru) == ["physician"]
    assert "Invited" in admin.text(at(world, someone("wanjiru")))


def test_without_email_the_administrator_hands_a_link_over_until_there_is_a_password(world: World, desk: At) -> None:
    admin = desk(world.admin)
    told = admin.does(
        house(world, "people/invite/"), full_name="Wanjiru", username="wanjiru", email="", roles="physician"
    )

    (path,) = re.findall(r"/sign-in/password/[0-9a-f-]+/", told)
    assert Client().get(path).status_code == 200
    with_password("wanjiru")
    assert "/sign-in/password/" not in admin.text(at(world, someone("wanjiru")))


def test_a_mail_server_that_is_silent_is_told_and_the_person_stays_invited(
    world: World, desk: At, outbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr("rufaa.signin.post.send_mail", silent)
    told = desk(world.admin).does(
        house(world, "people/invite/"), full_name="W", username="wanjiru", email="w@example.com", roles="physician"
    )

    assert "The mail server did not take the e-mail." in told
    assert "on its way" not in told
    assert "Invite again" in told


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"username": "Physician"}, 409, "Somebody has this sign-in name already."),
        ({"username": "a b"}, 422, "A user&#x27;s name has"),
        ({"username": ""}, 422, "A user&#x27;s name has"),
        ({"username": "a\x00"}, 422, "A user&#x27;s name has"),
        ({"full_name": " "}, 422, "A person&#x27;s name has 1 to 200 characters."),
        ({"full_name": "x" * 201}, 422, "A person&#x27;s name has 1 to 200 characters."),
        ({"full_name": "a\u202eb"}, 422, "A person&#x27;s name has 1 to 200 characters."),
        ({"email": "nobody"}, 422, "This is no e-mail address."),
        ({"email": "a@b.c\nBcc: x@y.z"}, 422, "This is no e-mail address."),
        ({"roles": []}, 422, "Say what they are here."),
        ({"roles": ["physician", "operator"]}, 422, "There is no such role."),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stands(
    world: World, desk: At, given: dict[str, Any], code: int, says: str
) -> None:
    whole = {"full_name": "Wanjiru K", "username": "wanjiru", "email": "w@example.com", "roles": ["finance"], **given}
    html = refused(desk(world.admin), house(world, "people/invite/"), code, **whole)

    assert says in html
    for name in {"full_name", "username", "email"} - set(given):
        assert f'value="{whole[name]}"' in html
    if "roles" not in given:
        assert 'value="finance" checked' in html


# --- roles -----------------------------------------------------------------------------------------------------------


def test_roles_are_given_and_taken_and_the_person_feels_it_at_once(world: World, desk: At) -> None:
    admin, doctor = desk(world.admin), desk(world.physician)
    assert doctor.get("/money/").status_code == 403

    told = admin.does(at(world, world.physician, "roles/"), roles=["finance", "reception"])

    assert "The roles are as you said." in told
    assert roles_of("physician", world.uhuru) == ["finance", "reception"]
    assert doctor.get("/money/").status_code == 200
    assert re.search(r"Role taken away: Physician.*?by Admin", told, re.DOTALL)


def test_who_has_no_role_any_more_stands_apart_and_can_come_back(world: World, desk: At) -> None:
    admin = desk(world.admin)
    admin.does(at(world, world.physician, "roles/"))
    apart = admin.text(house(world)).partition("No longer here")[2]

    assert "Physician" in apart
    assert desk(world.physician).get(house(world)).status_code == 404
    admin.does(at(world, world.physician, "roles/"), roles="physician")
    assert roles_of("physician", world.uhuru) == ["physician"]


def test_nobody_gives_themselves_a_role(world: World, desk: At) -> None:
    html = refused(desk(world.admin), at(world, world.admin, "roles/"), 403, roles=["administrator", "finance"])

    assert "Nobody gives themselves a role." in html
    assert 'value="finance" checked' in html


def test_one_of_two_administrators_may_go_and_the_last_may_not(world: World, desk: At) -> None:
    desk(world.second_admin).does(at(world, world.second_admin, "roles/"))
    assert roles_of("second-admin", world.uhuru) == []

    html = refused(desk(world.admin), at(world, world.admin, "roles/"), 409)

    assert "Then nobody could set up this facility any more." in html


def test_one_who_is_switched_off_is_no_administrator_who_stays(world: World, desk: At) -> None:
    desk(world.admin).does(at(world, world.second_admin, "off/"))

    refused(desk(world.admin), at(world, world.admin, "roles/"), 409)


def test_of_two_administrators_who_send_each_other_away_at_once_one_stays(world: World) -> None:
    def send_away(by: Actor, who: Actor) -> None:
        unit(lambda tx: members.set_roles(tx, by, world.uhuru, who.user.hex, []), actor=by.user)

    def waits() -> bool:
        return bool(value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))

    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as third:

        def first(tx: Tx) -> Future[None]:
            members.set_roles(tx, world.admin, world.uhuru, world.second_admin.user.hex, [])
            second = other.submit(send_away, world.second_admin, world.admin)
            third.submit(wait_until, waits, what="the second waiting for the first").result()
            return second

        second = unit(first, actor=world.admin.user)
        with pytest.raises(members.LastAdministrator):
            second.result(20)

    assert roles_of("admin", world.uhuru) == ["administrator"]
    assert roles_of("second-admin", world.uhuru) == []


@pytest.mark.parametrize("person", ["0" * 32, "x", "a" * 300])
def test_a_person_who_is_nobody_here_is_not_found(world: World, desk: At, person: str) -> None:
    for deed in ("roles", "again", "off", "on", "forget"):
        refused(desk(world.admin), house(world, f"people/{person}/{deed}/"), 404, roles="finance")


def test_people_of_another_facility_are_nobody_here(world: World, desk: At) -> None:
    for deed in ("roles", "again", "off", "on", "forget"):
        refused(desk(world.admin), at(world, world.finance, f"{deed}/"), 404, roles="finance")
    assert desk(world.admin).get(at(world, world.finance)).status_code == 404


# --- access ----------------------------------------------------------------------------------------------------------


def test_who_is_switched_off_is_out_at_once_and_comes_in_again(world: World, desk: At) -> None:
    admin = desk(world.admin)
    with_password("physician")
    doctor = Client()
    sign_in(doctor, "physician")
    assert is_in(doctor)

    assert "This person may no longer sign in." in admin.does(at(world, world.physician, "off/"))
    assert not is_in(doctor)
    assert "Switched off" in admin.text(house(world))

    assert "This person may sign in again." in admin.does(at(world, world.physician, "on/"))
    sign_in(doctor, "physician")
    assert is_in(doctor)


def test_a_lost_second_factor_is_forgotten_and_every_session_ends(world: World, desk: At) -> None:
    with_password("physician")
    doctor = Client()
    sign_in(doctor, "physician")
    with_factor(world.physician)

    told = desk(world.admin).does(at(world, world.physician, "forget/"))

    assert "The second factors are taken away" in told
    assert value("SELECT count(*) FROM mfa_authenticator") == 0
    assert not is_in(doctor)


def test_what_is_not_to_be_done_is_neither_drawn_nor_taken(world: World, desk: At) -> None:
    """Without a factor nothing is forgotten, on is for who is off, and one's own access is another's to change."""
    admin = desk(world.admin)
    for actor, wrong in ((world.physician, ("forget", "on")), (world.admin, ("forget", "off", "on", "again"))):
        html = admin.text(at(world, actor))
        for deed in wrong:
            assert f"/{deed}/" not in html
            refused(admin, at(world, actor, f"{deed}/"), 403)


@pytest.mark.parametrize("how", ["works elsewhere", "runs the server"])
def test_who_is_more_than_a_member_is_left_to_operators(world: World, desk: At, how: str) -> None:
    """Else the administrator of one facility could shut somebody out of another, or become them there."""
    admin = desk(world.admin)
    with_factor(world.physician)
    if how == "works elsewhere":
        user = User.objects.get(pk=world.physician.user)
        unit(lambda tx: facilities.add_member(tx, user, world.tumaini, Role.FINANCE))
    else:
        execute("UPDATE rufaa_user SET is_superuser = true WHERE id = %(id)s", id=world.physician.user)

    assert "an operator switches such a person off" in admin.text(at(world, world.physician))
    for deed in ("again", "off", "forget"):
        refused(admin, at(world, world.physician, f"{deed}/"), 403)
    unit(lambda tx: people.switch_off(tx, people.named("physician")))
    refused(admin, at(world, world.physician, "on/"), 403)
    assert "roles/" in admin.text(at(world, world.physician))  # what they are here is this facility's


def test_an_administrator_of_both_facilities_may(world: World, desk: At) -> None:
    user, admin = User.objects.get(pk=world.physician.user), User.objects.get(pk=world.admin.user)
    unit(lambda tx: facilities.add_member(tx, user, world.tumaini, Role.FINANCE))
    unit(lambda tx: facilities.add_member(tx, admin, world.tumaini, Role.ADMINISTRATOR))

    desk(world.admin).does(at(world, world.physician, "off/"))


@pytest.mark.parametrize(
    "came",
    [
        "UPDATE rufaa_user SET last_login = now() WHERE id = %(id)s",
        "INSERT INTO openid_link (id, user_id, issuer, subject) VALUES (gen_random_uuid(), %(id)s, 'https://i', 's')",
        "INSERT INTO mfa_authenticator (type, data, user_id, created_at) VALUES ('webauthn', '{}', %(id)s, now())",
        "INSERT INTO api_key (id, user_id, name, prefix, digest) VALUES (gen_random_uuid(), %(id)s, 'k', 'p', 'd')",
    ],
)
def test_who_came_by_another_way_than_a_password_is_not_to_be_become_either(world: World, desk: At, came: str) -> None:
    assert "/sign-in/password/" in desk(world.admin).text(at(world, world.physician))
    execute(came, id=world.physician.user)

    assert "/sign-in/password/" not in desk(world.admin).text(at(world, world.physician))
    refused(desk(world.admin), at(world, world.physician, "again/"), 403)


def test_no_link_of_who_has_a_password_is_ever_shown(world: World, desk: At, outbox: list[Any]) -> None:
    """Whoever read it could be that person, and be the second of two people."""
    admin = desk(world.admin)
    with_password("physician")
    refused(admin, at(world, world.physician, "again/"), 403)  # no e-mail address
    execute("UPDATE rufaa_user SET email = 'd@example.com' WHERE username = 'physician'")

    told = admin.does(at(world, world.physician, "again/"))

    assert "/sign-in/password/" not in told
    assert [letter.to for letter in outbox] == [["d@example.com"]]
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        refused(admin, at(world, world.physician, "again/"), 403)


def test_what_happened_at_another_facility_is_not_told(world: World, desk: At) -> None:
    user = User.objects.get(pk=world.physician.user)
    unit(lambda tx: facilities.add_member(tx, user, world.tumaini, Role.FINANCE))

    told = desk(world.admin).text(at(world, world.physician)).partition("What happened lately")[2]

    assert "Role given: Physician" in told
    assert "Role given: Finance" not in told


def test_a_strange_name_that_is_right_is_written_as_it_is(world: World, desk: At) -> None:
    told = desk(world.admin).does(
        house(world, "people/invite/"),
        full_name="O'Brien <Ng'ang'a> & Co",
        username="ngang",
        email="",
        roles="reception",
    )

    assert "O&#x27;Brien &lt;Ng&#x27;ang&#x27;a&gt; &amp; Co" in told
