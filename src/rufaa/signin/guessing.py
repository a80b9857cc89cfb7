"""Who guesses passwords, and for how long they are kept out: by name and address together, five tries, 15 minutes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.http import HttpRequest

from rufaa.config import config
from rufaa.source import source_of


def address_of(request: HttpRequest) -> str:
    """From where the request comes: behind the operator's own proxies, what these say."""
    return source_of(
        request.META.get("REMOTE_ADDR") or "127.0.0.1",
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        trusted_proxies=config().trusted_proxies,
    )


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """What was typed as name, in one spelling: ``Admin`` and ``admin`` are one person, and one count."""
    given = (credentials or {}).get("username") or request.POST.get("login") or ""
    return str(given).strip().lower()[:255]


def wait(request: HttpRequest, credentials: Mapping[str, Any] | None, *, now: datetime) -> timedelta:
    """For how long the name of ``credentials`` is still kept out at this address; nothing: it is not."""
    last = (
        AccessAttempt.objects.filter(
            username=name_of(request, credentials),
            ip_address=address_of(request),
            failures_since_start__gte=settings.AXES_FAILURE_LIMIT,
        )
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    nothing = timedelta()
    return nothing if last is None else max(nothing, last + settings.AXES_COOLOFF_TIME - now)


def forgive(name: str) -> None:
    """Who got a new password begins anew, wherever they sit."""
    reset(username=name.lower())
