"""The outcome letter: what the receiving facility tells who referred the patient, as a PDF to print and to file.

It says who, what for and what became of it. No fee stands in it, and no phone. The same letter is the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from rufaa.appointments import queries as appointments
from rufaa.appointments import words as appointed
from rufaa.appointments.machine import State
from rufaa.clock import EAT
from rufaa.console import lettering
from rufaa.console.acting import Acting, File, download
from rufaa.db.atomic import Tx
from rufaa.referrals import outcome
from rufaa.referrals.outcome import Outcome
from rufaa.referrals.queries import Seen

_WIDTH, _HEIGHT = A4
_EDGE, _TOP, _BOTTOM, _COLUMN = 60.0, 72.0, 76.0, 150.0
_INK, _SOFT, _GREEN = "#17211d", "#55625c", "#0b6b4f"
_PLAIN, _BOLD = "Helvetica", "Helvetica-Bold"
_CAME: Final = frozenset({State.ARRIVED, State.SEEN})


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands in it. ``appointment`` is empty where there was none; so may be what is known of the patient."""

    sender: str
    doctor: str
    facility: str
    patient: str
    born: str
    number: str
    code: str
    referred_at: datetime
    appointment: str
    diagnosis: str
    outcome: str
    by: str | None
    at: datetime


@download
def letter(acting: Acting, referral: str) -> File:
    """Of a completed referral, for who may read its medical part."""
    found = outcome.reported(acting.tx, acting.actor, referral)
    content = pdf(_letter(acting.tx, found))
    return File(
        f"{found.seen.referral.account_code}.pdf",
        "application/pdf",
        content,
        about=f"sha256:{hashlib.sha256(content).hexdigest()}",
        ours=True,
    )


def _letter(tx: Tx, found: Outcome) -> Letter:
    row, patient = found.seen.referral, found.seen.referral.particulars
    return Letter(
        sender=row.receiving.name,
        doctor=row.physician.full_name or row.physician.username,
        facility=row.referring.name,
        patient=patient.name,
        born=_day(patient.date_of_birth),
        number=patient.external_id,
        code=row.account_code,
        referred_at=row.created_at,
        appointment=_appointment(tx, found.seen),
        diagnosis=row.diagnosis,
        outcome=row.reason,
        by=found.by,
        at=found.at,
    )


def _appointment(tx: Tx, seen: Seen) -> str:
    """When the patient came; where appointments are no slots, when they were expected."""
    if appointments.concern(tx, seen):
        came = (each for each in appointments.of_referral(tx, seen) if each.state in _CAME)
        return next((f"{appointed.moment(each.starts_at)}, {each.clinic}" for each in came), "")
    patient = seen.referral.particulars
    return ", ".join(each for each in (_day(patient.booked_date), patient.booked_time) if each)


def _day(text: str) -> str:
    """``3 December 2026`` of ``2026-12-03``; what is no date as it is."""
    try:
        return date_format(date.fromisoformat(text), "j F Y")
    except ValueError:
        return text


def _on(at: datetime) -> str:
    return date_format(at.astimezone(EAT).date(), "j F Y")


# --- the pages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """``drop`` below the line before. ``label`` stands left of it. ``keep``: so much has to have room below it."""

    text: str
    drop: float
    x: float = _EDGE
    font: str = _PLAIN
    size: float = 10.5
    colour: str = _INK
    label: str = ""
    keep: float = 0.0


def pdf(letter: Letter) -> bytes:
    """In the language that is active, on as many pages of A4 as it takes."""
    made, pages = BytesIO(), list(_pages(list(_body(letter))))
    # invariant: no time of making and no random id
    canvas = Canvas(made, pagesize=A4, invariant=1, pageCompression=1, lang=get_language())
    canvas.setTitle(f"{_('Outcome letter')} {letter.code}")  # no name: it stands in the browser's tab and history
    canvas.setAuthor("Rufaa")
    canvas.setSubject(_("Outcome letter"))
    for number, placed in enumerate(pages, 1):
        _frame(canvas, letter, number, len(pages))
        for y, line in placed:
            if line.label:
                _write(canvas, _EDGE, y, line.label, _PLAIN, 9.5, _SOFT)
            _write(canvas, line.x, y, line.text, line.font, line.size, line.colour)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


def _pages(lines: Sequence[_Line]) -> Iterator[list[tuple[float, _Line]]]:
    """The lines of each page with where they stand."""
    page: list[tuple[float, _Line]] = []
    y = _HEIGHT - _TOP
    for line in lines:
        if page and y - line.drop - line.keep < _BOTTOM:
            yield page
            page, y = [], _HEIGHT - _TOP
        y -= line.drop
        page.append((y, line))
    yield page


def _body(letter: Letter) -> Iterator[_Line]:
    yield from _text(letter.sender, _BOLD, 15, 19)
    yield _Line(_on(letter.at), 16, colour=_SOFT)
    yield from _fact(_("To the doctor"), f"{letter.doctor}\n{letter.facility}", drop=32)
    yield _Line(_("Outcome letter"), 36, font=_BOLD, size=14, colour=_GREEN)
    yield from _fact(_("About the patient"), letter.patient, drop=24, font=_BOLD)
    for label, value in (
        (_("Date of birth"), letter.born),
        (_("Patient number"), letter.number),
        (_("Referral"), f"{letter.code}, {_on(letter.referred_at)}"),
        (_("Appointment"), letter.appointment),
        (_("Reason for the referral"), letter.diagnosis),
    ):
        if value.strip():
            yield from _fact(label, value)
    yield _Line(_("Outcome"), 30, font=_BOLD, size=12, keep=34)
    yield from _text(letter.outcome, _PLAIN, 10.5, 15, first=20)
    signed = ", ".join(each for each in (letter.by or "", letter.sender) if each)
    yield from _fact(_("Completed by"), signed, drop=34, keep=20)
    at = letter.at.astimezone(EAT)
    yield from _fact(_("Completed on"), f"{_on(letter.at)}, {at:%H:%M}")
    if any(lettering.loses(each) for each in astuple(letter) if isinstance(each, str)):
        said = _(
            "Where a question mark stands may be a letter that cannot be printed here. The referral's page shows it."
        )
        yield from _text(said, _PLAIN, 8.5, 11, first=26, colour=_SOFT)


def _fact(label: str, value: str, *, drop: float = 17, font: str = _PLAIN, keep: float = 0.0) -> Iterator[_Line]:
    x = _EDGE + _COLUMN
    for number, line in enumerate(_lines(value, font, 10.5, _WIDTH - _EDGE - x)):
        first = number == 0
        yield _Line(line, drop if first else 15, x=x, font=font, label=label if first else "", keep=keep)


def _text(
    text: str, font: str, size: float, leading: float, *, first: float | None = None, colour: str = _INK
) -> Iterator[_Line]:
    for number, line in enumerate(_lines(text, font, size, _WIDTH - 2 * _EDGE)):
        drop = leading if number or first is None else first
        yield _Line(line, drop, font=font, size=size, colour=colour)


def _lines(text: str, font: str, size: float, fit: float) -> list[str]:
    return lettering.lines(lettering.printable(text), font=font, size=size, fit=fit)


def _frame(canvas: Canvas, letter: Letter, number: int, pages: int) -> None:
    """What stands on each page: whose it is, so that no sheet is filed with somebody else's, and which."""
    canvas.setFillColor(_GREEN)
    canvas.rect(0, _HEIGHT - 12, _WIDTH, 12, stroke=0, fill=1)
    if number > 1:
        name, *more = _lines(letter.patient, _PLAIN, 9.5, _WIDTH - 2 * _EDGE - 120)
        _write(canvas, _EDGE, _HEIGHT - 44, f"{name}{'…' if more else ''}, {letter.code}", _PLAIN, 9.5, _SOFT)
    _write(canvas, _EDGE, 44, _("Made by Rufaa from the record of the referral."), _PLAIN, 8.5, _SOFT)
    which = _("Page {page} of {pages}").format(page=number, pages=pages)
    _write(canvas, _WIDTH - _EDGE - stringWidth(which, _PLAIN, 8.5), 44, which, _PLAIN, 8.5, _SOFT)


def _write(canvas: Canvas, x: float, y: float, text: str, font: str, size: float, colour: str) -> None:
    canvas.setFillColor(colour)
    canvas.setFont(font, size)
    canvas.drawString(x, y, text)
