"""Django's name for this folder."""

import psycopg
from django.apps import AppConfig

from rufaa.db import lists


class DbConfig(AppConfig):
    name = "rufaa.db"
    label = "rufaa_db"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        lists.register(psycopg.adapters)
