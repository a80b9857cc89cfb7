"""The front door: what runs here, and where to go."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from rufaa import __version__, functions
from rufaa.config import Mode, config

_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"


@require_safe
def front_door(request: HttpRequest) -> HttpResponse:
    """Needs no sign-in, so it says nothing about anybody."""
    here = config()
    response = render(
        request,
        "console/front_door.html",
        {
            "version": __version__,
            "mode": here.mode,
            "demo": here.mode is Mode.DEMO,
            "public_url": here.public_url,
            "handset": here.environ.get("RUFAA_SIMULATOR_URL", "") if here.demo else "",
            "functions": functions.load().functions(),
        },
    )
    response["Content-Security-Policy"] = _POLICY
    return response
