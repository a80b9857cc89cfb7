"""A new database from the script is one that the migrations made, to the last guard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from django.core.management import call_command
from django.db import connection

from beside import empty_database
from durable import connected_to
from repo.tools import tool
from rufaa.cli.migrate import bring_up_to_date
from rufaa.db import fresh, level

_CAST: Final = re.compile(r"::(?:character varying|text)(?:\[\])?|[()]")
"""PostgreSQL writes a list of values with other casts, and other brackets, once it was read back."""


@pytest.fixture(scope="module")
def schema() -> ModuleType:
    return tool("schema")


@contextmanager
def empty(beside: str, name: str) -> Iterator[str]:
    """The address of a new database with nothing in it, which the test's own connections lead to."""
    with empty_database(beside, name) as url, connected_to(url):
        yield url


def test_the_script_makes_what_the_migrations_make(database_url: str, schema: ModuleType) -> None:
    with empty(database_url, "by_migrations") as url:
        call_command("migrate", verbosity=0, interactive=False)
        by_migrations = schema.script(url)
    with empty(database_url, "by_the_script") as url:
        assert fresh.fill()
        by_the_script = schema.script(url)

    assert _CAST.sub("", by_the_script) == _CAST.sub("", by_migrations), "run make schema"


def test_all_that_a_start_does_with_an_empty_database_is_the_script(database_url: str) -> None:
    with empty(database_url, "at_a_start"):
        bring_up_to_date()

        assert level.missing() == frozenset()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT applied), current_setting('search_path') FROM django_migrations")
            moments, path = cursor.fetchone()
            cursor.execute("SELECT count(*) FROM law WHERE in_force")
            (moves,) = cursor.fetchone()
    assert (moments, "public" in path) == (1, True)
    assert moves > 0


@pytest.mark.parametrize(
    "before",
    ["CREATE TABLE theirs (id int)", "CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    ids=["a table", "a function"],
)
def test_a_database_with_anything_in_it_is_migrated(database_url: str, before: str) -> None:
    with empty(database_url, "not_empty"), connection.cursor() as cursor:
        cursor.execute(before)

        assert not fresh.fill()
        assert level.applied() == frozenset()


def test_in_another_schema_it_is_migrated(database_url: str) -> None:
    with empty(database_url, "elsewhere"), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA clinic; SET search_path = clinic, public")

        assert not fresh.fill()


def test_a_script_that_fails_leaves_the_database_empty(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = fresh.SCRIPT.read_text(encoding="utf-8")
    broken = tmp_path / "fresh.sql"
    broken.write_text(f"{whole}\nSELECT 1 / 0;\n", encoding="utf-8")
    monkeypatch.setattr(fresh, "SCRIPT", broken)
    with empty(database_url, "half_made"):
        with pytest.raises(Exception, match="division by zero"):
            fresh.fill()

        assert level.applied() == frozenset()
