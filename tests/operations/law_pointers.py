"""New rows that no law allows, and rows that point to what is not there: a forbidden write for each guard."""

from __future__ import annotations

import uuid
from typing import Final

from operations.law_ground import Birth, Town
from operations.law_guards import Write, history_out_of_the_way, trigger

# --- born as no law has it -------------------------------------------------------------------------------------------

_BIRTHS: Final[dict[str, Birth]] = {
    "fee": ("pay", "paid"),
    "prompt": ("confirmed", "paid"),
    "receipt": ("apply", "applied"),
    "referral": ("cancel", "cancelled"),
}
"""Refunds have one trigger for both, ``refund_1_law``."""


def _born(table: str) -> Write:
    def write(sql: Town) -> None:
        history_out_of_the_way(sql)
        getattr(sql, table)(birth=_BIRTHS[table])

    write.__name__ = f"{table}_born_in_the_middle"
    return write


for _table in _BIRTHS:
    trigger(_table, f"{_table}_1_born", "law")(_born(_table))


# --- pointing nowhere ------------------------------------------------------------------------------------------------


@trigger("receipt", "receipt_8_points", "receipt_points")
def received_by_a_prompt_that_never_was(sql: Town) -> None:
    sql.receipt(uuid.uuid4())


@trigger("receipt", "receipt_8_points", "receipt_points")
def received_on_no_account(sql: Town) -> None:
    sql.do("ALTER TABLE receipt DISABLE TRIGGER receipt_5_books")  # the books know no such account either
    sql.receipt(account_id=uuid.uuid4())


@trigger("receipt", "receipt_8_points", "receipt_points")
def one_of_two_received_by_a_prompt_that_never_was(sql: Town) -> None:
    sql.do(
        "INSERT INTO receipt (id, state, event, account_id, amount_cents, prompt_id)"
        " SELECT gen_random_uuid(), 'unapplied', 'arrive', %(account)s, 100, prompt"
        " FROM unnest(%(prompts)s::uuid[]) AS prompt",
        account=sql.account,
        prompts=[sql.prompt(), uuid.uuid4()],
    )


@trigger("receipt", "receipt_8_adopted", "receipt_points")
def adopted_by_a_prompt_that_never_was(sql: Town) -> None:
    sql.do("UPDATE receipt SET prompt_id = gen_random_uuid() WHERE id = %(id)s", id=sql.receipt())


@trigger("evidence", "evidence_3_points", "evidence_points")
def evidence_of_a_prompt_that_never_was(sql: Town) -> None:
    sql.evidence(uuid.uuid4())


@trigger("evidence", "evidence_3_points", "evidence_points")
def evidence_of_money_that_never_came(sql: Town) -> None:
    sql.evidence(sql.prompt(), receipt_id=uuid.uuid4())


@trigger("application", "application_1_fits", "application_fits")
def applied_from_a_receipt_that_never_was(sql: Town) -> None:
    sql.application(uuid.uuid4(), sql.fee())


@trigger("application", "application_1_fits", "application_fits")
def applied_to_a_fee_that_never_was(sql: Town) -> None:
    sql.do("ALTER TABLE application DISABLE TRIGGER application_4_pays")
    sql.application(sql.receipt(), uuid.uuid4())


# --- and what they point to stays ------------------------------------------------------------------------------------


@trigger("mpesa_account", "mpesa_account_1_frozen", "frozen")
def an_account_becomes_another(sql: Town) -> None:
    sql.do("UPDATE mpesa_account SET id = gen_random_uuid() WHERE id = %(id)s", id=sql.other_account)


@trigger("mpesa_account", "mpesa_account_2_kept", "kept")
def an_account_goes_away(sql: Town) -> None:
    sql.do("DELETE FROM mpesa_account WHERE id = %(id)s", id=sql.other_account)
