"""Guards of the law and of the money, each with a forbidden write that it alone refuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from operations.law_ground import CENTS, Town

Write: TypeAlias = Callable[[Town], object]


@dataclass(frozen=True, slots=True)
class Guard:
    """``table`` and ``name`` find it; ``says`` is the constraint that the refusal names."""

    table: str
    name: str
    write: Write
    says: str | None = None

    @property
    def constraint(self) -> str:
        return self.says or self.name


TRIGGERS: Final[list[Guard]] = []
CONSTRAINTS: Final[list[Guard]] = []


def trigger(table: str, name: str, says: str) -> Callable[[Write], Write]:
    return _into(TRIGGERS, table, name, says)


def constraint(table: str, name: str) -> Callable[[Write], Write]:
    return _into(CONSTRAINTS, table, name, None)


def _into(guards: list[Guard], table: str, name: str, says: str | None) -> Callable[[Write], Write]:
    def keep(write: Write) -> Write:
        guards.append(Guard(table, name, write, says))
        return write

    return keep


# --- the law ---------------------------------------------------------------------------------------------------------


@trigger("fee", "fee_1_law", "law")
def paid_from_waived(sql: Town) -> None:
    _with_history_out_of_the_way(sql)
    fee = sql.fee("waived")
    sql.force("receipt", sql.receipt(), state="applied", fee_id=fee)
    sql.move("fee", fee, "pay", "paid")


@trigger("prompt", "prompt_1_law", "law")
def sent_again(sql: Town) -> None:
    _with_history_out_of_the_way(sql)
    sql.move("prompt", sql.prompt(state="unknown"), "not-sent", "created")


@trigger("receipt", "receipt_1_law", "law")
def unapplied_again(sql: Town) -> None:
    sql.do("ALTER TABLE receipt DISABLE TRIGGER receipt_2_frozen")  # an applied receipt keeps its fee, which hides this
    _with_history_out_of_the_way(sql)
    _, _, receipt = sql.paid_fee()
    sql.move("receipt", receipt, "arrive", "unapplied", fee_id=None)


@trigger("referral", "referral_1_law", "law")
def reopened(sql: Town) -> None:
    _with_history_out_of_the_way(sql)
    sql.move("referral", sql.referral("cancelled"), "create", "pending-admin")


def _with_history_out_of_the_way(sql: Town) -> None:
    """The foreign key of history refuses an unlawful move too, and would hide whether the guard is there."""
    sql.do("ALTER TABLE history DROP CONSTRAINT history_is_lawful")


@constraint("history", "history_is_lawful")
def unlawful_history(sql: Town) -> None:
    sql.do("ALTER TABLE history DISABLE TRIGGER USER")
    sql.insert("history", machine="prompt", subject=uuid.uuid4(), from_state="paid", event="failed", to_state="unpaid")


@trigger("history", "history_by_triggers", "written_by_triggers")
def history_of_what_never_happened(sql: Town) -> None:
    sql.insert("history", machine="fee", subject=sql.fee(), from_state="due", event="pay", to_state="paid")


def _by_hand(kind: str) -> Write:
    def write(sql: Town) -> None:
        sql.transfer(kind, fee=sql.fee("waived"), receipt=None if kind == "waived" else sql.receipt())

    write.__name__ = f"{kind}_posted_by_hand"
    return write


for _kind in ("waived", "applied"):
    trigger("transfer", "transfer_by_triggers", "written_by_triggers")(_by_hand(_kind))


# --- the money -------------------------------------------------------------------------------------------------------


@trigger("prompt", "prompt_3_money", "prompt_needs_receipt")
def prompt_paid_without_receipt(sql: Town) -> None:
    sql.move("prompt", sql.prompt(state="pending"), "confirmed", "paid")


@trigger("prompt", "prompt_3_money", "prompt_needs_receipt")
def prompt_paid_by_a_receipt_of_another_amount(sql: Town) -> None:
    prompt = sql.prompt(state="pending")
    sql.receipt(prompt, amount_cents=CENTS - 100)
    sql.move("prompt", prompt, "confirmed", "paid")


@trigger("prompt", "prompt_3_money", "prompt_needs_receipt")
def prompt_paid_by_the_receipt_of_another_prompt(sql: Town) -> None:
    sql.receipt(sql.prompt(state="pending"))
    sql.move("prompt", sql.prompt(state="pending"), "confirmed", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_receipt")
def fee_paid_without_receipt(sql: Town) -> None:
    sql.move("fee", sql.fee(), "pay", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_receipt")
def fee_paid_by_an_unapplied_receipt(sql: Town) -> None:
    fee = sql.fee()
    sql.receipt(sql.prompt(fee))
    sql.move("fee", fee, "pay", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_receipt")
def fee_paid_by_a_receipt_of_another_amount(sql: Town) -> None:
    fee = sql.fee()
    sql.force("receipt", sql.receipt(amount_cents=CENTS - 1), state="applied", fee_id=fee)
    sql.move("fee", fee, "pay", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_two_people")
def waived_by_nobody(sql: Town) -> None:
    sql.move("fee", sql.fee(), "waive", "waived")


@trigger("fee", "fee_3_ground", "fee_needs_two_people")
def deferred_by_nobody(sql: Town) -> None:
    sql.move("fee", sql.fee(), "defer", "deferred")


@trigger("fee", "fee_3_ground", "fee_needs_two_people")
def waived_by_one_person(sql: Town) -> None:
    fee = sql.fee()
    sql.exemption(fee, "waive")
    sql.move("fee", fee, "waive", "waived")


@trigger("fee", "fee_3_ground", "fee_needs_two_people")
def waived_where_two_people_agreed_to_defer(sql: Town) -> None:
    fee = sql.fee()
    sql.exemption(fee, "defer", agreed=True)
    sql.move("fee", fee, "waive", "waived")


@trigger("fee", "fee_3_ground", "fee_needs_two_people")
def waived_by_the_agreement_about_another_fee(sql: Town) -> None:
    sql.exemption(sql.fee(), "waive", agreed=True)
    sql.move("fee", sql.fee(), "waive", "waived")


@trigger("fee", "fee_3_ground", "fee_needs_refund")
def refunded_without_a_record(sql: Town) -> None:
    fee, _, _ = sql.paid_fee()
    sql.move("fee", fee, "refund", "refunded")


@trigger("receipt", "receipt_3_fits", "receipt_fits_fee")
def applied_to_a_waived_fee(sql: Town) -> None:
    sql.move("receipt", sql.receipt(), "apply", "applied", fee_id=sql.fee("waived"))


@trigger("receipt", "receipt_3_fits", "receipt_fits_fee")
def applied_to_a_fee_of_another_amount(sql: Town) -> None:
    sql.move("receipt", sql.receipt(amount_cents=CENTS + 1), "apply", "applied", fee_id=sql.fee())


@trigger("receipt", "receipt_3_fits", "receipt_fits_fee")
def applied_to_a_fee_of_another_account(sql: Town) -> None:
    sql.move("receipt", sql.receipt(account_id=sql.other_account), "apply", "applied", fee_id=sql.fee())


@trigger("receipt", "receipt_5_pays", "receipt_pays_its_fee")
def applied_and_its_fee_left_unpaid(sql: Town) -> None:
    sql.move("receipt", sql.receipt(), "apply", "applied", fee_id=sql.fee())
    sql.commit_checks()


@trigger("receipt", "receipt_5_pays", "receipt_pays_its_fee")
def applied_and_its_fee_deferred(sql: Town) -> None:
    fee = sql.fee()
    sql.move("receipt", sql.receipt(), "apply", "applied", fee_id=fee)
    sql.exemption(fee, "defer", agreed=True)
    sql.move("fee", fee, "defer", "deferred")
    sql.commit_checks()


@trigger("fee", "fee_9_deferred", "fee_born_deferred_needs_emergency")
def deferred_from_the_start_for_nobody(sql: Town) -> None:
    sql.fee("deferred")
    sql.commit_checks()


@trigger("fee", "fee_9_deferred", "fee_born_deferred_needs_emergency")
def deferred_from_the_start_for_a_routine(sql: Town) -> None:
    sql.referral(fee=sql.fee("deferred"))
    sql.commit_checks()


# --- the referral ----------------------------------------------------------------------------------------------------


@trigger("referral", "referral_3_money", "referral_needs_paid_fee")
def referral_paid_while_its_fee_is_due(sql: Town) -> None:
    sql.move("referral", sql.referral("pending-payment", fee=sql.fee()), "money-seen", "paid")


@trigger("referral", "referral_3_money", "referral_needs_paid_fee")
def referral_paid_while_its_fee_is_waived(sql: Town) -> None:
    sql.move("referral", sql.referral("pending-payment", fee=sql.fee("waived")), "money-seen", "paid")


@trigger("referral", "referral_3_money", "referral_needs_settled_fee")
def confirmed_while_the_fee_is_due(sql: Town) -> None:
    sql.move("referral", sql.referral("pending-payment", fee=sql.fee()), "confirm", "confirmed")


@trigger("referral", "referral_3_money", "referral_is_emergency")
def routine_confirmed_as_an_emergency(sql: Town) -> None:
    sql.move("referral", sql.referral(), "confirm-emergency", "confirmed")


@trigger("referral", "referral_3_money", "referral_is_emergency")
def urgent_confirmed_as_an_emergency(sql: Town) -> None:
    referral = sql.referral("pending-payment", fee=sql.fee(), priority="Urgent")
    sql.move("referral", referral, "confirm-emergency", "confirmed")


@trigger("referral", "referral_5_payee", "referral_payee_is_the_fees")
def money_shown_to_another_facility(sql: Town) -> None:
    sql.do("UPDATE referral SET payee_id = %(to)s WHERE id = %(id)s", to=sql.other_facility, id=sql.referral())


@trigger("prompt", "prompt_5_fee", "prompt_asks_for_its_fee")
def prompt_for_part_of_its_fee(sql: Town) -> None:
    sql.prompt(sql.fee(), amount_cents=CENTS - 100)


@trigger("prompt", "prompt_5_fee", "prompt_asks_for_its_fee")
def prompt_on_another_account(sql: Town) -> None:
    sql.prompt(sql.fee(), account_id=sql.other_account)


@trigger("prompt", "prompt_8_restored", "prompt_after_restoration")
def asked_again_after_a_restore(sql: Town) -> None:
    fee = sql.fee()
    sql.restoration()
    sql.prompt(fee)


@trigger("prompt", "prompt_8_restored", "prompt_after_restoration")
def asked_again_after_a_restore_with_an_empty_reason(sql: Town) -> None:
    fee = sql.fee()
    sql.restoration()
    sql.prompt(fee, reason="  ")


@trigger("fee", "fee_8_cancel", "fee_cancel_needs_cancelled_referral")
def given_up_without_a_referral(sql: Town) -> None:
    sql.move("fee", sql.fee(), "cancel", "waived")
    sql.commit_checks()


@trigger("fee", "fee_8_cancel", "fee_cancel_needs_cancelled_referral")
def given_up_while_the_referral_goes_on(sql: Town) -> None:
    fee = sql.fee()
    sql.referral("pending-payment", fee=fee)
    sql.move("fee", fee, "cancel", "waived")
    sql.commit_checks()


@constraint("referral", "referral_fee_after_approval")
def approved_without_a_fee(sql: Town) -> None:
    sql.move("referral", sql.referral(), "approve", "awaiting-biodata")
