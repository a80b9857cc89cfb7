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
    history_out_of_the_way(sql)
    fee = sql.fee("waived")
    receipt = sql.receipt()
    with sql.past_the_guards():
        sql.application(receipt, fee)
    sql.move("fee", fee, "pay", "paid")


@trigger("prompt", "prompt_1_law", "law")
def sent_again(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.move("prompt", sql.prompt(state="unknown"), "not-sent", "created")


@trigger("receipt", "receipt_1_law", "law")
def unapplied_again(sql: Town) -> None:
    history_out_of_the_way(sql)
    _, _, receipt = sql.paid_fee()
    sql.move("receipt", receipt, "arrive", "unapplied")


@trigger("refund", "refund_1_law", "law")
def ordered_anew_after_an_answer_was_lost(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.move("refund", sql.refund(state="unknown"), "not-sent", "approved")


@trigger("refund", "refund_1_law", "law")
def failed_after_the_money_went(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.move("refund", sql.refund(state="done"), "rejected", "failed")


@trigger("referral", "referral_1_law", "law")
def reopened(sql: Town) -> None:
    history_out_of_the_way(sql)
    sql.move("referral", sql.referral("cancelled"), "create", "pending-admin")


def history_out_of_the_way(sql: Town) -> None:
    """History's own guard refuses an unlawful move too, and would hide whether the machine's is there."""
    sql.do("ALTER TABLE history DISABLE TRIGGER history_is_lawful")


@trigger("history", "history_is_lawful", "history_is_lawful")
def unlawful_history(sql: Town) -> None:
    sql.do("ALTER TABLE history DISABLE TRIGGER history_by_triggers")
    sql.insert("history", machine="prompt", subject=uuid.uuid4(), from_state="paid", event="failed", to_state="unpaid")


@trigger("history", "history_by_triggers", "written_by_triggers")
def history_of_what_never_happened(sql: Town) -> None:
    sql.insert("history", machine="fee", subject=sql.fee(), from_state="due", event="pay", to_state="paid")


def _by_hand(kind: str) -> Write:
    def write(sql: Town) -> None:
        receipt = None if kind == "waived" else sql.receipt()
        refund = sql.refund(receipt) if kind in {"returned", "refunded"} else None
        sql.transfer(kind, fee=sql.fee("waived"), receipt=receipt, refund=refund)

    write.__name__ = f"{kind}_posted_by_hand"
    return write


for _kind in ("waived", "applied", "returned", "refunded"):
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


@trigger("prompt", "prompt_3_money", "prompt_needs_receipt")
def prompt_paid_by_a_receipt_on_another_account(sql: Town) -> None:
    prompt = sql.prompt(state="pending")
    sql.receipt(prompt, account_id=sql.other_account)
    sql.move("prompt", prompt, "confirmed", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_receipt")
def fee_paid_by_less_than_its_amount(sql: Town) -> None:
    fee = sql.fee()
    sql.application(sql.receipt(), fee, CENTS - 1)
    sql.move("fee", fee, "pay", "paid")


@trigger("fee", "fee_3_ground", "fee_needs_receipt")
def fee_paid_by_more_than_its_amount(sql: Town) -> None:
    fee = sql.fee()
    sql.application(sql.receipt(), fee, CENTS)
    sql.application(sql.receipt(), fee, 1)
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


@trigger("fee", "fee_3_ground", "fee_needs_refund")
def refunded_while_one_of_its_receipts_is_kept(sql: Town) -> None:
    fee, one, _ = _paid_by_two(sql)
    _give_back_a_part(sql, fee, one)
    sql.move("fee", fee, "refund", "refunded")


def _paid_by_two(sql: Town) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """A fee, and the receipts of a tenth and of the rest that pay it."""
    fee, one, other = sql.fee(), sql.receipt(amount_cents=CENTS // 10), sql.receipt(amount_cents=CENTS - CENTS // 10)
    sql.pay(fee, one, other)
    return fee, one, other


def _give_back_a_part(sql: Town, fee: uuid.UUID, receipt: uuid.UUID) -> uuid.UUID:
    """What ``receipt``, of a tenth, pays of ``fee`` goes back; the rest still pays it."""
    refund = sql.refund(receipt, fee=fee, amount_cents=CENTS // 10)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.move("receipt", receipt, "return", "refunded")
    sql.commit_checks()
    return refund


# --- what of a receipt is used ---------------------------------------------------------------------------------------


@trigger("receipt", "receipt_3_free", "receipt_counts_free")
def called_free_by_hand(sql: Town) -> None:
    _, _, receipt = sql.paid_fee()
    sql.do("UPDATE receipt SET free_cents = amount_cents WHERE id = %(id)s", id=receipt)


@trigger("receipt", "receipt_3_free", "receipt_counts_free")
def hidden_by_hand(sql: Town) -> None:
    sql.do("UPDATE receipt SET free_cents = 0 WHERE id = %(id)s", id=sql.receipt())


@trigger("receipt", "receipt_6_says", "receipt_says_what_waits")
def applied_to_nothing(sql: Town) -> None:
    sql.move("receipt", sql.receipt(), "apply", "applied")
    sql.commit_checks()


@trigger("receipt", "receipt_6_says", "receipt_says_what_waits")
def given_back_to_nobody(sql: Town) -> None:
    sql.move("receipt", sql.receipt(), "give-back", "refunded")
    sql.commit_checks()


@trigger("receipt", "receipt_6_says", "receipt_says_what_waits")
def applied_whole_where_a_part_waits(sql: Town) -> None:
    fee, receipt = sql.fee(), sql.receipt(amount_cents=CENTS + 1)
    sql.application(receipt, fee)
    sql.move("receipt", receipt, "apply", "applied")
    sql.move("fee", fee, "pay", "paid")
    sql.commit_checks()


@trigger("receipt", "receipt_6_says", "receipt_says_what_waits")
def applied_where_all_of_it_waits(sql: Town) -> None:
    sql.move("receipt", sql.receipt(), "apply", "applied")
    sql.commit_checks()


@trigger("receipt", "receipt_6_says", "receipt_says_what_waits")
def given_back_while_it_is_only_promised(sql: Town) -> None:
    receipt = sql.receipt()
    sql.order(sql.refund(receipt))
    sql.move("receipt", receipt, "give-back", "refunded")
    sql.commit_checks()


@trigger("application", "application_1_fits", "application_fits")
def applied_to_a_waived_fee(sql: Town) -> None:
    sql.application(sql.receipt(), sql.fee("waived"))


@trigger("application", "application_1_fits", "application_fits")
def applied_to_a_fee_that_is_paid_already(sql: Town) -> None:
    fee, _, _ = sql.paid_fee()
    sql.application(sql.receipt(), fee)


@trigger("application", "application_1_fits", "application_fits")
def applied_to_a_fee_whose_money_went_back(sql: Town) -> None:
    fee, _, _ = sql.given_back()
    sql.application(sql.receipt(), fee)


@trigger("application", "application_1_fits", "application_fits")
def applied_to_a_fee_of_another_account(sql: Town) -> None:
    sql.application(sql.receipt(account_id=sql.other_account), sql.fee())


@trigger("application", "application_1_fits", "application_fits")
def applied_with_more_than_the_fee(sql: Town) -> None:
    sql.application(sql.receipt(amount_cents=CENTS + 1), sql.fee(), CENTS + 1)


def more_than_the_receipt(sql: Town) -> None:
    sql.application(sql.receipt(amount_cents=CENTS - 1), sql.fee())


def a_second_fee_from_the_same_money(sql: Town) -> None:
    _, _, receipt = sql.paid_fee()
    sql.application(receipt, sql.fee())


def a_second_fee_from_more_than_the_rest(sql: Town) -> None:
    fee, receipt = sql.fee(), sql.receipt(amount_cents=CENTS + CENTS // 2)
    sql.application(receipt, fee)
    sql.move("receipt", receipt, "part-apply", "unapplied")
    sql.move("fee", fee, "pay", "paid")
    sql.application(receipt, sql.fee(amount_cents=CENTS // 2 + 1), CENTS // 2 + 1)


def applied_while_it_is_promised_back(sql: Town) -> None:
    receipt = sql.receipt()
    sql.refund(receipt)
    sql.application(receipt, sql.fee())


def a_part_applied_while_another_is_promised_back(sql: Town) -> None:
    receipt = sql.receipt()
    sql.refund(receipt, amount_cents=CENTS // 2)
    sql.application(receipt, sql.fee(amount_cents=CENTS // 2 + 1), CENTS // 2 + 1)


def applied_after_it_went_back(sql: Town) -> None:
    receipt = sql.receipt()
    refund = sql.refund(receipt)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.application(receipt, sql.fee())


for _write in (
    *(more_than_the_receipt, a_second_fee_from_the_same_money, a_second_fee_from_more_than_the_rest),
    *(applied_while_it_is_promised_back, a_part_applied_while_another_is_promised_back, applied_after_it_went_back),
):
    constraint("receipt", "receipt_free")(_write)
    trigger("application", "application_1_fits", "receipt_free")(_write)  # which counts


@trigger("application", "application_4_pays", "application_pays_its_fee")
def applied_and_its_fee_left_unpaid(sql: Town) -> None:
    receipt = sql.receipt()
    sql.application(receipt, sql.fee())
    sql.move("receipt", receipt, "apply", "applied")
    sql.commit_checks()


@trigger("application", "application_4_pays", "application_pays_its_fee")
def applied_in_part_and_its_fee_left_unpaid(sql: Town) -> None:
    receipt = sql.receipt(amount_cents=CENTS // 2)
    sql.application(receipt, sql.fee(), CENTS // 2)
    sql.move("receipt", receipt, "apply", "applied")
    sql.commit_checks()


@trigger("application", "application_4_pays", "application_pays_its_fee")
def applied_and_its_fee_deferred(sql: Town) -> None:
    fee, receipt = sql.fee(), sql.receipt()
    sql.application(receipt, fee)
    sql.move("receipt", receipt, "apply", "applied")
    sql.exemption(fee, "defer", agreed=True)
    sql.move("fee", fee, "defer", "deferred")
    sql.commit_checks()


@trigger("application", "application_4_pays", "application_pays_its_fee")
def applied_to_a_fee_that_others_paid_meanwhile(sql: Town) -> None:
    """As it is for a transaction that saw the fee open, and commits after the one that paid it."""
    fee, _, _ = sql.paid_fee()
    receipt = sql.receipt()
    sql.force("fee", fee, state="due")
    sql.application(receipt, fee)
    sql.force("fee", fee, state="paid")
    sql.move("receipt", receipt, "apply", "applied")
    sql.commit_checks()


# --- refunds ---------------------------------------------------------------------------------------------------------


def more_promised_than_came(sql: Town) -> None:
    sql.refund(sql.receipt(), amount_cents=CENTS + 1)


def promised_while_it_pays(sql: Town) -> None:
    _, _, receipt = sql.paid_fee()
    sql.refund(receipt)


def promised_again_after_it_went_back(sql: Town) -> None:
    receipt = sql.receipt()
    refund = sql.refund(receipt)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.refund(receipt)


def gone_after_all_and_applied_meanwhile(sql: Town) -> None:
    """A refund was called failed, and its money pays a fee since; that it went after all is a person's work."""
    receipt = sql.receipt()
    refund = sql.refund(receipt)
    sql.fail(refund)
    sql.pay(sql.fee(), receipt)
    sql.move("refund", refund, "succeeded", "done")


def gone_after_all_and_promised_again(sql: Town) -> None:
    receipt = sql.receipt()
    refund = sql.refund(receipt)
    sql.fail(refund)
    sql.refund(receipt)
    sql.move("refund", refund, "succeeded", "done")


for _write in (
    *(more_promised_than_came, promised_while_it_pays, promised_again_after_it_went_back),
    *(gone_after_all_and_applied_meanwhile, gone_after_all_and_promised_again),
):
    constraint("receipt", "receipt_free")(_write)
    trigger("refund", "refund_3_promises", "receipt_free")(_write)


@trigger("refund", "refund_3_promises", "refund_promises")
def given_back_from_a_fee_that_the_receipt_does_not_pay(sql: Town) -> None:
    fee, _, _ = sql.paid_fee()
    sql.refund(sql.receipt(), fee=fee)


@trigger("refund", "refund_3_promises", "refund_promises")
def given_back_from_a_fee_that_is_owed(sql: Town) -> None:
    sql.refund(sql.receipt(), fee=sql.fee())


@trigger("refund", "refund_3_promises", "refund_promises")
def a_part_of_what_pays_a_fee(sql: Town) -> None:
    fee, _, receipt = sql.paid_fee()
    sql.refund(receipt, fee=fee, amount_cents=CENTS - 1)


@trigger("refund", "refund_3_promises", "refund_promises")
def more_than_pays_the_fee(sql: Town) -> None:
    fee, receipt = sql.fee(), sql.receipt(amount_cents=2 * CENTS)
    sql.application(receipt, fee)
    sql.move("receipt", receipt, "part-apply", "unapplied")
    sql.move("fee", fee, "pay", "paid")
    sql.refund(receipt, fee=fee, amount_cents=2 * CENTS)


@trigger("refund", "refund_3_promises", "refund_promises")
def what_paid_a_fee_given_back_again_after_all(sql: Town) -> None:
    fee, receipt, _ = sql.given_back()
    sql.refund(receipt, fee=fee)


@trigger("refund", "refund_3_promises", "refund_promises")
def a_receipt_given_back_again_while_another_pays_its_fee(sql: Town) -> None:
    fee, one, _ = _paid_by_two(sql)
    _give_back_a_part(sql, fee, one)
    sql.refund(one, fee=fee, amount_cents=CENTS // 10)


def _failed_and_tried_again(sql: Town) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """What a receipt pays of a fee was not given back, and two people try again: (receipt, failed, second)."""
    fee, one, _ = _paid_by_two(sql)
    failed = sql.refund(one, fee=fee, amount_cents=CENTS // 10)
    sql.fail(failed)
    return one, failed, sql.refund(one, fee=fee, amount_cents=CENTS // 10)


@trigger("refund", "refund_3_promises", "refund_promises")
def ordered_again_although_the_first_went_after_all(sql: Town) -> None:
    _, failed, second = _failed_and_tried_again(sql)
    sql.move("refund", second, "approve", "approved", approved_by=sql.second)
    sql.move("refund", failed, "succeeded", "done")
    sql.move("refund", second, "claim", "sending")


@trigger("refund", "refund_3_promises", "refund_promises")
def approved_although_the_first_went_after_all(sql: Town) -> None:
    _, failed, second = _failed_and_tried_again(sql)
    sql.move("refund", failed, "succeeded", "done")
    sql.move("refund", second, "approve", "approved", approved_by=sql.second)


@trigger("refund", "refund_3_promises", "refund_promises")
def gone_twice(sql: Town) -> None:
    _, failed, second = _failed_and_tried_again(sql)
    sql.order(second)
    sql.move("refund", second, "succeeded", "done")
    sql.move("refund", failed, "succeeded", "done")


@trigger("refund", "refund_3_promises", "refund_promises")
def said_to_be_of_a_fee_later(sql: Town) -> None:
    refund = sql.refund()
    fee, _, _ = sql.paid_fee()
    sql.do("UPDATE refund SET fee_id = %(fee)s WHERE id = %(id)s", fee=fee, id=refund)


@trigger("refund", "refund_3_promises", "refund_reverses_all")
def a_part_reversed(sql: Town) -> None:
    receipt = sql.receipt(number="UBN7XY1234")
    sql.refund(receipt, method="reversal", phone="", amount_cents=CENTS - 1)


@trigger("refund", "refund_3_promises", "refund_reverses_all")
def a_fees_part_of_a_receipt_reversed(sql: Town) -> None:
    fee, receipt = sql.fee(), sql.receipt(number="UBN7XY1234", amount_cents=CENTS + 1)
    sql.application(receipt, fee)
    sql.move("receipt", receipt, "part-apply", "unapplied")
    sql.move("fee", fee, "pay", "paid")
    sql.refund(receipt, fee=fee, method="reversal", phone="")


@trigger("refund", "refund_3_promises", "refund_reverses_all")
def reversed_before_its_number_is_known(sql: Town) -> None:
    sql.refund(sql.receipt(), method="reversal", phone="")


@trigger("refund", "refund_8_says", "receipt_says_what_waits")
def gone_and_its_receipt_still_waits(sql: Town) -> None:
    refund = sql.refund()
    sql.order(refund)
    sql.commit_checks()  # the receipt's own guard looked when the money was promised, and looks no more
    sql.move("refund", refund, "succeeded", "done")
    sql.commit_checks()


@trigger("refund", "refund_8_says", "receipt_says_what_waits")
def gone_and_its_receipt_still_pays(sql: Town) -> None:
    fee, one, _ = _paid_by_two(sql)
    refund = sql.refund(one, fee=fee, amount_cents=CENTS // 10)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.commit_checks()


@trigger("refund", "refund_9_fee", "refund_ends_its_fee")
def gone_and_its_fee_still_paid(sql: Town) -> None:
    fee, _, receipt = sql.paid_fee()
    refund = sql.refund(receipt, fee=fee)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.move("receipt", receipt, "return", "refunded")
    sql.commit_checks()


@trigger("refund", "refund_9_fee", "refund_ends_its_fee")
def the_last_part_gone_and_its_fee_still_paid(sql: Town) -> None:
    fee, one, other = _paid_by_two(sql)
    _give_back_a_part(sql, fee, one)
    refund = sql.refund(other, fee=fee, amount_cents=CENTS - CENTS // 10)
    sql.order(refund)
    sql.move("refund", refund, "succeeded", "done")
    sql.move("receipt", other, "return", "refunded")
    sql.commit_checks()


@constraint("refund", "refund_two_people")
def proposed_and_approved_by_one(sql: Town) -> None:
    sql.move("refund", sql.refund(), "approve", "approved", approved_by=sql.user)


@constraint("refund", "refund_approved")
def approved_by_nobody(sql: Town) -> None:
    sql.move("refund", sql.refund(), "approve", "approved")


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


@trigger("referral", "referral_9_onward", "referral_goes_onward")
def onward_from_where_nobody_went(sql: Town) -> None:
    sql.referral(onward_of_id=sql.referral("confirmed"))  # by the facility that referred


@trigger("referral", "referral_9_onward", "referral_goes_onward")
def onward_before_anybody_came(sql: Town) -> None:
    sql.referral(onward_of_id=sql.referral("paid", fee=sql.fee("paid")), **sql.onward)


@trigger("referral", "referral_9_onward", "referral_goes_onward")
def onward_of_what_was_cancelled(sql: Town) -> None:
    sql.referral(onward_of_id=sql.referral("cancelled"), **sql.onward)


@trigger("referral", "referral_9_onward", "referral_goes_onward")
def onward_afterwards(sql: Town) -> None:
    first, other = sql.referral("confirmed"), sql.referral(**sql.onward)
    sql.do("UPDATE referral SET onward_of_id = %(first)s WHERE id = %(id)s", first=first, id=other)


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
