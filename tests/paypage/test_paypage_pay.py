""" "Pay now": what rings, what is joined, what is refused in plain words, and what is never done twice."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client

from paypage.links import FAILED, OVERDUE, RINGING, link_of, text_of, turn
from rufaa import clock
from rufaa.cli import story
from rufaa.db.atomic import unit
from rufaa.paypage import proofs
from rufaa.referrals import bearer
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from support import PAYS, RINGS, World, advance, call_back, execute, referral_in, rows, unchanged, use_otherwise, value

OTHER = "254708001032"


def prompts() -> list[tuple[str, str]]:
    return [(row["payer_phone"], row["state"]) for row in rows("SELECT * FROM prompt ORDER BY created_at, id")]


def test_a_typed_phone_is_asked_and_the_page_says_so(world: World) -> None:
    link = link_of(world.waiting())

    answer = link.pay("0708 374 149")

    assert (answer.status_code, answer["Location"]) == (302, link.path)
    assert prompts() == [(RINGS, "created")]
    assert "We are asking the phone 0708 *** 149." in link.text()


def test_the_history_says_that_the_patient_page_asked(world: World) -> None:
    referral = world.waiting()
    link = link_of(referral)

    link.pay(RINGS)

    (move,) = rows("SELECT actor FROM history WHERE machine = 'prompt'")
    assert move["actor"] == bearer.ACTOR
    assert "The phone 0708 *** 149 was asked for the money, from this page." in link.text()
    told = "\n".join(unit(lambda tx: list(story.tell(tx, referral))))
    assert "Prompt 1 to 254708***149 was asked for. By the patient page." in told


def test_no_id_that_is_given_out_is_the_patient_pages() -> None:
    assert bearer.ACTOR.variant != uuid.RFC_4122


def test_another_phone_does_not_become_the_payers_in_the_particulars(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=RINGS, payer_phone=RINGS))

    link_of(referral).pay(OTHER)

    assert prompts() == [(OTHER, "created")]
    assert value("SELECT payer_phone FROM particulars") == RINGS


def test_the_stored_phone_is_asked_where_none_is_typed(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=RINGS, payer_phone=PAYS))

    link_of(referral).pay()

    assert prompts() == [(PAYS, "created")]


def test_the_last_phone_that_was_asked_is_the_one_offered(world: World) -> None:
    referral, prompt = world.prompted(PAYS)
    turn(prompt, *FAILED, code="1032")
    link = link_of(referral)
    turn(world.ask(referral, OTHER), *FAILED, code="1032")

    link.pay()

    assert prompts()[-1] == (OTHER, "created")


def test_pressing_twice_rings_once(world: World) -> None:
    link = link_of(world.waiting())
    form = link.form()

    answers = [link.pay(RINGS, form=form) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert prompts() == [(RINGS, "created")]


def test_the_same_form_after_it_has_failed_rings_no_more(world: World) -> None:
    """The back button, or a form that is sent again by a browser."""
    referral = world.waiting()
    link = link_of(referral)
    form = link.form()
    link.pay(RINGS, form=form)
    turn(value("SELECT id FROM prompt"), *FAILED, code="1032")

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert answer.status_code == 409
    assert "This page had become old, and nothing was sent." in text_of(answer)
    assert link.pay(RINGS).status_code == 302
    assert [state for _, state in prompts()] == ["unpaid", "created"]


def test_one_form_rings_once_although_the_offered_phone_stays_the_same(world: World) -> None:
    """The number of prompts tells an old form from a new one, not only the phone."""
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code="1032")
    link = link_of(referral)
    form = link.form(typed=False)
    assert link.pay(form=form).status_code == 302
    turn(value("SELECT id FROM prompt WHERE attempt = 2"), *FAILED, code="1032")

    with unchanged():
        assert link.pay(form=form).status_code == 409


def test_a_form_of_before_another_phone_was_stored_rings_nobody(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=RINGS, payer_phone=RINGS))
    link = link_of(referral)
    form = link.form(typed=False)
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=PAYS, payer_phone=PAYS))

    with unchanged():
        answer = link.pay(form=form)

    assert answer.status_code == 409
    assert "Pay now: ask 0708 *** 000" in text_of(answer)


@pytest.mark.parametrize("form", ["", "x", "1.0.00", f"{2**40}.0.{'0' * 32}", "9" * 400, "٣.0." + "0" * 32])
def test_a_form_that_was_not_made_here_rings_nobody(world: World, form: str) -> None:
    link = link_of(world.waiting())

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert answer.status_code == 409
    assert 'value="254708374149"' in answer.content.decode()  # what was typed is not lost


def test_a_form_of_another_link_rings_nobody(world: World) -> None:
    mine, other = link_of(world.waiting()), link_of(world.waiting())

    with unchanged():
        assert mine.pay(RINGS, form=other.form()).status_code == 409


def test_a_form_that_is_two_hours_old_rings_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_of(world.waiting())
    form = link.form()
    late = clock.now() + timedelta(seconds=proofs.FORM_S + 1)
    monkeypatch.setattr(clock, "now", lambda: late)

    with unchanged():
        assert link.pay(RINGS, form=form).status_code == 409
    assert link.pay(RINGS).status_code == 302


@pytest.mark.parametrize(
    "typed",
    [
        "123",
        "+1 202 555 0100",
        "0708\x00374149",
        "<script>alert(1)</script>",
        "\u202e0708374149",
        "٠٧٠٨٣٧٤١٤٩",
        "7" * 900,
    ],
)
def test_what_is_no_kenyan_phone_is_told_and_stays_typed(world: World, typed: str) -> None:
    link = link_of(world.waiting())

    with unchanged():
        answer = link.pay(typed)

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "That is not a Kenyan mobile number. Write it as 0712 345 678." in page
    assert "<script>alert" not in page
    assert typed.replace("\x00", "\ufffd")[:5].replace("<", "&lt;") in page


def test_nothing_typed_where_no_phone_is_known(world: World) -> None:
    link = link_of(world.waiting())

    with unchanged():
        assert link.pay("").status_code == 422


def test_a_busy_phone_says_when_to_try_again_and_not_why(world: World) -> None:
    busy, _prompt = world.prompted(RINGS)
    link = link_of(world.waiting())

    with unchanged():
        answer = link.pay(RINGS)

    assert answer.status_code == 409
    text = text_of(answer)
    assert re.search(r"This phone is busy with another M-Pesa request\. Try again in (?:[5-8]\d|90) seconds\.", text)
    assert value("SELECT account_code FROM referral WHERE id = %(id)s", id=uuid.UUID(busy)) not in text


def test_while_another_phone_rings_nothing_else_does(world: World) -> None:
    referral = world.waiting()
    link = link_of(referral)
    form = link.form()
    turn(world.ask(referral, PAYS), *RINGING)

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert answer.status_code == 409
    assert "Another phone is being asked just now." in text_of(answer)
    assert "0708 *** 000 is ringing" in text_of(answer)


def test_a_fee_that_was_paid_meanwhile_is_paid(world: World) -> None:
    referral = world.waiting()
    link = link_of(referral)
    form = link.form()
    prompt = world.ask(referral, PAYS)
    turn(prompt, *RINGING)
    call_back(prompt)

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert (answer.status_code, answer["Location"]) == (302, link.path)
    assert "Paid. M-Pesa receipt" in link.text()


def test_a_prompt_in_review_rings_no_second_time(world: World) -> None:
    referral, prompt = world.prompted()
    link = link_of(referral)
    turn(prompt, *RINGING)
    turn(prompt, OVERDUE[-1])
    stale = proofs.form(
        ("a secret of the tests that is long enough",),
        unit(lambda tx: bearer.find(tx, link.token)),
        proofs.Stand(prompts=1, phone=RINGS),
        now=clock.now(),
    )

    with unchanged():
        answer = link.pay(form=stale)

    assert answer.status_code == 409
    assert "An earlier request may still turn out to be paid." in text_of(answer)


def test_a_form_of_before_rings_no_second_time_where_the_money_was_used_otherwise(world: World) -> None:
    referral = world.waiting()
    link = link_of(referral)
    form = link.form()
    prompt = world.ask(referral)
    turn(prompt, *RINGING)
    use_otherwise(world, prompt)

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert answer.status_code == 409
    assert "This page had become old, and nothing was sent." in text_of(answer)


def test_after_a_restore_it_may_have_been_paid(world: World) -> None:
    link = link_of(world.waiting())
    execute(
        "INSERT INTO restoration (id, backup_at, restored_at)"
        " VALUES (gen_random_uuid(), rufaa_now() - interval '1 h', rufaa_now())"
    )

    with unchanged():
        answer = link.pay(RINGS)

    assert answer.status_code == 409
    assert "It may have been paid already." in text_of(answer)


@pytest.mark.parametrize("status", [Status.PENDING_ADMIN, Status.REJECTED, Status.CANCELLED])
def test_where_nothing_is_open_nobody_is_asked(world: World, status: Status) -> None:
    link = link_of(referral_in(world, status))
    form = proofs.form(
        ("a secret of the tests that is long enough",),
        unit(lambda tx: bearer.find(tx, link.token)),
        proofs.Stand(prompts=0, phone=""),
        now=clock.now(),
    )

    with unchanged():
        answer = link.pay(RINGS, form=form)

    assert answer.status_code == 409
    assert "Nothing is to be paid now." in text_of(answer)


def test_no_cookie_and_no_session_is_needed(world: World) -> None:
    link = link_of(world.waiting())
    link.client = Client(enforce_csrf_checks=True)

    answer = link.pay(RINGS)

    assert answer.status_code == 302
    assert not link.client.cookies
    assert value("SELECT count(*) FROM django_session") == 0


# --- nobody is rung again and again ---------------------------------------------------------------------------------


def let_it_fail() -> None:
    """Whatever rings is cancelled on the phone."""
    for row in rows("SELECT id FROM prompt WHERE state = 'created'"):
        turn(row["id"], *FAILED, code="1032")


def test_a_hundred_tries_ring_a_phone_three_times(world: World) -> None:
    link = link_of(world.waiting())
    statuses = []
    for _ in range(100):
        statuses.append(link.pay(RINGS).status_code)
        let_it_fail()

    assert statuses == [302] * 3 + [429] * 97
    assert len(prompts()) == 3


def test_it_is_said_until_when_and_how_else_to_pay(world: World) -> None:
    link = link_of(world.waiting())
    for _ in range(3):
        link.pay(RINGS)
        let_it_fail()

    with unchanged():
        answer = link.pay(RINGS)

    assert answer.status_code == 429
    assert 3500 <= int(answer["Retry-After"]) <= 3600
    text = text_of(answer)
    assert "This phone was asked often enough. Ask it again after " in text
    assert "or pay as shown below." in text
    assert "Business number 174379" in text


def test_other_links_do_not_help_to_ring_a_phone(world: World) -> None:
    links = [link_of(world.waiting()) for _ in range(4)]
    statuses = []
    for number, link in enumerate(links):
        statuses.append(link.pay(RINGS, REMOTE_ADDR=f"192.0.2.{number}").status_code)
        let_it_fail()

    assert statuses == [302, 302, 302, 429]


def test_other_phones_do_not_help_a_link(world: World) -> None:
    link = link_of(world.waiting())
    statuses = []
    for number in range(6):
        statuses.append(link.pay(f"254708001{number:03}", REMOTE_ADDR=f"192.0.2.{number}").status_code)
        let_it_fail()

    assert statuses == [302] * 5 + [429]


def test_many_links_and_phones_from_one_address_come_to_an_end(world: World) -> None:
    statuses = []
    for number in range(31):
        statuses.append(link_of(world.waiting()).pay(f"254708001{number:03}").status_code)
        let_it_fail()

    assert statuses == [302] * 30 + [429]


def test_an_hour_later_it_may_ring_again_but_not_all_day(world: World) -> None:
    link = link_of(world.waiting())
    rung = 0
    for _hour in range(6):
        for _ in range(5):
            rung += link.pay(RINGS).status_code == 302
            let_it_fail()
        advance(3601)

    assert rung == 6


def test_a_link_rings_twelve_times_a_day_whomever(world: World) -> None:
    link = link_of(world.waiting())
    statuses = []
    for number in range(15):
        answer = link.pay(f"254708001{number:03}", REMOTE_ADDR=f"192.0.2.{number}")
        statuses.append(answer.status_code)
        let_it_fail()
        if number % 4 == 3:  # before an hour's five are used up
            advance(3601)

    assert statuses == [302] * 12 + [429] * 3
    assert "Phones were asked often enough. Try again after " in text_of(answer)


def test_what_rings_already_and_what_is_refused_costs_nothing(world: World) -> None:
    link = link_of(world.waiting())
    form = link.form()
    for _ in range(10):
        link.pay(RINGS, form=form)  # joins, from the second on
        link.pay("no phone", form=form)

    assert rows("SELECT rule, used FROM paypage_allowance WHERE rule = 'ring-phone'") == [
        {"rule": "ring-phone", "used": 1}
    ]


def test_what_the_facility_sends_is_not_counted(world: World) -> None:
    referral = world.waiting()
    for _ in range(5):
        turn(world.ask(referral), *FAILED, code="1032")

    assert link_of(referral).pay(RINGS).status_code == 302


def test_no_phone_and_no_address_is_kept_with_what_was_counted(world: World) -> None:
    link_of(world.waiting()).pay(RINGS, REMOTE_ADDR="192.0.2.77")

    kept = str(rows("SELECT * FROM paypage_allowance"))

    assert "ring-phone" in kept
    assert RINGS not in kept
    assert "192.0.2.77" not in kept
