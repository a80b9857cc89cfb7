"""Addresses that the SMS gateway posts to."""

from __future__ import annotations

from django.urls import URLPattern, path

from rufaa.notices import arriving

urlpatterns: list[URLPattern] = [path("<str:token>/<str:what>", arriving.arrive)]
