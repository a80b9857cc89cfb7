"""``rufaa doctor`` as an operator runs it: on a new machine, with wrong settings, where nothing answers, and well."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from demo_process import ROOT
from rufaa.cli.diagnosis import finding
from rufaa.cli.diagnosis.finding import CODES
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.simulator.testing import RunningSimulator
from support import KEYS, RINGS, Running, Worker, World, requests_to, unchanged

PHONE_NAMED: Final = "254708000001"
SECRETS: Final = ("demo-key", "demo-secret", "demo-passkey", KEYS[0], "canary")


def of_simulator(simulator: RunningSimulator) -> dict[str, str]:
    return {
        "RUFAA_MODE": "development",
        "MPESA_ENVIRONMENT": "simulator",
        "MPESA_BASE_URL": simulator.url,
        "MPESA_CONSUMER_KEY": "demo-key",
        "MPESA_CONSUMER_SECRET": "demo-secret",
        "MPESA_SHORTCODE": "174379",
        "MPESA_PASSKEY": "demo-passkey",
        "MPESA_PUSHES_PER_S": "1000",
    }


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON of a command that said nothing else, and shows no secret and no phone."""
    assert done.stderr == ""
    check_nothing_is_shown(done.stdout)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["sound"] else 1)
    assert set(told) == {"version", "at", "sound", "counts", "findings"}
    return told


def check_nothing_is_shown(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []
    assert re.findall(r"(?:254|0)[17]\d{8}", text) == []
    assert "Wafula" not in text


def states(told: dict[str, Any]) -> dict[str, str]:
    return {each["code"]: each["state"] for each in told["findings"]}


def test_a_new_machine_offline_has_no_problem_and_nothing_is_made(run: Any, tmp_path: Path) -> None:
    told = report(run("doctor", "--json", "--no-network", RUFAA_SECRET_KEYS=""))

    assert told["sound"] is True
    seen = states(told)
    assert seen["database"] == seen["secret-keys"] == seen["public-health"] == "not checked"
    assert seen["public-url"] == "warning"
    assert not (tmp_path / "data").exists()


def test_every_wrong_setting_is_a_finding_and_the_rest_is_looked_at(run: Any) -> None:
    done = run(
        "doctor",
        "--no-network",
        RUFAA_PORT="http",
        RUFAA_SECRET_KEYS="canary-too-short",
        RUFAA_PUBLIC_URL="https://amina:canary-password@rufaa.or.ke",
        DATABASE_URL="mysql://u:canary-password@localhost",
        MPESA_ENVIRONMENT="sandbox",
        MPESA_CONSUMER_KEY="'canary-quoted'",
        MPESA_PASKEY="canary-passkey",
    )

    assert done.returncode == 1
    assert done.stderr == ""
    check_nothing_is_shown(done.stdout)
    lines = done.stdout.splitlines()
    for name in ("RUFAA_PORT", "RUFAA_SECRET_KEYS", "RUFAA_PUBLIC_URL", "DATABASE_URL"):
        assert any(line.startswith(f"PROBLEM      settings: {name}") for line in lines), name
    assert "             → Take it away. Did you mean MPESA_PASSKEY?" in lines
    for missing in ("MPESA_CONSUMER_SECRET is missing", "MPESA_SHORTCODE is missing", "MPESA_PASSKEY is missing"):
        assert f"PROBLEM      mpesa-settings: {missing}." in lines
    assert any("MPESA_CONSUMER_KEY begins with a quotation mark" in line for line in lines)
    assert any(line.startswith("OK           disk-space: ") for line in lines)
    assert lines[-1].startswith("8 problems, ")


def test_a_production_that_would_not_start_is_told_why(run: Any) -> None:
    settings = {"MPESA_ENVIRONMENT": "simulator", "RUFAA_SECRET_KEYS": "changeme-" * 4}

    seen = states(report(run("doctor", "--json", "--no-network", **settings)))

    assert (seen["simulator-in-production"], seen["weak-secret-key"]) == ("problem", "problem")


def test_a_node_without_the_key_over_the_demos_database_is_told_both_and_makes_no_key(
    world: World, database: str, run: Any, tmp_path: Path
) -> None:
    told = report(run("doctor", "--json", "--no-network", DATABASE_URL=database, RUFAA_SECRET_KEYS=""))

    seen = states(told)
    assert (seen["mpesa-keys"], seen["demo-database"]) == ("problem", "problem")
    assert (seen["database"], seen["database-migrated"]) == ("ok", "ok")
    assert not (tmp_path / "data").exists()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


def test_it_ends_in_time_where_nothing_answers(run: Any) -> None:
    with silent() as port:
        began = time.monotonic()
        told = report(
            run(
                "doctor",
                "--json",
                DATABASE_URL=f"postgresql://u:canary-password@127.0.0.1:{port}/rufaa",
                RUFAA_PUBLIC_URL=f"https://127.0.0.1:{port}",
                RUFAA_MODE="development",
                MPESA_ENVIRONMENT="simulator",
                MPESA_BASE_URL=f"http://127.0.0.1:{port}",
                MPESA_CONSUMER_KEY="canary-key",
                MPESA_CONSUMER_SECRET="canary-secret",
                MPESA_SHORTCODE="174379",
                MPESA_PASSKEY="canary-passkey",
            )
        )
        took_s = time.monotonic() - began

    seen = states(told)
    assert took_s < 40  # 17 of its own, and the start of Python on a busy machine
    assert (seen["database"], seen["public-tls"], seen["public-health"]) == ("problem", "problem", "warning")
    # while the database cannot be asked, a token is left alone: a new one could kill the one that workers use
    assert seen["mpesa-token"] == "not checked"


def test_a_server_that_is_well_has_no_problem_and_is_not_changed(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, run: Any
) -> None:
    # given: work in hand, somebody whose name is a phone number, and a token that workers use
    town.prompted(RINGS)
    unit(lambda tx: facilities.add_user(tx, PHONE_NAMED))
    worker.dispatch()
    assert len(requests_to(simulator, "/oauth/")) == 1
    settings = {**of_simulator(simulator), "DATABASE_URL": gateway.config.database_url, "RUFAA_PUBLIC_URL": gateway.url}

    # when
    with unchanged():
        told = report(run("doctor", "--json", **settings))

    # then: nothing is wrong, everything was looked at, and the token in use is left alone
    assert told["counts"]["problem"] == 0, [each for each in told["findings"] if each["state"] == "problem"]
    assert told["counts"]["not checked"] == 0
    seen = states(told)
    assert seen["public-callback-path"] == seen["public-body"] == seen["public-health"] == "ok"
    assert seen["mpesa-token"] == seen["mpesa-keys"] == seen["mpesa-stored"] == "ok"
    assert seen["people-without-role"] == "warning"
    assert len(requests_to(simulator, "/oauth/")) == 1
    assert all(bool(each["do"]) == (each["state"] in {"warning", "problem"}) for each in told["findings"])


def test_the_token_it_asks_for_is_the_one_that_workers_use(
    town: World, simulator: RunningSimulator, gateway: Running, worker: Worker, run: Any
) -> None:
    settings = {**of_simulator(simulator), "DATABASE_URL": gateway.config.database_url, "RUFAA_PUBLIC_URL": gateway.url}

    done = run("doctor", **settings)
    _, prompt = town.prompted(RINGS)
    worker.dispatch()

    assert "OK           mpesa-token: Paybill 174379 (simulator): Safaricom gave a token" in done.stdout
    assert town.prompt(prompt)["state"] == "pending"
    assert len(requests_to(simulator, "/oauth/")) == 1


def test_each_code_is_told_by_somebody_and_none_is_told_that_is_not_listed() -> None:
    source = Path(__file__).parents[2] / "src" / "rufaa" / "cli"
    text = "\n".join(path.read_text() for path in [*source.glob("diagnosis/*.py"), source / "production.py"])
    told = set(re.findall(r'\b(?:ok|warning|problem|not_checked|make|compared|Refusal)\(\s*"([a-z0-9-]+)"', text))
    told |= set(re.findall(r'^        \("([a-z0-9-]+)", "[a-z_]+", ".*"\),$', text, re.MULTILINE))  # the queues' table

    assert told == set(CODES)


@pytest.mark.parametrize("state", ["warning", "problem"])
def test_what_is_wrong_says_what_to_do(state: str) -> None:
    with pytest.raises(AssertionError):
        getattr(finding, state)("mode", "It is wrong.", "")


def test_the_guide_names_codes_that_there_are() -> None:
    text = (ROOT / "docs" / "howto" / "go-live.md").read_text()
    shown = re.findall(r"^   (?:OK|WARNING|PROBLEM|NOT CHECKED) +([a-z0-9-]+): ", text, re.MULTILINE)
    cited = re.findall(r"`([a-z0-9-]+)` in `rufaa doctor`", text)

    assert len(shown) > 5
    assert set(shown) | (set(cited) - {"public-"}) <= set(CODES)
