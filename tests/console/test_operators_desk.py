"""The operator's desk: facilities and people for operators alone, and no patient, key or password for anybody."""

from __future__ import annotations

import pytest
from django.test import Client

from rufaa.db.atomic import unit
from rufaa.facilities import operations
from rufaa.facilities.models import MpesaAccount, User
from support import World

TABLES = ("facility", "user", "membership", "price", "mpesaaccount")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def desk(world: World) -> Client:
    return signed_in(unit(lambda tx: operations.add_user(tx, "root", operator=True)))


@pytest.mark.parametrize("table", TABLES)
def test_an_operator_reads_every_table_of_the_desk(desk: Client, world: World, table: str) -> None:
    assert desk.get(f"/operator/facilities/{table}/").status_code == 200


@pytest.mark.parametrize("path", ["", *(f"facilities/{table}/" for table in TABLES)])
def test_nobody_else_gets_in(world: World, path: str) -> None:
    colleague = signed_in(User.objects.get(pk=world.admin.user)).get(f"/operator/{path}")
    stranger = Client().get(f"/operator/{path}")

    assert colleague.status_code in {302, 403}
    if colleague.status_code == 302:
        assert signed_in(User.objects.get(pk=world.admin.user)).get(colleague.headers["Location"]).status_code == 403
    assert stranger.status_code == 302


def test_an_operator_who_was_switched_off_is_out(desk: Client) -> None:
    User.objects.filter(username="root").update(is_active=False)

    assert desk.get("/operator/").status_code == 302


def test_there_is_no_patient_and_no_key_at_the_desk(desk: Client, world: World) -> None:
    page = desk.get("/operator/").content.decode()
    account = MpesaAccount.objects.get(pk=world.account.pk)
    shown = desk.get(f"/operator/facilities/mpesaaccount/{account.pk}/change/").content.decode()

    assert "referral" not in page.lower()
    assert "particulars" not in page.lower()
    assert "sealed" not in shown
    assert account.short_code in shown


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_deleted_there(desk: Client, world: World, table: str) -> None:
    subject = {
        "facility": world.uhuru.pk,
        "user": world.admin.user,
        "mpesaaccount": world.account.pk,
    }.get(table)
    if subject is None:
        return
    assert desk.post(f"/operator/facilities/{table}/{subject}/delete/", {"post": "yes"}).status_code == 403


def test_nobody_becomes_an_operator_or_gets_a_password_by_a_form(desk: Client, world: World) -> None:
    before = User.objects.get(pk=world.admin.user)
    fields = {"username": before.username, "full_name": "Achieng", "email": "", "is_superuser": "on", "password": "x"}

    assert desk.post(f"/operator/facilities/user/{before.pk}/change/", fields).status_code == 302

    after = User.objects.get(pk=world.admin.user)
    assert (after.full_name, after.is_superuser, after.password) == ("Achieng", False, before.password)
