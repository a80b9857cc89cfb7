"""Django's name for this folder."""

from django.apps import AppConfig


class MovingConfig(AppConfig):
    name = "rufaa.moving"
    default_auto_field = "django.db.models.BigAutoField"
