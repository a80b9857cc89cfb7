"""``bookings:…``: the appointment of a referral."""

from __future__ import annotations

from rufaa.appointments import operations, queries, times
from rufaa.errors import InvalidArgument
from rufaa.functions import REGISTRY, appointed, shapes
from rufaa.functions.runtime import Caller
from rufaa.ids import wire
from rufaa.referrals.queries import ReferralNotFound, see

register = REGISTRY.module("bookings")


@register.mutation
def createBooking(
    caller: Caller,
    *,
    referralId: str,
    slotId: str | None = None,
    clinicId: str | None = None,
    bookedDate: str | None = None,
    bookedTime: str | None = None,
    reason: str | None = None,
) -> shapes.Booking:
    """Take a time for a referral: by ``slotId``, or by day and time, of ``clinicId`` where several have one then;
    without a time the day's first. While the fee is open the slot is held (status ``held``, until ``heldUntil``), else
    it is booked, and the referral is confirmed with it. Another time takes the former one's place, and needs a reason
    once that was booked. Answers the booking."""
    seen = see(caller.tx, caller.actor, referralId)
    if slotId is None and bookedDate is None:
        raise InvalidArgument("Say which time: slotId, or bookedDate and bookedTime.", argument="slotId")
    slot = slotId
    if slot is None:
        slot = wire(
            queries.slot_at(
                caller.tx,
                seen.referral.receiving_id,
                day=times.day_of(bookedDate or "", argument="bookedDate"),
                at=bookedTime or "",
                clinic=clinicId,
            )
        )
    made = operations.book(caller.tx, caller.actor, referralId, slot=slot, reason=reason or "")
    return next(each for each in _bookings(caller, referralId) if each["_id"] == wire(made))


@register.query
def getByReferral(caller: Caller, *, referralId: str) -> list[shapes.Booking]:
    """All appointments of a referral, newest first, whatever became of each; none of one that is not there to see."""
    try:
        return _bookings(caller, referralId)
    except ReferralNotFound:
        return []


@register.mutation
def cancelBooking(caller: Caller, *, bookingId: str, reason: str | None = None) -> shapes.Booking:
    """Give the time back; once it was booked, with a reason. The referral stays what it is. Answers the booking."""
    referral = operations.cancel(caller.tx, caller.actor, bookingId, reason=reason or "")
    return next(each for each in _bookings(caller, wire(referral)) if each["_id"] == bookingId)


def _bookings(caller: Caller, referral: str) -> list[shapes.Booking]:
    seen = see(caller.tx, caller.actor, referral)
    return [appointed.booking(row, referral=seen.referral.pk) for row in queries.of_referral(caller.tx, seen)]
