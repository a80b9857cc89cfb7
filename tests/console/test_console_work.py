"""The work list, as each person sees it."""

from __future__ import annotations

import pytest
from django.test import Client

from rufaa.facilities.models import User
from support import World


@pytest.fixture
def admin(world: World) -> Client:
    client = Client()
    client.force_login(
        User.objects.get(pk=world.admin.user), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    return client


def test_the_work_list_names_what_waits(world: World, admin: Client) -> None:
    world.referral()

    page = admin.get("/work/")

    assert page.status_code == 200
    assert "To approve <b>1</b>" in page.content.decode()


def test_a_stranger_is_sent_to_sign_in(world: World) -> None:
    answer = Client().get("/work/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=/work/")
