"""Django's name for this folder."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "rufaa.ledger"
    default_auto_field = "django.db.models.BigAutoField"
