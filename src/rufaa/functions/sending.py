"""What the three functions that send share: commit, then answer when Daraja has."""

from __future__ import annotations

from rufaa.db.atomic import Tx
from rufaa.functions import documents, shapes
from rufaa.functions.runtime import Waiting
from rufaa.payments import queries as payments
from rufaa.payments.machine import PromptState
from rufaa.payments.operations import PaidAlready, Requested
from rufaa.phone import Phone
from rufaa.referrals.queries import Seen


def answer(tx: Tx, asked: Requested | PaidAlready, seen: Seen, *, phone: Phone) -> Waiting | shapes.PromptAnswer:
    """The answer to a caller who asked ``phone`` for the money: at once where it is known, else after Daraja's."""
    referral = seen.referral.pk
    if isinstance(asked, PaidAlready):
        paid_by = None if asked.prompt is None else payments.attempt(tx, asked.prompt)
        return documents.already_paid(referral, asked, phone=phone, paid_by=paid_by)
    request = asked

    def at_last(tx: Tx) -> shapes.PromptAnswer:
        return documents.sent(referral, payments.attempt(tx, request.prompt), joined=request.joined)

    def look(tx: Tx) -> shapes.PromptAnswer | None:
        row = payments.attempt(tx, request.prompt)
        if row.state in {PromptState.CREATED, PromptState.SENDING} and not row.held:
            return None
        return documents.sent(referral, row, joined=request.joined)

    return Waiting(look, at_last)
