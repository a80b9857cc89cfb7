"""What a patient is told first: one line, the next step, and what the page offers. Pure, from what was read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from rufaa.payments.machine import OPEN_FEE, FeeState, PromptState
from rufaa.payments.queries import Attempt, Summary
from rufaa.paypage import words
from rufaa.referrals.bearer import Linked
from rufaa.referrals.machine import CLOSED, Status


class Tone(StrEnum):
    """How a line looks."""

    CALM = "calm"
    ACT = "act"  # the patient has something to do
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Telling:
    """``rings``: a prompt is under way, so that this changes soon. ``asks``: "pay now" is offered. ``open``: the
    paybill way is. ``doubt``: money may be on its way, so that paying by hand could pay twice."""

    line: str
    then: str
    tone: Tone
    rings: bool = False
    asks: bool = False
    open: bool = False
    doubt: bool = False


def tell(linked: Linked, money: Summary | None, *, now: datetime, lost: bool = False) -> Telling:
    """``lost``: nothing is owed any more, and the time that was chosen for the visit is another's."""
    told = _told(linked, money, now)
    if not lost:
        return told
    then = _("The time that you chose is not yours any more. Choose another one below, or ask the health facility.")
    return replace(told, then=then, tone=Tone.ACT)


def _told(linked: Linked, money: Summary | None, now: datetime) -> Telling:
    if linked.status is Status.REJECTED:
        return Telling(_("This referral was not accepted."), _("Ask the health facility that referred you."), Tone.BAD)
    if money is None:
        return _without_fee(linked.status)
    match money.state:
        case FeeState.PAID:
            return _paid(linked.status, money)
        case FeeState.REFUNDED:
            given_back = _("Your %(amount)s was given back.") % {"amount": words.money(money.amount)}
            return Telling(given_back, _("M-Pesa sent you a message about it."), Tone.GOOD)
        case FeeState.WAIVED if linked.status in CLOSED:
            return Telling(_("This referral was cancelled."), _("Nothing is to be paid."), Tone.BAD)
        case FeeState.WAIVED:
            return Telling(_("Nothing is to be paid."), _after(linked.status), Tone.GOOD)
        case FeeState.DUE | FeeState.DEFERRED:
            return _open(money, now)


def _without_fee(status: Status) -> Telling:
    if status in CLOSED:
        return Telling(_("This referral was cancelled."), _("Nothing is to be paid."), Tone.BAD)
    if status in {Status.CONFIRMED, Status.COMPLETED}:
        return Telling(_after(status), _("Nothing is to be paid now."), Tone.GOOD)
    return Telling(
        _("The health facility is looking at your referral."),
        _("Nothing is to be paid yet. This page tells you when there is."),
        Tone.CALM,
    )


def _after(status: Status) -> str:
    """What comes next for whom no money is in the way."""
    match status:
        case Status.CONFIRMED:
            return _("Your place is confirmed.")
        case Status.COMPLETED:
            return _("Your visit is complete.")
        case _:
            return _("You need do nothing now. The health facility will confirm your place.")


def _paid(status: Status, money: Summary) -> Telling:
    number = money.receipt_number
    line = (
        _("Paid. M-Pesa receipt %(number)s.") % {"number": number}
        if number
        else _("Paid. The M-Pesa receipt number follows.")
    )
    if status in CLOSED:
        then = _("The referral was cancelled. The health facility decides how your money is given back.")
        return Telling(line, then, Tone.ACT)
    return Telling(line, _after(status), Tone.GOOD)


def _open(money: Summary, now: datetime) -> Telling:
    last = money.last
    if last is not None and last.live:
        return _live(last)
    amount = {"amount": words.money(money.amount)}
    if money.in_review or money.asked:
        line = (
            _("M-Pesa says that you paid, but the money is not with this referral.")
            if money.asked
            else _("M-Pesa has not told us yet what became of your payment.")
        )
        return Telling(
            line, _("A person is looking. Do not pay again until this changes."), Tone.BAD, open=True, doubt=True
        )
    if money.held:
        line = _("We wait for your payment of %(amount)s.") % amount
        return Telling(line, _("Phones cannot be asked at the moment. Pay as shown below."), Tone.ACT, open=True)
    if last is not None and last.state in {PromptState.UNPAID, PromptState.REFUSED}:
        return Telling(_failed(last), _again(last, amount, now), Tone.BAD, asks=True, open=True)
    if money.state is FeeState.DEFERRED:
        line = _("You can pay %(amount)s later.") % amount
        return Telling(line, _("Your care does not wait for it."), Tone.CALM, asks=True, open=True)
    line = _("We wait for your payment of %(amount)s.") % amount
    return Telling(line, _("Pay now with M-Pesa, as below."), Tone.ACT, asks=True, open=True)


def _live(last: Attempt) -> Telling:
    phone = {"phone": words.phone(last.phone)}
    if last.held:
        line, then = _("The request to your phone has to wait."), _("You need not wait: pay as shown below.")
        return Telling(line, then, Tone.ACT, rings=True, open=True)
    if last.state is PromptState.UNKNOWN:
        line = _("We are asking M-Pesa what became of the request to %(phone)s.") % phone
        then = _("If the phone rings, you can enter the PIN. Do not pay in another way meanwhile.")
        return Telling(line, then, Tone.ACT, rings=True, open=True, doubt=True)
    if last.state is PromptState.PENDING:
        line = _("The phone %(phone)s is ringing: enter the M-Pesa PIN.") % phone
        return Telling(
            line, _("This page changes by itself when M-Pesa has answered."), Tone.ACT, rings=True, open=True
        )
    line = _("We are asking the phone %(phone)s.") % phone
    then = _("It rings in a moment: enter the M-Pesa PIN there.")
    return Telling(line, then, Tone.ACT, rings=True, open=True)


def _failed(last: Attempt) -> str:
    if last.state is PromptState.REFUSED and last.code not in words.NOT_PAID:
        return str(words.NOT_SENT)
    return str(words.NOT_PAID.get(last.code, words.NOT_PAID_OTHERWISE))


def _again(last: Attempt, amount: dict[str, str], now: datetime) -> str:
    if last.again_at is not None and last.again_at > now:
        when = {**amount, "time": words.clock_time(last.again_at)}
        return _("%(amount)s is still to be paid. Ask the phone again after %(time)s, or pay as shown below.") % when
    return _("%(amount)s is still to be paid. Try again, or pay as shown below.") % amount


def offers_receipt(money: Summary | None) -> bool:
    """Whether the receipt can be had: the fee is paid, and M-Pesa's number is known."""
    return money is not None and money.paid and money.receipt_number is not None


def may_change(money: Summary | None, told: Telling) -> bool:
    """Whether something about the money is still to come, which an open page should hear of."""
    return money is None or money.state in OPEN_FEE or told.rings or (money.paid and money.receipt_number is None)
