"""One referral: what may be done with it now, its money, its medical part, and all that happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from rufaa import reads
from rufaa.appointments import particulars as choosing
from rufaa.appointments import queries as appointments
from rufaa.console import appointed, messaged, words
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.templatetags.kenyan import phone as spoken
from rufaa.console.templatetags.refusals import refusal
from rufaa.errors import InvalidArgument, RufaaError
from rufaa.facilities.rights import Right
from rufaa.payments import queries as payments
from rufaa.payments.claims import Typed
from rufaa.payments.machine import OPEN_FEE, FeeEvent, FeeState, PromptState
from rufaa.payments.operations import PaidAlready
from rufaa.payments.queries import Attempt, Summary
from rufaa.phone import masked
from rufaa.referrals import onward, operations, queries, shown, told
from rufaa.referrals.actions import allowed_actions
from rufaa.referrals.machine import Status
from rufaa.referrals.operations import Changed
from rufaa.referrals.queries import Seen
from rufaa.referrals.told import Happened
from rufaa.talk import queries as talk

_TOGETHER_S: Final = 2.0
_UNSAID: Final = frozenset({("prompt", "claim"), ("prompt", "confirmed"), ("receipt", "apply")})
"""What only says again what stands beside it."""
_GOOD: Final = frozenset({"paid", "confirmed", "completed", "applied", "booked", "arrived", "seen"})
_BAD: Final = frozenset(
    {"rejected", "cancelled", "unpaid", "refused", "review", "unknown", "failed", "lapsed", "missed"}
)
_NEEDS_WHY: Final = frozenset({"prompt-in-review", "paid-meanwhile"})


# --- the page ------------------------------------------------------------------------------------------------------


def _shown(acting: Acting, referral: str) -> Screen:
    seen = queries.see(acting.tx, acting.actor, referral)
    row = seen.referral
    money = payments.summaries(acting.tx, [row.fee_id])[row.fee_id] if row.fee_id else None
    attempts = payments.attempts(acting.tx, row.fee_id) if row.fee_id else []
    actions = _actions(acting, seen, money)
    appointment = appointed.panel(acting, seen)
    return Screen(
        "console/referral.html",
        {
            "seen": seen,
            "row": row,
            "here": f"/referrals/{row.pk.hex}/",
            "doing": _doing(acting),
            "status": words.STATUS[row.state],
            "looks": words.LOOKS[row.state],
            "waits_for": words.WAITS_FOR[row.state],
            "priority": words.PRIORITY[row.priority],
            "actions": actions,
            "may_audit": bool(seen.rights & {Right.SEE_AUDIT, Right.SEE_AUDIT_OWN}),
            "may": {action.replace("status:", "to-") for action in actions},
            "money": None if money is None else _money(seen, money, attempts),
            "needs_why": _NEEDS_WHY,
            "proposal": None if money is None else money.proposal,
            "story": list(_story(seen, _happened(acting, seen, appointment))),
            "talk": talk.about(acting.tx, acting.actor, seen, all_of_it=acting.request.GET.get("comments") == "all"),
            "appointment": appointment,
            "messaged": messaged.panel(acting, seen),
            "may_refer_onward": onward.may(seen),
            "chain": _chain(acting, seen),
            "labs": row.lab_results if isinstance(row.lab_results, list) else [row.lab_results],
        },
    )


def _chain(acting: Acting, seen: Seen) -> dict[str, Any] | None:
    """By which referral the patient came, and by which they went on, as far as this person may know."""
    found = onward.chain(acting.tx, acting.actor, seen)
    if found is None:
        return None
    return {
        "first": found.first.referral if found.first is not None else None,
        "hidden_first": found.hidden_first,
        "next": [(each.referral, words.STATUS[each.referral.state]) for each in found.next],
        "hidden_next": found.hidden_next,
    }


def _doing(acting: Acting) -> str:
    """The form that was sent to get here: the last word of its address."""
    return acting.request.path.rstrip("/").rpartition("/")[2] if acting.request.method == "POST" else ""


def _actions(acting: Acting, seen: Seen, money: Summary | None) -> list[str]:
    return allowed_actions(
        seen,
        actor=acting.actor,
        last_prompt=None if money is None or money.last is None else money.last.state,
        proposal_by=None if money is None or money.proposal is None else money.proposal["by"],
    )


def _money(seen: Seen, money: Summary, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """The payment's panel. Whole phones are for those who may see the particulars."""
    last = attempts[0] if attempts else None
    if last is not None and last.next_step_s is not None:
        reads.changes_in(last.next_step_s)
    return {
        "amount": money.amount,
        "state": words.FEE[money.state],
        "open": money.state in OPEN_FEE,
        "paid": money.state is FeeState.PAID,
        "receipt": money.receipt_number,
        "held": money.held,
        "paybill": money.paybill,
        "last": last,
        "said": words.said(last.words) if last is not None else "",
        "phone": _phone(seen, last.phone) if last is not None else "",
        "live": last is not None and last.live,
        "rings": last is not None and last.state is PromptState.PENDING,
        "looks": _prompt_looks(last),
        "again_at": last.again_at if last is not None and not last.live else None,
        "attempts": [
            (each, words.said(each.words), _phone(seen, each.phone), _prompt_looks(each)) for each in attempts
        ],
        "reason_needed": any(each.in_doubt for each in attempts),
    }


def _phone(seen: Seen, number: str) -> str:
    return spoken(number) if seen.medical else masked(number)


def _prompt_looks(last: Attempt | None) -> str:
    if last is None:
        return ""
    if last.state is PromptState.PAID and not last.fee_open:
        return "good"
    return "wait" if last.live else "bad"


# --- what happened -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Moment:
    """What one person, or the server, did at once."""

    at: datetime
    who: str | None
    looks: str
    lines: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def _happened(acting: Acting, seen: Seen, appointment: appointed.Panel | None) -> list[Happened]:
    """Everything, in its order; of one moment the referral's own part first."""
    row = seen.referral
    events = told.of_referral(acting.tx, row.pk, row.fee_id)
    if appointment is None or appointment.booking is None:
        return events
    return sorted([*events, *appointments.happened(acting.tx, seen)], key=lambda each: each.at)


def _story(seen: Seen, events: Sequence[Happened]) -> Iterator[Moment]:
    """Newest first; what was written together stands together."""
    moments: list[Moment] = []
    for each in events:
        if (each.machine, each.event) in _UNSAID:
            continue
        last = moments[-1] if moments else None
        if last is None or last.who != each.who or (each.at - last.at).total_seconds() > _TOGETHER_S:
            last = Moment(each.at, each.who, "")
            moments.append(last)
        last.lines.append(_line(seen, each))
        last.looks = _looks(each) or last.looks
        # why a referral was cancelled or what came of it is medical, and its fee has the same words
        if each.reason and each.reason not in last.reasons and (seen.medical or each.machine in {"refund", "prompt"}):
            last.reasons.append(each.reason)
    return reversed(moments)


def _line(seen: Seen, each: Happened) -> str:
    line = _(each.words).format(
        attempt=each.attempt,
        phone=_phone(seen, each.phone or ""),
        receipt=_("receipt {number}").format(number=each.receipt)
        if each.receipt
        else _("the receipt without a number yet"),
        amount=each.amount,
    )
    return line[:1].upper() + line[1:]


def _looks(each: Happened) -> str:
    if each.machine == "fee" and each.event == "cancel":
        return ""
    return "good" if each.state in _GOOD else "bad" if each.state in _BAD else ""


referral = screen(_shown)
_act: Final = act(back=_shown)
form: Final = _act
"""For the forms of this page that stand in other modules."""


# --- moves ---------------------------------------------------------------------------------------------------------


def _move(acting: Acting, referral: str, target: Status, said: str, *, reason: str = "") -> Done:
    """One move, if the referral still is what the page showed. One that was made already is not made again."""
    row = shown.locked(acting.tx, acting.actor, referral)
    if row.state == target and row.reason == reason.strip():
        return Done(_back(row.pk.hex), _("That was done already; nothing was done again."))
    shown.unmoved(acting.tx, acting.actor, referral, shown=acting.request.POST.get("shown", ""))
    changed = operations.update_status(acting.tx, acting.actor, referral, target=target, reason=reason)
    return _done(_back(row.pk.hex), said, changed)


def _back(referral: str) -> str:
    return f"/referrals/{referral}/"


def _done(to: str, said: str, changed: Changed) -> Done:
    """With what became of the prompt that the act sends by itself."""
    match changed.prompt:
        case None:
            return Done(to, said)
        case PaidAlready():
            return Done(to, f"{said} {_('The fee is paid already; no prompt was sent.')}")
        case RufaaError() as error:
            return Done(to, said, but=_("No prompt was sent: {why}").format(why=refusal(error)))
        case asked:
            return Done(to, f"{said} {_ordered(asked.phone)}")


def _ordered(phone: str) -> str:
    return _("A prompt for {phone} is ordered; what comes of it is shown below.").format(phone=spoken(phone))


def _given(acting: Acting, name: str) -> str:
    return acting.request.POST.get(name, "")


@_act
def approve(acting: Acting, referral: str) -> Done:
    return _move(acting, referral, Status.AWAITING_BIODATA, _("Approved."))


@_act
def reject(acting: Acting, referral: str) -> Done:
    return _move(acting, referral, Status.REJECTED, _("Rejected."), reason=_given(acting, "reason"))


@_act
def ask(acting: Acting, referral: str) -> Done:
    """On to the payment without particulars."""
    return _move(acting, referral, Status.PENDING_PAYMENT, _("The fee can be paid now."))


@_act
def confirm(acting: Acting, referral: str) -> Done:
    return _move(acting, referral, Status.CONFIRMED, _("Confirmed."))


@_act
def complete(acting: Acting, referral: str) -> Done:
    said = _("Completed. The referring doctor reads the outcome here.")
    return _move(acting, referral, Status.COMPLETED, said, reason=_given(acting, "reason"))


@_act
def cancel(acting: Acting, referral: str) -> Done:
    return _move(acting, referral, Status.CANCELLED, _("Cancelled."), reason=_given(acting, "reason"))


# --- particulars and money -----------------------------------------------------------------------------------------


def _unmoved(acting: Acting, referral: str) -> str:
    return _back(shown.unmoved(acting.tx, acting.actor, referral, shown=_given(acting, "shown")).pk.hex)


@_act
def particulars(acting: Acting, referral: str) -> Done:
    """Those who pay for themselves leave the payer's phone empty."""
    phone = _given(acting, "patientPhone")
    to = _unmoved(acting, referral)
    changed = choosing.save(
        acting.tx,
        acting.actor,
        referral,
        patient_phone=phone,
        payer_phone=_given(acting, "stkPhoneNumber").strip() or phone,
        email=_given(acting, "patientEmail"),
        date_of_birth=_given(acting, "patientDateOfBirth"),
        national_id=_given(acting, "patientNationalId"),
        booked_date=_given(acting, "bookedDate"),
        booked_time=_given(acting, "bookedTime"),
    )
    return _done(to, _("The particulars are saved."), changed)


@_act
def phones(acting: Acting, referral: str) -> Done:
    to, phone = _unmoved(acting, referral), _given(acting, "patientPhone")
    payer = _given(acting, "stkPhoneNumber").strip() or phone
    operations.update_phones(acting.tx, acting.actor, referral, patient_phone=phone, payer_phone=payer)
    return Done(to, _("The phones are saved. Nothing was sent."))


@_act
def prompt(acting: Acting, referral: str) -> Done:
    """Ask a phone for the fee. Sent by the worker once this is committed; sent twice, it rings once."""
    to = _unmoved(acting, referral)
    asked, _seen = operations.send_prompt(
        acting.tx,
        acting.actor,
        referral,
        phone=_given(acting, "phoneNumber"),
        amount=None,
        reason=_given(acting, "reason"),
    )
    if isinstance(asked, PaidAlready):
        return Done(to, _("The fee is paid already; no prompt was sent."))
    if asked.joined:
        return Done(to, _("A prompt is under way to this phone already; nothing was sent again."))
    return Done(to, _ordered(asked.phone))


_KINDS: Final[dict[str, tuple[FeeEvent, str | Promise]]] = {
    "waive": (FeeEvent.WAIVE, words.FEE[FeeState.WAIVED]),
    "defer": (FeeEvent.DEFER, words.FEE[FeeState.DEFERRED]),
}


@_act
def exempt(acting: Acting, referral: str) -> Done:
    """The first of two people."""
    to, kind = _unmoved(acting, referral), _KINDS.get(_given(acting, "kind"))
    if kind is None:
        raise InvalidArgument("Say whether to waive the fee or to defer it.", argument="kind")
    operations.propose_exemption(acting.tx, acting.actor, referral, kind=kind[0], reason=_given(acting, "reason"))
    return Done(to, _("Proposed. A second person has to agree."))


@_act
def agree(acting: Acting, referral: str) -> Done:
    """The second of two people, to the proposal that the page showed."""
    to = _unmoved(acting, referral)
    row = queries.see(acting.tx, acting.actor, referral).referral
    money = payments.summaries(acting.tx, [row.fee_id])[row.fee_id] if row.fee_id else None
    if money is not None and money.proposal is not None and money.proposal["kind"] != _given(acting, "kind"):
        raise shown.MovedMeanwhile("Something else was proposed meanwhile. Nothing was done: look again.")
    operations.second_exemption(acting.tx, acting.actor, referral)
    return Done(to, _("Agreed."))


@_act
def code(acting: Acting, referral: str) -> Done:
    """A person says that an M-Pesa message pays; M-Pesa has the last word."""
    to = _unmoved(acting, referral)
    answer = operations.type_receipt_code(acting.tx, acting.actor, referral, code=_given(acting, "code"))
    if answer.typed is Typed.FOR_FINANCE:
        return Done(to, but=str(words.TYPED[answer.typed]))
    return Done(to, str(words.TYPED[answer.typed]))
