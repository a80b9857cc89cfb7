"""Checks and unique indexes, each with a write that it alone refuses. Imported by test_law_in_database_guards.py."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import combinations
from typing import Any, Final

from operations.law_ground import CENTS, Town
from operations.law_guards import CONSTRAINTS, Guard, Write

_FORCED: Final = "nowhere"


def _add(table: str, name: str, write: Write, label: str) -> None:
    write.__name__ = label  # type: ignore[attr-defined]
    CONSTRAINTS.append(Guard(table, name, write))


def _insert(method: str, **values: Any) -> Write:
    return lambda sql: getattr(sql, method)(**values)


def _without_books(write: Write) -> Write:
    """The books take no such amount either, and would hide whether the guard is there."""

    def alone(sql: Town) -> None:
        sql.do("ALTER TABLE transfer DROP CONSTRAINT transfer_amount")
        write(sql)

    return alone


def _post(sql: Town, kind: str, **values: object) -> None:
    """A posting past the triggers of its table, so that its constraints stand alone."""
    sql.do("ALTER TABLE transfer DISABLE TRIGGER USER")
    receipt = sql.receipt()
    row = {"fee": sql.fee(), "receipt": receipt, "refund": sql.refund(receipt)} | values
    sql.transfer(kind, **row)
    sql.do("ALTER TABLE transfer ENABLE TRIGGER USER")


def _post_a_gift(sql: Town) -> None:
    sql.do("ALTER TABLE transfer DROP CONSTRAINT transfer_subject")  # it knows the kinds as well
    _post(sql, "gift")


def _posting(kind: str, **values: object) -> Write:
    return lambda sql: _post(sql, kind, **values)


def _an_application_of(cents: int) -> Write:
    def write(sql: Town) -> None:
        sql.do("ALTER TABLE receipt DROP CONSTRAINT receipt_free")  # less than nothing would make more free than came
        sql.application(sql.receipt(), sql.fee(), cents)

    return write


def _a_receipt_of(cents: int) -> Write:
    def write(sql: Town) -> None:
        sql.do("ALTER TABLE receipt DROP CONSTRAINT receipt_free")  # nothing can be free of less than nothing
        sql.receipt(amount_cents=cents)

    return _without_books(write)


def _a_refund_of(cents: int) -> Write:
    def write(sql: Town) -> None:
        sql.do("ALTER TABLE receipt DROP CONSTRAINT receipt_free")  # as above
        sql.refund(sql.receipt(), amount_cents=cents)

    return write


# --- amounts, states, forms ------------------------------------------------------------------------------------------

for _cents in (0, -100, 99, 25_000_001):
    _add("fee", "fee_amount", _without_books(_insert("fee", amount_cents=_cents)), f"fee_of_{_cents}")
    _add(
        "price",
        "price_amount",
        lambda sql, cents=_cents: _price(sql, amount_cents=cents),  # type: ignore[misc]
        f"price_of_{_cents}",
    )
for _cents in (0, -1):
    _add("application", "application_amount", _without_books(_an_application_of(_cents)), f"application_of_{_cents}")
    _add("refund", "refund_amount", _a_refund_of(_cents), f"refund_of_{_cents}")
    _add("receipt", "receipt_amount", _a_receipt_of(_cents), f"receipt_of_{_cents}")
    _add("transfer", "transfer_amount", _posting("refunded", amount_cents=_cents), f"transfer_{_cents}")


def _in_no_state(table: str) -> Write:
    """Past the law, so that the check alone stands in the way."""

    def write(sql: Town) -> None:
        identifier = getattr(sql, table)()
        sql.force(table, identifier, state=_FORCED)

    return write


def _late_money_is_kept(sql: Town) -> None:
    sql.do("UPDATE facility SET late_money = 'keep'")


def _refund_in_no_state(sql: Town) -> None:
    sql.force("refund", sql.refund(), state=_FORCED, approved_by=sql.second)


def _referral_in_no_state(sql: Town) -> None:
    sql.force("referral", sql.referral(fee=sql.fee()), state=_FORCED)


def _onward_of_itself(sql: Town) -> None:
    sql.do("ALTER TABLE referral DISABLE TRIGGER referral_9_onward")  # nobody has confirmed it, either
    itself = uuid.uuid4()
    sql.referral(id=itself, onward_of_id=itself)


_add("facility", "facility_late_money", _late_money_is_kept, "late_money_is_kept")
for _table in ("fee", "prompt", "receipt"):
    _add(_table, f"{_table}_state", _in_no_state(_table), f"{_table}_in_no_state")
_add("refund", "refund_state", _refund_in_no_state, "refund_in_no_state")
_add("referral", "referral_state", _referral_in_no_state, "referral_in_no_state")
_add("referral", "referral_priority", _insert("referral", priority="Whenever"), "priority_unknown")
_add("referral", "referral_onward_of_another", _onward_of_itself, "onward_of_itself")
_add(
    "receipt",
    "receipt_free",
    lambda sql: sql.force("receipt", sql.receipt(), free_cents=CENTS + 1),
    "more_free_than_came",
)
for _number in ("", "UBN7X", "ubn7xy1234", "UBN7XY1234 ", "A" * 21):
    _add("receipt", "receipt_number", _insert("receipt", number=_number), f"receipt_number_{_number!r}")
    _add("claim", "claim_number_form", _insert("claim", number=_number), f"claim_number_{_number!r}")
for _code in ("", "ABCDEFGHJKMNP", "abc", "A B"):
    _add("fee", "fee_code", _insert("fee", account_code=_code), f"account_code_{_code!r}")
for _phone in ("", "0708374149", "+254708374149", "25470837414", "2547083741490", "254208374149", "25470837414x"):
    _add("prompt", "prompt_phone_form", _insert("prompt", payer_phone=_phone), f"payer_{_phone!r}")
    _add("refund", "refund_phone", _insert("refund", phone=_phone), f"payout_to_{_phone!r}")
    if _phone:
        for _column in ("phone", "payer_phone"):
            _add(
                "particulars",
                f"particulars_{_column}",
                lambda sql, values={"name": "J", _column: _phone}: sql.insert(  # type: ignore[misc]
                    "particulars", id=uuid.uuid4(), **values
                ),
                f"particulars_{_column}_{_phone!r}",
            )


def _reversed_to_a_phone(sql: Town) -> None:
    sql.refund(sql.receipt(number="UBN7XY1234"), method="reversal", phone="254708374149")


def _given_back_in_no_way(sql: Town) -> None:
    sql.do("ALTER TABLE refund DROP CONSTRAINT refund_phone")  # it knows the methods as well
    sql.refund(method="cash")


_add("refund", "refund_phone", _reversed_to_a_phone, "reversed_to_a_phone")
_add("refund", "refund_method", _given_back_in_no_way, "given_back_in_no_way")
_add("refund", "refund_why", _insert("refund", why=""), "refund_without_why")
_add("claim", "claim_channel", _insert("claim", channel="callback"), "claim_by_callback")
for _ended in (
    *({"ended_as": "confirmed"}, {"ended_at": "2026-01-01"}),
    {"ended_as": "forgotten", "ended_at": "2026-01-01"},
):
    _add("claim", "claim_ended", _insert("claim", **_ended), "claim_ended_" + "_".join(_ended))
_add("inquiry", "inquiry_about_one", _insert("inquiry", claim_id=None), "inquiry_about_nothing")
_add(
    "inquiry",
    "inquiry_about_one",
    lambda sql: sql.inquiry(claim_id=sql.claim(), refund_id=sql.refund()),
    "inquiry_about_two",
)
_add("inquiry", "inquiry_by_one", _insert("inquiry", receipt_number=None), "inquiry_by_nothing")
_add(
    "inquiry",
    "inquiry_by_one",
    _insert("inquiry", receipt_number="UBN7XY1234", original_conversation_id="AG_1"),
    "inquiry_by_two",
)
_add("transfer", "transfer_kind", _post_a_gift, "posting_of_no_kind")
_add("transfer", "transfer_two_accounts", _posting("refunded", credit="a"), "posting_to_itself")
for _kind, _lacking in (
    *(("raised", "fee"), ("waived", "fee"), ("received", "receipt"), ("applied", "fee"), ("applied", "receipt")),
    *(("returned", "fee"), ("returned", "receipt"), ("returned", "refund")),
    *(("refunded", "receipt"), ("refunded", "refund")),
):
    _add("transfer", "transfer_subject", _posting(_kind, **{_lacking: None}), f"{_kind}_without_{_lacking}")
_add("rufaa_clock", "rufaa_clock_one_row", lambda sql: sql.insert("rufaa_clock", id=2, offset="0"), "a_second_clock")

# --- two people ------------------------------------------------------------------------------------------------------

_add(
    "exemption",
    "exemption_two_people",
    lambda sql: sql.exemption(sql.fee(), seconded_by=sql.user, seconded_at="2026-01-01"),
    "seconded_by_the_proposer",
)


def _second_own(sql: Town) -> None:
    exemption = sql.exemption(sql.fee())
    sql.do(
        "UPDATE exemption SET seconded_by = proposed_by, seconded_at = rufaa_now() WHERE id = %(id)s",
        id=exemption,
    )


_add("exemption", "exemption_two_people", _second_own, "proposer_seconds_later")
_add("exemption", "exemption_kind", lambda sql: sql.exemption(sql.fee(), "forget"), "exemption_of_no_kind")
_add("exemption", "exemption_reason", lambda sql: sql.exemption(sql.fee(), reason=""), "exemption_without_reason")

# --- after a restore -------------------------------------------------------------------------------------------------

for _label, _said in {
    "compared_by_nobody": {"compared_at": "2026-01-01"},
    "compared_at_no_time": {"compared": "all is there"},
    "compared_without_a_word": {"compared_at": "2026-01-01", "compared": ""},
}.items():
    _add("restoration", "restoration_compared", _insert("restoration", **_said), _label)

# --- once ------------------------------------------------------------------------------------------------------------


def _prompts(sql: Town, first: str, second: str, **values: object) -> None:
    fee = sql.fee()
    sql.prompt(fee, first, **values)
    sql.prompt(fee, second, **values)


for _state in ("created", "sending", "pending", "unknown"):
    _add(
        "prompt",
        "prompt_one_live_per_fee",
        lambda sql, state=_state: _prompts(sql, state, "created"),  # type: ignore[misc]
        f"second_prompt_of_a_fee_beside_{_state}",
    )
    _add(
        "prompt",
        "prompt_one_live_per_phone",
        lambda sql, state=_state: (  # type: ignore[misc]
            sql.prompt(state=state, payer_phone="254708374149"),
            sql.prompt(payer_phone="254708374149"),
        ),
        f"second_prompt_of_a_phone_beside_{_state}",
    )
_add("prompt", "prompt_attempt", lambda sql: _prompts(sql, "unpaid", "created", attempt=1), "attempt_1_twice")


def _twice(method: str, **values: Any) -> Write:
    def write(sql: Town) -> None:
        for _ in range(2):
            getattr(sql, method)(**values)

    return write


_add("fee", "fee_account_code_key", _twice("fee", account_code="SAME"), "account_code_twice")
_add("prompt", "prompt_checkout_request_id_key", _twice("prompt", checkout_request_id="ws_CO_1"), "checkout_id_twice")
_add("receipt", "receipt_number_key", _twice("receipt", number="UBN7XY1234"), "receipt_number_twice")
_add("referral", "referral_token_key", _twice("referral", token="t"), "token_twice")
_add("referral", "referral_former_id_key", _twice("referral", former_id="j57"), "former_id_twice")
_add("brought", "brought_once", _twice("brought"), "document_brought_twice")
_add("brought", "brought_outcome", _insert("brought", outcome="lost"), "outcome_unknown")
_add("referral", "referral_account_code_key", _twice("referral", account_code="SAME"), "referral_code_twice")


def _on_one(maker: str, column: str, table: str, **values: Any) -> Write:
    """Two rows of ``table`` on one row that ``maker`` makes."""

    def write(sql: Town) -> None:
        parent = getattr(sql, maker)()
        for _ in range(2):
            getattr(sql, table)(**{column: parent, **values})

    return write


def _one_receipt_applied_twice(sql: Town) -> None:
    _without_applied_once(sql)
    fee, receipt = sql.fee(), sql.receipt()
    for _ in range(2):
        sql.application(receipt, fee, CENTS // 2)


def _without_applied_once(sql: Town) -> None:
    """The books know it as well."""
    sql.do("DROP INDEX transfer_applied_once")


def _two_refunds(sql: Town, *, of_a_fee: bool, first: str) -> None:
    """Two of one receipt, or of what it pays of one fee; the money of the first is free again, as the guards count."""
    fee, _, receipt = sql.paid_fee() if of_a_fee else (None, None, sql.receipt(amount_cents=2 * CENTS))
    sql.refund(receipt, first, fee=fee)
    sql.refund(receipt, fee=fee)


def _referrals_of_one_patient(sql: Town) -> None:
    referral = sql.referral()
    particulars = sql.one("SELECT particulars_id FROM referral WHERE id = %(id)s", id=referral)
    sql.referral(particulars_id=particulars)


_add("receipt", "receipt_prompt_id_key", _on_one("prompt", "prompt", "receipt"), "two_receipts_of_one_prompt")
_add("application", "application_once", _one_receipt_applied_twice, "one_receipt_applied_to_one_fee_twice")
for _state in ("proposed", "approved", "sending", "ordered", "unknown", "resending"):
    for _of_a_fee in (False, True):
        _add(
            "refund",
            "refund_one_live",
            lambda sql, first=_state, of_a_fee=_of_a_fee: _two_refunds(  # type: ignore[misc]
                sql, of_a_fee=of_a_fee, first=first
            ),
            f"second_refund_{'of_a_fee' if _of_a_fee else 'of_what_waits'}_beside_{_state}",
        )
_add("refund", "refund_number_key", _twice("refund", number="UBN7XY9999"), "one_number_of_two_refunds")
_add("claim", "claim_once", _twice("claim"), "one_open_claim_twice")
_add("claim", "claim_once", _on_one("fee", "fee_id", "claim", channel="typed"), "one_code_typed_twice_for_a_fee")
_add("referral", "referral_fee_id_key", _on_one("fee", "fee", "referral"), "one_fee_for_two_referrals")
_add("referral", "referral_particulars_id_key", _referrals_of_one_patient, "particulars_shared")
_add("exemption", "exemption_one_open", _on_one("fee", "fee", "exemption"), "two_open_proposals")
_add("task", "task_one_open", _on_one("fee", "fee", "task"), "one_task_twice")
for _maker, _column in (
    *(("receipt", "receipt_id"), ("claim", "claim_id"), ("refund", "refund_id"), ("stray", "stray_id")),
    ("prompt", "prompt_id"),
):
    _add(
        "task",
        "task_one_open",
        lambda sql, maker=_maker, column=_column: [  # type: ignore[misc]
            _task_on(sql, account_id=sql.account, **{column: about}) for about in [getattr(sql, maker)()] * 2
        ],
        f"one_task_about_a_{_maker}_twice",
    )
_add(
    "task",
    "task_one_open",
    lambda sql: [_task_on(sql, account_id=sql.account) for _ in range(2)],
    "one_task_about_an_account_twice",
)
for _label, _whose in {
    "nothing": lambda _: {},
    "a_facility_alone": lambda sql: {"facility_id": sql.facility},
    "a_fee_and_nobody": lambda sql: {"fee_id": sql.fee()},
}.items():
    _add(
        "task",
        "task_of_something",
        lambda sql, whose=_whose: _task_on(sql, **whose(sql)),  # type: ignore[misc]
        f"task_about_{_label}",
    )
_add(
    "stray",
    "stray_once",
    lambda sql: [sql.stray(checkout_request_id="ws_CO_1", receipt_number="UBN7XY1234") for _ in range(2)],
    "one_stray_twice",
)
_add(
    "stray",
    "stray_one_receipt",
    lambda sql: [sql.stray(checkout_request_id="ws_CO_1", receipt_id=sql.receipt()) for _ in range(2)],
    "two_receipts_of_one_stray_push",
)
_ABOUT: Final[dict[str, Callable[[Town], object]]] = {
    "prompt_id": lambda sql: sql.prompt(),
    "stray_id": lambda sql: sql.stray(),
    "claim_id": lambda sql: sql.claim(),
    "refund_id": lambda sql: sql.refund(),
    "account_id": lambda sql: sql.account,
}


def _evidence_of(*columns: str) -> Write:
    return lambda sql: sql.insert(
        "evidence", channel="status", verdict="ask", **{column: _ABOUT[column](sql) for column in columns}
    )


_add("evidence", "evidence_of_one_thing", _evidence_of(), "evidence_of_nothing")
for _one, _other in combinations(_ABOUT, 2):
    _add("evidence", "evidence_of_one_thing", _evidence_of(_one, _other), f"evidence_of_{_one}_and_{_other}")


def _pulled_twice(amount_cents: int | None) -> Write:
    row = {"channel": "pull", "verdict": "pays", "receipt_number": "UBN7XY1234", "amount_cents": amount_cents}
    return lambda sql: [sql.insert("evidence", account_id=sql.account, **row) for _ in range(2)]


_add("evidence", "evidence_pulled_once", _pulled_twice(CENTS), "one_pulled_row_twice")
_add("evidence", "evidence_pulled_once", _pulled_twice(None), "one_pulled_row_of_no_amount_twice")
_add("evidence", "evidence_once", _on_one("prompt", "prompt", "evidence", inbox=1), "one_callback_twice_as_evidence")


def _post_again(kind: str) -> Write:
    """The same posting once more, for the same fee or receipt."""

    def write(sql: Town) -> None:
        fee = sql.fee()
        sql.exemption(fee, agreed=True)
        sql.move("fee", fee, "waive", "waived")
        sql.given_back()
        row = sql.rows("SELECT fee, receipt, refund FROM transfer WHERE kind = %(kind)s LIMIT 1", kind=kind)[0]
        _post(sql, kind, **row)

    return write


for _kind in ("raised", "waived"):
    _add("transfer", "transfer_fee_once", _post_again(_kind), f"posted_twice_{_kind}")
for _kind, _index in (
    *(("received", "transfer_receipt_once"), ("applied", "transfer_applied_once")),
    *(("returned", "transfer_refund_once"), ("refunded", "transfer_refund_once")),
):
    _add("transfer", _index, _post_again(_kind), f"posted_twice_{_kind}")

# --- facilities, people, accounts ------------------------------------------------------------------------------------


def _price(sql: Town, **values: object) -> uuid.UUID:
    row: dict[str, object] = {
        "id": uuid.uuid4(), "facility_id": sql.facility, "payee_id": sql.other_facility,
        "account_id": sql.account, "amount_cents": CENTS,
    }  # fmt: skip
    return sql.insert("price", **(row | values))


def _member(sql: Town, role: str) -> uuid.UUID:
    return sql.insert("membership", id=uuid.uuid4(), user_id=sql.user, facility_id=sql.facility, role=role)


def _account(sql: Town, **values: object) -> uuid.UUID:
    row: dict[str, object] = {
        "id": uuid.uuid4(), "environment": "simulator", "base_url": "", "short_code": "600009", "kind": "paybill",
        "sealed_keys": b"",
    }  # fmt: skip
    return sql.insert("mpesa_account", **(row | values))


def _task_on(sql: Town, **values: object) -> uuid.UUID:
    return sql.insert("task", **({"id": uuid.uuid4(), "kind": "review", "why": "to test"} | values))


def _law_row(sql: Town) -> None:
    sql.insert("law", machine="fee", from_state="due", event="pay", to_state="paid", in_force=True)


_add("price", "price_once", lambda sql: [_price(sql) for _ in range(2)], "two_prices_for_any")
_add(
    "price",
    "price_once",
    lambda sql: [_price(sql, receiving_id=sql.other_facility) for _ in range(2)],
    "two_prices_for_one_receiver",
)
_add("membership", "membership_role", lambda sql: _member(sql, "king"), "role_unknown")
_add("membership", "membership_once", lambda sql: [_member(sql, "finance") for _ in range(2)], "member_twice")
_add("mpesa_account", "mpesa_account_once", lambda sql: [_account(sql) for _ in range(2)], "account_twice")
_add("mpesa_account", "mpesa_account_rates", lambda sql: _account(sql, pushes_per_s=0), "no_pushes")
_add("mpesa_account", "mpesa_account_rates", lambda sql: _account(sql, queries_per_min=-1), "no_queries")
_add("account_hold", "account_hold_one_open", lambda sql: [sql.hold() for _ in range(2)], "held_twice")
_add("account_hold", "account_hold_reason", _insert("hold", reason=""), "held_for_nothing")
_add("account_hold", "account_hold_released", _insert("hold", released_at="2026-01-01"), "released_by_nobody")
_add("account_hold", "account_hold_released", _insert("hold", released_by="amina"), "released_never")
_add("facility", "facility_name_key", lambda sql: sql.insert("facility", id=uuid.uuid4(), name="Here"), "same_name")
_add("law", "law_move", _law_row, "law_twice")
_add("inbox", "inbox_kind", lambda sql: sql.inbox("b2b"), "report_of_no_kind")
