"""Django's name for this folder."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "rufaa.payments"
    default_auto_field = "django.db.models.BigAutoField"
