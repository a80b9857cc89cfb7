"""Addresses of signing in. Names with ``account_`` and ``mfa_`` are those by which allauth finds its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from rufaa.signin import languages, pages, passwords

urlpatterns: list[URLPattern] = [
    path("", pages.SignIn.as_view(), name="account_login"),
    path("as/", pages.sign_in_as, name="sign_in_as"),
    path("language/", languages.language, name="language"),
    path("forgotten/", passwords.forgotten, name="account_reset_password"),
    path("password/<str:link>/", passwords.choose, name="choose_password"),
    path("out/", pages.sign_out, name="account_logout"),
]
