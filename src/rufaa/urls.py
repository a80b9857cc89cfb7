"""Which page answers which address. The gateway takes ``/h/``, ``/api/`` and ``/live`` before Django sees them."""

from __future__ import annotations

from django.urls import include, path

from rufaa.console import pages
from rufaa.facilities import admin

urlpatterns = [
    path("", pages.front_door),
    path("", include("rufaa.console.urls")),
    path("operator/", admin.registered().urls),
    path("sign-in/", include("rufaa.signin.urls")),
    path("account/", include("rufaa.signin.account_urls")),
    path("r/", include("rufaa.paypage.urls")),
    path("sms/", include("rufaa.notices.urls")),
]
