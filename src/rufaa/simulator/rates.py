"""Apigee's spike arrest, pure: a bucket per key that fills evenly. A refused request costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rufaa.simulator.config import Rate


@dataclass(frozen=True, slots=True)
class _Bucket:
    level: float
    at: datetime


class SpikeArrest:
    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._buckets: dict[str, _Bucket] = {}

    def allows(self, key: str, *, at: datetime) -> bool:
        """Whether ``key`` may have one more request at ``at``; if so, it is counted."""
        bucket = self._buckets.get(key) or _Bucket(float(self.rate.burst), at)
        filled = max(0.0, (at - bucket.at).total_seconds()) * self.rate.messages / self.rate.period_s
        level = min(float(self.rate.burst), bucket.level + filled)
        allowed = level >= 1 - 1e-9  # a bucket filled exactly on time must not fail by a rounding error
        self._buckets[key] = _Bucket(level - 1 if allowed else level, at)
        return allowed
