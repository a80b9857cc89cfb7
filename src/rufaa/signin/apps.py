"""Django's name for this folder."""

from django.apps import AppConfig


class SigninConfig(AppConfig):
    name = "rufaa.signin"
    default_auto_field = "django.db.models.BigAutoField"
