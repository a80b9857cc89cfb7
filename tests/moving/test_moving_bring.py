"""Bringing an export over, on PostgreSQL: what becomes of each document, that no word is taken for money, and that
nothing is lost, done twice, or done by half."""

from __future__ import annotations

import json
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from moving.exports import CREATED, convex_id, payment, people, referral, write
from notices.ground import tells
from rufaa.cli.import_convex import moved
from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.queries import UnknownFacility, UnknownUser
from rufaa.facilities.rights import Role
from rufaa.moving.export import BadExport
from rufaa.moving.operations import Choices
from rufaa.payments import claims
from rufaa.referrals.machine import Status
from support import (
    Running,
    World,
    advance,
    check_books,
    execute,
    number_of_today,
    rows,
    unchanged,
    value,
    wait_until,
)

BY: Final = Choices(by="operator")
Tables = Mapping[str, Iterable[dict[str, Any] | bytes]]
Move = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def move(world: World, tmp_path: Path) -> Move:
    """Bring these tables over, and give the report's lines; ``yes=False`` tries it only."""

    def run(tables: Tables, *, yes: bool = True, choices: Choices = BY) -> list[dict[str, Any]]:
        export, report = write(tmp_path / "export.zip", tables), tmp_path / "report.jsonl"
        moved(export, choices, yes=yes, report=report)
        check_books()
        return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]

    return run


def tables(*referrals: dict[str, Any] | bytes, payments: Iterable[dict[str, Any] | bytes] = ()) -> Tables:
    return {"users": people(), "referrals": referrals, "payments": payments}


def here(number: int = 1) -> dict[str, Any]:
    """The referral that the document of this number became."""
    (row,) = rows(
        "SELECT referral.*, particulars.name, particulars.phone, particulars.payer_phone, particulars.email,"
        " particulars.date_of_birth, particulars.external_id, particulars.national_id, particulars.booked_date,"
        " particulars.booked_time FROM referral JOIN particulars ON particulars.id = particulars_id"
        " WHERE former_id = %(id)s",
        id=convex_id(number),
    )
    return row


def outcomes(report: list[dict[str, Any]], table: str = "referrals") -> list[tuple[str, list[str]]]:
    return [(line["outcome"], line["why"]) for line in report if line["table"] == table]


def tasks() -> list[tuple[str, str]]:
    return [(row["kind"], row["why"]) for row in rows("SELECT kind, why FROM task ORDER BY opened_at, kind")]


# --- referrals -------------------------------------------------------------------------------------------------------


def test_a_referral_comes_with_all_that_it_has(world: World, move: Move) -> None:
    document = referral(
        1,
        status="awaiting-biodata",
        priority="Urgent",
        patientPhone="0708 000 001",
        stkPhoneNumber="+254708374149",
        patientEmail="jane@example.org",
        patientDateOfBirth="1990-02-03T00:00:00.000Z",
        patientNationalId=12345678,
        bookedDate="2026-03-04",
        bookedTime="09:30",
    )

    report = move(tables(document))

    row = here()
    assert outcomes(report) == [("brought", [])]
    assert (row["state"], row["priority"], row["token"]) == ("awaiting-biodata", "Urgent", document["referralToken"])
    assert (row["referring_id"], row["receiving_id"]) == (world.uhuru.pk, world.tumaini.pk)
    assert (row["physician_id"], row["created_by_id"]) == (world.physician.user, world.operator.user)
    assert row["created_at"].timestamp() * 1000 == CREATED + 1
    assert row["id"].int >> 80 == int(CREATED + 1)  # so that lists have it in its place
    assert (row["medical_history"], row["diagnosis"]) == ("none", "fracture")
    assert json.loads(row["lab_results"]) == ["Hb 11", "MPS negative"]
    assert (row["name"], row["external_id"], row["national_id"]) == ("Jane Wafula 1", "UHC-7", "12345678")
    assert (row["phone"], row["payer_phone"]) == ("254708000001", "254708374149")
    assert (row["email"], row["date_of_birth"]) == ("jane@example.org", "1990-02-03")
    assert (row["booked_date"], row["booked_time"]) == ("2026-03-04", "09:30")
    moves = rows("SELECT event, actor FROM history WHERE machine = 'referral' ORDER BY id")
    assert [(each["event"], each["actor"]) for each in moves] == [
        ("create", world.operator.user),
        ("approve", world.operator.user),
    ]


@pytest.mark.parametrize("priority", ["Routine", "Emergency"])
@pytest.mark.parametrize("status", list(Status))
def test_every_status_comes_as_far_as_the_law_lets_it(world: World, move: Move, status: Status, priority: str) -> None:
    tells(world)
    paid_there = status in {Status.PAID, Status.CONFIRMED, Status.COMPLETED}
    stops = paid_there and (priority == "Routine" or status is Status.PAID)

    report = move(tables(referral(1, status=status.value, priority=priority, stkPhoneNumber="254708374149")))

    row = here()
    assert row["state"] == ("pending-payment" if stops else status)
    why = [f"There it is {status}; here it is pending-payment, until its money is proved."] if stops else []
    assert outcomes(report) == [("brought", why)]
    assert rows("SELECT 1 FROM prompt") == rows("SELECT 1 FROM receipt") == [], "nothing is sent, nothing is paid"
    assert rows("SELECT 1 FROM notice") == [], "and nobody is told of what happened long ago"
    assert [kind for kind, _ in tasks()] == (["contradiction"] if paid_there else [])
    fee = rows("SELECT state FROM fee")
    unapproved = status in {Status.PENDING_ADMIN, Status.REJECTED, Status.CANCELLED}
    assert [each["state"] for each in fee] == ([] if unapproved else ["deferred" if priority == "Emergency" else "due"])
    if status in {Status.REJECTED, Status.CANCELLED, Status.COMPLETED} and not stops:
        assert row["reason"] == "The app of before says no more."


@pytest.mark.parametrize(
    ("there", "state"),
    [
        ("pending_admin", "pending-admin"),
        (" Pending-Payment ", "pending-payment"),
        ("AWAITING BIODATA", "awaiting-biodata"),
        ("approved", "awaiting-biodata"),
        ("canceled", "cancelled"),
    ],
)
def test_other_spellings_of_a_status_are_known(world: World, move: Move, there: str, state: str) -> None:
    move(tables(referral(1, status=there, statusReason="as they said")))

    assert here()["state"] == state
    assert here()["reason"] == ("as they said" if state == "cancelled" else "")


ASIDE: Final[list[tuple[dict[str, Any], str]]] = [
    ({"status": "lost"}, f"status is none of: {', '.join(Status)}."),
    ({"status": None}, f"status is none of: {', '.join(Status)}."),
    ({"status": 7}, f"status is none of: {', '.join(Status)}."),
    ({"priority": "ASAP"}, "priority is none of: Routine, Urgent, Emergency."),
    ({"priority": None}, "priority is none of: Routine, Urgent, Emergency."),
    ({"patientName": None}, "patientName is missing."),
    ({"patientName": "   "}, "patientName must not be empty."),
    ({"patientName": "x" * 201}, "patientName has 201 characters; 200 are allowed."),
    ({"patientName": {"first": "Jane"}}, "patientName is no text."),
    ({"diagnosis": "a\x00b"}, "diagnosis has a NUL character, which no text may have."),
    ({"medicalHistory": "x" * 20_001}, "medicalHistory has 20001 characters; 20000 are allowed."),
    ({"labResults": {"Hb": "x" * 20_001}}, "labResults does not fit a text."),
    ({"_creationTime": None}, "_creationTime is no instant of these years."),
    ({"_creationTime": 1e300}, "_creationTime is no instant of these years."),
    ({"_creationTime": -1}, "_creationTime is no instant of these years."),
    ({"_id": None}, "_id is missing, or has not the form of an id of Convex."),
    ({"_id": "f" * 32}, "_id is missing, or has not the form of an id of Convex."),
    ({"_id": "a b"}, "_id is missing, or has not the form of an id of Convex."),
    ({"receivingFacility": None}, "receivingFacility is missing."),
    ({"referringHospital": None}, "referringHospital is missing."),
    (
        {"receivingFacility": "Nowhere"},
        "receivingFacility is a facility that is not here. Add it, or say which it is: --facility.",
    ),
    ({"receivingFacility": "Uhuru Health Centre"}, "It refers to the facility that it comes from."),
    (
        {"physicianId": "k17nobody"},
        "physicianId is nobody who is here. Say who it is: --person, or --physician for all.",
    ),
    (
        {"referringHospital": "Elsewhere Clinic", "status": "pending-payment"},
        "No price is set for this referral. An operator sets one: rufaa price set.",
    ),
]


def test_what_does_not_fit_is_aside_with_its_reason_and_leaves_nothing(
    world: World, move: Move, subtests: pytest.Subtests
) -> None:
    for fields, why in ASIDE:
        with subtests.test(f"{fields}"[:60]):
            document = referral(1, **fields)

            report = move(tables(document))

            labels = [line for line in report if line["table"] == "referrals"]
            assert [(line["outcome"], line["referral"]) for line in labels] == [("aside", None)]
            assert why in labels[0]["why"]
            assert value("SELECT count(*) FROM referral") == value("SELECT count(*) FROM particulars") == 0
            kept = rows("SELECT body FROM brought WHERE source = 'referrals' ORDER BY id DESC LIMIT 1")
            assert json.loads(bytes(kept[0]["body"])) == json.loads(json.dumps(document))


LEFT_OUT: Final[list[tuple[dict[str, Any], str, str]]] = [
    ({"patientPhone": "12"}, "patientPhone is no Kenyan mobile number: it is left out.", "phone"),
    ({"stkPhoneNumber": "254208374149"}, "stkPhoneNumber is no Kenyan mobile number: it is left out.", "payer_phone"),
    ({"patientPhone": ["0708374149"]}, "patientPhone is no Kenyan mobile number: it is left out.", "phone"),
    ({"patientEmail": "jane"}, "patientEmail is no e-mail address: it is left out.", "email"),
    ({"patientDateOfBirth": "3/2/90"}, "patientDateOfBirth is no date: it is left out.", "date_of_birth"),
    ({"bookedDate": 1e30}, "bookedDate is no date: it is left out.", "booked_date"),
    ({"bookedTime": "x" * 41}, "bookedTime has 41 characters; 40 are allowed: it is left out.", "booked_time"),
    ({"patientNationalId": True}, "patientNationalId is no text: it is left out.", "national_id"),
]


def test_a_field_that_does_not_fit_is_left_out_and_told(world: World, move: Move, subtests: pytest.Subtests) -> None:
    for number, (fields, why, column) in enumerate(LEFT_OUT):
        with subtests.test(why):
            document = referral(number, **fields)

            report = move(tables(document))

            assert outcomes(report) == [("brought", [why])]
            assert here(number)[column] == ""


def test_no_reason_ever_quotes_the_document(world: World, move: Move) -> None:
    secret = "Wanjiru-secret"
    documents = [
        referral(number, **fields)
        for number, fields in enumerate(
            {name: secret + "\x00"} for name in referral(1) if name not in {"_id", "_creationTime"}
        )
    ]

    report = move(tables(*documents, b'{"name": "' + secret.encode(), payments=[payment(1, 99, status=secret)]))

    assert len(report) == len(documents) + 3
    assert secret not in json.dumps(report)
    assert secret not in json.dumps([row["why"] for row in rows("SELECT why FROM brought")], default=str)


def test_labs_of_another_shape_come_as_json(world: World, move: Move) -> None:
    report = move(tables(referral(1, labResults={"Hb": 11})))

    assert outcomes(report)[0][1] == ["labResults is no text and no list of texts: it comes as JSON."]
    assert json.loads(here()["lab_results"]) == '{"Hb":11.0}'


def test_a_link_that_can_be_guessed_or_is_taken_gets_a_new_token(world: World, move: Move) -> None:
    same = referral(1)["referralToken"]

    report = move(tables(referral(1), referral(2, referralToken=same), referral(3, referralToken="REF-3")))

    assert [why for _, why in outcomes(report)] == [
        [],
        ["referralToken is another referral's: the patient's link is a new one."],
        ["referralToken can be guessed: the patient's link is a new one."],
    ]
    assert here(1)["token"] == same
    assert len({here(number)["token"] for number in (1, 2, 3)}) == 3


# --- ids, facilities and people --------------------------------------------------------------------------------------


def test_the_id_of_before_still_finds_it_for_who_may_see_it(world: World, move: Move, gateway: Running) -> None:
    move(tables(referral(1, status="awaiting-biodata")))
    former, ours = convex_id(1), here()["id"].hex

    document = gateway.do("query", "referrals:getReferral", {"referralId": former}, by=world.admin)
    assert (document["_id"], document["status"]) == (ours, "awaiting-biodata")
    assert gateway.do("query", "payments:getByReferral", {"referralId": former}, by=world.admin) == []
    status = {"referralId": former, "status": "pending-payment"}
    assert gateway.do("mutation", "referrals:updateReferralStatus", status, by=world.admin)["_id"] == ours
    for stranger in (world.stranger, world.receiver, world.operator):
        assert gateway.do("query", "referrals:getReferral", {"referralId": former}, by=stranger) is None
    for other in ("", former.upper(), former[:-1], "x" * 65, former + "\n"):
        assert gateway.do("query", "referrals:getReferral", {"referralId": other}, by=world.admin) is None
    token = {"referralToken": referral(1)["referralToken"]}
    assert gateway.do("query", "referrals:getReferralByToken", token, by=world.admin)["_id"] == ours


def test_facilities_by_the_id_in_a_table_by_another_name_and_by_default(world: World, move: Move) -> None:
    there = {
        "facilities": [{"_id": "f57abc", "_creationTime": CREATED, "name": "Tumaini Referral Hospital"}],
        **tables(
            referral(1, receivingFacility="f57abc"),
            referral(2, receivingFacility="Tumaini Hosp.", referringHospital=None),
            referral(3, receivingFacility=world.tumaini.pk.hex),
        ),
    }
    choices = Choices(
        by="operator", facilities={"Tumaini Hosp.": "Tumaini Referral Hospital"}, referring="Uhuru Health Centre"
    )

    report = move(there, choices=choices)

    assert [outcome for outcome, _ in outcomes(report)] == ["brought"] * 3
    assert {here(number)["receiving_id"] for number in (1, 2, 3)} == {world.tumaini.pk}
    assert here(2)["referring_id"] == world.uhuru.pk
    assert outcomes(report, "facilities") == [("kept", [])]


def test_people_by_name_by_email_by_choice_and_for_all(world: World, move: Move) -> None:
    def colleague(tx: Any) -> None:
        user = facilities.add_user(tx, "colleague")
        user.email = "colleague@example.org"
        user.save()
        facilities.add_member(tx, user, world.uhuru, Role.PHYSICIAN)

    unit(colleague)
    users = [*people(), {"_id": "k17other", "_creationTime": CREATED, "email": "colleague@example.org"}]
    there = {
        **tables(
            referral(1, physicianId="k17physician"),
            referral(2, physicianId="k17other"),
            referral(3, physicianId="k17third"),
            referral(4, physicianId="k17nobody"),
            referral(5, physicianId=None),
            referral(6, physicianId="physician"),
        ),
        "users": users,
    }

    move(there, choices=Choices(by="operator", people={"k17third": "second-admin"}, physician="admin"))

    named = rows("SELECT id, username FROM rufaa_user")
    names = {row["id"]: row["username"] for row in named}
    assert [names[here(number)["physician_id"]] for number in range(1, 7)] == [
        *("physician", "colleague", "second-admin", "admin", "admin", "physician"),
    ]


@pytest.mark.parametrize(
    ("choices", "refused"),
    [
        (Choices(by="nobody"), UnknownUser),
        (Choices(by="operator", physician="nobody"), UnknownUser),
        (Choices(by="operator", people={"x": "nobody"}), UnknownUser),
        (Choices(by="operator", facilities={"x": "Nowhere"}), UnknownFacility),
    ],
)
def test_a_choice_that_names_nobody_is_refused_at_once(
    world: World, move: Move, tmp_path: Path, choices: Choices, refused: type[Exception]
) -> None:
    with unchanged(), pytest.raises(refused):
        move(tables(referral(1)), choices=choices)
    assert [path.name for path in tmp_path.iterdir()] == ["export.zip"]


# --- money -----------------------------------------------------------------------------------------------------------


def test_what_is_called_paid_with_a_code_is_a_claim_and_a_task(world: World, move: Move) -> None:
    code = number_of_today("6AAAA01")
    paid = payment(1, of=1, mpesaTransactionId=f" {code.lower()} ")

    report = move(tables(referral(1, status="paid"), payments=[paid]))

    row = here()
    assert (row["state"], row["released_at"]) == ("pending-payment", None)
    assert outcomes(report, "payments") == [("brought", [])]
    (claim,) = rows("SELECT * FROM claim")
    assert (claim["number"], claim["fee_id"], claim["by"]) == (code, row["fee_id"], world.operator.user)
    assert (claim["channel"], claim["ended_at"], claim["receipt_id"]) == ("typed", None, None)
    assert claim["next_at"] is not None  # M-Pesa is asked
    assert tasks() == [("claim", f"The app of before has a payment of this referral. Its M-Pesa code is {code}.")]
    advance(3600)
    unit(claims.hand_over)
    assert len(tasks()) == 1


def test_a_payment_without_a_code_that_could_be_one_is_a_task(world: World, move: Move) -> None:
    no_code = payment(1, of=1, mpesaTransactionId="cash")
    odd = payment(2, of=2, amount=1200)

    move(tables(referral(1, status="confirmed"), referral(2, status="completed"), payments=[no_code, odd]))

    assert rows("SELECT 1 FROM claim") == []
    said = "The app of before has a payment of this referral."
    none = "There is no M-Pesa code that could be one."
    assert sorted(tasks()) == [
        ("contradiction", f"{said} It says another amount than the fee of KES 1,000.00. {none}"),
        ("contradiction", f"{said} {none}"),
    ]


def test_what_is_called_paid_with_no_payment_at_all_is_a_task(world: World, move: Move, gateway: Running) -> None:
    move(tables(referral(1, status="paid"), payments=[payment(1, of=1, status="failed")]))

    ((kind, why),) = tasks()
    assert kind == "contradiction"
    assert why == (
        "The app of before calls this referral paid, and has no payment of it."
        " There is no M-Pesa code that could be one."
    )
    (task,) = gateway.do("query", "tasks:listOpen", {"referralId": convex_id(1)}, by=world.finance)
    assert task["referralId"] == here()["id"].hex
    done = {"taskId": task["_id"], "outcome": "in the statement"}
    assert gateway.do("mutation", "tasks:close", done, by=world.finance) is True


def test_a_claim_that_money_stands_behind_pays_by_a_person(world: World, move: Move, gateway: Running) -> None:
    """The whole way: claimed there, found at M-Pesa, applied here, and only then paid."""
    from rufaa.payments import arrivals  # noqa: PLC0415
    from rufaa.payments.arrival_plan import Arrival  # noqa: PLC0415
    from rufaa.payments.machine import Channel  # noqa: PLC0415
    from rufaa.referrals.operations import fees_paid  # noqa: PLC0415
    from support import FEE  # noqa: PLC0415

    code = number_of_today("6AAAA02")
    move(tables(referral(1, status="confirmed"), payments=[payment(1, of=1, mpesaTransactionId=code)]))
    arrival = Arrival(world.account.pk, Channel.PULL, True, code, FEE)
    unit(lambda tx: arrivals.take_in(tx, [arrival], hand_on=fees_paid))
    unit(claims.hand_over)

    (waiting,) = gateway.do("query", "receipts:listUnapplied", {}, by=world.finance)
    assert waiting["proposedAccountCode"] == here()["account_code"]
    assert here()["state"] == "pending-payment"
    apply = {"receiptIds": [waiting["_id"]], "accountCode": here()["account_code"]}
    gateway.do("mutation", "receipts:apply", apply, by=world.finance)

    assert here()["state"] == "paid"
    status = {"referralId": convex_id(1), "status": "confirmed"}
    assert gateway.do("mutation", "referrals:updateReferralStatus", status, by=world.receiver)["status"] == "confirmed"
    assert [row["closed_as"] for row in rows("SELECT closed_as FROM task WHERE kind = 'claim'")] == ["confirmed"]
    check_books()


def test_a_code_of_the_time_before_can_be_typed(world: World, move: Move, gateway: Running) -> None:
    """The fee was owed there since October 2025, so a payment of then may be its own; one of before may not."""
    move(tables(referral(1, status="paid")))

    def typed(code: str) -> dict[str, Any]:
        args = {"referralId": convex_id(1), "code": code}
        return gateway.call("mutation", "receipts:typeCode", args, by=world.admin)

    early, fits = typed("TJ16AAAA01"), typed("TJC6AAAA01")  # of the 1st and of the 12th

    assert early["errorData"]["code"] == "receipt-of-another-day"
    assert fits["value"]["status"] == "asked"
    assert [row["number"] for row in rows("SELECT number FROM claim")] == ["TJC6AAAA01"]


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_money_that_is_claimed_for_what_ended_has_a_fee_to_be_claimed_for(
    world: World, move: Move, status: str
) -> None:
    code = number_of_today("6AAAA03")

    report = move(tables(referral(1, status=status), payments=[payment(1, of=1, mpesaTransactionId=code)]))

    assert here()["state"] == "cancelled"
    assert [outcome for outcome, _ in outcomes(report)] == ["brought"]
    assert outcomes(report, "payments") == [("brought", [])]
    assert [row["state"] for row in rows("SELECT state FROM fee")] == ["waived"]
    assert [kind for kind, _ in tasks()] == ["claim"]


def test_one_code_for_two_referrals_is_told(world: World, move: Move) -> None:
    code = number_of_today("6AAAA04")
    paid = [payment(number, of=number, mpesaTransactionId=code) for number in (1, 2)]

    move(tables(referral(1, status="paid"), referral(2, status="paid"), payments=paid))

    assert [("another referral" in why) for _, why in sorted(tasks())].count(True) == 1


def test_payments_that_cannot_be_claimed(world: World, move: Move) -> None:
    report = move(
        tables(
            referral(1),
            payments=[
                payment(1, of=99),
                payment(2, of=1),
                payment(3, of=1, status="pending"),
                payment(4, of=1, status="failed", errorMessage="cancelled"),
                payment(5, of=1, referralId=None),
            ],
        )
    )

    not_there = "Its referral was not brought."
    assert outcomes(report, "payments") == [
        ("aside", [not_there]),
        ("aside", ["Its referral has no fee here. Approve it, or ask for its money, and run this once more."]),
        ("kept", []),
        ("kept", []),
        ("aside", [not_there]),
    ]
    assert rows("SELECT 1 FROM claim") == rows("SELECT 1 FROM task") == []


# --- nothing lost, nothing twice, nothing by half --------------------------------------------------------------------


def test_every_document_of_every_table_is_kept_byte_for_byte(world: World, move: Move) -> None:
    odd = b'{"_id":"k17odd" ,  "_creationTime":1.0,"name":"\xc3\xa9\xf0\x9f\x98\x80","n":{"$integer":"AQAAAAAAAAA="}}'
    bad = b'{"_id": "k17bad", "name": '
    there = {
        **tables(referral(1)),
        "messages": [odd, bad],
        "_components/mail/sent": [b"{}"],
        "_storage": [b'{"_id":"s"}'],
    }

    report = move(there)

    kept = {(row["source"], bytes(row["body"])): row["outcome"] for row in rows("SELECT * FROM brought")}
    assert kept["messages", odd] == kept["_storage", b'{"_id":"s"}'] == kept["_components/mail/sent", b"{}"] == "kept"
    assert kept["messages", bad] == "aside"
    assert len(kept) == len(report) == 6
    assert [line["line"] for line in report if line["table"] == "messages"] == [1, 2]


def test_a_trial_run_changes_nothing_and_says_what_would_be_done(world: World, move: Move) -> None:
    there = tables(referral(1, status="paid"), referral(2, status="lost"), payments=[payment(1, of=1)])

    with unchanged():
        tried = move(there, yes=False)
    done = move(there)

    strip = [{name: what for name, what in line.items() if name != "referral"} for line in tried]
    assert strip == [{name: what for name, what in line.items() if name != "referral"} for line in done]
    assert outcomes(done)[0][0] == "brought"


def test_a_second_run_brings_only_what_is_new(world: World, move: Move) -> None:
    first, second = referral(1, status="paid"), referral(2)
    paid = payment(1, of=1)
    move(tables(first, payments=[paid]))

    with unchanged():
        again = move(tables(first, payments=[paid]))
    more = move(tables(first, second, payments=[paid, payment(2, of=2, status="pending")]))

    assert [(line["outcome"], line["before"]) for line in again] == [
        ("brought", True),
        ("brought", True),
        ("kept", True),
    ]
    assert [(line["table"], line["outcome"]) for line in more if not line["before"]] == [
        ("referrals", "brought"),
        ("payments", "kept"),
    ]
    assert {line["referral"] for line in again if line["table"] == "referrals"} == {here()["id"].hex}
    assert value("SELECT count(*) FROM referral") == 2
    assert len(tasks()) == 1


def test_what_was_aside_comes_once_it_fits(world: World, move: Move) -> None:
    waits, paid = referral(1, receivingFacility="New Hospital", status="paid"), payment(1, of=1)
    first = move(tables(waits, payments=[paid]))
    again = move(tables(waits, payments=[paid]))
    unit(lambda tx: facilities.add_facility(tx, "New Hospital"))

    last = move(tables(waits, payments=[paid]))

    assert [outcome for outcome, _ in outcomes(first) + outcomes(first, "payments")] == ["aside", "aside"]
    assert outcomes(again) == outcomes(first)
    assert [line["outcome"] for line in last if line["table"] != "users"] == ["brought", "brought"]
    assert value("SELECT count(*) FROM brought WHERE source <> 'users'") == 2
    assert value("SELECT count(*) FROM brought WHERE outcome = 'aside'") == 0
    assert len(tasks()) == 1


def test_a_document_that_was_mended_there_comes_and_its_old_version_stays(world: World, move: Move) -> None:
    move(tables(referral(1, priority="ASAP")))

    move(tables(referral(1, priority="Urgent")))

    assert here()["priority"] == "Urgent"
    versions = rows("SELECT outcome, why::text FROM brought WHERE source = 'referrals' ORDER BY id")
    assert [(row["outcome"], row["why"]) for row in versions] == [
        ("kept", '["A later version of it was brought."]'),
        ("brought", "[]"),
    ]


def test_what_changed_there_since_is_kept_and_told_and_nothing_here_changes(world: World, move: Move) -> None:
    move(tables(referral(1)))
    before = here()

    report = move(tables(referral(1, status="cancelled")))
    again = move(tables(referral(1, status="cancelled")))

    why = ["It was brought before, and has changed there since. Compare the two."]
    assert outcomes(report) == [("kept", why)]
    assert report[0]["referral"] == before["id"].hex
    assert [(line["outcome"], line["before"]) for line in again if line["table"] == "referrals"] == [("kept", True)]
    assert here() == before


def test_a_payment_that_came_since_is_claimed(world: World, move: Move) -> None:
    code = number_of_today("6AAAA05")
    move(tables(referral(1, status="pending-payment"), payments=[payment(1, of=1, status="pending")]))

    move(tables(referral(1, status="pending-payment"), payments=[payment(1, of=1, mpesaTransactionId=code)]))

    assert [row["number"] for row in rows("SELECT number FROM claim")] == [code]


def test_two_documents_of_one_id_are_one_referral(world: World, move: Move) -> None:
    report = move(tables(referral(1), referral(1), referral(1, diagnosis="burns")))

    assert [outcome for outcome, _ in outcomes(report)] == ["brought", "brought", "kept"]
    assert here()["diagnosis"] == "fracture"


def test_what_the_database_refuses_is_aside_by_the_constraints_name(world: World, move: Move) -> None:
    """A referral has the id already, and nothing says that it was brought: a database that was pieced together."""
    ours = world.referral()
    execute("UPDATE referral SET former_id = %(id)s WHERE id = %(ours)s", id=convex_id(1), ours=uuid.UUID(ours))

    report = move(tables(referral(1), referral(2)))

    (one, two) = outcomes(report)
    assert one[0] == "aside"
    assert re.fullmatch(r"The database refuses it: referral_former_id_\w+\.", one[1][0])
    assert two == ("brought", [])


def test_two_at_once_bring_everything_once(world: World, tmp_path: Path) -> None:
    export = write(tmp_path / "export.zip", tables(*(referral(number) for number in range(10))))
    said: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda name=name: said.append(moved(export, BY, yes=True, report=tmp_path / name)))
        for name in ("one", "two")
    ]
    with psycopg.connect(os.environ["DATABASE_URL"]) as holder:
        holder.execute("LOCK TABLE brought IN EXCLUSIVE MODE")  # nobody writes before both are there
        for thread in threads:
            thread.start()
        wait_until(
            lambda: value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 2,
            what="both imports waiting",
        )
    for thread in threads:
        thread.join()

    assert sorted(lines[1].split()[1] for lines in said) == ["brought", "dealt"]
    assert value("SELECT count(*) FROM referral") == 10


def test_damage_in_the_middle_leaves_nothing_done(world: World, tmp_path: Path) -> None:
    export = write(tmp_path / "export.zip", tables(*(referral(number) for number in range(200))))
    raw = bytearray(export.read_bytes())
    middle = raw.index(b"referrals/documents.jsonl") + 400
    raw[middle : middle + 20] = bytes(20)
    export.write_bytes(raw)

    with unchanged(), pytest.raises(BadExport):
        moved(export, BY, yes=True, report=tmp_path / "report.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["export.zip"]


def test_what_is_kept_is_kept_for_ever(world: World, move: Move) -> None:
    move(tables(referral(1)))
    for statement in (
        "UPDATE brought SET body = 'x'",
        "UPDATE brought SET document = 'x'",
        "DELETE FROM brought",
        "UPDATE referral SET former_id = 'x'",
    ):
        with unchanged(), pytest.raises(Exception, match=r"never changes|are kept"):
            unit(lambda tx, statement=statement: tx.execute(statement))


def test_referrals_stand_in_the_order_in_which_they_were_made_there(world: World, move: Move, gateway: Running) -> None:
    new = world.referral()

    move(tables(*(referral(number) for number in (3, 1, 2))))

    listed = gateway.do("query", "referrals:getPendingReferrals", {}, by=world.admin)
    assert [document["_id"] for document in listed] == [new, *(here(number)["id"].hex for number in (3, 2, 1))]


def test_the_history_of_a_brought_referral_is_by_who_brought_it(world: World, move: Move) -> None:
    move(tables(referral(1, status="pending-payment")))

    assert {row["actor"] for row in rows("SELECT actor FROM history")} == {world.operator.user}
    assert isinstance(here()["id"], uuid.UUID)
