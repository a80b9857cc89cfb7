"""What is noted: every write by a trigger, every reading by whoever shows it, and by whom and from where."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import IntegrityError
from django.test import Client, RequestFactory
from django.urls import resolve

from rufaa import trail
from rufaa.audit import operations as audit
from rufaa.cli.database import database as cli_database
from rufaa.console.acting import Acting, Done, Screen, act
from rufaa.db.atomic import look, unit
from rufaa.facilities.models import User
from rufaa.facilities.queries import Actor
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Status
from rufaa.trail import Channel, Reading
from support import PAYS, RINGS, Running, World, advance, call_back, execute, rows, wait_until

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def noted(referral: str | None = None) -> list[str]:
    """``kind by-whom channel place``, oldest first."""
    found = rows(
        "SELECT kind, coalesce(username, '-') AS who, channel, place"
        " FROM audit LEFT JOIN rufaa_user ON rufaa_user.id = actor"
        " WHERE %(id)s::uuid IS NULL OR referral = %(id)s ORDER BY audit.id",
        id=None if referral is None else uuid.UUID(referral),
    )
    return [f"{row['kind']} {row['who']} {row['channel']} {row['place']}".rstrip() for row in found]


@contextmanager
def afresh() -> Iterator[None]:
    """Inside only what happens there is in the audit."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("DELETE FROM audit")
    yield


def client(who: Actor) -> Client:
    made = Client()
    made.force_login(User.objects.get(pk=who.user), backend=BACKEND)
    return made


# --- writes --------------------------------------------------------------------------------------------------------


def test_every_move_is_noted_with_who_made_it(world: World) -> None:
    referral = world.waiting()

    assert noted(referral) == [
        "referral.create physician server",
        "referral.approve admin server",
        "referral.ask-payment admin server",
    ]


def test_settlement_writes_as_the_server(world: World) -> None:
    referral, prompt = world.prompted()
    with afresh():
        call_back(prompt)

    assert noted(referral) == ["referral.money-seen - server", "referral.release - server"]


def test_particulars_and_phones_are_kinds_of_their_own(world: World) -> None:
    referral = world.waiting()
    admin = world.admin
    with afresh():
        unit(
            lambda tx: referrals.save_particulars(
                tx, admin, referral, patient_phone=RINGS, payer_phone=RINGS, national_id="12345678"
            ),
            actor=admin.user,
        )
        unit(
            lambda tx: referrals.update_phones(tx, admin, referral, patient_phone=RINGS, payer_phone=PAYS),
            actor=admin.user,
        )
        unit(
            lambda tx: referrals.update_phones(tx, admin, referral, patient_phone=RINGS, payer_phone=PAYS),
            actor=admin.user,
        )

    assert noted(referral) == [
        "phones.write admin server",
        "particulars.write admin server",
        "phones.write admin server",
    ]


def test_prompts_and_exemptions_are_noted(world: World) -> None:
    referral, prompt = world.prompted()
    call_back(prompt, code=1032)
    with afresh():
        admin, second = world.admin, world.second_admin
        unit(
            lambda tx: referrals.propose_exemption(tx, admin, referral, kind=FeeEvent.WAIVE, reason="poor"),
            actor=admin.user,
        )
        unit(lambda tx: referrals.second_exemption(tx, second, referral), actor=second.user)
        other, _ = world.prompted()

    assert noted(referral) == [
        "exemption.propose admin server",
        "exemption.agree second-admin server",
        "referral.release second-admin server",
    ]
    assert noted(other)[-2:] == ["prompt.ask admin server", "phones.write admin server"]


def test_sql_by_hand_is_noted(world: World) -> None:
    referral = world.referral()
    with afresh():
        execute("UPDATE referral SET diagnosis = 'another' WHERE id = %(id)s", id=uuid.UUID(referral))
        execute("UPDATE particulars SET name = 'Another'")

    assert noted(referral) == ["medical.write - server", "particulars.write - server"]


def test_a_page_writes_as_a_page(world: World) -> None:
    referral = world.referral()

    def approve(acting: Acting) -> Done:
        referrals.update_status(acting.tx, acting.actor, referral, target=Status.AWAITING_BIODATA)
        return Done("/work/")

    request = RequestFactory().post("/work/")
    request.user = User.objects.get(pk=world.admin.user)
    request.resolver_match = resolve("/work/")
    with afresh():
        answer = act(back=lambda _: Screen("console/work.html"))(approve)(request)

    assert answer.status_code == 302
    assert noted(referral) == ["referral.approve admin page /work/"]


def test_a_command_writes_as_a_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    referral = world.referral()
    monkeypatch.setattr("rufaa.cli.database.check_durability", lambda _: None)
    monkeypatch.setattr("sys.argv", ["rufaa", "import-convex", "Jane Wafula.zip"])
    with afresh(), cli_database():
        execute("UPDATE particulars SET name = 'Another'")

    assert noted(referral) == ["particulars.write - command import-convex"]


def test_what_a_look_writes_has_no_origin_to_tell(world: World) -> None:
    """A look tells the triggers nothing: it saves a statement, and writes nothing but readings."""
    with trail.coming_from(Channel.FUNCTION, "x:y"):
        told = look(lambda tx: tx.row("SELECT coalesce(current_setting('rufaa.via', true), '') AS via"))

    assert told == {"via": ""}


def test_nothing_medical_and_no_phone_stands_in_it(world: World) -> None:
    referral = world.waiting()
    unit(lambda tx: referrals.update_phones(tx, world.admin, referral, patient_phone=RINGS, payer_phone=PAYS))

    text = str(rows("SELECT * FROM audit"))

    assert not any(word in text for word in (RINGS, PAYS, "Wafula", "fracture"))


def test_nobody_writes_an_entry_of_a_write(world: World) -> None:
    before = noted()

    with pytest.raises(IntegrityError, match="written by triggers alone"):
        execute(
            "INSERT INTO audit (kind, referral, channel) VALUES ('referral.approve', %(id)s, 'page')", id=uuid.uuid4()
        )

    assert noted() == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = NULL",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_block SET at = at",
        "DELETE FROM audit_block",
        "TRUNCATE audit_block",
    ],
)
def test_it_only_grows(world: World, change: str) -> None:
    world.referral()
    _sealed()
    before = rows("SELECT * FROM audit"), rows("SELECT * FROM audit_block")

    with pytest.raises(IntegrityError, match="are kept"):
        execute(change)

    assert (rows("SELECT * FROM audit"), rows("SELECT * FROM audit_block")) == before


@pytest.mark.parametrize(
    "values", ["3, rufaa_now(), 99, 1, last.hash", "2, rufaa_now(), 99, 1, ''", "2, rufaa_now(), 1, 1, last.hash"]
)
def test_a_block_follows_on_the_last(world: World, values: str) -> None:
    world.referral()
    _sealed()

    with pytest.raises(IntegrityError, match="does not follow"):
        execute(f"INSERT INTO audit_block SELECT {values}, 'x' FROM audit_block AS last")


def _sealed() -> None:
    sealer = audit.Sealer()
    sealer.round()
    assert sealer.round() > 0


def test_number_and_time_are_the_databases(world: World) -> None:
    execute(
        "INSERT INTO audit (id, at, kind, referral, channel)"
        " VALUES (77, '2001-01-01', 'referral.read', %(id)s, 'page')",
        id=uuid.uuid4(),
    )

    (row,) = rows("SELECT id, at > rufaa_now() - interval '1 minute' AS now FROM audit")
    assert row == {"id": 1, "now": True}


def test_a_transaction_has_its_number_before_its_entry_has_one(database: str) -> None:
    """The sealer counts on it; otherwise an entry could appear where a seal has passed by."""
    insert = "INSERT INTO audit (kind, referral, channel) VALUES ('a.read', gen_random_uuid(), 'page')"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(insert)  # the sequence's first number gives the transaction one, the next do not
        admin.execute(
            "CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF pg_current_xact_id_if_assigned() IS NULL THEN RAISE EXCEPTION 'no number yet'; END IF;"
            " RETURN NEW; END $$"
        )
        admin.execute("CREATE TRIGGER audit_1_f BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION looks()")
        try:
            admin.execute(insert)
        finally:
            admin.execute("DROP FUNCTION looks CASCADE")


# --- readings ------------------------------------------------------------------------------------------------------


def test_a_function_that_shows_a_referral_is_a_reading(world: World, gateway: Running) -> None:
    referral = world.referral()
    with afresh():
        gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)

    assert noted() == ["referral.read admin function referrals:getReferral"]


def test_a_list_is_a_reading_of_each(world: World, gateway: Running) -> None:
    first, second = world.referral(), world.referral()
    world.referral()
    with afresh():
        gateway.do("query", "referrals:getPendingReferrals", {"paginationOpts": {"numItems": 1.0}}, by=world.admin)

    assert noted(first) == []
    assert noted(second) == ["referral.listed admin function referrals:getPendingReferrals"]
    assert len(noted()) == 2  # with the one that tells that there are more


def test_finance_people_read_no_more_than_money(world: World, gateway: Running) -> None:
    referral = world.approved()
    with afresh():
        gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.finance)

    assert noted() == ["money.read finance function referrals:getReferral"]


def test_what_is_not_shown_is_no_reading(world: World, gateway: Running) -> None:
    referral = world.referral()
    with afresh():
        assert gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.stranger) is None
        gateway.do("query", "referrals:getPendingReferrals", {}, by=world.stranger)

    assert noted() == []


def test_shown_again_within_a_while_it_is_the_same_reading(world: World, gateway: Running) -> None:
    referral = world.referral()
    again = {"referralId": referral}
    with afresh():
        for _ in range(3):
            gateway.do("query", "referrals:getReferral", again, by=world.admin)
        gateway.do("query", "referrals:getReferral", again, by=world.physician)
        advance(audit.SAME_S[audit.Reading.READ] + 1)
        gateway.do("query", "referrals:getReferral", again, by=world.admin)

    assert [line.split()[1] for line in noted()] == ["admin", "physician", "admin"]


def test_a_mutation_notes_what_it_wrote_and_showed(world: World, gateway: Running) -> None:
    referral = world.referral()
    with afresh():
        move = {"referralId": referral, "status": "awaiting-biodata"}
        gateway.do("mutation", "referrals:updateReferralStatus", move, by=world.admin)

    assert noted() == [
        "referral.approve admin function referrals:updateReferralStatus",
        "referral.read admin function referrals:updateReferralStatus",
    ]


def test_a_refused_mutation_leaves_no_entry(world: World, gateway: Running) -> None:
    referral = world.referral()
    with afresh():
        move = {"referralId": referral, "status": "completed"}
        gateway.error("mutation", "referrals:updateReferralStatus", move, by=world.admin)

    assert noted() == []


def test_a_page_is_a_reading_of_what_it_shows(world: World) -> None:
    referral = world.referral()
    with afresh():
        client(world.admin).get("/work/")

    assert noted() == ["referral.listed admin page /work/"]
    assert noted(referral) == noted()


def test_the_patients_page_reads_as_nobody_who_signed_in(world: World) -> None:
    referral = world.referral()
    shown = {(uuid.UUID(referral), Reading.READ)}
    with afresh(), trail.coming_from(Channel.PATIENT, "/r/<token>"):
        for _ in range(2):
            unit(lambda tx: audit.note_shown(tx, None, shown))

    assert noted() == ["referral.read - patient /r/<token>"]


@pytest.mark.parametrize("other", [Channel.FUNCTION, Channel.PAGE])
def test_by_another_way_it_is_another_reading(world: World, other: Channel) -> None:
    shown = {(uuid.UUID(world.referral()), Reading.READ)}
    with afresh():
        for channel in (Channel.COMMAND, other, other):
            with trail.coming_from(channel, "x"):
                unit(lambda tx: audit.note_shown(tx, world.admin.user, shown))

    assert noted() == ["referral.read admin command x", f"referral.read admin {other} x"]


def test_a_reading_that_cannot_be_noted_shows_nothing(world: World, gateway: Running) -> None:
    referral = world.referral()
    execute("ALTER TABLE audit ADD CONSTRAINT broken CHECK (kind <> 'referral.read') NOT VALID")
    try:
        answer = gateway.call("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)
    finally:
        execute("ALTER TABLE audit DROP CONSTRAINT broken")

    assert answer["status"] == "error"
    assert "Wafula" not in str(answer)


def test_reading_the_same_again_writes_nothing(world: World, gateway: Running) -> None:
    begun = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid"

    def takes_none() -> bool:
        referral = world.referral()
        gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)
        before = rows(begun)
        gateway.do("query", "referrals:getReferral", {"referralId": referral}, by=world.admin)
        return rows(begun) == before

    # No transaction is given a number, so none waits for the disk; PostgreSQL's own housekeeping takes one at times.
    wait_until(takes_none, what="a reading that takes no number")
