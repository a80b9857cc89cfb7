"""What the three functions that send share: commit, then answer when Daraja has."""

from __future__ import annotations

from rufaa.db.atomic import Tx
from rufaa.functions import documents, shapes
from rufaa.functions.waiting import Waiting
from rufaa.payments import queries as payments
from rufaa.payments.operations import PaidAlready, Requested
from rufaa.phone import Phone
from rufaa.referrals.queries import Seen


def answer(tx: Tx, asked: Requested | PaidAlready, seen: Seen, *, phone: Phone) -> Waiting | shapes.PromptAnswer:
    """The answer to a caller who asked ``phone`` for the money: at once where it is known, else after Daraja's."""
    referral = seen.referral.pk
    if isinstance(asked, PaidAlready):
        paid_by = None if asked.prompt is None else payments.attempt(tx, asked.prompt)
        return documents.already_paid(referral, asked, phone=phone, paid_by=paid_by)
    return Waiting(referral=referral, prompt=asked.prompt, joined=asked.joined)
