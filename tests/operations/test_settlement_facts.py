"""What settlement reads of other prompts, so that of two that were paid each gets its own money."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from operations.law_ground import CENTS, Town, town
from rufaa.payments import arrivals, settle
from rufaa.payments.paid_when import CLOCKS_ALIKE, LATEST

PHONE: Final = "254708374149"
SENT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def prompt(sql: Town, fee: uuid.UUID, minute: int | None, **other: object) -> uuid.UUID:
    """A prompt that failed and was sent then; None: it never was."""
    sent_at = SENT + timedelta(minutes=minute) if minute is not None else None
    return sql.prompt(fee, **({"state": "unpaid", "payer_phone": PHONE, "sent_at": sent_at} | other))


def others(sql: Town, fee: uuid.UUID) -> None:
    """Prompts whose money can be told apart."""
    prompt(sql, fee, 5, payer_phone="254708000000")
    prompt(sql, sql.fee(), 5)


def test_the_siblings_of_a_prompt_are_those_whose_money_could_be_taken_for_its_own(sql: Town) -> None:
    fee = sql.fee()
    one, unpaid, awaits, numbered = (prompt(sql, fee, minute) for minute in (0, 1, 2, 3))
    first, second = sql.receipt(awaits), sql.receipt(numbered, number="UCB7XY0001")
    sql.evidence(numbered, receipt_number="UCB7XY0001", verdict="ask")  # by somebody who was not believed
    unsent = prompt(sql, fee, None)
    told = prompt(sql, fee, 6)
    third = sql.receipt(told, number="UCB7XY0002")
    sql.evidence(told, receipt_number="UCB7XY0002")
    others(sql, fee)

    found = sql.rows(settle._SQL["siblings"], prompts=[one])

    expected: list[tuple[Any, ...]] = [
        (unpaid, SENT + timedelta(minutes=1), None, False, False),
        (awaits, SENT + timedelta(minutes=2), first, True, False),
        (numbered, SENT + timedelta(minutes=3), second, False, True),
        (told, SENT + timedelta(minutes=6), third, False, False),  # by its own callback
        (unsent, None, None, False, False),
    ]
    columns = "id", "sent_at", "receipt", "awaits_number", "number_from_arrival"
    assert sorted(tuple(row[name] for name in columns) for row in found) == sorted(expected)
    assert {row["of"] for row in found} == {one}


def test_a_number_that_is_awaited_can_have_been_taken_by_a_prompt_whose_number_only_an_arrival_told(sql: Town) -> None:
    fee = sql.fee(account_code="2345677A")
    awaits, numbered, told = (prompt(sql, fee, minute) for minute in (0, 1, 2))
    receipt = sql.receipt(awaits)
    sql.receipt(numbered, number="UCB7XY0001")
    sql.evidence(numbered, receipt_number="UCB7XY0001", verdict="ask")  # by somebody who was not believed
    sql.receipt(told, number="UCB7XY0002")
    sql.evidence(told, receipt_number="UCB7XY0002")
    prompt(sql, fee, 3)
    prompt(sql, fee, None)
    others(sql, fee)

    (by_code,) = sql.rows(arrivals._SQL["lock_awaiting"], codes=["2345677A"], accounts=[], amounts=[])
    (by_sum,) = sql.rows(arrivals._SQL["lock_awaiting"], codes=[], accounts=[sql.account], amounts=[CENTS])

    assert by_code == by_sum
    assert (by_code["id"], by_code["sent_at"]) == (receipt, SENT)
    assert by_code["exchanged"] == [SENT + timedelta(minutes=1)]


@pytest.mark.parametrize(
    ("after", "its"),
    [
        (-CLOCKS_ALIKE - SECOND, False),
        (-CLOCKS_ALIKE, True),
        (LATEST, True),
        (LATEST + SECOND, False),
    ],
)
def test_money_that_pays_a_fee_can_be_of_a_prompt_of_that_fee_by_its_time(
    sql: Town, after: timedelta, its: bool
) -> None:
    fee, other = sql.fee(), sql.fee()
    prompt(sql, fee, 0)
    prompt(sql, other, 0, payer_phone="254708000000")
    receipt = sql.receipt(number="UCB7XY0001", paid_at=SENT + after)
    sql.application(receipt, fee)

    found = sql.rows(settle._SQL["applications"], receipts=[receipt], before=CLOCKS_ALIKE, after=LATEST)

    assert found == [{"receipt_id": receipt, "fee_id": fee, "has_prompt": its}]
