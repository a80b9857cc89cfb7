"""Where Daraja is."""

from django.apps import AppConfig
from django.conf import settings


class ShopConfig(AppConfig):
    """django-daraja knows three hosts and no other; the one function that names them is told the simulator's."""

    name = "shop"

    def ready(self) -> None:
        from django_daraja.mpesa import core, utils

        core.api_base_url = utils.api_base_url = lambda: settings.MPESA_BASE_URL + "/"
