"""Settlement: a batch of reports becomes prompts, receipts, paid fees and tasks, in one transaction and in sets.

It reads and locks (fees, then prompts), asks ``plan`` what to do, and writes. Whatever the money belongs to is moved by
``hand_on`` in the same transaction; the composition root gives it, so that payments knows nothing above itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeAlias

from rufaa import ids
from rufaa.daraja import codes
from rufaa.daraja.pull import ZONE_DOUBT
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.money import Money
from rufaa.payments.machine import LIVE, FeeState, PromptState, Verdict
from rufaa.payments.paid_when import CLOCKS_ALIKE, LATEST, life
from rufaa.payments.plan import plan
from rufaa.payments.plan_rows import FeeRow, Item, LooseReceipt, NewReceipt, NumberFound, Plan, PromptRow, Sibling
from rufaa.phone import Phone

_SQL: Final = sql.load(__file__, "settle.sql")

HandOn: TypeAlias = Callable[[Tx, Sequence[uuid.UUID]], None]
"""Told which fees were paid, inside the transaction that pays them."""


def settle(tx: Tx, items: Sequence[Item], *, hand_on: HandOn) -> Mapping[int, Verdict | None]:
    """Take ``items`` in, in their order. Returns what each (by its place) meant; None: its prompt is not known here.

    The transaction then holds the locks of all fees and prompts of the batch.
    """
    verdicts: dict[int, Verdict | None] = {}
    places = {id(item): place for place, item in enumerate(items)}
    round_items: Sequence[Item] = items
    while round_items:
        prompts, fees = _lock(tx, {item.prompt for item in round_items})
        known = [item for item in round_items if item.prompt in prompts]
        silent = [prompts[item.prompt] for item in known if _paid_without_number(item)]
        lock_accounts(tx, {row.account for row in silent})
        verdicts.update({places[id(item)]: None for item in round_items if item.prompt not in prompts})
        numbers = [item.report.receipt_number for item in known] + [row.asked_number for row in prompts.values()]
        decided = plan(
            prompts.values(),
            fees,
            known,
            checkout_ids=_owners(tx, "checkout_owners", [item.report.checkout_request_id for item in known]),
            numbers=_owners(tx, "number_owners", numbers),
            loose=_lock_loose(tx, prompts.values(), numbers, silent),
        )
        _write(tx, decided, hand_on)
        if any(row.verdict.asks for row in decided.evidence):
            tx.wake_workers()
        verdicts.update({places[id(row.item)]: row.verdict for row in decided.evidence})
        round_items = decided.left_over
    return verdicts


def _lock(tx: Tx, wanted: set[uuid.UUID]) -> tuple[dict[uuid.UUID, PromptRow], dict[uuid.UUID, FeeRow]]:
    """Fees first, then prompts, each by id: the order that everybody keeps."""
    params = {"prompts": list(wanted)}
    fees = {
        row["id"]: FeeRow(
            row["id"], FeeState(row["state"]), Money(row["amount_cents"]), row["account_id"], row["payee_id"]
        )
        for row in tx.rows(_SQL["lock_fees"], params)
    }
    locked = tx.rows(_SQL["lock_prompts"], params)
    siblings: dict[uuid.UUID, list[Sibling]] = {}
    for row in tx.rows(_SQL["siblings"], params):
        sibling = Sibling(row["id"], row["sent_at"], row["receipt"], row["awaits_number"], row["number_from_arrival"])
        siblings.setdefault(row["of"], []).append(sibling)
    return {row["id"]: _prompt_row(row, siblings.get(row["id"], [])) for row in locked}, fees


def _prompt_row(row: Mapping[str, Any], siblings: Sequence[Sibling]) -> PromptRow:
    return PromptRow(
        id=row["id"],
        fee=row["fee_id"],
        account=row["account_id"],
        state=PromptState(row["state"]),
        amount=Money(row["amount_cents"]),
        phone=Phone(row["payer_phone"]),
        checkout_request_id=row["checkout_request_id"],
        merchant_request_id=row["merchant_request_id"],
        age_s=row["age_s"],
        unpaid_queries=row["unpaid_queries"],
        receipt=row["receipt"],
        receipt_number=row["receipt_number"],
        asked_number=row["asked_number"],
        success_claimed=row["success_claimed"],
        sent_at=row["sent_at"],
        number_from_arrival=row["number_from_arrival"],
        siblings=tuple(siblings),
    )


def _lock_loose(
    tx: Tx, prompts: Iterable[PromptRow], numbers: Sequence[str | None], silent: Iterable[PromptRow]
) -> list[LooseReceipt]:
    """After fees and prompts: receipts, by id. ``silent``: the prompts that are paid without number."""
    rows = list(prompts)
    wanted = {
        "numbers": sorted({number for number in numbers if number}),
        "fees": list({row.fee for row in rows}),
        "accounts": [row.account for row in rows],
        "amounts": [row.amount.cents for row in rows],
        "then": _paid_then(tx, silent),
    }
    found = tx.rows(_SQL["lock_loose"], wanted)
    used = [row["id"] for row in found if row["free_cents"] < row["amount_cents"]]
    pays: dict[uuid.UUID, dict[uuid.UUID, bool]] = {}
    if used:
        for row in tx.rows(_SQL["applications"], {"receipts": used, "before": CLOCKS_ALIKE, "after": LATEST}):
            pays.setdefault(row["receipt_id"], {})[row["fee_id"]] = row["has_prompt"]
    return [
        LooseReceipt(
            id=row["id"],
            account=row["account_id"],
            amount=Money(row["amount_cents"]),
            number=row["number"],
            paid_at=row["paid_at"],
            pays=frozenset(pays.get(row["id"], ())),
            names=row["names_id"],
            free=Money(row["free_cents"]),
            phone_shown=row["phone_shown"] or None,
            unreferenced=row["account_reference"] == "",
            doubt=ZONE_DOUBT if row["only_pulled"] else timedelta(0),
            noticed=row["noticed"],
            gone=row["gone"],
            others_prompt=any(pays.get(row["id"], {}).values()),
        )
        for row in found
    ]


def _paid_then(tx: Tx, silent: Iterable[PromptRow]) -> list[uuid.UUID]:
    """Receipts of the time when prompts could be paid that are paid without number."""
    lives = [(row, life(row.sent_at)) for row in silent if row.sent_at is not None]
    if not lives:
        return []
    found = tx.tuples(
        _SQL["paid_then"],
        {
            "accounts": [row.account for row, _ in lives],
            "amounts": [row.amount.cents for row, _ in lives],
            "first": [first for _, (first, _) in lives],
            "last": [last for _, (_, last) in lives],
        },
    )
    return [receipt for (receipt,) in found]


def lock_accounts(tx: Tx, accounts: Iterable[uuid.UUID]) -> None:
    """After fees, prompts and claims, before receipts, by whoever may bring money that names neither number nor fee.

    A query that says "paid" knows no number, and a till's notice, or a status, no reference: where they tell of one
    payment at once, nothing else lets one of them see what the other wrote.
    """
    for account in sorted(accounts):
        tx.rows(_SQL["lock_account"], {"account": account})


def _paid_without_number(item: Item) -> bool:
    return item.report.receipt_number is None and codes.verdict(item.report.result_code) is codes.Verdict.PAID


def _owners(tx: Tx, query: str, texts: Sequence[str | None]) -> dict[str, uuid.UUID]:
    wanted = sorted({text for text in texts if text})
    return dict(tx.tuples(_SQL[query], {"texts": wanted})) if wanted else {}


@dataclass(frozen=True, slots=True)
class CameWith:
    """What a receipt that came by its number brought along."""

    reference: str = ""
    phone_shown: str = ""
    names: uuid.UUID | None = None  # the fee whose code the reference is


def write_receipts(tx: Tx, receipts: Sequence[NewReceipt], *, came_with: Mapping[uuid.UUID, CameWith]) -> None:
    """Money that arrived, each unapplied at first. Its books write themselves."""
    if not receipts:
        return
    brought = [came_with.get(row.id, CameWith()) for row in receipts]
    tx.execute(
        _SQL["insert_receipts"],
        {
            "ids": [row.id for row in receipts],
            "numbers": [row.number for row in receipts],
            "accounts": [row.account for row in receipts],
            "amounts": [row.amount.cents for row in receipts],
            "paid_at": [row.paid_at for row in receipts],
            "prompts": [row.prompt for row in receipts],
            "references": [each.reference for each in brought],
            "phones": [each.phone_shown for each in brought],
            "names": [each.names for each in brought],
        },
    )


@dataclass(frozen=True, slots=True)
class Applied:
    """So much of this receipt pays this fee; ``by`` None: settlement said so."""

    receipt: uuid.UUID
    fee: uuid.UUID
    amount: Money
    by: uuid.UUID | None = None


def apply(tx: Tx, applied: Sequence[Applied]) -> None:
    """The receipts say by themselves what still waits of them."""
    tx.execute(
        _SQL["apply"],
        {
            "ids": [ids.new_id() for _ in applied],
            "receipts": [row.receipt for row in applied],
            "fees": [row.fee for row in applied],
            "amounts": [row.amount.cents for row in applied],
            "by": [row.by for row in applied],
        },
    )


def pay_fees(tx: Tx, fees: Sequence[uuid.UUID], hand_on: HandOn) -> None:
    """Fees whose money is applied: they are paid, what was to ask for them is withdrawn, and the rest is told."""
    tx.execute(_SQL["pay_fees"], {"fees": list(fees)})
    tx.execute(_SQL["withdraw_exemptions"], {"fees": list(fees)})
    tx.execute(_SQL["withdraw_unsent"], {"fees": list(fees)})
    hand_on(tx, fees)


def write_numbers(tx: Tx, numbers: Sequence[NumberFound]) -> None:
    """The numbers that receipts awaited."""
    if numbers:
        tx.execute(
            _SQL["fill_numbers"],
            {
                "receipts": [row.receipt for row in numbers],
                "numbers": [row.number for row in numbers],
                "paid_at": [row.paid_at for row in numbers],
            },
        )


def close_unapplied(tx: Tx, receipts: Sequence[uuid.UUID], *, by: uuid.UUID | None = None) -> None:
    """The tasks about money of which nothing waits any more."""
    tx.execute(_SQL["close_unapplied"], {"receipts": list(receipts), "by": by, "as": "applied"})


def _write(tx: Tx, decided: Plan, hand_on: HandOn) -> None:
    told = {row.id: CameWith("", row.phone_shown or "", row.names) for row in decided.receipts if row.prompt is None}
    write_receipts(tx, decided.receipts, came_with=told)
    if decided.adopted:
        tx.execute(
            _SQL["adopt"],
            {
                "receipts": [row.receipt for row in decided.adopted],
                "prompts": [row.prompt for row in decided.adopted],
                "paid_at": [row.paid_at for row in decided.adopted],
            },
        )
    _write_prompts(tx, decided)
    if decided.paid_fees:
        new = [Applied(row.id, row.fee, row.amount) for row in decided.receipts if row.fee is not None]
        old = [Applied(row.receipt, row.fee, row.amount) for row in decided.adopted if row.fee is not None]
        apply(tx, new + old)
        pay_fees(tx, decided.paid_fees, hand_on)
    if decided.adopted:
        close_unapplied(tx, [row.receipt for row in decided.adopted])
    write_numbers(tx, decided.numbers)
    _write_evidence(tx, decided)
    if decided.tasks:
        tx.execute(
            _SQL["open_tasks"],
            {
                "ids": [ids.new_id() for _ in decided.tasks],
                "kinds": [row.kind for row in decided.tasks],
                "facilities": [row.facility for row in decided.tasks],
                "fees": [row.fee for row in decided.tasks],
                "prompts": [row.prompt for row in decided.tasks],
                "receipts": [row.receipt for row in decided.tasks],
                "whys": [row.why for row in decided.tasks],
            },
        )
    if decided.reviewed:
        tx.execute(_SQL["close_reviews"], {"prompts": decided.reviewed})


def _write_prompts(tx: Tx, decided: Plan) -> None:
    changes = decided.prompts
    if not changes:
        return
    tx.execute(
        _SQL["update_prompts"],
        {
            "ids": [row.id for row in changes],
            "states": [row.moved[0] if row.moved else None for row in changes],
            "events": [row.moved[1] if row.moved else None for row in changes],
            "settled": [row.moved is not None and row.moved[0] not in LIVE for row in changes],
            "checkouts": [row.checkout_request_id for row in changes],
            "merchants": [row.merchant_request_id for row in changes],
            "codes": [row.code for row in changes],
            "messages": [row.message for row in changes],
            "unpaid": [row.unpaid_queries for row in changes],
            "keep": [row.keep_schedule for row in changes],
            # all floats, since a list of some whole numbers and some others has no type
            "next_s": [None if row.next_query_s is None else float(row.next_query_s) for row in changes],
        },
    )


def _write_evidence(tx: Tx, decided: Plan) -> None:
    rows = decided.evidence
    if not rows:
        return
    tx.execute(
        _SQL["insert_evidence"],
        {
            "channels": [row.item.report.channel for row in rows],
            "prompts": [row.item.prompt for row in rows],
            "receipts": [row.receipt for row in rows],
            "inboxes": [row.item.inbox for row in rows],
            "verdicts": [row.verdict for row in rows],
            "codes": [row.item.report.result_code for row in rows],
            "descs": [row.item.result_desc for row in rows],
            "numbers": [row.item.report.receipt_number or "" for row in rows],
            "amounts": [row.item.report.amount.cents if row.item.report.amount else None for row in rows],
            "phones": [row.item.report.phone_shown or "" for row in rows],
            "statuses": [row.item.status for row in rows],
            "bodies": [row.item.body for row in rows],
        },
    )
