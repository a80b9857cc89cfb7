"""``referralPayments:…``: ask for the fee of a referral."""

from __future__ import annotations

from rufaa import phone as phones
from rufaa.functions import REGISTRY, shapes
from rufaa.functions.runtime import Caller, Waiting
from rufaa.functions.sending import answer
from rufaa.money import stk_amount
from rufaa.referrals import operations

register = REGISTRY.module("referralPayments")


@register.mutation
def triggerReferralPayment(
    caller: Caller, *, referralId: str, phoneNumber: str, amount: float | None = None, reason: str | None = None
) -> Waiting | shapes.PromptAnswer:
    """Send the M-Pesa prompt for the referral's fee to this phone. ``amount`` (shillings) may be left out; it must be
    what is open. Joins a prompt that is under way. ``reason`` is needed after a prompt that nobody could explain. While
    the account is on hold the answer comes at once, with the status "held" and how to pay by hand (``paybill``)."""
    money = None if amount is None else stk_amount(amount)
    asked, seen = operations.send_prompt(
        caller.tx, caller.actor, referralId, phone=phoneNumber, amount=money, reason=reason or ""
    )
    return answer(caller.tx, asked, seen, phone=phones.parse(phoneNumber))


@register.mutation
def retrySTKPush(caller: Caller, *, referralId: str, reason: str | None = None) -> Waiting | shapes.PromptAnswer:
    """Send a new prompt to the stored phone after one that failed; refused while one is under way."""
    asked, seen = operations.retry_prompt(caller.tx, caller.actor, referralId, reason=reason or "")
    return answer(caller.tx, asked, seen, phone=asked.phone)
