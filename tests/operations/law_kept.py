"""Columns that never change and rows that are kept: a forbidden write for each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from operations.law_ground import CENTS, Town
from operations.law_guards import Write, trigger

# --- what never changes ----------------------------------------------------------------------------------------------

_FROZEN: Final = {
    ("fee", "fee_2_frozen"): "id account_code payee_id account_id amount_cents",
    ("prompt", "prompt_2_frozen"): "id fee_id account_id attempt payer_phone amount_cents"
    " merchant_request_id checkout_request_id",
    ("receipt", "receipt_2_frozen"): "id account_id amount_cents prompt_id number account_reference phone_shown"
    " names_id",
    (
        "refund",
        "refund_2_frozen",
    ): "id created_at receipt_id fee_id amount_cents method phone why proposed_by approved_by"
    " approved_at number done_at",
    (
        "claim",
        "claim_1_frozen",
    ): "id created_at account_id number channel amount_cents paid_at fee_id by inbox receipt_id ended_at",
    (
        "inquiry",
        "inquiry_1_frozen",
    ): "id created_at account_id claim_id refund_id receipt_number original_conversation_id"
    " conversation_id originator_conversation_id answered_at",
    ("exemption", "exemption_1_frozen"): "id fee_id kind reason proposed_by seconded_by seconded_at",
    ("referral", "referral_2_frozen"): "id token account_code priority referring_id receiving_id physician_id"
    " created_by_id particulars_id fee_id former_id onward_of_id",
    ("brought", "brought_1_frozen"): "id at source document digest body referral_id",
    ("task", "task_1_frozen"): "id opened_at kind facility_id fee_id stray_id prompt_id receipt_id claim_id refund_id"
    " account_id proposed_fee_id why closed_at closed_by",
    ("stray", "stray_1_frozen"): "id created_at prompt inbox checkout_request_id receipt_number amount_cents paid_at"
    " receipt_id",
    ("restoration", "restoration_1_frozen"): "id backup_at restored_at compared_at compared",
    ("account_hold", "account_hold_1_frozen"): "id account_id held_at reason held_by released_at released_by",
}


def _change(table: str, column: str) -> Write:
    def write(sql: Town) -> None:
        if (table, column) == ("refund", "method"):
            sql.do("ALTER TABLE refund DROP CONSTRAINT refund_phone")  # it knows which method has a phone
        identifier = _whole(sql, table, column)
        sql.do(f"UPDATE {table} SET {column} = %(new)s WHERE id = %(id)s", new=_another(sql, column), id=identifier)

    write.__name__ = f"{table}_{column}_changes"
    return write


def _whole(sql: Town, table: str, column: str = "") -> uuid.UUID:
    """A row with something in every column that is frozen; where only one of two can be filled, in ``column``."""
    return _WHOLE[table](sql, column)


def _whole_receipt(sql: Town, _: str) -> uuid.UUID:
    return sql.receipt(
        sql.prompt(), number="UBN7XY1234", account_reference="CODE1", phone_shown="2547*****149", names_id=sql.fee()
    )


def _whole_refund(sql: Town, _: str) -> uuid.UUID:
    fee, _, receipt = sql.paid_fee()
    approved = {"approved_by": sql.second, "approved_at": "2026-01-01"}
    return sql.refund(receipt, fee=fee, number="UBN7XY9999", done_at="2026-01-01", **approved)


def _whole_claim(sql: Town, _: str) -> uuid.UUID:
    said = {"amount_cents": CENTS, "paid_at": "2026-01-01", "inbox": 1, "by": sql.user, "fee_id": sql.fee()}
    return sql.claim(**said, receipt_id=sql.receipt(), ended_at="2026-01-01", ended_as="confirmed")


def _whole_inquiry(sql: Town, column: str) -> uuid.UUID:
    said: dict[str, object] = {"conversation_id": "AG_1", "originator_conversation_id": "1-1-1"}
    if column == "refund_id":
        said["refund_id"] = sql.refund()
    if column == "original_conversation_id":
        said["original_conversation_id"] = "AG_0"
    return sql.inquiry(**said, answered_at="2026-01-01")


def _whole_task(sql: Town, column: str) -> uuid.UUID:
    prompt = sql.prompt()
    receipt = sql.receipt(prompt)
    about = {"prompt_id": prompt, "receipt_id": receipt, "stray_id": sql.stray(), "claim_id": sql.claim()}
    about |= {"refund_id": sql.refund(receipt), "account_id": sql.account, "proposed_fee_id": sql.fee()}
    closed = None if column == "closed_by" else "2026-01-01"  # task_4_closed would hide whether it is frozen
    return sql.task(sql.fee(), **about, closed_at=closed, closed_by=sql.user)


def _whole_referral(sql: Town, column: str) -> uuid.UUID:
    if column != "onward_of_id":
        return sql.referral(fee=sql.fee(), former_id="j57")
    sql.do("ALTER TABLE referral DISABLE TRIGGER referral_9_onward")  # it knows that as well
    return sql.referral(onward_of_id=sql.referral("confirmed"), **sql.onward)


def _whole_stray(sql: Town, _: str) -> uuid.UUID:
    known = {"checkout_request_id": "ws_CO_1", "receipt_number": "UBN7XY1234", "amount_cents": CENTS}
    return sql.stray(**known, paid_at="2026-01-01", receipt_id=sql.receipt())


_WHOLE: Final[dict[str, Callable[[Town, str], uuid.UUID]]] = {
    "fee": lambda sql, _: sql.fee(),
    "prompt": lambda sql, _: sql.prompt(checkout_request_id="ws_CO_1", merchant_request_id="mr-1"),
    "receipt": _whole_receipt,
    "application": lambda sql, _: sql.application(sql.receipt(), sql.fee()),
    "refund": _whole_refund,
    "claim": _whole_claim,
    "inquiry": _whole_inquiry,
    "task": _whole_task,
    "stray": _whole_stray,
    "restoration": lambda sql, _: sql.restoration(compared_at="2026-01-01", compared="nothing is missing"),
    "account_hold": lambda sql, _: sql.hold(released_at="2026-01-01", released_by="amina"),
    "exemption": lambda sql, _: sql.exemption(sql.fee(), agreed=True),
    "referral": _whole_referral,
    "brought": lambda sql, _: sql.brought(referral_id=sql.referral(fee=sql.fee())),
}


def _another(sql: Town, column: str) -> object:
    """A value that every constraint would take."""
    made: dict[str, Callable[[], object]] = {
        "fee_id": sql.fee,
        "proposed_fee_id": sql.fee,
        "prompt_id": sql.prompt,
        "particulars_id": lambda: sql.insert("particulars", id=uuid.uuid4(), name="John Otieno"),
    }
    plain: dict[str, object] = {
        "account_id": sql.other_account,
        "amount_cents": CENTS + 100,
        "attempt": 99,
        "at": "2026-02-02",
        "body": b"x",
        "payer_phone": "254708009999",
        "phone": "254708009999",
        "method": "reversal",
        "channel": "typed",
        "by": uuid.uuid4(),
        "priority": "Emergency",
        "kind": "defer",
        "seconded_at": "2026-02-02",
        "opened_at": "2026-02-02",
        "created_at": "2026-02-02",
        "paid_at": "2026-02-02",
        "inbox": 99,
        "prompt": uuid.uuid4(),
        "closed_at": "2026-02-02",
        "backup_at": "2026-02-02",
        "restored_at": "2026-02-02",
        "compared_at": "2026-02-02",
        "held_at": "2026-02-02",
        "released_at": "2026-02-02",
        "approved_at": "2026-02-02",
        "done_at": "2026-02-02",
        "ended_at": "2026-02-02",
        "answered_at": "2026-02-02",
        "conversation_id": "AG_2",
        "originator_conversation_id": "2-2-2",
        "original_conversation_id": "AG_3",
    }
    if column in made:
        return made[column]()
    if column in plain:
        return plain[column]
    if column == "id" or (column.endswith(("_by", "_id")) and not column.endswith("request_id")):
        return uuid.uuid4()  # foreign keys look at the commit only
    return "OTHER123"


for (_table, _name), _columns in _FROZEN.items():
    for _column in _columns.split():
        trigger(_table, _name, "frozen")(_change(_table, _column))


@trigger("receipt", "receipt_2_frozen", "frozen")
def receipt_number_forgotten(sql: Town) -> None:
    sql.do("UPDATE receipt SET number = NULL WHERE id = %(id)s", id=_whole(sql, "receipt"))


@trigger("prompt", "prompt_2_frozen", "frozen")
def checkout_id_forgotten(sql: Town) -> None:
    sql.do("UPDATE prompt SET checkout_request_id = NULL WHERE id = %(id)s", id=_whole(sql, "prompt"))


def _said_of_a_closed_task(column: str) -> Write:
    def write(sql: Town) -> None:
        task = sql.task(sql.fee(), closed_at="2026-01-01")
        said = {"closed_as": "applied", "closed_by": sql.user}[column]
        sql.do(f"UPDATE task SET {column} = %(said)s WHERE id = %(id)s", said=said, id=task)

    write.__name__ = f"task_{column}_after_it_was_closed"
    return write


for _column in ("closed_as", "closed_by"):
    trigger("task", "task_4_closed", "kept")(_said_of_a_closed_task(_column))


# --- what is kept ----------------------------------------------------------------------------------------------------


def _deletes(table: str) -> Write:
    def write(sql: Town) -> None:
        _filled(sql, table)
        assert sql.do(f"DELETE FROM {table}") > 0

    write.__name__ = f"{table}_deleted"
    return write


def _changes(table: str, setting: str) -> Write:
    def write(sql: Town) -> None:
        _filled(sql, table)
        assert sql.do(f"UPDATE {table} SET {setting}") > 0

    write.__name__ = f"{table}_rewritten_{setting.partition(' ')[0]}"
    return write


def _filled(sql: Town, table: str) -> None:
    """At least one row, and none anywhere that refers to it."""
    match table:
        case "evidence":
            sql.evidence(sql.prompt())
        case "inbox":
            sql.inbox()
        case "history" | "transfer":
            sql.fee()
        case "law":
            pass  # it is never empty
        case _:
            _whole(sql, table)


def _truncates(table: str, trigger: str) -> Write:
    def write(sql: Town) -> None:
        for other, name in (TRUNCATE_GUARDS | GUARDS_ELSEWHERE).items():
            if name != trigger:
                sql.do(f"ALTER TABLE {other} DISABLE TRIGGER {name}")
        sql.do(f"TRUNCATE {table} CASCADE")

    write.__name__ = f"{table}_truncated"
    return write


GUARDS_ELSEWHERE: Final = {
    "comment": "comment_3_kept",
    "attachment": "attachment_4_kept",
    "attachment_content": "attachment_content_3_kept",
    "appointment": "appointment_8_kept",
    "notice": "notice_8_kept",
}
"""They refer to referrals; tests/talk, tests/appointments and tests/notices have their own tests."""
TRUNCATE_GUARDS: Final = {
    "fee": "fee_7_kept",
    "prompt": "prompt_7_kept",
    "receipt": "receipt_7_kept",
    "evidence": "evidence_2_kept",
    "referral": "referral_7_kept",
    "history": "history_is_kept",
    "transfer": "transfer_is_kept",
    "inbox": "inbox_3_kept",
    "exemption": "exemption_3_kept",
    "task": "task_3_kept",
    "stray": "stray_3_kept",
    "restoration": "restoration_3_kept",
    "account_hold": "account_hold_3_kept",
    "application": "application_3_kept",
    "refund": "refund_7_kept",
    "claim": "claim_3_kept",
    "inquiry": "inquiry_3_kept",
    "brought": "brought_3_kept",
    "law": "law_3_kept",
    "mpesa_account": "mpesa_account_3_kept",
}

for _table, _name in (
    *(("fee", "fee_6_kept"), ("prompt", "prompt_6_kept"), ("receipt", "receipt_6_kept")),
    *(("referral", "referral_6_kept"), ("exemption", "exemption_2_kept"), ("evidence", "evidence_1_only_grows")),
    *(("task", "task_2_kept"), ("stray", "stray_2_kept"), ("restoration", "restoration_2_kept")),
    ("account_hold", "account_hold_2_kept"),
    *(("application", "application_2_only_grows"), ("refund", "refund_6_kept"), ("claim", "claim_2_kept")),
    *(("inquiry", "inquiry_2_kept"), ("brought", "brought_2_kept"), ("law", "law_2_kept")),
    *(("history", "history_only_grows"), ("transfer", "transfer_only_grows"), ("inbox", "inbox_2_kept")),
):
    trigger(_table, _name, "kept")(_deletes(_table))
for _table, _name, _setting in (
    ("evidence", "evidence_1_only_grows", "verdict = 'fails'"),
    ("history", "history_only_grows", "actor = gen_random_uuid()"),
    ("transfer", "transfer_only_grows", "amount_cents = amount_cents + 1"),
    ("application", "application_2_only_grows", "amount_cents = amount_cents - 1"),
    ("application", "application_2_only_grows", "by = gen_random_uuid()"),
    ("application", "application_2_only_grows", "fee_id = gen_random_uuid()"),
):
    trigger(_table, _name, "kept")(_changes(_table, _setting))
for _setting in (
    *("id = id + 1", "at = at + interval '1 s'", "kind = 'c2b'", "subject = gen_random_uuid()", "source = ''"),
    "body = 'x'",
):
    trigger("inbox", "inbox_1_frozen", "frozen")(_changes("inbox", _setting))
trigger("inbox", "inbox_1_frozen", "frozen")(_changes("inbox", "trusted = NOT trusted"))
for _column in ("machine", "from_state", "event", "to_state"):
    trigger("law", "law_1_frozen", "frozen")(_changes("law", f"{_column} = 'x' || id"))
trigger("law", "law_1_frozen", "frozen")(_changes("law", "id = -id"))
for _table, _name in TRUNCATE_GUARDS.items():
    trigger(_table, _name, "kept")(_truncates(_table, _name))


@trigger("inbox", "inbox_1_frozen", "frozen")
def settled_twice(sql: Town) -> None:
    sql.inbox()
    sql.do("UPDATE inbox SET settled_at = rufaa_now(), outcome = 'confirms'")
    sql.do("UPDATE inbox SET settled_at = NULL, outcome = ''")
