"""One's own account: name, language, password, second factors, and where one is signed in."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from rufaa.db.atomic import look, unit
from rufaa.errors import RufaaError
from rufaa.facilities import logbook, operations
from rufaa.facilities.models import User
from rufaa.signin import adapter, guessing, happenings, noting, password_links, people, second_factor, sessions
from rufaa.signin.leading import leads_here
from rufaa.spoken import refusal

HERE = "/account/"
_LATEST = 10


@never_cache
@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    return _draw(request)


@never_cache
@login_required
@require_POST
def rename(request: HttpRequest) -> HttpResponse:
    user, name = _me(request), request.POST.get("full_name", "")
    try:
        unit(lambda tx: operations.rename(tx, user.pk, name), actor=user.pk)
    except RufaaError as error:
        return _draw(request, status=422, wrong_name=refusal(error), typed_name=name)
    messages.success(request, _("Your name is changed."))
    return HttpResponseRedirect(HERE)


@never_cache
@login_required
@sensitive_post_parameters()
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """Needs the present password. All other sessions end."""
    user, new = _me(request), request.POST.get("password", "")
    if not get_adapter(request).reauthenticate(user, request.POST.get("current", "")):
        return _draw(request, status=422, wrong_current=_("This is not your password."))
    if new != request.POST.get("again", ""):
        return _draw(request, status=422, wrong_new=_("The two passwords differ."))
    here = request.session.session_key
    try:
        user.password = unit(lambda tx: password_links.set_password(tx, user.pk, new), actor=user.pk)
    except RufaaError as error:
        return _draw(request, status=422, wrong_new=refusal(error))
    unit(lambda tx: people.end_sessions(tx, user.pk, but=here), actor=user.pk)
    update_session_auth_hash(request, user)  # this one goes on, under a key of its own
    UserSession.objects.filter(session_key=here).update(session_key=request.session.session_key)
    noting.note(request, "password.changed", person=user.pk)
    messages.success(request, _("Your password is changed. You are signed out everywhere else."))
    return HttpResponseRedirect(HERE)


@never_cache
@login_required
@require_POST
def end_others(request: HttpRequest) -> HttpResponse:
    """Signs out everywhere but here."""
    user, here = _me(request), request.session.session_key
    unit(lambda tx: people.end_sessions(tx, user.pk, but=here), actor=user.pk)
    noting.note(request, "sessions.ended", person=user.pk)
    messages.success(request, _("You are signed out everywhere else."))
    return HttpResponseRedirect(HERE)


@never_cache
@login_required
@require_safe
def need_second_factor(request: HttpRequest) -> HttpResponse:
    """Where whoever is asked for a second factor is led to; and on, once they have one."""
    user, to = _me(request), request.GET.get("next", "")
    asking = look(lambda tx: second_factor.asked_by(tx, user.pk))
    if not asking:
        return HttpResponseRedirect(to if leads_here(to) else "/work/")
    return render(request, "signin/need_second.html", {"asking": asking, "passkeys_work": adapter.takes_passkeys()})


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # behind login_required
    return request.user


def _draw(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    user = _me(request)
    factors = list(Authenticator.objects.filter(user=user).order_by("created_at", "pk"))
    by_type = {factor.type: factor for factor in factors}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    context = {
        "person": user,
        "app": by_type.get(Authenticator.Type.TOTP),
        "passkeys": [factor.wrap() for factor in factors if factor.type == Authenticator.Type.WEBAUTHN],
        "codes_left": None if codes is None else len(codes.wrap().get_unused_codes()),
        "passkeys_work": adapter.takes_passkeys(),
        "sessions": look(lambda tx: sessions.listed(tx, user.pk, here=request.session.session_key)),
        "address": guessing.address_of(request),
        "latest": happenings.told(
            look(lambda tx: logbook.of_person(tx, user.pk, kinds=happenings.SIGN_INS, limit=_LATEST))
        ),
        **more,
    }
    return render(request, "signin/account.html", context, status=status)
