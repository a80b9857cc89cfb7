"""People under storm: how long pages take while callbacks storm in at a fixed rate, and are settled.

Once with one gateway for all, as ``rufaa serve`` runs it, and once with split roles: one for Safaricom and another
for people. A worker runs beside them in both, and all have one PostgreSQL. One person reads page after page with a
short pause; each round has all rates, with none first, which is what its ratios are against.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from callbacks import Callbacks, await_settled
from figures import Figure, quantile
from pages import Reader, session_of
from population import ringing
from processes import Gateway, WorkerRole
from storm import Storm
from town import database

RATES: Final = (0, 500, 1000, 2000)
"""Callbacks a second."""
ROUNDS: Final = 3
ROUND_S: Final = 8.0
"""Of one rate in one round."""
PAUSE_S: Final = 0.01
_CONNECTIONS: Final = 64

Times = dict[str, list[float]]
"""Milliseconds, by page."""


def measured(quick: bool) -> list[Figure]:
    rounds, seconds = (1, 3.0) if quick else (ROUNDS, ROUND_S)
    with database() as url:
        from support import make_world

        world = make_world()
        ringing(world, int(2 * rounds * seconds * sum(RATES)))
        callbacks, person = Callbacks(), _Person(world)
        return [
            *_figures("one gateway", _arranged(url, callbacks, person, split=False, rounds=rounds, seconds=seconds)),
            *_figures("split roles", _arranged(url, callbacks, person, split=True, rounds=rounds, seconds=seconds)),
        ]


class _Person:
    """What somebody of the facility looks at, and a patient."""

    def __init__(self, world: Any) -> None:
        from support import rows

        self._session = session_of(world.admin.user)
        one = rows("SELECT referral.id, token FROM referral JOIN fee ON fee.id = fee_id ORDER BY referral.id LIMIT 1")[
            0
        ]
        self._pages = {
            "work list": ("/work/", True),
            "search": ("/work/?q=patient77+ot", True),
            "referral": (f"/referrals/{one['id'].hex}/", True),
            "patient's page": (f"/r/{one['token']}", False),
        }

    def reads(self, url: str, seconds: float) -> Times:
        """Page after page, for so long, each at least once."""
        staff, patient = Reader(url, self._session), Reader(url, None)
        times: Times = {name: [] for name in self._pages}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for name, (path, signed_in) in self._pages.items():
                times[name].append((staff if signed_in else patient).get(path)[0])
                time.sleep(PAUSE_S)
        return times


def _arranged(
    url: str, callbacks: Callbacks, person: _Person, *, split: bool, rounds: int, seconds: float
) -> list[list[Times]]:
    """For each round, for each rate."""
    with ExitStack() as stack:
        stormed = Gateway(url)
        stack.callback(stormed.close)
        read = stormed
        if split:
            read = Gateway(url)
            stack.callback(read.close)
        worker = WorkerRole(url)
        stack.callback(worker.close)
        person.reads(read.url, seconds / 2)
        found = []
        for _ in range(rounds):
            found.append([_under(rate, stormed, callbacks, person, read.url, seconds) for rate in RATES])
        return found


def _under(rate: int, gateway: Gateway, callbacks: Callbacks, person: _Person, url: str, seconds: float) -> Times:
    """What the person sees while so many come a second."""
    if not rate:
        return person.reads(url, seconds)
    blowing = Storm(gateway.port, callbacks.next(int(rate * seconds)), connections=_CONNECTIONS, per_s=rate).go()
    try:
        times = person.reads(url, seconds)
        stormed = blowing.result()
    finally:
        blowing.close()
    if stormed.good != stormed.requests:
        raise RuntimeError(f"not all were accepted: {stormed.statuses}")
    await_settled()  # nothing waits from one storm to the next
    return times


def _figures(words: str, rounds: Sequence[Sequence[Times]]) -> list[Figure]:
    figures = []
    for page in rounds[0][0]:
        rest = [quantile(of_rates[0][page], 0.99) for of_rates in rounds]
        figures.append(Figure(f"{page}, {words}: p99 at rest", tuple(rest), "ms"))
        for at, rate in enumerate(RATES[1:], start=1):
            under = [quantile(of_rates[at][page], 0.99) for of_rates in rounds]
            ratios = tuple(each / calm for each, calm in zip(under, rest, strict=True))
            figures.append(Figure(f"  while {rate:,} callbacks/s come", tuple(under), "ms", "the page at rest", ratios))
    return figures
