"""Which page answers which address. The gateway takes ``/h/`` and ``/api/`` before Django sees them."""

from __future__ import annotations

from django.urls import path

from rufaa.console import pages

urlpatterns = [path("", pages.front_door)]
