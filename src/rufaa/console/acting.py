"""How a page of staff is answered: who acts, one transaction, what it was made from, and what went wrong.

A *screen* shows; an *act* changes something and sends the browser on to a screen; a *download* hands out a file. What
is refused is shown where it was asked, with everything that was typed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from rufaa import reads, tickets, trail
from rufaa.audit import operations as audit
from rufaa.config import config
from rufaa.console.nav import Entry, entries
from rufaa.console.templatetags.refusals import refusal
from rufaa.db.atomic import Tx, look, unit
from rufaa.errors import PAGE_STATUS, RufaaError
from rufaa.facilities import queries
from rufaa.facilities.queries import Actor
from rufaa.signin import second_factor
from rufaa.trail import Channel

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Acting:
    """One request of somebody who is signed in, and the transaction that it runs in. ``problem``: what was refused."""

    request: HttpRequest
    actor: Actor
    tx: Tx
    problem: RufaaError | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """What to draw. A template gets ``context`` and, where something refused, ``problem`` and what was ``typed``."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did: where to go on, and what to say there. ``but``: what did not come of it. ``then`` is done after
    the commit, for what waits for the network, say an e-mail; what it refuses is said too, and undoes nothing.

    Both stay on the page while it changes below them, so they tell what was done and not how things stand."""

    to: str
    said: str = ""
    but: str = ""
    then: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A file to be saved. ``about`` tells the audit which it was, in printable ASCII.

    A browser may draw what is ``ours``, made by Rufaa.
    """

    name: str
    kind: str
    content: bytes
    about: str
    ours: bool = False


View: TypeAlias = Callable[Concatenate[Acting, P], Screen]
Act: TypeAlias = Callable[Concatenate[Acting, P], Done]
Handing: TypeAlias = Callable[Concatenate[Acting, P], File]


def screen(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A page that shows. It hears by itself when what it was made from has changed (``tickets``)."""

    @never_cache
    @login_required
    @second_factor.needed
    @require_safe
    @wraps(view)
    def shown(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return _draw(request, lambda acting: view(acting, *args, **kwargs))

    return shown


def act(back: View[P]) -> Callable[[Act[P]], Callable[Concatenate[HttpRequest, P], HttpResponse]]:
    """A form that changes something. What is refused is shown on ``back``, with the status that the refusal has.

    Its address shows ``back`` to who only looks: a page that was drawn there fetches itself again like any other.
    """

    def acts(view: Act[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
        @never_cache
        @login_required
        @second_factor.needed
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def done(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != "POST":
                return _draw(request, lambda acting: back(acting, *args, **kwargs))
            actor = look(lambda tx: queries.actor(tx, _who(request)))
            try:
                with trail.coming_from(Channel.PAGE, _address(request)):
                    result = unit(lambda tx: view(Acting(request, actor, tx), *args, **kwargs), actor=actor.user)
            except RufaaError as error:
                return _draw(request, lambda acting: back(acting, *args, **kwargs), problem=error)
            try:
                if result.then is not None:
                    result.then()
                if result.said:
                    messages.success(request, result.said)
                if result.but:
                    messages.warning(request, result.but)
            except RufaaError as error:
                messages.warning(request, refusal(error))
            return HttpResponseRedirect(result.to)

        return done

    return acts


def download(view: Handing[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A file, which a browser saves, and draws only where it is ``ours``. It leaves once the audit has noted it."""

    @login_required
    @second_factor.needed
    @require_safe
    @wraps(view)
    def handed(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        def found(tx: Tx) -> File:
            acting = Acting(request, queries.actor(tx, _who(request)), tx)
            with trail.gathering() as seen:
                file = view(acting, *args, **kwargs)
            with trail.coming_from(Channel.PAGE, f"{_address(request)} {file.about}"):
                audit.note_shown(tx, acting.actor.user, seen)
            return file

        try:
            return _saved(look(found))
        except RufaaError as error:
            return _refused(request, error)

    return handed


_OURS: Final = "default-src 'none'; frame-ancestors 'none'"  # a viewer of PDFs does not run in a sandbox


def _saved(file: File) -> HttpResponse:
    """Nobody takes it for another kind (``nosniff``) since that is said of every answer."""
    disposition = content_disposition_header(as_attachment=not file.ours, filename=file.name)
    assert disposition is not None
    return HttpResponse(
        file.content,
        content_type=file.kind,
        headers={
            "Content-Disposition": disposition,
            "Content-Security-Policy": _OURS if file.ours else "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, no-store",
        },
    )


def _refused(request: HttpRequest, error: RufaaError) -> HttpResponse:
    return render(request, "rufaa/refused.html", {"problem": error}, status=PAGE_STATUS[error.kind])


def _who(request: HttpRequest) -> uuid.UUID:
    assert request.user.pk is not None  # behind login_required
    return request.user.pk


def _address(request: HttpRequest) -> str:
    """The page's address with the names of its parts in their places, for the audit: no id, and nothing typed."""
    return f"/{request.resolver_match.route}" if request.resolver_match is not None else ""


def _draw(request: HttpRequest, view: Callable[[Acting], Screen], *, problem: RufaaError | None = None) -> HttpResponse:
    def shown(tx: Tx) -> tuple[Screen, list[Entry]]:
        acting = Acting(request, queries.actor(tx, _who(request)), tx, problem)
        with trail.gathering() as seen:
            drawn = view(acting)
        audit.note_shown(tx, acting.actor.user, seen)
        return drawn, entries(acting.actor, here=request.path)

    with reads.recording() as read, trail.coming_from(Channel.PAGE, _address(request)):
        try:
            drawn, nav = look(shown)
        except RufaaError as error:
            return _refused(request, error)
    context = {
        **drawn.context,
        "nav": nav,
        "problem": problem,
        "typed": request.POST if problem is not None else {},
        "live": tickets.issue(config().secret_keys, read.topics or {reads.EVERYTHING}),
        "again_s": read.again_s,
    }
    return render(request, drawn.template, context, status=200 if problem is None else PAGE_STATUS[problem.kind])
