"""Django's name for this folder."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "rufaa.appointments"
    default_auto_field = "django.db.models.BigAutoField"
