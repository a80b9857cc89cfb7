"""The bar on pages that are no screens of ``acting``: one's own account, the administration."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from rufaa.console.nav import Entry, entries
from rufaa.db.atomic import look
from rufaa.errors import RufaaError
from rufaa.facilities import queries


def bar(request: HttpRequest) -> dict[str, Any]:
    """A context processor. It asks the database only where a template draws ``nav`` and nobody gave it one."""
    return {"nav": SimpleLazyObject(lambda: _entries(request))}


def _entries(request: HttpRequest) -> list[Entry]:
    user = request.user.pk
    if user is None:
        return []
    try:
        return look(lambda tx: entries(queries.actor(tx, user), here=request.path))
    except RufaaError:
        return []
