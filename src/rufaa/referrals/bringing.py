"""Referrals that another app began: written as they stand there, as far as the law lets them.

Each goes the lawful way from its creation, move by move, so that triggers, books and history hold as for any other. No
prompt is sent on the way. What another app calls paid is no money: without an emergency it comes as far as
pending-payment, and goes on from there when the money is seen, or two people waive or defer the fee.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa import ids
from rufaa.db.atomic import Tx
from rufaa.facilities.models import Facility
from rufaa.law import Moved
from rufaa.patients.models import Particulars
from rufaa.payments import operations as payments
from rufaa.phone import Phone
from rufaa.referrals import actions, machine, operations
from rufaa.referrals.machine import Event, Priority, Status
from rufaa.referrals.models import Referral

_E = Event
_WAY: Final[Mapping[Status, Sequence[Event]]] = {
    Status.PENDING_ADMIN: (),
    Status.REJECTED: (_E.REJECT,),
    Status.CANCELLED: (_E.CANCEL,),
    Status.AWAITING_BIODATA: (_E.APPROVE,),
    Status.PENDING_PAYMENT: (_E.APPROVE, _E.ASK_PAYMENT),
    Status.PAID: (_E.APPROVE, _E.ASK_PAYMENT),
    Status.CONFIRMED: (_E.APPROVE, _E.ASK_PAYMENT),
    Status.COMPLETED: (_E.APPROVE, _E.ASK_PAYMENT),
}
_WAY_OF_EMERGENCIES: Final[Mapping[Status, Sequence[Event]]] = {
    **_WAY,
    Status.CONFIRMED: (_E.CONFIRM_EMERGENCY,),
    Status.COMPLETED: (_E.CONFIRM_EMERGENCY, _E.COMPLETE),
}

SAID_PAID: Final = frozenset({Status.PAID, Status.CONFIRMED, Status.COMPLETED})
"""Statuses by which the other app says that the fee was paid."""


@dataclass(frozen=True, slots=True)
class Former:
    """A referral as the other app has it, with facilities and people that are here. Texts are checked already."""

    id: str
    created_at: datetime
    status: Status
    reason: str  # why it was rejected or cancelled, or the outcome; never empty
    priority: Priority
    referring: Facility
    receiving: Facility
    physician: uuid.UUID
    token: str | None  # of the patient's link; None: a new one is made
    name: str
    external_id: str
    phone: Phone | None
    payer_phone: Phone | None
    email: str
    date_of_birth: str
    national_id: str
    booked_date: str
    booked_time: str
    medical_history: str
    lab_results: object
    diagnosis: str


def bring(tx: Tx, former: Former, *, by: uuid.UUID, owed: bool = False) -> Referral:
    """The referral, as far on its way as the law allows without money. ``by`` is who brings it.

    ``owed``: money may have come for it. Then one that ended before it was approved is approved, for its fee, and
    cancelled: it is what a claim can be about. Raises ``NoPrice``.
    """
    way = (_WAY_OF_EMERGENCIES if former.priority is Priority.EMERGENCY else _WAY)[former.status]
    if owed and former.status in machine.CLOSED:
        way = (_E.APPROVE, _E.CANCEL)
    row = Referral.objects.create(
        id=ids.new_id(now_ms=int(former.created_at.timestamp() * 1000)),  # lists are in the order of ids
        created_at=former.created_at,
        former_id=former.id,
        state=Status.PENDING_ADMIN,
        event=_E.CREATE,
        token=former.token or ids.new_token(),
        priority=former.priority,
        referring=former.referring,
        receiving=former.receiving,
        physician_id=former.physician,
        created_by_id=by,
        released_at=former.created_at if former.priority is Priority.EMERGENCY else None,
        particulars=Particulars.objects.create(
            created_at=former.created_at,
            name=former.name,
            external_id=former.external_id,
            phone=former.phone or "",
            payer_phone=former.payer_phone or "",
            email=former.email,
            date_of_birth=former.date_of_birth,
            national_id=former.national_id,
            booked_date=former.booked_date,
            booked_time=former.booked_time,
        ),
        medical_history=former.medical_history,
        lab_results=former.lab_results,
        diagnosis=former.diagnosis,
    )
    tx.execute("SET LOCAL rufaa.untold = 'yes'")  # it happened long ago: nobody is sent a message of it now
    for event in way:
        decision = machine.decide(Status(row.state), event, actions.facts(row))
        if not isinstance(decision, Moved):
            raise AssertionError(f"{event} is not lawful from {row.state}")
        reason = former.reason if event in machine.NEEDS_REASON else ""
        operations.move(tx, row, decision.state, event, reason)
    tx.execute("SET LOCAL rufaa.untold = ''")
    if row.fee_id is not None:
        payments.owed_since(tx, row.fee_id, former.created_at)
    return row
