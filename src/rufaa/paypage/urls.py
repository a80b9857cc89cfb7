"""Addresses of the patient's page. Whatever else stands below ``/r/`` is answered like a link that nobody has."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from rufaa.paypage import views

urlpatterns: list[URLPattern] = [
    path("<str:token>", views.page),
    path("<str:token>/", views.page),
    path("<str:token>/pay", views.pay),
    path("<str:token>/birth", views.birth),
    path("<str:token>/receipt.pdf", views.receipt_pdf),
    path("<str:token>/visit", views.visit),
    path("<str:token>/visit.ics", views.visit_ics),
    re_path("", views.nothing),
]
