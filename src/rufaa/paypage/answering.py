"""How every address of the page is answered: language, method, headers, and plain words whatever was wrong.

There is no session and no sign-in here. What a browser sends is bounded before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page

from rufaa import metrics, trail
from rufaa.config import config
from rufaa.db.atomic import unit
from rufaa.paypage import limits, words
from rufaa.paypage.limits import TooOften, Use
from rufaa.referrals.bearer import UnknownLink
from rufaa.source import source_of
from rufaa.trail import Channel

LARGEST_FORM: Final = 4096  # bytes
_MOST_FIELDS: Final = 20
LANGUAGE_COOKIE: Final = "r-lang"
_A_YEAR_S: Final = 365 * 24 * 3600
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
_log = structlog.get_logger()


class UnfitForm(Exception):
    """What was posted is too long, broken off, or no form at all."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """One request by whoever has a link."""

    request: HttpRequest
    token: str

    @property
    def path(self) -> str:
        """The page's own address on this server."""
        return path_of(self.token)

    @property
    def network(self) -> str:
        """Whose address the request comes from."""
        return network_of(self.request)


View: TypeAlias = Callable[[Bearing], HttpResponse]
Answered: TypeAlias = Callable[..., HttpResponse]


def path_of(token: str) -> str:
    return f"/r/{token}"


def answers(*methods: str) -> Callable[[View], Answered]:
    """A view of this page, for ``methods`` (none: for all); what is wrong is said in the patient's language."""

    def made(view: View) -> Answered:
        @gzip_page  # what is on the wire is paid for; random padding keeps its length from telling what is in it
        @csrf_exempt  # forms are signed instead: there is no session that a cookie could speak for (``proofs``)
        @wraps(view)
        def answered(request: HttpRequest, token: str = "") -> HttpResponse:
            language = _language(request)
            here = trail.coming_from(Channel.PATIENT, f"/r/<token>/{view.__name__}")
            with translation.override(language), here:
                response = _answer(view, Bearing(request, token), methods)
            return _finished(response, request, language)

        return answered

    return made


def _answer(view: View, bearing: Bearing, methods: tuple[str, ...]) -> HttpResponse:
    try:
        if methods and bearing.request.method not in methods:
            response = plain(405, _("That cannot be done here."), _("Go back, and load the page again."))
            response["Allow"] = ", ".join(methods)
            return response
        return view(bearing)
    except UnknownLink:
        return _unknown(bearing)
    except UnfitForm:
        return plain(400, _("That could not be read."), _("Nothing was sent. Go back, and try again."))
    except (OperationalError, InterfaceError):
        _log.warning("paypage.no_database")
        response = plain(503, _("This page has to rest for a moment."), _("Nothing was lost. Try again in a minute."))
        response["Retry-After"] = "30"
        return response


def _unknown(bearing: Bearing) -> HttpResponse:
    """The same answer for whatever is no link, counted. A link that exists is never refused for the wrong ones that
    others tried from the same address: a mobile network shows many phones as one, and no guess can succeed."""
    metrics.UNKNOWN_LINKS.inc()
    try:
        use = Use(limits.UNKNOWN_LINK, bearing.network)
        if unit(lambda tx: limits.take(tx, config().secret_keys, use)):
            _log.warning("paypage.guessing", source=bearing.network)
    except TooOften as refused:
        response = plain(429, _("That was too often."), words.refusal(refused))
        response["Retry-After"] = str(refused.wait_s)
        return response
    return plain(
        404,
        _("There is no page with this address."),
        _("Look at the message with the link again, or ask the health facility for a new one."),
    )


def plain(status: int, title: str, text: str) -> HttpResponse:
    """A page that only says something."""
    return drawn("plain.html", {"title": title, "text": text}, status=status)


def drawn(template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    whole = {**context, "language": translation.get_language()}
    return HttpResponse(render_to_string(f"paypage/{template}", whole), status=status)


def form_of(request: HttpRequest) -> dict[str, str]:
    """The fields of a posted form; of a field that is given twice the last. Raises ``UnfitForm``."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise UnfitForm
    try:
        body = request.read(LARGEST_FORM + 1)
    except UnreadablePostError:
        raise UnfitForm from None
    if len(body) > LARGEST_FORM:
        raise UnfitForm
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError:  # more fields than any form has, or no ASCII
        raise UnfitForm from None
    return {name: value.replace("\x00", "�") for name, value in pairs}


def network_of(request: HttpRequest) -> str:
    source = source_of(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        trusted_proxies=config().trusted_proxies,
    )
    return limits.network_of(source)


def cookie(response: HttpResponse, name: str, value: str, *, path: str, life_s: int) -> None:
    secure = config().public_url.startswith("https://")
    response.set_cookie(name, value, max_age=life_s, path=path, secure=secure, httponly=True, samesite="Lax")


def _language(request: HttpRequest) -> str:
    """The one asked for in the address, else the one chosen before, else the browser's."""
    spoken = dict(settings.LANGUAGES)
    for wanted in (request.GET.get("lang"), request.COOKIES.get(LANGUAGE_COOKIE)):
        if wanted in spoken:
            return str(wanted)
    return translation.get_language_from_request(request)


def _finished(response: HttpResponse, request: HttpRequest, language: str) -> HttpResponse:
    for name, value in _HEADERS.items():
        response[name] = value
    response["Content-Language"] = language
    if request.GET.get("lang") == language and request.COOKIES.get(LANGUAGE_COOKIE) != language:
        cookie(response, LANGUAGE_COOKIE, language, path="/r/", life_s=_A_YEAR_S)
    return response
