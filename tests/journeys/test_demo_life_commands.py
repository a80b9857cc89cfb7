"""The commands beside a running demo: each a process of its own, on the demo's data folder."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import warm
from demo_process import CANCELS, PAYS, ROOT, Demo
from support import post, wait_until

MOVES = [
    "The referral was made. By physician.  [referral pending-admin]",
    "The fee was raised. By admin.  [fee due]",
    "Prompt 1 to 254708***000 was asked for. By admin.  [prompt created]",
    "M-Pesa took prompt 1: the phone rings.  [prompt pending]",
    "Prompt 1 is paid.  [prompt paid]",
    "The fee is paid.  [fee paid]",
    "The money was seen: the referral is paid.  [referral paid]",
]


@pytest.fixture(scope="module")
def paid(demo: Demo) -> dict[str, Any]:
    """A paid referral's document, and its one attempt."""
    referral = demo.pay()
    (attempt,) = demo.payments(referral)
    return {**demo.referral(referral), "attempt": attempt}


def said(demo: Demo, *arguments: str) -> str:
    """The output of a command that must succeed."""
    done = demo.rufaa(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def refused(demo: Demo, *arguments: str) -> str:
    """The one line of a command that must fail."""
    done = demo.rufaa(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def as_(demo: Demo, token: str, path: str, args: dict[str, Any], *, kind: str = "query") -> Any:
    body = {"path": path, "args": args, "format": "json"}
    return post(f"{demo.url}/api/{kind}", body, Authorization=f"Bearer {token}").json


# --- explain ------------------------------------------------------------------------------------------------------


def test_explain_tells_the_story_from_the_referral(demo: Demo, paid: dict[str, Any]) -> None:
    story = said(demo, "explain", paid["_id"])

    lines = story.splitlines()
    assert lines[0] == f"Referral {paid['_id']}, account code {paid['accountCode']}"
    assert lines[1].startswith("  The fee of KES 1,000.00 is paid; the referral is paid.")
    assert "Tumaini Referral Hospital" in lines[1]
    told = [line[len("  2026-11-23 09:56:46  ") :] for line in lines[2:-1]]
    assert [line for line in told if line in MOVES] == MOVES
    receipt = paid["payment"]["receipt"]
    assert (
        f"Safaricom's callback about prompt 1 says 0 (The payment was made), receipt {receipt}: it is believed." in told
    )
    assert lines[-1] == f"  Receipt {receipt} of KES 1,000.00 paid the fee."
    for secret in (paid["patientName"], paid["diagnosis"], "Wafula", paid["stkPhoneNumber"], paid["referralToken"]):
        assert secret not in story


@pytest.mark.parametrize("clue", ["prompt", "receipt", "small code", "checkout", "local phone"])
def test_explain_finds_the_same_story_by_every_clue(demo: Demo, paid: dict[str, Any], clue: str) -> None:
    attempt = paid["attempt"]
    clues = {
        "prompt": attempt["_id"],
        "receipt": attempt["mpesaTransactionId"],
        "small code": paid["accountCode"].lower(),
        "checkout": attempt["stkRequestId"],
        "local phone": "0708 000 000",
    }

    assert said(demo, "explain", paid["_id"]).strip() in said(demo, "explain", clues[clue])


def test_explain_says_why_a_prompt_was_not_paid(demo: Demo) -> None:
    referral = demo.waiting()
    demo.ring(referral, CANCELS)
    wait_until(lambda: demo.payments(referral)[0]["status"] == "failed", what="the cancelled prompt")

    story = said(demo, "explain", referral)

    assert "The fee of KES 1,000.00 is due; the referral is pending-payment." in story
    assert (
        "Safaricom's callback about prompt 1 says 1032 (The request was cancelled on the phone): it is believed."
        in story
    )
    assert story.endswith("  No money has been seen.\n")


def test_explain_knows_when_it_knows_nothing(demo: Demo) -> None:
    assert refused(demo, "explain", "UKN0000000").startswith("rufaa: Nothing is known by 'UKN0000000'.")


# --- reconcile and replay -------------------------------------------------------------------------------------------


def test_reconcile_says_what_is_open_and_how_by_its_exit_status(demo: Demo) -> None:
    """3: a person is needed, as the demo's finance people are for money that names no referral."""
    paid = post(
        f"{demo.handset}/control/phones/254708374149/pay", {"to": "174379", "reference": "RENT", "shillings": 70}
    ).json
    wait_until(lambda: "waits in unapplied" in demo.rufaa("explain", paid["receipt"]).stdout, what="the notice")

    for arguments in (("reconcile", "--dry-run"), ("reconcile", "--wait", "0")):
        done = demo.rufaa(*arguments)

        assert done.returncode == 3, done.stdout + done.stderr
        assert done.stdout.startswith("mpesa:174379\n  open ")
        assert f"(rufaa explain {paid['receipt']})" in done.stdout
    assert "Traceback" not in done.stderr


def test_replay_refuses_what_was_taken_in_or_is_not_there(demo: Demo, paid: dict[str, Any]) -> None:
    assert "It was settled: it is believed." in said(demo, "explain", paid["_id"]) + said(demo, "explain", "1")
    assert refused(demo, "replay", "1").startswith("rufaa: Stored report 1 was taken in. It is not settled again")
    assert refused(demo, "replay", "999999") == "rufaa: There is no stored report 999999."
    assert demo.rufaa("replay", "UKN0000000").returncode == 2


# --- people, facilities, prices -----------------------------------------------------------------------------------


def test_a_token_lets_a_person_in(demo: Demo, paid: dict[str, Any]) -> None:
    token = said(demo, "token", "--user", "admin", "--hours", "0.5").strip()

    answer = as_(demo, token, "referrals:getReferral", {"referralId": paid["_id"]})

    assert (answer["status"], answer["value"]["_id"]) == ("success", paid["_id"])
    assert refused(demo, "token", "--user", "nobody").startswith("rufaa: There is nobody of this name")


def test_a_facility_its_price_and_its_people_make_referrals(demo: Demo) -> None:
    first = said(demo, "facility", "add", "Baraka Dispensary").strip()
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert said(demo, "facility", "add", "Baraka Dispensary").strip() == first
    assert f"{first} Baraka Dispensary\n" in said(demo, "facility", "list")
    price = said(demo, "price", "set", "Baraka Dispensary", "250", "--payee", "Tumaini Referral Hospital")
    assert price == "Referrals of Baraka Dispensary cost KES 250.00.\n"
    added = (
        "user",
        "add",
        "amina",
        "--facility",
        "Baraka Dispensary",
        "--role",
        "administrator",
        "--full-name",
        "Amina A",
    )
    person = said(demo, *added).strip()
    assert said(demo, *added).strip() == person

    token = said(demo, "token", "--user", "amina").strip()
    new = {
        "patientName": "John Doe",
        "medicalHistory": "none",
        "labResults": "none",
        "diagnosis": "none",
        "receivingFacility": "Tumaini Referral Hospital",
        "priority": "Routine",
    }
    referral = as_(demo, token, "referrals:createReferral", new, kind="mutation")["value"]
    move = {"referralId": referral, "status": "awaiting-biodata"}
    approved = as_(demo, token, "referrals:updateReferralStatus", move, kind="mutation")["value"]

    assert (approved["referringHospital"], approved["payment"]["amount"]) == ("Baraka Dispensary", 250)


TUMAINI = ("--payee", "Tumaini Referral Hospital")
SENSELESS = [
    (("user", "add", "x", "--role", "finance"), "rufaa: Give --facility and --role together."),
    (("user", "add", "x", "--facility", "Nowhere", "--role", "finance"), "rufaa: --facility: there is no facility"),
    (("price", "set", "Nowhere", "100", *TUMAINI), "rufaa: facility: there is no facility"),
    (("price", "set", "Uhuru Health Centre", "0", *TUMAINI), "rufaa: "),
    (("price", "set", "Uhuru Health Centre", "250001", *TUMAINI), "rufaa: "),
    (
        ("price", "set", "Uhuru Health Centre", "9", *TUMAINI, "--short-code", "1"),
        "rufaa: There is no such M-Pesa account",
    ),
]


def test_what_makes_no_sense_is_one_line_and_changes_nothing(demo: Demo) -> None:
    facilities = said(demo, "facility", "list")

    for arguments, line in SENSELESS:
        assert refused(demo, *arguments).startswith(line), arguments

    assert said(demo, "facility", "list") == facilities
    assert refused(demo, "token", "--user", "x").startswith("rufaa: There is nobody of this name")
    assert demo.referral(demo.waiting())["payment"]["amount"] == 1000


def test_migrate_beside_a_running_demo_changes_nothing(demo: Demo, paid: dict[str, Any]) -> None:
    assert said(demo, "migrate") == "The database is up to date.\n"
    assert demo.referral(paid["_id"])["status"] == "paid"


def test_a_part_alone_without_a_database_says_what_it_needs(demo: Demo) -> None:
    for role in ("gateway", "worker"):
        done = demo.rufaa_elsewhere(role)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert json.loads(line)["message"] == (
            f"rufaa {role} needs a database: set DATABASE_URL, or run 'rufaa serve', which brings its own."
        )


# --- account ------------------------------------------------------------------------------------------------------


def test_the_demo_has_its_account_registered_for_payments_by_hand(demo: Demo) -> None:
    listed = said(demo, "account", "list").splitlines()

    assert listed[0] == "174379  paybill, simulator"
    assert listed[3].endswith(f"for {demo.url}")


def test_an_account_is_held_and_released_beside_a_running_worker(demo: Demo) -> None:
    referral = demo.waiting()
    said(demo, "account", "hold", "174379", "--reason", "M-Pesa is down")
    try:
        answer = demo.push(referral, PAYS)
        payment = demo.referral(referral)["payment"]
    finally:
        said(demo, "account", "release", "174379")

    assert (answer["status"], answer["paybill"], payment["held"]) == ("held", payment["paybill"], True)
    demo.wait_for_status(referral, "paid")
    assert demo.payments(referral)[0]["_id"] == answer["paymentId"]


# --- without a server -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("explain", "UKN0000000"), ("token", "--user", "admin"), ("facility", "add", "Baraka")]
)
def test_a_command_where_no_data_is_says_so_and_makes_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    data = tmp_path / "nowhere"
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("RUFAA_", "MPESA_"))}
    environ = {**environ, "RUFAA_DATA": str(data), "PYTHONPATH": str(ROOT / "src")}
    environ.pop("DATABASE_URL", None)
    environ.pop("DJANGO_SETTINGS_MODULE", None)

    done = warm.rufaa(*arguments, env=environ, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rufaa: There is no server's data in {data}.")
    assert not data.exists()
