"""``rufaa sms`` as an operator runs it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from notices.ground import PHONE, goes_wrong, told
from rufaa.simulator.testing import RunningSimulator
from support import KEYS


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    def with_settings(*arguments: str, **settings: str) -> Any:
        given = {"DATABASE_URL": database, "RUFAA_MODE": "development", "RUFAA_SECRET_KEYS": KEYS[0], **settings}
        return run("sms", *arguments, **given)

    return with_settings


def test_the_addresses_to_enter_with_the_gateway(rufaa: Any) -> None:
    told = rufaa("addresses", RUFAA_PUBLIC_URL="https://rufaa.example.org")

    assert (told.returncode, told.stderr) == (0, "")
    found = re.findall(r"https://rufaa\.example\.org/sms/([0-9a-f]{32})/([a-z-]+)", told.stdout)
    assert [what for _secret, what in found] == ["reports", "incoming", "opt-out"]
    assert len({secret for secret, _what in found}) == 1


def test_one_message_is_tried_and_the_answer_said(rufaa: Any, simulator: RunningSimulator) -> None:
    gateway = {"RUFAA_SMS_URL": f"africastalking://sandbox:key@{simulator.url.removeprefix('http://')}"}

    taken = rufaa("try", "0708 000 321", **gateway)
    assert (taken.returncode, taken.stdout.split()[0]) == (0, "taken:")
    assert told(simulator, PHONE) == ["Rufaa: this SMS is a trial."]

    for fault, says in (("key-refused", "not taken: key-refused"), ("bad-phone", "refused: InvalidPhoneNumber")):
        goes_wrong(simulator, fault)
        answer = rufaa("try", PHONE, **gateway)
        assert (answer.returncode, answer.stdout) == (1, f"{says}\n")
    goes_wrong(simulator, "nonsense")
    assert "it may have been taken" in rufaa("try", PHONE, **gateway).stdout


def test_without_a_gateway_or_a_phone_it_says_what_is_missing(rufaa: Any) -> None:
    assert "RUFAA_SMS_URL is not set" in rufaa("try", PHONE).stderr
    assert "PHONE" in rufaa("try", "nobody").stderr
