"""What the two facilities of a referral say to each other on its page."""

from __future__ import annotations

from rufaa.console import once, referral
from rufaa.console.acting import Acting, Done
from rufaa.functions import records
from rufaa.talk import operations, words


@referral.form
def say(acting: Acting, referral: str) -> Done:
    """A comment. However often its form is sent, it is one."""
    text = acting.request.POST.get("text", "")
    sent = once.of(acting.request, {"referral": referral, "text": text})
    kept = records.claim(acting.tx, sent, caller=acting.actor.user)
    if kept is not None:
        return Done(f"/referrals/{kept.answer}", str(words.SAID_ALREADY))
    said = operations.say(acting.tx, acting.actor, referral, text=text)
    there = f"{said.referral_id.hex}/#c{said.pk.hex}"
    records.keep(acting.tx, sent, there)
    return Done(f"/referrals/{there}", str(words.SAID))
