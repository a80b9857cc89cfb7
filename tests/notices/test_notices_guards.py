"""Every trigger, check and unique rule of messages: it refuses, by name, and without it the write goes through."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

import psycopg
import pytest

from operations.law_ground import Town, town
from operations.test_law_in_database_guards import OF_NOTICES, drop
from rufaa.notices.machine import MACHINE, State

Write = Callable[[Town], object]


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def notice(sql: Town, **values: object) -> uuid.UUID:
    """One that a fact wrote."""
    row: dict[str, object] = {
        "id": uuid.uuid4(),
        "state": "due",
        "event": "happen",
        "kind": "paid",
        "subject": uuid.uuid4(),
        "referral_id": sql.referral(),
        "channel": "sms",
        "text": "so",
        "address": "254708000321",
    }
    with sql.past_the_guards():
        return sql.insert("notice", **(row | values))


def policy(sql: Town, **values: object) -> None:
    sql.insert("notice_policy", **({"facility_id": sql.facility} | values))


def template(sql: Town, **values: object) -> None:
    row: dict[str, object] = {"facility_id": sql.facility, "kind": "paid", "language": "en", "text": "so"}
    sql.insert("notice_template", **(row | values))


def wish(sql: Town, **values: object) -> None:
    sql.insert("notice_wish", **({"phone": "254708000321", "wants": False, "said": "sms"} | values))


def changes(setting: str, **values: object) -> Write:
    def write(sql: Town) -> None:
        sql.do(f"UPDATE notice SET {setting} WHERE id = %(id)s", id=notice(sql, **values))

    return write


def by_hand(sql: Town) -> None:
    sql.insert(
        "notice",
        id=uuid.uuid4(),
        state="due",
        event="happen",
        kind="paid",
        subject=uuid.uuid4(),
        referral_id=sql.referral(),
        channel="sms",
    )


def twice(sql: Town) -> None:
    subject = uuid.uuid4()
    for _ in range(2):
        notice(sql, subject=subject)


def of_one_id(sql: Town) -> None:
    for _ in range(2):
        notice(sql, gateway_id="ATXid_1")


def delivered_at_once(sql: Town) -> None:
    sql.do("ALTER TABLE history DISABLE TRIGGER USER")
    sql.move("notice", notice(sql), "reported", "delivered")


def deleted(sql: Town) -> None:
    notice(sql)
    sql.do("DELETE FROM notice")


def wish_changed(sql: Town) -> None:
    wish(sql)
    sql.do("UPDATE notice_wish SET wants = true")


def wish_deleted(sql: Town) -> None:
    wish(sql)
    sql.do("DELETE FROM notice_wish")


def two_templates(sql: Town) -> None:
    template(sql)
    template(sql)


BREAKS: Final[list[tuple[str, str, str, Write]]] = [
    ("notice", "notice_1_by_facts", "written_by_triggers", by_hand),
    ("notice", "notice_1_law", "law", delivered_at_once),
    ("notice", "notice_2_frozen", "frozen", changes("kind = 'ringing'")),
    ("notice", "notice_2_frozen", "frozen", changes("subject = gen_random_uuid()")),
    ("notice", "notice_2_frozen", "frozen", changes("channel = 'email'")),
    ("notice", "notice_3_said", "frozen", changes("text = 'otherwise'", state="sent")),
    ("notice", "notice_3_said", "frozen", changes("text = 'otherwise'", state="unknown")),
    ("notice", "notice_7_kept", "kept", deleted),
    ("notice", "notice_8_kept", "kept", lambda sql: sql.do("TRUNCATE notice")),
    ("notice", "notice_once", "notice_once", twice),
    ("notice", "notice_gateway_id", "notice_gateway_id", of_one_id),
    ("notice", "notice_state", "notice_state", lambda sql: notice(sql, state="nowhere")),
    ("notice", "notice_kind", "notice_kind", lambda sql: notice(sql, kind="gossip")),
    ("notice", "notice_channel", "notice_channel", lambda sql: notice(sql, channel="fax")),
    ("notice", "notice_says_something", "notice_says_something", lambda sql: notice(sql, state="sent", text="")),
    ("notice", "notice_says_something", "notice_says_something", lambda sql: notice(sql, state="sending", address="")),
    ("notice_policy", "notice_policy_words", "notice_policy_words", lambda sql: policy(sql, mode="always")),
    ("notice_policy", "notice_policy_words", "notice_policy_words", lambda sql: policy(sql, language="fr")),
    ("notice_policy", "notice_policy_words", "notice_policy_words", lambda sql: policy(sql, silent=["gossip"])),
    ("notice_template", "notice_template_once", "notice_template_once", two_templates),
    ("notice_template", "notice_template_words", "notice_template_words", lambda sql: template(sql, kind="gossip")),
    ("notice_template", "notice_template_words", "notice_template_words", lambda sql: template(sql, language="fr")),
    ("notice_template", "notice_template_words", "notice_template_words", lambda sql: template(sql, text="")),
    ("notice_wish", "notice_wish_1_kept", "kept", wish_changed),
    ("notice_wish", "notice_wish_1_kept", "kept", wish_deleted),
    ("notice_wish", "notice_wish_form", "notice_wish_form", lambda sql: wish(sql, phone="0708000321")),
    ("notice_wish", "notice_wish_form", "notice_wish_form", lambda sql: wish(sql, said="rumour")),
]
WRITERS: Final = {"notice_6_born", "notice_6_history"}
"""They write instead of refusing: test_notices_facts reads what they write."""


@pytest.mark.parametrize(("table", "name", "says", "write"), BREAKS)
def test_the_guard_refuses(sql: Town, table: str, name: str, says: str, write: Write) -> None:
    with pytest.raises(psycopg.IntegrityError) as refused:
        write(sql)

    assert refused.value.diag.constraint_name == says


@pytest.mark.parametrize(("table", "name", "says", "write"), BREAKS)
def test_without_the_guard_the_write_goes_through(sql: Town, table: str, name: str, says: str, write: Write) -> None:
    drop(sql, table, name)

    write(sql)


def test_every_guard_is_in_the_table(sql: Town) -> None:
    assert sql.guards_of(OF_NOTICES) == {name for _, name, _, _ in BREAKS} | WRITERS


def test_every_move_that_is_not_in_the_law_is_refused(sql: Town) -> None:
    for state in State:
        identifier = notice(sql, state=state.value, event="forced")
        for event, target in product(MACHINE.events, MACHINE.states):
            refused = None
            try:
                with sql.sql.transaction(force_rollback=True):
                    sql.move("notice", identifier, event, target)
            except psycopg.IntegrityError as error:
                refused = error.diag.constraint_name
            assert (refused == "law") is not (MACHINE.transitions.get((state, event)) == target), (state, event, target)
