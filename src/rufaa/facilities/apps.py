"""Django's name for this folder."""

from django.apps import AppConfig


class FacilitiesConfig(AppConfig):
    name = "rufaa.facilities"
    default_auto_field = "django.db.models.BigAutoField"
