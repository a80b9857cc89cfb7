"""Pages of passwords: a new one after an invitation or a forgotten one. Changing one's own is in ``account``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from rufaa.config import config
from rufaa.db.atomic import Tx, look, unit
from rufaa.errors import RufaaError
from rufaa.signin import guessing, noting, password_links, people, post
from rufaa.signin.password_links import BadLink, Holder
from rufaa.spoken import refusal

_LONGEST: Final = 300
_CHOOSE: Final = "signin/choose.html"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Send the way to a new password. The page says the same whether or not anybody was meant."""
    if request.method != "POST":
        return render(request, "signin/forgotten.html", {"goes_out": post.goes_out()})
    typed = request.POST.get("login", "").strip()[:_LONGEST]
    refused: HttpResponse | None = ratelimit.consume_or_429(request, action="reset_password", key=typed.lower())
    if refused is not None:
        return refused
    letters = look(lambda tx: people.letters_for(tx, typed)) if post.goes_out() else []
    if letters:  # how long the mail server takes would tell a stranger that somebody was meant
        threading.Thread(target=_send, args=(letters,), name="mail").start()
    return render(request, "signin/forgotten.html", {"goes_out": post.goes_out(), "asked": True})


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest, link: str) -> HttpResponse:
    """Set a password by link."""
    keys = config().secret_keys
    try:
        found = look(partial(password_links.holder, link=link, keys=keys))
    except BadLink as error:
        return render(request, "signin/bad_link.html", {"problem": error}, status=404)
    if request.method != "POST":
        return render(request, _CHOOSE, {"holder": found})
    password = request.POST.get("password", "")
    if password != request.POST.get("again", ""):
        context = {"holder": found, "wrong": _("The two passwords differ.")}
        return render(request, _CHOOSE, context, status=422)
    try:
        unit(lambda tx: _use(tx, link, password), actor=found.user)
    except BadLink as error:  # somebody else was quicker
        return render(request, "signin/bad_link.html", {"problem": error}, status=404)
    except RufaaError as error:
        return render(request, _CHOOSE, {"holder": found, "wrong": refusal(error)}, status=422)
    guessing.forgive(found.username)
    noting.note(request, "invitation.used" if found.invited else "password.chosen", person=found.user)
    messages.success(request, _("Your password is set. Sign in with it."))
    return HttpResponseRedirect("/sign-in/")


def _send(letters: Sequence[Callable[[], None]]) -> None:
    for letter in letters:
        with suppress(post.NotSent):  # it is logged
            letter()


def _use(tx: Tx, link: str, password: str) -> Holder:
    return password_links.use(tx, link, password, keys=config().secret_keys)
