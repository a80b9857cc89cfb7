"""What commits tell: each topic once, in few notifications, whoever writes, and nothing of what is rolled back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from rufaa import reads
from rufaa.db.atomic import CHANGED, unit
from rufaa.referrals import operations as referrals
from rufaa.referrals.machine import Priority, Status
from support import World, call_back, execute, referral_in, value


class Ear:
    """Hears every notification of what changed."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        connection.execute(f"LISTEN {CHANGED}")
        connection.execute("LISTEN mark")

    def heard(self) -> list[set[str]]:
        """The topics of each notification since the last time: all of them, since they come in the order of commits."""
        self._connection.execute("NOTIFY mark")
        heard = []
        for each in self._connection.notifies(timeout=30):
            if each.channel == "mark":
                return heard
            heard.append(set(each.payload.split()))
        raise AssertionError("the mark did not come")

    def topics(self) -> set[str]:
        return set().union(*self.heard())


@pytest.fixture
def ear(database: str) -> Iterator[Ear]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield Ear(connection)


def tell(*topics: str) -> str:
    return f"SELECT rufaa_tell(ARRAY[{', '.join(repr(topic) for topic in topics)}])"


def test_python_and_sql_write_the_same_topic(database: str) -> None:
    subject = uuid.uuid4()
    assert value("SELECT rufaa_topic('fee', %(id)s)", id=subject) == reads.topic("fee", subject)


def test_a_transaction_tells_each_topic_once(ear: Ear, database: str) -> None:
    with psycopg.connect(database) as writer:
        writer.execute(tell("a", "b"))
        writer.execute(tell("b", "c"))
        writer.execute(tell("a"))
        writer.execute("SELECT rufaa_tell('{}'), rufaa_tell(NULL), rufaa_tell(ARRAY[NULL])")
    assert ear.heard() == [{"a", "b"}, {"c"}]


def test_what_is_rolled_back_is_not_told_and_may_be_told_again(ear: Ear, database: str) -> None:
    with psycopg.connect(database) as writer:
        with writer.transaction(force_rollback=True):
            writer.execute(tell("a"))
        writer.execute(tell("a", "b"))
    assert ear.heard() == [{"a", "b"}]
    with psycopg.connect(database) as writer:
        writer.execute(tell("a"))
        writer.rollback()
    assert ear.heard() == []


def test_many_topics_come_in_several_notifications_and_too_many_as_everything(ear: Ear, database: str) -> None:
    some = [f"fee:{number:012x}" for number in range(1000)]
    with psycopg.connect(database) as writer:
        writer.execute("SELECT rufaa_tell(%s)", [some])
    heard = ear.heard()
    assert set().union(*heard) == set(some)
    assert len(heard) == 3

    with psycopg.connect(database) as writer:
        for part in range(10):
            writer.execute("SELECT rufaa_tell(%s)", [[f"fee:{part}{number:011x}" for number in range(500)]])
    assert ear.heard()[-1] == {reads.EVERYTHING}


def test_a_payment_tells_of_its_fee_its_referral_and_the_lists_that_change(ear: Ear, world: World) -> None:
    referral = referral_in(world, Status.PENDING_PAYMENT)
    prompt = world.ask(referral)
    fee = value("SELECT fee_id FROM referral")
    ear.heard()

    assert call_back(prompt) == "confirms"

    lists = {
        f"{reads.topic(kind, subject)}:{state}"
        for kind, subject in (
            *(("list", facility.pk) for facility in (world.uhuru, world.tumaini)),
            ("own", world.physician.user),
        )
        for state in ("pending-payment", "paid")
    }
    payee = reads.topic("money", world.tumaini.pk)
    assert ear.topics() == {reads.topic("fee", fee), reads.topic("referral", uuid.UUID(referral)), payee, *lists}


def test_a_referral_onward_tells_of_the_first_one_when_it_is_made(ear: Ear, world: World) -> None:
    """And not of its moves: who may not see it would know of each."""
    first = referral_in(world, Status.CONFIRMED)
    ear.heard()
    made = unit(
        lambda tx: referrals.create(
            tx,
            world.receiving_admin,
            patient_name="Jane Wafula",
            receiving=world.elsewhere.name,
            priority=Priority.ROUTINE,
            medical_history="",
            lab_results="",
            diagnosis="",
            onward_of=first,
        )
    )

    assert {reads.topic("referral", made.pk), reads.topic("referral", uuid.UUID(first))} <= ear.topics()
    world.move(made.pk.hex, Status.REJECTED, by=world.receiving_admin, reason="so")
    assert reads.topic("referral", uuid.UUID(first)) not in ear.topics()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE rufaa_user SET full_name = 'x' WHERE username = 'admin'", "person"),
        ("UPDATE membership SET revoked_at = rufaa_now()", "person"),
        ("DELETE FROM membership", "person"),
        ("UPDATE facility SET name = name || '.'", "facility"),
        ("UPDATE facility SET second_factor_required = true", "person"),  # whoever works there is asked for more
        ("UPDATE mpesa_account SET short_code = '1'", "account"),
        ("UPDATE price SET amount_cents = 200", "prices"),
        ("DELETE FROM price", "prices"),
        ("UPDATE particulars SET name = 'x'", "referral"),
        ("UPDATE referral SET diagnosis = 'x'", "list"),
        ("UPDATE fee SET reason = 'x'", "fee"),
        ("UPDATE prompt SET message = 'x'", "fee"),
        ("UPDATE rufaa_clock SET \"offset\" = interval '1 s'", reads.EVERYTHING),
        ("TRUNCATE price", reads.EVERYTHING),
    ],
)
def test_whoever_writes_tells(ear: Ear, world: World, change: str, kind: str) -> None:
    world.prompted()
    ear.heard()

    execute(change)

    assert kind in {topic.partition(":")[0] for topic in ear.topics()}


def test_a_referral_that_moves_tells_the_list_that_it_leaves(ear: Ear, world: World) -> None:
    referral = world.referral()
    ear.heard()

    world.move(referral, Status.REJECTED, reason="not indicated")

    left = f"{reads.topic('list', world.uhuru.pk)}:pending-admin"
    assert left in ear.topics()
