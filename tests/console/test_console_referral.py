"""The page of one referral: what each person is shown, what the forms do, and what is refused without a trace."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desks import Desk
from rufaa.db.atomic import look
from rufaa.facilities.queries import Actor
from rufaa.payments import queries as payments
from rufaa.referrals import queries
from rufaa.referrals.actions import allowed_actions
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import ReferralNotFound
from support import RINGS, World, call_back, execute, referral_in, rows, unchanged, use_otherwise, value

At = Callable[[Actor], Desk]
S = Status

# what draws which form
FORMS: Final = {
    "status:awaiting-biodata": {"approve"},
    "status:rejected": {"reject"},
    "status:pending-payment": {"ask"},
    "status:confirmed": {"confirm"},
    "status:completed": {"complete"},
    "status:cancelled": {"cancel"},
    "saveBiodata": {"particulars"},
    "updatePhoneNumbers": {"phones"},
    "triggerReferralPayment": {"prompt"},
    "retrySTKPush": {"prompt"},
    "proposeExemption": {"exempt"},
    "secondExemption": {"agree"},
}


def page_of(referral: str) -> str:
    return f"/referrals/{referral}/"


def drawn(html: str) -> set[str]:
    return set(re.findall(r'action="/referrals/\w+/(\w+)/"', html))


def lawful(actor: Actor, referral: str) -> set[str] | None:
    """What this person may do now; None: nothing, not even look."""

    def asked(tx: object) -> list[str]:
        seen = queries.see(tx, actor, referral)  # type: ignore[arg-type]
        fee = seen.referral.fee_id
        money = payments.summaries(tx, [fee])[fee] if fee else None  # type: ignore[arg-type]
        last = None if money is None or money.last is None else money.last.state
        by = None if money is None or money.proposal is None else money.proposal["by"]
        return allowed_actions(seen, actor=actor, last_prompt=last, proposal_by=by)

    try:
        return set(look(asked))
    except ReferralNotFound:
        return None


PEOPLE: Final = ("physician", "admin", "second_admin", "receiver", "receiving_admin", "finance", "operator", "stranger")


@pytest.mark.parametrize("priority", [Priority.ROUTINE, Priority.EMERGENCY])
@pytest.mark.parametrize("status", list(Status))
def test_a_page_draws_just_what_the_server_says_may_be_done(
    world: World, desk: At, status: Status, priority: Priority
) -> None:
    referral = referral_in(world, status, priority=priority)
    for name in PEOPLE:
        actor = getattr(world, name)
        answer, may = desk(actor).get(page_of(referral)), lawful(actor, referral)
        if may is None:
            assert answer.status_code == 404, name
            continue
        forms = drawn(answer.content.decode())
        if status in {S.PENDING_ADMIN, S.AWAITING_BIODATA} or "saveBiodata" not in may:
            may -= {"updatePhoneNumbers"}  # the particulars have both phones
        if row_has_no_fee(referral):
            may -= {"saveBiodata"}
        wanted = set().union(*(FORMS[each] for each in may))
        if actor is not world.finance:  # who sees more than the money may speak, in every status
            wanted |= {"say", "attach"}
        assert forms - {"code"} == wanted, (name, status)


def row_has_no_fee(referral: str) -> bool:
    return value("SELECT fee_id FROM referral WHERE id = %(id)s", id=uuid.UUID(referral)) is None


def test_an_administrator_approves_and_fills_in_the_particulars(world: World, desk: At) -> None:
    referral, admin = world.referral(), desk(world.admin)

    told = admin.does(page_of(referral) + "approve/", shown="pending-admin")
    assert "Approved." in told
    assert "Save and send the prompt" in told
    told = admin.does(
        page_of(referral) + "particulars/",
        shown="awaiting-biodata",
        patientPhone="0708 374 149",
        stkPhoneNumber="",
        patientDateOfBirth="1990-02-01",
    )

    assert "The particulars are saved. A prompt for 0708 374 149 is ordered;" in told
    assert world.status(referral) == "pending-payment"
    assert rows("SELECT phone, payer_phone, date_of_birth FROM particulars") == [
        {"phone": RINGS, "payer_phone": RINGS, "date_of_birth": "1990-02-01"}
    ]
    assert value("SELECT count(*) FROM prompt") == 1
    assert 'data-again="' in told


@pytest.mark.parametrize(
    ("language", "busy"), [("en", "This phone is busy"), ("sw", "Hakuna ombi lililotumwa: Simu hii")]
)
def test_a_prompt_that_a_busy_phone_stopped_is_no_success(world: World, desk: At, language: str, busy: str) -> None:
    world.prompted()
    referral, admin = referral_in(world, S.AWAITING_BIODATA), desk(world.admin)
    admin.client.cookies["django_language"] = language

    told = admin.does(page_of(referral) + "particulars/", shown="awaiting-biodata", patientPhone=RINGS)

    said = dict(re.findall(r'<p class="say (\w+)" role="status">([^<]*)</p>', told))
    assert set(said) == {"success", "wait"}
    assert busy in said["wait"]
    assert value("SELECT count(*) FROM prompt") == 1


@pytest.mark.parametrize(
    ("form", "status", "values", "code", "words"),
    [
        ("reject", S.PENDING_ADMIN, {"reason": " "}, 422, "Say why."),
        ("cancel", S.PENDING_PAYMENT, {"reason": ""}, 422, "Say why."),
        (
            "particulars",
            S.AWAITING_BIODATA,
            {"patientPhone": "12", "patientEmail": "jane@example.org", "bookedTime": "09:00"},
            422,
            "Patient&#x27;s phone is not a Kenyan mobile number",
        ),
        (
            "particulars",
            S.AWAITING_BIODATA,
            {"patientPhone": RINGS, "patientDateOfBirth": "1 May", "patientNationalId": "<b>7</b>"},
            422,
            "Date of birth is not a date",
        ),
        ("prompt", S.PENDING_PAYMENT, {"phoneNumber": "0208"}, 422, "not a Kenyan mobile number"),
        ("exempt", S.PENDING_PAYMENT, {"kind": "forget", "reason": "poor"}, 422, "Say whether to waive"),
        ("code", S.PENDING_PAYMENT, {"code": "HELLO"}, 422, "This is not the code of an M-Pesa message."),
        ("reject", S.PENDING_ADMIN, {"reason": "x" * 20_001}, 422, "20000 are allowed"),
        ("reject", S.PENDING_ADMIN, {"reason": "a\x00b"}, 422, "NUL"),
    ],
)
def test_what_is_refused_changes_nothing_and_keeps_what_was_typed(
    world: World, desk: At, form: str, status: Status, values: dict[str, str], code: int, words: str
) -> None:
    referral = referral_in(world, status)
    with unchanged():
        answer = desk(world.admin).post(f"{page_of(referral)}{form}/", shown=status, **values)

    html = answer.content.decode()
    assert answer.status_code == code
    assert words in html
    assert 'role="alert"' in html
    assert "hx-morph-skip" in html
    for typed in values.values():
        kept = typed.replace("<", "&lt;").replace(">", "&gt;")
        assert kept in html or typed in {"forget"}
    assert "<b>7</b>" not in html


def test_the_field_that_is_wrong_says_so(world: World, desk: At) -> None:
    referral = referral_in(world, S.AWAITING_BIODATA)

    html = (
        desk(world.admin).post(page_of(referral) + "particulars/", shown="awaiting-biodata", patientPhone="1").content
    )

    assert re.search(r'<input id="particulars-patientPhone"[^>]* aria-invalid="true"', html.decode())
    assert html.decode().count("aria-invalid") == 1


def test_a_stale_page_is_told_so_and_does_nothing(world: World, desk: At) -> None:
    """The administrator's page shows a referral to be paid; meanwhile it is paid, and to cancel it would cost more."""
    referral, prompt = world.prompted()
    call_back(prompt)

    with unchanged():
        answer = desk(world.admin).post(
            page_of(referral) + "cancel/", shown="pending-payment", reason="no longer needed"
        )

    assert answer.status_code == 409
    assert "has moved on since your page was drawn: it is “Paid” now. Nothing was done." in answer.content.decode()
    assert "no longer needed" in answer.content.decode()


@pytest.mark.parametrize("form", ["approve", "particulars", "phones", "prompt", "exempt", "agree", "code", "complete"])
def test_every_form_of_a_stale_page_does_nothing(world: World, desk: At, form: str) -> None:
    referral = referral_in(world, S.PAID)
    given = {"patientPhone": RINGS, "phoneNumber": RINGS, "kind": "waive", "reason": "so", "code": "TKN7A1B2C3"}

    with unchanged():
        answer = desk(world.admin).post(f"{page_of(referral)}{form}/", shown="pending-admin", **given)

    assert answer.status_code in {403, 409}
    assert 'role="alert"' in answer.content.decode()


def test_approving_twice_is_told_and_done_once(world: World, desk: At) -> None:
    referral = world.referral()
    desk(world.admin).does(page_of(referral) + "approve/", shown="pending-admin")

    with unchanged():
        told = desk(world.second_admin).does(page_of(referral) + "approve/", shown="pending-admin")

    assert "That was done already; nothing was done again." in told


def test_an_outcome_is_not_lost_where_another_was_faster(world: World, desk: At) -> None:
    referral = referral_in(world, S.COMPLETED)

    with unchanged():
        answer = desk(world.receiver).post(page_of(referral) + "complete/", shown="confirmed", reason="another outcome")

    assert answer.status_code == 409


def test_sending_twice_rings_once(world: World, desk: At) -> None:
    referral, admin = world.waiting(), desk(world.admin)
    sent = {"shown": "pending-payment", "phoneNumber": "0708374149"}

    assert "A prompt for 0708 374 149 is ordered" in admin.does(page_of(referral) + "prompt/", **sent)
    assert "nothing was sent again" in admin.does(page_of(referral) + "prompt/", **sent)

    assert value("SELECT count(*) FROM prompt") == 1


def test_a_prompt_that_failed_says_why_and_can_be_sent_again(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    call_back(prompt, code=1032)

    html = desk(world.admin).text(page_of(referral))

    assert "The request was cancelled on the phone." in html
    assert "Ask 0708 374 149 again" in html


def test_after_a_prompt_that_nobody_can_explain_a_reason_is_asked_for(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    execute("UPDATE prompt SET state = 'review', event = 'doubted' WHERE id = %(id)s", id=prompt)
    admin = desk(world.admin)

    assert "Why ask again" in admin.text(page_of(referral))
    answer = admin.post(page_of(referral) + "prompt/", shown="pending-payment", phoneNumber=RINGS)
    assert answer.status_code == 409
    told = admin.does(page_of(referral) + "prompt/", shown="pending-payment", phoneNumber=RINGS, reason="no money left")
    assert "on its way" in told


def test_of_a_prompt_whose_money_was_used_otherwise_the_page_says_so_and_wants_a_reason(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    use_otherwise(world, prompt)
    html = desk(world.admin).text(page_of(referral))

    assert "M-Pesa says that it was paid, and the money was used for something else; a person is looking." in html
    assert '<div class="said-of bad" role="status">' in html  # no green for a fee that is open
    assert "Why ask again" in html


def test_two_people_waive_a_fee(world: World, desk: At) -> None:
    referral, first, second = world.waiting(), desk(world.admin), desk(world.second_admin)

    told = first.does(page_of(referral) + "exempt/", shown="pending-payment", kind="waive", reason="she has nothing")
    assert "agree" not in drawn(told)
    assert "A second person has to agree." in told
    assert "agree" in drawn(second.text(page_of(referral)))
    with unchanged():
        other = second.post(page_of(referral) + "agree/", shown="pending-payment", kind="defer")
    assert other.status_code == 409
    second.does(page_of(referral) + "agree/", shown="pending-payment", kind="waive")

    assert world.fee_state(referral) == "waived"
    assert "To waive the fee was proposed." in second.text(page_of(referral))


def test_the_receiver_confirms_and_completes_and_the_doctor_reads_the_outcome(world: World, desk: At) -> None:
    referral, receiver = referral_in(world, S.PAID), desk(world.receiver)

    receiver.does(page_of(referral) + "confirm/", shown="paid")
    receiver.does(
        page_of(referral) + "complete/", shown="confirmed", reason="Plaster for six weeks.\nThen physiotherapy."
    )

    assert "Plaster for six weeks.\nThen physiotherapy." in desk(world.physician).text(page_of(referral))


def test_finance_sees_money_and_nothing_medical(world: World, desk: At) -> None:
    referral = referral_in(world, S.PAID)
    world.move(referral, S.CANCELLED, reason="the tumour was benign")

    html = desk(world.finance).text(page_of(referral))

    assert "KES 1,000.00" in html
    assert "Jane Wafula" in html
    for hidden in ("fracture", "Diagnosis", "benign", "0708 374 149", RINGS):
        assert hidden not in html, hidden


def test_what_happened_is_told_to_who_may_see_it(world: World, desk: At) -> None:
    referral = referral_in(world, S.COMPLETED)

    html = desk(world.physician).text(page_of(referral))

    told = re.findall(r"<div>([^<]+)</div>", html)
    assert "The referral was completed." in told
    assert told[-1] == "The referral was made."
    assert "Prompt 1 to 0708 374 149 was asked for." in told
    assert "The fee is paid." in told


@pytest.mark.parametrize(
    "wrong", ["0" * 32, uuid.UUID(int=7).hex, "1", "x" * 500, "%00", "..%2f", "%F0%9F%98%80", "-" * 64]
)
def test_ids_that_lead_nowhere(world: World, desk: At, wrong: str) -> None:
    assert desk(world.admin).get(page_of(wrong)).status_code == 404
    assert desk(world.admin).post(page_of(wrong) + "approve/", shown="pending-admin").status_code == 404


def test_a_form_is_no_link(world: World, desk: At) -> None:
    """Its address shows the page and changes nothing: a page that was refused there fetches itself again."""
    referral = world.referral()

    with unchanged():
        html = desk(world.admin).text(page_of(referral) + "approve/")

    assert "Jane Wafula" in html
    assert desk(world.admin).client.delete(page_of(referral) + "approve/").status_code == 405


def test_a_form_without_its_token_is_refused(world: World, desk: At) -> None:
    from django.test import Client  # noqa: PLC0415

    referral, own = world.referral(), Client(enforce_csrf_checks=True)
    own.cookies = desk(world.admin).client.cookies

    with unchanged():
        assert own.post(page_of(referral) + "approve/", {"shown": "pending-admin"}).status_code == 403


def test_a_page_has_the_same_number_of_queries_however_much_happened(world: World, desk: At) -> None:
    referral, prompt = world.prompted()
    call_back(prompt, code=1032)

    def asked() -> int:
        admin = desk(world.admin)
        with CaptureQueriesContext(connection) as captured:
            admin.text(page_of(referral))
        return len(captured)

    few = asked()
    for number in range(1, 20):
        call_back(world.ask(referral, f"25470800{1000 + number}"), code=1032)
    assert value("SELECT count(*) FROM prompt") == 20

    assert asked() == few
    assert few <= 19


def test_an_open_page_that_fetches_itself_takes_no_message_from_the_one_that_is_led_to(world: World, desk: At) -> None:
    """The commit that a form makes is heard by the page with the form, before the browser has followed the redirect."""
    admin, referral = desk(world.admin), world.referral()
    led = admin.post(page_of(referral) + "approve/", shown="pending-admin")
    assert led.status_code == 302

    fetched = admin.client.get(page_of(referral), headers={"hx-request": "true"}).content.decode()

    assert 'role="status"' not in fetched
    assert 'role="status"' in admin.text(led.headers["Location"])
    assert 'role="status"' not in admin.text(led.headers["Location"])
