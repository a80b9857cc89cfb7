"""What somebody works on at this moment is passed over, and nobody waits for it: each ``SKIP LOCKED`` there is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import dict_row

import rufaa
from operations.law_ground import Town
from rufaa.db import sql

PAST, FUTURE = "2020-01-01", "2099-01-01"
ALL: Final[Mapping[str, object]] = {
    "limit": 10,
    "most": 10,
    "held": "held",
    **dict.fromkeys(("lease_s", "slack_s", "again_s", "wait_s", "send_for_s", "held_for_s", "without_id_s"), 60.0),
    "longest_s": 3600.0 * 24,
}
"""What the statements are given besides: limits and seconds."""
_LEFT: Final = "SKIP LOCKED"
TREE: Final = Path(rufaa.__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """A row that a statement takes when nobody holds it."""

    table: str
    id: object
    params: Mapping[str, object] = field(default_factory=dict)
    key: str = "id"


# --- rows ----------------------------------------------------------------------------------------------------------


def prompt(place: Town, state: str = "created", *, fee: uuid.UUID | None = None, **values: object) -> Row:
    made = place.prompt(fee)
    place.force("prompt", made, **{"state": state, "event": "by-hand", "next_at": PAST} | values)
    return Row("prompt", made, {"account": place.account, "ids": [made]})


def of_a_waived_fee(place: Town) -> Row:
    fee = place.fee()
    row = prompt(place, fee=fee)
    place.force_state("fee", fee, "waived")
    return row


def refund(place: Town, state: str, **values: object) -> Row:
    made = place.refund(state=state)
    place.force("refund", made, **values)
    return Row("refund", made, {"ids": [made]})


def claim(place: Town, **values: object) -> Row:
    made = place.claim(**values)
    return Row("claim", made, {"ids": [made]})


def access(place: Town, pull_at: str) -> Row:
    place.insert("mpesa_access", account_id=place.account, pull_at=pull_at)
    return Row("mpesa_access", place.account, key="account_id")


def stray(place: Town, next_at: str) -> Row:
    made = place.stray(account_id=place.account, checkout_request_id="ws_CO_1", next_at=next_at)
    return Row("stray", made, {"account": place.account, "ids": [made]})


def key_check(place: Town) -> Row:
    values = {"account_id": place.account, "facility_id": place.facility, "asked_by": place.user, "next_at": PAST}
    return Row("key_check", place.insert("key_check", id=uuid.uuid4(), **values))


def notice(place: Town, state: str, **values: object) -> Row:
    made = uuid.uuid4()
    row = {"id": made, "state": state, "event": "by-hand", "kind": "received", "subject": made, "channel": "sms"}
    with place.past_the_guards():
        place.insert("notice", referral_id=place.referral(), **row, **values)
    return Row("notice", made)


def ended_hold(place: Town) -> Row:
    slot = place.slot()
    made = place.appointment(slot=slot)
    place.force("appointment", made, held_until=PAST)
    return Row("appointment", made, {"slot": slot})


def api_key(place: Town) -> Row:
    digest = b"d" * 32
    values = {"name": "a program", "prefix": "rk", "digest": digest, "user_id": place.user}
    return Row("api_key", place.insert("api_key", id=uuid.uuid4(), **values), {"digest": digest})


def allowance(place: Town) -> Row:
    place.insert("paypage_allowance", key="a phone", rule="looks", used=1, ends_at=PAST)
    return Row("paypage_allowance", "a phone", key="key")


def inbox(place: Town) -> Row:
    return Row("inbox", place.inbox(), {"only": None})


ROWS: Final[Mapping[tuple[str, str], Callable[[Town], Row]]] = {
    ("appointments/operations.sql", "let_go"): ended_hold,
    ("ingest/loop.sql", "take"): inbox,
    ("notices/sending.sql", "due"): lambda place: notice(place, "due", next_at=PAST),
    ("notices/sending.sql", "expired"): lambda place: notice(
        place, "sending", lease_until=PAST, address="254708374149", text="Come."
    ),
    ("payments/claims.sql", "unconfirmed"): lambda place: claim(place, created_at=PAST),
    ("payments/dispatch.sql", "claim"): prompt,
    ("payments/dispatch.sql", "expire"): lambda place: prompt(place, "sending", lease_until=PAST, next_at=None),
    ("payments/dispatch.sql", "give_up"): lambda place: prompt(place, created_at=PAST),
    ("payments/dispatch.sql", "leased_for_too_long"): lambda place: prompt(
        place, "sending", lease_until=FUTURE, next_at=None
    ),
    ("payments/dispatch.sql", "made_in_the_future"): lambda place: prompt(place, created_at=FUTURE, next_at=FUTURE),
    ("payments/dispatch.sql", "sent_in_the_future"): lambda place: prompt(
        place, "pending", sent_at=FUTURE, next_at=FUTURE
    ),
    ("payments/dispatch.sql", "withdraw"): of_a_waived_fee,
    ("payments/key_checks.sql", "claim"): key_check,
    ("payments/orders.sql", "claim"): lambda place: refund(place, "approved", next_at=PAST),
    ("payments/orders.sql", "due_claims"): lambda place: claim(place, next_at=PAST),
    ("payments/orders.sql", "unclear_refunds"): lambda place: refund(
        place, "unknown", next_at=PAST, originator_conversation_id="1"
    ),
    ("payments/pulls.sql", "claim"): lambda place: access(place, PAST),
    ("payments/reconcile.sql", "claim"): lambda place: prompt(place, "pending", checkout_request_id="ws_CO_1"),
    ("payments/reconcile.sql", "overdue"): lambda place: prompt(place, "unknown", sent_at=PAST),
    ("payments/strays.sql", "claim"): lambda place: stray(place, PAST),
    ("payments/unsettled.sql", "claims_due"): lambda place: claim(place, next_at=FUTURE),
    ("payments/unsettled.sql", "prompts_due"): lambda place: prompt(
        place, "pending", checkout_request_id="ws_CO_1", next_at=FUTURE
    ),
    ("payments/unsettled.sql", "pulls_due"): lambda place: access(place, FUTURE),
    ("payments/unsettled.sql", "refunds_due"): lambda place: refund(
        place, "unknown", next_at=FUTURE, originator_conversation_id="1"
    ),
    ("payments/unsettled.sql", "strays_due"): lambda place: stray(place, FUTURE),
    ("paypage/limits.sql", "tidy"): allowance,
    ("signin/api_keys.sql", "use"): api_key,
}
"""Each statement that passes over what is locked, with a row that it takes."""
TOLD: Final[Mapping[tuple[str, str], str]] = {
    ("notices/sending.sql", "due"): "SELECT id FROM due",  # without what its wording needs
    ("signin/api_keys.sql", "use"): "SELECT id FROM due",  # the key is found all the same, and only the note left out
}
"""What ends a statement here whose rows do not tell what it took."""


def passing() -> set[tuple[str, str]]:
    found = set()
    for file in TREE.rglob("*.sql"):
        if "-- name: " in file.read_text(encoding="utf-8"):
            here = str(file.relative_to(TREE))
            found |= {(here, name) for name, text in sql.load(str(file), file.name).items() if _LEFT in _code(text)}
    return found


def _code(statement: str) -> str:
    return "\n".join(line for line in statement.splitlines() if not line.startswith("--"))


def statement(file: str, name: str) -> str:
    text = sql.load(str(TREE / file), Path(file).name)[name]
    ends = TOLD.get((file, name))
    return text if ends is None else f"{text.partition(_LEFT)[0]}{_LEFT})\n{ends}"


# --- laws ----------------------------------------------------------------------------------------------------------


def test_each_statement_that_passes_over_what_is_locked_is_tried_here() -> None:
    assert passing() == set(ROWS)


@pytest.mark.parametrize(("file", "name"), sorted(ROWS), ids=lambda each: each.partition(".")[0])
def test_a_row_that_somebody_holds_is_passed_over_and_taken_once_it_is_free(
    database: str, file: str, name: str
) -> None:
    with psycopg.connect(database, row_factory=dict_row) as connection:
        place = Town(connection)
        place.settle_down()
        row = ROWS[file, name](place)
    values: dict[str, Any] = {**ALL, **row.params}

    with psycopg.connect(database) as holder, psycopg.connect(database) as worker:
        worker.execute("SET lock_timeout = '500ms'")
        holder.execute(f"SELECT FROM {row.table} WHERE {row.key} = %s FOR UPDATE", [row.id])
        while_held = worker.execute(statement(file, name), values).rowcount
        worker.rollback()
        holder.rollback()
        worker.execute("SET lock_timeout = '500ms'")
        once_free = worker.execute(statement(file, name), values).rowcount
        worker.rollback()

    assert (while_held, once_free) == (0, 1)
