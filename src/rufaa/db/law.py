"""Writes the machines' tables into ``law``, where the triggers and the foreign key read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rufaa.db.atomic import Tx
from rufaa.law import Machine

_WRITE = """
WITH code AS (
    SELECT * FROM unnest(%(machines)s::text[], %(froms)s::text[], %(events)s::text[], %(tos)s::text[])
        AS row (machine, from_state, event, to_state)
), gone AS (
    UPDATE law SET in_force = false
    WHERE in_force AND (machine, from_state, event, to_state) NOT IN (SELECT * FROM code)
)
INSERT INTO law (machine, from_state, event, to_state, in_force)
SELECT machine, from_state, event, to_state, true FROM code
ON CONFLICT (machine, from_state, event, to_state) DO UPDATE SET in_force = true WHERE NOT law.in_force
"""


def write(tx: Tx, machines: Sequence[Machine[Any, Any]]) -> None:
    """Make ``law`` say exactly what ``machines`` say. Moves that are no longer lawful stay, out of force."""
    rows = [row for machine in machines for row in machine.rows()]
    columns = list(zip(*rows, strict=True))
    names = ("machines", "froms", "events", "tos")
    tx.execute(_WRITE, {name: list(column) for name, column in zip(names, columns, strict=True)})
