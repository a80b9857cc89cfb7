"""Which moves and actions a person may make on a referral now: the law and the rights together.

Screens draw just what ``allowed_actions`` says; operations ask the same tables.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right
from rufaa.payments.machine import LIVE, OPEN_FEE, FeeState, PromptState
from rufaa.referrals import machine
from rufaa.referrals.machine import Event, Facts, Priority, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import Seen

RIGHT_FOR: Final[Mapping[Event, tuple[Right, ...]]] = {
    Event.APPROVE: (Right.APPROVE,),
    Event.REJECT: (Right.REJECT,),
    Event.ASK_PAYMENT: (Right.PARTICULARS,),
    # "it is paid" is only granted where the money is: whoever sees the referral may say so
    Event.MONEY_SEEN: (Right.SEE, Right.SEE_OWN, Right.SEE_MONEY),
    Event.CONFIRM: (Right.CONFIRM,),
    Event.CONFIRM_EMERGENCY: (Right.CONFIRM,),
    Event.COMPLETE: (Right.COMPLETE,),
    Event.CANCEL: (Right.CANCEL, Right.REFUSE, Right.CANCEL_OWN_EARLY),
}

RIGHT_TO_REACH: Final[Mapping[Status, tuple[Right, ...]]] = {
    Status.PENDING_ADMIN: (Right.APPROVE,),
    Status.AWAITING_BIODATA: RIGHT_FOR[Event.APPROVE],
    Status.PENDING_PAYMENT: RIGHT_FOR[Event.ASK_PAYMENT],
    Status.PAID: RIGHT_FOR[Event.MONEY_SEEN],
    Status.CONFIRMED: RIGHT_FOR[Event.CONFIRM],
    Status.COMPLETED: RIGHT_FOR[Event.COMPLETE],
    Status.REJECTED: RIGHT_FOR[Event.REJECT],
    Status.CANCELLED: RIGHT_FOR[Event.CANCEL],
}


def may_move(rights: frozenset[Right], status: Status, event: Event) -> bool:
    """Whether these rights cover this move: a physician cancels only before approval, a receiver only what it got."""
    held = rights & set(RIGHT_FOR[event])
    if event is Event.CANCEL and status is not Status.PENDING_ADMIN:
        held -= {Right.CANCEL_OWN_EARLY}
    return bool(held)


def facts(row: Referral) -> Facts:
    """What the law asks about this referral."""
    state = row.fee.state if row.fee is not None else None
    return Facts(
        priority=Priority(row.priority),
        fee_is_paid=state == FeeState.PAID,
        fee_is_exempt=state in {FeeState.WAIVED, FeeState.DEFERRED},
    )


def allowed_actions(
    seen: Seen, *, actor: Actor, last_prompt: PromptState | None, proposal_by: uuid.UUID | None
) -> list[str]:
    """Everything that this person may do with this referral now, as words that a screen can draw.

    Moves are named by the status they lead to (``status:confirmed``), other actions by their function. While a prompt
    is under way nothing can be sent; once one has failed it can be retried.
    """
    row, rights = seen.referral, seen.rights
    status, now = Status(row.state), facts(row)
    actions = [
        f"status:{machine.TRANSITIONS[status, event]}"
        for event in machine.allowed(status, now)
        if event is not Event.MONEY_SEEN and may_move(rights, status, event)
    ]
    open_fee = row.fee is not None and FeeState(row.fee.state) in OPEN_FEE
    if status not in machine.CLOSED and Right.PARTICULARS in rights:
        actions += ["saveBiodata", "updatePhoneNumbers"]
    if status not in machine.CLOSED and open_fee:
        if Right.PROMPT in rights and last_prompt not in LIVE:
            actions.append("triggerReferralPayment")
            if last_prompt is not None and row.particulars.payer_phone:
                actions.append("retrySTKPush")
        if Right.PROPOSE_EXEMPTION in rights:
            actions.append("proposeExemption")
        if Right.SECOND_EXEMPTION in rights and proposal_by not in {None, actor.user}:
            actions.append("secondExemption")
    return list(dict.fromkeys(actions))
