"""Ids, receipts, callbacks and words have the forms that were seen in real traffic."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import callbacks, codes, words
from rufaa.simulator.chance import Chance
from rufaa.simulator.config import Rate
from rufaa.simulator.plans import PhoneForm
from rufaa.simulator.rates import SpikeArrest
from rufaa.simulator.state import Prompt, State

AT = datetime(2026, 11, 23, 6, 12, 7, 45_999, tzinfo=UTC)  # 9:12:07 in Nairobi
PHONE = Phone("254708374149")
MERCHANT_ID = re.compile(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[0-9]{2,12}")
PAID = Prompt(
    checkout_request_id="ws_CO_23112026091207045708374149",
    merchant_request_id="847c-4573-85db-96a68dacad1991145870",
    short_code="174379",
    phone=PHONE,
    payer=PHONE,
    amount=Money(100_000),
    account_reference="ABC123",
    text="",
    callback_url="",
    created_at=AT,
    state=State.PAID,
    result_code="0",
    result_desc="The service request is processed successfully.",
    receipt="UKN2Y7LDKC",
    ended_at=AT,
    balance_after=Money(6_900_000),
    callback_balance=True,
)


def callback_text(prompt: Prompt) -> str:
    return callbacks.write(callbacks.result(prompt, phone_form=PhoneForm.WHOLE))


def test_a_paid_callback_is_written_as_safaricom_writes_it() -> None:
    assert callback_text(PAID) == (
        '{"Body":{"stkCallback":{"MerchantRequestID":"847c-4573-85db-96a68dacad1991145870",'
        '"CheckoutRequestID":"ws_CO_23112026091207045708374149","ResultCode":0,'
        '"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":['
        '{"Name":"Amount","Value":1000.00},{"Name":"MpesaReceiptNumber","Value":"UKN2Y7LDKC"},{"Name":"Balance"},'
        '{"Name":"TransactionDate","Value":20261123091207},{"Name":"PhoneNumber","Value":254708374149}]}}}}'
    )
    assert '"Balance"' not in callback_text(replace(PAID, callback_balance=False))


@pytest.mark.parametrize(("code", "written"), [("1032", "1032"), ("SFC_IC0003", '"SFC_IC0003"')])
def test_a_failed_callback_has_no_metadata_and_its_code_in_the_true_type(code: str, written: str) -> None:
    failed = replace(PAID, state=State.UNPAID, result_code=code, result_desc='It "failed"', receipt=None)
    assert callback_text(failed).endswith(f'"ResultCode":{written},"ResultDesc":"It \\"failed\\""}}}}}}')


def test_callbacks_have_the_shape_of_the_real_ones(corpus: Path) -> None:
    real = {
        shape(json.loads(text)): text
        for text in (path.read_text() for path in sorted((corpus / "stk_callback").glob("*.json")))
        if '"Value":1.00' in text or '"ResultCode":1032' in text
    }
    assert len(real) >= 2
    for made in (PAID, replace(PAID, state=State.UNPAID, result_code="1032", receipt=None)):
        assert shape(json.loads(callback_text(made))) in real


def shape(value: Any) -> str:
    """Names, order and JSON types, without the values (but the names of the items)."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{v if k == 'Name' else shape(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(shape, value)) + "]"
    return type(value).__name__


def test_checkout_ids_are_nairobi_time_and_the_end_of_the_phone_and_never_repeat() -> None:
    chance = Chance(1)
    first = chance.checkout_request_id(at=AT, phone=PHONE, taken=set())
    assert first == "ws_CO_23112026091207045708374149"
    assert chance.checkout_request_id(at=AT, phone=PHONE, taken={first}) == "ws_CO_23112026091207046708374149"


def test_merchant_ids_have_the_new_form_and_count_up() -> None:
    chance = Chance(1)
    made = [chance.merchant_request_id() for _ in range(500)]
    assert all(MERCHANT_ID.fullmatch(each) for each in made)
    assert len(set(made)) == 500


def test_the_real_ids_have_that_form_too(corpus: Path) -> None:
    real = json.loads((corpus / "stk_push_response" / "01.json").read_text())
    assert MERCHANT_ID.fullmatch(real["MerchantRequestID"])
    assert re.fullmatch(r"ws_CO_[0-9]{26}", real["CheckoutRequestID"])


def test_receipts_say_their_day() -> None:
    chance = Chance(1)
    assert re.fullmatch(r"UKN[0-9][A-Z0-9]{6}", chance.receipt(at=AT, taken=set()))
    assert chance.receipt(at=datetime(2024, 3, 14, tzinfo=UTC), taken=set()).startswith("SCE")  # as in daraja.md's LOG
    again = Chance(1)
    first = again.receipt(at=AT, taken=set())
    assert Chance(1).receipt(at=AT, taken={first}) != first


def test_the_same_seed_gives_the_same_and_a_later_start_gives_other_ids() -> None:
    assert Chance(7).token() == Chance(7).token()
    assert Chance(7).token() != Chance(8).token()
    assert Chance(7, start=1).token() not in (Chance(7).token(), Chance(7, start=2).token())


def test_the_phone_speaks_as_mpesa_does() -> None:
    assert words.prompt(amount=Money(100_000), business="RUFAA DEMO", account="ABC123") == (
        "Do you want to pay KES 1,000.00 to RUFAA DEMO Account ABC123? Enter M-PESA PIN:"
    )
    assert words.message(PAID, business="RUFAA DEMO") == (
        "UKN2Y7LDKC Confirmed. Ksh1,000.00 sent to RUFAA DEMO for account ABC123 on 23/11/26 at 9:12 AM. "
        "New M-PESA balance is Ksh69,000.00. Transaction cost, Ksh0.00."
    )
    low = replace(PAID, receipt=None, result_code="1")
    assert words.message(low, business="RUFAA DEMO") == (
        "Failed. You do not have enough money in your M-PESA account to pay Ksh1,000.00 to RUFAA DEMO. "
        "Your M-PESA balance is Ksh69,000.00."
    )
    assert words.message(replace(low, result_code="1032"), business="RUFAA DEMO") is None
    assert words.message(replace(PAID, ended_at=None), business="RUFAA DEMO") is None


@pytest.mark.parametrize(
    ("hour_utc", "said"), [(21, "24/11/26 at 12:05 AM"), (9, "23/11/26 at 12:05 PM"), (20, "23/11/26 at 11:05 PM")]
)
def test_the_clock_of_a_message_is_nairobis(hour_utc: int, said: str) -> None:
    assert words.day_and_time(datetime(2026, 11, 23, hour_utc, 5, tzinfo=UTC)) == said


def test_every_code_has_words() -> None:
    assert codes.wordings("1037")[0] == "DS timeout user cannot be reached"
    assert codes.wordings("7777") == ("The service request failed.",)
    assert codes.on_the_wire("1037") == 1037
    assert codes.on_the_wire("SFC_IC0003") == "SFC_IC0003"


def test_spike_arrest_lets_one_through_every_twelve_seconds() -> None:
    limit = SpikeArrest(Rate(messages=5, period_s=60, burst=1))
    seconds = [0, 1, 11, 12, 13, 24, 60, 61]
    passed = [s for s in seconds if limit.allows("app", at=datetime.fromtimestamp(s, UTC))]
    assert passed == [0, 12, 24, 60]
    assert limit.allows("other", at=datetime.fromtimestamp(61, UTC))
