"""What messages say, in both languages, and what a facility may write instead. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rufaa.clock import EAT
from rufaa.errors import InvalidArgument, sentence
from rufaa.notices import gsm
from rufaa.notices.machine import MANNERS, Kind

LANGUAGES: Final = ("en", "sw")
LONGEST: Final = 459
"""Units that a template may come to with its sample: three parts."""
_FIELD: Final = re.compile(r"\{([^{}]*)\}")

DEFAULTS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "en": {
        Kind.RECEIVED: "You are referred to {facility}. Follow it and pay: {link} Code {code}. No more SMS: STOP",
        Kind.RINGING: "M-Pesa now asks for your PIN: KES {amount} to {payee}, account {code}. Tell your PIN to nobody.",
        Kind.PAID: "Paid: KES {amount}, M-Pesa {receipt}, referral {code}. Your receipt: {link}",
        Kind.NOT_PAID: "KES {amount} was not paid. Try again: {link} Or {by_hand}.",
        Kind.BOOKED: "You are expected at {facility}: {when}. Code {code}. Change: {link}",
        Kind.MOVED: "New time at {facility}: {when}. Code {code}. Change: {link}",
        Kind.CHOOSE: "Paid, but your time was gone. Choose another, you do not pay again: {link} Code {code}",
        Kind.CANCELLED: "No longer: {facility}, {when}. Another time: {link} Code {code}",
        Kind.REMINDER: "Tomorrow at {facility}: {when}. Code {code}. Cannot come? {link}",
        Kind.OUTCOME: "The outcome of referral {code} has come from {facility}. Read it here: {link}",
    },
    "sw": {
        Kind.RECEIVED: "Umepewa rufaa: {facility}. Fuatilia na ulipe: {link} Namba {code}. Bila SMS: STOP",
        Kind.RINGING: "M-Pesa inaomba PIN yako sasa: KES {amount} kwa {payee}, akaunti {code}. Usimpe mtu PIN yako.",
        Kind.PAID: "Imelipwa: KES {amount}, M-Pesa {receipt}, rufaa {code}. Risiti yako: {link}",
        Kind.NOT_PAID: "KES {amount} haikulipwa. Jaribu tena: {link} Au {by_hand}.",
        Kind.BOOKED: "Unatarajiwa {facility}: {when}. Namba {code}. Badilisha: {link}",
        Kind.MOVED: "Muda mpya {facility}: {when}. Namba {code}. Badilisha: {link}",
        Kind.CHOOSE: "Umelipa, ila nafasi ilichukuliwa. Chagua nyingine, hulipi tena: {link} Namba {code}",
        Kind.CANCELLED: "Imefutwa: {facility}, {when}. Muda mwingine: {link} Namba {code}",
        Kind.REMINDER: "Kesho {facility}: {when}. Namba {code}. Huwezi kuja? {link}",
        Kind.OUTCOME: "Matokeo ya rufaa {code} yamefika kutoka {facility}. Yasome hapa: {link}",
    },
}
SUBJECTS: Final[Mapping[str, str]] = {"en": "Outcome of referral {code}", "sw": "Matokeo ya rufaa {code}"}

SAMPLE: Final[Mapping[str, str]] = {
    "facility": "Mwangaza Hospital",
    "payee": "Mwangaza Hospital",
    "code": "7K2M9ACE",
    "link": "https://rufaa.example.org/r/0123456789abcdef0123456789abcdef",
    "amount": "1,500",
    "receipt": "SKN4AB12CD",
    "by_hand": "Paybill 600981, account 7K2M9ACE",
    "when": "Thu 3 Dec, 09:30",
}
"""What a preview is filled with."""
_DAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "sw": ("Jumatatu", "Jumanne", "Jumatano", "Alhamisi", "Ijumaa", "Jumamosi", "Jumapili"),
}
_MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "sw": ("Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ago", "Sep", "Okt", "Nov", "Des"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A template with the sample in its fields."""

    text: str
    length: gsm.Length
    odd: str  # characters that make it longer than need be


def check(kind: Kind, text: str) -> str:
    """``text`` as a template of ``kind``. Raises ``InvalidArgument`` and says what is allowed."""
    text = " ".join(text.split())
    allowed = MANNERS[kind].fields
    named = ", ".join(f"{{{each}}}" for each in sorted(allowed))
    if not text:
        raise InvalidArgument("A message says something.", argument="text")
    for field in _FIELD.findall(text):
        if field not in allowed:
            raise InvalidArgument(
                sentence(
                    "There is no field {%(field)s} in this message. It has: %(fields)s.", field=field[:40], fields=named
                ),
                argument="text",
            )
    if set(_FIELD.sub("", text)) & {"{", "}"}:
        raise InvalidArgument(
            sentence("Write a field as one of %(fields)s, and no other { or }.", fields=named), argument="text"
        )
    if preview(text).length.units > LONGEST:
        raise InvalidArgument(
            sentence("This comes to more than %(longest)s characters: shorten it.", longest=LONGEST), argument="text"
        )
    return text


def preview(text: str) -> Preview:
    filled = fill(text, SAMPLE)
    return Preview(filled, gsm.length(filled), gsm.odd(filled))


def fill(template: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: values[found[1]], template)


def subject(language: str, *, code: str) -> str:
    """Of an e-mail."""
    return fill(SUBJECTS[language], {"code": code})


def by_hand(*, short_code: str, till: str, code: str) -> str:
    """How to pay without a prompt, in the words of M-Pesa's own menu, which are the same in both languages."""
    return f"Buy Goods, Till {till}" if till else f"Paybill {short_code}, account {code}"


UNNUMBERED: Final[Mapping[str, str]] = {"en": "confirmed", "sw": "imethibitishwa"}
"""In a receipt's place, where M-Pesa has told that it is paid but not yet its number."""


def when(moment: datetime, language: str) -> str:
    """``Thu 3 Dec, 09:30``, in Kenya."""
    here = moment.astimezone(EAT)
    day = f"{_DAYS[language][here.weekday()]} {here.day} {_MONTHS[language][here.month - 1]}"
    return f"{day}, {here:%H:%M}"
