"""The law of giving money back. Pure: no Django, no I/O.

A *refund* is money that two people give back, by one order or, where an answer was lost, by the same order again.
Silence is never a failure, and money that went back is gone, whatever we thought of the order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from rufaa.law import Machine


class RefundMethod(StrEnum):
    REVERSAL = "reversal"  # of a whole receipt by its number
    B2C = "b2c"  # a payout to a phone, under an id that is the refund's own


class RefundState(StrEnum):
    PROPOSED = "proposed"  # one person wants it; the money is promised
    WITHDRAWN = "withdrawn"  # before M-Pesa took an order: the money is free again
    APPROVED = "approved"  # a second person agreed; not yet claimed by a worker
    SENDING = "sending"  # claimed: from here on the order may have been given
    ORDERED = "ordered"  # Daraja queued it; a result will come
    UNKNOWN = "unknown"  # the answer or the result was lost: nobody knows whether the money went
    RESENDING = "resending"  # claimed again: whatever becomes of this order, an earlier one may have been carried out
    DONE = "done"
    FAILED = "failed"  # certainly not given back: the money is free again


class RefundEvent(StrEnum):
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    APPROVE = "approve"  # somebody else than who proposed it
    CLAIM = "claim"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    NOT_SENT = "not-sent"  # throttled or no connection: the same order is sent again later
    ANSWER_LOST = "answer-lost"
    LEASE_EXPIRED = "lease-expired"  # the worker died between claim and outcome
    SILENT = "silent"  # no result in time, or a post to the time-out address: never a failure (daraja.md §10)
    RESEND = "resend"  # under the same id alone: B2C knows it again, a reversal answers R000001 (daraja.md §8, §10)
    SUCCEEDED = "succeeded"  # the money went back
    REJECTED = "rejected"  # of every order that may have been given a result says that nothing went
    RESTORED = "restored"  # it waited when the backup was made that was restored: it may have been sent since


_S, _SE = RefundState, RefundEvent
_ORDERABLE: Final = (_S.APPROVED, _S.SENDING, _S.ORDERED, _S.UNKNOWN, _S.RESENDING)

REFUND: Final = Machine(
    name="refund",
    states=RefundState,
    events=RefundEvent,
    first={_SE.PROPOSE: _S.PROPOSED},
    transitions={
        (_S.PROPOSED, _SE.WITHDRAW): _S.WITHDRAWN,
        (_S.PROPOSED, _SE.APPROVE): _S.APPROVED,
        (_S.APPROVED, _SE.WITHDRAW): _S.WITHDRAWN,  # M-Pesa took no order of it
        (_S.APPROVED, _SE.CLAIM): _S.SENDING,
        (_S.APPROVED, _SE.RESTORED): _S.UNKNOWN,
        (_S.SENDING, _SE.ACCEPTED): _S.ORDERED,
        (_S.SENDING, _SE.DECLINED): _S.FAILED,
        (_S.SENDING, _SE.NOT_SENT): _S.APPROVED,
        (_S.SENDING, _SE.ANSWER_LOST): _S.UNKNOWN,
        (_S.SENDING, _SE.LEASE_EXPIRED): _S.UNKNOWN,
        (_S.APPROVED, _SE.SILENT): _S.UNKNOWN,  # it says of an order "not sent" that it was
        (_S.SENDING, _SE.SILENT): _S.UNKNOWN,
        (_S.ORDERED, _SE.SILENT): _S.UNKNOWN,
        (_S.UNKNOWN, _SE.RESEND): _S.RESENDING,
        (_S.RESENDING, _SE.ACCEPTED): _S.ORDERED,
        # That this order was not taken says nothing of the one before.
        **{
            (_S.RESENDING, event): _S.UNKNOWN
            for event in (_SE.DECLINED, _SE.NOT_SENT, _SE.ANSWER_LOST, _SE.LEASE_EXPIRED, _SE.SILENT)
        },
        # Safaricom is the authority: money that went back is gone, whatever we thought of the order.
        **{(state, _SE.SUCCEEDED): _S.DONE for state in (*_ORDERABLE, _S.FAILED, _S.WITHDRAWN)},
        **{(state, _SE.REJECTED): _S.FAILED for state in _ORDERABLE},
    },
    ignored={
        (_S.DONE, _SE.SUCCEEDED): "already done: another report of the same",
        (_S.DONE, _SE.REJECTED): "done is sticky: a failure never brings money back",
        (_S.DONE, _SE.SILENT): "it is known to be done",
        (_S.FAILED, _SE.REJECTED): "already known to have failed",
        (_S.FAILED, _SE.SILENT): "it is known to have failed",
        (_S.WITHDRAWN, _SE.REJECTED): "nobody wants it any more",
        (_S.WITHDRAWN, _SE.SILENT): "nobody wants it any more",
        (_S.UNKNOWN, _SE.SILENT): "already unknown",
        **{
            (state, event): "settled before the answer to the order came"
            for state in (_S.DONE, _S.FAILED)
            for event in (_SE.ACCEPTED, _SE.DECLINED, _SE.NOT_SENT, _SE.ANSWER_LOST, _SE.LEASE_EXPIRED)
        },
        **{
            (_S.UNKNOWN, event): "the lease had expired: this worker no longer speaks for the refund"
            for event in (_SE.ACCEPTED, _SE.DECLINED, _SE.NOT_SENT, _SE.ANSWER_LOST)
        },
    },
)

LIVE_REFUND: Final = frozenset({_S.PROPOSED, *_ORDERABLE})
"""At most one of these per receipt and fee: its amount is promised, and nothing else may be done with it."""
