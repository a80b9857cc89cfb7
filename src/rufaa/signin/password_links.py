"""Links by which somebody sets a password: an invitation for seven days, or after a forgotten one for an hour.

Such a link is kept nowhere. It names the person and its end, and is signed over these and over the password as it is
stored: so it counts once, and no longer than the password, the e-mail address and the person's leave to sign in stay.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from rufaa import ids, secret
from rufaa.db import sql
from rufaa.db.atomic import Tx
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.facilities.models import User

_SQL: Final = sql.load(__file__, "password_links.sql")
_LABEL: Final = "password-link"
_FORM: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{8})-([0-9a-f]{32})")
_SHORTEST: Final = 10
_LONGEST: Final = 1000
INVITED: Final = timedelta(days=7)
FORGOT: Final = timedelta(hours=1)


class BadLink(RufaaError):
    """The link was used, is too old, or was never ours."""

    kind = Kind.NOT_FOUND
    code = "bad-password-link"


class WeakPassword(InvalidArgument):
    """The password is too easy to guess; the message says why."""

    code = "weak-password"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose link it is. ``invited``: they never had a password."""

    user: uuid.UUID
    username: str
    invited: bool


def issue(tx: Tx, user: uuid.UUID, *, keys: Sequence[str], life: timedelta) -> str:
    """The end of the address of a link for ``user``, who may sign in; good for ``life``."""
    row = tx.row(_SQL["person"], {"user": user, "life": life})
    assert row is not None
    assert row["is_active"]
    end = f"{row['end_s']:08x}"
    return f"{ids.wire(user)}-{end}-{secret.signature(keys, _LABEL, _signed(user, end, row['state']))}"


def holder(tx: Tx, link: str, *, keys: Sequence[str]) -> Holder:
    """Whose link it is; their row is locked until the transaction ends. Raises ``BadLink``."""
    form = _FORM.fullmatch(link)
    user = ids.from_wire(form[1]) if form else None
    row = None if user is None else tx.row(_SQL["person"], {"user": user, "life": timedelta()})
    if form is None or user is None or row is None:
        raise BadLink("This link is not one of ours.")
    good = secret.is_signature(keys, _LABEL, _signed(user, form[2], row["state"]), form[3])
    if not good or not row["is_active"]:
        raise BadLink("This link was used already, or is not one of ours.")
    if int(form[2], 16) <= row["end_s"]:
        raise BadLink("This link is too old.")
    return Holder(user, row["username"], row["never_had_one"])


def use(tx: Tx, link: str, password: str, *, keys: Sequence[str]) -> Holder:
    """The holder has this password from the commit on, all their sessions end, and the link counts no more.

    Raises ``BadLink`` and ``WeakPassword``.
    """
    found = holder(tx, link, keys=keys)
    set_password(tx, found.user, password)
    return found


def set_password(tx: Tx, user: uuid.UUID, password: str) -> str:
    """From the commit on ``user`` has this password, as it is stored. Their sessions end. Raises ``WeakPassword``."""
    if len(password) > _LONGEST or "\x00" in password:
        raise WeakPassword(_("A password has at most 1000 characters."), argument="password")
    if len(password) < _SHORTEST:
        raise WeakPassword(_("A password has at least ten characters."), argument="password")
    try:
        validate_password(password, User.objects.get(pk=user))
    except ValidationError as error:
        raise WeakPassword(" ".join(error.messages), argument="password") from None
    stored = make_password(password)
    tx.execute(_SQL["set"], {"user": user, "password": stored})
    return stored


def _signed(user: uuid.UUID, end: str, state: str) -> str:
    return f"{ids.wire(user)} {end} {state}"
