"""``mpesa:…``: the prompt as a page asks for it, and what became of it."""

from __future__ import annotations

from rufaa.errors import InvalidArgument
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.referralPayments import triggerReferralPayment
from rufaa.functions.runtime import Caller, Waiting
from rufaa.payments import queries as payments
from rufaa.referrals import queries
from rufaa.referrals.queries import ReferralNotFound

register = REGISTRY.module("mpesa")


@register.action
@register.mutation
def initiateSTKPush(
    caller: Caller,
    *,
    phoneNumber: str,
    referralId: str,
    amount: float | None = None,
    patientName: str | None = None,  # noqa: ARG001 - pages send it; no name ever goes to M-Pesa
    reason: str | None = None,
) -> Waiting | shapes.PromptAnswer:
    """Send the M-Pesa prompt for the referral's fee to this phone, as referralPayments:triggerReferralPayment does."""
    return triggerReferralPayment(caller, referralId=referralId, phoneNumber=phoneNumber, amount=amount, reason=reason)


@register.query
def getPromptStatus(
    caller: Caller, *, referralId: str | None = None, paymentId: str | None = None
) -> shapes.PromptStatus | None:
    """The prompt ``paymentId``, or the newest one of a referral, in words that a page can show, with the fee that it
    asks for. The answer changes only when something happened: what runs out is told as an instant. Null if there is
    nothing to see."""
    try:
        if paymentId is not None and referralId is None:
            seen = queries.see_by_prompt(caller.tx, caller.actor, paymentId)
        elif referralId is not None and paymentId is None:
            seen = queries.see(caller.tx, caller.actor, referralId)
        else:
            raise InvalidArgument("Say which: give referralId or paymentId, and not both.", argument="referralId")
    except ReferralNotFound:
        return None
    fee = seen.referral.fee_id
    if fee is None:
        return documents.prompt_status(seen, None, [], None)
    attempts = payments.attempts(caller.tx, fee)
    wanted = (each for each in attempts if paymentId in {None, each.id.hex})
    return documents.prompt_status(seen, payments.summaries(caller.tx, [fee])[fee], attempts, next(wanted, None))
