"""Whether somebody needs a second factor and has none: then no page of staff opens before they have set one up."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from rufaa.db import sql
from rufaa.db.atomic import Tx, look

View = Callable[..., HttpResponse]

_SQL: Final = sql.load(__file__, "second_factor.sql")
SET_UP: Final = "/account/second-factor/"


def asked_by(tx: Tx, user: uuid.UUID) -> list[str]:
    """The names of the facilities that ask ``user`` for a second factor, while they have none."""
    return [row["name"] for row in tx.rows(_SQL["asked_by"], {"user": user})]


def forget(tx: Tx, user: uuid.UUID) -> int:
    """Take all second factors of ``user`` away, for who lost theirs. Returns how many there were."""
    return tx.execute(_SQL["forget"], {"user": user})


def needed(view: View) -> View:
    """For a page behind ``login_required``: whoever is asked for a second factor and has none is led to set one up."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user.pk
        assert user is not None  # behind login_required
        if look(lambda tx: asked_by(tx, user)):
            to = request.get_full_path() if request.method in {"GET", "HEAD"} else "/work/"
            return HttpResponseRedirect(f"{SET_UP}?{urlencode({'next': to})}")
        return view(request, *args, **kwargs)

    return guarded
