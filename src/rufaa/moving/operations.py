"""Bring an export over: every document is kept as it was, and what fits becomes a referral, or a claim about its fee.

All of it is one transaction: it is done or it is not, and a trial run is the same work rolled back. What was brought is
known by its table, id and bytes, so that a second run brings only what is new.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import DatabaseError, transaction

from rufaa import ids
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import RufaaError
from rufaa.facilities.models import Facility, User
from rufaa.facilities.queries import UnknownFacility, actor_named, facility_named
from rufaa.ids import from_wire
from rufaa.money import Money
from rufaa.moving.export import Export, Line
from rufaa.moving.models import Outcome
from rufaa.moving.reading import Reading
from rufaa.payments import claims
from rufaa.referrals import bringing, texts
from rufaa.referrals.bringing import SAID_PAID, Former
from rufaa.referrals.machine import Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import FORMER_ID

_SQL: Final = sql.load(__file__, "operations.sql")

REFERRALS, PAYMENTS = "referrals", "payments"
FACILITIES: Final = ("facilities", "hospitals", "healthFacilities", "clinics")
"""Tables in which an id may stand for a facility's ``name``."""
PEOPLE: Final = ("users", "physicians", "doctors", "staff")
"""Tables in which an id may stand for a person by ``username`` or ``email``."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the export does not tell. Names there lead to names here; who is not named goes by the name there."""

    by: str  # who brings it, by sign-in name
    facilities: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    physician: str | None = None  # whose referrals they are where the document's own physician is nobody here
    referring: str | None = None  # where they come from where the document does not say


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one document. ``why`` never quotes it. ``before``: an earlier run dealt with it."""

    table: str
    line: int
    id: str
    outcome: Outcome
    why: Sequence[str]
    referral: uuid.UUID | None
    before: bool


Tell = Callable[[Told], None]


class _Aside(Exception):
    """The document does not fit: for these reasons."""

    def __init__(self, *why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Made:
    """What a document became."""

    outcome: Outcome
    why: Sequence[str] = ()
    referral: uuid.UUID | None = None


def bring(tx: Tx, export: Export, choices: Choices, *, tell: Tell) -> None:
    """Bring everything over that was not before, and ``tell`` of each document. The caller commits, or does not.

    Raises ``BadExport``, and ``UnknownUser`` or ``UnknownFacility`` for a name in ``choices`` that is not here.
    """
    tx.execute(_SQL["lock"])
    run = _Run(tx, export, choices, tell)
    for table in run.order():
        for line in export.lines(table):
            run.take(line)
    run.ask_about_the_rest()
    tx.wake_workers()


class _Run:
    def __init__(self, tx: Tx, export: Export, choices: Choices, tell: Tell) -> None:
        self._tx = tx
        self._export = export
        self._choices = choices
        self._tell = tell
        self._by = actor_named(tx, choices.by).user
        self._physician = None if choices.physician is None else actor_named(tx, choices.physician).user
        self._places = {there: facility_named(here, argument=there) for there, here in choices.facilities.items()}
        self._people = {there: actor_named(tx, here).user for there, here in choices.people.items()}
        self._names = self._read_names(FACILITIES, "name")
        self._users = self._read_names(PEOPLE, "username", "email")
        self._owed = self._read_owed()
        self._said_paid: list[uuid.UUID] = []

    def order(self) -> list[str]:
        """Referrals before their payments; the rest is only kept."""
        there = self._export.tables
        first = [table for table in (REFERRALS, PAYMENTS) if table in there]
        return first + [table for table in there if table not in first]

    def take(self, line: Line) -> None:
        """Keep one document, and bring it over where it fits and was not before."""
        reading = Reading(line.document or {})
        identifier = reading.word("_id")
        digest = hashlib.sha256(line.raw).hexdigest()
        key = {"source": line.table, "document": identifier, "digest": digest}
        known = self._tx.rows(_SQL["known"], key)
        same = next((row for row in known if row["digest"] == digest), None)
        if same is not None and same["outcome"] != Outcome.ASIDE:
            why = tuple(json.loads(same["why"]) if isinstance(same["why"], str) else same["why"])
            self._say(line, identifier, _Made(Outcome(same["outcome"]), why, same["referral_id"]), before=True)
            return
        brought = next((row for row in known if row["outcome"] == Outcome.BROUGHT), None)
        if brought is not None:
            changed = "It was brought before, and has changed there since. Compare the two."
            made = _Made(Outcome.KEPT, (changed,), brought["referral_id"])
        else:
            made = self._made(line, reading, identifier)
        values = {"outcome": made.outcome, "why": json.dumps(list(made.why)), "referral": made.referral}
        if not line.raw:
            pass  # too long to be kept: the report and the export have it
        elif same is not None:
            self._tx.execute(_SQL["say"], {**values, "id": same["id"]})
        else:
            self._tx.execute(_SQL["keep"], {**values, **key, "id": ids.new_id(), "body": line.raw})
        if made.outcome is not Outcome.ASIDE and any(row["outcome"] == Outcome.ASIDE for row in known):
            self._tx.execute(_SQL["superseded"], key)
        self._say(line, identifier, made, before=same is not None)

    def ask_about_the_rest(self) -> None:
        """A person is asked about each referral that is called paid there and of which no payment says so."""
        for row in self._tx.rows(_SQL["unclaimed"], {"referrals": sorted(self._said_paid)}):
            why = "The app of before calls this referral paid, and has no payment of it."
            claims.bring(self._tx, row["fee_id"], "", why=why, by=self._by)

    def _say(self, line: Line, identifier: str, made: _Made, *, before: bool) -> None:
        self._tell(Told(line.table, line.number, identifier, made.outcome, made.why, made.referral, before))

    def _made(self, line: Line, reading: Reading, identifier: str) -> _Made:
        """What becomes of a document that is new, or was aside. Whatever refuses it leaves nothing of it but itself."""
        if line.document is None:
            return _Made(Outcome.ASIDE, (line.fault,))
        work = {REFERRALS: self._referral, PAYMENTS: self._payment}.get(line.table)
        if work is None:
            return _Made(Outcome.KEPT)
        try:
            with transaction.atomic():
                return work(reading, identifier)
        except _Aside as aside:
            return _Made(Outcome.ASIDE, aside.why)
        except RufaaError as error:
            return _Made(Outcome.ASIDE, (error.message,))
        except DatabaseError as error:
            constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
            if constraint is None:
                raise
            return _Made(Outcome.ASIDE, (f"The database refuses it: {constraint}.",))

    # --- referrals

    def _referral(self, reading: Reading, identifier: str) -> _Made:
        if not FORMER_ID.fullmatch(identifier) or from_wire(identifier) is not None:
            raise _Aside("_id is missing, or has not the form of an id of Convex.")
        former = self._former(reading, identifier)
        row = bringing.bring(self._tx, former, by=self._by, owed=identifier in self._owed)
        notes = list(reading.notes)
        if former.status in SAID_PAID:
            self._said_paid.append(row.pk)
        if Status(row.state) is not former.status:
            notes.append(f"There it is {former.status}; here it is {row.state}, until its money is proved.")
        return _Made(Outcome.BROUGHT, notes, row.pk)

    def _former(self, reading: Reading, identifier: str) -> Former:
        status, priority, created_at = reading.status(), reading.priority(), reading.created_at()
        referring = self._facility(reading, "referringHospital", default=self._choices.referring)
        receiving = self._facility(reading, "receivingFacility", default=None)
        physician = self._person(reading)
        if referring is not None and receiving is not None and referring.pk == receiving.pk:
            reading.faults.append("It refers to the facility that it comes from.")
        token = reading.token()
        if token is not None and Referral.objects.filter(token=token).exists():
            reading.notes.append("referralToken is another referral's: the patient's link is a new one.")
            token = None
        name = reading.text("patientName", limit=texts.MAX_NAME, needed=True)
        texts_of_it = (reading.whole("medicalHistory"), reading.lab_results(), reading.whole("diagnosis"))
        reasons = (reading.text(each) for each in ("statusReason", "reason", "outcome", "rejectionReason"))
        reason = next((text for text in reasons if text), "The app of before says no more.")
        if (
            reading.faults or status is None or priority is None or created_at is None
            or referring is None or receiving is None or physician is None
        ):  # fmt: skip
            raise _Aside(*reading.faults)
        return Former(
            id=identifier,
            created_at=created_at,
            status=status,
            reason=reason,
            priority=priority,
            referring=referring,
            receiving=receiving,
            physician=physician,
            token=token,
            name=name,
            external_id=reading.text("patientId", limit=texts.MAX_NAME),
            phone=reading.phone("patientPhone"),
            payer_phone=reading.phone("stkPhoneNumber"),
            email=reading.email(),
            date_of_birth=reading.day("patientDateOfBirth"),
            national_id=reading.text("patientNationalId", limit=texts.MAX_NAME),
            booked_date=reading.day("bookedDate"),
            booked_time=reading.text("bookedTime", limit=40),
            medical_history=texts_of_it[0],
            lab_results=texts_of_it[1],
            diagnosis=texts_of_it[2],
        )

    def _facility(self, reading: Reading, name: str, *, default: str | None) -> Facility | None:
        said = reading.word(name)
        said = self._names.get(said, (said,))[0] or default or ""
        if not said:
            reading.faults.append(f"{name} is missing.")
            return None
        if said not in self._places:
            try:
                self._places[said] = facility_named(said, argument=name)
            except UnknownFacility:
                reading.faults.append(f"{name} is a facility that is not here. Add it, or say which it is: --facility.")
                return None
        return self._places[said]

    def _person(self, reading: Reading) -> uuid.UUID | None:
        said = reading.word("physicianId")
        if said and said not in self._people:
            names = [said, *self._users.get(said, ())]
            found = {user.pk for user in User.objects.filter(is_active=True, username__in=names)}
            emails = [name for name in names if "@" in name]
            found |= {user.pk for user in User.objects.filter(is_active=True, email__in=emails)}
            if len(found) == 1:
                self._people[said] = found.pop()
        physician = self._people.get(said) or self._physician
        if physician is None:
            reading.faults.append("physicianId is nobody who is here. Say who it is: --person, or --physician for all.")
        return physician

    # --- payments

    def _payment(self, reading: Reading, _identifier: str) -> _Made:
        """A payment that came, as that app says, is claimed. One that did not is only kept."""
        code = reading.code()
        if not reading.is_paid() and not code:
            return _Made(Outcome.KEPT)
        row = self._tx.row(_SQL["fee_of"], {"former": reading.word("referralId")})
        if row is None:
            raise _Aside("Its referral was not brought.")
        if row["fee_id"] is None:
            raise _Aside("Its referral has no fee here. Approve it, or ask for its money, and run this once more.")
        said = "The app of before has a payment of this referral." if reading.is_paid() else (
            "The app of before has an M-Pesa code of this referral, and does not call it paid."
        )  # fmt: skip
        claims.bring(self._tx, row["fee_id"], code, why=f"{said}{self._amount(reading, row)}", by=self._by)
        return _Made(Outcome.BROUGHT, referral=row["id"])

    def _amount(self, reading: Reading, row: Mapping[str, Any]) -> str:
        said, due = reading.number("amount"), Money(row["amount_cents"])
        if said is None or said == float(due.decimal):
            return ""
        return f" It says another amount than the fee of {due}."

    # --- what the export says beside

    def _read_names(self, tables: Sequence[str], *fields: str) -> dict[str, tuple[str, ...]]:
        """What the documents of these tables are called, by their ids."""
        names: dict[str, tuple[str, ...]] = {}
        for table in tables:
            if table not in self._export.tables:
                continue
            for line in self._export.lines(table):
                reading = Reading(line.document or {})
                called = tuple(word for name in fields if (word := reading.word(name)))
                if called and (identifier := reading.word("_id")):
                    names[identifier] = called
        return names

    def _read_owed(self) -> set[str]:
        """Referrals for which money may have come: they get a fee here, whatever their status."""
        if PAYMENTS not in self._export.tables:
            return set()
        owed = set()
        for line in self._export.lines(PAYMENTS):
            reading = Reading(line.document or {})
            if reading.is_paid() or reading.code():
                owed.add(reading.word("referralId"))
        return owed
