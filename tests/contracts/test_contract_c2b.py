"""C2B: the client's requests are taken by the simulator, and what the simulator tells is read by the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rufaa import phone as phones
from rufaa.daraja import c2b
from rufaa.daraja.c2b import C2bNotice, Refusal, ResponseType
from rufaa.daraja.credentials import AccountKind, C2bVersion
from rufaa.daraja.messages import Malformed
from rufaa.daraja.outcomes import Because, Declined
from rufaa.daraja.outcomes_orders import Acknowledged
from rufaa.daraja.registration import AlreadyRegistered, Registered, RegistrationOutcome
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import config
from rufaa.simulator.c2b import verdict
from rufaa.simulator.config import DEMO_MERCHANT
from rufaa.simulator.faults import Fault, FaultKind
from rufaa.simulator.registrations import ResponseType as SimulatedResponseType
from support import PAYS, RINGS

Open = Callable[..., Any]


def register(one: Any, account: Any = None) -> RegistrationOutcome:
    outcome: RegistrationOutcome = one.run(
        lambda daraja, tokens: daraja.register_c2b(
            account or one.account, tokens, confirmation_url=one.callback_url, validation_url=one.callback_url
        )
    )
    return outcome


def notices(one: Any) -> list[C2bNotice]:
    said = [c2b.parse_c2b(body) for body in one.callbacks if b"TransID" in body]
    assert all(isinstance(each, C2bNotice) for each in said)
    return said  # type: ignore[return-value]


def test_addresses_are_registered(one: Any) -> None:
    assert isinstance(register(one), Registered)
    assert one.simulator.registered("174379").confirmation_url == one.callback_url


def test_in_production_a_second_registration_is_there_already(merchant: Open) -> None:
    one = merchant(production=True)
    assert isinstance(register(one), Registered)
    again = register(one)
    assert isinstance(again, AlreadyRegistered)
    assert not again.perhaps_by_another


def test_the_wrong_version_is_the_accounts_fault_and_no_tokens(one: Any) -> None:
    outcome = register(one, replace(one.account, c2b_version=C2bVersion.V1))
    assert isinstance(outcome, Declined)
    assert (outcome.because, outcome.code) == (Because.ACCOUNT, "401.003.01")


@pytest.mark.parametrize("version", list(C2bVersion))
def test_a_payment_by_hand_is_read_whole(merchant: Open, version: C2bVersion) -> None:
    one = merchant(merchants=(replace(DEMO_MERCHANT, c2b_version=config.C2bVersion(version)),))
    register(one, replace(one.account, c2b_version=version))
    receipt = one.simulator.pay(RINGS, "174379", "ACC 17", 250)
    paid_at = one.simulator.now()
    one.simulator.advance(1)

    (told,) = notices(one)

    assert (told.receipt_number, told.amount, told.account_reference) == (receipt, Money(25_000), "ACC 17")
    assert (told.short_code, told.balance, told.transaction_type) == ("174379", Money(25_000), "Pay Bill")
    assert told.paid_at == paid_at.replace(microsecond=0)
    assert told.version is version
    assert told.phone_shown is not None
    assert phones.agrees(told.phone_shown, Phone(RINGS))
    assert not phones.agrees(told.phone_shown, Phone(PAYS))


def test_a_paid_prompt_comes_twice_with_one_receipt(one: Any) -> None:
    register(one)
    one.push(PAYS)
    one.simulator.advance(10)
    (callback,) = [each for each in one.called_back() if not isinstance(each, Malformed)]
    (told,) = notices(one)
    assert told.receipt_number == callback.receipt_number
    assert told.account_reference == "ABC123"
    assert told.amount == callback.amount


@pytest.mark.parametrize("version", list(C2bVersion))
def test_a_simulated_payment_is_taken_and_told(merchant: Open, version: C2bVersion) -> None:
    one = merchant(merchants=(replace(DEMO_MERCHANT, c2b_version=config.C2bVersion(version)),))
    account = replace(one.account, c2b_version=version)
    register(one, account)
    outcome = one.run(
        lambda daraja, tokens: daraja.simulate_c2b(
            account, tokens, phone=Phone(RINGS), amount=Money(500), account_reference="INV 1"
        )
    )
    assert isinstance(outcome, Acknowledged)
    one.simulator.advance(5)
    (told,) = notices(one)
    assert (told.amount, told.account_reference) == (Money(500), "INV 1")


def test_a_till_is_simulated_too(merchant: Open) -> None:
    till = replace(DEMO_MERCHANT, till_number="700001")
    one = merchant(merchants=(till,))
    account = replace(one.account, kind=AccountKind.TILL, till_number="700001")
    register(one, account)
    outcome = one.run(
        lambda daraja, tokens: daraja.simulate_c2b(
            account, tokens, phone=Phone(RINGS), amount=Money(500), account_reference=""
        )
    )
    assert isinstance(outcome, Acknowledged)
    one.simulator.advance(5)
    assert [each.transaction_type for each in notices(one)] == [""]


def test_what_is_all_null_is_malformed(one: Any) -> None:
    register(one)
    one.simulator.script(Fault(FaultKind.CONFIRMATION_NULL))
    one.simulator.pay(RINGS, "174379", "A", 1)
    one.simulator.advance(1)
    assert c2b.parse_c2b(one.callbacks[0]) == Malformed("every field is null")


@pytest.mark.parametrize("refusal", [None, *Refusal])
@pytest.mark.parametrize("default", list(SimulatedResponseType))
def test_what_the_client_says_to_a_validation_is_understood(
    refusal: Refusal | None, default: SimulatedResponseType
) -> None:
    said = c2b.validation_answer(refusal, third_party_id="F17")
    read = verdict(200, said.decode(), default=default)
    assert (read.code, read.third_party_id) == (("0", "F17") if refusal is None else (refusal.value, ""))


def test_both_know_the_same_response_types() -> None:
    assert [each.value for each in ResponseType] == [each.value for each in SimulatedResponseType]


def test_a_notice_has_the_fields_of_real_ones(one: Any, corpus: Path) -> None:
    register(one)
    one.simulator.pay(RINGS, "174379", "A", 1)
    one.simulator.advance(1)
    ours = json.loads(one.callbacks[0])
    seen: set[str] = set()
    for file in (corpus / "c2b_confirmation").glob("*.json"):
        seen |= set(json.loads(file.read_text()))
    for file in (corpus / "c2b_validation").glob("*.json"):
        if set(ours) == set(json.loads(file.read_text())):
            break
    else:
        pytest.fail("no real notice of v2 has these fields")
    assert set(ours) <= seen
    assert all(isinstance(value, str) for value in ours.values())
