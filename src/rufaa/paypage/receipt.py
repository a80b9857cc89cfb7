"""The receipt as one page of PDF: who was paid, how much, by which M-Pesa receipt. Nothing medical.

It names the payee, as M-Pesa's own message did, and the patient as far as the page does. Letters that the built-in
fonts have not are drawn as question marks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import A5
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from rufaa.clock import EAT
from rufaa.money import Money
from rufaa.payments.passage import Paid
from rufaa.paypage import words
from rufaa.paypage.amounts import in_words

_WIDTH, _HEIGHT = A5
_EDGE: Final = 42.0
_INK, _SOFT, _GREEN, _AMBER = "#17211d", "#55625c", "#0b6b4f", "#8a5200"
_PLAIN, _BOLD = "Helvetica", "Helvetica-Bold"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What stands on it. ``paid`` are the payments that together are ``amount``, each with its number."""

    payee: str
    name: str
    account_code: str
    amount: Money
    paid: Sequence[Paid]


def pdf(receipt: Receipt) -> bytes:
    """In the language that is active. The same receipt is the same bytes."""
    made = BytesIO()
    # invariant: no time of making and no random id
    canvas = Canvas(made, pagesize=A5, invariant=1, pageCompression=1, lang=get_language())
    canvas.setTitle(f"{_('Receipt')} {receipt.account_code}")
    canvas.setAuthor("Rufaa")
    canvas.setSubject(_("Receipt"))
    _border(canvas)
    y = _HEIGHT - 70
    canvas.setFillColor(_GREEN)
    canvas.setFont(_BOLD, 22)
    canvas.drawString(_EDGE, y, _("Receipt"))
    canvas.setFont(_BOLD, 22)
    canvas.setFillColor(_INK)
    canvas.drawRightString(_WIDTH - _EDGE, y, words.money(receipt.amount))
    y -= 20
    for name, value in _rows(receipt):
        y = _row(canvas, y, name, value)
    canvas.setFillColor(_SOFT)
    canvas.setFont(_PLAIN, 8.5)
    canvas.drawString(_EDGE, 60, _("The M-Pesa message that came with the payment is proof as well."))
    canvas.drawString(_EDGE, 48, _("This receipt was made by Rufaa from the books of the payment."))
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _rows(receipt: Receipt) -> list[tuple[str, str]]:
    rows = [(_("Paid to"), receipt.payee)]
    if not receipt.amount.cents % 100:
        rows.append((_("In words"), _said(receipt.amount)))
    for each in receipt.paid:
        number = each.number or ""
        share = f"  ({words.money(each.amount)})" if len(receipt.paid) > 1 else ""
        rows.append((_("M-Pesa receipt"), f"{number}{share}"))
        there = each.paid_at.astimezone(EAT)
        rows.append((_("Paid on"), f"{date_format(there, 'j F Y')}, {there:%H:%M}"))
    rows.append((_("Account number"), receipt.account_code))
    if receipt.name:
        rows.append((_("Referral fee of"), receipt.name))
    return rows


def _said(amount: Money) -> str:
    language = get_language() or "en"
    number = in_words(amount.shillings, language)
    text = f"shilingi {number}" if language == "sw" else f"{number} shillings"
    return text[:1].upper() + text[1:]


def _row(canvas: Canvas, y: float, name: str, value: str) -> float:
    """Draws a name and, below it, its value on as many lines as it takes. Returns where the next may begin."""
    canvas.setFillColor(_SOFT)
    canvas.setFont(_PLAIN, 9)
    canvas.drawString(_EDGE, y - 16, name)
    canvas.setFillColor(_INK)
    canvas.setFont(_BOLD, 12.5)
    y -= 31
    for line in _lines(value):
        canvas.drawString(_EDGE, y, line)
        y -= 16
    return y + 8


def _lines(value: str) -> list[str]:
    """``value`` broken at blanks, or anywhere where there are none; at most four lines."""
    fit, lines = _WIDTH - 2 * _EDGE, [""]
    for word in _printable(value).split():
        part = word
        while part:
            line = f"{lines[-1]} {part}".strip()
            if stringWidth(line, _BOLD, 12.5) <= fit:
                lines[-1], part = line, ""
            elif lines[-1]:
                lines.append("")
            else:
                cut = next(end for end in range(len(part) - 1, 0, -1) if stringWidth(part[:end], _BOLD, 12.5) <= fit)
                lines[-1], part = part[:cut], part[cut:]
                lines.append("")
    return [line for line in lines if line][:4]


def _printable(text: str) -> str:
    return text.encode("cp1252", "replace").decode("cp1252")


def _border(canvas: Canvas) -> None:
    """The kanga's border, as at the top of each page."""
    canvas.setFillColor(_AMBER)
    canvas.rect(0, _HEIGHT - 14, _WIDTH, 14, stroke=0, fill=1)
    canvas.setFillColor(_GREEN)
    step = 28.0
    for number in range(int(_WIDTH / step) + 1):
        left = number * step
        path = canvas.beginPath()
        path.moveTo(left, _HEIGHT - 14)
        path.lineTo(left + step / 2, _HEIGHT)
        path.lineTo(left + step, _HEIGHT - 14)
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)
