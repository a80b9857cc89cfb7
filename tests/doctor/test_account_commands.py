"""``rufaa account`` as an operator runs it, and what the doctor says of accounts that are held or not registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from rufaa.cli.diagnosis import database as looks
from rufaa.cli.diagnosis import mpesa
from rufaa.cli.diagnosis.finding import Finding, State
from rufaa.config import load
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import MpesaAccount
from rufaa.facilities.queries import UnknownAccount, account_named
from rufaa.payments import hold
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, RINGS, World, advance, another_account, execute, requests_to, rows, value

HERE: Final = "https://referrals.hospital.co.ke"
CODE: Final = "174379"


@pytest.fixture
def rufaa(run: Any, database: str) -> Any:
    """``rufaa account …`` on the test's database, in development."""
    return lambda *arguments: run("account", *arguments, DATABASE_URL=database, RUFAA_MODE="development")


# --- the commands --------------------------------------------------------------------------------------------------


def test_held_listed_and_released(world: World, rufaa: Any) -> None:
    world.prompted(RINGS)

    held = rufaa("hold", CODE, "--reason", "M-Pesa is down", "--by", "amina")
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout == f"No prompts of {CODE} are sent from now on. Waiting: 1, each for half an hour at most.\n"
    again = rufaa("hold", CODE, "--reason", "again")
    assert (again.returncode, again.stdout) == (1, "")
    assert "M-Pesa is down (by amina). Nothing was changed." in again.stderr

    listed = rufaa("list").stdout.splitlines()
    assert listed[0] == f"{CODE}  paybill, simulator"
    assert listed[1].startswith("  prompts  ON HOLD since 20")
    assert listed[1].endswith(" UTC by amina: M-Pesa is down")
    assert listed[2:] == [
        "  has      no initiator, no nominated number",
        "  C2B      not registered",
        "  Pull     not registered",
    ]

    released = rufaa("release", CODE, "--by", "juma")
    assert released.stdout == f"Prompts of {CODE} are sent again. Waiting: 1, and they go out one by one.\n"
    assert "not on hold" in rufaa("release", CODE).stderr
    assert rows("SELECT reason, held_by, released_by FROM account_hold") == [
        {"reason": "M-Pesa is down", "held_by": "amina", "released_by": "juma"}
    ]


def test_what_is_registered_is_listed_and_keys_that_cannot_be_read_are_no_obstacle(
    world: World, run: Any, database: str
) -> None:
    execute(
        "UPDATE mpesa_account SET c2b_registered_at = '2026-04-02 09:00+00', c2b_urls_for = %(here)s,"
        " pull_registered_at = '2026-04-02 09:01+00', kind = 'till', till_number = '300584'",
        here=HERE,
    )
    other = {"RUFAA_SECRET_KEYS": "another secret that is long enough", "RUFAA_MODE": "development"}

    listed = run("account", "list", DATABASE_URL=database, **other)

    assert listed.stdout.splitlines() == [
        f"{CODE}, till 300584  till, simulator",
        "  prompts  go out",
        "  has      keys that cannot be read here: see rufaa doctor",
        f"  C2B      registered 2026-04-02 09:00 UTC for {HERE}",
        "  Pull     registered 2026-04-02 09:01 UTC",
    ]


def test_without_an_account_the_list_says_how_to_get_one(database: str, rufaa: Any) -> None:
    assert rufaa("list").stdout == "There is no M-Pesa account: set the MPESA_* settings and run 'rufaa migrate'.\n"


def test_registered_at_the_simulator(town: World, simulator: RunningSimulator, run: Any, database: str) -> None:
    settings = {"DATABASE_URL": database, "RUFAA_MODE": "development", "RUFAA_PUBLIC_URL": HERE}

    done = run("account", "register-c2b", CODE, **settings)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Registered. Payments will be told of at {HERE}. Daraja: ")
    assert len(requests_to(simulator, "/mpesa/c2b/v2/registerurl")) == 1
    assert value("SELECT c2b_urls_for FROM mpesa_account") == HERE


def test_what_cannot_be_registered_is_said_and_ends_with_1(
    town: World, simulator: RunningSimulator, rufaa: Any
) -> None:
    pull = rufaa("register-pull", CODE)

    assert (pull.returncode, pull.stdout) == (1, "")
    assert pull.stderr.startswith("rufaa: Pull needs the nominated number")
    assert value("SELECT pull_registered_at FROM mpesa_account") is None


def test_which_account_is_meant(world: World, rufaa: Any) -> None:
    wrong = rufaa("release", "600000")
    assert (wrong.returncode, wrong.stderr) == (
        1,
        f"rufaa: There is no such M-Pesa account. There are: {CODE} (simulator).\n",
    )

    another_account(world, till_number="300584")
    another_account(world, environment="sandbox")

    def named(**which: str) -> MpesaAccount:
        return unit(lambda _: account_named(CODE, **which))

    with pytest.raises(UnknownAccount, match=r"say which by --till or --environment: 174379 \(sandbox\), 174379 \("):
        named()
    assert named(till="300584").till_number == "300584"
    assert named(environment="sandbox").environment == "sandbox"
    assert named(till="", environment="simulator").pk == world.account.pk
    with pytest.raises(UnknownAccount, match="no such"):
        named(environment="production")


# --- the doctor ----------------------------------------------------------------------------------------------------


def standing(**more: str) -> dict[str, Finding]:
    config = load({"RUFAA_SECRET_KEYS": KEYS[0], "RUFAA_MODE": "development", "RUFAA_PUBLIC_URL": HERE, **more})
    accounts, _ = mpesa.stored(KEYS, None)
    return {each.code: each for each in mpesa.standing(accounts, config)}


def test_the_doctor_warns_of_a_held_account_and_not_of_the_prompts_that_wait_there(world: World, database: str) -> None:
    assert standing()["account-held"].state is State.OK
    world.prompted(RINGS)
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="amina"))
    advance(300)

    found = standing()["account-held"]
    due = {each.code: each for each in looks.look(load({"DATABASE_URL": database}))[1]}["prompts-due"]

    assert found.state is State.WARNING
    assert found.found == (
        f"Paybill {CODE} (simulator): prompts are on hold since 5 min, by amina: M-Pesa is down."
        " Waiting: 1, each for half an hour at most."
    )
    assert found.do == f"When they may go out again: rufaa account release {CODE}"
    assert (due.state, due.found) == (State.OK, "Prompts that wait to be sent: 0.")


def test_the_doctor_warns_where_c2b_is_not_registered_or_elsewhere(world: World) -> None:
    found = standing()["c2b-registered"]
    assert (found.state, found.do) == (State.WARNING, f"Run: rufaa account register-c2b {CODE}")
    assert standing(MPESA_CALLBACKS="none", MPESA_ENVIRONMENT="simulator")["c2b-registered"].state is State.OK

    execute("UPDATE mpesa_account SET c2b_registered_at = rufaa_now(), c2b_urls_for = %(here)s", here=HERE)
    assert standing()["c2b-registered"].state is State.OK
    moved = standing(RUFAA_PUBLIC_URL="https://new.hospital.co.ke")["c2b-registered"]
    assert moved.state is State.WARNING
    assert f"told of at {HERE}; RUFAA_PUBLIC_URL is https://new.hospital.co.ke" in moved.found


def notice(world: World, kind: str = "c2b", *, trusted: bool = True) -> None:
    execute(
        "INSERT INTO inbox (kind, subject, source, trusted, body)"
        " VALUES (%(kind)s, %(account)s, '127.0.0.1', %(trusted)s, '')",
        kind=kind,
        account=world.account.pk,
        trusted=trusted,
    )


@pytest.mark.parametrize(("kind", "trusted"), [("c2b", True), ("c2b", False), ("c2b-validation", True)])
def test_a_notice_from_safaricom_proves_that_c2b_is_registered(world: World, kind: str, trusted: bool) -> None:
    notice(world, kind, trusted=trusted)

    proved = kind == "c2b" and trusted
    assert standing()["c2b-registered"].state is (State.OK if proved else State.WARNING)


def test_the_doctor_warns_where_pull_is_not_registered(world: World) -> None:
    found = standing()["pull-registered"]
    assert found.state is State.WARNING
    assert found.do.startswith("Set MPESA_NOMINATED_NUMBER")

    def nominate(tx: Any) -> None:
        account = MpesaAccount.objects.get(pk=world.account.pk)
        known = replace(facilities.credentials_of(account, keys=KEYS), nominated_number=RINGS)
        facilities.keep_account(tx, known, keys=KEYS, pushes_per_s=5, queries_per_min=5)

    unit(nominate)
    assert standing()["pull-registered"].do == f"Run: rufaa account register-pull {CODE}"
    execute("UPDATE mpesa_account SET pull_registered_at = rufaa_now()")
    assert standing()["pull-registered"].state is State.OK


def test_the_doctor_warns_where_a_short_code_that_is_told_of_has_two_accounts(world: World, rufaa: Any) -> None:
    execute("UPDATE mpesa_account SET c2b_registered_at = rufaa_now(), c2b_urls_for = %(here)s", here=HERE)
    execute("UPDATE mpesa_account SET pull_registered_at = rufaa_now()")
    execute("UPDATE mpesa_access SET pull_at = rufaa_now()")
    another_account(world, till_number="300584")
    for code in ("c2b-registered", "pull-registered"):
        found = standing()[code]
        assert found.state is State.WARNING
        assert "another account here has this short code" in found.found
        assert found.do.endswith(f"rufaa account forget-registration {CODE} --till '' --environment simulator")

    forgotten = rufaa("forget-registration", CODE, "--till", "")

    assert (
        forgotten.stdout == f"{CODE} is noted as not registered, for C2B and for Pull, which is not asked any more.\n"
    )
    assert {standing()[code].state for code in ("c2b-registered", "pull-registered")} == {State.OK}
    assert value("SELECT pull_at FROM mpesa_access WHERE account_id = %(id)s", id=world.account.pk) is None
    notice(world)
    assert standing()["c2b-registered"].state is State.WARNING  # the portal has it still


def test_the_doctor_asks_about_them(world: World, run: Any, database: str) -> None:
    unit(lambda tx: hold.hold(tx, world.account.pk, reason="M-Pesa is down", by="amina"))

    done = run("doctor", "--no-network", DATABASE_URL=database, RUFAA_MODE="development")

    lines = done.stdout.splitlines()
    for code in ("account-held", "c2b-registered", "pull-registered"):
        assert len([line for line in lines if line.startswith(f"WARNING      {code}: Paybill {CODE}")]) == 1, code
