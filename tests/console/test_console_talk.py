"""Comments on the page of a referral: what is drawn for whom, what the form does, and what is refused."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect

from console.test_console_access import check
from desks import Desk, Elsewhere
from rufaa import ids
from rufaa.facilities.models import User
from rufaa.facilities.queries import Actor
from rufaa.referrals.machine import Status
from support import World, execute, referral_in, rows, unchanged, value

At = Callable[[Actor], Desk]
Screens = Callable[[Actor], Page]
HOSTILE = '"><script>alert(1)</script>\u202e{{ x }}'


def form_key(html: str, form: str = "say") -> str:
    found = re.search(rf'action="/referrals/\w+/{form}/".*?name="once" value="(\w+)"', html, re.DOTALL)
    assert found is not None
    return found[1]


def test_a_doctor_asks_and_the_other_facility_answers(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    page = f"/referrals/{referral}/"
    doctor, receiver = desk(world.physician), desk(world.receiver)
    assert "Nothing was said yet." in doctor.text(page)

    told = doctor.does(page + "say/", text="Is the CT free on Monday?", once=form_key(doctor.text(page)))
    assert "Your comment is there for both facilities." in told
    receiver.does(page + "say/", text="It is. At nine.", once=form_key(receiver.text(page)))

    html = doctor.text(page)
    said = re.findall(r'<p class="text" dir="auto">([^<]*)</p>', html)
    assert said == ["Is the CT free on Monday?", "It is. At nine."]
    assert html.count('class="own"') == 1
    assert "Receiver</strong>" in html
    assert "Nothing was said yet." not in html
    check(html)


def test_sent_twice_it_is_one_comment(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    sent = {"text": "Once.", "once": form_key(admin.text(f"/referrals/{referral}/"))}
    first = admin.post(f"/referrals/{referral}/say/", **sent)

    with unchanged():
        second = admin.post(f"/referrals/{referral}/say/", **sent)
        assert second.headers["Location"] == first.headers["Location"]
        assert "it was not sent again" in admin.text(f"/referrals/{referral}/")

    assert value("SELECT count(*) FROM comment") == 1


def test_the_same_words_may_be_said_again(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    for _ in range(2):
        admin.does(f"/referrals/{referral}/say/", text="Yes.", once=ids.new_id().hex)

    assert value("SELECT count(*) FROM comment") == 2


def test_a_form_that_was_used_for_other_words_keeps_these_and_gets_a_new_name(world: World, desk: At) -> None:
    """The back button, and then another text in the same form."""
    referral, admin, key = world.referral(), desk(world.admin), ids.new_id().hex
    admin.does(f"/referrals/{referral}/say/", text="First.", once=key)

    with unchanged():
        refused = admin.post(f"/referrals/{referral}/say/", text="Second.", once=key)
    html = refused.content.decode()

    assert refused.status_code == 409
    assert ">Second.</textarea>" in html
    assert form_key(html) != key
    admin.does(f"/referrals/{referral}/say/", text="Second.", once=form_key(html))
    assert value("SELECT count(*) FROM comment") == 2


@pytest.mark.parametrize("once", ["", "x", "0" * 31, "\x00", "%00", "A" * 32])
def test_a_form_without_a_name_is_taken(world: World, desk: At, once: str) -> None:
    referral = world.referral()
    desk(world.admin).does(f"/referrals/{referral}/say/", text="x", once=once)

    assert value("SELECT count(*) FROM comment") == 1


def test_anothers_form_is_not_ones_own(world: World, desk: At) -> None:
    referral, key = world.referral(), ids.new_id().hex
    desk(world.admin).does(f"/referrals/{referral}/say/", text="x", once=key)

    with unchanged():
        assert desk(world.second_admin).post(f"/referrals/{referral}/say/", text="x", once=key).status_code == 409


@pytest.mark.parametrize(
    ("text", "words"),
    [(" ", "the comment is empty"), ("x" * 2001, "2000 are allowed"), ("a\x00b", "a control character")],
)
def test_what_is_refused_stands_in_the_form_again(world: World, desk: At, text: str, words: str) -> None:
    referral, key = world.referral(), ids.new_id().hex
    with unchanged():
        refused = desk(world.admin).post(f"/referrals/{referral}/say/", text=text, once=key)

    html = refused.content.decode()
    assert refused.status_code == 422
    assert words in html
    assert f">{text}</textarea>" in html
    assert form_key(html) == key
    assert re.search(r'<textarea id="say-text"[^>]* aria-invalid="true"', html)
    assert re.search(r'action="/referrals/\w+/say/" hx-morph-skip', html)
    check(html)


def test_who_sees_the_money_alone_has_no_comments(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    desk(world.admin).does(f"/referrals/{referral}/say/", text="She is HIV positive.")

    html = desk(world.finance).text(f"/referrals/{referral}/")
    assert "HIV" not in html
    assert "Comments" not in html
    with unchanged():
        refused = desk(world.finance).post(f"/referrals/{referral}/say/", text="x")
    assert refused.status_code == 403
    assert "HIV" not in refused.content.decode()


def test_nothing_of_it_is_on_the_patients_page(world: World, desk: At) -> None:
    referral = referral_in(world, Status.PAID)
    desk(world.admin).does(f"/referrals/{referral}/say/", text="She is HIV positive.")
    token = value("SELECT token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))

    assert "HIV" not in Client().get(f"/r/{token}").content.decode()


def test_hostile_words_and_names_are_only_words(world: World, desk: At) -> None:
    User.objects.filter(pk=world.admin.user).update(full_name=HOSTILE)
    referral = world.referral()
    html = desk(world.admin).does(f"/referrals/{referral}/say/", text=HOSTILE)

    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 2
    assert "{{ x }}" in html
    refused = desk(world.admin).post(f"/referrals/{referral}/say/", text=HOSTILE * 100)
    assert "<script>alert" not in refused.content.decode()


def test_before_it_is_released_the_form_says_who_reads_it_when(world: World, desk: At) -> None:
    assert "reads it once it sees this referral" in desk(world.admin).text(f"/referrals/{world.referral()}/")
    assert "Both facilities read it." in desk(world.admin).text(f"/referrals/{referral_in(world, Status.PAID)}/")


def test_however_much_was_said_the_queries_are_as_many(world: World, desk: At) -> None:
    referral = world.referral()

    def asked() -> int:
        admin = desk(world.admin)
        admin.text(f"/referrals/{referral}/")
        with CaptureQueriesContext(connection) as captured:
            admin.text(f"/referrals/{referral}/")
        return len(captured)

    desk(world.admin).does(f"/referrals/{referral}/say/", text="x")
    one = asked()
    for number in range(19):
        desk(world.physician).does(f"/referrals/{referral}/say/", text=str(number))

    assert asked() == one


def test_long_talks_lead_to_their_beginning(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)
    execute(
        "INSERT INTO comment (id, referral_id, author_id, facility_id, text, created_at)"
        " SELECT gen_random_uuid(), %(referral)s, %(who)s, %(facility)s, 'word' || n, rufaa_now() + n * interval '1 s'"
        " FROM generate_series(1, 101) AS n",
        referral=uuid.UUID(referral), who=world.admin.user, facility=world.uhuru.pk,
    )  # fmt: skip

    few, all_of_it = admin.text(f"/referrals/{referral}/"), admin.text(f"/referrals/{referral}/", comments="all")

    assert ("word1<" in few, "?comments=all" in few) == (False, True)
    assert ("word1<" in all_of_it, "?comments=all" in all_of_it) == (True, False)


def test_writing_is_noted_with_the_page_it_came_from(world: World, desk: At) -> None:
    referral = world.referral()
    desk(world.admin).does(f"/referrals/{referral}/say/", text="x")

    (row,) = rows("SELECT actor, channel, place FROM audit WHERE kind = 'comment.write'")
    assert row == {"actor": world.admin.user, "channel": "page", "place": "/referrals/<str:referral>/say/"}
    assert "wrote a comment" in desk(world.admin).text(f"/referrals/{referral}/audit/")


def test_in_swahili_it_is_swahili(world: World, desk: At) -> None:
    admin = desk(world.admin)
    admin.client.defaults["HTTP_ACCEPT_LANGUAGE"] = "sw"

    assert "Maoni" in admin.text(f"/referrals/{world.referral()}/")


@pytest.mark.browser
def test_what_a_doctor_writes_stands_on_the_other_facilitys_open_screen(
    town: World, screens: Screens, elsewhere: Elsewhere
) -> None:
    referral = elsewhere(lambda: referral_in(town, Status.PAID))
    doctor, receiver = screens(town.physician), screens(town.receiver)
    for screen in (doctor, receiver):
        screen.goto(f"/referrals/{referral}/")
        expect(screen.get_by_text("Nothing was said yet.")).to_be_visible()

    # the receiver has begun to write while the doctor sends
    receiver.get_by_label("Your comment").fill("We have a bed")
    doctor.get_by_label("Your comment").fill("She cannot lie flat.")
    doctor.get_by_role("button", name="Send the comment").click()
    expect(receiver.locator(".talk .text")).to_have_text(["She cannot lie flat."])
    expect(receiver.get_by_label("Your comment")).to_have_value("We have a bed")

    receiver.get_by_role("button", name="Send the comment").click()
    for screen in (doctor, receiver):
        expect(screen.locator(".talk .text")).to_have_text(["She cannot lie flat.", "We have a bed"])
    expect(receiver.get_by_label("Your comment")).to_have_value("")
