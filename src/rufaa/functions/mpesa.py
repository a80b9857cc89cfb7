"""``mpesa:…``: the prompt as a page asks for it."""

from __future__ import annotations

from rufaa.functions import REGISTRY, shapes
from rufaa.functions.referralPayments import triggerReferralPayment
from rufaa.functions.runtime import Caller, Waiting

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
