"""Rows with the rows that they refer to, as models, by a statement that is written out once.

Django works ``select_related`` out anew for each query, which takes longer than PostgreSQL needs for the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model

from rufaa.db.atomic import Tx

M = TypeVar("M", bound=Model)


class _Part:
    """The columns of one table in a row, from ``start`` on."""

    def __init__(self, model: type[Model], alias: str, start: int) -> None:
        fields = model._meta.concrete_fields
        self._model = model
        self._names = [field.attname for field in fields]
        self._start, self.end = start, start + len(fields)
        self._key = start + next(number for number, field in enumerate(fields) if field.primary_key)
        self._converted: list[tuple[int, Any]] = [
            (number, field) for number, field in enumerate(fields) if hasattr(field, "from_db_value")
        ]
        self.columns = [f'"{alias}"."{field.column}"' for field in fields]

    def of(self, row: Sequence[Any]) -> Model | None:
        """None where an outer join found nothing."""
        if row[self._key] is None:
            return None
        values = list(row[self._start : self.end])
        for number, field in self._converted:
            values[number] = field.from_db_value(values[number], None, connection)
        return self._model.from_db(connection.alias, self._names, values)


class Joined(Generic[M]):
    """``model`` with the rows of its foreign keys ``related``. In conditions each table has the key's name."""

    def __init__(self, model: type[M], *related: str) -> None:
        table = model._meta.db_table
        self._whole = _Part(model, table, 0)
        self._parts: list[tuple[str, _Part]] = []
        columns, joins = [*self._whole.columns], []
        for name in related:
            key: Any = model._meta.get_field(name)
            part = _Part(key.related_model, name, len(columns))
            other = key.related_model._meta
            join = "LEFT JOIN" if key.null else "JOIN"
            joins.append(
                f'{join} "{other.db_table}" AS "{name}" ON "{name}"."{other.pk.column}" = "{table}"."{key.column}"'
            )
            columns += part.columns
            self._parts.append((name, part))
        self._select = f'SELECT {", ".join(columns)} FROM "{table}" {" ".join(joins)} '  # noqa: S608 - the models' words

    def rows(self, tx: Tx, where: str, params: Mapping[str, Any]) -> list[M]:
        """``where`` is SQL of the program's own, with its ``WHERE`` and all that follows."""
        return [self._made(row) for row in tx.tuples(self._select + where, params)]

    def _made(self, row: Sequence[Any]) -> M:
        whole: Any = self._whole.of(row)
        for name, part in self._parts:
            setattr(whole, name, part.of(row))
        made: M = whole
        return made
