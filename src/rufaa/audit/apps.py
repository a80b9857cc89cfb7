"""Django's name for this folder."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "rufaa.audit"
    default_auto_field = "django.db.models.BigAutoField"
