"""Django's name for this folder."""

from django.apps import AppConfig


class DbConfig(AppConfig):
    name = "rufaa.db"
    label = "rufaa_db"
    default_auto_field = "django.db.models.BigAutoField"
