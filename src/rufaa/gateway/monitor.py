"""``/healthz``, ``/readyz`` and ``/metrics`` of any process: what is checked, and what is answered.

*Healthy*: this process works and reaches its database; who is not is restarted. *Ready*: traffic should come here; who
is not is left alone until it is. Nothing here knows how requests come in.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django.db import connections

from rufaa import metrics
from rufaa.gateway.vitals import Vitals
from rufaa.metrics import Sample

HEALTH: Final = "/healthz"
READY: Final = "/readyz"
METRICS: Final = "/metrics"
PATHS: Final = frozenset({HEALTH, READY, METRICS})
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


Why = str
"""What is wrong in a few words; empty: nothing is."""


class Monitor:
    """``parts`` are what this process lives by, ``ready`` what it needs besides to be given traffic, each by name."""

    def __init__(
        self,
        vitals: Vitals,
        *,
        parts: Mapping[str, Callable[[], Why]],
        ready: Mapping[str, Callable[[], Why]],
        pools: Callable[[], Sequence[Sample]],
    ) -> None:
        self._vitals = vitals
        self._parts = parts
        self._ready = ready
        self._pools = pools

    async def health(self) -> Answer:
        return _told(await self._health())

    async def ready(self) -> Answer:
        checks = await self._health()
        if not checks["database"]:
            state = await self._vitals.state()
            checks["writable"] = "" if state.writable else "the database takes no writes: a replica, or read-only"
            checks["migrations"] = f"{state.missing} missing: run rufaa migrate" if state.missing else ""
        else:
            checks["writable"] = checks["migrations"] = "not known"
        return _told({**checks, **{name: look() for name, look in self._ready.items()}})

    async def metrics(self) -> Answer:
        figures = await self._vitals.figures()
        return Answer(200, metrics.CONTENT_TYPE, metrics.text([*figures, *self._pools()]))

    async def _health(self) -> dict[str, Why]:
        state = await self._vitals.state()
        return {"database": state.trouble, **{name: look() for name, look in self._parts.items()}}


def _told(checks: Mapping[str, Why]) -> Answer:
    good = not any(checks.values())
    told = {name: {"ok": not why, "why": why} for name, why in checks.items()}
    body = json.dumps({"status": "ok" if good else "failing", "checks": told}).encode()
    return Answer(200 if good else 503, "application/json", body)


def may_see_metrics(authorization: str, token: str) -> bool:
    """Whether the header presents ``token``; takes the same time whatever is wrong with it."""
    scheme, given = authorization[: len(_BEARER)].lower(), authorization[len(_BEARER) :].strip()
    same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
    return same and scheme == _BEARER


def function_connections() -> Sequence[Sample]:
    """How the threads' pool of database connections is used."""
    pool = cast("Any", connections["default"]).pool  # PostgreSQL's wrapper has it
    stats = pool.get_stats() if pool is not None else {}
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    return connections_of("functions", used=size - idle, idle=idle, waiting=stats.get("requests_waiting", 0))


def connections_of(pool: str, *, used: int, idle: int, waiting: int) -> Sequence[Sample]:
    numbers = {"used": used, "idle": idle, "waiting": waiting}
    return [
        ("rufaa_database_connections", {"pool": pool, "state": state}, float(number))
        for state, number in numbers.items()
    ]
