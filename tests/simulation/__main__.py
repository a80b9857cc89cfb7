"""``make sim SEED=1 PAYMENTS=2000 PROCS=2``: many seeds, each in a process and a database of its own.

With ``MINUTES=90`` no seed is begun after that time, and what was done until then is told.

``PAYMENTS`` are fees that somebody is to pay; a seed has at most ``PER_SEED`` of them, so many payments are many seeds,
and each seed has faults of its own. What fails is printed with its trace and the command that replays it, and kept in
``seeds.txt``. Exits with 1 if anything failed, or if a run of ``WHOLE`` payments and more never met something that it
should.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

os.environ.setdefault("PYTHONHASHSEED", "0")

import psycopg
from django.db import connection, connections

import conftest
from rufaa.cli.migrate import migrate
from rufaa.config import config
from simulation import coverage
from simulation.run import Outcome, run

PER_SEED: Final = 1_000
SEEDS: Final = Path(__file__).with_name("seeds.txt")
_SHOWN: Final = 400


def main() -> int:
    options = _options()
    jobs = _jobs(options.seed, options.payments, options.procs)
    began = time.monotonic()
    room = threading.Semaphore(options.procs)
    outcomes: list[Outcome] = []
    if conftest._POSTGRES is not None:
        conftest._POSTGRES.start()
    try:
        _template()
        with multiprocessing.get_context("fork").Pool(options.procs, maxtasksperchild=1) as pool:
            begun = _begun(jobs, room, until=began + options.minutes * 60)
            for outcome in pool.imap_unordered(_one, begun, chunksize=1):
                room.release()
                outcomes.append(outcome)
                _tell(outcome, began, done=sum(each.payments for each in outcomes), of=options.payments)
    finally:
        if conftest._POSTGRES is not None:
            conftest._POSTGRES.stop()
    return _close(outcomes, took_s=time.monotonic() - began)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make sim", description="Simulate payments under all faults.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=500)
    parser.add_argument("--procs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="begin no seed after so long")
    return parser.parse_args()


def _begun(jobs: list[tuple[int, int]], room: threading.Semaphore, *, until: float) -> Iterator[tuple[int, int]]:
    """Each job when there is a process for it, as long as there is time."""
    for job in jobs:
        room.acquire()
        if time.monotonic() >= until:
            return
        yield job


def _jobs(seed: int, payments: int, procs: int) -> list[tuple[int, int]]:
    each = min(PER_SEED, -(-payments // procs))
    whole, rest = divmod(payments, each)
    sizes = [each] * whole + ([rest] if rest else [])
    return [(seed + number, size) for number, size in enumerate(sizes)]


def _template() -> None:
    """One migrated database; each seed begins with a copy."""
    with psycopg.connect(conftest._SERVER, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{conftest._NAME}"')
    migrate(config())
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def _one(job: tuple[int, int]) -> Outcome:
    seed, payments = job
    name = f"{conftest._NAME}_{os.getpid()}"
    with psycopg.connect(conftest._SERVER, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{conftest._NAME}"')
        connections.settings["default"]["NAME"] = name
        try:
            return run(seed, payments)
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _tell(outcome: Outcome, began: float, *, done: int, of: int) -> None:
    took_s = time.monotonic() - began
    print(
        f"seed {outcome.seed}: {outcome.payments} payments in {outcome.took_s:.0f} s, {outcome.virtual_s / 3600:.1f} h"
        f" of their time, {outcome.steps} statements, trace {outcome.trace}"
        f" {'ok' if outcome.ok else 'FAILED'} [{done}/{of}, {done / took_s:.1f}/s]",
        flush=True,
    )
    if not outcome.ok:
        print("\n".join(outcome.lines[-_SHOWN:]))
        for what in (*outcome.violations, *outcome.complaints):
            print(f"  {what}")
        print(f"again: make sim SEED={outcome.seed} PAYMENTS={outcome.payments}", flush=True)
        _keep(outcome)


def _keep(outcome: Outcome) -> None:
    """A seed that failed once is run by the tests from now on."""
    line = f"{outcome.seed} {outcome.payments}"
    kept = SEEDS.read_text(encoding="utf-8")
    if not any(each.partition("#")[0].strip() == line for each in kept.splitlines()):
        what = (outcome.violations + outcome.complaints)[0].partition(" ")[2][:100]
        SEEDS.write_text(f"{kept}{line}  # {what}\n", encoding="utf-8")


def _close(outcomes: list[Outcome], *, took_s: float) -> int:
    counts: Counter[str] = Counter()
    moves: Counter[tuple[str, str, str, str]] = Counter()
    for outcome in outcomes:
        counts += outcome.counts
        moves += outcome.moves
    payments = sum(each.payments for each in outcomes)
    print(coverage.table(counts, moves))
    failed = [each.seed for each in outcomes if not each.ok]
    missed = coverage.missed(counts, moves) if payments >= coverage.WHOLE else []
    print(
        f"{payments} payments, {counts['push accepted']} prompts, {coverage.moved(counts)} movements of money,"
        f" {sum(each.steps for each in outcomes)} statements,"
        f" {sum(each.virtual_s for each in outcomes) / 86400:.1f} days of their time,"
        f" {took_s:.0f} s: {payments / took_s:.1f} payments/s;"
        f" {sum(len(each.violations) + len(each.complaints) for each in outcomes)} violations"
    )
    if failed:
        print(f"failed seeds: {failed}")
    if missed:
        print("never met: " + ", ".join(missed))
    return 1 if failed or missed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # what died in the simulation must not be cleaned up
