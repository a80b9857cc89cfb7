"""Production mode starts with nothing of the demo, no public secret and no address that Safaricom cannot reach."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ports import free_port, port_pair
from rufaa.cli import production
from rufaa.cli.demo import PEOPLE
from rufaa.cli.production import is_weak
from rufaa.config import load
from rufaa.daraja.credentials import Credentials, Environment, InvalidCredentials, is_sandbox_passkey
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.simulator.config import DEMO_CONSUMER_KEY, DEMO_CONSUMER_SECRET, DEMO_PASSKEY
from support import KEYS, credentials, make_world, post, rows, wait_until

SANDBOX_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
"""Safaricom shows it to every developer."""

ACCOUNT = {
    "MPESA_CONSUMER_KEY": "canary-consumer-key",
    "MPESA_CONSUMER_SECRET": "canary-consumer-secret",
    "MPESA_SHORTCODE": "600100",
    "MPESA_PASSKEY": "canary-passkey",
}
LIVE = {**ACCOUNT, "MPESA_ENVIRONMENT": "production", "RUFAA_PUBLIC_URL": "https://referrals.hospital.co.ke"}


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that refused; a secret in it is a failure."""
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert "canary" not in done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("command", "settings", "says", "do"),
    [
        ("serve", {"MPESA_ENVIRONMENT": "simulator"}, "MPESA_ENVIRONMENT=simulator", "RUFAA_MODE=development"),
        ("worker", {"MPESA_ENVIRONMENT": "simulator"}, "MPESA_ENVIRONMENT=simulator", "RUFAA_MODE=development"),
        ("migrate", {"MPESA_ENVIRONMENT": "simulator"}, "MPESA_ENVIRONMENT=simulator", "RUFAA_MODE=development"),
        ("serve", {"RUFAA_SECRET_KEYS": "changeme-" * 4}, "a key that can be guessed", "openssl rand -hex 32"),
        ("serve", {**LIVE, "RUFAA_PUBLIC_URL": ""}, "RUFAA_PUBLIC_URL is not set", "RUFAA_PUBLIC_URL=https://"),
        ("gateway", {**LIVE, "RUFAA_PUBLIC_URL": "http://rufaa.or.ke"}, "production needs https", "https://"),
        ("serve", {**LIVE, "MPESA_SHORTCODE": "174379"}, "174379 is the sandbox's", "needs your own"),
        ("serve", {**LIVE, "MPESA_PASSKEY": SANDBOX_PASSKEY}, "the passkey is the sandbox's", "by e-mail"),
        ("serve", {**LIVE, "MPESA_CONSUMER_KEY": DEMO_CONSUMER_KEY}, "consumer key is the simulator's", ""),
        ("serve", {**LIVE, "MPESA_CALLBACKS": "none"}, "MPESA_CALLBACKS=none is for trying", "sandbox or simulator"),
    ],
)
def test_a_start_is_refused_with_what_to_set(
    run: Any, tmp_path: Path, command: str, settings: dict[str, str], says: str, do: str
) -> None:
    line = only_line(run(command, RUFAA_LOG="plain", **settings))

    assert line.startswith("rufaa: ")
    assert says in line
    assert do in line
    assert SANDBOX_PASSKEY not in line
    assert not (tmp_path / "data").exists()  # nothing was made


def test_development_takes_what_production_refuses() -> None:
    given = {"RUFAA_MODE": "development", "MPESA_ENVIRONMENT": "simulator", "RUFAA_SECRET_KEYS": "changeme-" * 4}

    assert production.of_settings(load(given)) == []
    assert [each.code for each in production.of_settings(load({**given, "RUFAA_MODE": "production"}))] == [
        "weak-secret-key",
        "simulator-in-production",
    ]


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1", "its host is not public"),
        ("https://mpesa.hospital.co.ke", "contains 'mpesa'"),
        ("https://a.ngrok.io", "it uses ngrok"),
    ],
)
def test_an_address_that_safaricom_would_refuse_is_refused_in_every_mode(url: str, says: str) -> None:
    for mode in ("production", "development"):
        (refusal,) = production.of_settings(load({**LIVE, "RUFAA_PUBLIC_URL": url, "RUFAA_MODE": mode}))
        assert (refusal.code, says in refusal.found) == ("public-url", True)


def test_a_server_without_an_account_or_with_the_sandboxs_may_start() -> None:
    sandbox = {**ACCOUNT, "MPESA_ENVIRONMENT": "sandbox", "MPESA_SHORTCODE": "174379", "MPESA_PASSKEY": SANDBOX_PASSKEY}
    for given in ({}, sandbox, {**sandbox, "MPESA_CALLBACKS": "none"}, LIVE):
        production.check_settings(load({**given, "RUFAA_SECRET_KEYS": KEYS[0]}))


@pytest.mark.parametrize(
    ("key", "weak"),
    [
        ("0" * 32, True),
        ("0123456789abcdef" * 2, True),
        ("0123456789abcdef" * 2 + "0123", True),
        ("aabbccddaabbccddaabbccddaabbccdf", True),
        ("django-insecure-9f0q2m3k4j5h6g7f8d9s", True),
        ("your-very-long-and-random-secret-key", True),
        ("please CHANGE_ME before you go live!", True),
        (KEYS[0], False),
    ],
)
def test_which_keys_can_be_guessed(key: str, weak: bool) -> None:
    assert is_weak(key) is weak


def test_a_key_of_chance_is_never_weak() -> None:
    assert not any(is_weak(secrets.token_hex(16)) for _ in range(2000))


def test_the_public_values_are_known() -> None:
    assert is_sandbox_passkey(SANDBOX_PASSKEY)
    assert not is_sandbox_passkey(SANDBOX_PASSKEY[:-1] + "0")
    with pytest.raises(InvalidCredentials) as refused:
        Credentials(
            environment=Environment.SANDBOX,
            base_url="https://sandbox.safaricom.co.ke",
            short_code="174379",
            till_number=None,
            kind=credentials("http://127.0.0.1:1").kind,
            consumer_key=DEMO_CONSUMER_KEY,
            consumer_secret=DEMO_CONSUMER_SECRET,
            passkey=DEMO_PASSKEY,
        )
    assert len(refused.value.problems) == 3


def live_account() -> None:
    live = Credentials(
        environment=Environment.PRODUCTION,
        base_url="https://api.safaricom.co.ke",
        short_code="600100",
        till_number=None,
        kind=credentials("http://127.0.0.1:1").kind,
        consumer_key="canary-consumer-key",
        consumer_secret="canary-consumer-secret",
        passkey="canary-passkey",
    )
    unit(lambda tx: facilities.keep_account(tx, live, keys=KEYS, pushes_per_s=5, queries_per_min=5))


def test_a_database_of_the_demo_is_refused(database: str, run: Any) -> None:
    make_world()  # with the simulator's account

    line = only_line(run("gateway", DATABASE_URL=database))

    assert "has a simulator's account: it was filled by the demo" in line
    assert "RUFAA_DATA" in line


def test_serve_refuses_the_demos_database_without_an_account_of_its_own_too(database: str, run: Any) -> None:
    make_world()

    done = run("serve", DATABASE_URL=database, RUFAA_PORT=str(free_port()))

    assert "has a simulator's account" in only_line(done)


def environments() -> list[str]:
    return [row["environment"] for row in rows("SELECT environment FROM mpesa_account ORDER BY environment")]


def test_serve_refuses_a_database_with_the_demos_people_and_stores_nothing_there(database: str, run: Any) -> None:
    for name, (full_name, _) in PEOPLE.items():
        unit(lambda tx, name=name, full_name=full_name: facilities.add_user(tx, name, full_name=full_name))  # type: ignore[misc]

    done = run("serve", **LIVE, DATABASE_URL=database, RUFAA_PORT=str(free_port()))

    assert "has the demo's people" in only_line(done)
    assert environments() == []  # else the demo could not go on with it, either


def test_the_demo_started_over_a_real_database_by_mistake_spoils_nothing(database: str, run: Any) -> None:
    live_account()
    port = port_pair()

    done = run("demo", DATABASE_URL=database, RUFAA_PORT=str(port))

    assert "This database has a real M-Pesa account" in only_line(done)
    assert environments() == ["production"]
    assert rows("SELECT * FROM rufaa_user") == []
    production.check_database(load({**LIVE, "RUFAA_SECRET_KEYS": KEYS[0]}))


def test_the_simulator_is_kept_out_of_a_real_database_in_development_too(database: str) -> None:
    live_account()
    trying = {"RUFAA_MODE": "development", "MPESA_ENVIRONMENT": "simulator", "RUFAA_SECRET_KEYS": KEYS[0]}

    found = production.of_database(load(trying))

    assert [each.code for each in found] == ["real-database"]


def test_a_person_with_a_name_like_one_of_the_demos_is_nobodys_demo(database: str) -> None:
    unit(lambda tx: facilities.add_user(tx, "finance", full_name="Njeri Mwangi"))

    assert production.of_database(load({"RUFAA_SECRET_KEYS": KEYS[0]})) == []


def test_a_stored_account_of_production_wants_a_public_address_of_every_node(database: str, run: Any) -> None:
    live_account()

    line = only_line(run("worker", DATABASE_URL=database))

    assert "RUFAA_PUBLIC_URL is not set" in line


def test_a_stored_account_of_production_wants_callbacks(database: str) -> None:
    live_account()
    trial = {"RUFAA_PUBLIC_URL": LIVE["RUFAA_PUBLIC_URL"], "MPESA_ENVIRONMENT": "sandbox", "MPESA_CALLBACKS": "none"}

    found = production.of_database(load({**trial, "RUFAA_SECRET_KEYS": KEYS[0]}))

    assert [each.code for each in found] == ["no-callbacks-in-production"]


def test_a_production_gateway_knows_no_demo_people_and_shows_no_debug_page(
    database: str, environ: dict[str, str], tmp_path: Path
) -> None:
    # given: a server without any account, whose environment asks for everything that shows insides
    unit(lambda tx: facilities.add_user(tx, "admin", full_name="Achieng Otieno"))
    port = free_port()
    (tmp_path / "opened.py").write_text("from rufaa.settings import *\nDEBUG = True\n")
    asked = {"DEBUG": "1", "DJANGO_DEBUG": "true", "DJANGO_SETTINGS_MODULE": "opened"}
    path = f"{environ['PYTHONPATH']}:{tmp_path}"
    gateway = subprocess.Popen(
        [sys.executable, "-m", "rufaa", "gateway"],
        cwd=tmp_path,
        env={**environ, **asked, "PYTHONPATH": path, "DATABASE_URL": database, "RUFAA_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: gateway.poll() is not None or answered(f"{url}/healthz")[0] == 200, what="its health")

        status, page = answered(f"{url}/no/such/page")
        assert status == 404
        assert "DEBUG" not in page
        assert "urlconf" not in page.lower()
        body = {
            "path": "referrals:getReferral",
            "args": {"referralId": "0" * 32, "demoUserId": "admin"},
            "format": "json",
        }
        answer = post(f"{url}/api/query", body).json
        assert answer["status"] == "error"
        assert answer["errorData"]["code"] == "not-signed-in"
    finally:
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(30) is not None


def answered(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
