"""Files of a referral: who may, what is taken, how many, what removing leaves, and what PostgreSQL holds writers to."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from dataclasses import replace
from typing import Final

import psycopg
import pytest
from django.db import IntegrityError, connection

from rufaa import config, reads, trail
from rufaa.db.atomic import look, unit
from rufaa.errors import InvalidArgument
from rufaa.facilities.queries import Actor, Forbidden
from rufaa.referrals import queries as referrals
from rufaa.referrals.machine import Status
from rufaa.referrals.queries import ReferralNotFound
from rufaa.talk import operations, queries
from rufaa.talk.models import LARGEST_BYTES
from rufaa.talk.operations import FileTooLarge, NotTaken, RemovedAlready, TooManyFiles
from rufaa.talk.queries import AttachmentNotFound, File, Opened
from support import World, execute, referral_in, rows, unchanged, value, wait_until

PDF: Final = b"%PDF-1.7\n of nothing"
S = Status


def attach(actor: Actor, referral: str, name: str = "lab.pdf", content: bytes = PDF) -> str:
    row = unit(lambda tx: operations.attach(tx, actor, referral, name=name, content=content), actor=actor.user)
    return row.pk.hex


def remove(actor: Actor, referral: str, file: str, reason: str = "another patient's") -> None:
    unit(lambda tx: operations.remove(tx, actor, referral, attachment=file, reason=reason), actor=actor.user)


def opened(actor: Actor, referral: str, file: str) -> Opened:
    return look(lambda tx: queries.opened(tx, actor, referral, file))


def listed(actor: Actor, referral: str) -> list[File]:
    talk = look(lambda tx: queries.about(tx, actor, referrals.see(tx, actor, referral)))
    assert talk is not None
    return list(talk.files)


def allow(monkeypatch: pytest.MonkeyPatch, **settings: int) -> None:
    """As if the operator had set this."""
    other = replace(config.config(), **settings)  # type: ignore[arg-type]
    for module in (operations, queries):
        monkeypatch.setattr(module, "config", lambda: other)


# --- who ------------------------------------------------------------------------------------------------------------

SPEAK: Final = ("physician", "admin", "second_admin", "receiver", "receiving_admin")


@pytest.mark.parametrize("name", SPEAK)
def test_both_facilities_attach_and_open(world: World, name: str) -> None:
    referral = referral_in(world, S.PAID)
    file = attach(getattr(world, name), referral)

    for other in SPEAK:
        handed = opened(getattr(world, other), referral, file)
        assert (handed.name, handed.kind, handed.content) == ("lab.pdf", "application/pdf", PDF)
        assert handed.sha256 == hashlib.sha256(PDF).hexdigest()
    (one,) = listed(world.admin, referral)
    assert one.facility == (world.tumaini.name if name.startswith("receiv") else world.uhuru.name)
    assert (one.size_bytes, one.ending, one.sha256) == (len(PDF), "PDF", hashlib.sha256(PDF).hexdigest())


@pytest.mark.parametrize(
    ("name", "refusal"), [("finance", Forbidden), ("operator", ReferralNotFound), ("stranger", ReferralNotFound)]
)
def test_nobody_else_does(world: World, name: str, refusal: type[Exception]) -> None:
    referral, who = referral_in(world, S.PAID), getattr(world, name)
    file = attach(world.admin, referral)

    with unchanged():
        with pytest.raises(refusal):
            attach(who, referral)
        with pytest.raises(refusal):
            opened(who, referral, file)
        with pytest.raises(refusal):
            remove(who, referral, file)


def test_before_its_release_the_receiving_facility_opens_nothing(world: World) -> None:
    referral = world.waiting()
    file = attach(world.admin, referral)
    with pytest.raises(ReferralNotFound):
        opened(world.receiver, referral, file)

    execute("UPDATE referral SET released_at = rufaa_now() WHERE id = %(id)s", id=uuid.UUID(referral))

    assert opened(world.receiver, referral, file).content == PDF


@pytest.mark.parametrize("file", ["0" * 32, "x", "", "\x00", "ffffffffffff7fffbfffffffffffffff"])
def test_ids_of_nothing(world: World, file: str) -> None:
    referral = world.referral()

    with unchanged():
        with pytest.raises(AttachmentNotFound):
            opened(world.admin, referral, file)
        with pytest.raises(AttachmentNotFound):
            remove(world.admin, referral, file)


def test_a_file_of_one_referral_is_none_of_another(world: World) -> None:
    one, other = world.referral(), world.referral()
    file = attach(world.admin, one)

    with unchanged():
        with pytest.raises(AttachmentNotFound):
            opened(world.admin, other, file)
        with pytest.raises(AttachmentNotFound):
            remove(world.admin, other, file)


# --- what -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"<html>", b"MZ\x90", b"GIF89a", b"PK\x03\x04", b"%PDF", b"\x00"])
def test_a_right_name_makes_no_right_file(world: World, content: bytes) -> None:
    referral = world.referral()

    with unchanged(), pytest.raises(NotTaken, match="no PDF, JPEG or PNG"):
        attach(world.admin, referral, "lab.pdf", content)


def test_an_empty_file(world: World) -> None:
    referral = world.referral()

    with unchanged(), pytest.raises(NotTaken, match="empty"):
        attach(world.admin, referral, "lab.pdf", b"")


def test_a_file_is_as_large_as_is_allowed_and_no_larger(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    referral = world.referral()
    allow(monkeypatch, attachment_bytes=1024)
    attach(world.admin, referral, content=PDF.ljust(1024, b" "))

    with unchanged(), pytest.raises(FileTooLarge):
        attach(world.admin, referral, content=PDF.ljust(1025, b" "))


def test_ten_megabytes_come_back_as_they_were(world: World) -> None:
    referral, large = world.referral(), b"%PDF-" + bytes(range(256)) * 40_959
    file = attach(world.admin, referral, content=large)

    assert opened(world.admin, referral, file).content == large
    with unchanged(), pytest.raises(FileTooLarge, match="10 MB are allowed"):
        attach(world.admin, referral, content=large.ljust(10 * 1024 * 1024 + 1, b" "))


def test_a_referral_has_so_many_files_and_no_more_removed_ones_among_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    referral = referral_in(world, S.PAID)
    allow(monkeypatch, attachments=2)
    remove(world.admin, referral, attach(world.admin, referral))
    attach(world.receiver, referral)

    with unchanged(), pytest.raises(TooManyFiles, match="has 2 files, removed ones among them; 2 are allowed"):
        attach(world.admin, referral)

    attach(world.admin, world.referral())


def test_two_at_once_find_room_for_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other's end before it counts: the first holds the referral's row while the second begins."""
    referral = world.referral()
    allow(monkeypatch, attachments=1)
    ended: list[str] = []

    def second() -> None:
        try:
            attach(world.second_admin, referral)
            ended.append("attached")
        except TooManyFiles:
            ended.append("refused")
        finally:
            connection.close()

    thread = threading.Thread(target=second)

    def first(tx: object) -> None:
        operations.attach(tx, world.admin, referral, name="x", content=PDF)  # type: ignore[arg-type]
        thread.start()
        wait_for_a_lock()

    unit(first, actor=world.admin.user)
    thread.join()

    assert ended == ["refused"]
    assert value("SELECT count(*) FROM attachment") == 1


def wait_for_a_lock() -> None:
    def waits() -> bool:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
            found = other.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
        return found == (1,)

    wait_until(waits, what="the second's wait")


# --- removing -------------------------------------------------------------------------------------------------------


def test_what_is_removed_is_opened_by_nobody_and_told_with_who_and_why(world: World) -> None:
    referral = referral_in(world, S.PAID)
    file = attach(world.physician, referral)
    remove(world.physician, referral, file, " another\r\npatient's ")

    for name in SPEAK:
        with pytest.raises(AttachmentNotFound):
            opened(getattr(world, name), referral, file)
    (one,) = listed(world.receiver, referral)
    assert one.removed_at is not None
    assert (one.removed_by, one.removed_reason, one.may_remove) == ("Physician", "another\npatient's", False)
    assert bytes(value("SELECT content FROM attachment_content")) == PDF


@pytest.mark.parametrize(
    ("by", "may"),
    [("physician", True), ("admin", True), ("second_admin", True), ("receiver", False), ("receiving_admin", False)],
)
def test_a_file_is_removed_by_who_attached_it_or_answers_for_their_facility(world: World, by: str, may: bool) -> None:
    referral, who = referral_in(world, S.PAID), getattr(world, by)
    file = attach(world.physician, referral)

    assert [each.may_remove for each in listed(who, referral)] == [may]
    if may:
        remove(who, referral, file)
    else:
        with unchanged(), pytest.raises(Forbidden):
            remove(who, referral, file)


def test_the_receivers_administrator_removes_what_reception_attached_and_reception_not_the_administrators(
    world: World,
) -> None:
    referral = referral_in(world, S.PAID)
    own, others = attach(world.receiver, referral), attach(world.receiving_admin, referral)

    with unchanged(), pytest.raises(Forbidden):
        remove(world.receiver, referral, others)
    with unchanged(), pytest.raises(Forbidden):
        remove(world.admin, referral, own)
    remove(world.receiving_admin, referral, own)


def test_removed_twice_it_is_removed_once(world: World) -> None:
    referral = world.referral()
    file = attach(world.admin, referral)
    remove(world.admin, referral, file)

    with unchanged():
        remove(world.admin, referral, file)
        with pytest.raises(RemovedAlready):
            remove(world.admin, referral, file, "something else")
        with pytest.raises(RemovedAlready):
            remove(world.second_admin, referral, file)


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001, "a\x00b", "a\x1bb"])
def test_removing_needs_a_reason(world: World, reason: str) -> None:
    referral = world.referral()
    file = attach(world.admin, referral)

    with unchanged(), pytest.raises(InvalidArgument) as refused:
        remove(world.admin, referral, file, reason)

    assert refused.value.data["argument"] == "reason"


# --- the audit ------------------------------------------------------------------------------------------------------


def test_what_is_attached_and_removed_is_noted_by_its_digest(world: World) -> None:
    referral, digest = world.referral(), hashlib.sha256(PDF).hexdigest()
    with trail.coming_from(trail.Channel.PAGE, "/somewhere/"):
        remove(world.second_admin, referral, attach(world.admin, referral))

    found = rows("SELECT kind, referral, actor, channel, place FROM audit WHERE kind ~ '^attachment' ORDER BY id")
    said = {"referral": uuid.UUID(referral), "channel": "page", "place": f"/somewhere/ sha256:{digest}"}
    assert found == [
        {"kind": "attachment.add", "actor": world.admin.user, **said},
        {"kind": "attachment.remove", "actor": world.second_admin.user, **said},
    ]


def test_without_a_place_there_is_the_digest_alone(world: World) -> None:
    attach(world.admin, world.referral())

    place = value("SELECT place FROM audit WHERE kind = 'attachment.add'")
    assert place == f"sha256:{hashlib.sha256(PDF).hexdigest()}"


def test_each_opening_is_gathered_as_a_reading(world: World) -> None:
    referral = world.referral()
    file = attach(world.admin, referral)

    with trail.gathering() as seen:
        opened(world.admin, referral, file)
    assert (uuid.UUID(referral), trail.Reading.FILE_READ) in seen

    with trail.gathering() as seen, pytest.raises(AttachmentNotFound):
        opened(world.admin, referral, "0" * 32)
    assert trail.Reading.FILE_READ not in {kind for _, kind in seen}


def test_names_are_told_beside_digests_to_who_sees_more_than_the_money(world: World) -> None:
    referral = referral_in(world, S.PAID)
    remove(world.admin, referral, attach(world.admin, referral, "HIV.pdf"))

    def names(actor: Actor) -> dict[str, str]:
        return look(lambda tx: queries.names_by_digest(tx, referrals.see(tx, actor, referral)))

    assert names(world.receiving_admin) == {hashlib.sha256(PDF).hexdigest(): "HIV.pdf"}
    assert names(world.finance) == {}


def test_no_setting_lets_in_what_the_database_refuses() -> None:
    assert config.load({"RUFAA_ATTACHMENT_MB": "25"}).attachment_bytes == LARGEST_BYTES


# --- what PostgreSQL holds everybody to -----------------------------------------------------------------------------

ROW: Final = (
    "INSERT INTO attachment (id, referral_id, author_id, facility_id, name, kind, size_bytes, sha256)"
    " VALUES (%(id)s, %(referral)s, %(who)s, %(facility)s, %(name)s, %(kind)s, %(size)s, sha256(%(content)s))"
)
BYTES: Final = "INSERT INTO attachment_content (attachment_id, content) VALUES (%(id)s, %(content)s)"


def by_hand(world: World, *, stored: bytes | None = PDF, **other: object) -> None:
    given = {
        "id": uuid.uuid4(),
        "referral": uuid.UUID(world.referral()),
        "who": world.admin.user,
        "facility": world.uhuru.pk,
        "name": "x.pdf",
        "kind": "application/pdf",
        "size": len(PDF),
        "content": PDF,
        **other,
    }

    def write(tx: object) -> None:
        tx.execute(ROW, given)  # type: ignore[attr-defined]
        if stored is not None:
            tx.execute(BYTES, {"id": given["id"], "content": stored})  # type: ignore[attr-defined]

    unit(write)


def test_by_hand_it_can_be_done_rightly(world: World) -> None:
    by_hand(world)

    assert value("SELECT count(*) FROM audit WHERE kind = 'attachment.add'") == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"stored": PDF + b" "}, "has other bytes"),
        ({"stored": PDF[:-1] + b"?"}, "has other bytes"),
        ({"size": len(PDF) - 1}, "has other bytes"),
        ({"stored": None}, "has no bytes"),
        ({"kind": "text/html"}, "attachment_kind"),
        ({"size": 0}, "attachment_size"),
        ({"size": 25 * 1024 * 1024 + 1}, "attachment_size"),
        ({"name": ""}, "attachment_name"),
        ({"name": "x" * 201}, "attachment_name"),
        ({"name": "../x"}, "attachment_name"),
        ({"name": "a\\b"}, "attachment_name"),
        ({"name": "a\nb"}, "attachment_name"),
    ],
)
def test_by_hand_it_cannot_be_done_wrongly(world: World, wrong: dict[str, object], words: str) -> None:
    world.referral()
    count = value("SELECT count(*) FROM attachment")

    with pytest.raises(IntegrityError, match=words):
        by_hand(world, **wrong)  # type: ignore[arg-type]

    assert value("SELECT count(*) FROM attachment") == count == 0


def test_a_third_facility_attaches_nothing(world: World) -> None:
    with pytest.raises(IntegrityError, match="is none of the two of its referral"):
        by_hand(world, facility=world.elsewhere.pk)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE attachment SET name = 'y.pdf'", "name never changes"),
        ("UPDATE attachment SET sha256 = sha256('x')", "sha256 never changes"),
        ("UPDATE attachment SET referral_id = gen_random_uuid()", "referral_id never changes"),
        ("DELETE FROM attachment", "rows of attachment are kept"),
        ("TRUNCATE attachment CASCADE", "rows of attachment are kept"),
        ("UPDATE attachment_content SET content = 'x'", "rows of attachment_content are kept"),
        ("DELETE FROM attachment_content", "rows of attachment_content are kept"),
        ("TRUNCATE attachment_content", "rows of attachment_content are kept"),
        ("UPDATE attachment SET removed_at = rufaa_now()", "attachment_removed_by_somebody"),
        ("UPDATE attachment SET removed_at = rufaa_now(), removed_reason = 'x'", "attachment_removed_by_somebody"),
        (
            "UPDATE attachment SET removed_at = rufaa_now(), removed_reason = '', removed_by_id = author_id",
            "attachment_reason",
        ),
    ],
)
def test_a_file_stays_as_it_was(world: World, change: str, words: str) -> None:
    attach(world.admin, world.referral())

    with unchanged(), pytest.raises(IntegrityError, match=words):
        execute(change)
    assert bytes(value("SELECT content FROM attachment_content")) == PDF


def test_a_removed_file_is_not_brought_back(world: World) -> None:
    referral = world.referral()
    remove(world.admin, referral, attach(world.admin, referral))

    with unchanged(), pytest.raises(IntegrityError, match="removed_at never changes"):
        execute("UPDATE attachment SET removed_at = NULL, removed_by_id = NULL, removed_reason = NULL")


def test_bytes_are_not_compressed_again(database: str) -> None:
    stored = value(
        "SELECT attstorage FROM pg_attribute WHERE attrelid = 'attachment_content'::regclass AND attname = 'content'"
    )

    assert stored in {"e", b"e"}


def test_who_reads_the_list_hears_of_it(world: World) -> None:
    referral = world.referral()
    with reads.recording() as read:
        listed(world.admin, referral)

    def told(tx: object) -> set[str]:
        file = operations.attach(tx, world.admin, referral, name="x", content=PDF).pk.hex  # type: ignore[arg-type]
        operations.remove(tx, world.admin, referral, attachment=file, reason="so")  # type: ignore[arg-type]
        row = tx.row("SELECT current_setting('rufaa.told') AS told")  # type: ignore[attr-defined]
        return set(row["told"].split())

    topics = unit(told)

    assert topics == {reads.topic("talk", uuid.UUID(referral))}
    assert topics <= read.topics
