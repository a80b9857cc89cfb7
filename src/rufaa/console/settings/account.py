"""The M-Pesa accounts of a facility: what is set, whether prompts are on hold, and whether the keys are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rufaa import reads
from rufaa.config import config
from rufaa.console.acting import Acting, Done, Screen, act, screen
from rufaa.console.settings import house
from rufaa.daraja.credentials import Environment
from rufaa.facilities.rights import Right
from rufaa.payments import accounts, key_checks
from rufaa.payments import hold as switch
from rufaa.payments.accounts import Account
from rufaa.payments.key_checks import Check, Finding

_LOOK_AGAIN_S: Final = 10.0

ENVIRONMENT: Final[Mapping[str, str | Promise]] = {
    Environment.PRODUCTION: gettext_lazy("real money"),
    Environment.SANDBOX: gettext_lazy("Safaricom's sandbox, for trying"),
    Environment.SIMULATOR: gettext_lazy("the simulator of this server, for trying"),
}
_GOOD, _BAD, _OPEN = "good", "bad", "wait"


@dataclass(frozen=True, slots=True)
class Told:
    """One finding in plain words. ``looks``: right, wrong, or nobody can tell."""

    looks: str
    words: str
    do: str = ""


def _shown(acting: Acting, facility: str, subject: str) -> Screen:
    """``subject``: the account of a refused form, which stands open."""
    here = house.own(acting, facility, Right.SET_ACCOUNT)
    found = accounts.of_facility(acting.tx, here, keys=config().secret_keys)
    if any(each.check is not None and each.check.finding is None for each in found):
        reads.changes_in(_LOOK_AGAIN_S)  # if no worker runs, nobody tells
    return house.drawn(
        acting,
        here,
        "account",
        "rufaa/settings_account.html",
        subject=subject,
        accounts=[
            {"account": each, "where": ENVIRONMENT.get(each.environment, each.environment), "told": _told(each)}
            for each in found
        ],
    )


@screen
def account(acting: Acting, facility: str) -> Screen:
    return _shown(acting, facility, "")


_act: Final = act(back=_shown)


def _page(facility: str) -> str:
    return f"/settings/{facility}/account/"


@_act
def hold(acting: Acting, facility: str, subject: str) -> Done:
    """From now on no prompt of the account is sent; people pay by hand."""
    here = house.own(acting, facility, Right.SET_ACCOUNT)
    reason = house.given(acting, "reason")
    switch.hold(acting.tx, accounts.own(acting.tx, here, subject), reason=reason, by=acting.actor.name)
    return Done(_page(facility), _("Prompts are on hold. People are told to pay by hand."))


@_act
def release(acting: Acting, facility: str, subject: str) -> Done:
    here = house.own(acting, facility, Right.SET_ACCOUNT)
    switch.release(acting.tx, accounts.own(acting.tx, here, subject), by=acting.actor.name)
    return Done(_page(facility), _("Prompts go out again, those that waited one by one."))


@_act
def check(acting: Acting, facility: str, subject: str) -> Done:
    """Have Safaricom asked whether the keys are right. Many clicks are one question."""
    here = house.own(acting, facility, Right.SET_ACCOUNT)
    meant = accounts.own(acting.tx, here, subject)
    asked = key_checks.ask(acting.tx, meant, facility=here.pk, by=acting.actor.user)
    said = _("Safaricom is being asked.") if asked else _("It was asked just now: this is the answer.")
    return Done(_page(facility), said)


# --- in plain words --------------------------------------------------------------------------------------------------


def _told(found: Account) -> list[Told]:
    told = [_of_check(found.check)] if found.check is not None else []
    if not found.keys.readable:
        return [*told, _unreadable()]
    return [*told, _of_passkey(found)]


def _unreadable() -> Told:
    return Told(_BAD, _("The stored keys cannot be read here."), _("An operator of this server sets the keys anew."))


def _of_check(check: Check) -> Told:
    match check.finding:
        case None if check.late:
            return Told(_OPEN, _("Nobody has asked Safaricom yet."), _("Does a worker of this server run?"))
        case None:
            return Told(_OPEN, _("Safaricom is being asked."))
        case Finding.RIGHT:
            return Told(_GOOD, _("Consumer key and consumer secret are right: Safaricom gave a token for them."))
        case Finding.WRONG:
            return Told(
                _BAD,
                _("Safaricom does not take consumer key and secret: one of them is wrong, or the app is gone."),
                _("Compare both with the app on Safaricom's portal, letter by letter; an operator sets them."),
            )
        case Finding.OTHER_ENVIRONMENT:
            return Told(
                _BAD,
                _("The keys are right, but of the other environment: sandbox and production have different apps."),
                _("An operator sets the keys of the right app, or the right environment."),
            )
        case Finding.NO_ANSWER:
            return Told(
                _OPEN,
                _("Safaricom did not answer, so nothing is known of the keys."),
                _("Try again shortly. If it stays so, an operator looks at this server's network."),
            )
        case Finding.BUSY:
            return Told(_OPEN, _("Safaricom, or this server, was too busy to tell."), _("Try again in a minute."))
        case Finding.UNREADABLE:
            return _unreadable()
        case _:
            return Told(_OPEN, _("Safaricom answered something that nobody expects."), _("Try again in a minute."))


def _of_passkey(found: Account) -> Told:
    last = found.last_prompt
    if last is not None and last.taken:
        return Told(_GOOD, _("The passkey is right: Safaricom took the last prompt."))
    if last is not None and last.refuses_passkey:
        return Told(
            _BAD,
            _("Safaricom refused the last prompt: passkey and short code do not belong together."),
            _("Compare the passkey with Safaricom's e-mail; an operator sets it."),
        )
    return Told(_OPEN, _("Whether the passkey is right, only a prompt can show."))
