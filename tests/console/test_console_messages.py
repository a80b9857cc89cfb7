"""A referral's messages on its page, and what a facility tells on the pages of its settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from desks import Desk
from notices.ground import PHONE, africas_talking, goes_wrong, handset, known_phone, notices, send, states, tells, told
from rufaa.facilities.queries import Actor
from rufaa.notices.machine import Kind
from rufaa.simulator.testing import RunningSimulator
from support import World, rows, snapshot, unchanged, value

At = Callable[[Actor], Desk]
FORM: Final[dict[str, Any]] = {
    "mode": "with-consent",
    "language": "sw",
    "quiet_from": "20:30",
    "quiet_until": "6.00 am",
    "kinds": ["paid", "reminder"],
}


def settings(world: World, more: str = "") -> str:
    return f"/settings/{world.uhuru.pk.hex}/messages/{more}"


# --- a referral's -----------------------------------------------------------------------------------------------------


def test_a_page_without_messages_says_nothing_of_them(world: World, desk: At) -> None:
    assert 'id="messages"' not in desk(world.admin).text(f"/referrals/{world.approved()}/")


def test_what_was_told_stands_on_the_page(world: World, simulator: RunningSimulator, desk: At) -> None:
    tells(world)
    referral = world.approved()
    assert "Waits" in desk(world.admin).text(f"/referrals/{referral}/")

    known_phone(referral)
    send(handset(simulator))
    page = desk(world.admin).text(f"/referrals/{referral}/")

    assert "Delivered" in page
    assert "0708 000 321" in page
    assert "You are referred to Tumaini Referral Hospital" in page
    assert "Send it again" not in page


def test_money_people_read_no_messages(world: World, simulator: RunningSimulator, desk: At) -> None:
    tells(world)
    referral, _prompt = world.prompted()

    assert 'id="messages"' not in desk(world.finance).text(f"/referrals/{referral}/")


def test_what_may_have_been_lost_is_sent_again_by_a_person_alone(
    world: World, simulator: RunningSimulator, desk: At
) -> None:
    tells(world)
    referral = world.approved()
    known_phone(referral)
    goes_wrong(simulator, "server-error")
    send(africas_talking(simulator))
    admin, notice = desk(world.admin), notices(referral)[0]["id"].hex
    assert "Send it again, though it may have arrived" in admin.text(f"/referrals/{referral}/")

    assert "The message is sent again." in admin.does(f"/referrals/{referral}/again/", notice=notice)
    assert admin.post(f"/referrals/{referral}/again/", notice=notice).status_code == 409  # it is due already
    send(africas_talking(simulator))

    assert states(referral) == {"received": "sent"}
    assert len(told(simulator)) == 1


def test_only_a_message_of_this_referral_goes_again(world: World, simulator: RunningSimulator, desk: At) -> None:
    tells(world)
    referral, other = world.approved(), world.approved()
    known_phone(other)
    goes_wrong(simulator, "bad-phone")
    send(africas_talking(simulator))
    before = rows("SELECT * FROM notice ORDER BY id")

    for who, status in ((world.admin, 404), (world.physician, 403), (world.stranger, 404)):
        answer = desk(who).post(f"/referrals/{referral}/again/", notice=notices(other)[0]["id"].hex)
        assert answer.status_code == status
    assert rows("SELECT * FROM notice ORDER BY id") == before


def test_the_desk_says_what_the_patient_wants(world: World, simulator: RunningSimulator, desk: At) -> None:
    tells(world)
    referral = world.approved()
    known_phone(referral, payer="254708000322")
    admin = desk(world.admin)

    assert "no messages any more" in admin.does(f"/referrals/{referral}/wish/", wants="no")
    send(handset(simulator))

    assert states(referral) == {"received": "dropped"}
    page = admin.text(f"/referrals/{referral}/")
    assert "This phone wants no messages." in page
    assert "Left out" in page
    assert rows("SELECT phone, wants, said, actor FROM notice_wish ORDER BY phone") == [
        {"phone": each, "wants": False, "said": "desk", "actor": world.admin.user} for each in (PHONE, "254708000322")
    ]
    assert "is sent messages" in admin.does(f"/referrals/{referral}/wish/", wants="yes")


def test_a_wish_needs_a_phone_and_a_word(world: World, desk: At) -> None:
    tells(world)
    referral = world.approved()
    admin = desk(world.admin)

    assert admin.post(f"/referrals/{referral}/wish/", wants="yes").status_code == 422
    known_phone(referral)
    assert admin.post(f"/referrals/{referral}/wish/", wants="perhaps").status_code == 422
    assert rows("SELECT * FROM notice_wish") == []


# --- a facility's -----------------------------------------------------------------------------------------------------


def test_a_facility_says_whom_it_tells_what(world: World, desk: At) -> None:
    admin = desk(world.admin)
    assert "Nobody is sent messages" in admin.text(settings(world))

    page = admin.does(settings(world, "save/"), **FORM)

    assert "Saved." in page
    (row,) = rows("SELECT * FROM notice_policy")
    assert (row["facility_id"], row["mode"], row["language"]) == (world.uhuru.pk, "with-consent", "sw")
    assert (str(row["quiet_from"]), str(row["quiet_until"])) == ("20:30:00", "06:00:00")
    assert set(row["silent"]) == {each.value for each in Kind} - {"paid", "reminder"}
    assert 'value="20:30"' in page
    assert len(re.findall(r'name="kinds" value="\w[\w-]*" checked', page)) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "always"}, {"language": "fr"}, {"quiet_from": "25:00"}, {"quiet_until": ""}, {"quiet_from": "soon"}],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stands(world: World, desk: At, wrong: dict[str, str]) -> None:
    tells(world, world.uhuru)
    before = rows("SELECT * FROM notice_policy")

    answer = desk(world.admin).post(settings(world, "save/"), **(FORM | wrong))

    assert answer.status_code == 422
    assert rows("SELECT * FROM notice_policy") == before


def test_words_are_seen_before_they_are_used(world: World, desk: At) -> None:
    admin = desk(world.admin)
    words = "Karibu {facility}! {link}"

    page = admin.text(settings(world), kind="received", words="sw", text=words)
    assert "Karibu Mwangaza Hospital! https://rufaa.example.org/r/" in page
    assert "86 characters, 1 SMS; room for 74 more" in page
    assert rows("SELECT * FROM notice_template") == []

    page = admin.does(settings(world, "word/"), kind="received", words="sw", text=words)
    assert "own words" in page
    assert value("SELECT text FROM notice_template WHERE kind = 'received' AND language = 'sw'") == words

    admin.does(settings(world, "word/"), kind="received", words="sw", text="")
    assert rows("SELECT * FROM notice_template") == []


def test_words_that_make_a_message_long_are_named(world: World, desk: At) -> None:
    page = desk(world.admin).text(settings(world), kind="received", words="en", text="Ngũgĩ " * 14)

    assert "83 characters, 2 SMS: longer than need be, since ũĩ cannot be written" in page


def test_words_with_fields_that_are_not_there_are_refused(world: World, desk: At) -> None:
    admin = desk(world.admin)

    page = admin.text(settings(world), kind="received", words="en", text="Dear {name}")
    assert "There is no field {name} in this message. It has: {code}, {facility}, {link}." in page
    assert "Dear {name}" in page
    with unchanged():
        for given in ({"text": "Dear {name}"}, {"kind": "gossip"}, {"words": "fr"}, {"text": "a" * 500}):
            whole = {"kind": "received", "words": "en", "text": "Hello", **given}
            assert admin.post(settings(world, "word/"), **whole).status_code == 422
    assert snapshot()["notice_template"] == []


def test_only_who_sets_a_facility_up_says_what_it_tells(world: World, desk: At) -> None:
    for who in (world.physician, world.receiver, world.finance, world.stranger, world.receiving_admin):
        assert desk(who).get(settings(world)).status_code in {403, 404}
        assert desk(who).post(settings(world, "save/"), **FORM).status_code in {403, 404}
        assert desk(who).post(settings(world, "word/"), kind="paid", words="en", text="x").status_code in {403, 404}
    assert rows("SELECT * FROM notice_policy") == rows("SELECT * FROM notice_template") == []
