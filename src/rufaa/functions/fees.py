"""``fees:…``: two people waive or defer a fee."""

from __future__ import annotations

from typing import Literal

from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.runtime import Caller
from rufaa.payments.machine import FeeEvent
from rufaa.referrals import operations

register = REGISTRY.module("fees")


@register.mutation
def proposeExemption(
    caller: Caller, *, referralId: str, kind: Literal["waive", "defer"], reason: str
) -> shapes.Referral:
    """The first of two people proposes to waive the fee, or to defer it. Answers the referral."""
    seen = operations.propose_exemption(caller.tx, caller.actor, referralId, kind=FeeEvent(kind), reason=reason)
    return documents.referral(caller.tx, caller.actor, seen)


@register.mutation
def secondExemption(caller: Caller, *, referralId: str) -> shapes.Referral:
    """The second of two people agrees: the fee is waived or deferred. Answers the referral."""
    seen = operations.second_exemption(caller.tx, caller.actor, referralId)
    return documents.referral(caller.tx, caller.actor, seen)
