"""What happened, in order: its last lines for whoever looks for a fault, and a hash of all of it for replays."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 20_000


class Trace:
    """Equal hashes: equal runs. ``counts`` says how often each thing happened."""

    def __init__(self, time: Callable[[], float]) -> None:
        self.counts: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self.steps = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._time = time

    def say(self, *what: object) -> None:
        line = f"{self._time():.6f} {' '.join(map(str, what))}"
        self.lines.append(line)
        self._hash.update(line.encode())

    def step(self, at: float, strand: int, name: str) -> None:
        """One statement: too many to keep, and part of the hash."""
        self.steps += 1
        self._hash.update(f"{at!r} {strand} {name}".encode())

    def digest(self) -> str:
        return self._hash.hexdigest()
