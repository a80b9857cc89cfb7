"""Django's name for this folder."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "rufaa.notices"
    default_auto_field = "django.db.models.BigAutoField"
