"""Money is exact or refused; a phone has one form inside, however it was written."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.money import InvalidAmount, Money, reported_amount, stk_amount
from rufaa.phone import InvalidPhone, Phone, agrees, masked, parse

# --- money ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cents"),
    [(1, 100), (1000, 100_000), (250_000, 25_000_000), (1.0, 100), (1000.0, 100_000), (2.5e5, 25_000_000)],
)
def test_an_amount_that_can_be_asked_for(value: object, cents: int) -> None:
    assert stk_amount(value) == Money(cents)


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 0.5, 1000.5, 250_001, 10**30, 0.0, -0.0, 1e308, float("nan"), float("inf"), float("-inf")),
        *(True, False, None, "1000", "", b"1", [1], {}, Decimal(1), Money(100)),
    ],
    ids=repr,
)
def test_what_is_no_amount_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidAmount) as refused:
        stk_amount(value)

    assert refused.value.code == "invalid-amount"
    assert refused.value.data == {"argument": "amount", "minimum": 1, "maximum": 250_000}
    assert "from 1 to 250,000" in refused.value.message


def test_an_amount_of_ten_thousand_digits_is_refused_too() -> None:
    with pytest.raises(InvalidAmount):
        stk_amount(10**10_000)


def test_a_refusal_shows_a_long_value_shortened() -> None:
    with pytest.raises(InvalidAmount) as refused:
        stk_amount("9" * 5000)

    assert len(refused.value.message) < 150


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none()))
def test_an_amount_is_whole_and_within_the_limits_or_refused(value: object) -> None:
    try:
        amount = stk_amount(value)
    except InvalidAmount:
        return
    assert 1 <= amount.shillings <= 250_000
    assert amount.shillings == value


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        *((1, 100), (1.0, 100), ("1", 100), ("1.00", 100), (" 1.5 ", 150), ("1.50000", 150), (0, 0), ("0.01", 1)),
        *((0.1, 10), (1234.56, 123_456), (Decimal("1.10"), 110), ("007", 700), (999_999_999_999, 99_999_999_999_900)),
    ],
)
def test_an_amount_as_reports_write_it(value: object, cents: int) -> None:
    assert reported_amount(value) == Money(cents)


@pytest.mark.parametrize(
    "value",
    [
        *(-1, -0.0, "-1", "+1", "1e3", 1e16, "1,000", "1 000", "", " ", "1.", ".5", "1.005", 1.005, "0x10", "١"),
        *("1.00KES", float("nan"), float("inf"), "NaN", 10**12, 10**5000, "9" * 13, True, None, [], {}, b"1"),
        Decimal("NaN"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else f"int {value.bit_length()} bits",
)
def test_what_no_report_writes_is_no_amount(value: object) -> None:
    assert reported_amount(value) is None


@given(st.integers(0, 10**12 - 1), st.integers(0, 99), st.integers(0, 10))
def test_a_reported_amount_is_exact(shillings: int, cents: int, zeros: int) -> None:
    whole = Money(shillings * 100 + cents)

    assert reported_amount(f"{shillings}.{cents:02}{'0' * zeros}") == whole
    assert reported_amount(whole.decimal) == whole


@given(st.integers(-(10**15), 10**15))
def test_money_says_itself_exactly(cents: int) -> None:
    money = Money(cents)
    text = str(money).removeprefix("KES ").replace(",", "")

    assert Decimal(text) == money.decimal == Decimal(cents) / 100
    if cents % 100:
        with pytest.raises(ValueError, match="not a whole number"):
            _ = money.shillings
    else:
        assert Money.from_shillings(money.shillings) == money


@pytest.mark.parametrize("cents", [1.0, "1", True, None, Decimal(1)])
def test_money_is_never_made_of_anything_but_whole_cents(cents: object) -> None:
    with pytest.raises(TypeError, match="whole cents"):
        Money(cents)  # type: ignore[arg-type]


# --- phone ----------------------------------------------------------------------------------------------------------

subscribers = st.from_regex(r"[17][0-9]{8}", fullmatch=True)


@given(subscribers, st.sampled_from(["{0}", "0{0}", "254{0}", "+254{0}"]), st.data())
def test_every_way_to_write_a_phone_is_one_phone(subscriber: str, form: str, data: st.DataObject) -> None:
    written = form.format(subscriber)
    for _ in range(data.draw(st.integers(0, 5))):
        place = data.draw(st.integers(0, len(written)))
        written = (
            written[:place]
            + data.draw(st.sampled_from([" ", "-", ".", "(", ")", "\u00a0", "\u2011"]))
            + written[place:]
        )

    assert parse(written) == f"254{subscriber}"
    assert parse(parse(written)) == parse(written)


@pytest.mark.parametrize(
    "value",
    [
        *("", "0", "070837414", "07083741490", "254", "255708374149", "+255708374149", "0208374149", "0808374149"),
        *("2540708374149", "+0708374149", "0708374149x", "٠٧٠٨٣٧٤١٤٩", "０７０８３７４１４９", "0" * 41),
        *("0708\n374149 0708374149", 708374149, None, True, b"0708374149", ["0708374149"]),
    ],
    ids=repr,
)
def test_what_is_no_kenyan_mobile_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidPhone) as refused:
        parse(value, argument="stkPhoneNumber")

    assert refused.value.code == "invalid-phone"
    assert refused.value.data == {"argument": "stkPhoneNumber"}
    assert "0112345678 or 254712345678" in refused.value.message


def test_a_refusal_repeats_no_digits() -> None:
    with pytest.raises(InvalidPhone) as refused:
        parse("07083741")

    assert "07083741" not in refused.value.message


@given(st.text(max_size=50))
def test_a_phone_has_the_one_form_or_is_refused(text: str) -> None:
    try:
        phone = parse(text)
    except InvalidPhone:
        return
    assert len(phone) == 12
    assert phone.isascii()
    assert phone.startswith(("2547", "2541"))


PHONE = Phone("254708374149")


@pytest.mark.parametrize(
    ("shown", "can_be"),
    [
        ("254708374149", True),
        ("+254 708 374 149", True),
        ("0708374149", True),
        ("254708004149", False),
        ("254708***149", True),
        ("254708***140", False),
        ("254709***149", False),
        ("0708374***", True),
        ("0709374***", False),
        ("2547 ***** 149", True),
        ("2547 ***** 126", False),
        ("*********149", True),
        ("*********140", False),
        ("254708374149*", True),  # all digits, and a mask that hides none
        ("2547083741499*", False),
        ("***", True),  # what shows nothing contradicts nothing
        ("254*********", True),
        ("2***9", True),
        ("2***8", False),
        ("", False),
        ("Jane", False),
        ("254708*374*149", True),  # what stands between two masks is not read
        ("708374149", True),  # Pull leaves the 254 out
        ("708374140", False),
        ("7*******9", True),
        ("8*******9", False),
        ("1*******9", False),
        ("70837414", False),
    ],
)
def test_whether_a_number_as_it_is_shown_can_be_the_phone(shown: str, can_be: bool) -> None:
    assert agrees(shown, PHONE) is can_be


@pytest.mark.parametrize("spelling", ["254708374149", "+254708374149", "0708374149", "708374149"])
def test_a_hashed_number_agrees_with_its_phone_and_no_other(spelling: str) -> None:
    shown = hashlib.sha256(spelling.encode()).hexdigest()

    for written in (shown, shown.upper()):
        assert agrees(written, PHONE) is True
        assert agrees(written, Phone("254708001140")) is False
    assert agrees(shown[:-1], PHONE) is False
    assert agrees(shown[:-1] + ("0" if shown[-1] != "0" else "1"), PHONE) is False


@given(subscribers, subscribers, st.integers(0, 12), st.integers(0, 12))
def test_a_masked_number_agrees_with_whoever_has_its_digits(one: str, other: str, head: int, tail: int) -> None:
    mine, theirs = Phone(f"254{one}"), Phone(f"254{other}")
    shown = mine[:head] + "***" + mine[len(mine) - tail :]
    enough = head + tail <= 12

    assert agrees(shown, mine) is enough
    same = theirs[:head] == mine[:head] and theirs[len(theirs) - tail :] == mine[len(mine) - tail :]
    assert agrees(shown, theirs) is (enough and same)


@pytest.mark.parametrize(("phone", "shown"), [("254708374149", "254708***149"), ("12345678", "***"), ("", "***")])
def test_a_masked_phone_hides_its_middle(phone: str, shown: str) -> None:
    assert masked(phone) == shown
