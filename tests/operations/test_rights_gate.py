"""What each person is shown of a referral they may see, from when on, and which actions they are offered."""

from __future__ import annotations

from typing import Any, Final

import pytest

from rufaa.db.atomic import unit
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Membership, User
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Role
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals import queries
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import ReferralNotFound
from support import RINGS, Running, World, call_back, execute, referral_in, someone, unchanged, value

S = Status


def read(gateway: Running, referral: str, by: Actor) -> Any:
    return gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=by)


def propose(world: World, referral: str, kind: FeeEvent = FeeEvent.WAIVE) -> None:
    unit(lambda tx: referrals.propose_exemption(tx, world.admin, referral, kind=kind, reason="poor family"))


def agree(world: World, referral: str) -> None:
    unit(lambda tx: referrals.second_exemption(tx, world.second_admin, referral))


# --- from when on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["receiver", "receiving_admin"])
def test_the_receiving_facility_sees_it_from_the_money_on(world: World, gateway: Running, who: str) -> None:
    by: Actor = getattr(world, who)
    referral, prompt = world.prompted()
    assert read(gateway, referral, by) is None
    assert gateway.do("query", "referrals:getIncomingReferrals", {}, by=by) == []

    call_back(prompt)

    assert read(gateway, referral, by)["diagnosis"] == "fracture"
    listed = gateway.do("query", "referrals:getIncomingReferrals", {}, by=by)
    assert [document["_id"] for document in listed] == [referral]


@pytest.mark.parametrize("kind", [FeeEvent.WAIVE, FeeEvent.DEFER])
def test_and_from_the_second_persons_agreement_on(world: World, gateway: Running, kind: FeeEvent) -> None:
    referral = world.waiting()
    propose(world, referral, kind)
    assert read(gateway, referral, world.receiver) is None

    agree(world, referral)

    assert read(gateway, referral, world.receiver)["status"] == "pending-payment"


def test_an_emergency_is_seen_at_once(world: World, gateway: Running) -> None:
    referral = world.referral(priority=Priority.EMERGENCY)

    assert read(gateway, referral, world.receiver)["status"] == "pending-admin"


def test_what_was_cancelled_before_the_money_is_never_shown(world: World, gateway: Running) -> None:
    referral = referral_in(world, S.CANCELLED)
    assert world.fee_state(referral) == "waived"

    assert read(gateway, referral, world.receiver) is None


def test_what_was_seen_once_stays_seen_when_it_is_cancelled(world: World, gateway: Running) -> None:
    paid = referral_in(world, S.PAID)
    deferred = world.waiting()
    propose(world, deferred, FeeEvent.DEFER)
    agree(world, deferred)

    for referral in (paid, deferred):
        world.move(referral, S.CANCELLED, reason="went home")
        assert read(gateway, referral, world.receiver)["status"] == "cancelled"


def test_late_money_of_a_cancelled_referral_does_not_show_it(world: World, gateway: Running) -> None:
    referral, prompt = world.prompted()
    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now()")
    world.move(referral, S.CANCELLED, reason="went home")

    call_back(prompt)

    assert read(gateway, referral, world.receiver) is None
    assert value("SELECT state FROM receipt") == "unapplied"


# --- what of it ----------------------------------------------------------------------------------------------------

FOR_FINANCE: Final = {
    "_id",
    "_creationTime",
    "status",
    "patientName",
    "priority",
    "referringHospital",
    "referringFacilityId",
    "receivingFacility",
    "receivingFacilityId",
    "accountCode",
    "stkSentCount",
    "payment",
    "allowedActions",
}
MEDICAL_AND_PERSONAL: Final = {
    "patientId",
    "medicalHistory",
    "labResults",
    "diagnosis",
    "physicianId",
    "physicianName",
    "patientPhone",
    "stkPhoneNumber",
    "patientEmail",
    "patientDateOfBirth",
    "patientNationalId",
    "bookedDate",
    "bookedTime",
    "referralToken",
    "statusReason",
}


def test_finance_sees_name_code_and_money_and_nothing_else(world: World, gateway: Running) -> None:
    referral = referral_in(world, S.PAID)

    document = read(gateway, referral, world.finance)

    assert set(document) == FOR_FINANCE
    assert document["patientName"] == "Jane Wafula"
    assert document["payment"]["amount"] == 1000
    assert set(read(gateway, referral, world.receiver)) == FOR_FINANCE | MEDICAL_AND_PERSONAL
    assert set(read(gateway, referral, world.physician)) == FOR_FINANCE | MEDICAL_AND_PERSONAL


def test_a_second_role_shows_no_colleagues_patient(world: World, gateway: Running) -> None:
    """Who is a physician here and finance officer of the payee sees medical facts of own patients only."""
    user = User.objects.get(pk=world.finance.user)
    unit(lambda tx: facilities.add_member(tx, user, world.uhuru, Role.PHYSICIAN))

    assert set(read(gateway, world.approved(), world.finance)) == FOR_FINANCE
    own = world.approved(by=someone("finance"))
    assert set(read(gateway, own, world.finance)) == FOR_FINANCE | MEDICAL_AND_PERSONAL


def test_lists_and_tokens_show_finance_no_more(world: World, gateway: Running) -> None:
    referral = referral_in(world, S.COMPLETED)
    token = value("SELECT token FROM referral")

    for function, args in (
        ("getReferralsByStatus", {"status": "completed"}),
        ("getCompletedReferrals", {}),
        ("getIncomingReferrals", {}),
        ("getReferralsByPhysician", {"physicianId": world.physician.user.hex}),
    ):
        (document,) = gateway.do("query", f"referrals:{function}", args, by=world.finance)
        assert (function, document["_id"], set(document)) == (function, referral, FOR_FINANCE)
    by_token = gateway.do("query", "referrals:getReferralByToken", {"referralToken": token}, by=world.finance)
    assert set(by_token) == FOR_FINANCE


def test_finance_reads_a_proposal_before_agreeing(world: World, gateway: Running) -> None:
    referral = world.waiting()
    propose(world, referral)

    document = read(gateway, referral, world.finance)

    assert document["exemptionProposal"] == {"kind": "waive", "reason": "poor family"}
    assert document["allowedActions"] == ["secondExemption"]


# --- one by one and in lists ---------------------------------------------------------------------------------------


def test_everybody_sees_the_same_one_by_one_and_in_lists(world: World) -> None:
    """Two ways to rows, and each person's roles, sides and times: whoever may see it here may see it there."""
    for name, *roles in (
        ("both", (world.uhuru, Role.PHYSICIAN), (world.tumaini, Role.FINANCE)),
        ("colleague", (world.uhuru, Role.PHYSICIAN)),
        ("elsewhere", *((world.elsewhere, role) for role in Role)),
        ("all-there", *((world.tumaini, role) for role in Role)),
        ("nobody",),
    ):
        user = unit(lambda tx, name=name: facilities.add_user(tx, name))  # type: ignore[misc]
        for facility, role in roles:
            unit(lambda tx, at=facility, role=role, user=user: facilities.add_member(tx, user, at, role))  # type: ignore[misc]
    referred = [referral_in(world, status) for status in Status]
    referred += [world.approved(by=someone("both")), world.referral(priority=Priority.EMERGENCY), world.prompted()[0]]
    everybody = [someone(name) for name in User.objects.values_list("username", flat=True)]

    shown: dict[str, int] = {}
    for by in everybody:
        listed = {seen.referral.pk.hex: seen for seen in unit(lambda tx, by=by: queries.listed(tx, by, limit=100))}  # type: ignore[misc]
        for referral in referred:
            try:
                seen = unit(lambda tx, by=by, referral=referral: queries.see(tx, by, referral))  # type: ignore[misc]
            except ReferralNotFound:
                assert referral not in listed, (by.name, referral)
            else:
                assert (seen.rights, seen.referral.fee_id) == (
                    listed[referral].rights,
                    listed[referral].referral.fee_id,
                )
        shown[by.name] = len(listed)

    assert [shown[name] for name in ("nobody", "elsewhere", "colleague", "Operator")] == [0, 0, 0, 0]
    assert 0 < shown["Receiver"] < shown["all-there"] <= shown["Admin"] == len(referred)
    assert 1 < shown["both"] < len(referred)
    assert shown["Physician"] == len(referred) - 1


# --- who leaves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["physician", "admin", "receiver", "finance"])
def test_a_revoked_membership_ends_all_access_at_once(world: World, gateway: Running, who: str) -> None:
    by: Actor = getattr(world, who)
    referral = referral_in(world, S.PAID)
    assert read(gateway, referral, by) is not None

    Membership.objects.filter(user=by.user).update(revoked_at="2026-01-01T00:00:00Z")

    assert read(gateway, referral, by) is None
    assert gateway.do("query", "payments:getByReferral", {"referralId": referral}, by=by) == []
    for box in ("Incoming", "Outgoing", "Completed", "Pending"):
        assert gateway.do("query", f"referrals:get{box}Referrals", {}, by=by) == []
    with unchanged():
        args = {"referralId": referral, "status": "cancelled", "reason": "no"}
        error = gateway.error("mutation", "referrals:updateReferralStatus", args, by=by)
    assert error["code"] == "referral-not-found"


def test_a_person_switched_off_is_nobody_at_once(world: World, gateway: Running) -> None:
    referral = world.approved()
    User.objects.filter(pk=world.admin.user).update(is_active=False)

    with unchanged():
        for args in ({"referralId": referral}, {"referralId": referral, "demoUserId": "admin"}):
            error = gateway.error("query", "referrals:getReferral", args, by=world.admin)
            assert error["code"] == "unknown-user"


# --- what is offered -----------------------------------------------------------------------------------------------

_KEEP: Final = ["saveBiodata", "updatePhoneNumbers"]
_ASK: Final = ["triggerReferralPayment", "proposeExemption"]

OFFERED: Final[dict[str, dict[Status, list[str]]]] = {
    "admin": {
        S.PENDING_ADMIN: ["status:awaiting-biodata", "status:rejected", "status:cancelled", *_KEEP],
        S.AWAITING_BIODATA: ["status:pending-payment", "status:cancelled", *_KEEP, *_ASK],
        S.PENDING_PAYMENT: ["status:cancelled", *_KEEP, *_ASK],
        S.PAID: ["status:cancelled", *_KEEP],
        S.CONFIRMED: ["status:cancelled", *_KEEP],
        S.COMPLETED: _KEEP,
        S.REJECTED: [],
        S.CANCELLED: [],
    },
    "physician": {status: ["status:cancelled"] if status is S.PENDING_ADMIN else [] for status in Status},
    "receiver": {
        S.PAID: ["status:confirmed", "status:cancelled"],
        S.CONFIRMED: ["status:completed", "status:cancelled"],
        S.COMPLETED: [],
    },
    "finance": {status: [] for status in Status if status not in {S.PENDING_ADMIN, S.REJECTED}},
}


@pytest.mark.parametrize("status", list(Status))
def test_each_person_is_offered_what_they_may_do_now(world: World, gateway: Running, status: Status) -> None:
    referral = referral_in(world, status)

    for who, offered in OFFERED.items():
        document = read(gateway, referral, getattr(world, who))
        if status not in offered:
            assert document is None
        else:
            assert (who, document["allowedActions"]) == (who, offered[status])


def test_an_emergency_can_be_confirmed_from_the_start(world: World, gateway: Running) -> None:
    for status in (S.PENDING_ADMIN, S.AWAITING_BIODATA, S.PENDING_PAYMENT):
        referral = referral_in(world, status, priority=Priority.EMERGENCY)
        document = read(gateway, referral, world.receiver)
        assert document["allowedActions"] == ["status:confirmed", "status:cancelled"]


def test_a_waived_fee_is_not_asked_for_and_lets_the_receiver_confirm(world: World, gateway: Running) -> None:
    referral = world.waiting()
    propose(world, referral)
    assert "secondExemption" not in read(gateway, referral, world.admin)["allowedActions"]
    assert "secondExemption" in read(gateway, referral, world.second_admin)["allowedActions"]
    agree(world, referral)

    assert read(gateway, referral, world.admin)["allowedActions"] == ["status:cancelled", *_KEEP]
    assert read(gateway, referral, world.receiver)["allowedActions"] == ["status:confirmed", "status:cancelled"]


def test_no_prompt_is_offered_while_one_is_live_and_a_retry_only_after_one_failed(
    world: World, gateway: Running
) -> None:
    referral, prompt = world.prompted(RINGS)
    prompts = {"triggerReferralPayment", "retrySTKPush"}
    assert prompts.isdisjoint(read(gateway, referral, world.admin)["allowedActions"])

    execute("UPDATE prompt SET state = 'sending', event = 'claim', sent_at = rufaa_now()")
    call_back(prompt, code=1032)

    assert read(gateway, referral, world.admin)["allowedActions"] == [
        "status:cancelled",
        *_KEEP,
        "triggerReferralPayment",
        "retrySTKPush",
        "proposeExemption",
    ]
