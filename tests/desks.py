"""Staff who are signed in, at Django's own client."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.middleware.csrf import CSRF_ALLOWED_CHARS, CSRF_SECRET_LENGTH
from django.test import Client
from django.utils.crypto import get_random_string

from rufaa.facilities.models import User
from rufaa.facilities.queries import Actor

T = TypeVar("T")
BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass
class Desk:
    """Somebody who is signed in."""

    client: Client = field(default_factory=Client)

    def get(self, path: str, **query: str) -> HttpResponse:
        return self.client.get(path, query)  # type: ignore[return-value]

    def text(self, path: str, **query: str) -> str:
        """The page, which is there."""
        page = self.get(path, **query)
        assert page.status_code == 200, (page.status_code, page.content.decode())
        return page.content.decode()

    def post(self, path: str, **values: object) -> HttpResponse:
        return self.client.post(path, values)  # type: ignore[return-value]

    def does(self, path: str, **values: object) -> str:
        """What the page says to which the form led; it was not refused."""
        answer = self.post(path, **values)
        assert answer.status_code == 302, (answer.status_code, answer.content.decode())
        return self.text(answer.headers["Location"])


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user), backend=BACKEND)
    return client


def signed_in_cookies(actor: Actor, url: str) -> list[Any]:
    """What a browser has after signing in at ``url``: the session, and the secret that its forms prove themselves with.

    Without the secret two pages that load at once bring one each, and the form of one is refused.
    """
    (session,) = signed_in(actor).cookies.values()
    secret = get_random_string(CSRF_SECRET_LENGTH, CSRF_ALLOWED_CHARS)
    return [
        {"name": session.key, "value": session.value, "url": url},
        {"name": settings.CSRF_COOKIE_NAME, "value": secret, "url": url},
    ]


class Elsewhere:
    """Runs what touches the database in another thread: the browser's has an event loop while a test is in it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    def __call__(self, work: Callable[[], T]) -> T:
        return self._thread.submit(work).result()

    def close(self) -> None:
        self._thread.submit(lambda: connection.close()).result()  # noqa: PLW0108 - that thread's own
        self._thread.shutdown()
