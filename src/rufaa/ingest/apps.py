"""Django's name for this folder."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "rufaa.ingest"
    default_auto_field = "django.db.models.BigAutoField"
