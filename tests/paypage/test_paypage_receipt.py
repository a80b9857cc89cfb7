"""The receipt: one page of PDF, once M-Pesa's number is known; the amount in words in both languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from drawn import drawn
from paypage.links import RINGING, link_of, turn
from rufaa.money import Money
from rufaa.payments.passage import Paid
from rufaa.paypage import receipt
from rufaa.paypage.amounts import LARGEST, in_words
from rufaa.paypage.receipt import Receipt
from rufaa.referrals.machine import Status
from support import World, call_back, execute, referral_in, value


def made(**more: object) -> Receipt:
    values: dict[str, object] = {
        "payee": "Tumaini Referral Hospital",
        "name": "Jane W.",
        "account_code": "7YRP2G7R",
        "amount": Money(100_000),
        "paid": [Paid("SKR1AB2CD3", datetime(2026, 11, 28, 18, 34, tzinfo=UTC), Money(100_000))],
    }
    return Receipt(**{**values, **more})  # type: ignore[arg-type]


def test_a_paid_fee_has_a_receipt(world: World) -> None:
    referral, prompt = world.prompted()
    turn(prompt, *RINGING)
    call_back(prompt)
    link = link_of(referral)
    number, code = value("SELECT number FROM receipt"), value("SELECT account_code FROM referral")

    answer = link.client.get(f"{link.path}/receipt.pdf")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'attachment; filename="rufaa-{code}.pdf"'
    assert answer["Cache-Control"] == "no-store"
    text = drawn(answer.content)
    for line in ("KES 1,000", "One thousand shillings", number, code, "Tumaini Referral Hospital", "Jane W."):
        assert line in text
    assert not [line for line in text if "Wafula" in line or "fracture" in line or "Uhuru" in line]


@pytest.mark.parametrize("status", [Status.PENDING_ADMIN, Status.PENDING_PAYMENT, Status.CANCELLED])
def test_where_nothing_is_paid_there_is_none(world: World, status: Status) -> None:
    link = link_of(referral_in(world, status))

    answer = link.client.get(f"{link.path}/receipt.pdf")

    assert (answer.status_code, answer["Location"]) == (302, link.path)
    assert "receipt.pdf" not in link.get().content.decode()


def test_before_the_number_is_known_there_is_none(world: World) -> None:
    link = link_of(referral_in(world, Status.PAID))
    execute("ALTER TABLE receipt DISABLE TRIGGER USER")
    execute("UPDATE receipt SET number = NULL")
    execute("ALTER TABLE receipt ENABLE TRIGGER USER")

    page = link.get().content.decode()

    assert "<h1>Paid. The M-Pesa receipt number follows.</h1>" in page
    assert "receipt.pdf" not in page
    assert "data-live" in page  # the number is still to come
    assert link.client.get(f"{link.path}/receipt.pdf").status_code == 302


def test_it_speaks_the_patients_language(world: World) -> None:
    link = link_of(referral_in(world, Status.PAID))

    text = drawn(link.client.get(f"{link.path}/receipt.pdf?lang=sw").content)

    assert "Risiti" in text
    assert "Shilingi elfu moja" in text


def test_it_is_one_page_and_the_same_each_time() -> None:
    first = receipt.pdf(made())

    assert receipt.pdf(made()) == first
    assert len(re.findall(rb"/Type /Page\b", first)) == 1
    assert len(first) < 4000
    assert "28 November 2026, 21:34" in drawn(first)


def test_several_payments_are_each_named_with_their_share() -> None:
    at = datetime(2026, 11, 28, 9, tzinfo=UTC)
    paid = [Paid("SKR1AB2CD3", at, Money(60_000)), Paid("SKR9ZZ2CD3", at, Money(40_000))]

    text = drawn(receipt.pdf(made(paid=paid)))

    assert "SKR1AB2CD3 (KES 600)" in text
    assert "SKR9ZZ2CD3 (KES 400)" in text


@pytest.mark.parametrize(
    "payee", ["A" * 400, "Ĥospitalo \u202e مستشفى 医院", "x \x00 y", "(brackets) \\ and / slashes", ""]
)
def test_strange_names_are_drawn_as_well_as_can_be(payee: str) -> None:
    assert len(re.findall(rb"/Type /Page\b", receipt.pdf(made(payee=payee)))) == 1


def test_cents_are_told_in_figures_alone() -> None:
    text = drawn(receipt.pdf(made(amount=Money(100_050))))

    assert "KES 1,000.50" in text
    assert not [line for line in text if "shillings" in line]


@pytest.mark.parametrize(
    ("number", "english", "swahili"),
    [
        (0, "zero", "sifuri"),
        (1, "one", "moja"),
        (10, "ten", "kumi"),
        (15, "fifteen", "kumi na tano"),
        (20, "twenty", "ishirini"),
        (99, "ninety-nine", "tisini na tisa"),
        (100, "one hundred", "mia moja"),
        (105, "one hundred and five", "mia moja na tano"),
        (250, "two hundred and fifty", "mia mbili na hamsini"),
        (999, "nine hundred and ninety-nine", "mia tisa na tisini na tisa"),
        (1000, "one thousand", "elfu moja"),
        (1005, "one thousand and five", "elfu moja na tano"),
        (1500, "one thousand five hundred", "elfu moja na mia tano"),
        (1250, "one thousand two hundred and fifty", "elfu moja, mia mbili na hamsini"),
        (12_345, "twelve thousand three hundred and forty-five", "elfu kumi na mbili, mia tatu na arobaini na tano"),
        (10_005, "ten thousand and five", "elfu kumi, na tano"),
        (15_000, "fifteen thousand", "elfu kumi na tano"),
        (250_000, "two hundred and fifty thousand", "elfu mia mbili na hamsini"),
    ],
)
def test_amounts_in_words(number: int, english: str, swahili: str) -> None:
    assert in_words(number, "en") == english
    assert in_words(number, "sw") == swahili


def test_all_amounts_have_words_of_their_own() -> None:
    for language in ("en", "sw"):
        assert len({in_words(number, language) for number in range(120_000)}) == 120_000


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_other_amounts_have_none(number: int) -> None:
    with pytest.raises(ValueError, match="is not from 0 to"):
        in_words(number, "en")
