"""What a database has: its tables with a digest of every row, and the guards on them. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql as compose

from rufaa.db import sql

_SQL: Final = sql.load(__file__, "catalog.sql")
_SETTINGS: Final = (
    "SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),"
    " set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true),"
    " set_config('bytea_output', 'hex', true)"
)
# The sum does not depend on the order of rows; 56 bits of each row's SHA-256 are enough against accidents.
_DIGEST: Final = """
SELECT count(*), coalesce(sum(('x' || encode(substr(sha256(convert_to(a_row::text, 'UTF8')), 1, 7), 'hex'))
    ::bit(56)::bigint), 0)::text
FROM ONLY {table} AS a_row
"""


@dataclass(frozen=True, slots=True)
class Table:
    """How many rows a table has, and a number that changes with any of them."""

    rows: int
    digest: str


def tables(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Every table by its name with its schema, as the connection's transaction sees it. Reads every row."""
    connection.execute(_SETTINGS)  # a row's text depends on them
    found: dict[str, Table] = {}
    for (name,) in connection.execute(_SQL["tables"]).fetchall():
        counted = connection.execute(compose.SQL(_DIGEST).format(table=compose.SQL(name))).fetchone()
        assert counted is not None
        found[name] = Table(rows=counted[0], digest=counted[1])
    return found


def objects(connection: psycopg.Connection[Any]) -> Mapping[str, str]:
    """Columns, constraints, indexes, triggers, functions of the schema public: each by its kind and name."""
    return dict(connection.execute(_SQL["objects"]).fetchall())


def lagging_sequences(connection: psycopg.Connection[Any]) -> list[str]:
    """Columns whose sequence stands below the highest number in use: it would give out numbers again."""
    lagging: list[str] = []
    for table, column, last in connection.execute(_SQL["sequences"]).fetchall():
        query = compose.SQL("SELECT max({column}) FROM {table}").format(
            column=compose.SQL(column), table=compose.SQL(table)
        )
        row = connection.execute(query).fetchone()
        highest = None if row is None else row[0]
        if highest is not None and (last is None or last < highest):
            lagging.append(f"{table}.{column} is at {highest}, its sequence at {last}")
    return lagging
