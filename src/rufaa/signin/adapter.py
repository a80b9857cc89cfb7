"""What allauth asks of us: nobody signs up, nothing leads elsewhere, and its words are ours."""

from __future__ import annotations

import base64
import io
import ipaddress
import time
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import segno
from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rufaa import secret
from rufaa.config import config
from rufaa.facilities.models import User
from rufaa.signin import guessing, languages, noting
from rufaa.signin.leading import leads_here

_WRONG: Final = _("This name and this password do not belong together.")
_WRONG_CODE: Final = _("This is wrong, or too old. Try again.")
_TOO_MANY: Final = _("Too many tries. Wait five minutes, and try again.")
_SAID: Final = {
    "mfa/messages/totp_activated.txt": _("Your authenticator app is set up."),
    "mfa/messages/totp_deactivated.txt": _("Your authenticator app is taken away."),
    "mfa/messages/recovery_codes_generated.txt": _("Keep these recovery codes where you find them without your phone."),
    "mfa/messages/webauthn_added.txt": _("Your passkey is added."),
    "mfa/messages/webauthn_removed.txt": _("The passkey is taken away."),
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _WRONG,
        "email_password_mismatch": _WRONG,
        "invalid_login": _WRONG,
        "too_many_login_attempts": _TOO_MANY,
        "rate_limited": _TOO_MANY,
        "incorrect_password": _("This is not your password."),
        "incorrect_code": _WRONG_CODE,
        "enter_current_password": _("This is not your password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """People are added by those who run the place."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Only a path of this server: the Host header, which a stranger may choose, says nothing here."""
        return leads_here(url)

    def get_client_ip(self, request: HttpRequest) -> str:
        return guessing.address_of(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Passwords are counted by axes, for all processes together; allauth would count them per process."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """While a name is kept out, ``pages.locked`` says so."""
        if not getattr(request, "axes_locked_out", False):
            noting.failed(request, str(credentials.get("username", "")))

    def post_login(self, request: HttpRequest, user: User, **hooks: Any) -> HttpResponse:
        """Whoever chose a language is answered in it in every browser."""
        noting.came_in(request, user)
        answer: HttpResponse = super().post_login(request, user, **hooks)
        if user.language:
            languages.remember(answer, user.language)
        return answer

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:  # noqa: ARG002
        """Before second factors change, whoever did not sign in just now shows again that it is them; in a demo nobody
        has anything to show."""
        request = context.request
        since = time.time() - account_settings.REAUTHENTICATION_TIMEOUT
        fresh = any(record.get("at", 0) > since for record in get_authentication_records(request, request.user))
        return not fresh and bool(get_reauthentication_flows(request.user))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:  # noqa: ARG002
        """Nobody learns more from us than that it did not work."""
        messages.error(request, str(_WRONG))
        return HttpResponseRedirect("/sign-in/")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Only what is worth saying, in our words."""
        said = message or _SAID.get(message_template or "")
        if said:
            super().add_message(request, level, None, message_context, extra_tags, str(said))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Second factors. What they are made from is sealed under the operator's secret, as accounts' keys are."""

    error_messages: ClassVar = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _WRONG_CODE,
        "cannot_generate_recovery_codes": _("Set up an app or a passkey first."),
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(secret.seal(config().secret_keys, text.encode(), context=_CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return secret.unseal(config().secret_keys, base64.b64decode(encrypted_text), context=_CONTEXT).decode()

    def get_totp_label(self, user: User) -> str:
        return user.username

    def build_totp_svg(self, url: str) -> SafeString:
        """As SVG without a style of its own, which the content policy would not let in."""
        drawn = io.BytesIO()
        code = segno.make(url, error="m")
        code.save(drawn, kind="svg", border=2, xmldecl=False, svgns=True, omitsize=True, light="#fff", lineclass=None)
        return mark_safe(drawn.getvalue().decode())  # noqa: S308 - segno drew it, and writes no text into it

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": site(), "name": "Rufaa"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        return {
            "id": user.pk.hex.encode(),
            "display_name": user.full_name or user.username,
            "name": user.username,
        }

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002, ARG002 - allauth's signature
        return gettext("My device")


_CONTEXT: Final = "second-factor"


def site() -> str:
    """The name that passkeys are made for: that of the public address, whatever a request calls us."""
    return urlsplit(config().public_url).hostname or ""


def takes_passkeys() -> bool:
    """Browsers make passkeys for a name alone, and only where nobody can listen."""
    host = site()
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return config().public_url.startswith("https://") or host == "localhost" or host.endswith(".localhost")
    return False
