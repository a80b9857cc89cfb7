"""A storm of POSTs over connections that are kept, in a process of its own and as cheap as it can be made: requests are
written as bytes that were made before. Closed loop: each connection posts when its last answer came. Open loop: so
many a second, whatever comes back; what finds no connection free waits, and its wait counts.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop
from figures import quantile


@dataclass(frozen=True, slots=True)
class Stormed:
    """What came back. Milliseconds are from when a request was due to the end of its answer."""

    requests: int
    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_s: float  # the storm's own processor time

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds

    @property
    def good(self) -> int:
        return self.statuses.get("200", 0)


def request(path: str, body: bytes, *, token: str | None = None) -> bytes:
    """A POST of JSON as bytes; ``token`` is the bearer's."""
    bearer = "" if token is None else f"Authorization: Bearer {token}\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{bearer}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def whole(got: bytes) -> bool:
    """Whether a head is there, and all of the body that it announces."""
    head = got.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = got.lower().find(b"content-length:", 0, head)
    length = int(got[at + 15 : got.index(b"\r\n", at)]) if at >= 0 else 0
    return len(got) >= head + 4 + length


class Storm:
    """Started at once, and under way until ``result``."""

    def __init__(self, port: int, requests: Sequence[bytes], *, connections: int, per_s: float | None = None) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="rufaa-storm-")  # noqa: SIM115 - it is read by the process
        pickle.dump((port, list(requests), connections, per_s), self._file)
        self._file.flush()
        self._process = subprocess.Popen(
            [sys.executable, __file__, self._file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError("the storm did not start")

    def go(self) -> Storm:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self

    def result(self) -> Stormed:
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        self._process.wait()
        self._file.close()
        return Stormed(**json.loads(said))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._file.close()


def storm(port: int, requests: Sequence[bytes], *, connections: int, per_s: float | None = None) -> Stormed:
    return Storm(port, requests, connections=connections, per_s=per_s).go().result()


class _Sender(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, sky: _Sky) -> None:
        self._sky = sky
        self._due = 0.0
        self._got = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._sky.free.append(self)

    def send(self, due: float, data: bytes) -> None:
        self._due = due
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        if not whole(got):
            self._got = got
            return
        self._got = b""
        self._sky.answered(self, got[9:12], self._due)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._sky.lost()


class _Sky:
    def __init__(self, requests: Sequence[bytes], per_s: float | None) -> None:
        self._requests = iter(requests)
        self._count = len(requests)
        self._per_s = per_s
        self.free: deque[_Sender] = deque()
        self._late: deque[tuple[float, bytes]] = deque()
        self.statuses: Counter[bytes] = Counter()
        self.times: list[float] = []
        self._clock = time.perf_counter
        self.over = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        self._began = self._clock()
        if self._per_s is None:
            for _ in range(len(self.free)):
                self._next(self.free.popleft())
        else:
            self._sent = 0
            self._tick()

    def _tick(self) -> None:
        """What is due by now."""
        assert self._per_s is not None
        now = self._clock()
        until = min(self._count, int((now - self._began) * self._per_s) + 1)
        while self._sent < until:
            due = self._began + self._sent / self._per_s
            data = next(self._requests)
            self._sent += 1
            if self.free:
                self.free.popleft().send(due, data)
            else:
                self._late.append((due, data))
        if self._sent < self._count:
            asyncio.get_running_loop().call_later(0.001, self._tick)

    def _next(self, sender: _Sender) -> None:
        if self._per_s is None:
            data = next(self._requests, None)
            if data is not None:
                sender.send(self._clock(), data)
        elif self._late:
            sender.send(*self._late.popleft())
        else:
            self.free.append(sender)

    def answered(self, sender: _Sender, status: bytes, due: float) -> None:
        self.times.append(self._clock() - due)
        self.statuses[status] += 1
        self._done()
        self._next(sender)

    def lost(self) -> None:
        if not self.over.done():
            self.statuses[b"cut"] += 1
            self._done()

    def _done(self) -> None:
        if sum(self.statuses.values()) == self._count and not self.over.done():
            self.over.set_result(None)

    def told(self) -> Stormed:
        return Stormed(
            requests=self._count,
            seconds=self._clock() - self._began,
            statuses={status.decode(): count for status, count in self.statuses.items()},
            p50_ms=1000 * quantile(self.times, 0.5),
            p99_ms=1000 * quantile(self.times, 0.99),
            worst_ms=1000 * max(self.times),
            cpu_s=time.process_time(),
        )


async def _blow(port: int, requests: Sequence[bytes], connections: int, per_s: float | None) -> Stormed:
    sky = _Sky(requests, per_s)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Sender(sky), "127.0.0.1", port)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    sky.start()
    await sky.over
    return sky.told()


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_blow(*pickle.loads(Path(sys.argv[1]).read_bytes()))))), flush=True)
