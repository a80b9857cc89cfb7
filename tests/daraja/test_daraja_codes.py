"""ResultCodes: the table of daraja.md §11a, row by row."""

from __future__ import annotations

import pytest

from rufaa.daraja.codes import KNOWN_CODES, PAY_AGAIN_AFTER_S, Verdict, in_plain_words, verdict

TABLE = {
    "0": Verdict.PAID,
    "1": Verdict.UNPAID,
    "2": Verdict.UNPAID,
    "3": Verdict.UNPAID,
    "4": Verdict.UNPAID,
    "8": Verdict.UNPAID,
    "11": Verdict.UNPAID,
    "17": Verdict.UNCERTAIN,
    "26": Verdict.UNCERTAIN,
    "1001": Verdict.UNPAID,
    "1019": Verdict.UNPAID,
    "1025": Verdict.UNPAID,
    "1031": Verdict.UNPAID,
    "1032": Verdict.UNPAID,
    "1036": Verdict.UNPAID,
    "1037": Verdict.UNPAID,
    "2001": Verdict.UNPAID,
    "2026": Verdict.UNPAID,
    "2028": Verdict.UNPAID,
    "4999": Verdict.PROCESSING,
    "8006": Verdict.UNPAID,
    "9999": Verdict.UNPAID,
    "SFC_IC0003": Verdict.UNPAID,
    "BW-JMS-100039": Verdict.UNCERTAIN,
}


def test_the_table_is_complete() -> None:
    assert set(TABLE) == KNOWN_CODES


@pytest.mark.parametrize(("code", "expected"), TABLE.items())
def test_each_code_has_its_verdict(code: str, expected: Verdict) -> None:
    assert verdict(code) is expected


@pytest.mark.parametrize("code", ["", "00", "0.0", " 0", "-0", "٠", "1033", "35", "43", "sfc_ic0003", "500.001.1001"])
def test_anything_else_is_uncertain(code: str) -> None:
    assert verdict(code) is Verdict.UNCERTAIN


def test_only_zero_is_paid() -> None:
    assert {code for code in KNOWN_CODES if verdict(code) is Verdict.PAID} == {"0"}


@pytest.mark.parametrize("code", sorted(KNOWN_CODES))
def test_every_known_code_has_one_short_sentence(code: str) -> None:
    words = in_plain_words(code)
    assert words.endswith(".")
    assert words.count(".") == 1
    assert len(words) <= 110


def test_words_for_people() -> None:
    assert in_plain_words("1032") == "The request was cancelled on the phone."
    assert in_plain_words("2001") == "The M-Pesa PIN was wrong."


def test_an_unknown_code_is_said_honestly_and_shown_only_if_printable() -> None:
    unknown = "M-Pesa gave an answer that is not known here (code 77); this is being checked."
    assert in_plain_words("77") == unknown
    assert in_plain_words("<b>") == "M-Pesa gave an answer that is not known here; this is being checked."


def test_waits_before_another_prompt() -> None:
    assert {code: wait for code, wait in PAY_AGAIN_AFTER_S.items() if wait} == {"1001": 60, "17": 120}
    assert set(PAY_AGAIN_AFTER_S) == KNOWN_CODES
