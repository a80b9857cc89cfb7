"""The real clients as processes of their own, led line by line: what a test does with them, and what they showed.

Python's client holds the interpreter while it waits, and npm's is JavaScript: so neither lives in the test's process.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from demo_process import environment
from support import wait_until

HERE = Path(__file__).parent


@dataclass
class Client:
    """One client. ``events`` is everything that it told, in order."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def watch(self, name: str, **args: Any) -> Watched:
        number = next(self._ids)
        self.tell(do="watch", id=number, name=name, args=args)
        return Watched(self, number)

    def start(self, name: str, **args: Any) -> Asked:
        """Call a mutation, and go on."""
        return self._ask("mutate", name, args)

    def act(self, name: str, **args: Any) -> Asked:
        return self._ask("act", name, args)

    def mutate(self, name: str, **args: Any) -> Any:
        """The value of a mutation that must succeed."""
        return self.start(name, **args).value()

    def _ask(self, what: str, name: str, args: dict[str, Any]) -> Asked:
        number = next(self._ids)
        self.tell(do=what, id=number, name=name, args=args)
        return Asked(self, number)

    def first(self, fits: Callable[[dict[str, Any]], bool], *, what: str) -> dict[str, Any]:
        """The first event that fits, waited for."""
        wait_until(lambda: any(fits(each) for each in self.events), what=f"{what}; so far {self.events[-3:]}")
        return next(each for each in self.events if fits(each))

    def all_of(self, key: str) -> list[Any]:
        return [each[key] for each in self.events if key in each]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))


@dataclass(frozen=True)
class Watched:
    """A query that a client watches."""

    client: Client
    number: int

    @property
    def shown(self) -> list[Any]:
        """What it showed, one after the other: values, and errors as they came."""
        return [each.get("value", each.get("error")) for each in self.client.events if each.get("watch") == self.number]

    def until(self, holds: Callable[[Any], bool], *, what: str = "an answer") -> Any:
        """The last thing shown, once it is what is waited for."""
        wait_until(lambda: bool(self.shown) and holds(self.shown[-1]), what=f"{what} at watch {self.number}")
        return self.shown[-1]

    def stop(self) -> None:
        self.client.tell(do="unwatch", id=self.number)


@dataclass(frozen=True)
class Asked:
    """A mutation or an action that a client called."""

    client: Client
    number: int

    @property
    def is_over(self) -> bool:
        return any(each.get("done") == self.number for each in self.client.events)

    def value(self) -> Any:
        event = self._event()
        assert "error" not in event, event
        return event["value"]

    def error(self) -> dict[str, Any]:
        event = self._event()
        assert "error" in event, event
        error: dict[str, Any] = event["error"]
        return error

    def _event(self) -> dict[str, Any]:
        return self.client.first(lambda each: each.get("done") == self.number, what="the end of a call")


@contextmanager
def running(command: Sequence[str], *, cwd: Path, url: str, **settings: str) -> Iterator[Client]:
    """A client that talks to ``url``, until the end of the block."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment(RUFAA_URL=url, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    client = Client(process)
    listener = threading.Thread(target=client._listen, daemon=True)
    listener.start()
    try:
        yield client
    finally:
        process.kill()
        process.wait()
        listener.join()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
