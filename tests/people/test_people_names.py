"""Sign-in names: two people's differ in more than case, and one is found whatever its case."""

from __future__ import annotations

from importlib import import_module

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from rufaa.db.atomic import unit
from rufaa.facilities import operations
from rufaa.facilities.models import User
from rufaa.facilities.queries import actor_named
from rufaa.signin import people
from support import World, execute, value


def test_two_names_that_differ_only_in_case_are_refused_by_the_database(world: World) -> None:
    with pytest.raises(IntegrityError, match="rufaa_user_name_once"):
        execute("UPDATE rufaa_user SET username = 'ADMIN' WHERE username = 'physician'")


def test_who_adds_one_is_told_whose_name_it_is(world: World) -> None:
    with pytest.raises(operations.NameTaken, match="called admin already"):
        unit(lambda tx: operations.add_user(tx, "Admin"))
    assert value("SELECT count(*) FROM rufaa_user WHERE lower(username) = 'admin'") == 1


def test_the_operators_form_refuses_one(world: World) -> None:
    user = User.objects.get(username="physician")
    user.username = "Admin"

    with pytest.raises(ValidationError, match="Somebody has this name already"):
        user.full_clean()


def test_a_name_is_found_whatever_its_case(world: World) -> None:
    assert unit(lambda tx: actor_named(tx, "ADMIN")).user == world.admin.user
    assert people.named("Admin").pk == world.admin.user


def test_a_migration_says_which_names_to_change(world: World, database_url: str) -> None:
    """As an older level left them: the index is not there yet."""
    from django.apps import apps  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    names = import_module("rufaa.facilities.migrations.0005_names")

    with psycopg.connect(database_url, autocommit=True) as admin:
        try:
            admin.execute("DROP INDEX rufaa_user_name_once")
            admin.execute("UPDATE rufaa_user SET username = 'ADMIN' WHERE username = 'physician'")
            with (
                pytest.raises(names.NamesDifferInCaseOnly, match="ADMIN and admin"),
                connection.schema_editor() as editor,
            ):
                names.need_names_apart(apps, editor)
        finally:
            admin.execute("UPDATE rufaa_user SET username = 'physician' WHERE username = 'ADMIN'")
            admin.execute("CREATE UNIQUE INDEX rufaa_user_name_once ON rufaa_user (lower(username))")
