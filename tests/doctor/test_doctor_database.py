"""What the doctor sees in the database and in the accounts that are stored there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

import durable
from rufaa.cli.diagnosis import database as looks
from rufaa.cli.diagnosis import mpesa, outside
from rufaa.cli.diagnosis.database import Tables
from rufaa.cli.diagnosis.finding import Finding, State
from rufaa.config import Config, load
from rufaa.daraja.credentials import AccountKind, Credentials, Environment
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.rights import Role
from rufaa.simulator.testing import RunningSimulator
from support import (
    CANCELS,
    KEYS,
    Worker,
    World,
    advance,
    call_back,
    credentials,
    execute,
    rows,
)

NEWER = ("a newer secret of the tests that is long enough", *KEYS)


def config(url: str | None, **more: str) -> Config:
    return load({"RUFAA_SECRET_KEYS": KEYS[0], "DATABASE_URL": url or "", **more})


def look(url: str, **more: str) -> dict[str, Finding]:
    return {each.code: each for each in looks.look(config(url, **more))[1]}


def of(found: list[Finding], code: str) -> Finding:
    (one,) = [each for each in found if each.code == code]
    return one


def test_an_ordinary_database_has_no_problem(world: World, database: str) -> None:
    found = look(database)

    assert [each for each in found.values() if each.state is State.PROBLEM] == []
    assert found["database-durability"].state is State.OK
    assert found["clock-moved"].state is State.OK


@contextmanager
def altered(url: str, setting: str, value: str) -> Iterator[None]:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {durable.NAME} SET {setting} = {value}")
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {durable.NAME} RESET {setting}")


def test_a_database_that_may_lose_payments_is_a_problem(database: str) -> None:
    with altered(database, "synchronous_commit", "off"):
        found = look(database)

    assert found["database-durability"].state is State.PROBLEM
    assert "synchronous_commit = on" in found["database-durability"].do


def test_it_cannot_write(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = "INSERT INTO facility (id, name) VALUES (gen_random_uuid(), 'x') RETURNING 1"
    monkeypatch.setattr(looks, "_SQL", {**looks._SQL, "tasks": writes})

    found = look(database)

    assert found["database"].state is State.PROBLEM
    assert "read-only" in found["database"].found
    assert rows("SELECT * FROM facility") == []


def test_a_database_without_our_tables_wants_migrating(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty")
        try:
            found = look(database.replace(f"/{durable.NAME}", "/empty"))
        finally:
            admin.execute("DROP DATABASE empty WITH (FORCE)")

    assert found["database-migrated"].state is State.PROBLEM
    assert "rufaa migrate" in found["database-migrated"].do


def test_pools_that_do_not_fit_and_a_moved_clock_are_problems(database: str) -> None:
    advance(60)

    found = look(database, RUFAA_POOL_SIZE="200")

    assert found["database-connections"].state is State.PROBLEM
    assert "406" in found["database-connections"].found
    assert found["clock-moved"].state is State.PROBLEM
    assert found["clock-database"].state is State.OK  # PostgreSQL's own clock is right


# --- facilities, people, prices -----------------------------------------------------------------------------------


def test_what_is_missing_among_facilities_and_people(database: str) -> None:
    def fill(tx: Any) -> None:
        clinic = facilities.add_facility(tx, "Baraka Dispensary")
        facilities.add_member(tx, facilities.add_user(tx, "wanjiru"), clinic, Role.PHYSICIAN)
        facilities.add_user(tx, "alone")
        facilities.add_user(tx, "operator", operator=True)

    assert look(database)["facilities"].state is State.WARNING
    unit(fill)

    found = look(database)

    assert "Baraka Dispensary" in found["facility-without-price"].found
    assert "Baraka Dispensary" in found["facility-without-administrator"].found
    assert found["people-without-role"].found.endswith("see nothing: alone.")
    assert {found[code].state for code in ("facility-without-price", "people-without-role")} == {State.WARNING}


def test_somebody_who_may_not_sign_in_any_more_administers_nothing(world: World, database: str) -> None:
    assert look(database)["facility-without-administrator"].state is State.OK
    execute("UPDATE rufaa_user SET is_active = false WHERE username IN ('admin', 'second-admin')")

    assert "Uhuru Health Centre" in look(database)["facility-without-administrator"].found


def test_prices_that_still_lead_to_the_sandbox_are_a_problem_after_going_live(world: World, database: str) -> None:
    assert look(database, RUFAA_MODE="development", MPESA_ENVIRONMENT="simulator")["mpesa-prices"].state is State.OK

    found = look(database, MPESA_ENVIRONMENT="production")["mpesa-prices"]

    assert found.state is State.PROBLEM
    assert "Uhuru Health Centre (simulator)" in found.found
    assert "rufaa price set" in found.do


# --- work in hand -------------------------------------------------------------------------------------------------


def test_a_callback_and_a_prompt_that_nobody_takes_are_problems(world: World, database: str) -> None:
    world.prompted()
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body) VALUES ('stk', %(id)s, '127.0.0.1', true, '')",
        id=uuid.uuid4(),
    )
    found = look(database)
    assert (found["inbox"].state, found["prompts-due"].state) == (State.OK, State.OK)

    advance(61)
    found = look(database)

    assert (found["inbox"].state, found["prompts-due"].state) == (State.PROBLEM, State.PROBLEM)
    advance(540)
    found = look(database)
    assert found["inbox"].found == "Callbacks that wait to be settled: 1, the oldest since 10 min."
    assert "worker" in found["inbox"].do


def test_a_question_that_waits_a_task_and_a_receipt_without_number_are_warnings(
    town: World, simulator: RunningSimulator, worker: Worker, database: str
) -> None:
    town.prompted(CANCELS)
    worker.dispatch()
    advance(20 + 61)
    account, amount = town.account.pk, 100
    execute(
        "INSERT INTO receipt (id, state, event, account_id, amount_cents) VALUES"
        " (gen_random_uuid(), 'unapplied', 'arrive', %(account)s, %(amount)s)",
        account=account,
        amount=amount,
    )
    advance(25 * 3600)

    found = look(database)

    assert found["questions-due"].state is State.WARNING
    assert found["receipts-awaiting"].state is State.WARNING
    assert "25 h" in found["receipts-awaiting"].found


def test_that_callbacks_never_arrive_is_seen(world: World, database: str) -> None:
    for number in range(3):
        _, prompt = world.prompted(f"25470800000{number}")
        call_back(prompt)

    def arrived() -> Finding:
        seen, _ = looks.look(config(database))
        return of(outside.offline(config(database), environments=frozenset(), tables=seen.tables), "callbacks-arrive")

    assert arrived().state is State.OK
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("DELETE FROM evidence")
        admin.execute("DELETE FROM inbox")
        admin.execute("UPDATE prompt SET checkout_request_id = id::text")

    assert arrived().state is State.PROBLEM
    assert "Of the last 3 prompts that ended, callbacks told about 0." in arrived().found


def test_a_proxy_that_is_not_named_is_seen_from_where_callbacks_come() -> None:
    tables = Tables(frozenset(), ("10.0.0.7", "10.0.0.7"), (0, 0), ())
    here = config(None, RUFAA_PUBLIC_URL="https://rufaa.or.ke")

    found = of(outside.offline(here, environments=frozenset(), tables=tables), "trusted-proxies")

    assert found.state is State.PROBLEM
    assert found.do.startswith("Set RUFAA_TRUSTED_PROXIES=10.0.0.7,")


# --- accounts -----------------------------------------------------------------------------------------------------


def test_stored_keys_are_opened_by_the_first_key_an_older_one_or_none(world: World) -> None:
    assert of(mpesa.stored(KEYS, None)[1], "mpesa-keys").state is State.OK
    assert of(mpesa.stored(NEWER, None)[1], "mpesa-keys").state is State.WARNING
    accounts, found = mpesa.stored(NEWER[:1], None)

    assert accounts == []
    assert of(found, "mpesa-keys").state is State.PROBLEM
    assert "secret.key" in of(found, "mpesa-keys").do


def test_settings_that_differ_from_what_is_stored_are_a_warning(world: World) -> None:
    given = credentials("http://127.0.0.1:1")
    assert of(mpesa.stored(KEYS, given)[1], "mpesa-stored").state is State.OK

    elsewhere = credentials("http://127.0.0.1:2")
    assert of(mpesa.stored(KEYS, elsewhere)[1], "mpesa-stored").state is State.WARNING


def test_an_account_that_is_not_stored_yet_is_looked_at_too(database: str) -> None:
    given = credentials("http://127.0.0.1:1")

    accounts, found = mpesa.stored(KEYS, given)

    assert accounts == [mpesa.Account(given, None)]
    assert of(found, "mpesa-stored").state is State.WARNING


def test_wrong_keys_are_told_by_safaricom_and_not_shown(town: World, simulator: RunningSimulator) -> None:
    base = credentials(simulator.url)
    wrong = Credentials(
        environment=Environment.SIMULATOR,
        base_url=base.base_url,
        short_code=base.short_code,
        till_number=None,
        kind=AccountKind.PAYBILL,
        consumer_key=base.consumer_key,
        consumer_secret="canary-secret",
        passkey=base.passkey,
    )

    (found,) = mpesa.token(mpesa.Account(wrong, None), keys=KEYS)

    assert found.state is State.PROBLEM
    assert "Compare MPESA_CONSUMER_KEY" in found.do
    assert "canary" not in found.found


def test_a_daraja_that_is_not_there_is_a_matter_of_the_network(world: World) -> None:
    (account,), _ = mpesa.stored(KEYS, None)

    (found,) = mpesa.token(account, keys=KEYS)

    assert found.state is State.PROBLEM
    assert "outgoing https" in found.do
    assert of(mpesa.date_of("http://127.0.0.1:1"), "clock-daraja").state is State.NOT_CHECKED


def test_the_clock_is_compared_with_darajas(simulator: RunningSimulator) -> None:
    assert of(mpesa.date_of(simulator.url), "clock-daraja").state is State.OK
