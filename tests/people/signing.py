"""How tests of signing in come in: a person with a password, and a browser without JavaScript."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.hashers import make_password
from django.test import Client

from rufaa.facilities.models import User
from support import execute

PASSWORD: Final = "a long way to Lodwar"
BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"


def with_password(name: str, password: str = PASSWORD) -> User:
    """The person with this sign-in name, who has a password now."""
    execute("UPDATE rufaa_user SET password = %(it)s WHERE username = %(name)s", it=make_password(password), name=name)
    return User.objects.get(username=name)


def sign_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in/", {"login": name, "password": password, **more})


def member(name: str) -> Client:
    """Somebody who is signed in."""
    client = Client()
    client.force_login(User.objects.get(username=name), backend=BACKEND)
    return client


def is_in(client: Client) -> bool:
    return bool(client.get("/work/").status_code == 200)


def text(answer: Any) -> str:
    return str(answer.content.decode())
