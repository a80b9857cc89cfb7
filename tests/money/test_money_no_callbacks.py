"""``MPESA_CALLBACKS=none``: nobody is told where to post a result, and queries alone end the story."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rufaa.cli.work import work
from rufaa.config import load
from rufaa.daraja.callback_url import check_callback_url
from rufaa.daraja.credentials import Environment
from rufaa.db.atomic import Tx, unit
from rufaa.errors import InvalidSetting
from rufaa.ids import new_id
from rufaa.ingest.address import NOWHERE, Kind, account_urls, callback_urls, order_urls, report_at
from rufaa.simulator.testing import RunningSimulator
from support import (
    DEADLINE_S,
    KEYS,
    RINGS,
    World,
    advance,
    inbox_outcomes,
    open_tasks,
    receipts,
    requests_to,
    value,
    verdicts,
    wait_until,
)

TRIAL = {
    "RUFAA_SECRET_KEYS": KEYS[0],
    "RUFAA_PUBLIC_URL": "http://127.0.0.1:8000",
    "MPESA_ENVIRONMENT": "sandbox",
    "MPESA_CALLBACKS": "none",
}


@contextmanager
def working(database_url: str, **settings: str) -> Iterator[None]:
    """The worker's loops as ``rufaa worker`` composes them, in a thread."""
    config = load({"DATABASE_URL": database_url, **settings})
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(work(config, stop=stop)), name="worker")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE_S)
        loop.close()


@pytest.fixture
def trial(database: str) -> Iterator[None]:
    with working(database, **TRIAL):
        yield


def later(seconds: float, simulator: RunningSimulator) -> None:
    """Move time on, and have the worker look at once rather than within five seconds. The simulator's time first: a
    worker that looks between the two would be told of what is still to come there."""
    simulator.advance(seconds)
    advance(seconds)
    unit(Tx.wake_workers)


def queries(prompt: object) -> int:
    return int(value("SELECT queries FROM prompt WHERE id = %(id)s", id=prompt))


@pytest.mark.fault(13)
def test_a_pin_pays_the_referral_by_queries_alone(town: World, simulator: RunningSimulator, trial: None) -> None:
    # given: a prompt that rings, and an address that leads nowhere in it
    referral, prompt = town.prompted(RINGS)
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the prompt's sending")
    (sent,) = requests_to(simulator, "/mpesa/stkpush/")
    assert json.loads(sent["body"])["CallBackURL"] == NOWHERE

    # when: the PIN is typed, and the first question is due
    simulator.answer(RINGS)
    later(20, simulator)

    # then
    wait_until(lambda: town.status(referral) == "paid", what="the payment by a query")
    assert town.fee_state(referral) == "paid"
    assert receipts() == [(None, "applied")]  # a query tells no receipt number (daraja.md §5)
    assert verdicts(prompt) == ["query:confirms"]
    assert (inbox_outcomes(), open_tasks()) == ([], [])


def test_a_cancelled_prompt_is_unpaid_after_two_queries(town: World, simulator: RunningSimulator, trial: None) -> None:
    referral, prompt = town.prompted(RINGS)
    wait_until(lambda: town.prompt(prompt)["state"] == "pending", what="the prompt's sending")
    simulator.cancel(RINGS)

    later(100, simulator)
    wait_until(lambda: queries(prompt) == 1 and len(verdicts(prompt)) == 1, what="the first query")
    assert town.prompt(prompt)["state"] == "pending"
    later(50, simulator)
    wait_until(lambda: town.prompt(prompt)["state"] == "unpaid", what="the second query's verdict")

    assert verdicts(prompt) == ["query:fails-for-now", "query:fails"]
    assert town.fee_state(referral) == "due"
    assert receipts() == []
    assert inbox_outcomes() == []


def test_the_address_that_leads_nowhere_keeps_the_sandboxs_rules_and_no_secret() -> None:
    urls = callback_urls(load(TRIAL))

    assert {urls(new_id()) for _ in range(3)} == {NOWHERE}
    assert check_callback_url(NOWHERE, environment=Environment.SANDBOX) == []
    assert check_callback_url(NOWHERE, environment=Environment.PRODUCTION) == ["production needs https"]


def test_callbacks_are_expected_unless_it_is_said() -> None:
    urls = callback_urls(load({**TRIAL, "MPESA_CALLBACKS": ""}))
    prompt = new_id()

    assert urls(prompt).startswith(f"http://127.0.0.1:8000/h/{prompt.hex}-")


@pytest.mark.parametrize("environment", ["production", ""])
def test_real_money_is_not_collected_without_callbacks(environment: str) -> None:
    with pytest.raises(InvalidSetting, match="MPESA_CALLBACKS=none is for trying"):
        load({**TRIAL, "MPESA_ENVIRONMENT": environment})


def test_no_order_and_no_registration_names_an_address_that_leads_nowhere() -> None:
    """What an order came to is told at its address alone, and a C2B address is registered once for ever."""
    config = load(TRIAL)

    assert (order_urls(config), account_urls(config)) == (None, None)


def test_orders_and_accounts_have_addresses_where_callbacks_are_expected() -> None:
    config = load({**TRIAL, "MPESA_CALLBACKS": ""})
    orders, accounts, subject = order_urls(config), account_urls(config), new_id()
    assert orders is not None
    assert accounts is not None

    urls = [orders(subject).result, orders(subject).timeout]
    urls += [accounts(subject).confirmation, accounts(subject).validation]

    assert [url.rpartition("-")[0].removeprefix("http://127.0.0.1:8000") for url in urls] == [
        f"/{letter}/{subject.hex}" for letter in "otcv"
    ]
    paths = [url.removeprefix("http://127.0.0.1:8000") for url in urls]
    assert [report_at(path, keys=config.secret_keys) for path in paths] == [
        (kind, subject) for kind in (Kind.RESULT, Kind.TIMEOUT, Kind.C2B, Kind.C2B_VALIDATION)
    ]
