"""Addresses of one's own account. Names with ``account_`` and ``mfa_`` are those by which allauth finds its pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from rufaa.signin import account, factors

urlpatterns: list[URLPattern] = [
    path("", account.account, name="account"),
    path("", account.account, name="mfa_index"),
    path("", account.account, name="mfa_list_webauthn"),
    path("name/", account.rename, name="account_rename"),
    path("password/", account.change_password, name="account_change_password"),
    path("sessions/end/", account.end_others, name="account_end_others"),
    path("second-factor/", account.need_second_factor, name="need_second_factor"),
    path("app/", factors.app_on, name="mfa_activate_totp"),
    path("app/off/", factors.app_off, name="mfa_deactivate_totp"),
    path("codes/", factors.codes, name="mfa_view_recovery_codes"),
    path("codes/new/", factors.codes_new, name="mfa_generate_recovery_codes"),
    path("codes/file/", factors.codes_file, name="mfa_download_recovery_codes"),
    path("passkeys/add/", factors.passkey_add, name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", factors.passkey_remove, name="mfa_remove_webauthn"),
]
