"""What the logbook says of a person, in words: for themselves, and for the administrators of their facility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rufaa.facilities.logbook import Entry
from rufaa.facilities.rights import Role
from rufaa.signin.people import WORDS as ROLES

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

WORDS: Final[Mapping[str, StrOrPromise]] = {
    "sign-in.passed": _("Signed in"),
    "sign-in.failed": _("Wrong password"),
    "sign-in.locked": _("Kept out for too many wrong tries"),
    "sign-in.ended": _("Signed out"),
    "second-step.failed": _("Wrong at the second step"),
    "sessions.ended": _("Signed out everywhere else"),
    "password.changed": _("Password changed"),
    "password.chosen": _("Password chosen by link"),
    "invitation.made": _("Invited"),
    "invitation.used": _("The invitation was used"),
    "factor.added": _("Second factor added"),
    "factor.removed": _("Second factor taken away"),
    "role.given": _("Role given"),
    "role.taken": _("Role taken away"),
    "person.added": _("Added"),
    "person.switched-off": _("Switched off"),
    "person.switched-on": _("Switched on"),
    "person.renamed": _("Sign-in name changed"),
    "email.set": _("E-mail address changed"),
    "operator.set": _("Became or ceased to be an operator"),
}
FACTORS: Final[Mapping[str, StrOrPromise]] = {
    "totp": _("authenticator app"),
    "webauthn": _("passkey"),
    "recovery_codes": _("recovery codes"),
}
WAYS: Final[Mapping[str, StrOrPromise]] = {
    "password": _("password"),
    "passkey": _("passkey"),
    "totp": _("authenticator app"),
    "webauthn": _("passkey"),
    "recovery_codes": _("recovery code"),
    "demo": _("demo"),
}
SIGN_INS: Final = "^(sign-in|second-step|sessions|password|invitation|factor)[.]"
"""Of which one's own account tells."""
_BAD: Final = ("failed", "locked", "switched-off")


@dataclass(frozen=True, slots=True)
class Told:
    """One entry in words. ``by``: who did it, where that was somebody else. ``bad``: what deserves a look."""

    at: datetime
    words: str
    more: str
    by: str
    address: str
    bad: bool


def told(entries: Sequence[Entry]) -> list[Told]:
    return [
        Told(
            each.at,
            str(WORDS.get(each.kind, each.kind)),
            _more(each.about),
            each.by or "" if each.actor not in {None, each.person} else "",
            each.address,
            each.kind.endswith(_BAD),
        )
        for each in entries
    ]


def _more(about: Mapping[str, Any]) -> str:
    if "role" in about:
        return str(ROLES[Role(about["role"])]) if about["role"] in set(Role) else str(about["role"])
    if "type" in about:
        return str(FACTORS.get(about["type"], about["type"]))
    if "by" in about:
        return ", ".join(str(WAYS.get(way, way)) for way in about["by"])
    if "from" in about and "to" in about:
        return gettext("%(before)s to %(after)s") % {"before": about["from"], "after": about["to"]}
    return ""
