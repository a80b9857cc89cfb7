"""What the audit costs: readings of one referral and of lists, writes by settlement, the seal, and ``verify``.

A PostgreSQL of its own that syncs to the disk. Each thing is done with and without the audit in turns, in one process,
so that both see the same machine. Prints tables and writes JSON (``--json``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from processes import Worker
from town import Town, database

ROUNDS: Final = 2000
LISTED: Final = 50
ENTRIES: Final = 1_000_000
BATCH: Final = 100
REPORTED_AFTER_S: Final = 12.0
"""An idle session of PostgreSQL has reported what it counted after 10 s."""


def in_turns(*each: Callable[[], object], rounds: int) -> list[float]:
    """The lower quartile of each in milliseconds: what else the machine does lengthens the others."""
    took: list[list[float]] = [[] for _ in each]
    for _ in range(rounds):
        for work, times in zip(each, took, strict=True):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    return [round(1000 * statistics.quantiles(times, n=4)[0], 3) for times in took]


def readings(town: Town) -> dict[str, float]:
    from rufaa import functions, trail
    from rufaa.audit import operations as audit
    from rufaa.db.atomic import Tx, look
    from rufaa.facilities import queries
    from rufaa.functions.runtime import Caller
    from rufaa.trail import Channel

    registry = functions.load()
    referrals = town.waiting(LISTED)
    who = town.world.admin.user

    def run(name: str, args: dict[str, Any], *, audited: bool) -> Callable[[], object]:
        function = registry.get(name)
        assert function is not None

        def work(tx: Tx) -> object:
            actor = queries.actor(tx, who)
            with trail.gathering() as shown:
                result = function.handler(Caller(actor, tx), **args)
            if audited:
                audit.note_shown(tx, actor.user, shown)
            return result

        def once() -> object:
            with trail.coming_from(Channel.FUNCTION, name):
                return look(work)

        return once

    one: dict[str, Any] = {"referralId": referrals[0]}
    many: dict[str, Any] = {"paginationOpts": {"numItems": float(LISTED)}}
    get, listed = "referrals:getReferral", "referrals:getOutgoingReferrals"
    for name, args in ((get, one), (listed, many)):
        for _ in range(20):
            run(name, args, audited=True)()
    plain, again = in_turns(run(get, one, audited=False), run(get, one, audited=True), rounds=ROUNDS)
    list_plain, list_again = in_turns(run(listed, many, audited=False), run(listed, many, audited=True), rounds=100)
    audit.SAME_S = dict.fromkeys(audit.SAME_S, -1.0)  # type: ignore[misc]
    list_first, first = in_turns(run(listed, many, audited=True), run(get, one, audited=True), rounds=100)
    return {
        "one, no audit": plain,
        "one, shown before": again,
        "one, shown for the first time": first,
        f"list of {LISTED}, no audit": list_plain,
        f"list of {LISTED}, shown before": list_again,
        f"list of {LISTED}, shown for the first time": list_first,
    }


def settling(url: str, town: Town, worker: Worker) -> dict[str, float]:
    """Microseconds a payment of settling a batch, and how many of them are spent on the audit.

    PostgreSQL counts the latter itself: with triggers switched off and on in turns the difference is lost in noise.
    """
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET track_functions = 'all'")
        admin.execute("SELECT pg_reload_conf()")
        town.report(town.ask(town.waiting(1)))
        worker.settle()  # from here on its session counts
        town.report(town.ask(town.waiting(BATCH)))
        time.sleep(REPORTED_AFTER_S)
        before = counted(admin, calls=0)
        told = worker.settle()
        assert told["taken"] == BATCH, told
        after = counted(admin, calls=before[0] + 1)
    took_s, audit_ms = told["done"] - told["began"], after[1] - before[1]
    return {
        "settling a payment, us": round(took_s / BATCH * 1e6),
        "of it audit, us": round(audit_ms / BATCH * 1e3, 1),
    }


def counted(admin: Any, *, calls: int) -> tuple[int, float]:
    """How often writes of referrals were noted, and the milliseconds of it, once sessions have reported ``calls``."""
    until = time.monotonic() + 3 * REPORTED_AFTER_S
    while time.monotonic() < until:
        admin.execute("SELECT pg_stat_clear_snapshot()")
        row = admin.execute(
            "SELECT coalesce(sum(calls), 0), coalesce(sum(total_time), 0) FROM pg_stat_user_functions"
            " WHERE funcname = 'audit_referral'"
        ).fetchone()
        if row[0] >= calls:
            return int(row[0]), float(row[1])
        time.sleep(0.5)
    raise RuntimeError("PostgreSQL did not count")


def sealing(url: str) -> dict[str, float]:
    import psycopg

    from rufaa.audit import queries
    from rufaa.audit.operations import Sealer
    from rufaa.db.atomic import look

    with psycopg.connect(url, autocommit=True) as admin:
        began = time.perf_counter()
        admin.execute(
            "INSERT INTO audit (kind, referral, actor, channel, place) SELECT 'referral.read', gen_random_uuid(),"
            f" gen_random_uuid(), 'function', 'referrals:getReferral' FROM generate_series(1, {ENTRIES})"
        )
        inserted_s = time.perf_counter() - began
        (size,) = admin.execute("SELECT pg_total_relation_size('audit') / count(*) FROM audit").fetchone() or (0,)
    sealer = Sealer()
    sealer.round()
    began = time.perf_counter()
    count = sealer.round()
    sealed_s = time.perf_counter() - began
    began = time.perf_counter()
    found = look(queries.verify)
    verified_s = time.perf_counter() - began
    assert found.broken is None
    assert found.entries >= ENTRIES
    return {
        "insert, us an entry": round(inserted_s / ENTRIES * 1e6, 1),
        "bytes an entry, with its indexes": float(size),
        "sealing, us an entry": round(sealed_s / count * 1e6, 1),
        f"verify {found.entries:,} entries, s": round(verified_s, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["readings", "settling", "sealing"])
    given = parser.parse_args()
    with database() as url:
        town, worker = Town(1), Worker(url)
        try:
            parts: dict[str, Callable[[], dict[str, float]]] = {
                "readings": lambda: readings(town),
                "settling": lambda: settling(url, town, worker),
                "sealing": lambda: sealing(url),
            }
            found: dict[str, float] = {}
            for name, part in parts.items():
                if given.only in {None, name}:
                    found |= part()
        finally:
            worker.close()
    for name, number in found.items():
        print(f"{name:48}{number:12}")
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
