"""What the two facilities of a referral say and show to each other on its page."""

from __future__ import annotations

import hashlib

from rufaa.console import once, referral, uploads
from rufaa.console.acting import Acting, Done, File, download
from rufaa.errors import InvalidArgument
from rufaa.functions import records
from rufaa.talk import operations, queries, words


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


@referral.form
def attach(acting: Acting, referral: str) -> Done:
    """A file. However often its form is sent, it is one."""
    name, content = _given(acting)
    digest = hashlib.sha256(content).hexdigest()
    sent = once.of(acting.request, {"referral": referral, "name": name, "sha256": digest})
    kept = records.claim(acting.tx, sent, caller=acting.actor.user)
    if kept is not None:
        return Done(f"/referrals/{kept.answer}", str(words.ATTACHED_ALREADY))
    attached = operations.attach(acting.tx, acting.actor, referral, name=name, content=content)
    there = f"{attached.referral_id.hex}/#f{attached.pk.hex}"
    records.keep(acting.tx, sent, there)
    return Done(f"/referrals/{there}", str(words.ATTACHED).format(name=attached.name))


def _given(acting: Acting) -> tuple[str, bytes]:
    """The file that came with the form, whole: its name as the browser says it, and its bytes."""
    file = acting.request.FILES.get("file")
    if uploads.too_large(acting.request):
        raise operations.FileTooLarge
    if file is None:
        raise InvalidArgument("Choose a file.", argument="file")
    file.seek(0)  # where this transaction is repeated
    return file.name or "", file.read()


@referral.form
def remove(acting: Acting, referral: str) -> Done:
    given = acting.request.POST
    operations.remove(
        acting.tx, acting.actor, referral, attachment=given.get("file", ""), reason=given.get("reason", "")
    )
    return Done(f"/referrals/{referral}/", str(words.REMOVED))


@download
def file(acting: Acting, referral: str, file: str) -> File:
    """A file to be saved."""
    opened = queries.opened(acting.tx, acting.actor, referral, file)
    return File(opened.name, opened.kind, opened.content, about=f"sha256:{opened.sha256}")
