"""Addresses of signing in. Names with ``account_`` and ``mfa_`` are those by which allauth finds its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from rufaa.signin import factors, languages, pages, passwords

urlpatterns: list[URLPattern] = [
    path("", pages.SignIn.as_view(), name="account_login"),
    path("as/", pages.sign_in_as, name="sign_in_as"),
    path("language/", languages.language, name="language"),
    path("forgotten/", passwords.forgotten, name="account_reset_password"),
    path("password/<str:link>/", passwords.choose, name="choose_password"),
    path("second/", factors.sign_in, name="mfa_authenticate"),
    path("passkey/", factors.sign_in_by_passkey, name="mfa_login_webauthn"),
    path("again/", factors.again_by_password, name="account_reauthenticate"),
    path("again/code/", factors.again_by_code, name="mfa_reauthenticate"),
    path("again/passkey/", factors.again_by_passkey, name="mfa_reauthenticate_webauthn"),
    path("out/", pages.sign_out, name="account_logout"),
]
