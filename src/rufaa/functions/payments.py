"""``payments:…``: what became of the money."""

from __future__ import annotations

from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.runtime import Caller
from rufaa.payments import queries as payments
from rufaa.referrals import queries
from rufaa.referrals.queries import ReferralNotFound

register = REGISTRY.module("payments")


@register.query
def getByReferral(caller: Caller, *, referralId: str) -> list[shapes.PaymentAttempt]:
    """Every attempt to collect the referral's fee, newest first, with its receipt where the money came. ``held``: it
    waits until prompts are sent again; ``paybill`` then says how to pay by hand."""
    try:
        row = queries.see(caller.tx, caller.actor, referralId).referral
    except ReferralNotFound:
        return []
    if row.fee_id is None:
        return []
    return [documents.payment(row.pk, attempt) for attempt in payments.attempts(caller.tx, row.fee_id)]
