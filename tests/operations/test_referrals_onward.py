"""Referrals onward: who sends a patient on, from where, in which states, and who may know of it."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import psycopg
import pytest
from django.db import connection

from rufaa.db.atomic import look, unit
from rufaa.errors import InvalidArgument
from rufaa.facilities import operations as facilities
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor, Forbidden, UnknownFacility, actor_named
from rufaa.facilities.rights import Role
from rufaa.money import Money
from rufaa.phone import InvalidPhone
from rufaa.referrals import onward, queries
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import ONWARD_FROM, Priority, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.onward import Chain, NotOnwardNow
from rufaa.referrals.queries import ReferralNotFound
from support import World, execute, referral_in, rows, unchanged

S = Status
TEXTS: dict[str, Any] = {
    "patient_name": "Jane Wafula",
    "receiving": "Elsewhere Clinic",
    "priority": Priority.URGENT,
    "medical_history": "fell",
    "lab_results": "Hb 9.1",
    "diagnosis": "fracture",
}


def send_on(by: Actor, first: str, **more: Any) -> Referral:
    given = {**TEXTS, **more}
    return unit(lambda tx: referrals.create(tx, by, onward_of=first, **given), actor=by.user)


def person(name: str, *roles: tuple[Facility, Role]) -> Actor:
    def make(tx: Any) -> Actor:
        user = facilities.add_user(tx, name)
        for facility, role in roles:
            facilities.add_member(tx, user, facility, role)
        return actor_named(tx, name)

    return unit(make)


def chain(actor: Actor, referral: str) -> Chain | None:
    return look(lambda tx: onward.chain(tx, actor, queries.see(tx, actor, referral)))


# --- who sends on, and what is kept --------------------------------------------------------------------------------


def test_the_receiving_facility_sends_the_patient_on(world: World) -> None:
    first = referral_in(world, S.CONFIRMED)

    made = send_on(
        world.receiving_admin,
        first,
        patient_id="TRH-9",
        patient_phone="0708 374 149",
        date_of_birth="1990-12-03",
        national_id="12345678",
    )

    row = Referral.objects.select_related("particulars").get(pk=made.pk)
    assert (row.onward_of_id, row.state, row.fee_id) == (uuid.UUID(first), "pending-admin", None)
    assert (row.referring_id, row.receiving_id) == (world.tumaini.pk, world.elsewhere.pk)
    assert (row.physician_id, row.priority) == (world.receiving_admin.user, "Urgent")
    patient = row.particulars
    assert (patient.name, patient.external_id, patient.phone) == ("Jane Wafula", "TRH-9", "254708374149")
    assert (patient.date_of_birth, patient.national_id) == ("1990-12-03", "12345678")
    assert (patient.payer_phone, patient.booked_date, patient.email) == ("", "", "")
    assert world.status(first) == "confirmed"


def test_it_has_a_fee_and_a_code_and_a_link_of_its_own(world: World) -> None:
    first = referral_in(world, S.COMPLETED)
    made = send_on(world.receiving_admin, first)
    unit(
        lambda tx: facilities.set_price(
            tx, world.tumaini, amount=Money.from_shillings(700), payee=world.tumaini, account=world.account
        )
    )

    world.move(made.pk.hex, S.AWAITING_BIODATA, by=world.receiving_admin)

    assert world.fee_state(first) == "paid"
    assert world.fee_state(made.pk.hex) == "due"
    one, other = Referral.objects.order_by("pk")
    assert one.fee_id != other.fee_id
    assert one.token != other.token
    assert one.account_code != other.account_code


def test_a_doctor_who_sees_the_patient_sends_them_on_in_their_own_name(world: World) -> None:
    doctor = person("doctor", (world.tumaini, Role.PHYSICIAN), (world.tumaini, Role.RECEPTION))

    made = send_on(doctor, referral_in(world, S.CONFIRMED))

    assert (made.physician_id, made.created_by_id) == (doctor.user, doctor.user)


def test_an_administrator_sends_on_in_a_doctors_name(world: World) -> None:
    doctor = person("doctor", (world.tumaini, Role.PHYSICIAN))
    first = referral_in(world, S.CONFIRMED)

    made = send_on(world.receiving_admin, first, physician="doctor")

    assert (made.physician_id, made.created_by_id) == (doctor.user, world.receiving_admin.user)
    with unchanged(), pytest.raises(InvalidArgument, match="not a physician of the referring facility"):
        send_on(world.receiving_admin, first, physician="physician")


def test_an_emergency_onward_is_seen_at_once(world: World) -> None:
    made = send_on(world.receiving_admin, referral_in(world, S.CONFIRMED), priority=Priority.EMERGENCY)

    assert made.released_at is not None
    assert look(lambda tx: queries.see(tx, world.stranger, made.pk.hex)).medical


def test_a_patient_may_be_sent_on_again_and_back(world: World) -> None:
    first = referral_in(world, S.COMPLETED)

    made = [send_on(world.receiving_admin, first), send_on(world.receiving_admin, first, receiving=world.uhuru.name)]

    assert {each.onward_of_id for each in made} == {uuid.UUID(first)}


def test_a_referral_of_the_ordinary_way_is_onward_of_none(world: World) -> None:
    world.referral()

    assert rows("SELECT onward_of_id FROM referral") == [{"onward_of_id": None}]


# --- who does not --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(set(S) - ONWARD_FROM))
def test_before_it_is_confirmed_and_after_it_ended_nobody_is_sent_on(world: World, status: Status) -> None:
    first = referral_in(world, status)
    execute("UPDATE referral SET released_at = coalesce(released_at, rufaa_now())")  # else nobody there would see it

    with unchanged(), pytest.raises(NotOnwardNow) as refused:
        send_on(world.receiving_admin, first)

    assert refused.value.data == {"status": status}
    assert not onward.may(look(lambda tx: queries.see(tx, world.receiving_admin, first)))


@pytest.mark.parametrize("status", sorted(set(S) - ONWARD_FROM))
def test_the_database_knows_the_same_states(world: World, status: Status) -> None:
    first, other = referral_in(world, status), referral_in(world, S.CONFIRMED)
    made = send_on(world.receiving_admin, other)
    copy = (
        "INSERT INTO referral SELECT (jsonb_populate_record(referral, jsonb_build_object('id', gen_random_uuid(),"
        " 'token', 'x', 'account_code', 'X', 'particulars_id', %(patient)s::text, 'onward_of_id', %(first)s::text))).*"
        " FROM referral WHERE id = %(id)s"
    )
    execute("INSERT INTO particulars (id, name) VALUES (%(id)s, 'x')", id=(patient := uuid.uuid4()))

    with unchanged(), pytest.raises(Exception, match="which is") as refused:
        execute(copy, id=made.pk, patient=str(patient), first=first)
    assert isinstance(refused.value.__cause__, psycopg.IntegrityError)

    execute(copy, id=made.pk, patient=str(patient), first=other)


@pytest.mark.parametrize("name", ["physician", "admin", "second_admin", "receiver"])
def test_who_sees_it_otherwise_does_not_send_on(world: World, name: str) -> None:
    """The referring facility has not the patient; reception makes no referrals."""
    first, actor = referral_in(world, S.CONFIRMED), getattr(world, name)

    with unchanged(), pytest.raises(Forbidden) as refused:
        send_on(actor, first, referring=None)

    assert refused.value.data == {"right": "refer-onward"}
    assert not onward.may(look(lambda tx: queries.see(tx, actor, first)))


def test_who_sees_the_money_alone_does_not_send_on(world: World) -> None:
    """Else they would read in the new one what they may not read in the first."""
    first = referral_in(world, S.CONFIRMED)
    both = person("both", (world.tumaini, Role.FINANCE), (world.tumaini, Role.PHYSICIAN))

    with unchanged(), pytest.raises(Forbidden):
        send_on(both, first)

    seen = look(lambda tx: queries.see(tx, both, first))
    assert not seen.medical
    assert not onward.may(seen)


@pytest.mark.parametrize("name", ["stranger", "operator"])
def test_for_who_may_not_see_it_there_is_none(world: World, name: str) -> None:
    first = referral_in(world, S.CONFIRMED)

    with unchanged(), pytest.raises(ReferralNotFound):
        send_on(getattr(world, name), first)


def test_a_doctor_who_sees_no_incoming_ones_sends_none_on(world: World) -> None:
    doctor = person("doctor", (world.tumaini, Role.PHYSICIAN))
    first = referral_in(world, S.CONFIRMED)

    with unchanged(), pytest.raises(ReferralNotFound):
        send_on(doctor, first)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 32, uuid.UUID(int=7).hex, "a\x00", "%s"])
def test_ids_of_nothing(world: World, wrong: str) -> None:
    with unchanged(), pytest.raises(ReferralNotFound):
        send_on(world.receiving_admin, wrong)


def test_it_comes_from_where_the_patient_is(world: World) -> None:
    first = referral_in(world, S.CONFIRMED)
    everywhere = person("everywhere", *((each, Role.ADMINISTRATOR) for each in (world.uhuru, world.tumaini)))

    made = send_on(everywhere, first)  # says nothing, though they work in two
    named = send_on(everywhere, first, referring=world.tumaini.pk.hex)

    assert made.referring_id == named.referring_id == world.tumaini.pk
    with unchanged(), pytest.raises(InvalidArgument, match="Tumaini Referral Hospital") as refused:
        send_on(everywhere, first, referring=world.uhuru.name)
    assert refused.value.data == {"argument": "referringHospital"}
    with unchanged(), pytest.raises(UnknownFacility):
        send_on(everywhere, first, referring="Nowhere")


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"patient_name": " "}, "patientName"),
        ({"patient_id": "x" * 201}, "patientId"),
        ({"patient_phone": "12"}, "patientPhone"),
        ({"date_of_birth": "yesterday"}, "patientDateOfBirth"),
        ({"national_id": "x" * 201}, "patientNationalId"),
        ({"medical_history": "x" * 20_001}, "medicalHistory"),
        ({"receiving": "Nowhere"}, "receivingFacility"),
        ({"receiving": "Tumaini Referral Hospital"}, "receivingFacility"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(world: World, given: dict[str, str], argument: str) -> None:
    first = referral_in(world, S.CONFIRMED)

    with unchanged(), pytest.raises((InvalidArgument, InvalidPhone)) as refused:
        send_on(world.receiving_admin, first, **given)

    assert refused.value.data["argument"] == argument


def test_arguments_are_told_before_anybody_is_looked_at(world: World) -> None:
    first = referral_in(world, S.PAID)

    with unchanged(), pytest.raises(InvalidArgument):
        send_on(world.stranger, first, diagnosis="a\x00b")


# --- at the same time ----------------------------------------------------------------------------------------------


def test_who_cancels_the_first_one_meanwhile_waits(world: World) -> None:
    """Sent on from what is confirmed: it stays so until the new one is there."""
    first = referral_in(world, S.CONFIRMED)
    order: list[str] = []
    begun = threading.Event()

    def cancel() -> None:
        begun.set()
        world.move(first, S.CANCELLED, by=world.admin, reason="not needed")
        order.append("cancelled")

    def both(tx: Any) -> threading.Thread:
        referrals.create(tx, world.receiving_admin, onward_of=first, **TEXTS)
        thread = threading.Thread(target=lambda: (cancel(), connection.close()))
        thread.start()
        begun.wait(10)
        thread.join(0.5)  # it cannot
        order.append("sent on")
        return thread

    thread = unit(both, actor=world.receiving_admin.user)
    thread.join(30)

    assert order == ["sent on", "cancelled"]
    assert world.status(first) == "cancelled"


# --- who knows of it -----------------------------------------------------------------------------------------------


def test_the_facility_between_sees_both_ways(world: World) -> None:
    first = referral_in(world, S.COMPLETED)
    made = send_on(world.receiving_admin, first)

    before, after = chain(world.receiving_admin, made.pk.hex), chain(world.receiving_admin, first)

    assert before is not None
    assert after is not None
    assert before.first is not None
    assert (before.first.referral.pk, before.hidden_first) == (uuid.UUID(first), False)
    assert ([each.referral.pk for each in after.next], after.hidden_next) == ([made.pk], False)
    assert (before.next, before.hidden_next, after.first, after.hidden_first) == ([], False, None, False)


def test_others_know_that_there_is_one_and_no_more(world: World) -> None:
    first = referral_in(world, S.COMPLETED)
    made = send_on(world.receiving_admin, first, priority=Priority.EMERGENCY)

    for actor in (world.physician, world.admin, world.receiver):
        assert chain(actor, first) == Chain(None, False, [], True), actor.name
    assert chain(world.stranger, made.pk.hex) == Chain(None, True, [], False)


def test_who_sees_the_money_alone_knows_nothing_of_it(world: World) -> None:
    first = referral_in(world, S.COMPLETED)
    send_on(world.receiving_admin, first)

    assert chain(world.finance, first) is None


def test_where_there_is_none_there_is_nothing_to_say(world: World) -> None:
    assert chain(world.admin, referral_in(world, S.COMPLETED)) is None
