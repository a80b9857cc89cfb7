"""What is dear of Django's and proves nothing in a test, made cheap."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test.client import ClientHandler


class Argon2(Argon2PasswordHasher):
    """Argon2, but for what makes a password take half a second."""

    time_cost = 1
    memory_cost = 8  # KiB
    parallelism = 1


_load: Final = ClientHandler.load_middleware
_loaded: Final[list[Any]] = []


def load_once(handler: ClientHandler, is_async: bool = False) -> None:
    """One middleware for all clients: to load it is to look through all static files, and each client would."""
    if not _loaded:
        _load(handler, is_async)
        _loaded.append(handler._middleware_chain)
    handler._middleware_chain = _loaded[0]


def make_cheap() -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.{Argon2.__name__}"]
    ClientHandler.load_middleware = load_once  # type: ignore[method-assign]
