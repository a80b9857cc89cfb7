"""Notes in the logbook what happens at the door: who came in and how, who failed, who was kept out, who left.

Of a failure the name is written only where somebody has it: what a stranger types may be a password in the wrong field.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from allauth.account.internal.flows.login import get_authentication_records
from django.db.models import Q
from django.http import HttpRequest

from rufaa import trail
from rufaa.db.atomic import unit
from rufaa.facilities import logbook
from rufaa.facilities.models import User
from rufaa.signin import guessing
from rufaa.trail import Channel

_SAME_S: Final = {"sign-in.unknown": 300.0, "sign-in.locked": 900.0}
"""What a stranger can cause without end is written once in so many seconds from one address."""


def note(
    request: HttpRequest,
    kind: str,
    *,
    person: uuid.UUID | None,
    by_themselves: bool = True,
    about: Mapping[str, object] | None = None,
) -> None:
    """``by_themselves``: whoever did it had proved to be this person."""
    with trail.coming_from(Channel.PAGE, ""):
        unit(
            lambda tx: logbook.note(
                tx,
                kind,
                person=person,
                actor=person if by_themselves else None,
                address=guessing.address_of(request),
                about=about,
                same_s=_SAME_S.get(kind, 0.0),
            )
        )


def came_in(request: HttpRequest, user: User) -> None:
    """With what they proved it: a password, a second factor, a passkey alone."""
    records = get_authentication_records(request, user)
    ways = dict.fromkeys("passkey" if _alone(record) else record.get("type") or record["method"] for record in records)
    note(request, "sign-in.passed", person=user.pk, about={"by": list(ways)})


def failed(request: HttpRequest, typed: str) -> None:
    """A name and a password that do not belong together."""
    person = _meant(typed)
    kind = "sign-in.unknown" if person is None else "sign-in.failed"
    note(request, kind, person=person, by_themselves=False)


def kept_out(request: HttpRequest, typed: str) -> None:
    """Somebody tried whom axes keeps out. Of a name that nobody has the failures say enough."""
    person = _meant(typed)
    if person is not None:
        note(request, "sign-in.locked", person=person, by_themselves=False)


def _alone(record: Mapping[str, object]) -> bool:
    return bool(record.get("passwordless"))


def _meant(typed: str) -> uuid.UUID | None:
    if "\x00" in typed or not typed:
        return None
    found = User.objects.filter(Q(username__iexact=typed) | Q(email=typed.lower()), ~Q(username="")).order_by("pk")
    return found.values_list("pk", flat=True).first()
