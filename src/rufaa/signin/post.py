"""E-mails of signing in: an invitation, and the way to a new password. Sent outside of transactions."""

from __future__ import annotations

import smtplib
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from rufaa.config import config
from rufaa.errors import Kind, RufaaError

_NOWHERE: Final = "django.core.mail.backends.dummy.EmailBackend"
_log = structlog.get_logger()


class NotSent(RufaaError):
    """The mail server did not take an e-mail."""

    kind = Kind.UNAVAILABLE
    code = "email-not-sent"


def goes_out() -> bool:
    """Whether this server sends e-mails at all."""
    return bool(settings.EMAIL_BACKEND != _NOWHERE)


def address(link: str) -> str:
    """Where a password link leads (``password_links``)."""
    return f"{config().public_url}/sign-in/password/{link}/"


def invite(to: str, *, name: str, username: str, link: str, language: str = "") -> None:
    """Raises ``NotSent``."""
    with translation.override(language or None):
        _send(
            to,
            _("Your invitation to Rufaa"),
            _(
                "Hello %(name)s,\n\nyou may sign in to Rufaa at %(here)s as %(username)s. Choose a password here:\n\n"
                "%(address)s\n\nThe link is good once, and for seven days."
            )
            % {"name": name, "here": config().public_url, "username": username, "address": address(link)},
        )


def remind(to: str, *, name: str, username: str, link: str, language: str = "") -> None:
    """Raises ``NotSent``."""
    with translation.override(language or None):
        _send(
            to,
            _("A new password for Rufaa"),
            _(
                "Hello %(name)s,\n\nsomebody asked for a new password for %(username)s. If that was you, choose it"
                " here:\n\n%(address)s\n\nThe link is good once, and for an hour. If it was not you, do nothing: your"
                " password stays as it is."
            )
            % {"name": name, "username": username, "address": address(link)},
        )


def _send(to: str, subject: str, text: str) -> None:
    try:
        send_mail(subject, text, None, [to])
    except (OSError, smtplib.SMTPException) as error:
        _log.warning("email.not_sent", error=type(error).__name__)
        raise NotSent("The mail server did not take the e-mail. See RUFAA_EMAIL_URL.") from None
