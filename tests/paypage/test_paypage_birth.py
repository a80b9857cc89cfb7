"""The second secret: the date of birth opens where and when the patient is expected, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from paypage.links import Link, born_on, link_of, text_of
from rufaa import clock
from rufaa.paypage import proofs
from support import World, advance, execute, rows, unchanged

BORN = "31-12-1980"
WRONG = "1-1-1980"


@pytest.fixture
def link(world: World) -> Link:
    referral = world.waiting()
    born_on(referral, "1980-12-31")
    execute("UPDATE particulars SET booked_date = '2026-12-03', booked_time = '10:00'")
    return link_of(referral)


def test_the_day_of_birth_shows_where_and_when(link: Link) -> None:
    answer = link.born(BORN)

    assert (answer.status_code, answer["Location"]) == (302, link.path)
    text = link.text()
    assert "Referred by Uhuru Health Centre Referred to Tumaini Referral Hospital" in text
    assert "Booked for Thursday 3 December 2026, 10:00" in text
    for secret in ("Wafula", "fracture", "1980"):
        assert secret not in text


def test_the_pass_is_a_cookie_of_this_link_alone(link: Link) -> None:
    link.born(BORN)

    cookie = link.client.cookies["r-pass"]

    assert (cookie["path"], cookie["max-age"]) == (link.path, 900)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert "1980" not in cookie.value


def test_a_pass_opens_no_other_link(world: World, link: Link) -> None:
    link.born(BORN)
    referral = world.waiting()
    born_on(referral, "1980-12-31")
    other = link_of(referral)
    other.client.cookies["r-pass"] = link.client.cookies["r-pass"].value

    assert "Tumaini" not in other.text()


@pytest.mark.parametrize("value", ["", "x", "9999999999.0." + "0" * 32, "1.2.3"])
def test_a_pass_that_was_not_made_here_opens_nothing(link: Link, value: str) -> None:
    link.client.cookies["r-pass"] = value

    assert "Tumaini" not in link.text()


def test_a_pass_ends_after_a_quarter_of_an_hour(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    link.born(BORN)
    kept = link.client.cookies["r-pass"].value
    late = clock.now() + timedelta(seconds=proofs.PASS_S + 1)
    monkeypatch.setattr(clock, "now", lambda: late)
    link.client.cookies["r-pass"] = kept

    assert "Tumaini" not in link.text()


def test_a_pass_ends_when_the_day_is_corrected(link: Link) -> None:
    link.born(BORN)
    execute("UPDATE particulars SET date_of_birth = '1981-12-31'")

    assert "Tumaini" not in link.text()


def test_the_pass_proves_no_form_and_a_form_is_no_pass(link: Link) -> None:
    form = link.form()
    link.client.cookies["r-pass"] = form
    assert "Tumaini" not in link.text()
    link.born(BORN)

    with unchanged():
        assert link.pay("0708374149", form=link.client.cookies["r-pass"].value).status_code == 409


def test_a_wrong_day_says_so_and_keeps_what_was_typed(link: Link) -> None:
    answer = link.born(WRONG)

    assert answer.status_code == 403
    page = answer.content.decode()
    assert "That is not the date of birth that the health facility has." in page
    assert 'name="year" inputmode="numeric" maxlength="4" required value="1980"' in page
    assert "Tumaini" not in page
    assert "r-pass" not in link.client.cookies


@pytest.mark.parametrize("day", ["31-2-1980", "0-1-1980", "x-1-1980", "1-1-19800", "-1-1980", "١-1-1980", "1-13-1980"])
def test_what_is_no_day_is_told_and_is_no_try(link: Link, day: str) -> None:
    parts = (["", *day.rsplit("-", 2)[-2:]] if day.startswith("-") else day.split("-"))[-3:]
    form = {"form": link.form(), "day": parts[0], "month": parts[1], "year": parts[2]}

    answer = link.post("birth", form)

    assert answer.status_code == 422
    assert "That is no date." in text_of(answer)
    assert rows("SELECT * FROM paypage_allowance") == []


def test_after_five_tries_it_is_closed_for_an_hour_whatever_is_given(link: Link) -> None:
    statuses = [link.born(WRONG, REMOTE_ADDR=f"192.0.2.{number}").status_code for number in range(5)]

    closed = link.born(BORN, REMOTE_ADDR="192.0.2.99")

    assert statuses == [403] * 5
    assert closed.status_code == 429
    assert 3500 <= int(closed["Retry-After"]) <= 3600
    assert "The date of birth was tried too often. Try again after " in text_of(closed)
    advance(3400)
    assert link.born(BORN, REMOTE_ADDR="192.0.2.99").status_code == 429
    advance(210)
    assert link.born(BORN, REMOTE_ADDR="192.0.2.99").status_code == 302


def test_one_address_has_five_tries_over_all_links(world: World, link: Link) -> None:
    for _ in range(5):
        referral = world.waiting()
        born_on(referral, "1975-06-01")
        assert link_of(referral).born(WRONG).status_code == 403

    assert link.born(BORN).status_code == 429
    assert link.born(BORN, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_a_right_day_is_no_try(link: Link) -> None:
    for _ in range(7):
        assert link.born(BORN).status_code == 302
        link.client.cookies.clear()


def test_without_a_form_of_this_page_nothing_is_tried(link: Link) -> None:
    assert link.born(BORN, form="").status_code == 409
    assert rows("SELECT * FROM paypage_allowance") == []


def test_where_nobody_wrote_the_day_down_it_is_not_asked_for(world: World) -> None:
    link = link_of(world.waiting())

    assert "Date of birth" not in link.text()
    assert link.born(BORN).status_code == 409


def test_a_booking_in_words_is_shown_as_it_is(link: Link) -> None:
    execute("UPDATE particulars SET booked_date = '', booked_time = '<b>Tuesday</b>'")
    link.born(BORN)

    assert "&lt;b&gt;Tuesday&lt;/b&gt;" in link.get().content.decode()


def test_nothing_is_booked_yet(link: Link) -> None:
    execute("UPDATE particulars SET booked_date = '', booked_time = ''")
    link.born(BORN)

    assert "Booked for Not booked yet" in link.text()
