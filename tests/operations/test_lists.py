"""Lists as PostgreSQL gets them: each value comes back as it was given, and what no array holds is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from django.db import DataError, connection, transaction

from support import rows


class Word(StrEnum):
    SHORT = "short"
    NULL = "NULL"


AN_ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
AN_INSTANT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_type", "given"),
    [
        ("uuid", [AN_ID, None, uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]),
        ("text", ["", "NULL", None, 'a "quoted" \\ one', "{a,b}", "Wanjikũ ☂ 𝟙", " ", "x" * 70_000]),
        ("bytea", [b"", b"\0\xff\xff\xff\xff", None, b'{"a":"\\u0000"}']),
        ("int8", [0, -1, None, 2**63 - 1, -(2**63)]),
        ("int4", [0, -1, None, 2**31 - 1, -(2**31)]),
        ("float8", [0.0, -1.5, None, 1e300, float("inf")]),
        ("bool", [True, False, None]),
        ("timestamptz", [AN_INSTANT, None]),
        ("int4[]", [[1, 2], [3, 4]]),
    ],
)
def test_values_come_back_as_they_were_given(database: str, as_type: str, given: list[Any]) -> None:
    (row,) = rows(f"SELECT %(given)s::{as_type}[] AS got, %(empty)s::{as_type}[] AS none", given=given, empty=[])

    assert row == {"got": given, "none": []}


def test_nothing_but_nulls_is_of_the_type_that_the_statement_says(database: str) -> None:
    assert rows("SELECT %(given)s::uuid[] AS got", given=[None, None]) == [{"got": [None, None]}]


def test_words_of_enumerations_are_texts_alone_and_among_others(database: str) -> None:
    (row,) = rows("SELECT %(words)s::text[] AS words, %(some)s::text[] AS some", words=[*Word], some=["a", Word.SHORT])

    assert row == {"words": ["short", "NULL"], "some": ["a", "short"]}


def test_an_instant_without_its_zone_is_refused(database: str) -> None:
    with pytest.raises(DataError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT %(given)s::timestamptz[]", {"given": [AN_INSTANT.replace(tzinfo=None)]})


def test_ids_as_text_are_taken_where_ids_are_wanted(database: str) -> None:
    assert rows("SELECT %(given)s::uuid[] AS got", given=[str(AN_ID)]) == [{"got": [AN_ID]}]


@pytest.mark.parametrize("given", [[2**63], ["a\0b"], [1, "a"], [True, 1]], ids=["too large", "NUL", "mixed", "truth"])
def test_what_no_array_holds_is_refused(database: str, given: list[Any]) -> None:
    with pytest.raises(DataError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT %(given)s::bigint[]" if type(given[0]) is int else "SELECT %(given)s::text[]", {"given": given}
        )
