"""What messages say, how long they are, and when one is sent: without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.clock import EAT
from rufaa.errors import InvalidArgument
from rufaa.money import Money
from rufaa.notices import gsm, plan, texts
from rufaa.notices.gateways import Lost, NotTaken, Outcome, Refused, Taken, classify
from rufaa.notices.machine import MANNERS, Channel, Kind
from rufaa.notices.plan import Drop, Facts, Send, Wait, Why

NOW: Final = datetime(2026, 3, 2, 12, 0, tzinfo=EAT)
BOTH: Final = frozenset(Channel)


# --- lengths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "units", "parts", "plain"),
    [
        ("", 0, 1, True),
        ("a" * 160, 160, 1, True),
        ("a" * 161, 161, 2, True),
        ("a" * 306, 306, 2, True),
        ("a" * 307, 307, 3, True),
        ("€" * 80, 160, 1, True),
        ("€" * 81, 162, 2, True),
        ("a" * 152 + "€" + "a" * 152, 306, 3, True),  # the sign is not torn: 152, 154, 2
        ("Ñandú" + "a" * 66, 71, 2, False),  # ú is not in the alphabet
        ("ú" + "a" * 69, 70, 1, False),
        ("😀" * 35, 70, 1, False),
        ("😀" * 36, 72, 2, False),
    ],
)
def test_how_long_a_message_is(text: str, units: int, parts: int, plain: bool) -> None:
    assert gsm.length(text) == gsm.Length(units, parts, plain)


def test_what_makes_a_message_long_is_named() -> None:
    assert gsm.odd("Ngũgĩ, Ngũgĩ’s €") == "ũĩ’"


@given(st.text(max_size=700))
def test_parts_hold_what_there_is_and_no_fewer_would(text: str) -> None:
    text = "".join(each for each in text if not 0xD800 <= ord(each) <= 0xDFFF)
    length = gsm.length(text)
    alone, each = (160, 153) if length.plain else (70, 67)

    assert length.parts == 1 if length.units <= alone else length.units <= length.parts * each
    assert length.parts == 1 or length.units > (length.parts - 1) * (each - 1) or length.units > alone
    assert length.room >= 0


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
def test_our_own_words_fit_into_one_message(language: str, kind: Kind) -> None:
    own = texts.DEFAULTS[language][kind]

    assert texts.check(kind, own) == own
    seen = texts.preview(own)
    assert (seen.length.parts, seen.odd) == (1, "")
    assert "{" not in seen.text


def test_every_field_has_a_sample_and_none_tells_who_is_ill_of_what() -> None:
    fields = set().union(*(manner.fields for manner in MANNERS.values()))

    assert fields == set(texts.SAMPLE)
    assert not fields & {"name", "patient", "diagnosis", "reason", "outcome", "phone"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "says something"),
        ("  ", "says something"),
        ("Hello {name}", "no field {name}"),
        ("Hello {receipt}", "no field {receipt}"),  # of another message
        ("Hello {code", "no other"),
        ("Hello {}", "no field {}"),
        ("Hello {code:>9}", "no field"),
        ("Hello {{code}}", "no other"),
        ("a" * 460, "shorten"),
        ("{link}" * 12, "shorten"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused_with_what_it_may_have(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says) as refused:
        texts.check(Kind.RECEIVED, text)

    assert refused.value.data["argument"] == "text"
    if "field" in says or "other" in says:
        assert "{code}, {facility}, {link}" in refused.value.message


def test_a_template_is_one_line() -> None:
    assert texts.check(Kind.RECEIVED, " Go to\n {facility} ") == "Go to {facility}"


def test_days_are_kenyas_in_both_languages() -> None:
    late = datetime(2026, 12, 2, 22, 30, tzinfo=EAT)

    assert texts.when(late, "en") == "Wed 2 Dec, 22:30"
    assert texts.when(late.astimezone(tz=None), "sw") == "Jumatano 2 Des, 22:30"


# --- what is done -----------------------------------------------------------------------------------------------------


def facts(kind: Kind = Kind.RECEIVED, **other: Any) -> Facts:
    usual = Facts(
        kind=kind,
        due_at=NOW,
        code="7K2M9ACE",
        token="0" * 32,
        referral="1" * 32,
        facility="Tumaini",
        payee="Tumaini",
        phone="254708000321",
        email="doctor@example.org",
        mode="unless-refused",
        language="en",
        quiet_from=time(21),
        quiet_until=time(7),
        template=None,
        wants=None,
        silent=False,
        referral_is_over=False,
        fee_is_settled=False,
        prompt_is_live=kind is Kind.RINGING,
        amount=Money.from_shillings(1000),
        receipt_number="TKN4AB12CD",
        short_code="174379",
        till="",
        appointment="lapsed" if kind is Kind.CHOOSE else "booked",
        starts_at=NOW + timedelta(days=1),
    )
    return replace(usual, **other)


def done(about: Facts, *, now: datetime = NOW, channels: frozenset[Channel] = BOTH) -> plan.Step:
    return plan.step(about, now=now, public_url="https://rufaa.example.org", channels=channels)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_so_is_sent(kind: Kind) -> None:
    told = done(facts(kind))

    assert isinstance(told, Send)
    assert told.to == ("doctor@example.org" if kind is Kind.OUTCOME else "254708000321")
    assert "7K2M9ACE" in told.text
    assert bool(told.subject) == (kind is Kind.OUTCOME)


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (Kind.RECEIVED, {"referral_is_over": True}),
        (Kind.RINGING, {"prompt_is_live": False}),
        (Kind.RINGING, {"fee_is_settled": True}),
        (Kind.NOT_PAID, {"prompt_is_live": True}),  # another one rings
        (Kind.NOT_PAID, {"fee_is_settled": True}),
        (Kind.NOT_PAID, {"referral_is_over": True}),
        *((kind, {"appointment": "cancelled"}) for kind in (Kind.BOOKED, Kind.MOVED, Kind.REMINDER)),
        *((kind, {"appointment": "moved"}) for kind in (Kind.BOOKED, Kind.MOVED, Kind.REMINDER)),
        *((kind, {"starts_at": NOW}) for kind in (Kind.BOOKED, Kind.MOVED, Kind.REMINDER, Kind.CANCELLED)),
        (Kind.CHOOSE, {"appointment": "booked"}),
        (Kind.CHOOSE, {"referral_is_over": True}),
    ],
)
def test_what_is_no_longer_so_is_not_told(kind: Kind, other: dict[str, Any]) -> None:
    assert done(facts(kind, **other)) == Drop(Why.NOT_SO)


@pytest.mark.parametrize("kind", Kind)
def test_what_is_too_old_to_be_worth_it_is_not_told(kind: Kind) -> None:
    last = NOW + MANNERS[kind].good_for
    always = facts(kind, starts_at=NOW + timedelta(days=30), quiet_from=time(0), quiet_until=time(0))

    assert isinstance(done(always, now=last), Send)
    assert done(always, now=last + timedelta(seconds=1)) == Drop(Why.STALE)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"mode": "off"}, Why.SWITCHED_OFF),
        ({"silent": True}, Why.SWITCHED_OFF),
        ({"wants": False}, Why.UNWANTED),
        ({"wants": False, "mode": "with-consent"}, Why.UNWANTED),
        ({"mode": "with-consent"}, Why.NO_CONSENT),
    ],
)
def test_who_is_not_told(other: dict[str, Any], why: Why) -> None:
    assert done(facts(**other)) == Drop(why)


def test_with_consent_a_yes_is_needed_and_is_enough() -> None:
    assert isinstance(done(facts(mode="with-consent", wants=True)), Send)


def test_a_doctor_without_an_address_is_not_waited_for_and_a_patient_without_a_phone_is() -> None:
    assert done(facts(Kind.OUTCOME, email="")) == Drop(Why.NO_ADDRESS)
    assert done(facts(phone="")) == Wait(None)
    assert done(facts(), channels=frozenset({Channel.EMAIL})) == Drop(Why.NO_GATEWAY)
    assert isinstance(done(facts(Kind.OUTCOME, wants=False)), Send)  # what a phone wants says nothing of e-mail


@pytest.mark.parametrize(
    ("at", "begins", "ends", "until"),
    [
        ("20:59", "21:00", "07:00", None),
        ("21:00", "21:00", "07:00", "3 07:00"),
        ("23:59", "21:00", "07:00", "3 07:00"),
        ("00:00", "21:00", "07:00", "2 07:00"),
        ("06:59", "21:00", "07:00", "2 07:00"),
        ("07:00", "21:00", "07:00", None),
        ("13:30", "13:00", "14:00", "2 14:00"),
        ("14:00", "13:00", "14:00", None),
        ("12:59", "13:00", "14:00", None),
        ("03:00", "00:00", "00:00", None),
        ("03:00", "09:00", "09:00", None),
    ],
)
def test_quiet_hours(at: str, begins: str, ends: str, until: str | None) -> None:
    now = datetime.combine(NOW.date(), time.fromisoformat(at), tzinfo=EAT)

    over = plan.quiet_until(now, time.fromisoformat(begins), time.fromisoformat(ends))

    assert (None if over is None else f"{over.day} {over:%H:%M}") == until


def test_a_till_is_paid_without_a_code() -> None:
    told = done(facts(Kind.NOT_PAID, till="5550001"))

    assert isinstance(told, Send)
    assert told.text.endswith("Or Buy Goods, Till 5550001.")


def test_a_facilitys_own_words_are_taken() -> None:
    told = done(facts(template="Karibu {facility}: {link}"))

    assert told == Send("254708000321", f"Karibu Tumaini: https://rufaa.example.org/r/{'0' * 32}", 1)


# --- answers of Africa's Talking --------------------------------------------------------------------------------------


def recipient(code: int, status: str = "Said", **more: object) -> bytes:
    import json  # noqa: PLC0415

    told = {"statusCode": code, "status": status, "number": "+254708000321", "messageId": "ATXid_1", **more}
    return json.dumps({"SMSMessageData": {"Message": "", "Recipients": [told]}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (201, recipient(100, cost="KES 0.8", messageParts=2), Taken("ATXid_1", 2, "KES 0.8")),
        (201, recipient(101), Taken("ATXid_1", 0)),
        (200, recipient(102), Taken("ATXid_1", 0)),
        (201, recipient(101, messageId="None"), Taken(None, 0)),
        (201, recipient(101, messageParts=True), Taken("ATXid_1", 1)),
        (201, recipient(401, "RiskHold"), Refused("RiskHold")),
        (201, recipient(402, "InvalidSenderId"), Refused("InvalidSenderId")),
        (201, recipient(403, "InvalidPhoneNumber"), Refused("InvalidPhoneNumber")),
        (201, recipient(404, "UnsupportedNumberType"), Refused("UnsupportedNumberType")),
        (201, recipient(405, "InsufficientBalance"), NotTaken("no-credit", 600.0)),
        (201, recipient(406, "UserInBlacklist"), Refused("UserInBlacklist", unwanted=True)),
        (201, recipient(407, "CouldNotRoute"), Refused("CouldNotRoute")),
        (201, recipient(409, "DoNotDisturbRejection"), Refused("DoNotDisturbRejection", unwanted=True)),
        (201, recipient(500, "InternalServerError"), NotTaken("InternalServerError")),
        (201, recipient(501, "GatewayError"), NotTaken("GatewayError")),
        (201, recipient(502, "RejectedByGateway"), Refused("RejectedByGateway")),
        (201, recipient(999, ""), Refused("status-999")),
        (201, b'{"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}', Refused("InvalidSenderId")),
        (201, b"<html>", Lost("unreadable-answer")),
        (201, b"[]", Lost("unreadable-answer")),
        (201, b'{"SMSMessageData": {"Recipients": ["x"]}}', Lost("unreadable-answer")),
        (401, b"", NotTaken("key-refused", 600.0)),
        (429, b"", NotTaken("throttled", 60.0)),
        (400, b"", Refused("http-400")),
        (500, b"", Lost("http-500")),
        (502, recipient(101), Lost("http-502")),
        (302, b"", Lost("http-302")),
    ],
)
def test_what_africas_talking_says(status: int, body: bytes, outcome: Outcome) -> None:
    assert classify(status, body) == outcome
