"""Who read and changed one referral, for those who answer for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa.appointments import words as appointments
from rufaa.audit import queries
from rufaa.audit.queries import Noted
from rufaa.console.acting import Acting, Screen, screen
from rufaa.talk import queries as talk_queries
from rufaa.talk import words as talk
from rufaa.trail import Channel

KINDS: Final[dict[str, str | Promise]] = {
    "referral.read": _("opened it"),
    "referral.listed": _("saw it in a list"),
    "letter.read": _("opened the outcome letter"),
    "money.read": _("opened its money"),
    "money.listed": _("saw its money in a list"),
    "referral.create": _("made it"),
    "referral.approve": _("approved it"),
    "referral.reject": _("rejected it"),
    "referral.ask-payment": _("moved it on to be paid"),
    "referral.money-seen": _("saw its money come"),
    "referral.confirm": _("confirmed it"),
    "referral.confirm-emergency": _("confirmed it as an emergency"),
    "referral.complete": _("completed it"),
    "referral.cancel": _("cancelled it"),
    "referral.release": _("released it to the receiving facility"),
    "medical.write": _("changed its medical part"),
    "particulars.write": _("changed the particulars"),
    "phones.write": _("changed a phone"),
    "prompt.ask": _("asked a phone for the money"),
    "exemption.propose": _("proposed to waive or defer the fee"),
    "exemption.agree": _("agreed to waive or defer the fee"),
    **talk.KINDS,
    **appointments.KINDS,
}
CHANNELS: Final[dict[Channel, str | Promise]] = {
    Channel.PAGE: _("on a page"),
    Channel.FUNCTION: _("by a function"),
    Channel.COMMAND: _("by a command on the server"),
    Channel.PATIENT: _("on the patient's page"),
}
"""By which way a person came; what Rufaa did by itself has none."""
NOBODY: Final[dict[Channel, str | Promise]] = {
    Channel.PATIENT: _("The patient's link"),
    Channel.COMMAND: _("Somebody at the server"),
}
"""Who it was where nobody signed in; else it was Rufaa."""
FILTERS: Final = (("", _("All"), None), ("read", _("Readings"), True), ("write", _("Changes"), False))
PAGE: Final = 50
_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
_DIGEST: Final = re.compile(r" sha256:([0-9a-f]{64})$")


@screen
def audit(acting: Acting, referral: str) -> Screen:
    asked = acting.request.GET.get("what", "")
    readings = next((which for word, _name, which in FILTERS if word == asked), None)
    after = acting.request.GET.get("after", "")
    seen, found = queries.of_referral(
        acting.tx,
        acting.actor,
        referral,
        readings=readings,
        after=int(after) if _ID.fullmatch(after) else None,
        limit=PAGE + 1,
    )
    names = talk_queries.names_by_digest(acting.tx, seen)
    return Screen(
        "console/audit.html",
        {
            "referral": seen.referral,
            "filters": [(word, name) for word, name, _which in FILTERS],
            "what": asked if readings is not None else "",
            "rows": [(entry, *_words(entry), *_file(entry, names)) for entry in found[:PAGE]],
            "more": found[PAGE - 1].id if len(found) > PAGE else None,
            "later": bool(after),
        },
    )


def _words(entry: Noted) -> tuple[str | Promise, str | Promise, str | Promise | None]:
    """Who, what, and by which way. A kind that has no words here is shown as it is."""
    who = entry.name or NOBODY.get(entry.channel, "Rufaa")
    return who, KINDS.get(entry.kind, entry.kind), CHANNELS.get(entry.channel)


def _file(entry: Noted, names: Mapping[str, str]) -> tuple[str, str]:
    """The name and the SHA-256 of the file that an entry is about; empty where it is about none."""
    found = _DIGEST.search(entry.place)
    return ("", "") if found is None else (names.get(found[1], ""), found[1])
