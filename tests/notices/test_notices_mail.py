"""E-mail to the doctor, over SMTP to a server that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.test import override_settings

from notices.ground import PUBLIC, notices, tells
from notices.post_office import PostOffice, post_office
from rufaa.daraja.client import new_session
from rufaa.db.aside import Aside
from rufaa.notices.gateways import gateways
from rufaa.notices.sending import SAME_AGAIN_S, TRY_AGAIN_S, Notices
from rufaa.referrals.machine import Status
from support import World, advance, execute, referral_in


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with (
        post_office() as running,
        override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=running.port,
            EMAIL_USE_TLS=False,
            EMAIL_USE_SSL=False,
            EMAIL_TIMEOUT=5,
            DEFAULT_FROM_EMAIL="rufaa@uhuru.example",
        ),
    ):
        yield running


def completed(world: World) -> str:
    tells(world)
    execute("UPDATE rufaa_user SET email = 'wanjiru@uhuru.example' WHERE username = 'physician'")
    referral = referral_in(world, Status.CONFIRMED)
    world.move(referral, Status.COMPLETED, by=world.receiver, reason="the fracture healed")
    return referral


def send() -> None:
    async def go() -> None:
        aside = Aside(threads=2, name="notices")
        try:
            async with new_session() as session:
                found = gateways(session, aside, sms=None, mail_host="rufaa.example.org")
                while await Notices(found, aside, public_url=PUBLIC).round() == 0.0:
                    pass
        finally:
            aside.close()

    asyncio.run(go())


def outcome(referral: str) -> tuple[str, str]:
    (row,) = [row for row in notices(referral) if row["kind"] == "outcome"]
    return row["state"], row["reason"]


def test_the_doctor_is_told_where_the_outcome_is_and_not_what(world: World, office: PostOffice) -> None:
    referral = completed(world)

    send()

    (letter,) = office.taken
    assert (letter["To"], letter["From"]) == ("wanjiru@uhuru.example", "rufaa@uhuru.example")
    assert letter["Subject"].startswith("Outcome of referral ")
    assert letter["Message-ID"].endswith("-1@rufaa.example.org>")
    body = letter.get_payload()
    assert f"{PUBLIC}/referrals/{referral}/" in body
    for secret in ("fracture", "Jane", "healed"):
        assert secret not in letter.as_string()
    assert outcome(referral) == ("sent", "")


def test_a_server_that_takes_it_and_says_nothing_gets_the_same_letter(world: World, office: PostOffice) -> None:
    referral = completed(world)
    office.wrong["TAKE"] = ""
    send()
    assert outcome(referral) == ("due", "SMTPServerDisconnected")

    office.wrong.clear()
    advance(SAME_AGAIN_S + 1)
    send()

    assert outcome(referral) == ("sent", "")
    assert len({letter["Message-ID"] for letter in office.taken}) == 1
    assert len({letter.get_payload() for letter in office.taken}) == 1


@pytest.mark.parametrize(
    ("command", "answer", "state"),
    [
        ("RCPT", "451 greylisted, come back", "due"),
        ("RCPT", "550 nobody here", "failed"),
        ("MAIL", "421 busy", "due"),
        ("DATA", "451 later", "due"),
        ("DATA", "554 spam", "failed"),
    ],
)
def test_a_no_is_for_now_or_for_ever(world: World, office: PostOffice, command: str, answer: str, state: str) -> None:
    referral = completed(world)
    office.wrong[command] = answer
    send()
    assert outcome(referral)[0] == state
    assert office.taken == []

    office.wrong.clear()
    advance(TRY_AGAIN_S[0] + 1)
    send()
    assert outcome(referral)[0] == ("sent" if state == "due" else "failed")


def test_a_doctor_without_an_address_is_told_by_the_page_alone(world: World, office: PostOffice) -> None:
    referral = completed(world)
    execute("UPDATE rufaa_user SET email = ''")

    send()

    assert outcome(referral) == ("dropped", "no-address")
    assert office.taken == []
