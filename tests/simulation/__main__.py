"""``make sim SEED=1 PAYMENTS=2000 PROCS=2``: many seeds, each in a process and a database of its own.

With ``MINUTES=90`` no seed is begun after that time, and what was done until then is told. With ``KEEP=folder`` each
seed's outcome is kept there, and a run that was stopped goes on: what is kept of the same code is not done again.

``PAYMENTS`` are fees that somebody is to pay; a seed has at most ``PER_SEED`` of them, so many payments are many seeds,
and each seed has faults of its own. What fails is printed with its trace and the command that replays it, and kept in
``seeds.txt``. Exits with 1 if anything failed, or if a run of many payments never met something that it should
(``coverage``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
_CODE: Final = ("src/rufaa", "tests/simulation")
_TOLD_ONLY: Final = ("__main__.py", "coverage.py")
"""They begin seeds and count what they met."""
_SHOWN: Final = 400


def main() -> int:
    options = _options()
    kept = Kept(options.keep)
    jobs = _jobs(options.seed, options.payments, options.procs)
    outcomes = [kept.outcomes[job] for job in jobs if job in kept.outcomes]
    jobs = [job for job in jobs if job not in kept.outcomes]
    began = time.monotonic()
    room = threading.Semaphore(options.procs)
    if conftest._POSTGRES is not None:
        conftest._POSTGRES.start()
    try:
        _template()
        with multiprocessing.get_context("fork").Pool(options.procs, maxtasksperchild=1) as pool:
            begun = _begun(jobs, room, until=began + options.minutes * 60)
            for outcome in pool.imap_unordered(_one, begun, chunksize=1):
                room.release()
                outcomes.append(outcome)
                kept.keep(outcome)
                _tell(outcome, began, done=sum(each.payments for each in outcomes), of=options.payments)
    finally:
        if conftest._POSTGRES is not None:
            conftest._POSTGRES.stop()
    return _close(outcomes, options.procs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make sim", description="Simulate payments under all faults.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=500)
    parser.add_argument("--procs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="begin no seed after so long")
    parser.add_argument("--keep", type=Path, help="keep outcomes in this folder, and go on from there")
    return parser.parse_args()


class Kept:
    """Outcomes of seeds by the code that they ran on, one file each."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder and folder / _code()
        self.outcomes = dict(map(_read, self.folder.glob("*.json"))) if self.folder else {}

    def keep(self, outcome: Outcome) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = self.folder / f"{outcome.seed}.part"
            beside.write_text(json.dumps(vars(outcome) | {"moves": list(outcome.moves.items())}), encoding="utf-8")
            beside.rename(self.folder / f"{outcome.seed}-{outcome.payments}.json")


def _read(path: Path) -> tuple[tuple[int, int], Outcome]:
    told = json.loads(path.read_text(encoding="utf-8"))
    moves = Counter({tuple(move): number for move, number in told["moves"]})
    outcome = Outcome(**told | {"counts": Counter(told["counts"]), "moves": moves})
    return (outcome.seed, outcome.payments), outcome


def _code() -> str:
    """A hash of what the outcome of a seed depends on."""
    root = Path(__file__).parents[2]
    files = sorted(path for top in _CODE for kind in ("*.py", "*.sql") for path in (root / top).rglob(kind))
    digest = hashlib.sha256()
    for path in files:
        if path.parent == Path(__file__).parent and path.name in _TOLD_ONLY:
            continue
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


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


def _close(outcomes: list[Outcome], procs: int) -> int:
    counts: Counter[str] = Counter()
    moves: Counter[tuple[str, str, str, str]] = Counter()
    for outcome in outcomes:
        counts += outcome.counts
        moves += outcome.moves
    payments = sum(each.payments for each in outcomes)
    took_s = sum(each.took_s for each in outcomes) / procs
    print(coverage.table(counts, moves))
    failed = [each.seed for each in outcomes if not each.ok]
    missed = coverage.missed(counts, moves, payments=payments)
    print(
        f"{payments} payments, {counts['push accepted']} prompts, {coverage.moved(counts)} movements of money,"
        f" {sum(each.steps for each in outcomes)} statements,"
        f" {sum(each.virtual_s for each in outcomes) / 86400:.1f} days of their time,"
        f" {took_s:.0f} s in each of {procs} processes: {payments / max(took_s, 0.1):.1f} payments/s;"
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
