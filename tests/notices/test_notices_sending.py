"""A notice on its way: once through each gateway, whatever the network and the worker do."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, time
from typing import Any, Final

import pytest

from appointments.ground import at as it_is
from notices.ground import (
    PHONE,
    PUBLIC,
    africas_talking,
    goes_wrong,
    handset,
    known_phone,
    notices,
    send,
    states,
    tells,
    told,
)
from rufaa.clock import EAT
from rufaa.daraja.client import new_session
from rufaa.db import failpoints
from rufaa.db.aside import Aside
from rufaa.db.failpoints import Step
from rufaa.notices.gateways import gateways
from rufaa.notices.sending import LEASE_S, TRY_AGAIN_S, Notices
from rufaa.referrals.machine import Status
from rufaa.simulator.testing import RunningSimulator
from support import World, advance, call_back, execute, rows, value


def approved(world: World, **phones: str) -> str:
    referral = world.approved()
    known_phone(referral, **phones)
    return referral


def only(referral: str) -> dict[str, Any]:
    (row,) = notices(referral)
    return row


# --- through the handset ----------------------------------------------------------------------------------------------


def test_the_patient_reads_where_to_go_and_how_to_pay(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)

    send(handset(simulator))
    prompt = world.ask(_paying(world, referral), PHONE)
    send(handset(simulator))
    call_back(prompt)
    send(handset(simulator), rounds=2)

    row = rows("SELECT account_code, token FROM referral WHERE id = %(id)s", id=uuid.UUID(referral))[0]
    code, link = row["account_code"], f"{PUBLIC}/r/{row['token']}"
    number, here = value("SELECT number FROM receipt"), world.tumaini.name
    assert told(simulator) == [
        f"You are referred to {here}. Follow it and pay: {link} Code {code}. No more SMS: STOP",
        f"M-Pesa now asks for your PIN: KES 1,000 to {here}, account {code}. Tell your PIN to nobody.",
        f"Paid: KES 1,000, M-Pesa {number}, referral {code}. Your receipt: {link}",
    ]
    assert states(referral) == {"received": "delivered", "ringing": "delivered", "paid": "delivered"}
    assert {row["parts"] for row in notices(referral)} == {1}


def _paying(world: World, referral: str) -> str:
    world.move(referral, Status.PENDING_PAYMENT)
    return referral


def test_a_prompt_that_failed_tells_the_other_way(world: World, simulator: RunningSimulator) -> None:
    tells(world, language="sw")
    referral = approved(world)
    prompt = world.ask(_paying(world, referral), PHONE)
    call_back(prompt, code=1032)

    send(handset(simulator))

    assert states(referral)["ringing"] == "dropped"  # it rings no more
    (failed,) = [text for text in told(simulator) if "haikulipwa" in text]
    assert "Paybill 174379, account" in failed


def test_nothing_medical_and_no_name_is_ever_told(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)
    call_back(world.ask(_paying(world, referral), PHONE))
    world.move(referral, Status.CONFIRMED, by=world.receiver)
    world.move(referral, Status.COMPLETED, by=world.receiver, reason="the fracture healed")
    send(handset(simulator), rounds=2)

    said = " ".join(told(simulator)) + " ".join(row["text"] for row in notices(referral))
    assert said
    for secret in ("fracture", "Jane", "Wafula", "healed"):
        assert secret not in said


def test_who_pays_for_somebody_is_told_of_the_money_alone(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    payer = "254708000322"
    referral = world.approved()
    known_phone(referral, "", payer)
    call_back(world.ask(_paying(world, referral), payer))
    send(handset(simulator), rounds=2)

    assert [text[:5] for text in told(simulator, payer)] == ["Paid:"]
    assert {row["kind"]: row["next_at"] for row in notices(referral)}["received"] is None  # it waits for the patient's

    known_phone(referral, PHONE, payer)
    send(handset(simulator))
    assert len(told(simulator)) == 1


def test_a_lost_answer_of_the_handset_is_the_same_message(world: World, simulator: RunningSimulator) -> None:
    """The handset took it and said nothing: it is given the same again, and shows it once."""
    tells(world)
    referral = approved(world)
    send_and_die(handset(simulator), Step.NOTICE_CALL.after)
    assert len(told(simulator)) == 1
    assert states(referral) == {"received": "sending"}

    execute("UPDATE notice_policy SET language = 'sw'")  # meanwhile; what was sent was sent
    advance(LEASE_S + 1)
    send(handset(simulator))

    assert len(told(simulator)) == 1
    assert states(referral) == {"received": "delivered"}
    assert only(referral)["text"] == told(simulator)[0]


class Died(BaseException):
    """As by SIGKILL: no handler acts on it, and what is open is rolled back."""


def send_and_die(sms: Any, point: str) -> None:
    def reached(where: str) -> None:
        if where == point:
            raise Died

    failpoints.listen(reached)
    try:
        with pytest.raises(Died):
            send(sms)
    finally:
        failpoints.listen(None)


POINTS: Final = [
    point
    for step in (Step.NOTICE_TIDY, Step.NOTICE_CLAIM, Step.NOTICE_CALL, Step.NOTICE_RECORD)
    for point in (step.before, step.after)
]


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_dies_doubles_and_loses_nothing(world: World, simulator: RunningSimulator, point: str) -> None:
    tells(world)
    referral = approved(world)

    send_and_die(handset(simulator), point)
    advance(LEASE_S + 1)
    send(handset(simulator), rounds=2)

    assert len(told(simulator)) == 1
    assert states(referral) == {"received": "delivered"}


@pytest.mark.parametrize("point", POINTS)
def test_a_gateway_without_keys_is_never_given_it_twice(world: World, simulator: RunningSimulator, point: str) -> None:
    """What may be there is unknown, and a person's to send again; what certainly is not there goes out."""
    tells(world)
    referral = approved(world)

    send_and_die(africas_talking(simulator), point)
    before = len(told(simulator))
    advance(LEASE_S + 1)
    send(africas_talking(simulator), rounds=2)

    unclear = point in {
        Step.NOTICE_CLAIM.after,
        *(Step.NOTICE_CALL.before, Step.NOTICE_CALL.after),
        Step.NOTICE_RECORD.before,
    }
    assert states(referral) == {"received": "unknown" if unclear else "sent"}
    assert len(told(simulator)) == (before if unclear else 1)


def test_a_message_that_ends_every_worker_is_not_tried_for_ever(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)
    for _ in range(len(TRY_AGAIN_S) + 1):
        send_and_die(handset(simulator), Step.NOTICE_CALL.before)
        advance(LEASE_S + 1)

    send(handset(simulator))

    assert states(referral) == {"received": "unknown"}
    assert told(simulator) == []


# --- through Africa's Talking -----------------------------------------------------------------------------------------


def test_what_is_taken_keeps_its_id_and_its_cost(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)

    send(africas_talking(simulator))

    row = only(referral)
    assert (row["state"], row["cost"]) == ("sent", "KES 0.8000")
    assert row["gateway_id"].startswith("ATXid_")
    assert row["sent_at"] is not None


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("lost-answer", "unknown", "connection-lost"),
        ("nonsense", "unknown", "unreadable-answer"),
        ("server-error", "unknown", "http-500"),
        ("throttled", "due", "throttled"),
        ("key-refused", "due", "key-refused"),
        ("no-credit", "due", "no-credit"),
        ("gateway-error", "due", "GatewayError"),
        ("bad-phone", "failed", "InvalidPhoneNumber"),
        ("no-recipient", "failed", "InvalidSenderId"),
        ("blacklisted", "failed", "UserInBlacklist"),
    ],
)
def test_what_an_answer_means(world: World, simulator: RunningSimulator, fault: str, state: str, reason: str) -> None:
    tells(world)
    referral = approved(world)
    goes_wrong(simulator, fault)

    send(africas_talking(simulator))

    row = only(referral)
    assert (row["state"], row["reason"]) == (state, reason)
    assert (row["next_at"] is not None) == (state == "due")
    assert rows("SELECT phone, wants, said FROM notice_wish") == (
        [{"phone": PHONE, "wants": False, "said": "gateway"}] if fault == "blacklisted" else []
    )


def test_a_gateway_that_takes_nothing_is_given_up_in_the_end(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)
    goes_wrong(simulator, *["gateway-error"] * (len(TRY_AGAIN_S) + 1))

    for wait_s in (*TRY_AGAIN_S, 0.0):
        send(africas_talking(simulator))
        advance(wait_s + 1)

    row = only(referral)
    assert (row["state"], row["tries"]) == ("failed", len(TRY_AGAIN_S) + 1)
    assert told(simulator) == []


def test_a_gateway_that_is_not_there_is_tried_again(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)
    from dataclasses import replace  # noqa: PLC0415

    send(replace(africas_talking(simulator), url="http://127.0.0.1:9"))
    assert only(referral)["state"] == "due"

    advance(TRY_AGAIN_S[0] + 1)
    send(africas_talking(simulator))
    assert states(referral) == {"received": "sent"}


def test_two_workers_send_it_once(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referrals = [approved(world, phone=f"25470800{number:04}") for number in range(400, 412)]

    async def both() -> None:
        aside = Aside(threads=4, name="notices")
        try:
            async with new_session() as one, new_session() as other:
                sms = africas_talking(simulator)
                workers = [
                    Notices(gateways(each, aside, sms=sms, mail_host=None), aside, public_url=PUBLIC, at_once=5)
                    for each in (one, other)
                ]
                for _ in range(4):
                    await asyncio.gather(*(each.round() for each in workers))
        finally:
            aside.close()

    asyncio.run(both())

    assert {states(each)["received"] for each in referrals} == {"sent"}
    assert [len(told(simulator, f"25470800{number:04}")) for number in range(400, 412)] == [1] * 12


# --- when, and whether ------------------------------------------------------------------------------------------------


def test_at_night_only_what_the_patient_waits_for_is_told(world: World, simulator: RunningSimulator) -> None:
    tells(world, quiet_from=time(21), quiet_until=time(7))
    it_is(datetime(2026, 3, 2, 23, 30, tzinfo=EAT))
    referral = approved(world)
    world.ask(_paying(world, referral), PHONE)

    send(handset(simulator))
    assert [text[:12] for text in told(simulator)] == ["M-Pesa now a"]
    assert {row["kind"]: row["next_at"] for row in notices(referral)}["received"] == datetime(
        2026, 3, 3, 7, 0, tzinfo=EAT
    )

    it_is(datetime(2026, 3, 3, 7, 0, 1, tzinfo=EAT))
    send(handset(simulator))
    assert len(told(simulator)) == 2


def test_nobody_to_tell_yet_waits_and_is_told_later(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = world.approved()
    send(handset(simulator))
    assert only(referral)["next_at"] is None

    known_phone(referral)
    send(handset(simulator))

    assert states(referral) == {"received": "delivered"}


def test_without_a_gateway_nothing_waits_for_one(world: World) -> None:
    tells(world)
    referral = approved(world)

    send(None)

    assert (only(referral)["state"], only(referral)["reason"]) == ("dropped", "no-gateway")


def test_a_payment_without_its_number_waits_a_little_for_it(world: World, simulator: RunningSimulator) -> None:
    tells(world)
    referral = approved(world)
    call_back(world.ask(_paying(world, referral), PHONE))
    execute("SET LOCAL session_replication_role = replica; UPDATE receipt SET number = NULL")

    send(handset(simulator))
    assert states(referral)["paid"] == "due"

    advance(181)
    send(handset(simulator))
    assert "M-Pesa confirmed, referral" in told(simulator)[-1]
