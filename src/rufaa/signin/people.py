"""People as signing in needs them: whom a demo offers, who is invited, who is switched off, and their sessions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from rufaa.config import config
from rufaa.db import sql
from rufaa.db.atomic import Tx, look, unit
from rufaa.facilities import operations, queries
from rufaa.facilities.models import User
from rufaa.facilities.rights import Role
from rufaa.signin import password_links, post

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_SQL: Final = sql.load(__file__, "people.sql")
_LINKS: Final = sql.load(__file__, "password_links.sql")


WORDS: Final[Mapping[Role, StrOrPromise]] = {
    Role.PHYSICIAN: _("Physician"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.RECEPTION: _("Reception"),
    Role.FINANCE: _("Finance"),
}
"""What a person reads for a role."""


@dataclass(frozen=True, slots=True)
class Part:
    """Somebody whom a visitor of the demo may be. ``roles``: what they are, and in which facility."""

    username: str
    name: str
    roles: Sequence[tuple[StrOrPromise, str]]


def cast() -> list[Part]:
    """Whom the demo's sign-in offers: at most twelve people with a role, in the order in which they were added."""
    return [
        Part(row["username"], row["name"], [(WORDS[Role(role)], where) for role, where in row["roles"]])
        for row in look(lambda tx: tx.rows(_SQL["cast"]))
    ]


def speak(user: uuid.UUID, language: str) -> None:
    """From now on ``user`` is answered in ``language``, in which browser they may sign in."""
    unit(lambda tx: operations.set_language(tx, user, language), actor=user)


def letters_for(tx: Tx, typed: str) -> list[Callable[[], None]]:
    """For each person whom ``typed`` may mean: what sends them the way to a new password, after the transaction."""
    if "\x00" in typed:
        return []
    return [
        partial(
            post.remind,
            row["email"],
            name=row["name"],
            username=row["username"],
            language=row["language"],
            link=password_links.issue(tx, row["id"], keys=config().secret_keys, life=password_links.FORGOT),
        )
        for row in tx.rows(_LINKS["forgetful"], {"typed": typed})
    ]


def named(name: str) -> User:
    """The person with this sign-in name, in whatever case, who may be switched off. Raises ``UnknownUser``."""
    found = None if "\x00" in name else User.objects.filter(username__iexact=name).first()
    if found is None:
        raise queries.UnknownUser("There is nobody of this name here.")
    return found


def invitation(tx: Tx, user: User) -> tuple[str, Callable[[], None] | None]:
    """The address by which ``user`` chooses a first password, or another one, within seven days; and what sends it to
    them, where they have an e-mail address and this server sends any. Raises ``UnknownUser`` for who may not sign in.
    """
    queries.actor(tx, user.pk)
    link = password_links.issue(tx, user.pk, keys=config().secret_keys, life=password_links.INVITED)
    name = user.full_name or user.username
    send = partial(post.invite, user.email, name=name, username=user.username, language=user.language, link=link)
    return post.address(link), send if user.email and post.goes_out() else None


def switch_off(tx: Tx, user: User) -> int:
    """From the commit on ``user`` may not sign in: sessions end, tokens, keys and links count no more. Returns how many
    sessions ended. What they did stays theirs."""
    operations.set_active(tx, user.pk, False)
    return end_sessions(tx, user.pk)


def switch_on(tx: Tx, user: User) -> None:
    """Take that back."""
    operations.set_active(tx, user.pk, True)


def end_sessions(tx: Tx, user: uuid.UUID, *, but: str | None = None) -> int:
    """End all sessions of ``user``, or all but the one with the key ``but``. Returns how many there were."""
    return len(tx.rows(_SQL["end_sessions"], {"user": user, "but": but}))
