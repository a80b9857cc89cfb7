"""Every page and form of a facility's settings, and of the operator's desk, with every role and a stranger.

Which opens is said by the rights table; ids of other facilities, people and accounts, of nothing, and of nobody open
nothing anywhere, and change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from desks import Desk
from rufaa.console import urls
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Role, Side, rights
from support import World, rows

At = Callable[[Actor], Desk]
PEOPLE: Final = ("physician", "admin", "second_admin", "receiver", "receiving_admin", "finance", "operator", "stranger")
ROUTES: Final = [
    str(each.pattern)
    for each in urls.urlpatterns
    if isinstance(each, URLPattern) and str(each.pattern).startswith("settings/<")
]
RIGHT: Final = {
    "people": Right.SET_MEMBERS,
    "prices": Right.SET_PRICES,
    "account": Right.SET_ACCOUNT,
    "clinics": Right.SET_CLINICS,
    "messages": Right.SET_DETAILS,
    "details": Right.SET_DETAILS,
}
"""Which right a page needs, and the forms below it."""
NOBODY: Final = "0" * 32
EACH_WAY: Final = ("admin", "stranger")
"""Who tries every ill-formed id; the others try one."""


def kept() -> list[list[dict[str, Any]]]:
    tables = (
        *("facility", "membership", "price", "account_hold", "key_check", "mpesa_account", "mfa_authenticator"),
        *("clinic", "closure", "notice_policy", "notice_template"),
    )
    people = rows(
        "SELECT id, username, full_name, email, password, is_active, is_superuser FROM rufaa_user ORDER BY id"
    )
    return [people, *(rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables)]


def part(route: str) -> str:
    return route.split("/")[2]


def address(route: str, facility: str, subject: str) -> str:
    return "/" + route.replace("<str:facility>", facility).replace("<str:person>", subject).replace(
        "<str:subject>", subject
    )


def is_form(route: str) -> bool:
    """It changes something, and its address shows the page above it."""
    return re.fullmatch(r"settings/<str:facility>/\w+/(<\w+:\w+>/)?", route) is None


def has(actor: Actor, facility: Facility, right: Right) -> bool:
    return any(where == facility.pk and right in rights(role, Side.ITSELF) for where, role in actor.memberships)


def works_at(actor: Actor, facility: Facility) -> bool:
    return any(where == facility.pk for where, _role in actor.memberships)


def test_every_route_has_its_right_and_only_administrators_have_it() -> None:
    assert {part(route) for route in ROUTES} == set(RIGHT)
    assert len([route for route in ROUTES if is_form(route)]) >= 11
    for right in RIGHT.values():
        assert [role for role in Role if right in rights(role, Side.ITSELF)] == [Role.ADMINISTRATOR]


@pytest.mark.parametrize("name", PEOPLE)
def test_pages_and_forms_open_by_the_rights_table(world: World, desk: At, name: str) -> None:
    actor, who = getattr(world, name), desk(getattr(world, name))
    before = kept()
    for facility in (world.uhuru, world.tumaini, world.elsewhere):
        for route in ROUTES:
            here = address(route, facility.pk.hex, NOBODY)
            may, about_somebody = has(actor, facility, RIGHT[part(route)]), "<str:person>" in route
            closed = 403 if works_at(actor, facility) else 404
            assert who.get(here).status_code == (closed if not may else 404 if about_somebody else 200), here
            answer = who.post(here).status_code
            if not is_form(route):
                assert answer == 405, here
            elif not may:
                assert answer == closed, here
            else:  # empty, or about nobody
                assert answer in {404, 422}, here
        assert kept() == before, facility


@pytest.mark.parametrize("name", PEOPLE)
def test_people_and_accounts_of_others_are_nobody_and_nothing(world: World, desk: At, name: str) -> None:
    """Ids that are somebody's, but not at the facility of the address."""
    actor, who = getattr(world, name), desk(getattr(world, name))
    before = kept()
    for facility, foreigners in (
        (world.uhuru, (world.finance, world.stranger, world.operator)),
        (world.tumaini, (world.physician, world.stranger)),
        (world.elsewhere, (world.admin,)),
    ):
        for route in (each for each in ROUTES if "<str:person>" in each):
            for foreigner in foreigners:
                here = address(route, facility.pk.hex, foreigner.user.hex)
                closed = 403 if works_at(actor, facility) and not has(actor, facility, RIGHT["people"]) else 404
                assert who.post(here, roles="administrator").status_code == (closed if is_form(route) else 405), here
                assert who.get(here).status_code == closed, here
    here = f"/settings/{world.elsewhere.pk.hex}/account/{world.account.pk.hex}"
    for deed in ("hold", "release", "check"):
        assert who.post(f"{here}/{deed}/", reason="so").status_code == 404
    assert kept() == before


@pytest.mark.parametrize("name", PEOPLE)
def test_facilities_of_nothing_are_not_found(world: World, desk: At, name: str) -> None:
    """By everybody for an id that might be one; what else is none is told before anybody is looked at."""
    who, before = desk(getattr(world, name)), kept()
    nothing = (NOBODY, "f" * 32, "x", "a" * 300, world.admin.user.hex, world.account.pk.hex)
    for facility in nothing if name in EACH_WAY else nothing[:1]:
        for route in ROUTES:
            here = address(route, facility, world.physician.user.hex)
            assert who.get(here).status_code == 404, here
            assert who.post(here).status_code == (404 if is_form(route) else 405), here
    assert kept() == before


@pytest.mark.parametrize("subject", ["%00", "..", "<b>", "%F0%9F%98%80", "a%2Fb", "'", "%E2%80%AE"])
def test_what_is_no_id_at_all_breaks_nothing(world: World, desk: At, subject: str) -> None:
    who, before = desk(world.admin), kept()
    for route in ROUTES:
        for here in (address(route, subject, NOBODY), address(route, world.uhuru.pk.hex, subject)):
            if "<str:p" in route or "<str:s" in route or subject in here:
                assert who.get(here).status_code in {200, 301, 404}, here
                assert who.post(here).status_code in {301, 404, 405}, here
    assert kept() == before


def test_who_is_not_signed_in_is_led_to_sign_in(world: World) -> None:
    before = kept()
    for route in ROUTES:
        here = address(route, world.uhuru.pk.hex, world.physician.user.hex)
        for answer in (Client().get(here), Client().post(here)):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/sign-in/?next=/settings/")
    assert kept() == before


def test_no_form_is_taken_without_its_token(world: World, desk: At) -> None:
    client = Client(enforce_csrf_checks=True)
    client.cookies = desk(world.admin).client.cookies
    before = kept()
    for route in (each for each in ROUTES if is_form(each)):
        assert client.post(address(route, world.uhuru.pk.hex, world.physician.user.hex)).status_code == 403, route
    assert kept() == before


# --- the operator's desk ---------------------------------------------------------------------------------------------


def desk_routes() -> Iterator[str]:
    """Every address of the operator's desk, with a place for an id."""

    def below(patterns: Any, prefix: str) -> Iterator[str]:
        for each in patterns:
            if isinstance(each, URLResolver):
                yield from below(each.url_patterns, prefix + str(each.pattern))
            else:
                yield prefix + str(each.pattern)

    (site,) = (each for each in get_resolver().url_patterns if str(each.pattern) == "operator/")
    yield from below(site.url_patterns, "operator/")  # type: ignore[union-attr]


def desk_addresses(world: World, *, each_way: bool = True) -> list[str]:
    subjects = (world.uhuru.pk.hex, world.admin.user.hex, world.account.pk.hex, NOBODY, "x")[: 5 if each_way else 2]
    found = []
    for route in desk_routes():
        if "<" not in route and "(?P" not in route:
            found.append("/" + route)
            continue
        if "(?P" in route:  # what Django's own catch-all and lists of apps take
            continue
        found += ["/" + re.sub(r"<[^>]+>", subject, route) for subject in subjects]
    return found


def test_the_desk_has_many_addresses(world: World) -> None:
    assert len(desk_addresses(world)) > 60


@pytest.mark.parametrize("name", [each for each in PEOPLE if each != "operator"])
def test_nobody_but_operators_opens_the_desk(world: World, desk: At, name: str) -> None:
    who, before = desk(getattr(world, name)), kept()
    for here in desk_addresses(world, each_way=name in EACH_WAY):
        for answer in (who.get(here), who.post(here, username="x", name="x", post="yes")):
            opened = answer.status_code == 200
            assert not opened or "jsi18n" in here, here  # Django's words for dates, which are no secret
            assert answer.status_code in {200, 302, 301, 403, 404}, here
    assert kept() == before


def test_an_operator_deletes_nothing_and_sees_no_ill_formed_id(world: World, desk: At) -> None:
    who, before = desk(world.operator), kept()
    for here in desk_addresses(world):
        assert who.get(here).status_code in {200, 301, 302, 403, 404, 405}, here
        if here.endswith("/delete/"):
            assert who.post(here, post="yes").status_code in {302, 403}, here
    assert kept() == before
