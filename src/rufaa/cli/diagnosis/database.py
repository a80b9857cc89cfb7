"""The database: reached, safe, up to date, roomy; its clock; and what its tables say of people and of work in hand.

Reads only, and PostgreSQL is told so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from rufaa.cli.diagnosis import clocks
from rufaa.cli.diagnosis.finding import Finding, named, not_checked, ok, problem, span, warning
from rufaa.config import Config
from rufaa.db import sql
from rufaa.db.durability import UnsafeDatabase, check_durability
from rufaa.db.embedded import has_cluster, running_url

_SQL: Final = sql.load(__file__, "database.sql")
_CONNECT_S: Final = 3
_NEEDED: Final = ("inbox", "prompt", "price", "rufaa_clock", "membership", "mpesa_account", "account_hold")
_START: Final = "Start the server (rufaa serve), and run rufaa doctor again."
_SLOW_S: Final = 60
"""A prompt or a callback that waits longer than this has no worker; one takes it within five seconds."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tables:
    """What the other checks want to know of the tables."""

    environments: frozenset[str]  # of the stored accounts
    sources: tuple[str, ...]  # from where the last callbacks came
    callbacks: tuple[int, int]  # of so many prompts that ended last, so many by a callback
    names: tuple[str, ...]  # of the facilities


@dataclass(frozen=True, slots=True)
class Seen:
    """``url`` is None where no database answers; ``tables`` where it has not this version's tables. ``fresh``: there
    has never been a database, so that nobody can be working on it."""

    url: str | None
    fresh: bool
    tables: Tables | None


def look(config: Config) -> tuple[Seen, list[Finding]]:
    """Connect once, and ask everything."""
    url = config.database_url or running_url(config.data)
    if url is None:
        fresh = not has_cluster(config.data)
        told = "There is none yet: the first start makes one." if fresh else "The server's own PostgreSQL does not run."
        what = not_checked("database", told) if fresh else warning("database", told, _START)
        return Seen(None, fresh, None), [what]
    began = time.monotonic()
    try:
        with psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            row_factory=dict_row,
            options="-c default_transaction_read_only=on -c statement_timeout=3s -c timezone=UTC",
        ) as connection:
            return _ask(connection, url, config=config, took_s=time.monotonic() - began)
    except psycopg.Error as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        do = "Look whether PostgreSQL runs, and at DATABASE_URL." if config.database_url else _START
        return Seen(None, False, None), [problem("database", f"It does not answer as it should: {why}.", do)]


def _ask(
    connection: psycopg.Connection[dict[str, Any]], url: str, *, config: Config, took_s: float
) -> tuple[Seen, list[Finding]]:
    def one(name: str) -> Row:
        row = connection.execute(_SQL[name]).fetchone()
        assert row is not None
        return row

    def rows(name: str, **params: object) -> list[dict[str, Any]]:
        return connection.execute(_SQL[name], params).fetchall()

    version = connection.info.parameter_status("server_version") or "of an unknown version"
    found = [ok("database", f"PostgreSQL {version} answered in {took_s * 1000:.0f} ms.")]
    found += [_durability(connection), _connections(one("connections"), pool_size=config.pool_size)]
    before = time.time()
    there = one("clock")["now"]
    middle = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    found.append(clocks.compared("clock-database", "the database", ahead_s=(middle - there).total_seconds()))
    present = connection.execute("SELECT count(*) AS n FROM pg_tables WHERE tablename = ANY(%s)", [list(_NEEDED)])
    if (present.fetchone() or {"n": 0})["n"] < len(_NEEDED):
        do = "Run: rufaa migrate (a start of rufaa serve does it, too)."
        found.append(problem("database-migrated", "The database has not the tables of Rufaa.", do))
        return Seen(url, True, None), found
    found.append(clocks.moved(one("moved")["by"]))
    facilities = rows("facilities")
    found += _people(facilities, [row["username"] for row in rows("people_without_role")])
    found += _work(one, rows("tasks"), servers=one("servers")["sessions"])
    environment = (config.environ.get("MPESA_ENVIRONMENT") or "").strip().lower()
    if environment:
        prices = one("prices")["n"]
        found.append(_prices(prices, rows("prices_elsewhere", environment=environment), environment=environment))
    arrived = one("callbacks_arrive")
    accounts = rows("accounts")
    tables = Tables(
        environments=frozenset(row["environment"] for row in accounts),
        sources=tuple(row["source"] for row in rows("sources")),
        callbacks=(arrived["ended"], arrived["told"]),
        names=tuple(row["name"] for row in facilities),
    )
    return Seen(url, False, tables), found


def _durability(connection: psycopg.Connection[dict[str, Any]]) -> Finding:
    try:
        check_durability(connection)
    except UnsafeDatabase as error:
        found, _, do = error.message.partition(". ")
        if not do:
            found, _, do = error.message.partition("; ")
        return problem("database-durability", f"{found}.", do)
    return ok("database-durability", "fsync, synchronous_commit and full_page_writes are on.")


def _connections(row: Row, *, pool_size: int) -> Finding:
    # Gateway and worker have a pool each; the gateway has 4 more for callbacks, and each of them one that listens.
    need, room = 2 * pool_size + 6, row["most"] - row["reserved"]
    told = f"A gateway and a worker open up to {need} connections; PostgreSQL gives {room}."
    if need > room:
        do = f"Raise max_connections to {need + row['reserved'] + 10} or more, or lower RUFAA_POOL_SIZE."
        return problem("database-connections", told, do)
    return ok("database-connections", told)


def _people(facilities: Sequence[Row], without_role: list[str]) -> list[Finding]:
    if not facilities:
        do = "Add the first ones: docs/howto/set-up.md, part 3."
        return [warning("facilities", "There are no facilities yet, so nobody can refer.", do)]
    found = [ok("facilities", f"There are {len(facilities)} facilities.")]
    unpriced = [row["name"] for row in facilities if row["refers"] and not row["priced"]]
    if unpriced:
        found.append(
            warning(
                "facility-without-price",
                f"Physicians refer from here, and no price says what it costs: {named(unpriced)}.",
                "Run: rufaa price set FACILITY SHILLINGS --payee FACILITY",
            )
        )
    else:
        found.append(ok("facility-without-price", "Each facility that refers has a price."))
    headless = [row["name"] for row in facilities if not row["administered"]]
    if headless:
        found.append(
            warning(
                "facility-without-administrator",
                f"Nobody administers, so nobody approves or answers referrals here: {named(headless)}.",
                "Run: rufaa user add NAME --facility FACILITY --role administrator",
            )
        )
    else:
        found.append(ok("facility-without-administrator", "Each facility has an administrator."))
    if without_role:
        found.append(
            warning(
                "people-without-role",
                f"These people have no role in any facility, and see nothing: {named(without_role)}.",
                "Run: rufaa user add NAME --facility FACILITY --role ROLE",
            )
        )
    else:
        found.append(ok("people-without-role", "Everybody has a role."))
    return found


def _work(one: Any, tasks: Sequence[Row], *, servers: int) -> list[Finding]:
    found: list[Finding] = []
    if servers:
        found.append(ok("server-connected", f"A server is connected to the database ({servers} connections)."))
    else:
        found.append(warning("server-connected", "No gateway and no worker is connected to the database.", _START))
    worker = "Look whether the worker runs and what it logs (rufaa serve, or rufaa worker)."
    for code, name, what in (
        ("inbox", "inbox", "Callbacks that wait to be settled"),
        ("prompts-due", "prompts_due", "Prompts that wait to be sent"),
        ("questions-due", "questions_due", "Prompts that wait to be asked about"),
    ):
        row = one(name)
        told = f"{what}: {row['waiting']}" + (f", the oldest since {span(row['oldest_s'])}." if row["waiting"] else ".")
        late = row["oldest_s"] > _SLOW_S
        if late and code == "questions-due":  # a rate may hold these back: 5 a minute
            do = f"{worker} A backlog is normal where many prompts are open: the query limit is MPESA_QUERIES_PER_MIN."
            found.append(warning(code, told, do))
        else:
            found.append(problem(code, told, worker) if late else ok(code, told))
    if tasks:
        each = ", ".join(f"{row['open']} {row['kind']}" for row in tasks)
        oldest = span(max(row["oldest_s"] for row in tasks))
        do = "A person looks at each: rufaa explain tells its story."
        found.append(warning("tasks", f"Tasks that wait for a person: {each}; the oldest since {oldest}.", do))
    else:
        found.append(ok("tasks", "Nothing waits for a person."))
    nobodys = sum(row["nobodys"] for row in tasks)
    if nobodys:
        told = f"Tasks that are nobody's, so that nobody sees them: {nobodys}."
        found.append(warning("tasks-nobodys", told, "Say whose they are: rufaa task list, and rufaa task assign."))
    else:
        found.append(ok("tasks-nobodys", "Every task is somebody's."))
    awaiting = one("receipts_awaiting")
    if awaiting["oldest_s"] > 24 * 3600:
        found.append(
            warning(
                "receipts-awaiting",
                f"Payments that await their receipt number: {awaiting['waiting']}, the oldest since"
                f" {span(awaiting['oldest_s'])}.",
                "They are paid; a query tells no number. Compare them with the statement of the M-Pesa portal.",
            )
        )
    else:
        found.append(ok("receipts-awaiting", f"Payments that await their receipt number: {awaiting['waiting']}."))
    return found


def _prices(prices: int, elsewhere: Sequence[Row], *, environment: str) -> Finding:
    if not prices:
        return ok("mpesa-prices", "There are no prices yet.")
    if not elsewhere:
        return ok("mpesa-prices", f"Each price leads to an account of {environment}, as MPESA_ENVIRONMENT says.")
    names = [f"{row['name']} ({row['environment']})" for row in elsewhere]
    return problem(
        "mpesa-prices",
        f"MPESA_ENVIRONMENT is {environment}, and prices lead to an account of another one: {named(names)}.",
        "Set these prices again: rufaa price set FACILITY SHILLINGS --payee FACILITY --short-code YOURS",
    )
