"""What people do with appointments, and what the worker makes of holds that end and of fees that are settled.

Each takes the transaction it joins. Refusals come in this order: what the arguments are, whether the referral may be
seen, whether the right is there, what the law says, and last whether there is a place. Locks: the referral's fee, the
referral, slots, their appointments.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rufaa import ids
from rufaa.appointments import clinics, times
from rufaa.appointments.machine import CHANGEABLE, MACHINE, Event, State
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import Kind, RufaaError, Sentence, sentence
from rufaa.facilities.models import LateMoney
from rufaa.facilities.queries import Actor
from rufaa.facilities.rights import Right
from rufaa.law import Moved, Refused
from rufaa.payments import operations as payments
from rufaa.payments.machine import SETTLED_FEE, FeeState
from rufaa.referrals import operations as referrals
from rufaa.referrals import refusing, shown, texts
from rufaa.referrals.machine import OVER, Priority, Status
from rufaa.referrals.machine import Event as ReferralEvent
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import rights_on

_SQL: Final = sql.load(__file__, "operations.sql")
_AT_ONCE: Final = 200
"""So many rows a round of the worker takes of one kind."""
MISSED_WHY: Final = "Nobody said that the patient came."
DID_NOT_COME_WHY: Final = "Paid, and did not come to the appointment. Give the money back?"
TOO_LATE_WHY: Final = "Paid when the time that was chosen was another's already. Give the money back?"


class SlotNotFound(RufaaError):
    """There is no such slot in a clinic of the facility that the referral goes to."""

    kind = Kind.NOT_FOUND
    code = "slot-not-found"

    def __init__(self) -> None:
        super().__init__("The facility that this referral goes to has no such slot.")


class SlotTaken(RufaaError):
    """The slot, or its clinic's day, has no place left. Nothing was changed; choose another one."""

    kind = Kind.CONFLICT
    code = "slot-taken"

    def __init__(self) -> None:
        super().__init__("Somebody else was faster: this time is taken. Choose another one.")


class SlotClosed(RufaaError):
    """The slot is over, or its clinic takes nobody at that time."""

    kind = Kind.CONFLICT
    code = "slot-closed"


class AppointmentNotFound(RufaaError):
    """There is no such appointment, or it is not yours to see."""

    kind = Kind.NOT_FOUND
    code = "appointment-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such appointment, or you may not see it.")


class AppointmentMoved(RufaaError):
    """The appointment is in a state that does not take this any more."""

    kind = Kind.CONFLICT
    code = "appointment-moved"


@dataclass(frozen=True, slots=True)
class Place:
    """A slot that was locked: nobody else takes of it, or gives back, until the transaction ends."""

    id: uuid.UUID
    hold_minutes: int


# --- choose ----------------------------------------------------------------------------------------------------------


def book(tx: Tx, actor: Actor, referral: str, *, slot: object, reason: str = "") -> uuid.UUID:
    """Take a place in ``slot``: held while the fee is open, booked where it is settled, or for an Emergency.

    An appointment that the referral has already is moved, which needs a reason once it is booked. The same slot again
    is no error. Raises ``ReferralNotFound``, ``Forbidden``, ``UnlawfulMove``, ``SlotNotFound``, ``SlotClosed``,
    ``SlotTaken``, ``AppointmentMoved``, ``ReasonNeeded``.
    """
    why = texts.text_of("reason", reason, limit=texts.MAX_NAME)
    row = shown.locked(tx, actor, referral)
    rights = rights_on(actor, row)
    refusing.require(rights, Right.BOOK, sentence("book an appointment for"))
    _need_open(row, rights)
    made = _take(tx, row, ids.from_wire(slot), why)
    if Right.CONFIRM in rights and Priority(row.priority) is Priority.EMERGENCY:
        _confirm_emergency(tx, row)
    return made


def book_for(tx: Tx, row: Referral, *, slot: object, reason: str = "") -> uuid.UUID:
    """As ``book``, by whom the edge has let in otherwise: the bearer of the patient's link. ``row``: locked."""
    _need_open(row, frozenset())
    return _take(tx, row, ids.from_wire(slot), texts.text_of("reason", reason, limit=texts.MAX_NAME))


def cancel_for(tx: Tx, row: Referral, appointment: object, *, reason: str) -> None:
    """As ``cancel``, by whom the edge has let in otherwise. ``row``: locked. Raises ``AppointmentNotFound``,
    ``AppointmentMoved``."""
    identifier = ids.from_wire(appointment)
    found = tx.row(_SQL["find"], {"appointment": identifier}) if identifier is not None else None
    if found is None or found["referral_id"] != row.pk:
        raise AppointmentNotFound
    _change(tx, _lock(tx, found), Event.CANCEL, reason)
    tx.execute(_SQL["say_when"], {"referrals": [row.pk]})


def _need_open(row: Referral, rights: frozenset[Right]) -> None:
    if Status(row.state) in OVER:
        raise refusing.unlawful(
            row, rights, sentence("A referral that is %(status)s takes no appointment.", status=Status(row.state))
        )


def _take(tx: Tx, row: Referral, slot: uuid.UUID | None, reason: str) -> uuid.UUID:
    """Of a locked referral. What it has is read again once its slot is locked: the worker may have let go of it."""
    before = tx.row(_SQL["live"], {"referral": row.pk})
    touched = {each for each in (slot, None if before is None else before["slot_id"]) if each is not None}
    tx.execute(_SQL["lock_slots"], {"slots": sorted(touched)})
    was = tx.row(_SQL["lock_live"], {"referral": row.pk})
    if was is not None and was["slot_id"] == slot:
        return uuid.UUID(str(was["id"]))
    if was is not None and State(was["state"]) not in CHANGEABLE:
        raise AppointmentMoved("The patient has arrived: this appointment is not moved any more.", state=was["state"])
    if was is not None and State(was["state"]) is State.BOOKED and not reason:
        raise refusing.ReasonNeeded("Say why the appointment is moved, as reason.", argument="reason")
    place = _free(tx, row, slot)
    if was is not None:
        _move(tx, was["id"], State(was["state"]), Event.MOVE, reason)
    settled = _is_settled(row)
    identifier = ids.new_id()
    tx.execute(
        _SQL["insert"],
        {
            "id": identifier,
            "state": State.BOOKED if settled else State.HELD,
            "event": Event.BOOK if settled else Event.HOLD,
            "reason": reason,
            "referral": row.pk,
            "slot": place.id,
            "hold_minutes": place.hold_minutes,
            "replaces": None if was is None else was["id"],
        },
    )
    tx.execute(_SQL["supersede"], {"referral": row.pk, "appointment": identifier})
    tx.execute(_SQL["say_when"], {"referrals": [row.pk]})
    if settled:
        tx.execute(_SQL["confirm"], {"referrals": [row.pk]})
        tx.execute(_SQL["close_unserved"], {"referral": row.pk, "as": "There is another appointment."})
    else:
        tx.wake_workers("book")
    return identifier


def _free(tx: Tx, row: Referral, slot: uuid.UUID | None) -> Place:
    """The slot, locked, with a place left in it. Raises ``SlotNotFound``, ``SlotClosed``, ``SlotTaken``."""
    found = tx.row(_SQL["lock_slot"], {"slot": slot}) if slot is not None else None
    if found is None or found["facility_id"] != row.receiving_id:
        raise SlotNotFound
    if found["over"]:
        raise SlotClosed("This time is over. Choose a later one.")
    if not found["open"] or found["ended"]:
        raise SlotClosed("The clinic takes nobody at this time. Choose another one.")
    if not _has_place(tx, found["id"]):
        tx.execute(_SQL["let_go"], {"slot": found["id"]})
        if not _has_place(tx, found["id"]):
            raise SlotTaken
    return Place(found["id"], found["hold_minutes"])


def _has_place(tx: Tx, slot: uuid.UUID) -> bool:
    left = tx.row(_SQL["places"], {"slot": slot})
    assert left is not None
    return bool(left["of_slot"] > 0 and left["of_day"] > 0)


def _is_settled(row: Referral) -> bool:
    if Priority(row.priority) is Priority.EMERGENCY:
        return True
    return row.fee is not None and FeeState(row.fee.state) in SETTLED_FEE


def _confirm_emergency(tx: Tx, row: Referral) -> None:
    """An Emergency's appointment, made by who may confirm it, confirms it."""
    state = Status(row.state)
    if state in {Status.PENDING_ADMIN, Status.AWAITING_BIODATA, Status.PENDING_PAYMENT}:
        referrals.move(tx, row, Status.CONFIRMED, ReferralEvent.CONFIRM_EMERGENCY, "")


# --- change ----------------------------------------------------------------------------------------------------------


def cancel(tx: Tx, actor: Actor, appointment: object, *, reason: str) -> uuid.UUID:
    """Give the place back; the referral stays what it is. Returns the referral. Raises ``AppointmentNotFound``,
    ``Forbidden``, ``AppointmentMoved``, ``ReasonNeeded`` for one that is booked."""
    why = texts.text_of("reason", reason, limit=texts.MAX_NAME)
    row, found = _locked(tx, actor, appointment, Right.BOOK, sentence("cancel an appointment of"))
    if State(found["state"]) is State.BOOKED and not why:
        raise refusing.ReasonNeeded("Say why the appointment is cancelled, as reason.", argument="reason")
    _change(tx, found, Event.CANCEL, why)
    tx.execute(_SQL["say_when"], {"referrals": [row.pk]})
    return row.pk


def arrived(tx: Tx, actor: Actor, appointment: object) -> None:
    """The patient is here, on the day of the appointment or later. Raises as ``cancel``, and ``SlotClosed`` before."""
    row, found = _locked(tx, actor, appointment, Right.RECEIVE, sentence("say who came of"))
    other = tx.row(_SQL["live"], {"referral": row.pk})
    if other is not None and other["id"] != found["id"]:
        raise AppointmentMoved("The patient has another appointment by now.", state=found["state"])
    if found["day"] > times.today(clinics.now(tx)):
        raise AppointmentMoved("This appointment is on a later day: move it to today first.", state=found["state"])
    _change(tx, found, Event.ARRIVE, "")
    tx.execute(_SQL["say_when"], {"referrals": [row.pk]})
    tx.execute(_SQL["close_unserved"], {"referral": row.pk, "as": "The patient came after all."})


def seen(tx: Tx, actor: Actor, appointment: object) -> None:
    """The patient was seen; the outcome for the referring doctor is the referral's to say."""
    _row, found = _locked(tx, actor, appointment, Right.RECEIVE, sentence("say who was seen of"))
    _change(tx, found, Event.SEE, "")


def missed(tx: Tx, actor: Actor, appointment: object, *, reason: str = "") -> None:
    """The patient did not come. Where the fee was paid, finance is asked what becomes of the money."""
    why = texts.text_of("reason", reason, limit=texts.MAX_NAME)
    row, found = _locked(tx, actor, appointment, Right.RECEIVE, sentence("say who came of"))
    if not found["begun"]:
        raise AppointmentMoved("This appointment is still to come.", state=found["state"])
    _change(tx, found, Event.MISS, why)
    _ask_about_money(tx, row, DID_NOT_COME_WHY)


def _locked(
    tx: Tx, actor: Actor, appointment: object, right: Right, action: Sentence
) -> tuple[Referral, Mapping[str, Any]]:
    """The appointment, its slot and its referral, locked, of who may do this."""
    identifier = ids.from_wire(appointment)
    found = tx.row(_SQL["find"], {"appointment": identifier}) if identifier is not None else None
    if found is None:
        raise AppointmentNotFound
    try:
        row = shown.locked(tx, actor, found["referral_id"].hex)
    except RufaaError as error:
        if error.kind is Kind.NOT_FOUND:
            raise AppointmentNotFound from None
        raise
    refusing.require(rights_on(actor, row), right, action)
    return row, _lock(tx, found)


def _lock(tx: Tx, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The appointment as it is once its slot and itself are locked."""
    tx.execute(_SQL["lock_slots"], {"slots": [found["slot_id"]]})
    fresh = tx.row(_SQL["lock"], {"appointment": found["id"]})
    assert fresh is not None
    return fresh


def _change(tx: Tx, found: Mapping[str, Any], event: Event, reason: str) -> None:
    _move(tx, found["id"], State(found["state"]), event, reason)


def _move(tx: Tx, appointment: uuid.UUID, state: State, event: Event, reason: str) -> None:
    decision = MACHINE.decide(state, event)
    if isinstance(decision, Refused):
        raise AppointmentMoved(
            sentence("The appointment is %(state)s: this is not possible any more.", state=state),
            state=str(state),
            allowed=list(decision.allowed),
        )
    assert isinstance(decision, Moved)
    values = {"appointment": appointment, "state": decision.state, "event": event, "reason": reason}
    tx.execute(_SQL["move"], values)


def _ask_about_money(tx: Tx, row: Referral, why: str) -> None:
    if row.fee is not None and FeeState(row.fee.state) is FeeState.PAID:
        payments.open_task_for_fee(tx, row.fee.pk, kind="unserved", why=why)


# --- by itself -------------------------------------------------------------------------------------------------------


def work(tx: Tx) -> int:
    """A round of the worker: book what is settled, let go of holds that ended, say who did not come, and make the slots
    of one more day. How much of it there was: call again until there is none."""
    done = _settle(tx) + _lapse(tx)
    before_today = {"today": times.begin_of(times.today(clinics.now(tx))), "limit": _AT_ONCE}
    for row in tx.rows(_SQL["did_not_come"], before_today):
        done += _did_not_come(tx, row["id"])
    return done + clinics.lay_out_due(tx)


def _settle(tx: Tx) -> int:
    """Slots that were held for fees that are settled now are booked, and their referrals confirmed. A hold that ended
    before takes its slot again where that is free; else the facility's policy decides."""
    fees = {row["fee_id"] for row in tx.rows(_SQL["settled"], {"limit": _AT_ONCE})}
    for fee in sorted(fees):
        payments.lock_fee(tx, fee)
    found = [row for row in tx.rows(_SQL["settled"], {"limit": _AT_ONCE}) if row["fee_id"] in fees]
    held = [row["id"] for row in found if row["counts"] and State(row["state"]) is State.HELD]
    kept = tx.rows(_SQL["keep"], {"appointments": sorted(held)}) if held else []
    tx.execute(_SQL["confirm"], {"referrals": sorted(row["referral_id"] for row in kept)})
    for row in found:
        if State(row["state"]) is State.LAPSED:
            _late_money(tx, row)
    return len(found)


def _late_money(tx: Tx, row: Mapping[str, Any]) -> None:
    referral = Referral.objects.select_related("fee").get(pk=row["referral_id"])
    try:
        if not row["counts"]:
            raise SlotTaken
        _free(tx, referral, row["slot_id"])
    except (SlotTaken, SlotClosed):
        tx.execute(_SQL["too_late"], {"appointment": row["id"]})
        if row["counts"] and LateMoney(row["late_money"]) is LateMoney.REFUND:
            _ask_about_money(tx, referral, TOO_LATE_WHY)
        return
    _move(tx, row["id"], State.LAPSED, Event.LATE_MONEY, "")
    tx.execute(_SQL["say_when"], {"referrals": [referral.pk]})
    tx.execute(_SQL["confirm"], {"referrals": [referral.pk]})


def _lapse(tx: Tx) -> int:
    ended = tx.rows(_SQL["ended_holds"], {"limit": _AT_ONCE})
    if not ended:
        return 0
    tx.execute(_SQL["lock_slots"], {"slots": sorted({row["slot_id"] for row in ended})})
    lapsed = tx.rows(_SQL["lapse"], {"appointments": sorted(row["id"] for row in ended)})
    tx.execute(_SQL["say_when"], {"referrals": sorted(row["referral_id"] for row in lapsed)})
    return len(lapsed)


def _did_not_come(tx: Tx, appointment: uuid.UUID) -> int:
    found = tx.row(_SQL["find"], {"appointment": appointment})
    assert found is not None
    row = Referral.objects.select_related("fee").get(pk=found["referral_id"])
    if row.fee_id is not None:
        payments.lock_fee(tx, row.fee_id)
    fresh = _lock(tx, found)
    if State(fresh["state"]) is not State.BOOKED:
        return 0
    _change(tx, fresh, Event.MISS, MISSED_WHY)
    row.refresh_from_db()
    _ask_about_money(tx, row, DID_NOT_COME_WHY)
    return 1


def next_due_s(tx: Tx) -> float | None:
    """Seconds until a hold ends, or a day; at once where a clinic waits for slots."""
    return tx.seconds(_SQL["next_due"])
