"""Django's name for this folder."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "rufaa.patients"
    default_auto_field = "django.db.models.BigAutoField"
