"""What people do with a referral. Each takes the transaction it joins and the one who acts.

Refusals come in this order: what the arguments are, whether the referral may be seen, whether the right is there,
whether the move is lawful now. Nothing is changed by a call that is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from rufaa import phone as phones
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.db.joined import Joined
from rufaa.errors import InvalidArgument, RufaaError, sentence
from rufaa.facilities.queries import Actor, Forbidden, facility_named
from rufaa.facilities.rights import Right, Side
from rufaa.law import Ignored, Moved, Refused
from rufaa.money import Money
from rufaa.patients.models import Particulars
from rufaa.payments import claims
from rufaa.payments import operations as payments
from rufaa.payments.machine import FeeEvent
from rufaa.payments.operations import FeeNotOpen, PaidAlready, Requested
from rufaa.phone import Phone
from rufaa.referrals import actions, machine, onward, origins, refusing, texts
from rufaa.referrals.machine import Event, Priority, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import Seen, rights_on, see, whole

_SQL: Final = sql.load(__file__, "operations.sql")


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
    patient_phone: str = "",
    date_of_birth: str = "",
    national_id: str = "",
    referring: str | None = None,
    physician: str | None = None,
    onward_of: str | None = None,
) -> Referral:
    """A new referral. ``referring`` and ``physician`` default to the caller's own.

    ``onward_of``: the referral by which the patient came to the facility that now refers. That one is then held as it
    is; raises what ``onward.held`` raises.
    """
    particulars = Particulars(
        name=texts.text_of("patientName", patient_name, limit=texts.MAX_NAME, needed=True),
        external_id=texts.text_of("patientId", patient_id, limit=texts.MAX_NAME),
        phone=phones.parse(patient_phone, argument="patientPhone") if patient_phone.strip() else "",
        date_of_birth=texts.day("patientDateOfBirth", date_of_birth),
        national_id=texts.text_of("patientNationalId", national_id, limit=texts.MAX_NAME),
    )
    clinical = {
        "medical_history": texts.text_of("medicalHistory", medical_history),
        "lab_results": texts.lab_results(lab_results),
        "diagnosis": texts.text_of("diagnosis", diagnosis),
    }
    to = facility_named(receiving, argument="receivingFacility")
    first = None if onward_of is None else onward.held(tx, actor, onward_of)
    origin = origins.home(actor, referring) if first is None else onward.origin(first, referring)
    if to.pk == origin.pk:
        raise InvalidArgument("A facility does not refer to itself.", argument="receivingFacility")
    whose = origins.physician(actor, physician, origin)
    particulars.save(force_insert=True)
    return Referral.objects.create(
        state=Status.PENDING_ADMIN,
        event=Event.CREATE,
        priority=priority,
        referring=origin,
        receiving=to,
        physician=whose,
        created_by_id=actor.user,
        onward_of=first,
        released_at=_now(tx) if priority is Priority.EMERGENCY else None,  # an emergency is seen at once
        particulars=particulars,
        **clinical,
    )


# --- moves ---------------------------------------------------------------------------------------------------------


def update_status(
    tx: Tx, actor: Actor, referral: str, *, target: Status, payer_phone: str | None = None, reason: str | None = None
) -> Changed:
    """One lawful move to ``target``. Saying the present status again stores a new phone, sends nothing, and is fine.

    A move into pending-payment that leaves a payer phone known sends the prompt, unless the facility switched that off.
    """
    new_phone = phones.parse(payer_phone, argument="stkPhoneNumber") if payer_phone is not None else None
    why = texts.text_of("reason", reason or "")
    row, rights = _locked(tx, actor, referral)
    status, priority = Status(row.state), Priority(row.priority)
    if new_phone is not None:
        refusing.require(rights, Right.PARTICULARS, sentence("store a phone for"))
    if status is target:
        refusing.require_any(
            rights, actions.RIGHT_TO_REACH[target], sentence("move this referral to %(target)s", target=target)
        )
        _store_payer_phone(tx, row, new_phone)
        return Changed(_seen(tx, actor, row))
    event = machine.event_to(status, target, priority)
    held = actions.RIGHT_TO_REACH[target] if event is None else actions.RIGHT_FOR[event]
    if not rights & set(held) and Right.CONFIRM in held and _works_at_receiving(actor, row):
        raise refusing.unlawful(
            row, rights, sentence("It is not released to you yet: the fee is neither paid, waived nor deferred.")
        )
    refusing.require_any(rights, held, sentence("move this referral to %(target)s", target=target))
    if event is None:
        raise refusing.unlawful(
            row,
            rights,
            sentence("A referral that is %(status)s does not become %(target)s.", status=status, target=target),
        )
    if not actions.may_move(rights, status, event):
        raise Forbidden(
            sentence("You may not move this referral from %(status)s to %(target)s.", status=status, target=target),
            right=held[0],
        )
    match machine.decide(status, event, actions.facts(row)):
        case Moved(state=state):
            if event in machine.NEEDS_REASON and not why:
                raise refusing.ReasonNeeded(
                    "Say the outcome for the referring doctor, as reason."
                    if event is Event.COMPLETE
                    else "Say why, as reason.",
                    argument="reason",
                )
            _store_payer_phone(tx, row, new_phone)
            move(tx, row, state, event, why)
        case Ignored(why=ignored):
            raise refusing.unlawful(
                row,
                rights,
                sentence(
                    "A referral that is %(status)s does not become %(target)s: %(why)s.",
                    status=status,
                    target=target,
                    why=sentence(ignored),
                ),
            )
        case Refused(why=refused):
            raise refusing.unlawful(row, rights, refused, not_paid=event is Event.MONEY_SEEN)
    prompt = _ask_for_payment(tx, row) if event is Event.ASK_PAYMENT else None
    return Changed(_seen(tx, actor, row), prompt)


def _works_at_receiving(actor: Actor, row: Referral) -> bool:
    """Whether this person could confirm, were the referral released."""
    return row.released_at is None and row.receiving_id in actor.facilities_with(Right.CONFIRM, Side.RECEIVING)


def move(tx: Tx, row: Referral, state: Status, event: Event, reason: str) -> None:
    """Write a move that the law allows, and what it entails for the fee. No prompt is sent, and no right is asked."""
    if event in {Event.APPROVE, Event.CONFIRM_EMERGENCY} and row.fee_id is None:
        _raise_fee(tx, row, needed=event is Event.APPROVE)  # an emergency does not even wait for a price list
    row.state, row.event, row.reason = state, event, reason
    row.save(update_fields=["state", "event", "reason", "fee", "payee"])
    if event is Event.CANCEL and row.fee_id is not None:
        payments.cancel_fee(tx, row.fee_id, reason=reason)
    row.refresh_from_db()


def _raise_fee(tx: Tx, row: Referral, *, needed: bool) -> None:
    """Freeze the fee; an emergency's is deferred from the start. Without a price it is refused, or left where not
    ``needed``."""
    raised = payments.raise_fee(
        tx,
        facility=row.referring_id,
        receiving=row.receiving_id,
        account_code=row.account_code,
        deferred=row.priority == Priority.EMERGENCY,
        needed=needed,
    )
    if raised is not None:
        row.fee_id, row.payee_id = raised.fee, raised.payee


def _ask_for_payment(tx: Tx, row: Referral) -> Requested | PaidAlready | RufaaError | None:
    """A referral has come to pending-payment: it is paid if the money was faster, else the known payer phone is asked.

    The move stands whatever becomes of the prompt.
    """
    if actions.facts(row).fee_is_paid:
        move(tx, row, Status.PAID, Event.MONEY_SEEN, "")
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
        "email": texts.email(email),
        "date_of_birth": texts.day("patientDateOfBirth", date_of_birth),
        "national_id": texts.text_of("patientNationalId", national_id, limit=texts.MAX_NAME),
        "booked_date": texts.day("bookedDate", booked_date),
        "booked_time": texts.text_of("bookedTime", booked_time, limit=40),
    }
    row, rights = _locked(tx, actor, referral)
    refusing.require(rights, Right.PARTICULARS, sentence("save the particulars of"))
    _check_open_for_particulars(row, rights)
    given = {name: value for name, value in values.items() if value}  # what is left out stays as it was
    Particulars.objects.filter(pk=row.particulars_id).update(**given)
    row.refresh_from_db()
    if Status(row.state) is not Status.AWAITING_BIODATA:
        return Changed(_seen(tx, actor, row))
    move(tx, row, Status.PENDING_PAYMENT, Event.ASK_PAYMENT, "")
    prompt = _ask_for_payment(tx, row)
    return Changed(_seen(tx, actor, row), prompt)


def update_phones(tx: Tx, actor: Actor, referral: str, *, patient_phone: str, payer_phone: str) -> Changed:
    """Store both phones. Nothing is sent; a prompt that is ringing goes on ringing where it rings."""
    phone = phones.parse(patient_phone, argument="patientPhone")
    payer = phones.parse(payer_phone, argument="stkPhoneNumber")
    row, rights = _locked(tx, actor, referral)
    refusing.require(rights, Right.PARTICULARS, sentence("change the phones of"))
    _check_open_for_particulars(row, rights)
    Particulars.objects.filter(pk=row.particulars_id).update(phone=phone, payer_phone=payer)
    row.refresh_from_db()
    return Changed(_seen(tx, actor, row))


def _check_open_for_particulars(row: Referral, rights: frozenset[Right]) -> None:
    if Status(row.state) in machine.CLOSED:
        raise refusing.unlawful(
            row,
            rights,
            sentence(
                "A referral that is %(status)s takes no particulars and no phones any more.", status=Status(row.state)
            ),
        )


def _store_payer_phone(tx: Tx, row: Referral, phone: Phone | None) -> None:
    """Of a locked row, whose particulars nobody has read yet: who reads them later reads the new phone."""
    if phone is None:
        return
    if Status(row.state) in machine.CLOSED:
        raise refusing.UnlawfulMove(
            sentence("A referral that is %(status)s takes no phones any more.", status=Status(row.state)),
            status=row.state,
            allowed=[],
        )
    tx.execute(_SQL["store_payer_phone"], {"particulars": row.particulars_id, "phone": phone})


# --- money ---------------------------------------------------------------------------------------------------------


def send_prompt(
    tx: Tx, actor: Actor, referral: str, *, phone: str, amount: Money | None, reason: str = ""
) -> tuple[Requested | PaidAlready, Seen]:
    """Ask ``phone`` for what is open, and remember it as the payer's phone."""
    payer = phones.parse(phone)
    row = _for_prompt(tx, actor, referral)
    assert row.fee_id is not None
    why = texts.text_of("reason", reason)
    asked = payments.request_prompt(tx, row.fee_id, phone=payer, amount=amount, reason=why)
    if isinstance(asked, Requested):
        _store_payer_phone(tx, row, payer)
    return asked, _seen(tx, actor, row)


def retry_prompt(tx: Tx, actor: Actor, referral: str, *, reason: str = "") -> tuple[Requested, Seen]:
    """A new prompt to the stored phone after a failed one."""
    row = _for_prompt(tx, actor, referral)
    assert row.fee_id is not None
    if not row.particulars.payer_phone:
        raise refusing.NoStoredPhone("No payer phone is stored. Use triggerReferralPayment with a phone number.")
    asked = payments.request_prompt(
        tx,
        row.fee_id,
        phone=Phone(row.particulars.payer_phone),
        amount=None,
        reason=texts.text_of("reason", reason),
        retry=True,
    )
    assert isinstance(asked, Requested)
    return asked, _seen(tx, actor, row)


def type_receipt_code(tx: Tx, actor: Actor, referral: str, *, code: str) -> claims.Answer:
    """A person says that an M-Pesa message with this code pays the referral; M-Pesa has the last word."""
    claims.read_code(code)
    row, rights = _locked(tx, actor, referral)
    refusing.require_any(
        rights, (Right.PARTICULARS, Right.UNAPPLIED), sentence("type a receipt code for this referral")
    )
    if row.fee_id is None:
        raise FeeNotOpen("This referral has no fee yet: it has to be approved first.", status=row.state)
    return claims.type_code(tx, row.fee_id, code, by=actor.user, hand_on=fees_paid)


def _for_prompt(tx: Tx, actor: Actor, referral: str) -> Referral:
    row, rights = _locked(tx, actor, referral)
    refusing.require(rights, Right.PROMPT, sentence("ask for the money of"))
    if Status(row.state) in machine.CLOSED:
        raise FeeNotOpen(
            sentence("This referral is %(status)s: there is nothing to pay.", status=Status(row.state)),
            status=row.state,
        )
    if row.fee_id is None and Event(row.event) in {Event.CONFIRM_EMERGENCY, Event.COMPLETE}:
        # An emergency that was confirmed before there was a price: its fee is raised when somebody asks for it.
        _raise_fee(tx, row, needed=True)
        row.save(update_fields=["fee", "payee"])
    if row.fee_id is None:
        raise FeeNotOpen("This referral has no fee yet: it has to be approved first.", status=row.state)
    return row


def propose_exemption(tx: Tx, actor: Actor, referral: str, *, kind: FeeEvent, reason: str) -> Seen:
    """The first of two people who waive or defer the fee."""
    why = texts.text_of("reason", reason, needed=True)
    row, rights = _locked(tx, actor, referral)
    refusing.require(rights, Right.PROPOSE_EXEMPTION, sentence("waive or defer the fee of"))
    payments.propose_exemption(tx, _fee_of(row), kind=kind, reason=why, by=actor.user)
    return _seen(tx, actor, row)


def second_exemption(tx: Tx, actor: Actor, referral: str) -> Seen:
    """The second of two people: the fee is waived or deferred."""
    row, rights = _locked(tx, actor, referral)
    refusing.require(rights, Right.SECOND_EXEMPTION, sentence("waive or defer the fee of"))
    payments.second_exemption(tx, _fee_of(row), by=actor.user)
    tx.execute(_SQL["release"], {"referral": row.pk})
    row.refresh_from_db()
    return _seen(tx, actor, row)


def _fee_of(row: Referral) -> uuid.UUID:
    if row.fee_id is None:
        raise FeeNotOpen("This referral has no fee yet: it has to be approved first.", status=row.state)
    return row.fee_id


# --- shared --------------------------------------------------------------------------------------------------------


def _locked(tx: Tx, actor: Actor, referral: str) -> tuple[Referral, frozenset[Right]]:
    """The referral as ``actor`` may see it, its fee locked before it: the order in which settlement locks."""
    while True:
        seen = see(tx, actor, referral)
        fee = seen.referral.fee_id
        if fee is not None:  # which stays its fee
            payments.lock_fee(tx, fee)
            return _lock(tx, actor, seen.referral.pk)
        before = transaction.savepoint()
        row, rights = _lock(tx, actor, seen.referral.pk)
        if row.fee_id is None:
            transaction.savepoint_commit(before)
            return row, rights
        transaction.savepoint_rollback(before)  # approved meanwhile: let the row go, and lock its fee first


_LOCKED: Final = Joined(Referral, "fee", "referring")
"""What may be read with the row's lock: the fee is locked already; particulars may change while it is waited for."""


def _lock(tx: Tx, actor: Actor, key: uuid.UUID) -> tuple[Referral, frozenset[Right]]:
    (row,) = _LOCKED.rows(tx, "WHERE referral.id = %(id)s FOR UPDATE OF referral", {"id": key})
    return row, rights_on(actor, row)


def _seen(tx: Tx, actor: Actor, row: Referral) -> Seen:
    fresh = whole(tx, row.pk)
    assert fresh is not None
    return Seen(fresh, rights_on(actor, fresh))


def _now(tx: Tx) -> datetime:
    row = tx.row("SELECT rufaa_now() AS now")
    assert row is not None
    now: datetime = row["now"]
    return now
