"""Which language somebody is answered in: what this browser was told, and what the person chose for all of them."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.views.decorators.http import require_POST

from rufaa.signin import people
from rufaa.signin.leading import leads_here

_YEAR_S: Final = 365 * 24 * 3600


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """What this browser is answered in from now on and, where somebody is signed in, every other one of theirs."""
    chosen = request.POST.get("language", "")
    to = request.POST.get("next", "")
    answer = HttpResponseRedirect(to if leads_here(to) else "/sign-in/")
    if chosen in dict(settings.LANGUAGES):
        if request.user.pk is not None:
            people.speak(request.user.pk, chosen)
        remember(answer, chosen)
    return answer


def remember(answer: HttpResponse, chosen: str) -> None:
    """Have this browser ask in ``chosen`` for a year."""
    translation.activate(chosen)
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=_YEAR_S,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
