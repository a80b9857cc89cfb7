"""What people say about a referral: who may, what is taken, and what PostgreSQL holds every writer to."""

from __future__ import annotations

import uuid
from typing import Final

import pytest
from django.db import IntegrityError

from rufaa import reads
from rufaa.db.atomic import look, unit
from rufaa.errors import InvalidArgument
from rufaa.facilities.models import Facility
from rufaa.facilities.queries import Actor, Forbidden, actor
from rufaa.facilities.rights import Role
from rufaa.referrals import queries as referrals
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.queries import ReferralNotFound
from rufaa.talk import operations, queries
from rufaa.talk.queries import Talk
from support import World, execute, referral_in, rows, unchanged, value

S = Status


def say(actor: Actor, referral: str, text: str = "Bring the old films.") -> None:
    unit(lambda tx: operations.say(tx, actor, referral, text=text), actor=actor.user)


def heard(actor: Actor, referral: str, *, all_of_it: bool = False) -> Talk | None:
    return look(lambda tx: queries.about(tx, actor, referrals.see(tx, actor, referral), all_of_it=all_of_it))


def texts(actor: Actor, referral: str) -> list[str]:
    talk = heard(actor, referral)
    assert talk is not None
    return [each.text for each in talk.comments]


# --- who ------------------------------------------------------------------------------------------------------------

SPEAK: Final = ("physician", "admin", "second_admin", "receiver", "receiving_admin")


@pytest.mark.parametrize("name", SPEAK)
def test_both_facilities_speak_and_read_all_of_it(world: World, name: str) -> None:
    referral = referral_in(world, S.PAID)
    say(getattr(world, name), referral)

    for other in SPEAK:
        assert texts(getattr(world, other), referral) == ["Bring the old films."]


@pytest.mark.parametrize("status", list(Status))
def test_in_every_status_it_can_be_spoken_of(world: World, status: Status) -> None:
    referral = referral_in(world, status)
    say(world.admin, referral)

    assert texts(world.physician, referral) == ["Bring the old films."]


def test_who_sees_the_money_alone_hears_nothing_and_says_nothing(world: World) -> None:
    referral = referral_in(world, S.PAID)
    say(world.admin, referral)

    with reads.recording() as read:
        assert heard(world.finance, referral) is None
    assert reads.topic("talk", uuid.UUID(referral)) not in read.topics  # nor when somebody speaks
    with unchanged(), pytest.raises(Forbidden):
        say(world.finance, referral)


@pytest.mark.parametrize("name", ["stranger", "operator"])
def test_a_stranger_is_told_that_there_is_nothing(world: World, name: str) -> None:
    referral = referral_in(world, S.PAID)

    with unchanged(), pytest.raises(ReferralNotFound):
        say(getattr(world, name), referral)


def test_a_physician_speaks_of_own_referrals_alone(world: World) -> None:
    referral = world.referral(by=world.admin)

    with unchanged(), pytest.raises(ReferralNotFound):
        say(world.physician, referral)


def test_the_receiving_facility_reads_once_it_sees_the_referral_and_then_all_of_it(world: World) -> None:
    referral, prompt = world.prompted()
    say(world.admin, referral, "said before")
    with unchanged(), pytest.raises(ReferralNotFound):
        say(world.receiver, referral)

    execute("UPDATE referral SET released_at = rufaa_now() WHERE id = %(id)s", id=uuid.UUID(referral))

    assert texts(world.receiver, referral) == ["said before"]
    assert prompt


def test_of_an_emergency_both_speak_at_once(world: World) -> None:
    referral = world.referral(priority=Priority.EMERGENCY)
    say(world.receiver, referral, "The theatre is free.")

    assert texts(world.physician, referral) == ["The theatre is free."]


@pytest.mark.parametrize("referral", ["0" * 32, "x", "", "\x00", "ffffffffffff7fffbfffffffffffffff"])
def test_of_no_referral_nothing_is_said(world: World, referral: str) -> None:
    with unchanged(), pytest.raises(ReferralNotFound):
        say(world.admin, referral)


def test_everybody_speaks_for_the_facility_from_which_they_see_it(world: World) -> None:
    referral = referral_in(world, S.PAID)
    for name in SPEAK:
        say(getattr(world, name), referral, name)

    talk = heard(world.admin, referral)
    assert talk is not None
    uhuru, tumaini = "Uhuru Health Centre", "Tumaini Referral Hospital"
    assert [(each.text, each.author, each.facility, each.own) for each in talk.comments] == [
        ("physician", "Physician", uhuru, False),
        ("admin", "Admin", uhuru, True),
        ("second_admin", "Second-Admin", uhuru, False),
        ("receiver", "Receiver", tumaini, False),
        ("receiving_admin", "Receiving-Admin", tumaini, False),
    ]


def member(world: World, who: Actor, facility: Facility, role: Role) -> Actor:
    execute(
        "INSERT INTO membership (id, user_id, facility_id, role) VALUES (%(id)s, %(who)s, %(facility)s, %(role)s)",
        id=uuid.uuid4(), who=who.user, facility=facility.pk, role=role,
    )  # fmt: skip
    return look(lambda tx: actor(tx, who.user))


def test_who_works_for_both_speaks_for_the_referring_one(world: World) -> None:
    both = member(world, world.admin, world.tumaini, Role.ADMINISTRATOR)
    referral = referral_in(world, S.PAID)
    say(both, referral)

    assert value("SELECT facility_id FROM comment") == world.uhuru.pk


def test_a_physician_who_is_the_receivers_reception_speaks_for_it_of_a_colleagues_referral(world: World) -> None:
    both = member(world, world.physician, world.tumaini, Role.RECEPTION)
    referral = world.referral(by=world.admin, priority=Priority.EMERGENCY)
    say(both, referral)

    assert value("SELECT facility_id FROM comment") == world.tumaini.pk


# --- what -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x", "x"),
        ("  \n two lines\r\nof it \t ", "two lines\nof it"),
        ("an old\rMac", "an old\nMac"),
        ("Bring\tthe\tfilms", "Bring\tthe\tfilms"),
        ("O'Brien-Müller ni mzima; \u202eright to left\u202c", "O'Brien-Müller ni mzima; \u202eright to left\u202c"),
        ("'; DROP TABLE comment; --", "'; DROP TABLE comment; --"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("😀" * 2000, "😀" * 2000),
        ("\n".join("x" * 1000), None),
        ("x\r\n" * 1000, ("x\n" * 1000).strip()),
    ],
)
def test_strange_texts_that_are_right(world: World, text: str, kept: str | None) -> None:
    referral = world.referral()
    say(world.admin, referral, text)

    assert texts(world.admin, referral) == [kept if kept is not None else text]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the comment is empty"),
        (" \r\n\t\u3000", "the comment is empty"),
        ("x" * 2001, "has 2001 characters; 2000 are allowed"),
        ("😀" * 2001, "has 2001 characters"),
        ("x" * 3_000_000, "has 3000000 characters"),
        *((f"a{sign}b", "a control character") for sign in "\x00\x01\x07\x08\x0b\x0c\x1b\x7f\x80\x9f"),
    ],
)
def test_what_is_no_comment(world: World, text: str, words: str) -> None:
    referral = world.referral()
    with unchanged(), pytest.raises(InvalidArgument, match=words) as refused:
        say(world.admin, referral, text)

    assert refused.value.data["argument"] == "text"


def test_a_wrong_comment_to_nothing_is_told_as_wrong(world: World) -> None:
    """What the arguments are is looked at first."""
    with pytest.raises(InvalidArgument):
        say(world.stranger, "0" * 32, "")


def test_they_are_read_in_the_order_in_which_they_were_said(world: World) -> None:
    referral = world.referral()
    for number in range(5):
        say(world.admin if number % 2 else world.physician, referral, str(number))

    assert texts(world.admin, referral) == ["0", "1", "2", "3", "4"]


def test_of_many_the_newest_are_shown_until_somebody_asks_for_all(world: World) -> None:
    referral = world.referral()
    execute(
        "INSERT INTO comment (id, referral_id, author_id, facility_id, text, created_at)"
        " SELECT gen_random_uuid(), %(referral)s, %(who)s, %(facility)s, n::text, rufaa_now() + n * interval '1 s'"
        " FROM generate_series(1, 102) AS n",
        referral=uuid.UUID(referral), who=world.admin.user, facility=world.uhuru.pk,
    )  # fmt: skip
    few, all_of_it = heard(world.admin, referral), heard(world.admin, referral, all_of_it=True)

    assert few is not None
    assert all_of_it is not None
    assert ([each.text for each in few.comments], few.more) == ([str(n) for n in range(3, 103)], True)
    assert ([each.text for each in all_of_it.comments], all_of_it.more) == ([str(n) for n in range(1, 103)], False)


def test_one_referral_has_nothing_of_another(world: World) -> None:
    one, other = world.referral(), world.referral()
    say(world.admin, one)

    assert texts(world.admin, other) == []


# --- what PostgreSQL holds everybody to -----------------------------------------------------------------------------


INSERT: Final = (
    "INSERT INTO comment (id, referral_id, author_id, facility_id, text)"
    " VALUES (gen_random_uuid(), %(referral)s, %(who)s, %(facility)s, %(text)s)"
)


@pytest.mark.parametrize("text", ["", "x" * 2001, "a\x01b", "a\x0bb", "a\x1fb", "a\x7fb", "a\x9fb"])
def test_the_database_takes_no_wrong_text(world: World, text: str) -> None:
    given = {"referral": uuid.UUID(world.referral()), "who": world.admin.user, "facility": world.uhuru.pk}

    with unchanged(), pytest.raises(IntegrityError, match="comment_text"):
        execute(INSERT, text=text, **given)


def test_the_database_takes_tabs_and_new_lines(world: World) -> None:
    given = {"referral": uuid.UUID(world.referral()), "who": world.admin.user, "facility": world.uhuru.pk}

    assert execute(INSERT, text="a\tb\nc\u202e", **given) == 1


def test_a_third_facility_says_nothing(world: World) -> None:
    given = {"referral": uuid.UUID(world.referral()), "who": world.stranger.user, "facility": world.elsewhere.pk}

    with unchanged(), pytest.raises(IntegrityError, match="is none of the two of its referral"):
        execute(INSERT, text="x", **given)


@pytest.mark.parametrize(
    "change", ["UPDATE comment SET text = 'y'", "DELETE FROM comment", "TRUNCATE comment", "UPDATE comment SET id = id"]
)
def test_what_was_said_stays_as_it_was_said(world: World, change: str) -> None:
    say(world.admin, world.referral())

    with unchanged(), pytest.raises(IntegrityError, match="rows of comment are kept"):
        execute(change)


def test_a_comment_is_noted_and_nothing_of_it(world: World) -> None:
    referral = world.referral()
    say(world.admin, referral, "a secret")

    found = rows("SELECT * FROM audit WHERE kind = 'comment.write'")
    assert [(row["referral"].hex, row["actor"]) for row in found] == [(referral, world.admin.user)]
    assert "secret" not in str(rows("SELECT * FROM audit"))


def test_sql_by_hand_is_noted_too(world: World) -> None:
    given = {"referral": uuid.UUID(world.referral()), "who": world.admin.user, "facility": world.uhuru.pk}
    execute(INSERT, text="x", **given)

    assert value("SELECT count(*) FROM audit WHERE kind = 'comment.write'") == 1


def test_who_reads_it_hears_of_it(world: World) -> None:
    referral = world.referral()
    with reads.recording() as read:
        heard(world.admin, referral)

    told = unit(
        lambda tx: (
            operations.say(tx, world.admin, referral, text="x"),
            tx.row("SELECT current_setting('rufaa.told') AS told"),
        )[1]
    )

    assert told is not None
    assert set(told["told"].split()) == {reads.topic("talk", uuid.UUID(referral))}
    assert set(told["told"].split()) <= read.topics
