"""The door: sign in and sign out. What a stranger sees says nothing about who is here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from allauth.account.forms import LoginForm
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from rufaa import clock
from rufaa.config import config
from rufaa.facilities.models import User
from rufaa.signin import adapter, guessing, noting, people

_LONGEST: Final = 300


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """A user name or an e-mail address, and a password. Neither is a reason to fail, however long or odd."""

    def clean_login(self) -> str:
        typed: str = self.cleaned_data["login"]
        return typed.strip()[:_LONGEST]

    def user_credentials(self) -> dict[str, str]:
        """As a name alone: the backend takes an e-mail address for one, and axes counts what was typed."""
        return {"username": self.cleaned_data["login"], "password": self.cleaned_data["password"]}


class SignIn(LoginView):  # type: ignore[misc]  # allauth has no types
    form_class = SignInForm
    template_name = "signin/sign_in.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return {**super().get_context_data(**more), **_door(self.request)}

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        answer: HttpResponse = self.render_to_response(self.get_context_data(form=form))
        answer.status_code = 422
        return answer


def _door(request: HttpRequest) -> dict[str, Any]:
    return {
        "typed": request.POST.get("login", ""),
        "next": get_next_redirect_url(request) or "",
        "passkeys": adapter.takes_passkeys(),
        "cast": people.cast() if config().demo else [],
    }


def locked(request: HttpRequest, _response: HttpResponse | None, credentials: Mapping[str, Any] | None) -> HttpResponse:
    """What axes answers with while a name is kept out at an address."""
    noting.kept_out(request, guessing.name_of(request, credentials))
    left = guessing.wait(request, credentials, now=clock.now())
    minutes = max(1, -(-left // timedelta(minutes=1)))
    said = ngettext(
        "Too many wrong tries. Wait %(minutes)d minute, and try again.",
        "Too many wrong tries. Wait %(minutes)d minutes, and try again.",
        minutes,
    ) % {"minutes": minutes}
    context = {**_door(request), "locked": said}
    answer = render(request, "signin/sign_in.html", context, status=429)
    answer["Retry-After"] = str(minutes * 60)
    return answer


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends this session."""
    who = request.user.pk
    logout(request)
    if who is not None:
        noting.note(request, "sign-in.ended", person=who)
    return HttpResponseRedirect("/sign-in/")


@never_cache
@require_POST
def sign_in_as(request: HttpRequest) -> HttpResponse:
    """The demo's way in: by name alone. A second factor, where one is set, is asked for all the same."""
    if not config().demo:
        raise Http404
    name = request.POST.get("who", "")
    who = None if "\x00" in name else User.objects.filter(username=name, is_active=True).first()
    if who is None:
        return HttpResponseRedirect("/sign-in/")
    if request.user.is_authenticated:
        logout(request)
    record_authentication(request, who, method="demo")
    answer: HttpResponse = perform_login(request, Login(user=who, redirect_url=get_next_redirect_url(request)))
    return answer
