"""Every trigger, check, unique index and foreign key: it refuses, by name, and without it the write goes through.

The second half is the control of the first: a guard whose absence nobody notices is not tested.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from operations import law_constraints, law_kept, law_pointers  # noqa: F401 - they add their guards to the lists
from operations.law_ground import CENTS, Town, town
from operations.law_guards import CONSTRAINTS, TRIGGERS, Guard

GUARDS: Final = [*TRIGGERS, *CONSTRAINTS]
OURS: Final = (
    *("fee", "prompt", "receipt", "referral", "exemption", "evidence", "stray", "task", "transfer", "history"),
    *("application", "refund", "claim", "inquiry", "restoration", "inbox", "law", "facility", "membership"),
    *("mpesa_account", "mpesa_access", "account_hold", "particulars", "price", "rufaa_clock", "brought"),
)
WRITERS: Final = {
    "fee_4_born": ("history", "fee"),
    "fee_4_history": ("history", "fee"),
    "prompt_4_born": ("history", "prompt"),
    "prompt_4_history": ("history", "prompt"),
    "receipt_4_born": ("history", "receipt"),
    "receipt_4_history": ("history", "receipt"),
    "refund_5_born": ("history", "refund"),
    "refund_5_history": ("history", "refund"),
    "referral_4_born": ("history", "referral"),
    "referral_4_history": ("history", "referral"),
    "fee_5_books": ("transfer", "raised"),
    "fee_5_waives": ("transfer", "waived"),
    "receipt_5_books": ("transfer", "received"),
    "application_5_books": ("transfer", "applied"),
    "refund_4_books": ("transfer", "refunded"),
    "referral_8_slot": ("history", "appointment"),
}
"""Triggers that write instead of refusing, where, and of which machine or kind."""
OF_APPOINTMENTS: Final = ("appointment", "slot", "clinic", "clinic_day", "clinic_hours", "closure")
"""Tables whose guards tests/appointments breaks."""
OF_NOTICES: Final = ("notice", "notice_policy", "notice_template", "notice_wish")
"""Tables whose guards tests/notices breaks."""
FACTS: Final = {"referral_8_told", "prompt_8_told", "prompt_9_told", "fee_8_told", "particulars_9_phone"}
"""They write what people are told: tests/notices."""
COUNTS: Final = "receipt_3_free_at_first"
"""The trigger that corrects instead of refusing."""


@pytest.fixture
def sql(database_url: str) -> Iterator[Town]:
    with town(database_url) as place:
        yield place


def drop(place: Town, table: str, name: str) -> None:
    if place.one("SELECT count(*) FROM pg_trigger WHERE tgname = %(name)s AND NOT tgisinternal", name=name):
        place.do(f"DROP TRIGGER {name} ON {table}")
    elif place.one("SELECT count(*) FROM pg_constraint WHERE conname = %(name)s", name=name):
        place.do(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
    else:
        place.do(f"DROP INDEX {name}")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.name}-{guard.write.__name__}")
def test_the_guard_refuses(sql: Town, guard: Guard) -> None:
    with pytest.raises(psycopg.IntegrityError) as refused:
        guard.write(sql)

    assert refused.value.diag.constraint_name == guard.constraint


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.name}-{guard.write.__name__}")
def test_without_the_guard_the_write_goes_through(sql: Town, guard: Guard) -> None:
    drop(sql, guard.table, guard.name)

    guard.write(sql)


# --- what writes by itself -------------------------------------------------------------------------------------------


def lead_a_life(place: Town) -> None:
    fee, _, _ = place.paid_fee()
    place.move("referral", place.referral(fee=fee), "approve", "awaiting-biodata")
    waived = place.fee()
    place.exemption(waived, agreed=True)
    place.move("fee", waived, "waive", "waived")
    receipt = place.receipt()
    refund = place.refund(receipt)
    place.order(refund)
    place.move("refund", refund, "succeeded", "done")
    place.move("receipt", receipt, "give-back", "refunded")
    place.move("referral", place.held_slot(), "cancel", "cancelled", reason="better")
    place.commit_checks()


@pytest.mark.parametrize("name", WRITERS)
def test_without_its_trigger_nothing_would_be_written(sql: Town, name: str) -> None:
    """The control of the tests of history and books: they can fail."""
    where, what = WRITERS[name]
    column = "machine" if where == "history" else "kind"
    counted = f"SELECT count(*) FROM {where} WHERE {column} = %(what)s"
    lead_a_life(sql)
    with_trigger = sql.one(counted, what=what)
    sql.do("SET CONSTRAINTS ALL DEFERRED")

    drop(sql, name.partition("_")[0], name)
    lead_a_life(sql)

    assert with_trigger > 0
    assert sql.one(counted, what=what) < 2 * with_trigger


def test_a_new_receipt_is_free_whatever_its_writer_says(sql: Town) -> None:
    assert [sql.free(sql.receipt(free_cents=said)) for said in (0, 1, CENTS)] == [CENTS] * 3


def test_without_its_trigger_a_new_receipt_would_be_what_its_writer_says(sql: Town) -> None:
    drop(sql, "receipt", COUNTS)

    assert [sql.free(sql.receipt(free_cents=said)) for said in (0, 1, CENTS)] == [0, 1, CENTS]


# --- foreign keys ----------------------------------------------------------------------------------------------------

_KEYS: Final = """
SELECT conrelid::regclass::text AS "table", conname AS name, attname AS column, format_type(atttypid, NULL) AS type
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f' AND cardinality(conkey) = 1 AND conrelid::regclass::text = ANY(%(tables)s)
ORDER BY 1, 2
"""


def fill(place: Town) -> None:
    """A row in every table that has foreign keys."""
    fee, prompt, _ = place.paid_fee()
    place.exemption(fee)
    place.evidence(prompt)
    place.task(fee)
    place.stray()
    place.refund()
    place.inquiry()
    place.referral(fee=fee)
    place.insert("membership", id=uuid.uuid4(), user_id=place.user, facility_id=place.facility, role="finance")
    place.insert("mpesa_access", account_id=place.account)
    place.hold()
    place.brought(referral_id=place.referral(fee=place.fee()))
    place.insert(
        "price",
        id=uuid.uuid4(),
        facility_id=place.facility,
        payee_id=place.facility,
        account_id=place.account,
        amount_cents=100,
    )
    place.commit_checks()


def point_nowhere(place: Town, key: dict[str, Any]) -> str | None:
    """What refuses a row that points to nothing, past all triggers of ours."""
    try:
        with place.sql.transaction(force_rollback=True):
            place.do(f"ALTER TABLE {key['table']} DISABLE TRIGGER USER")
            for table, check in (("evidence", "evidence_of_one_thing"), ("inquiry", "inquiry_about_one")):
                place.do(f"ALTER TABLE {table} DROP CONSTRAINT {check}")
            changed = place.do(f"UPDATE {key['table']} SET {key['column']} = gen_random_uuid()")
            assert changed > 0
            place.do("SET CONSTRAINTS ALL IMMEDIATE")
            return None
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name


def test_every_foreign_key_holds_and_without_it_the_row_points_nowhere(sql: Town) -> None:
    keys = sql.rows(_KEYS, tables=list(OURS))
    assert len(keys) >= 30
    fill(sql)
    for key in keys:
        if key["type"] != "uuid":
            continue
        # one row, so that a unique index has nothing to say
        assert point_nowhere(sql, key) == key["name"]
        with sql.sql.transaction(force_rollback=True):
            drop(sql, key["table"], key["name"])
            assert point_nowhere(sql, key) is None


# --- nothing is forgotten --------------------------------------------------------------------------------------------


def test_every_trigger_is_in_the_table_of_guards(sql: Town) -> None:
    tellers = {
        "clock_is_live",
        "live_insert",
        "live_update",
        "live_moved",
        "live_delete",
        "live_truncate",  # tests/live
        "audit_insert",
        "audit_update",  # tests/audit
    }
    scribes = {"logbook_insert", "logbook_update", "logbook_delete"}  # tests/people/test_logbook.py
    elsewhere = {"fee_7_appointment", *FACTS}  # tests/appointments
    seekers = {"referral_sought", "referral_sought_otherwise", "particulars_sought"}  # tests/console
    found = {
        row["tgname"]
        for row in sql.rows(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgrelid::regclass::text NOT IN ('api_key', 'openid_link')"  # tests/signin
            " AND tgrelid::regclass::text NOT IN ('audit', 'audit_block')"  # tests/audit
            " AND tgrelid::regclass::text <> 'logbook'"  # tests/people/test_logbook.py
            " AND tgrelid::regclass::text NOT IN ('comment', 'attachment', 'attachment_content')"  # tests/talk
            " AND tgrelid::regclass::text <> ALL(%(appointments)s)",
            appointments=[*OF_APPOINTMENTS, *OF_NOTICES],
        )
    }

    assert found - tellers - seekers - scribes - elsewhere == {guard.name for guard in TRIGGERS} | set(WRITERS) | {
        COUNTS
    }


def test_every_check_and_unique_index_is_in_the_table_of_guards(sql: Town) -> None:
    checks = sql.rows(
        "SELECT conname AS name FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text = ANY(%(tables)s)",
        tables=list(OURS),
    )
    unique = sql.rows(
        "SELECT indexrelid::regclass::text AS name FROM pg_index"
        " WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text = ANY(%(tables)s)",
        tables=list(OURS),
    )

    assert {row["name"] for row in checks + unique} == {guard.name for guard in CONSTRAINTS}


def test_every_constraint_is_in_force(sql: Town) -> None:
    assert sql.rows("SELECT conname FROM pg_constraint WHERE NOT convalidated") == []
    assert sql.rows("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal") == []
