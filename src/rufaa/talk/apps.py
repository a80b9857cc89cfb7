"""Django's name for this folder."""

from django.apps import AppConfig


class TalkConfig(AppConfig):
    name = "rufaa.talk"
    default_auto_field = "django.db.models.BigAutoField"
