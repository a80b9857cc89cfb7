"""Every address of staff, with every role and a stranger, on own, others', random and ill-formed ids.

What comes is 200, 302, 403, 404, 409 or 422 as the rights table says, and never a fault of the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver

from desks import Desk
from rufaa.console import urls
from rufaa.db.atomic import unit
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right, Side
from rufaa.referrals import actions
from rufaa.referrals.machine import Event, Status
from rufaa.talk import operations as talk
from support import RINGS, World, referral_in, snapshot, unchanged, value

At = Callable[[Actor], Desk]
PEOPLE: Final = ("physician", "admin", "second_admin", "receiver", "receiving_admin", "finance", "operator", "stranger")
WRONG: Final = ("0" * 32, "ffffffffffff7fffbfffffffffffffff", "x", "%00", "a" * 300, "..", "<b>", "%F0%9F%98%80")
ROUTES: Final = [str(each.pattern) for each in urls.urlpatterns if isinstance(each, URLPattern)]

# what each form of a referral needs
NEEDS: Final[dict[str, frozenset[Right]]] = {
    "approve": frozenset(actions.RIGHT_FOR[Event.APPROVE]),
    "reject": frozenset(actions.RIGHT_FOR[Event.REJECT]),
    "ask": frozenset(actions.RIGHT_FOR[Event.ASK_PAYMENT]),
    "confirm": frozenset(actions.RIGHT_FOR[Event.CONFIRM]),
    "complete": frozenset(actions.RIGHT_FOR[Event.COMPLETE]),
    "cancel": frozenset(actions.RIGHT_FOR[Event.CANCEL]),
    "particulars": frozenset({Right.PARTICULARS}),
    "phones": frozenset({Right.PARTICULARS}),
    "prompt": frozenset({Right.PROMPT}),
    "exempt": frozenset({Right.PROPOSE_EXEMPTION}),
    "agree": frozenset({Right.SECOND_EXEMPTION}),
    "code": frozenset({Right.PARTICULARS, Right.UNAPPLIED}),
    "onward": frozenset({Right.REFER_ONWARD}),
    "book": frozenset({Right.BOOK}),
    "unbook": frozenset({Right.BOOK}),
    "again": frozenset({Right.TELL}),
    "wish": frozenset({Right.TELL}),
    "say": frozenset({Right.SEE, Right.SEE_OWN}),
    "attach": frozenset({Right.SEE, Right.SEE_OWN}),
    "remove": frozenset({Right.SEE, Right.SEE_OWN}),  # by who attached it, or answers for the facility
}
_OF_ONES_OWN: Final = frozenset({Right.SEE_OWN, Right.CANCEL_OWN_EARLY, Right.SEE_AUDIT_OWN})
GIVEN: Final = {
    "patientPhone": RINGS,
    "phoneNumber": RINGS,
    "reason": "so",
    "code": "UKN7A1B2C3",
    "kind": "waive",
    "accountCode": "X",
    "went": "yes",
    "outcome": "so",
    "text": "so",
    "slot": "0" * 32,
    "patientName": "Jane Wafula",
    "receivingFacility": "Elsewhere Clinic",
    "priority": "Routine",
    "appointment": "0" * 32,
    "notice": "0" * 32,
    "wants": "no",
}


PDF: Final = b"%PDF-1.7 of nothing"


def attached(world: World, referral: str) -> str:
    """A file of the referring facility; its id."""
    row = unit(lambda tx: talk.attach(tx, world.admin, referral, name="x.pdf", content=PDF), actor=world.admin.user)
    return row.pk.hex


def addresses(subject: str) -> Iterator[str]:
    for route in ROUTES:
        yield "/" + re.sub(r"<[^>]+>", subject, route)


def rights_of(world: World, actor: Actor) -> frozenset[Right]:
    """On a referral from uhuru to tumaini that is released and has a fee, by the table."""
    sides = {Side.REFERRING: world.uhuru.pk, Side.RECEIVING: world.tumaini.pk, Side.PAYEE: world.tumaini.pk}
    own = frozenset() if actor.user == world.physician.user else _OF_ONES_OWN
    return actor.rights_in(sides) - own


def test_every_form_of_a_referral_is_in_the_table_here() -> None:
    forms = {found[1] for route in ROUTES if (found := re.fullmatch(r"referrals/<str:referral>/(\w+)/", route))}

    assert forms == {*NEEDS, "audit", "letter"}  # no forms
    assert len(ROUTES) > 20


@pytest.mark.parametrize("name", PEOPLE)
def test_pages_open_to_whom_the_table_lets_in(world: World, desk: At, name: str) -> None:
    actor, who = getattr(world, name), desk(getattr(world, name))
    referral = referral_in(world, Status.PAID)
    rights = rights_of(world, actor)
    sees = bool(rights & {Right.SEE, Right.SEE_OWN, Right.SEE_MONEY})

    assert who.get("/work/").status_code == 200
    assert who.get("/settings/").status_code == 200
    assert who.get(f"/referrals/{referral}/").status_code == (200 if sees else 404)
    answers_for_it = bool(rights & {Right.SEE_AUDIT, Right.SEE_AUDIT_OWN})
    audit = who.get(f"/referrals/{referral}/audit/").status_code
    assert audit == (200 if answers_for_it else 403 if sees else 404)
    completed = referral_in(world, Status.COMPLETED)
    letter = who.get(f"/referrals/{completed}/letter/").status_code
    assert letter == (200 if rights & {Right.SEE, Right.SEE_OWN} else 403 if sees else 404)
    creates = bool(actor.facilities_with(Right.CREATE, Side.REFERRING))
    assert who.get("/referrals/new/").status_code == (200 if creates else 403)
    file = who.get(f"/referrals/{referral}/file/{attached(world, referral)}/").status_code
    assert file == (200 if rights & {Right.SEE, Right.SEE_OWN} else 403 if sees else 404)
    counts = bool(actor.facilities_with(Right.UNAPPLIED, Side.PAYEE))
    assert who.get("/money/").status_code == (200 if counts else 403)


@pytest.mark.parametrize("name", PEOPLE)
def test_forms_are_taken_from_whom_the_table_lets(world: World, desk: At, name: str) -> None:
    """Whoever has not the right is refused in every status; whoever has it is taken, or told that it is too late."""
    actor, who = getattr(world, name), desk(getattr(world, name))
    rights = rights_of(world, actor)
    sees = bool(rights & {Right.SEE, Right.SEE_OWN, Right.SEE_MONEY})
    for form, needed in NEEDS.items():
        referral = referral_in(world, Status.PAID)
        given = {**GIVEN, "file": attached(world, referral) if form == "remove" else SimpleUploadedFile("x", PDF)}
        before = snapshot()
        code = who.post(f"/referrals/{referral}/{form}/", shown="paid", **given).status_code
        if not sees:
            assert code == 404, form
        elif not rights & needed:
            assert code in {403, 409}, form
        else:
            assert code in ({404} if form in {"book", "unbook", "again"} else {302, 409, 403}), (
                form
            )  # of a time of nobody's
        if not rights & needed:
            assert snapshot() == before, form


@pytest.mark.parametrize("subject", WRONG)
def test_ids_of_nothing_open_nothing_and_break_nothing(world: World, desk: At, subject: str) -> None:
    """By everybody for an id that might be one; what is none at all is told before anybody is looked at."""
    referral_in(world, Status.PAID)
    for name in PEOPLE if subject == WRONG[0] else ("admin",):
        who = desk(getattr(world, name))
        with unchanged():
            for address in addresses(subject):
                if ("<" not in address and "new" in address) or address.startswith(f"/settings/{subject}/"):
                    continue  # the settings have a walk of their own: test_settings_walk
                assert who.get(address).status_code in {200, 301, 403, 404}, (name, address)
                assert who.post(address, **GIVEN).status_code in {301, 403, 404, 405, 409, 422}, (name, address)


def test_anothers_referral_is_as_if_it_were_not_there(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    there, nowhere = (
        desk(world.stranger).get(f"/referrals/{referral}/"),
        desk(world.stranger).get(f"/referrals/{'0' * 32}/"),
    )

    def plain(page: object) -> str:
        text = page.content.decode()  # type: ignore[attr-defined]
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)

    assert plain(there) == plain(nowhere)


def test_who_is_not_signed_in_is_led_to_sign_in(world: World) -> None:
    referral = referral_in(world, Status.PAID)
    for address in addresses(referral):
        with unchanged():
            for answer in (Client().get(address), Client().post(address, GIVEN)):
                assert answer.status_code == 302, address
                assert answer.headers["Location"].startswith("/sign-in/?next=/"), address


def test_a_person_who_was_switched_off_is_led_to_sign_in(world: World, desk: At) -> None:
    who = desk(world.admin)
    value("UPDATE rufaa_user SET is_active = false WHERE id = %(id)s RETURNING 1 AS one", id=world.admin.user)

    assert who.get("/work/").status_code in {302, 403}


def test_a_receiver_does_not_see_what_is_not_released(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PENDING_PAYMENT)

    assert desk(world.receiver).get(f"/referrals/{referral}/").status_code == 404
    assert desk(world.receiver).post(f"/referrals/{referral}/confirm/", shown="pending-payment").status_code == 404


def test_a_page_may_be_asked_for_with_other_methods(world: World, desk: At) -> None:
    for address in ("/work/", "/settings/", "/money/", "/referrals/new/"):
        assert desk(world.admin).client.put(address).status_code == 405
        assert desk(world.admin).client.head(address).status_code in {200, 403}


def test_every_page_of_staff_has_a_strict_policy_and_is_kept_by_nobody(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    for address in ("/work/", f"/referrals/{referral}/", "/referrals/new/", "/settings/"):
        page = desk(world.admin).get(address)
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert "no-store" in page.headers["Cache-Control"]
        html = page.content.decode()
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", html), address


def test_no_address_of_staff_is_walked_past() -> None:
    known = {str(each.pattern) for each in get_resolver().url_patterns[1].url_patterns}  # type: ignore[union-attr]

    assert known == set(ROUTES)
