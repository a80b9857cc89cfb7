"""Every statement of the program, as PostgreSQL prepares it: what it cannot know the type of would fail in use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import psycopg
import pytest

import rufaa
from rufaa.db import sql

ROOT: Final = Path(rufaa.__file__).parent
SCRIPTS: Final = {"make_safe"}
"""What psql runs, with its values written into it."""
STATEMENTS: Final = {
    f"{path.relative_to(ROOT)}:{name}": text
    for path in sorted(ROOT.rglob("*.sql"))
    for name, text in sql.load(str(path), path.name).items()
    if name not in SCRIPTS
}
_PARAMETER: Final = re.compile(r"%(%|\((\w+)\)s)")


def numbered(text: str) -> str:
    """With PostgreSQL's own parameters, each name its number."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        if found[2] not in names:
            names.append(found[2])
        return f"${names.index(found[2]) + 1}"

    return _PARAMETER.sub(number, text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_can_be_prepared(database: str, name: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(f"PREPARE it AS {numbered(STATEMENTS[name])}".encode())


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 100


def test_one_whose_parameter_could_be_anything_cannot(database: str) -> None:
    with (
        psycopg.connect(database) as connection,
        pytest.raises(psycopg.errors.IndeterminateDatatype),
    ):
        connection.execute(f"PREPARE it AS {numbered('SELECT FROM fee WHERE %(reason)s IS NULL')}".encode())
