"""Whether a referral still is what somebody's screen showed when they decided what to do with it."""

from __future__ import annotations

from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError, sentence
from rufaa.facilities.queries import Actor
from rufaa.payments import operations as payments
from rufaa.referrals.machine import Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import see


class MovedMeanwhile(RufaaError):
    """The referral has another status than the screen showed on which this was decided. Nothing was done."""

    kind = Kind.CONFLICT
    code = "moved-meanwhile"


def unmoved(tx: Tx, actor: Actor, referral: str, *, shown: str) -> Referral:
    """The referral, which has the status ``shown`` and keeps it until the transaction ends, unless this one moves it.

    Locks its fee and then itself, as every operation on it does. Raises ``MovedMeanwhile``.
    """
    row = locked(tx, actor, referral)
    if row.state != shown:
        raise MovedMeanwhile(
            sentence(
                "This referral has moved on since your page was drawn: it is %(status)s now. Nothing was done.",
                status=Status(row.state),
            ),
            status=row.state,
        )
    return row


def locked(tx: Tx, actor: Actor, referral: str) -> Referral:
    """The referral as it is now, held as it is. Raises ``ReferralNotFound`` where ``actor`` may not see it."""
    seen = see(tx, actor, referral).referral
    if seen.fee_id is not None:
        payments.lock_fee(tx, seen.fee_id)
    return Referral.objects.select_for_update(of=("self",)).get(pk=seen.pk)
