"""The forms of a referral's messages: once more, and whether the patient wants any."""

from __future__ import annotations

from django.utils.translation import gettext as _

from rufaa.console.acting import Acting, Done
from rufaa.console.referral import form
from rufaa.errors import InvalidArgument
from rufaa.notices import operations


@form
def again(acting: Acting, referral: str) -> Done:
    operations.send_again(acting.tx, acting.actor, referral, acting.request.POST.get("notice", ""))
    return Done(f"/referrals/{referral}/", _("The message is sent again."))


@form
def wish(acting: Acting, referral: str) -> Done:
    wants = {"yes": True, "no": False}.get(acting.request.POST.get("wants", ""))
    if wants is None:
        raise InvalidArgument("Say yes or no.", argument="wants")
    operations.note_wish(acting.tx, acting.actor, referral, wants=wants)
    said = _("The patient is sent messages.") if wants else _("The patient is sent no messages any more.")
    return Done(f"/referrals/{referral}/", said)
