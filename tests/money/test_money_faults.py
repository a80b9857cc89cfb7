"""Faults of docs/reference/faults.md that no other test of money shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.simulator.config import DEMO_SHORT_CODE
from rufaa.simulator.testing import RunningSimulator
from support import FEE, KEYS, PAYS, Running, Worker, World, credentials, inbox_outcomes, value


@pytest.mark.fault(11)
def test_a_prompt_keeps_its_account_when_the_settings_name_another(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker
) -> None:
    # given: a prompt that waits to be sent
    referral, prompt = town.prompted(PAYS)

    # when: the operator names another account, with which later fees are paid
    other = replace(credentials(simulator.url), short_code="600000", passkey="another-passkey", consumer_key="another")
    account = unit(lambda tx: facilities.keep_account(tx, other, keys=KEYS, pushes_per_s=5, queries_per_min=5))
    unit(lambda tx: facilities.set_price(tx, town.uhuru, amount=FEE, payee=town.tumaini, account=account))
    later, _ = town.prompted("254708000001")
    worker.dispatch()
    simulator.advance(2)
    worker.settle()

    # then: it rang for the account on which it was asked for, with that one's keys
    assert [each.short_code for each in simulator.prompts()] == [DEMO_SHORT_CODE]
    assert town.prompt(prompt)["account_id"] == town.account.pk
    assert inbox_outcomes() == ["confirms"]
    assert (town.status(referral), town.fee_state(later)) == ("paid", "due")
    assert value("SELECT account_id FROM receipt") == town.account.pk
