"""Django's name for this folder."""

from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "rufaa.referrals"
    default_auto_field = "django.db.models.BigAutoField"
