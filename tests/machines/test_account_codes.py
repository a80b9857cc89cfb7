"""What a payer types as account reference, read back: no wrong code is taken for right, and one slip is healed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rufaa.ids import ACCOUNT_CODE_ALPHABET, ACCOUNT_CODE_LENGTH, check_character, is_account_code
from rufaa.payments.account_codes import LOOK_ALIKES, MOST_NEAR, near, read

CODE = "5K2MWTA" + check_character("5K2MWTA")
LETTERS = st.sampled_from(ACCOUNT_CODE_ALPHABET)


@st.composite
def codes(draw: st.DrawFn) -> str:
    body = "".join(draw(st.lists(LETTERS, min_size=7, max_size=7)))
    return body + check_character(body)


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        f"  {CODE[:4]} {CODE[4:]} ",
        f"{CODE[:4]}-{CODE[4:]}",
        f"{CODE[:2]}.{CODE[2:4]}\u2013{CODE[4:]}.",
        CODE.replace("5", "S").replace("2", "Z"),
        CODE.replace("5", "s").replace("2", "z").lower(),
    ],
)
def test_a_code_is_read_however_it_was_typed(typed: str) -> None:
    assert read(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "-", CODE[:-1], CODE + CODE[0], "O" + CODE[1:], "account", "Jane Wanjiku", "0708374149"),
        *("254708374149", CODE + " " * 40, "\u0665" + CODE[1:], "ß" * 4, "\x00" * 8),
    ],
)
def test_what_is_no_code_is_not_read(typed: str) -> None:
    assert read(typed) is None


@pytest.mark.parametrize(
    "typed", ["", "account", "Jane Wanjiku", "OO" + CODE[2:], "0" + CODE[2:], CODE[:6], CODE + "22"]
)
def test_nothing_is_near_the_hopeless(typed: str) -> None:
    assert near(typed) == frozenset()


def test_only_what_looks_like_one_letter_of_the_alphabet_is_mapped() -> None:
    assert LOOK_ALIKES == {"S": "5", "Z": "2"}
    assert not set(LOOK_ALIKES) & set(ACCOUNT_CODE_ALPHABET)
    assert set(LOOK_ALIKES.values()) <= set(ACCOUNT_CODE_ALPHABET)


@given(codes(), st.integers(0, 7), LETTERS)
def test_one_wrong_letter_is_noticed_and_healed(code: str, place: int, letter: str) -> None:
    typed = code[:place] + letter + code[place + 1 :]

    assert read(typed) == (code if typed == code else None)
    assert typed == code or code in near(typed)


@given(codes(), st.integers(0, 7), st.sampled_from("0O1ILQDB8UV?!é"))
def test_a_letter_that_no_code_has_is_healed_to_one_code(code: str, place: int, letter: str) -> None:
    assert near(code[:place] + letter + code[place + 1 :]) == {code}


@given(codes(), st.integers(0, 6))
def test_two_swapped_letters_are_noticed_and_healed(code: str, place: int) -> None:
    typed = code[:place] + code[place + 1] + code[place] + code[place + 2 :]

    assert typed == code or (read(typed) is None and code in near(typed))


@given(codes(), st.integers(0, 7))
def test_a_missing_letter_is_healed(code: str, place: int) -> None:
    assert code in near(code[:place] + code[place + 1 :])


@given(codes(), st.integers(0, 8), st.sampled_from(ACCOUNT_CODE_ALPHABET + "O0?"))
def test_a_letter_too_many_is_healed(code: str, place: int, letter: str) -> None:
    assert code in near(code[:place] + letter + code[place:])


@given(codes())
def test_no_right_code_is_near_a_right_code(code: str) -> None:
    assert near(code) == frozenset()


@given(st.one_of(st.text(max_size=12), st.text(ACCOUNT_CODE_ALPHABET, min_size=6, max_size=10)))
def test_whatever_is_typed_is_answered_by_a_few_right_codes(typed: str) -> None:
    found = near(typed)

    assert len(found) <= MOST_NEAR
    assert all(is_account_code(code) and len(code) == ACCOUNT_CODE_LENGTH for code in found)
    assert read(typed) is None or is_account_code(read(typed) or "")
