"""What people do with a referral. Each takes the transaction it joins and the one who acts.

Refusals come in this order: what the arguments are, whether the referral may be seen, whether the right is there,
whether the move is lawful now. Nothing is changed by a call that is refused.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction

from rufaa import phone as phones
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.facilities.models import Facility, Membership, User
from rufaa.facilities.queries import Actor, Forbidden, facility_named
from rufaa.facilities.rights import Right, Role, Side
from rufaa.ids import from_wire
from rufaa.law import Ignored, Moved, Refused
from rufaa.money import Money
from rufaa.patients.models import Particulars
from rufaa.payments import operations as payments
from rufaa.payments.machine import LIVE, OPEN_FEE, FeeEvent, FeeState, PromptState
from rufaa.payments.operations import FeeNotOpen, PaidAlready, Requested
from rufaa.phone import Phone
from rufaa.referrals import machine
from rufaa.referrals.machine import Event, Facts, Priority, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import Seen, facts_of, rights_on, see

_SQL: Final = sql.load(__file__, "operations.sql")
MAX_TEXT: Final = 20_000
MAX_NAME: Final = 200


class UnlawfulMove(RufaaError):
    """The referral's status does not take this move now. ``data.allowed`` lists the statuses that it can go to."""

    kind = Kind.CONFLICT
    code = "unlawful-move"


class NotPaid(UnlawfulMove):
    """No money has been seen for the referral that somebody calls paid."""

    code = "not-paid"


class ReasonNeeded(InvalidArgument):
    """Rejecting and cancelling need a reason, completing needs the outcome."""

    code = "reason-needed"


class NoStoredPhone(RufaaError):
    """No phone is stored that could be asked for the money."""

    kind = Kind.CONFLICT
    code = "no-stored-phone"


@dataclass(frozen=True, slots=True)
class Changed:
    """A referral after an operation. ``prompt``: what became of sending by itself; an error there undoes nothing."""

    seen: Seen
    prompt: Requested | PaidAlready | RufaaError | None = None


# --- create --------------------------------------------------------------------------------------------------------


def create(
    tx: Tx,
    actor: Actor,
    *,
    patient_name: str,
    receiving: str,
    priority: Priority,
    medical_history: str,
    lab_results: object,
    diagnosis: str,
    patient_id: str = "",
    referring: str | None = None,
    physician: str | None = None,
) -> Referral:
    """A new referral. ``referring`` and ``physician`` default to the caller's own."""
    name = text_of("patientName", patient_name, limit=MAX_NAME, needed=True)
    to = facility_named(receiving, argument="receivingFacility")
    home = _home(actor, referring)
    if to.pk == home.pk:
        raise InvalidArgument("A facility does not refer to itself.", argument="receivingFacility")
    return Referral.objects.create(
        state=Status.PENDING_ADMIN,
        event=Event.CREATE,
        priority=priority,
        referring=home,
        receiving=to,
        physician=_physician(actor, physician, home),
        created_by_id=actor.user,
        released_at=_now(tx) if priority is Priority.EMERGENCY else None,  # an emergency is seen at once
        particulars=Particulars.objects.create(name=name, external_id=text_of("patientId", patient_id, limit=MAX_NAME)),
        medical_history=text_of("medicalHistory", medical_history),
        lab_results=_lab_results(lab_results),
        diagnosis=text_of("diagnosis", diagnosis),
    )


def _home(actor: Actor, named: str | None) -> Facility:
    """Where the referral comes from: the facility named, or the only one in which the caller may create."""
    mine = actor.facilities_with(Right.CREATE, Side.REFERRING)
    if named is not None:
        facility = facility_named(named, argument="referringHospital")
        if facility.pk not in mine:
            raise Forbidden("You may not create referrals for this facility.", right=Right.CREATE)
        return facility
    if not mine:
        raise Forbidden("Only physicians and administrators create referrals.", right=Right.CREATE)
    if len(mine) > 1:
        names = list(Facility.objects.filter(pk__in=mine).order_by("name").values_list("name", flat=True))
        raise InvalidArgument(
            f"You work in several facilities; name one as referringHospital: {', '.join(names)}.",
            argument="referringHospital",
            allowed=names,
        )
    return Facility.objects.get(pk=mine[0])


def _physician(actor: Actor, named: str | None, home: Facility) -> User:
    if named is None:
        return User.objects.get(pk=actor.user)
    by_id = from_wire(named)
    users = User.objects.filter(is_active=True)
    found = users.filter(pk=by_id) if by_id else users.filter(username=named)
    user = None if "\x00" in named else found.first()
    if user is not None and (user.pk == actor.user or _is_physician(user, home)):
        return user
    raise InvalidArgument("physicianId is not a physician of the referring facility.", argument="physicianId")


def _is_physician(user: User, home: Facility) -> bool:
    return Membership.objects.filter(user=user, facility=home, role=Role.PHYSICIAN, revoked_at=None).exists()


# --- moves ---------------------------------------------------------------------------------------------------------

_RIGHT_FOR: Final[Mapping[Event, tuple[Right, ...]]] = {
    Event.APPROVE: (Right.APPROVE,),
    Event.REJECT: (Right.REJECT,),
    Event.ASK_PAYMENT: (Right.PARTICULARS,),
    # "it is paid" is only granted where the money is: whoever sees the referral may say so
    Event.MONEY_SEEN: (Right.SEE, Right.SEE_OWN, Right.SEE_MONEY),
    Event.CONFIRM: (Right.CONFIRM,),
    Event.CONFIRM_EMERGENCY: (Right.CONFIRM,),
    Event.COMPLETE: (Right.COMPLETE,),
    Event.CANCEL: (Right.CANCEL, Right.REFUSE, Right.CANCEL_OWN_EARLY),
}

_RIGHT_TO_REACH: Final[Mapping[Status, tuple[Right, ...]]] = {
    Status.PENDING_ADMIN: (Right.APPROVE,),
    Status.AWAITING_BIODATA: _RIGHT_FOR[Event.APPROVE],
    Status.PENDING_PAYMENT: _RIGHT_FOR[Event.ASK_PAYMENT],
    Status.PAID: _RIGHT_FOR[Event.MONEY_SEEN],
    Status.CONFIRMED: _RIGHT_FOR[Event.CONFIRM],
    Status.COMPLETED: _RIGHT_FOR[Event.COMPLETE],
    Status.REJECTED: _RIGHT_FOR[Event.REJECT],
    Status.CANCELLED: _RIGHT_FOR[Event.CANCEL],
}


def may_move(rights: frozenset[Right], status: Status, event: Event) -> bool:
    """Whether these rights cover this move: a physician cancels only before approval, a receiver only what it got."""
    held = rights & set(_RIGHT_FOR[event])
    if event is Event.CANCEL and status is not Status.PENDING_ADMIN:
        held -= {Right.CANCEL_OWN_EARLY}
    return bool(held)


def update_status(
    tx: Tx, actor: Actor, referral: str, *, target: Status, payer_phone: str | None = None, reason: str | None = None
) -> Changed:
    """One lawful move to ``target``. Saying the present status again stores a new phone, sends nothing, and is fine.

    A move into pending-payment that leaves a payer phone known sends the prompt, unless the facility switched that off.
    """
    new_phone = phones.parse(payer_phone, argument="stkPhoneNumber") if payer_phone is not None else None
    why = text_of("reason", reason or "")
    row, rights = _locked(tx, actor, referral)
    status, priority = Status(row.state), Priority(row.priority)
    if new_phone is not None:
        _require(rights, Right.PARTICULARS, "store a phone for")
    if status is target:
        _require_any(rights, _RIGHT_TO_REACH[target], f"move this referral to {target}")
        _store_payer_phone(row, new_phone)
        return Changed(_seen(actor, row))
    event = machine.event_to(status, target, priority)
    held = _RIGHT_TO_REACH[target] if event is None else _RIGHT_FOR[event]
    _require_any(rights, held, f"move this referral to {target}")
    if event is None:
        raise _unlawful(row, rights, f"A referral that is {status} does not become {target}.")
    if not may_move(rights, status, event):
        raise Forbidden(f"You may not move this referral from {status} to {target}.", right=held[0])
    match machine.decide(status, event, _facts(row)):
        case Moved(state=state):
            if event in machine.NEEDS_REASON and not why:
                word = "the outcome for the referring doctor" if event is Event.COMPLETE else "why"
                raise ReasonNeeded(f"Say {word}, as reason.", argument="reason")
            _store_payer_phone(row, new_phone)
            _move(tx, row, state, event, why)
        case Ignored(why=ignored):
            raise _unlawful(row, rights, f"A referral that is {status} does not become {target}: {ignored}.")
        case Refused(why=refused):
            raise _unlawful(row, rights, refused, not_paid=event is Event.MONEY_SEEN)
    prompt = _ask_for_payment(tx, row) if event is Event.ASK_PAYMENT else None
    return Changed(_seen(actor, row), prompt)


def _move(tx: Tx, row: Referral, state: Status, event: Event, reason: str) -> None:
    """Write the move and what it entails for the fee."""
    if event in {Event.APPROVE, Event.CONFIRM_EMERGENCY} and row.fee_id is None:
        row.fee_id = payments.raise_fee(
            tx,
            facility=row.referring_id,
            receiving=row.receiving_id,
            account_code=row.account_code,
            deferred=row.priority == Priority.EMERGENCY,
            now_required=event is Event.APPROVE,  # an emergency does not even wait for a price list
        )
        row.payee_id = None if row.fee_id is None else payments.payee_of(tx, row.fee_id)
    row.state, row.event, row.reason = state, event, reason
    row.save(update_fields=["state", "event", "reason", "fee", "payee"])
    if event is Event.CANCEL and row.fee_id is not None:
        payments.cancel_fee(tx, row.fee_id, reason=reason)
    row.refresh_from_db()


def _ask_for_payment(tx: Tx, row: Referral) -> Requested | PaidAlready | RufaaError | None:
    """A referral has come to pending-payment: it is paid if the money was faster, else the known payer phone is asked.

    The move stands whatever becomes of the prompt.
    """
    if facts_of(row)["fee_is_paid"]:
        _move(tx, row, Status.PAID, Event.MONEY_SEEN, "")
        return None
    if row.fee_id is None or not row.particulars.payer_phone or not row.referring.prompts_at_once:
        return None
    try:
        return payments.request_prompt(tx, row.fee_id, phone=Phone(row.particulars.payer_phone), amount=None)
    except RufaaError as error:  # raised before anything of the prompt was written
        return error


def fees_paid(tx: Tx, fees: Sequence[uuid.UUID]) -> None:
    """Settlement's step: the referrals that waited for these fees are paid; others keep their status. The receiving
    facility sees all of them from now on."""
    tx.execute(_SQL["fees_paid"], {"fees": sorted(fees)})


# --- particulars and phones ----------------------------------------------------------------------------------------


def save_particulars(
    tx: Tx,
    actor: Actor,
    referral: str,
    *,
    patient_phone: str,
    payer_phone: str,
    email: str = "",
    date_of_birth: str = "",
    national_id: str = "",
    booked_date: str = "",
    booked_time: str = "",
) -> Changed:
    """Store the particulars; in awaiting-biodata the referral moves on to pending-payment and the prompt is sent."""
    values = {
        "phone": phones.parse(patient_phone, argument="patientPhone"),
        "payer_phone": phones.parse(payer_phone, argument="stkPhoneNumber"),
        "email": _email(email),
        "date_of_birth": _date("patientDateOfBirth", date_of_birth),
        "national_id": text_of("patientNationalId", national_id, limit=MAX_NAME),
        "booked_date": _date("bookedDate", booked_date),
        "booked_time": text_of("bookedTime", booked_time, limit=40),
    }
    row, rights = _locked(tx, actor, referral)
    _require(rights, Right.PARTICULARS, "save the particulars of")
    _check_open_for_particulars(row, rights)
    given = {name: value for name, value in values.items() if value}  # what is left out stays as it was
    Particulars.objects.filter(pk=row.particulars_id).update(**given)
    row.refresh_from_db()
    if Status(row.state) is not Status.AWAITING_BIODATA:
        return Changed(_seen(actor, row))
    _move(tx, row, Status.PENDING_PAYMENT, Event.ASK_PAYMENT, "")
    prompt = _ask_for_payment(tx, row)
    return Changed(_seen(actor, row), prompt)


def update_phones(tx: Tx, actor: Actor, referral: str, *, patient_phone: str, payer_phone: str) -> Changed:
    """Store both phones. Nothing is sent; a prompt that is ringing goes on ringing where it rings."""
    phone = phones.parse(patient_phone, argument="patientPhone")
    payer = phones.parse(payer_phone, argument="stkPhoneNumber")
    row, rights = _locked(tx, actor, referral)
    _require(rights, Right.PARTICULARS, "change the phones of")
    _check_open_for_particulars(row, rights)
    Particulars.objects.filter(pk=row.particulars_id).update(phone=phone, payer_phone=payer)
    row.refresh_from_db()
    return Changed(_seen(actor, row))


def _check_open_for_particulars(row: Referral, rights: frozenset[Right]) -> None:
    if Status(row.state) in machine.CLOSED:
        raise _unlawful(row, rights, f"A referral that is {row.state} takes no particulars and no phones any more.")


def _store_payer_phone(row: Referral, phone: Phone | None) -> None:
    if phone is None:
        return
    if Status(row.state) in machine.CLOSED:
        raise UnlawfulMove(f"A referral that is {row.state} takes no phones any more.", status=row.state, allowed=[])
    row.particulars.payer_phone = phone
    row.particulars.save(update_fields=["payer_phone"])


# --- money ---------------------------------------------------------------------------------------------------------


def send_prompt(
    tx: Tx, actor: Actor, referral: str, *, phone: str, amount: Money | None, reason: str = ""
) -> tuple[Requested | PaidAlready, Seen]:
    """Ask ``phone`` for what is open, and remember it as the payer's phone."""
    payer = phones.parse(phone)
    row = _for_prompt(tx, actor, referral)
    assert row.fee_id is not None
    why = text_of("reason", reason)
    asked = payments.request_prompt(tx, row.fee_id, phone=payer, amount=amount, reason=why)
    if isinstance(asked, Requested):
        _store_payer_phone(row, payer)
    return asked, _seen(actor, row)


def retry_prompt(tx: Tx, actor: Actor, referral: str, *, reason: str = "") -> tuple[Requested, Seen]:
    """A new prompt to the stored phone after a failed one."""
    row = _for_prompt(tx, actor, referral)
    assert row.fee_id is not None
    if not row.particulars.payer_phone:
        raise NoStoredPhone("No payer phone is stored. Use triggerReferralPayment with a phone number.")
    asked = payments.request_prompt(
        tx,
        row.fee_id,
        phone=Phone(row.particulars.payer_phone),
        amount=None,
        reason=text_of("reason", reason),
        retry=True,
    )
    assert isinstance(asked, Requested)
    return asked, _seen(actor, row)


def _for_prompt(tx: Tx, actor: Actor, referral: str) -> Referral:
    row, rights = _locked(tx, actor, referral)
    _require(rights, Right.PROMPT, "ask for the money of")
    if Status(row.state) in machine.CLOSED:
        raise FeeNotOpen(f"This referral is {row.state}: there is nothing to pay.", status=row.state)
    if row.fee_id is None:
        raise FeeNotOpen("This referral has no fee yet: it has to be approved first.", status=row.state)
    return row


def propose_exemption(tx: Tx, actor: Actor, referral: str, *, kind: FeeEvent, reason: str) -> Seen:
    """The first of two people who waive or defer the fee."""
    why = text_of("reason", reason, needed=True)
    row, rights = _locked(tx, actor, referral)
    _require(rights, Right.PROPOSE_EXEMPTION, "waive or defer the fee of")
    payments.propose_exemption(tx, _fee_of(row), kind=kind, reason=why, by=actor.user)
    return _seen(actor, row)


def second_exemption(tx: Tx, actor: Actor, referral: str) -> Seen:
    """The second of two people: the fee is waived or deferred."""
    row, rights = _locked(tx, actor, referral)
    _require(rights, Right.SECOND_EXEMPTION, "waive or defer the fee of")
    payments.second_exemption(tx, _fee_of(row), by=actor.user)
    tx.execute(_SQL["release"], {"referral": row.pk})
    row.refresh_from_db()
    return _seen(actor, row)


def _fee_of(row: Referral) -> uuid.UUID:
    if row.fee_id is None:
        raise FeeNotOpen("This referral has no fee yet: it has to be approved first.", status=row.state)
    return row.fee_id


# --- what may be done now ------------------------------------------------------------------------------------------


def allowed_actions(
    seen: Seen, *, actor: Actor, last_prompt: PromptState | None, proposal_by: uuid.UUID | None
) -> list[str]:
    """Everything that this person may do with this referral now, as words that a screen can draw.

    Moves are named by the status they lead to (``status:confirmed``), other actions by their function. While a prompt
    is under way nothing can be sent; once one has failed it can be retried.
    """
    row, rights = seen.referral, seen.rights
    status, facts = Status(row.state), _facts(row)
    actions = [
        f"status:{machine.TRANSITIONS[status, event]}"
        for event in machine.allowed(status, facts)
        if event is not Event.MONEY_SEEN and may_move(rights, status, event)
    ]
    open_fee = row.fee is not None and FeeState(row.fee.state) in OPEN_FEE
    if status not in machine.CLOSED and Right.PARTICULARS in rights:
        actions += ["saveBiodata", "updatePhoneNumbers"]
    if status not in machine.CLOSED and open_fee:
        if Right.PROMPT in rights and last_prompt not in LIVE:
            actions.append("triggerReferralPayment")
            if last_prompt is not None and row.particulars.payer_phone:
                actions.append("retrySTKPush")
        if Right.PROPOSE_EXEMPTION in rights:
            actions.append("proposeExemption")
        if Right.SECOND_EXEMPTION in rights and proposal_by not in {None, actor.user}:
            actions.append("secondExemption")
    return list(dict.fromkeys(actions))


# --- shared --------------------------------------------------------------------------------------------------------


def _locked(tx: Tx, actor: Actor, referral: str) -> tuple[Referral, frozenset[Right]]:
    """The referral as ``actor`` may see it, its fee locked before it: the order in which settlement locks."""
    while True:
        before = transaction.savepoint()
        seen = see(actor, referral)
        fee = seen.referral.fee_id
        if fee is not None:
            payments.lock_fee(tx, fee)
        row = Referral.objects.select_for_update(of=("self",)).get(pk=seen.referral.pk)
        if row.fee_id == fee:
            transaction.savepoint_commit(before)
            return row, rights_on(actor, row)
        transaction.savepoint_rollback(before)  # approved meanwhile: let the row go, and lock its fee first


def _seen(actor: Actor, row: Referral) -> Seen:
    fresh = Referral.objects.select_related("particulars", "fee", "referring", "receiving", "physician").get(pk=row.pk)
    return Seen(fresh, rights_on(actor, fresh))


def _facts(row: Referral) -> Facts:
    return Facts(priority=Priority(row.priority), **facts_of(row))


def _require(rights: frozenset[Right], right: Right, action: str) -> None:
    if right not in rights:
        raise Forbidden(f"You may not {action} this referral.", right=right)


def _require_any(rights: frozenset[Right], wanted: tuple[Right, ...], action: str) -> None:
    if not rights & set(wanted):
        raise Forbidden(f"You may not {action}.", right=wanted[0])


def _unlawful(row: Referral, rights: frozenset[Right], why: str, *, not_paid: bool = False) -> UnlawfulMove:
    """The refusal, with what this person could do instead."""
    status = Status(row.state)
    options = [
        str(machine.TRANSITIONS[status, event])
        for event in machine.allowed(status, _facts(row))
        if may_move(rights, status, event)
    ]
    kind = NotPaid if not_paid else UnlawfulMove
    return kind(f"{why} You can move it to: {', '.join(options) or 'nothing'}.", status=status, allowed=options)


def _now(tx: Tx) -> datetime:
    row = tx.row("SELECT rufaa_now() AS now")
    assert row is not None
    now: datetime = row["now"]
    return now


def text_of(argument: str, text: str, *, limit: int = MAX_TEXT, needed: bool = False) -> str:
    """``text`` trimmed. PostgreSQL takes no NUL; a text that is too long is refused, not cut."""
    trimmed = text.strip()
    if needed and not trimmed:
        raise InvalidArgument(f"{argument} must not be empty.", argument=argument)
    if len(trimmed) > limit:
        raise InvalidArgument(f"{argument} has {len(trimmed)} characters; {limit} are allowed.", argument=argument)
    if "\x00" in trimmed:
        raise InvalidArgument(f"{argument} has a NUL character, which no text may have.", argument=argument)
    return trimmed


def _lab_results(value: object) -> object:
    if isinstance(value, str):
        return text_of("labResults", value)
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value) and len(value) <= 200:
        return [text_of("labResults", entry) for entry in value]
    raise InvalidArgument("labResults is a text, or a list of up to 200 texts.", argument="labResults")


def _date(argument: str, text: str) -> str:
    trimmed = text.strip()
    if trimmed:
        try:
            return date.fromisoformat(trimmed).isoformat()
        except ValueError:
            raise InvalidArgument(f"{argument} is not a date: write it as 2026-11-23.", argument=argument) from None
    return ""


_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


def _email(text: str) -> str:
    trimmed = text_of("patientEmail", text, limit=254)
    if trimmed and not _EMAIL.fullmatch(trimmed):
        raise InvalidArgument("patientEmail is not an e-mail address.", argument="patientEmail")
    return trimmed
