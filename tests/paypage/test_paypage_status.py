"""What the page says first, in every state of the referral and of its money; and what it never says."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paypage.links import DECLINED, FAILED, LOST, OVERDUE, RINGING, Link, born_on, link_of, turn
from reports import c2b_body
from rufaa import clock, tickets
from rufaa.clock import daraja_timestamp
from rufaa.daraja import codes
from rufaa.db.atomic import Tx, unit
from rufaa.ingest.loop import settle_inbox
from rufaa.payments import hold, refunds, unapplied
from rufaa.payments.machine import MACHINES, FeeEvent, PromptEvent, PromptState
from rufaa.paypage import words
from rufaa.phone import Phone
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from support import HANDLERS, KEYS, RINGS, World, call_back, execute, referral_in, use_otherwise, value

FEE = "KES 1,000"
MASKED = "0708 *** 149"


def says(link: Link, line: str) -> str:
    """The page's text, whose first line is ``line``."""
    page = link.source()
    assert f"<h1>{line}</h1>" in page, re.findall(r"<h1>.*</h1>", page)
    return link.text()


def refreshes(link: Link) -> bool:
    """Whether a browser without scripts loads the page again by itself."""
    return '<noscript><meta http-equiv="refresh"' in link.get().content.decode()


def test_before_approval_nothing_is_to_be_paid(world: World) -> None:
    link = link_of(world.referral())

    text = says(link, "The health facility is looking at your referral.")

    assert "Nothing is to be paid yet." in text
    assert "Pay Bill" not in text
    assert "Where is my money?" not in text


@pytest.mark.parametrize("status", [Status.AWAITING_BIODATA, Status.PENDING_PAYMENT])
def test_an_open_fee_can_be_paid_in_both_ways(world: World, status: Status) -> None:
    referral = referral_in(world, status)
    link = link_of(referral)
    code = value("SELECT account_code FROM referral")

    text = says(link, f"We wait for your payment of {FEE}.")

    assert "Your phone number, or that of who pays" in text
    assert f"Business number 174379 Account number {code} Amount {FEE}" in text
    assert not refreshes(link)


def test_the_stored_phone_is_one_press_away_and_masked(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=RINGS, payer_phone=RINGS))

    text = link_of(referral).text()

    assert f"Pay now: ask {MASKED}" in text
    assert "Another phone pays" in text


def test_a_prompt_on_its_way_rings_in_a_moment(world: World) -> None:
    referral, _prompt = world.prompted()
    link = link_of(referral)

    text = says(link, f"We are asking the phone {MASKED}.")

    assert "Pay now" not in text
    assert "Pay Bill" in text
    assert refreshes(link)


def test_a_phone_that_rings_wants_the_pin(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *RINGING)
    link = link_of(referral)

    says(link, f"The phone {MASKED} is ringing: enter the M-Pesa PIN.")

    assert refreshes(link)


def test_an_answer_that_was_lost_is_asked_about(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *LOST)
    link = link_of(referral)

    text = says(link, f"We are asking M-Pesa what became of the request to {MASKED}.")

    assert "Do not pay in another way meanwhile." in text
    assert refreshes(link)


@pytest.mark.parametrize("code", sorted(codes.KNOWN_CODES - {"0"}))
def test_why_nothing_was_paid_is_told_and_it_can_be_tried_again(world: World, code: str) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code=code)
    link = link_of(referral)

    text = says(link, str(words.NOT_PAID[code]))

    assert f"{FEE} is still to be paid." in text
    assert f"Pay now: ask {MASKED}" in text
    assert not refreshes(link)


def test_there_is_a_sentence_for_each_code(world: World) -> None:
    assert set(words.NOT_PAID) == codes.KNOWN_CODES - {"0"}


def test_a_code_that_nobody_knows_is_no_payment_all_the_same(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code="4711")

    says(link_of(referral), "The request did not lead to a payment.")


def test_a_wait_that_makes_sense_is_told(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code="1001")

    assert re.search(r"Ask the phone again after \d\d:\d\d, or pay as shown below\.", link_of(referral).text())


def test_a_wait_that_is_over_is_not_told(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code="1001")
    execute("UPDATE prompt SET settled_at = rufaa_now() - interval '61 s'")

    assert f"{FEE} is still to be paid. Try again, or pay as shown below." in link_of(referral).text()


def test_a_prompt_that_was_not_sent(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *DECLINED, code="500.001.1001")

    says(link_of(referral), "The request could not be sent to the phone.")


def test_a_prompt_in_review_is_not_asked_again(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *OVERDUE)

    text = says(link_of(referral), "M-Pesa has not told us yet what became of your payment.")

    assert "Do not pay again until this changes." in text
    assert "Ask this phone" not in text


def test_who_paid_with_money_that_was_used_otherwise_is_not_asked_again(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *RINGING)
    use_otherwise(world, prompt)

    text = says(link_of(referral), "M-Pesa says that you paid, but the money is not with this referral.")

    assert "Do not pay again until this changes." in text
    assert "Ask this phone" not in text


@pytest.mark.parametrize("doubt", ["in review", "used otherwise"])
def test_nobody_pays_again_while_a_person_looks_at_an_earlier_prompt(world: World, doubt: str) -> None:
    """It failed first, as did the one after it: then M-Pesa says that it was paid."""
    referral, first = world.prompted()
    turn(first, *FAILED, code="1037")
    turn(world.ask(referral), *FAILED, code="1032")
    if doubt == "in review":
        turn(first, (PromptEvent.DOUBTED, PromptState.REVIEW))
        line = "M-Pesa has not told us yet what became of your payment."
    else:
        use_otherwise(world, first)
        line = "M-Pesa says that you paid, but the money is not with this referral."

    text = says(link_of(referral), line)

    assert "Do not pay again until this changes." in text
    assert "Ask this phone" not in text


def test_on_hold_the_paybill_way_is_the_way(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="the network is down", by="the operator"))
    link = link_of(referral)

    text = says(link, f"We wait for your payment of {FEE}.")

    assert "Phones cannot be asked at the moment. Pay as shown below." in text
    assert "Ask this phone" not in text
    assert "Business number 174379" in text
    assert "the network is down" not in text


def test_a_prompt_that_waits_on_hold_need_not_be_waited_for(world: World) -> None:
    referral, _prompt = world.prompted()
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="down", by="the operator"))

    assert "You need not wait: pay as shown below." in says(link_of(referral), "The request to your phone has to wait.")


def test_paid_names_the_receipt(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *RINGING)
    call_back(prompt)
    number = value("SELECT number FROM receipt")
    link = link_of(referral)

    text = says(link, f"Paid. M-Pesa receipt {number}.")

    assert "The health facility will confirm your place." in text
    assert "Receipt (PDF)" in text
    assert "Pay Bill" not in text
    assert "Ask this phone" not in text
    assert not refreshes(link)


@pytest.mark.parametrize(
    ("status", "then"),
    [(Status.CONFIRMED, "Your place is confirmed."), (Status.COMPLETED, "Your visit is complete.")],
)
def test_after_paying_the_page_tells_what_comes_next(world: World, status: Status, then: str) -> None:
    text = link_of(referral_in(world, status)).text()

    assert then in text
    assert "treated" not in text


def test_a_waived_fee_is_nobodys_to_pay(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=FeeEvent.WAIVE, reason="an orphan"))
    unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral))

    text = says(link_of(referral), "Nothing is to be paid.")

    assert "an orphan" not in text


def test_an_emergency_does_not_wait_for_its_fee(world: World) -> None:
    referral = world.approved(priority=Priority.EMERGENCY)

    assert "Your care does not wait for it." in says(link_of(referral), f"You can pay {FEE} later.")


def test_an_emergency_that_was_confirmed_before_there_was_a_price(world: World) -> None:
    execute("DELETE FROM price")
    referral = world.referral(priority=Priority.EMERGENCY)
    world.move(referral, Status.CONFIRMED, by=world.receiver)

    assert "Nothing is to be paid now." in says(link_of(referral), "Your place is confirmed.")


def test_rejected_and_cancelled_say_no_reason(world: World) -> None:
    rejected = says(link_of(referral_in(world, Status.REJECTED)), "This referral was not accepted.")
    cancelled = says(link_of(referral_in(world, Status.CANCELLED)), "This referral was cancelled.")

    assert "not indicated" not in rejected
    assert "not needed any more" not in cancelled
    assert "Nothing is to be paid." in cancelled
    assert "Ask this phone" not in rejected + cancelled


def test_cancelled_after_paying_tells_of_the_money(world: World) -> None:
    referral = referral_in(world, Status.PAID)
    world.move(referral, Status.CANCELLED, reason="moved away")

    text = link_of(referral).text()

    assert "decides how your money is given back." in text
    assert "moved away" not in text


@pytest.mark.parametrize("status", list(Status))
def test_nothing_about_the_patient_is_told_without_the_date_of_birth(world: World, status: Status) -> None:
    referral = referral_in(world, status)
    born_on(referral, "1980-12-31")
    execute("UPDATE particulars SET phone = '254708000000', national_id = '23456789', booked_date = '2026-12-03'")

    link = link_of(referral)
    page, text = link.source(), link.text()

    for secret in ("Wafula", "fracture", "Tumaini", "Uhuru", "Physician", "1980-12-31", "708000000", RINGS):
        assert secret not in page
    for secret in ("1980", "23456789", "2026-12-03", "3 December"):
        assert secret not in text


def test_a_page_tells_what_it_hears_of_with_a_ticket(world: World) -> None:
    referral, prompt = world.prompted()
    page = link_of(referral).get().content.decode()
    found = re.search(r'data-live="([^"]+)"', page)
    assert found is not None

    heard = tickets.read(KEYS, found[1])

    fee = value("SELECT fee_id FROM prompt WHERE id = %(id)s", id=prompt)
    assert heard is not None
    assert tickets.word(f"fee:{fee.hex[-12:]}") in heard
    assert tickets.word(f"referral:{referral[-12:]}") in heard


def test_a_page_on_which_nothing_can_change_needs_no_script(world: World) -> None:
    page = link_of(referral_in(world, Status.PAID)).get().content.decode()

    assert "<script" not in page
    assert "data-live" not in page


def queries(link: Link) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert link.get().status_code == 200
    return len([each for each in captured.captured_queries if not each["sql"].startswith(("BEGIN", "COMMIT"))])


def test_a_page_takes_as_many_queries_for_one_prompt_as_for_twenty(world: World) -> None:
    one, _ = world.prompted()
    many = world.waiting()
    for number in range(20):
        turn(world.ask(many, f"254708001{number:03}"), *FAILED, code="1032")

    assert queries(link_of(one)) == queries(link_of(many)) == 7


def test_the_story_tells_what_became_of_the_money(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *FAILED, code="2001")
    second = world.ask(referral)
    turn(second, *RINGING)
    call_back(second)
    number = value("SELECT number FROM receipt")
    page = link_of(referral).source()

    told = re.findall(r"</time> (.*?)</li>", page)

    assert told == [
        "The fee is paid.",
        f"M-Pesa says: the phone {MASKED} has paid.",
        f"{FEE} arrived. M-Pesa receipt {number}.",
        f"M-Pesa took the request for the phone {MASKED}.",
        f"The facility asked the phone {MASKED} for the money.",
        f"Nothing was paid from the phone {MASKED}. The M-Pesa PIN was wrong.",
        f"M-Pesa took the request for the phone {MASKED}.",
        f"The facility asked the phone {MASKED} for the money.",
        f"A fee of {FEE} was set.",
    ]


def test_every_move_of_money_is_told_or_left_out_on_purpose() -> None:
    known = {(machine.name, event) for machine in MACHINES for event in machine.events}

    assert set(words.MOVES) | words.UNTOLD == known
    assert not set(words.MOVES) & words.UNTOLD


def arrives(world: World, *, code: str, amount: str, number: str = "SKR1AB2CD3") -> None:
    """Somebody has paid by hand, and M-Pesa tells of it."""
    told = c2b_body(number, amount=amount, BillRefNumber=code, TransTime=daraja_timestamp(clock.now()))
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body) VALUES ('c2b', %(id)s, '127.0.0.1', true, %(body)s)",
        id=world.account.pk,
        body=json.dumps(told).encode(),
    )
    settle_inbox(HANDLERS)


def test_paid_by_hand_is_paid(world: World) -> None:
    referral = world.waiting()
    arrives(world, code=value("SELECT account_code FROM fee"), amount="1000.00")

    text = says(link_of(referral), "Paid. M-Pesa receipt SKR1AB2CD3.")

    assert "The fee is paid." in text
    assert f"{FEE} arrived. M-Pesa receipt SKR1AB2CD3." in text
    assert "is not counted yet" not in text


def test_money_that_waits_for_a_person_is_told(world: World) -> None:
    referral = world.waiting()
    arrives(world, code=value("SELECT account_code FROM fee"), amount="400.00")

    text = says(link_of(referral), f"We wait for your payment of {FEE}.")

    assert "KES 400 has arrived and is not counted yet." in text
    assert "KES 400 arrived. M-Pesa receipt SKR1AB2CD3." in text


def test_money_that_came_late_for_a_cancelled_referral_is_told(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *RINGING)
    world.move(referral, Status.CANCELLED, reason="moved away")
    call_back(prompt)

    text = says(link_of(referral), "This referral was cancelled.")

    assert f"{FEE} has arrived and is not counted yet." in text


def test_another_referrals_money_is_not_told(world: World) -> None:
    paid = referral_in(world, Status.PAID)
    number = value("SELECT number FROM receipt")

    assert number in link_of(paid).text()
    assert number not in link_of(world.waiting()).text()


def test_what_goes_back_of_another_referrals_part_is_not_told(world: World) -> None:
    """A mother pays for two children at once, and the second does not come."""
    first, second = world.waiting(), world.waiting()
    arrives(world, code="RENT", amount="2000.00")
    receipt = value("SELECT id FROM receipt")
    fees = [value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(each)) for each in (first, second)]

    def shares(tx: Tx) -> None:
        for fee in fees:
            unapplied.apply(tx, fee, [receipt], by=world.finance.user, hand_on=referrals.fees_paid)

    def gives_back(tx: Tx) -> None:
        phone, why = Phone(RINGS), "moved away"
        refund = refunds.propose(tx, receipt, fee=fees[1], amount=None, phone=phone, why=why, by=world.finance.user)
        refunds.approve(tx, refund, by=world.receiving_admin.user)

    unit(shares)
    world.move(second, Status.CANCELLED, reason="moved away")
    unit(gives_back)

    line = "Two people agreed to give KES 1,000 back."
    assert line in link_of(second).text()
    assert line not in link_of(first).text()


def test_a_withdrawn_prompt_is_told(world: World) -> None:
    referral, prompt = world.prompted()
    world.move(referral, Status.CANCELLED, reason="x")

    assert "The request was withdrawn before it was sent." in link_of(referral).text()
    assert value("SELECT event FROM prompt WHERE id = %(id)s", id=prompt) == PromptEvent.WITHDRAWN
