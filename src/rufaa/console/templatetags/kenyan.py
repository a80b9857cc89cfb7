"""Money, phones and times as Kenyans write them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from rufaa.money import Money

register = template.Library()
NAIROBI: Final = ZoneInfo("Africa/Nairobi")


@register.filter
def shillings(amount: Money | None) -> str:
    """``KES 1,000.00``; nothing for nothing."""
    return "" if amount is None else str(amount)


@register.filter
def phone(number: str | None) -> str:
    """``0708 374 149``, as it is said in Kenya; a masked one as it is."""
    text = number or ""
    local = f"0{text[3:]}" if text.startswith("254") and len(text) == 12 else text
    return f"{local[:4]} {local[4:7]} {local[7:]}" if len(local) == 10 else local


@register.filter
def clock(at: datetime | None) -> str:
    """``21:14`` in Nairobi; with the day where that is not today's."""
    if at is None:
        return ""
    there, now = at.astimezone(NAIROBI), timezone.now().astimezone(NAIROBI)
    if there.date() == now.date():
        return there.strftime("%H:%M")
    day = "j M" if there.year == now.year else "j M Y"
    return f"{date_format(there, day)}, {there:%H:%M}"


@register.filter
def waited(since: datetime | None) -> str:
    """How long it is since then, in its largest whole unit: ``3 d``, ``2 h``, ``12 min``."""
    if since is None:
        return ""
    minutes = max(0, int((timezone.now() - since).total_seconds() // 60))
    if minutes >= 48 * 60:
        return _("{count} d").format(count=minutes // 1440)
    return _("{count} h").format(count=minutes // 60) if minutes >= 60 else _("{count} min").format(count=minutes)
