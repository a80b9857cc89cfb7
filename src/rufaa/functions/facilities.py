"""``facilities:…``: who one is and works for, and where one may refer to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from rufaa.errors import InvalidArgument
from rufaa.facilities import queries
from rufaa.facilities.queries import Other
from rufaa.functions import REGISTRY, documents, shapes
from rufaa.functions.paging import Listing
from rufaa.functions.runtime import Caller
from rufaa.sync.values import Value

register = REGISTRY.module("facilities")
_LONGEST: Final = 200


@register.query
def getMine(caller: Caller) -> shapes.Me:
    """Who the caller is, and the facilities in which they have a role, by name."""
    return documents.me(caller.actor, queries.mine(caller.tx, caller.actor))


@register.query(name="list")
def list_(
    caller: Caller,
    *,
    search: str | None = None,
    referringHospital: str | None = None,
    paginationOpts: dict[str, Value] | None = None,
) -> shapes.Page[shapes.Destination] | list[shapes.Destination]:
    """Facilities that the caller may refer to, by name, with what a referral to each costs. ``search`` is a part of the
    name. ``referringHospital``, by name or id, says from where: who may create referrals in several facilities is told
    no prices without it. Empty for who may create none."""
    part = (search or "").strip()
    if len(part) > _LONGEST:
        raise InvalidArgument(f"search has {len(part)} characters; {_LONGEST} are allowed.", argument="search")
    home = queries.home(caller.actor, referringHospital, argument="referringHospital")

    def read(after: str | None, until: str | None, limit: int) -> Sequence[Other]:
        return queries.others(
            caller.tx, caller.actor, home, search=part, after=_name(after), until=_name(until), limit=limit
        )

    return Listing(read, _cursor, documents.destinations, _is_cursor).answer(paginationOpts)


def _cursor(row: Other) -> str:
    """Names are the list's order; written so that a cursor is not taken for anything else."""
    return base64.urlsafe_b64encode(f"name:{row.name}".encode()).decode()


def _is_cursor(cursor: str) -> bool:
    try:
        return base64.urlsafe_b64decode(cursor).startswith(b"name:") and "\x00" not in (_name(cursor) or "")
    except (binascii.Error, ValueError):
        return False


def _name(cursor: str | None) -> str | None:
    return None if cursor is None else base64.urlsafe_b64decode(cursor).decode().removeprefix("name:")
