"""Prompts: how long it takes from a click to the push at Daraja, and how many pushes are dispatched in a second.

* *Click to push*: from just before the COMMIT of ``send_prompt``, in this process as a page does it, over the running
  ``rufaa worker`` until the whole push has arrived at Daraja. Beside each one: a bare COMMIT of one row, and a bare
  POST of such bytes over a connection that is kept, also until it has arrived. One at a time, with pauses between them.
* *Dispatched*: so many prompts wait when the worker starts; pushes that arrive in a second, from the first to the last.
  Once at a sink that is cheaper than all else, and once at the simulator, whose journal tells that each was pushed
  once. What sink and simulator take from somebody who writes bytes that were made before is their own limit.
"""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import population
from figures import Figure, quantile
from processes import Simulator, WorkerRole, daraja_token
from sink import Sink
from storm import request, storm
from town import database

CLICKS: Final = 150
"""Of one round."""
ROUNDS: Final = 3
WARM_UP: Final = 10
PAUSE_S: Final = 0.1
"""Between two clicks: by then the worker has written down what became of the last one."""
PUSHES: Final = 5000
AT_ONCE: Final = 200
"""Pushes that a worker has on their way at most."""
_PUSH_PATH: Final = "/mpesa/stkpush/v1/processrequest"
_PATIENCE_S: Final = 240.0


def measured(quick: bool) -> list[Figure]:
    clicks, rounds, pushes = (20, 2, 500) if quick else (CLICKS, ROUNDS, PUSHES)
    with database() as url, _sink() as sink:
        from support import make_world

        world = make_world(sink.url)
        return [
            *_clicks(url, world, sink, clicks=clicks, rounds=rounds),
            *_to_the_sink(url, world, sink, pushes),
            *_to_the_simulator(url, world, pushes),
        ]


@contextmanager
def _sink() -> Iterator[Sink]:
    sink = Sink()
    try:
        yield sink
    finally:
        sink.close()


# --- from a click to the push -----------------------------------------------------------------------------------------


def _clicks(url: str, world: Any, sink: Sink, *, clicks: int, rounds: int) -> list[Figure]:
    total = WARM_UP + rounds * clicks
    referrals = [world.waiting() for _ in range(total)]
    bare, worker = _Bare(url, sink), WorkerRole(url)
    took: list[tuple[float, float]] = []
    try:
        for number, referral in enumerate(referrals):
            phone = f"25470800{number:04d}"
            time.sleep(PAUSE_S)
            limit = bare.commit_and_post(phone)
            time.sleep(PAUSE_S)
            took.append((_click(world, sink, referral, phone), limit))
    finally:
        worker.close()
        bare.close()
    parts = [took[at : at + clicks] for at in range(WARM_UP, total, clicks)]
    return [_at(share, parts) for share in (0.5, 0.99)]


def _at(share: float, parts: Sequence[Sequence[tuple[float, float]]]) -> Figure:
    """Of each round."""
    ours = [quantile([click for click, _ in part], share) for part in parts]
    limits = [quantile([limit for _, limit in part], share) for part in parts]
    return Figure(
        f"click to push p{share * 100:.0f}",
        tuple(1000 * each for each in ours),
        "ms",
        limit="a bare commit and a bare POST",
        ratios=tuple(each / limit for each, limit in zip(ours, limits, strict=True)),
        goal=3.0 if share > 0.9 else None,
        at_least=False,
    )


def _click(world: Any, sink: Sink, referral: str, phone: str) -> float:
    """Seconds from just before COMMIT to the push."""
    from rufaa.db.atomic import Tx, unit
    from rufaa.referrals.operations import send_prompt

    def ask(tx: Tx) -> float:
        send_prompt(tx, world.admin, referral, phone=phone, amount=None)
        return time.monotonic()

    committing = unit(ask, actor=world.admin.user)
    rang, at = sink.next()
    if rang != phone:
        raise RuntimeError(f"{rang} was pushed, not {phone}")
    return at - committing


class _Bare:
    """The limit: what no way from a click to a push can do without."""

    def __init__(self, url: str, sink: Sink) -> None:
        import psycopg

        self._sink = sink
        self._database = psycopg.connect(url)
        self._database.execute("CREATE TABLE bare (id uuid PRIMARY KEY, phone text)")
        self._database.commit()
        self._daraja = HTTPConnection("127.0.0.1", sink.port)

    def commit_and_post(self, phone: str) -> float:
        """Seconds of a COMMIT of one row, and of a POST until all of it has arrived."""
        body = _push(phone)
        self._database.execute("INSERT INTO bare VALUES (%s, %s)", (uuid.uuid4(), phone))
        began = time.monotonic()
        self._database.commit()
        self._daraja.request("POST", _PUSH_PATH, body, {"Content-Type": "application/json"})
        self._daraja.getresponse().read()
        return self._sink.next()[1] - began

    def close(self) -> None:
        self._database.close()
        self._daraja.close()


# --- how many are dispatched ------------------------------------------------------------------------------------------


def _to_the_sink(url: str, world: Any, sink: Sink, pushes: int) -> list[Figure]:
    phones = _due(world, sink.url, pushes)
    worker = WorkerRole(url)
    try:
        arrived = [sink.next() for _ in range(pushes)]
        _await_recorded(phones)
        worker_s = worker.cpu_s
    finally:
        worker.close()
    _once(phones, Counter(phone for phone, _ in arrived))
    times = sorted(at for _, at in arrived)
    rate = (pushes - 1) / (times[-1] - times[0])
    alone = storm(sink.port, [posted(each) for each in phones], connections=AT_ONCE)
    for _ in phones:
        sink.next()
    return [
        Figure("pushes dispatched", (rate,), "/s", goal=1000.0),
        Figure("  processor: worker, its start included", (1e6 * worker_s / pushes,), "µs each"),
        Figure("  what the sink can take", (alone.per_s,), "/s"),
    ]


def _to_the_simulator(url: str, world: Any, pushes: int) -> list[Figure]:
    """Its journal says that each was pushed once."""
    with tempfile.TemporaryDirectory(prefix="rufaa-bench-") as folder:
        journal = Path(folder) / "journal.jsonl"
        simulator = Simulator(journal)
        try:
            phones = _due(world, simulator.url, pushes)
            worker = WorkerRole(url)
            try:
                _await_recorded(phones)
            finally:
                worker.close()
            told = _journalled(journal)
            _once(phones, Counter(phone for phone, _ in told))
            rate = (pushes - 1) / (told[-1][1] - told[0][1])
            alone = _alone(simulator, [_stranger(number) for number in range(pushes)])
        finally:
            simulator.close()
    return [
        Figure("pushes dispatched, to the simulator", (rate,), "/s", "what it takes alone", (rate / alone,)),
        Figure("  what the simulator can take", (alone,), "/s"),
    ]


def _due(world: Any, daraja: str, count: int) -> list[str]:
    """So many prompts that nobody has sent yet, on an account that may push as fast as it can. Their phones."""
    from rufaa.db.atomic import unit
    from rufaa.facilities.operations import keep_account
    from support import KEYS, credentials, rows

    unit(lambda tx: keep_account(tx, credentials(daraja), keys=KEYS, pushes_per_s=100_000, queries_per_min=1))
    population.asked(world, count)
    return [row["payer_phone"] for row in rows("SELECT payer_phone FROM prompt WHERE state = 'created'")]


def _await_recorded(phones: Sequence[str]) -> None:
    """All answers are written down, each as accepted."""
    from support import rows, value

    until = time.monotonic() + _PATIENCE_S
    while value("SELECT count(*) FROM prompt WHERE state IN ('created', 'sending')"):
        if time.monotonic() > until:
            raise RuntimeError("not all prompts were sent")
        time.sleep(0.1)
    odd = "SELECT state, code FROM prompt WHERE state <> 'pending' AND payer_phone = ANY(%(phones)s) LIMIT 5"
    if wrong := rows(odd, phones=list(phones)):
        raise RuntimeError(f"not all pushes were accepted: {wrong}")


def _once(phones: Sequence[str], pushed: Counter[str]) -> None:
    if pushed != Counter(phones):
        wrong = [(phone, pushed[phone]) for phone in phones if pushed[phone] != 1]
        raise RuntimeError(f"not exactly one push each: {wrong[:5]}, {len(pushed)} phones")


def _journalled(journal: Path) -> list[tuple[str, float]]:
    """Phone and time of each push that the simulator answered with 200, in its order."""
    from datetime import datetime

    found = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["kind"] == "exchange" and entry["path"] == _PUSH_PATH and entry["status"] == 200:
            phone = str(json.loads(entry["body"])["PhoneNumber"])
            found.append((phone, datetime.fromisoformat(entry["at"]).timestamp()))
    return found


def _alone(simulator: Simulator, phones: Sequence[str]) -> float:
    """Pushes a second that it takes from a storm of bytes."""
    token = daraja_token(simulator.url)
    done = storm(simulator.port, [posted(each, token) for each in phones], connections=AT_ONCE)
    if done.good != done.requests:
        raise RuntimeError(f"the simulator did not take all: {done.statuses}")
    return done.per_s


def _stranger(number: int) -> str:
    return f"2541{number:08d}"


def posted(phone: str, token: str | None = None) -> bytes:
    """A push to ``phone`` as a whole request."""
    return request(_PUSH_PATH, _push(phone), token=token)


def _push(phone: str) -> bytes:
    """The bytes of a push as the worker sends it."""
    from rufaa import clock
    from rufaa.daraja.messages import push_request
    from rufaa.ingest.address import callback_url
    from rufaa.phone import Phone
    from support import FEE, KEYS, credentials

    return push_request(
        credentials("http://127.0.0.1:1"),
        phone=Phone(phone),
        amount=FEE,
        account_reference="00000000",
        description="Referral fee",
        callback_url=callback_url("http://127.0.0.1:8000", uuid.uuid4(), keys=KEYS),
        at=clock.now(),
    )
