"""The handset's page: some phones side by side, and what stands beside them. Pure: HTML from templates,
with all words escaped.

What moves on it comes by the stream; this is what a page has before, and without scripts.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlencode

from rufaa.phone import Phone
from rufaa.simulator.state import automatic_code
from rufaa.simulator.switches import LONGEST_S, SWITCHES, Switch

STATIC: Final = Path(__file__).parent / "static"
AT_FIRST: Final = (Phone("254708374149"), Phone("254708007001"))
MOST: Final = 8  # phones on the table
_RINGING: Final = range(254708007001, 254708008000)
_BY_NUMBER: Final = {
    None: "rings",
    "0": "pays, by its number",
    "1": "has too little, by its number",
    "1032": "cancels, by its number",
    "1037": "is not reached, by its number",
    "2001": "types a wrong PIN, by its number",
}

WRONG: Final[Mapping[str, str]] = {
    "no-number": "That is no Kenyan mobile number. Write 0708 374 149.",
    "no-test-phone": "That may be somebody's real phone. It shows here by itself when it is asked for money.",
    "too-many": f"The table is full: it holds {MOST} phones.",
}
"""Why a phone is not put on the table."""


@dataclass(frozen=True, slots=True)
class OnTable:
    """One phone, as the page first shows it. ``said`` is about a payment by hand."""

    phone: Phone
    balance: str
    said: str = ""


def local(phone: str) -> str:
    """``0708 374 149``"""
    return f"0{phone[3:6]} {phone[6:9]} {phone[9:]}"


def address(phones: Sequence[str], **more: str) -> str:
    """Where these phones lie on the table."""
    return "/?" + urlencode([*(("phone", each) for each in phones), *more.items()])


def page(phones: Sequence[OnTable], *, pin: str, business: str, wrong: str | None = None) -> str:
    """``business`` is the number that is proposed to be paid; ``wrong`` one of ``WRONG``."""
    numbers = [each.phone for each in phones]
    unused = next(each for each in map(str, _RINGING) if each not in numbers)
    return _filled(
        "table.html",
        safe={
            "TABS": " ".join(f'<a href="#phone-{each}" data-tab="{each}">{local(each)}</a>' for each in numbers),
            "PHONES": "\n".join(_phone(each, numbers=numbers, business=business) for each in phones),
            "SWITCHES": _switches(),
            "KEPT": "".join(f'<input type="hidden" name="phone" value="{each}">' for each in numbers),
            "WRONG": f'<p id="wrong-number" class="wrong" role="alert">{html.escape(WRONG[wrong])}</p>'
            if wrong
            else "",
        },
        STREAM="/handset/stream?" + urlencode([("phone", each) for each in numbers]),
        PIN=pin,
        NEXT=local(unused),
        WRONG_ID=" wrong-number" if wrong else "",
    )


def _phone(shown: OnTable, *, numbers: Sequence[Phone], business: str) -> str:
    code = automatic_code(shown.phone)
    others = [each for each in numbers if each != shown.phone]
    return _filled(
        "phone.html",
        safe={"OPEN": "open" if shown.said else ""},
        PHONE=shown.phone,
        LOCAL=local(shown.phone),
        BALANCE=shown.balance,
        SAID=shown.said,
        BUSINESS=business,
        BY_NUMBER=_BY_NUMBER.get(code, f"ends with code {code}, by its number"),
        AWAY=address(others) if others else "/",
        AWAY_WORDS="Take it away" if others else "All phones",
    )


def _switches() -> str:
    groups: dict[str, list[str]] = {}
    for name, switch in SWITCHES.items():
        groups.setdefault(switch.group, []).append(_switch(name, switch))
    return "\n".join(f"<h3>{html.escape(title)}</h3>\n{''.join(rows)}" for title, rows in groups.items())


def _switch(name: str, switch: Switch) -> str:
    before, _, after = (html.escape(each) for each in switch.line.partition("…"))
    seconds = (
        f'<input type="number" min="1" max="{LONGEST_S}" value="{switch.seconds}" '
        f'aria-label="Seconds, {html.escape(switch.short)}">'
        if switch.seconds is not None
        else ""
    )
    choices = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"{checked}><span>{words}</span></label>'
        for value, words, checked in (
            ("off", "Off", " checked"),
            *((each, words, "") for each, words in switch.choices),
        )
    )
    return (
        f'<div class="switch" data-switch="{name}" data-short="{html.escape(switch.short)}" role="radiogroup" '
        f'aria-labelledby="is-{name}"><p id="is-{name}">{before}{seconds}{after}</p>'
        f'<div class="times">{choices}</div></div>\n'
    )


def _filled(name: str, *, safe: Mapping[str, str], **words: str) -> str:
    """The template with ``words``, escaped, and with what is ``safe`` already."""
    escaped = {key: html.escape(each) for key, each in words.items()}
    return Template((STATIC / name).read_text(encoding="utf-8")).substitute(escaped, **safe)
