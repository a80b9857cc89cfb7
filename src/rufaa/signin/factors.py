"""Pages of second factors: an authenticator app, recovery codes, passkeys; to set them up, and to show them when asked.

What they do is allauth's; here are our templates, one transaction a page, and answers to what no browser would send.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.views import ReauthenticateView as AgainByPassword
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as AgainByCode
from allauth.mfa.recovery_codes.views import (
    DownloadRecoveryCodesView,
    GenerateRecoveryCodesView,
    ViewRecoveryCodesView,
)
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    LoginWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from rufaa import trail
from rufaa.db.atomic import atomic
from rufaa.signin import noting
from rufaa.trail import Channel

Page = Callable[..., HttpResponse]

_NONSENSE: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading a credential ends in that no authenticator made."""


class AddForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A name of at most 60 characters, and a credential that the device checked its owner for."""

    def clean_name(self) -> str:
        name: str = " ".join(super().clean_name().split())
        return name[:60]

    def clean(self) -> dict[str, Any]:
        if "\\u0000" in self.data.get("credential", ""):  # which the database cannot keep
            raise get_adapter().validation_error("incorrect_code")
        try:
            cleaned: dict[str, Any] = super().clean()
        except _NONSENSE:
            raise get_adapter().validation_error("incorrect_code") from None
        return cleaned


class _Shown:
    """A form with a credential that somebody shows."""

    def clean_credential(self) -> Any:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except _NONSENSE:
            raise get_adapter().validation_error("incorrect_code") from None


class ShowForm(_Shown, AuthenticateWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """At signing in, after the password."""


class SignInForm(_Shown, LoginWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """In place of name and password."""


class AgainForm(_Shown, ReauthenticateWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """Before something that a session left alone must not do."""


class SecondStep(AuthenticateView):  # type: ignore[misc]  # allauth has no types
    template_name = "signin/second.html"
    webauthn_form_class = ShowForm

    def form_invalid(self, form: Any) -> HttpResponse:
        noting.note(self.request, "second-step.failed", person=self.stage.login.user.pk, by_themselves=False)
        answer: HttpResponse = super().form_invalid(form)
        return answer


class Add(AddWebAuthnView):  # type: ignore[misc]  # allauth has no types
    form_class = AddForm
    template_name = "signin/passkey_add.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**more)
        # every passkey of ours signs in alone: it is kept in the device, which asks for its owner's finger or PIN
        context["js_data"] = {"creation_options": auth.begin_registration(self.request.user, True)}
        return {**context, **more}


def _own(page: Page) -> Page:
    """A page of somebody who is signed in, in one transaction; the logbook's triggers are told who it is."""

    @wraps(page)
    def own(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with trail.coming_from(Channel.PAGE, ""), atomic(actor=request.user.pk):
            return page(request, *args, **kwargs)

    guarded: Page = never_cache(login_required(own))
    return guarded


def _again(view: Any, **more: Any) -> Page:
    return _own(view.as_view(template_name="signin/again.html", extra_context=more))


sign_in: Page = never_cache(SecondStep.as_view())
sign_in_by_passkey: Page = never_cache(
    LoginWebAuthnView.as_view(form_class=SignInForm, template_name="signin/sign_in.html")
)
again_by_password = _again(AgainByPassword, by="password")
again_by_code = _again(AgainByCode, by="code")
again_by_passkey = _own(
    ReauthenticateWebAuthnView.as_view(
        form_class=AgainForm, template_name="signin/again.html", extra_context={"by": "passkey"}
    )
)
app_on = _own(ActivateTOTPView.as_view(template_name="signin/app_on.html"))
app_off = _own(DeactivateTOTPView.as_view(template_name="signin/app_off.html"))
codes = _own(ViewRecoveryCodesView.as_view(template_name="signin/codes.html"))
codes_new = _own(GenerateRecoveryCodesView.as_view(template_name="signin/codes_new.html"))
codes_file = _own(DownloadRecoveryCodesView.as_view(template_name="signin/codes.txt"))
passkey_add = _own(Add.as_view())
passkey_remove = _own(RemoveWebAuthnView.as_view(template_name="signin/passkey_remove.html", success_url="/account/"))
