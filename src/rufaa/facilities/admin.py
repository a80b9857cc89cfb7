"""Django's admin, for the operator: facilities, people, roles, prices and accounts. Never a patient, never a key.

It is the plain tool for what has no page of its own. Nothing is deleted here: memberships are revoked, people switched
off, and what money refers to stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from rufaa.facilities.models import Facility, Membership, MpesaAccount, Price, User

if TYPE_CHECKING:  # the class takes a parameter there alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class OperatorSite(admin.AdminSite):
    """Only operators get in; signing in is the same as everywhere."""

    site_header = site_title = "Rufaa: the operator's desk"
    index_title = "What this server knows of facilities and people"

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """There is one door; whoever is inside and no operator is told so."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.get_full_path())

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return not isinstance(user, AnonymousUser) and user.is_active and user.is_superuser


class Kept(ModelAdmin):
    """Rows that are never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class Shown(Kept):
    """Rows that commands write, since they need more than a form."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class FacilityAdmin(Kept):
    list_display = ["name", "prompts_at_once", "created_at"]
    search_fields = ["name"]
    fields = ["name", "prompts_at_once"]


class UserAdmin(Kept):
    """Names and whether somebody may come in. A password is its owner's: it is set by invitation."""

    list_display = ["username", "full_name", "email", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    search_fields = ["username", "full_name", "email"]
    fields = ["username", "full_name", "email", "is_superuser", "is_active"]
    readonly_fields = ["is_superuser", "is_active"]


class MembershipAdmin(Kept):
    list_display = ["user", "facility", "role", "created_at", "revoked_at"]
    list_filter = ["role", "facility"]
    list_select_related = ["user", "facility"]
    search_fields = ["user__username", "facility__name"]
    autocomplete_fields = ["user", "facility"]
    fields = ["user", "facility", "role", "revoked_at"]


class PriceAdmin(Shown):
    list_display = ["facility", "receiving", "payee", "account", "amount_cents"]
    list_select_related = ["facility", "receiving", "payee", "account"]


class AccountAdmin(Shown):
    list_display = ["short_code", "till_number", "environment", "owner", "c2b_registered_at"]
    list_select_related = ["owner"]
    exclude = ["sealed_keys"]


def registered() -> OperatorSite:
    site = OperatorSite()
    for model, shown in (
        (Facility, FacilityAdmin),
        (User, UserAdmin),
        (Membership, MembershipAdmin),
        (Price, PriceAdmin),
        (MpesaAccount, AccountAdmin),
    ):
        site.register(model, shown)
    return site
