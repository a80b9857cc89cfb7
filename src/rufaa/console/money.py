"""What only the payee's finance people can settle: money that waits, what contradicts itself, what goes back.

Each task stands with the forms that end it; what it is about is worked by the same operations as the function API has.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rufaa import phone as phones
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.money import Money, stk_amount
from rufaa.payments import finance
from rufaa.payments.refund_guards import UNORDERED, may_be_by_hand
from rufaa.payments.refund_machine import LIVE_REFUND, RefundMethod, RefundState
from rufaa.phone import masked
from rufaa.referrals import queries
from rufaa.referrals.operations import fees_paid

_HERE: Final = "/money/"
_LISTED: Final = 50
_MOST_DIGITS: Final = 9

KIND: Final[Mapping[str, str | Promise]] = {
    "unapplied": gettext_lazy("Money that waits"),
    "contradiction": gettext_lazy("Contradictions"),
    "review": gettext_lazy("Prompts that nobody can explain"),
    "refund": gettext_lazy("To give back"),
    "claim": gettext_lazy("Codes that M-Pesa does not confirm"),
    "stray": gettext_lazy("Reports about prompts that are not known"),
    "unread": gettext_lazy("Reports that could not be read"),
    "unserved": gettext_lazy("Paid, and not seen by the clinic"),
}
REFUND: Final[Mapping[str, str | Promise]] = {
    RefundState.PROPOSED: gettext_lazy("A second person has to agree"),
    RefundState.WITHDRAWN: gettext_lazy("Withdrawn"),
    RefundState.APPROVED: gettext_lazy("Agreed to; it is ordered next"),
    RefundState.SENDING: gettext_lazy("Being ordered"),
    RefundState.ORDERED: gettext_lazy("Ordered; M-Pesa's result will come"),
    RefundState.UNKNOWN: gettext_lazy("Nobody knows yet whether it went"),
    RefundState.RESENDING: gettext_lazy("Being ordered once more"),
    RefundState.DONE: gettext_lazy("Went back"),
    RefundState.FAILED: gettext_lazy("Did not go: the money is free again"),
}


class TaskGone(RufaaError):
    """The task is closed, or was never there for this person."""

    kind = Kind.NOT_FOUND
    code = "task-gone"


@dataclass(frozen=True, slots=True)
class Task:
    """One open task, with the referral that it is about where there is one."""

    row: Mapping[str, Any]
    referral: uuid.UUID | None
    closes: bool
    gives_back: bool


def _shown(acting: Acting, subject: str) -> Screen:
    """``subject``: the id of what a refused form was about; that form stands open."""
    kind = acting.request.GET.get("kind", "")
    counts = finance.count_tasks(acting.tx, acting.actor)
    rows = finance.tasks(
        acting.tx, acting.actor, kind=kind if kind in KIND else None, after=_after(acting), limit=_LISTED + 1
    )
    found = queries.of_fees([row["fee_id"] for row in rows if row["fee_id"] is not None])
    waiting = finance.waiting(acting.tx, acting.actor, limit=_LISTED)
    refunds = finance.under_way(acting.tx, acting.actor, limit=_LISTED)
    return Screen(
        "console/money.html",
        {
            "doing": _doing(acting),
            "subject": subject,
            "kind": kind if kind in KIND else "",
            "kinds": [(each, word, counts.get(each, 0)) for each, word in KIND.items() if counts.get(each)],
            "tasks": [_task(row, found) for row in rows[:_LISTED] if row["kind"] != "unapplied"],
            "more": rows[_LISTED - 1]["id"].hex if len(rows) > _LISTED else None,
            "waiting": [{**row, "amount": Money(row["amount_cents"]), "free": Money(row["free_cents"]),
                         "proposed": None if row["proposed_cents"] is None else Money(row["proposed_cents"]),
                         "phone": masked(row["phone_shown"]) if row["phone_shown"] else ""} for row in waiting],
            "refunds": [_refund(acting, row) for row in refunds],
        },
    )  # fmt: skip


def _after(acting: Acting) -> str | None:
    return acting.request.GET.get("after") or None


def _doing(acting: Acting) -> str:
    return acting.request.path.rstrip("/").rpartition("/")[2] if acting.request.method == "POST" else ""


def _task(row: Mapping[str, Any], referrals: Mapping[uuid.UUID, uuid.UUID]) -> Task:
    kind = row["kind"]
    return Task(
        {**row, "word": KIND[kind], "free": None if row["free_cents"] is None else Money(row["free_cents"])},
        referrals.get(row["fee_id"]),
        closes=row["closes"],
        gives_back=kind == "refund" and row["receipt_id"] is not None,
    )


def _refund(acting: Acting, row: Mapping[str, Any]) -> dict[str, Any]:
    """A refund with what this person may do about it: nobody agrees to what they proposed themselves."""
    state, mine = RefundState(row["state"]), row["proposed_by"] == acting.actor.user
    return {
        **row,
        "amount": Money(row["amount_cents"]),
        "word": REFUND[state],
        "looks": "good" if state is RefundState.DONE else "wait" if state in LIVE_REFUND else "bad",
        "way": _("by reversal") if row["method"] == RefundMethod.REVERSAL else _("to {phone}").format(
            phone=masked(row["phone"])
        ),
        "may_agree": state is RefundState.PROPOSED and not mine,
        "may_withdraw": state in UNORDERED,
        "may_conclude": not mine and (state is RefundState.UNKNOWN or may_be_by_hand(row)),
    }  # fmt: skip


@screen
def money(acting: Acting) -> Screen:
    return _shown(acting, "")


_act: Final = act(back=_shown)


def _given(acting: Acting, name: str) -> str:
    return acting.request.POST.get(name, "").strip()


@_act
def apply(acting: Acting, subject: str) -> Done:
    """A receipt, and others with it where they are named, pays the fee of an account code."""
    receipts = [subject, *(each for each in acting.request.POST.getlist("with") if each != subject)]
    code = _given(acting, "accountCode")
    left = finance.apply(acting.tx, acting.actor, receipts, account_code=code, hand_on=fees_paid)
    if left.cents:
        return Done(_HERE, _("Applied. {left} of it go on waiting.").format(left=left))
    return Done(_HERE, _("Applied: the fee is paid."))


@_act
def propose(acting: Acting, subject: str) -> Done:
    """The first of two people who give back a receipt, or what it paid of a cancelled referral's fee."""
    amount, phone = _given(acting, "amount"), _given(acting, "phone")
    finance.propose_refund(
        acting.tx,
        acting.actor,
        subject,
        why=_given(acting, "reason"),
        amount=_amount(amount) if amount else None,
        phone=phones.parse(phone, argument="phone") if phone else None,
        account_code=_given(acting, "accountCode") or None,
    )
    return Done(_HERE, _("Proposed. A second person has to agree."))


def _amount(text: str) -> Money:
    plain = text.replace(",", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) <= _MOST_DIGITS):
        raise InvalidArgument("The amount is a whole number of shillings.", argument="amount")
    return stk_amount(int(plain))


@_act
def agree(acting: Acting, subject: str) -> Done:
    finance.approve_refund(acting.tx, acting.actor, subject)
    return Done(_HERE, _("Agreed. The money is ordered back."))


@_act
def withdraw(acting: Acting, subject: str) -> Done:
    finance.withdraw_refund(acting.tx, acting.actor, subject, why=_given(acting, "reason"))
    return Done(_HERE, _("Withdrawn. The money waits again."))


@_act
def conclude(acting: Acting, subject: str) -> Done:
    """What M-Pesa does not tell, as a person saw it in the statement."""
    went = {"yes": True, "no": False}.get(_given(acting, "went"))
    if went is None:
        raise InvalidArgument("Say whether the money went back.", argument="went")
    number = _given(acting, "number").upper() or None
    finance.conclude_refund(acting.tx, acting.actor, subject, went=went, number=number, why=_given(acting, "reason"))
    return Done(_HERE, _("Written down."))


@_act
def close(acting: Acting, subject: str) -> Done:
    outcome = _given(acting, "outcome")
    if not outcome:
        raise InvalidArgument("Say what came of it: it is kept for ever.", argument="outcome")
    if not finance.close_task(acting.tx, acting.actor, subject, outcome=outcome):
        raise TaskGone("There is no such open task: somebody was faster, or it settled itself. Nothing was done.")
    return Done(_HERE, _("Closed."))
