"""How PostgreSQL means to run each statement of some work: what it would read, asked by EXPLAIN as the work goes on."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from rufaa.db.atomic import Tx, unit

GROWING: Final = frozenset(
    {
        *("referral", "particulars", "referral_search", "fee", "exemption", "prompt", "receipt", "application"),
        *("evidence", "task", "transfer", "history", "audit", "inbox", "refund", "claim", "inquiry", "stray"),
        *("comment", "attachment", "appointment", "slot", "notice", "notice_wish"),
    }
)
"""Tables that have more rows every day."""
FEW: Final = frozenset(
    {
        *("prompt_due", "prompt_leased", "prompt_one_live_per_phone", "prompt_one_live_per_fee"),
        *("inbox_unsettled", "receipt_waiting", "task_open"),
        *("notice_due", "notice_leased", "notice_unknown"),
        *("appointment_held", "appointment_booked", "appointment_settled", "appointment_lost"),
    }
)
"""Indexes of what is under way or waits for somebody, which is little however long the past is."""
MOST_SORTED: Final = 20_000
"""A sort or a hash of more rows than this is of everything, in a town of millions (``as_if_there_were``)."""
PLANNING_COST: Final = 20.0
"""A plan for any values is taken where it costs less than planning anew and the plan for these (plan_cache_mode)."""
_PARAM: Final = re.compile(r"%\((\w+)\)s|%s|%%")
_KINDS: Final = ((bool, "boolean"), (int, "bigint"), (float, "float8"), (uuid.UUID, "uuid"), (datetime, "timestamptz"))


@dataclass
class Plans:
    """What is wrong with the plans of the statements that ran: the statement, and why."""

    wrong: dict[str, set[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def blame(self, statement: str, why: Iterable[str]) -> None:
        self.wrong.setdefault(" ".join(statement.split())[:200], set()).update(why)

    @property
    def found(self) -> dict[str, set[str]]:
        return {statement: why for statement, why in self.wrong.items() if why}


@contextmanager
def explained(plans: Plans) -> Iterator[None]:
    """Explains each statement before it runs, with its values and, as prepared statements may be, for any values."""

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "INSERT", "--")) and "pg_backend" not in sql:
            plans.seen.add(sql)
            here, anywhere = _with_values(sql, params), _for_any(sql, params)
            plans.blame(sql, [*reads_all(here), *sorts_all(here)])
            if anywhere["Total Cost"] < here["Total Cost"] + PLANNING_COST:  # how many rows it sorts is a guess there
                plans.blame(sql, [f"{each}, for any values" for each in reads_all(anywhere)])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def _with_values(sql: str, params: Any) -> dict[str, Any]:
    return _explain(f"EXPLAIN (FORMAT JSON) {sql}", params)


def _for_any(sql: str, params: Any) -> dict[str, Any]:
    """The generic plan. A value tells its parameter's type, as it does when it is sent."""
    given: list[Any] = []
    places: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1] or f"place {len(given)}"
        if name not in places:
            given.append(params[name] if found[1] else params[len(given)])
            places[name] = len(given)
        return f"${places[name]}{_type(given[places[name] - 1])}"

    text = _PARAM.sub(numbered, sql) if params else sql
    return _explain(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {text}", None)


def _type(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"{_type(value[0])}[]" if value and _type(value[0]) else ""
    return next((f"::{name}" for kind, name in _KINDS if isinstance(value, kind)), "")


def _explain(sql: str, params: Any) -> dict[str, Any]:
    assert connection.connection is not None
    with connection.connection.cursor() as cursor:  # past the wrapper
        cursor.execute(sql, params, prepare=False)
        ((told,),) = cursor.fetchall()
    (plan,) = json.loads(told) if isinstance(told, str) else told
    return dict(plan["Plan"])


def reads_all(plan: Mapping[str, Any]) -> Iterator[str]:
    """Growing tables that a plan reads from end to end, or from an end until it has found enough."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in GROWING:
        yield f"reads all of {plan['Relation Name']}"
    if plan["Node Type"] in {"Index Scan", "Index Only Scan"} and plan["Relation Name"] in GROWING and _walks(plan):
        yield f"walks through {plan['Index Name']}"
    for each in plan.get("Plans", []):
        yield from reads_all(each)


def sorts_all(plan: Mapping[str, Any]) -> Iterator[str]:
    """What a plan sorts or hashes of more rows than ``MOST_SORTED``."""
    for each in plan.get("Plans", []):
        if plan["Node Type"] in {"Sort", "Hash"} and each["Plan Rows"] > MOST_SORTED:
            yield f"a {plan['Node Type']} of {each['Plan Rows']} rows"
        yield from sorts_all(each)


def _walks(plan: Mapping[str, Any]) -> bool:
    """Through a whole index, without a condition on where, for rows that a filter picks. One of few rows may be."""
    return "Index Cond" not in plan and "Filter" in plan and plan["Index Name"] not in FEW


def as_if_there_were(times: int) -> None:
    """Lets PostgreSQL plan as if all growing tables had so many times their rows; until they are analysed again.

    Those that are known to be empty are not known any more: what is empty is best read through.
    """
    unit(
        lambda tx: tx.execute(
            "UPDATE pg_class SET reltuples = CASE WHEN reltuples > 0 THEN reltuples * %(times)s ELSE -1 END,"
            " relpages = CASE WHEN reltuples > 0 THEN relpages ELSE 0 END"
            " WHERE oid IN (SELECT to_regclass(name) FROM unnest(%(tables)s::text[]) AS name)",
            {"times": times, "tables": sorted(GROWING)},
        )
    )


def read_through() -> dict[str, int]:
    """How often this transaction has read each growing table from end to end: in triggers, too."""
    found = Tx().rows(
        "SELECT relname AS name, seq_scan AS times FROM pg_stat_xact_user_tables WHERE relname = ANY(%(tables)s)",
        {"tables": sorted(GROWING)},
    )
    return {row["name"]: row["times"] for row in found}
