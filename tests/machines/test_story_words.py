"""``rufaa explain`` has words for everything that can happen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rufaa.cli import story_words as words
from rufaa.cli.story_events import said
from rufaa.daraja import codes
from rufaa.ingest.address import Kind
from rufaa.metrics import VERDICTS
from rufaa.payments import order_results, refund_models
from rufaa.payments.machine import MACHINES, ArrivalVerdict, Channel, Verdict
from rufaa.payments.refund_machine import RefundMethod
from rufaa.referrals.machine import MACHINE


def test_every_event_of_every_machine_has_its_words() -> None:
    events = {(machine.name, str(event)) for machine in (MACHINE, *MACHINES) for event in machine.events}

    assert {(machine, str(event)) for machine, event in words.MOVES} == events
    for text in words.MOVES.values():
        assert text.format(attempt=1, phone="254708***149", receipt="receipt UKN7XY1234", amount="KES 1.00").endswith(
            "."
        )


def test_every_verdict_and_channel_has_its_words() -> None:
    assert set(words.MEANS) == set(Verdict)
    assert set(words.ARRIVAL_MEANS) == set(ArrivalVerdict)
    assert set(words.SOURCES) == set(Channel)
    assert set(words.METHODS) == set(RefundMethod)
    assert set(words.INBOX_KINDS) == set(Kind)


def test_every_word_that_a_stored_report_can_end_with_is_said() -> None:
    said = {*words.MEANS, *words.ARRIVAL_MEANS, *words.ORDER_MEANS, *words.OUTCOMES}

    assert {str(word) for word in said} == set(VERDICTS) - {"other"}


def test_every_word_of_an_order_is_said() -> None:
    """They have no enumeration: read from where they are decided."""
    text = Path(order_results.__file__).read_text(encoding="utf-8")
    returned = re.findall(r'return "([a-z-]+)"', text) + re.findall(r"word = (.*)", text)
    decided = {word for each in returned for word in re.findall(r"[a-z-]{3,}", each.replace("word", ""))}

    assert {"refunded", "no-news", "ask"} <= set(words.ORDER_MEANS)
    assert {word for word in decided if word in VERDICTS} <= {*words.ORDER_MEANS, *words.OUTCOMES}


def test_every_end_of_a_claim_has_its_words() -> None:
    (ended,) = [each for each in refund_models.Claim._meta.constraints if each.name == "claim_ended"]

    assert all(f"'{word}'" in str(ended) for word in words.CLAIM_ENDS)


@pytest.mark.parametrize("code", sorted(codes.KNOWN_CODES))
def test_every_known_code_is_a_sentence(code: str) -> None:
    assert codes.in_plain_words(code).endswith(".")


@pytest.mark.parametrize(
    ("code", "spoken"),
    [
        ("4999", "M-Pesa is still working on the payment"),
        ("500.001.1001", "M-Pesa is still working on it, or knows nothing of it now"),
        ("500.009.9999", "a code that Rufaa does not know"),
    ],
)
def test_an_error_that_is_common_is_no_unknown_code(code: str, spoken: str) -> None:
    row = {"claim_id": None, "refund_id": None, "channel": "query", "verdict": Verdict.NO_NEWS, "attempt": 1}

    told = said(row | {"result_code": code, "receipt_number": None})

    assert f"about prompt 1 says {code} ({spoken}): " in told
