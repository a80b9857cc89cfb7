"""Callbacks: how many are accepted, which is committed and answered 200, and how many are settled, by the whole law.

``rufaa gateway``, ``rufaa worker``, a PostgreSQL that syncs to the disk, and the storm, all on one machine.

* *Accepted* against pgbench, which inserts the same row over 64 connections, one commit each: the limit of whoever
  commits before it answers. No worker runs meanwhile.
* *Settled* while they arrive at ``RATE``, for ``STORM_S``: each referral ``paid``, with receipt, ledger, history and
  notification. What is not settled when the storm ends is the backlog.
* *Sustained* is the highest of ``STEPS`` at which no backlog grows: what waits at the end arrived within a second.

Afterwards every prompt is looked at, row by row, and the books.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import Final
from urllib.parse import urlsplit

from figures import Figure, quantile
from population import ringing
from processes import Gateway, WorkerRole
from storm import Storm, Stormed, request, storm
from town import SECRET, callback, database, receipt_number

RATE: Final = 6000.0
"""Callbacks a second: M-Pesa's announced capacity in Kenya is 6,000 transactions a second."""
STORM_S: Final = 60.0
STEPS: Final = (250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0)
"""Callbacks a second, tried one after another, each for a fourth of ``STORM_S``."""
_TYPED_S: Final = ((0.0, 0.9), (0.5, 15.8), (0.9, 27.5), (0.95, 32.2), (0.99, 48.5), (1.0, 71.8))
"""Shares of the payers, and within how many seconds of the push their payment was told: daraja.md §12, of 1,132."""
ACCEPTED: Final = 12_000
"""Callbacks of one acceptance run."""
REPEATS: Final = 5
_PATIENCE_S: Final = 600.0
_PGBENCH: Final = ("-n", "-M", "prepared", "-c", "64", "-j", "2")
_INSERT: Final = (
    "INSERT INTO bench_inbox (kind, subject, source, trusted, body)"
    " VALUES ('stk', gen_random_uuid(), '127.0.0.1', true, decode(repeat('7b', {length}), 'hex'));\n"
)


class Callbacks:
    """A success for each ringing prompt, as bytes ready to be sent; each is sent once.

    They come in the order in which people would type their PINs, had the prompts been sent at ``RATE``.
    """

    def __init__(self) -> None:
        from rufaa.ingest.address import callback_url
        from support import rows

        found = rows("SELECT id, amount_cents, payer_phone FROM prompt WHERE state = 'pending' ORDER BY id")
        chance = random.Random(1)
        due = [number / RATE + _typed_s(chance.random()) for number in range(len(found))]
        found = [row for _, row in sorted(zip(due, found, strict=True), key=itemgetter(0))]
        self._requests = [
            request(
                urlsplit(callback_url("http://here", row["id"], keys=(SECRET,))).path,
                callback(row["id"], row["amount_cents"] // 100, row["payer_phone"]),
            )
            for row in found
        ]
        self.sent = 0

    def next(self, count: int) -> Sequence[bytes]:
        taken = self._requests[self.sent : self.sent + count]
        if len(taken) < count:
            raise RuntimeError("there are too few prompts")
        self.sent += count
        return taken


def _typed_s(share: float) -> float:
    """Seconds within which this share of the payers has typed the PIN; between two that were measured, a line."""
    (low, from_s), (high, to_s) = next(each for each in pairwise(_TYPED_S) if share <= each[1][0])
    return from_s + (to_s - from_s) * (share - low) / (high - low)


def measured(quick: bool) -> list[Figure]:
    repeats, accepted, storm_s = (2, 3000, 5.0) if quick else (REPEATS, ACCEPTED, STORM_S)
    step_s = 3.0 if quick else storm_s / 4
    with database() as url:
        from support import make_world

        ringing(make_world(), 2 * repeats * accepted + int(RATE * storm_s + sum(STEPS) * step_s))
        callbacks = Callbacks()
        sustained = _sustained(url, callbacks, seconds=step_s)  # first: what a storm leaves is vacuumed for minutes
        figures = _accepted(url, callbacks, repeats=repeats, count=accepted)
        figures += _settled(url, callbacks, seconds=storm_s)
        check(callbacks.sent)
    return [*figures, *sustained]


def _accepted(url: str, callbacks: Callbacks, *, repeats: int, count: int) -> list[Figure]:
    gateway = Gateway(url)
    by_connections: dict[int, list[Stormed]] = {64: [], 256: []}
    limits: list[float] = []
    try:
        for _ in range(repeats):
            limits.append(_pgbench(url, seconds=count / 6000))
            for connections, done in by_connections.items():
                done.append(storm(gateway.port, callbacks.next(count), connections=connections))
    finally:
        gateway.close()
    figures = []
    for connections, done in by_connections.items():
        if any(each.good != each.requests for each in done):
            raise RuntimeError(f"not all were accepted: {[each.statuses for each in done]}")
        rates = tuple(each.per_s for each in done)
        figures += [
            Figure(
                f"accepted, {connections} connections",
                rates,
                "/s",
                limit="pgbench, 64 clients",
                ratios=tuple(rate / limit for rate, limit in zip(rates, limits, strict=True)),
                goal=0.8,
            ),
            Figure(f"  answer p50, {connections}", tuple(each.p50_ms for each in done), "ms"),
            Figure(f"  answer p99, {connections}", tuple(each.p99_ms for each in done), "ms"),
        ]
    return figures


def _pgbench(url: str, *, seconds: float) -> float:
    """Rows of the inbox's shape and size that 64 clients insert in a second, one commit each."""
    import psycopg

    from rufaa.db.programs import client

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_inbox")
        connection.execute("CREATE TABLE bench_inbox (LIKE inbox INCLUDING ALL)")
    lasts = "-T", str(max(2, round(seconds)))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_INSERT.format(length=len(callback(uuid.uuid4(), 1000, "254708374149"))))
        script.flush()
        said = subprocess.run(
            [client("pgbench", at_least=18), *_PGBENCH, *lasts, "-f", script.name, url],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_inbox")
    return next(float(line.split()[2]) for line in said.splitlines() if line.startswith("tps ="))


def _settled(url: str, callbacks: Callbacks, *, seconds: float) -> list[Figure]:
    from support import value

    gateway, worker = Gateway(url), WorkerRole(url)
    try:
        await_settled()
        before = callbacks.sent
        count = int(RATE * seconds)
        blowing = Storm(gateway.port, callbacks.next(count), connections=256, per_s=RATE).go()
        try:
            grown = _grown(gateway, worker, seconds)
            stormed = blowing.result()
        finally:
            blowing.close()
        left = int(value("SELECT count(*) FROM inbox WHERE settled_at IS NULL"))
        await_settled()
        lags = _lags(before)
    finally:
        worker.close()
        gateway.close()
    if stormed.good != stormed.requests:
        raise RuntimeError(f"not all were accepted: {stormed.statuses}")
    return [
        Figure("settled while they storm in", ((count - left) / stormed.seconds,), "/s", goal=RATE * 0.99),
        Figure("  accepted meanwhile", (stormed.per_s,), "/s"),
        Figure("  answer p50", (stormed.p50_ms,), "ms"),
        Figure("  answer p99", (stormed.p99_ms,), "ms"),
        Figure("  from commit to settled p50", (1000 * quantile(lags, 0.5),), "ms"),
        Figure("  from commit to settled p99", (1000 * quantile(lags, 0.99),), "ms"),
        Figure("  backlog, each second", tuple(grown["backlog"]), "rows"),
        Figure("  gateway's memory grew by", (grown["gateway"][-1] - grown["gateway"][0],), "MB"),
        Figure("  worker's memory grew by", (grown["worker"][-1] - grown["worker"][0],), "MB"),
        Figure("  processor: gateway", (1e6 * grown["gateway_cpu"][0] / count,), "µs each"),
        Figure("  processor: worker", (1e6 * grown["worker_cpu"][0] / count,), "µs each"),
        Figure("  processor: storm", (1e6 * stormed.cpu_s / count,), "µs each"),
    ]


def _sustained(url: str, callbacks: Callbacks, *, seconds: float) -> list[Figure]:
    from support import value

    gateway, worker = Gateway(url), WorkerRole(url)
    best: tuple[float, Stormed, list[float]] | None = None
    try:
        for rate in STEPS:
            before = callbacks.sent
            stormed = storm(gateway.port, callbacks.next(int(rate * seconds)), connections=64, per_s=rate)
            left = int(value("SELECT count(*) FROM inbox WHERE settled_at IS NULL"))
            await_settled()
            if stormed.good != stormed.requests:
                raise RuntimeError(f"not all were accepted: {stormed.statuses}")
            if left > rate or stormed.per_s < 0.99 * rate:
                break
            best = rate, stormed, _lags(before)
    finally:
        worker.close()
        gateway.close()
    if best is None:
        return [Figure("sustained, no backlog growing", (0.0,), "/s", goal=RATE)]
    rate, stormed, lags = best
    return [
        Figure("sustained, no backlog growing", (rate,), "/s", goal=RATE),
        Figure("  answer p50", (stormed.p50_ms,), "ms"),
        Figure("  answer p99", (stormed.p99_ms,), "ms"),
        Figure("  from commit to settled p50", (1000 * quantile(lags, 0.5),), "ms"),
        Figure("  from commit to settled p99", (1000 * quantile(lags, 0.99),), "ms"),
    ]


def _grown(gateway: Gateway, worker: WorkerRole, seconds: float) -> dict[str, list[float]]:
    """Each second: what waits, and the memory of both processes in MB."""
    from support import value

    grown: dict[str, list[float]] = {"backlog": [], "gateway": [], "worker": []}
    cpu = gateway.cpu_s, worker.cpu_s
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        grown["backlog"].append(float(value("SELECT count(*) FROM inbox WHERE settled_at IS NULL")))
        grown["gateway"].append(gateway.resident / 1e6)
        grown["worker"].append(worker.resident / 1e6)
        time.sleep(1)
    return grown | {"gateway_cpu": [gateway.cpu_s - cpu[0]], "worker_cpu": [worker.cpu_s - cpu[1]]}


def await_settled(*, every_s: float = 0.2) -> None:
    """Nothing waits any more; looked at ``every_s``."""
    from support import value

    until = time.monotonic() + _PATIENCE_S
    while value("SELECT EXISTS (SELECT FROM inbox WHERE settled_at IS NULL)"):
        if time.monotonic() > until:
            raise RuntimeError("the backlog is not settled")
        time.sleep(every_s)


def _lags(before: int) -> list[float]:
    """Seconds from when a report was stored to when it was settled, of those after the first ``before``."""
    from support import rows

    found = rows(
        "SELECT extract(epoch FROM settled_at - at)::float8 AS lag FROM inbox ORDER BY id OFFSET %(before)s",
        before=before,
    )
    return [row["lag"] for row in found]


def check(sent: int) -> None:
    """Nothing lost, nothing twice: each prompt that was told of is paid by its own receipt, and the books agree."""
    from support import check_books, rows, value

    found = rows(
        "SELECT prompt.id, receipt.number,"
        " (prompt.state, fee.state, referral.state, receipt.state) = ('paid', 'paid', 'paid', 'applied') AS paid"
        " FROM inbox JOIN prompt ON prompt.id = inbox.subject JOIN fee ON fee.id = prompt.fee_id"
        " JOIN referral ON referral.fee_id = fee.id LEFT JOIN receipt ON receipt.prompt_id = prompt.id"
    )
    wrong = [row for row in found if not row["paid"] or row["number"] != receipt_number(row["id"])]
    settled = int(value("SELECT count(*) FROM receipt WHERE prompt_id IS NOT NULL"))
    tasks = int(value("SELECT count(*) FROM task"))
    if wrong or tasks or not len(found) == settled == sent:
        raise RuntimeError(
            f"{sent} sent, {len(found)} stored, {settled} in the books, {tasks} tasks; wrong: {wrong[:5]}"
        )
    check_books()
