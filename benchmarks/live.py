"""``make bench-live``: how long a settlement takes to the screens, live and polled; memory; what telling costs.

A PostgreSQL of its own that syncs to the disk, this process as the gateway's live queries, a second one as the worker
that settles. Times are of the system's monotonic clock, from just before COMMIT is sent to the call of ``on_change``.
Prints tables and writes JSON (``--json``). Figures depend on the machine and on what else it does: compare within one
run.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final

PEOPLE: Final = 10
"""Who watch each referral, each as another person: they share no run."""
POLL_S: Final = 1.0
PATIENCE_S: Final = 15.0
"""How long screens that poll are waited for; those that saw nothing by then count with that time, and as late."""


@dataclass(frozen=True, slots=True)
class Scene:
    """``people`` each watch ``referrals`` that wait for their money on ``copies`` screens; a settlement pays ``paid``.

    Screens of one person and referral share a run.
    """

    name: str
    referrals: int
    people: int
    copies: int
    paid: int
    settlements: int
    rounds: int  # the scene is set up so many times
    polled: int  # and so many times for screens that poll

    @property
    def watches(self) -> int:
        return self.referrals * self.people * self.copies


SCENES: Final = (
    Scene("2,000 screens, 100 affected", 200, PEOPLE, 1, paid=10, settlements=8, rounds=1, polled=1),
    Scene("2,000 screens, 100 affected, shared", 20, PEOPLE, 10, paid=1, settlements=15, rounds=1, polled=0),
    Scene("100 screens, all affected", 10, PEOPLE, 1, paid=10, settlements=1, rounds=4, polled=1),
    Scene("100 screens, all affected, shared", 1, 1, 100, paid=1, settlements=1, rounds=15, polled=0),
    Scene("1 screen", 1, 1, 1, paid=1, settlements=1, rounds=25, polled=6),
)
POLLED_SETTLEMENTS: Final = 3
REPORTED_AFTER_S: Final = 12.0
"""An idle session of PostgreSQL has reported what it counted after 10 s."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds from COMMIT to the screen."""

    scene: str
    way: str
    watches: int
    samples: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    late: int  # screens that had seen nothing after PATIENCE_S


def figures(scene: Scene, way: str, seconds: Sequence[float]) -> Figures:
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    late = sum(each >= PATIENCE_S for each in ordered)
    return Figures(scene.name, way, scene.watches, len(ordered), at(0.5), at(0.99), at(1.0), late)


# --- the worker, a process of its own -------------------------------------------------------------------------------


def settle_for_ever() -> None:
    """For each line on standard input: settle what is in the inbox, and say when its COMMIT began and ended."""
    set_up(os.environ["DATABASE_URL"])
    from rufaa.cli.work import HANDLERS
    from rufaa.db import failpoints
    from rufaa.ingest.loop import settle_inbox

    reached: dict[str, float] = {}
    failpoints.listen(lambda point: reached.__setitem__(point, time.monotonic()))
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        taken = settle_inbox(HANDLERS)
        step = failpoints.Step.SETTLE_BATCH
        told = {"taken": taken, "began": began, "commit": reached[step.before], "done": reached[step.after]}
        print(json.dumps(told), flush=True)


class Worker:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--settle"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: text for name, text in os.environ.items() if name != "PGOPTIONS"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        while self._out.readline().strip() != "ready":
            if self._process.poll() is not None:
                raise RuntimeError("the worker did not start")

    def settle(self) -> dict[str, float]:
        self._in.write("\n")
        self._in.flush()
        while not (line := self._out.readline()).startswith("{"):
            if not line:
                raise RuntimeError("the worker ended")
        told: dict[str, float] = json.loads(line)
        return told

    def close(self) -> None:
        self._in.close()
        self._process.wait(30)


# --- the town -------------------------------------------------------------------------------------------------------


def set_up(database_url: str) -> None:
    os.environ |= {
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "rufaa.settings",
        "RUFAA_MODE": "demo",
        "RUFAA_SECRET_KEYS": "a secret of the tests that is long enough",
        "RUFAA_POOL_SIZE": "20",
    }
    import django

    django.setup()
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


class Town:
    """A world of the tests, with people who watch, and referrals whose fee nobody has been asked for yet."""

    def __init__(self) -> None:
        from rufaa.db.atomic import Tx, unit
        from rufaa.facilities import operations as facilities
        from rufaa.facilities.queries import actor_named
        from rufaa.facilities.rights import Role
        from rufaa.sync.runtime import Identity
        from support import make_world

        self.world = make_world()

        def person(tx: Tx, name: str) -> None:
            facilities.add_member(tx, facilities.add_user(tx, name), self.world.uhuru, Role.ADMINISTRATOR)

        for number in range(PEOPLE):
            unit(lambda tx, number=number: person(tx, f"watcher-{number}"))  # type: ignore[misc]
        self.people = [Identity(actor_named(f"watcher-{number}").user) for number in range(PEOPLE)]
        self._phones = 0

    def waiting(self, number: int) -> list[str]:
        """Referrals that wait for their money."""
        return [self.world.waiting() for _ in range(number)]

    def ask(self, referrals: Sequence[str]) -> list[uuid.UUID]:
        """Their prompts are on their way."""
        self._phones += len(referrals)
        first = self._phones - len(referrals)
        return [self.world.ask(each, f"25470800{first + number:04d}") for number, each in enumerate(referrals)]

    def pay(self, referrals: Sequence[str]) -> None:
        """They are asked, and Safaricom has called back; nothing is settled yet."""
        self.report(self.ask(referrals))

    def report(self, prompts: Sequence[uuid.UUID]) -> None:
        """Safaricom's callbacks, as the gateway stores them."""
        from support import execute, rows

        found = rows("SELECT id, amount_cents, payer_phone FROM prompt WHERE id = ANY(%(ids)s)", ids=list(prompts))
        bodies = [callback(row["id"], row["amount_cents"] // 100, row["payer_phone"]) for row in found]
        execute(
            "INSERT INTO inbox (kind, subject, source, trusted, body)"
            " SELECT 'stk', subject, '127.0.0.1', true, body"
            " FROM unnest(%(ids)s::uuid[], %(bodies)s::bytea[]) AS new (subject, body)",
            ids=[row["id"] for row in found],
            bodies=bodies,
        )


def callback(prompt: uuid.UUID, shillings: int, phone: str) -> bytes:
    items = [
        {"Name": "Amount", "Value": shillings},
        {"Name": "MpesaReceiptNumber", "Value": f"T{prompt.hex[-9:].upper()}"},
        {"Name": "PhoneNumber", "Value": int(phone)},
    ]
    told = {
        "MerchantRequestID": f"m-{prompt.hex}",
        "CheckoutRequestID": f"ws_CO_{prompt.hex}",
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": items},
    }
    return json.dumps({"Body": {"stkCallback": told}}).encode()


# --- screens --------------------------------------------------------------------------------------------------------


class Gateway:
    """What the gateway has: a listener, the runtime, and live queries."""

    def __init__(self, database_url: str) -> None:
        from rufaa import functions
        from rufaa.db.aside import Aside
        from rufaa.db.listen import Listener
        from rufaa.functions.runtime import Runtime
        from rufaa.gateway.app import FUNCTION_THREADS
        from rufaa.signin.issuers import Issuers
        from rufaa.signin.tokens import LOCAL
        from rufaa.sync.calls import Calls
        from rufaa.sync.live import LiveQueries

        self.listener = Listener(database_url)
        self.aside = Aside(threads=FUNCTION_THREADS, name="function")
        runtime = Runtime(
            self.aside,
            self.listener,
            keys=("a secret of the benchmarks",),
            issuer=LOCAL,
            token_life=timedelta(minutes=10),
            issuers=Issuers(()),
            demo=False,
        )
        self.calls = Calls(functions.load(), runtime, development=False, deadline_s=60, most_running=100_000)
        self.live = LiveQueries(self.calls, self.listener)

    async def run(self) -> None:
        self._listening = asyncio.create_task(self.listener.run())
        await self.listener.connected.wait()

    async def close(self) -> None:
        await self.live.aclose()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self.aside.close()


def is_paid(outcome: Any) -> bool:
    return outcome is not None and '"status":"paid"' in outcome.text


async def measure(scene: Scene, gateway: Gateway, town: Town, worker: Worker) -> tuple[list[float], float]:
    """Seconds from COMMIT to each affected screen, and bytes of memory of one watch."""
    referrals = await asyncio.to_thread(town.waiting, scene.referrals)
    seen: dict[tuple[str, int, int], float] = {}
    ready = asyncio.Event()
    waiting: set[tuple[str, int, int]] = set()
    watches: list[Any] = []
    loop = asyncio.get_running_loop()

    def changed(number: int, key: tuple[str, int, int]) -> Callable[[], None]:
        def on_change() -> None:
            if is_paid(watches[number].outcome) and key not in seen:
                seen[key] = time.monotonic()
                waiting.discard(key)
                if not waiting:
                    ready.set()

        return on_change

    gc.collect()
    before = resident()
    for referral in referrals:
        for person, copy in product(range(scene.people), range(scene.copies)):
            args = {"referralId": referral}
            tell = changed(len(watches), (referral, person, copy))
            watches.append(gateway.live.watch("referrals:getReferral", args, town.people[person], on_change=tell))
    await gateway.live.caught_up()
    gc.collect()
    memory = (resident() - before) / len(watches)

    latencies: list[float] = []
    left = list(referrals)
    for _ in range(scene.settlements):
        paid, left = left[: scene.paid], left[scene.paid :]
        await loop.run_in_executor(None, town.pay, paid)
        await gateway.live.caught_up()
        keys = list(product(paid, range(scene.people), range(scene.copies)))
        waiting.update(keys)
        ready.clear()
        told = await loop.run_in_executor(None, worker.settle)
        async with asyncio.timeout(60):
            await ready.wait()
        latencies += [seen[key] - told["commit"] for key in keys]
    for watch in watches:
        watch.close()
    return latencies, memory


async def measure_polling(scene: Scene, gateway: Gateway, town: Town, worker: Worker) -> list[float]:
    """The same screens, each of which asks once a second, begun evenly over a second."""
    from rufaa.sync.calls import Form
    from rufaa.sync.registry import FunctionKind
    from rufaa.sync.runtime import Overloaded

    referrals = await asyncio.to_thread(town.waiting, scene.referrals)
    seen: dict[tuple[str, int, int], float] = {}
    loop = asyncio.get_running_loop()

    async def poll(referral: str, person: int, phase_s: float) -> None:
        due = loop.time() + phase_s
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            try:
                outcome = await gateway.calls.call(
                    "referrals:getReferral",
                    kind=FunctionKind.QUERY,
                    args={"referralId": referral},
                    identity=town.people[person],
                    form=Form.WIRE,
                )
                if is_paid(outcome):
                    seen.setdefault((referral, person, 0), time.monotonic())
            except Overloaded:
                pass
            due = max(due + POLL_S, loop.time())

    polls = [
        asyncio.create_task(poll(referral, person, ((number * scene.people + person) * 0.618) % 1.0))
        for number, referral in enumerate(referrals)
        for person in range(scene.people)
    ]
    latencies: list[float] = []
    left = list(referrals)
    for _ in range(min(scene.settlements, POLLED_SETTLEMENTS)):
        paid, left = left[: scene.paid], left[scene.paid :]
        await loop.run_in_executor(None, town.pay, paid)
        keys = [(referral, person, 0) for referral in paid for person in range(scene.people)]
        told = await loop.run_in_executor(None, worker.settle)
        while not all(key in seen for key in keys) and time.monotonic() < told["commit"] + PATIENCE_S:
            await asyncio.sleep(0.02)
        latencies += [seen.get(key, told["commit"] + PATIENCE_S) - told["commit"] for key in keys]
    for task in polls:
        task.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    return latencies


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- what telling costs settlement ----------------------------------------------------------------------------------


def measure_settlement(url: str, town: Town, worker: Worker, *, batch: int) -> dict[str, float]:
    """Microseconds a payment of settling ``batch`` callbacks at once, and how many of them are spent on telling.

    PostgreSQL counts the latter itself: with triggers switched off and on in turns the difference is lost in noise.
    """
    import psycopg

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET track_functions = 'all'")
        admin.execute("SELECT pg_reload_conf()")
        town.pay(town.waiting(1))
        worker.settle()  # from here on its session counts
        town.pay(town.waiting(batch))
        time.sleep(REPORTED_AFTER_S)
        before = telling(admin, calls=0)
        told = worker.settle()
        after = telling(admin, calls=before[0] + 2)
    assert told["taken"] == batch, told
    took_s, telling_ms = told["done"] - told["began"], after[1] - before[1]
    return {"settling": round(took_s / batch * 1e6), "of it telling": round(telling_ms / batch * 1e3)}


def telling(admin: Any, *, calls: int) -> tuple[int, float]:
    """How often referrals were told of, and milliseconds of all telling, once sessions have reported ``calls``."""
    until = time.monotonic() + 3 * REPORTED_AFTER_S
    while True:
        admin.execute("SELECT pg_stat_clear_snapshot()")
        row = admin.execute(
            "SELECT coalesce(sum(calls) FILTER (WHERE funcname = 'referral_is_live'), 0), coalesce(sum(total_time), 0)"
            " FROM pg_stat_user_functions WHERE funcname ~ '_(is|are)_live$'"
        ).fetchone()
        if row[0] >= calls:
            return int(row[0]), float(row[1])
        if time.monotonic() > until:
            raise RuntimeError("PostgreSQL did not count")
        time.sleep(0.5)


# --- all of it ------------------------------------------------------------------------------------------------------


@contextmanager
def database() -> Iterator[str]:
    from rufaa.db.embedded import EmbeddedPostgres, Settings
    from rufaa.db.scratch import remove_data

    data = Path(tempfile.mkdtemp(prefix="rufaa-bench-"))
    data.chmod(0o711)  # as root PostgreSQL runs as another account
    try:
        with EmbeddedPostgres(Settings(data=data)) as postgres:
            yield postgres.url()
    finally:
        remove_data(data)


async def measure_all(url: str, town: Town, worker: Worker) -> tuple[list[Figures], dict[str, float]]:
    gateway = Gateway(url)
    await gateway.run()
    found: list[Figures] = []
    memory: dict[str, float] = {}
    for scene in SCENES:
        latencies: list[float] = []
        for _ in range(scene.rounds):
            more, bytes_each = await measure(scene, gateway, town, worker)
            latencies += more
        memory[scene.name] = round(bytes_each / 1000, 1)
        found.append(figures(scene, "live", latencies))
        latencies = []
        for _ in range(scene.polled):
            latencies += await measure_polling(scene, gateway, town, worker)
        if latencies:
            found.append(figures(scene, "polling", latencies))
    await gateway.close()
    return found, memory


def measured(url: str) -> tuple[list[Figures], dict[str, float], dict[str, float]]:
    town, worker = Town(), Worker()
    try:
        found, memory = asyncio.run(measure_all(url, town, worker))
        return found, memory, measure_settlement(url, town, worker, batch=200)
    finally:
        worker.close()


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench-live", description="Measure live queries.")
    options.add_argument("--json", type=Path, default=Path("bench-live.json"), help="where to write the figures")
    options.add_argument("--settle", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.settle:
        settle_for_ever()
        return
    with database() as url:
        os.environ["PGOPTIONS"] = "-c synchronous_commit=off"  # not what is measured: the town is set up sooner
        set_up(url)
        from rufaa.cli.migrate import migrate
        from rufaa.config import config

        migrate(config())
        try:
            found, memory, cost = measured(url)
        finally:
            from django.db import connection

            connection.close()
            connection.close_pool()  # type: ignore[attr-defined]
    head = ("watches", "samples", "p50 ms", "p99 ms", "worst", "late")
    print(f"{'COMMIT to screen':36} {'way':8}" + "".join(f"{word:>9}" for word in head))
    for row in found:
        numbers = (row.watches, row.samples, row.p50_ms, row.p99_ms, row.worst_ms, row.late)
        print(f"{row.scene:36} {row.way:8}" + "".join(f"{number:9}" for number in numbers))
    print(f"kB of memory a watch: {memory}")
    print(f"µs a payment, settled 200 at once: {cost}")
    report = {
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg(),
        "figures": [asdict(row) for row in found],
        "watch_kb": memory,
        "settlement_us": cost,
    }
    given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
