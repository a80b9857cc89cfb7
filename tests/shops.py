"""Shops that take M-Pesa with clients that other people published, each in a process of its own (``tests/clients``).

Under ``tests/clients/pypi`` and ``npm`` stands a shop for each client, written as its README would have it. A shop
reads lines of JSON: ``open`` makes a client for an address, ``push``, ``query`` and (where the client can) ``read`` a
callback use it. What the client raises comes back as the client says it.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rufaa.simulator.config import DEMO_CONSUMER_KEY, DEMO_CONSUMER_SECRET, DEMO_PASSKEY
from rufaa.simulator.testing import RunningSimulator
from support import RINGS, post

PYTHON = ("noriapay", "daraja-v3", "mpesakit")
CLIENTS = (*PYTHON, "mpesa-node")
NAIROBI = "EAT-3"  # East Africa Time as POSIX writes it, which needs no files of zones
PATIENCE_S = 60.0


@dataclass
class Shop:
    """One client's process."""

    client: str
    process: subprocess.Popen[str]
    complaints: Path

    def ask(self, what: str, **given: object) -> dict[str, Any]:
        """What the shop said: ``{"answer": …}`` or ``{"raised": …}``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self.process.stdin.flush()
        line = self._line(self.process.stdout)
        assert line, f"{self.client} ended: {self.complaints.read_text()}"
        said: dict[str, Any] = json.loads(line)
        return said

    def _line(self, output: IO[str]) -> str:
        """The next line; a client that hangs is ended, which ends its output, too."""
        overdue = threading.Timer(PATIENCE_S, self.process.kill)
        overdue.start()
        try:
            return output.readline()
        finally:
            overdue.cancel()


@dataclass
class Counter:
    """A shop's client before a simulator, and the address where it wants to be called back."""

    shop: Shop
    simulator: RunningSimulator
    callback_url: str
    bodies: list[bytes]
    paths: list[str]

    @property
    def client(self) -> str:
        return self.shop.client

    def open(
        self, *, key: str = DEMO_CONSUMER_KEY, secret: str = DEMO_CONSUMER_SECRET, passkey: str = DEMO_PASSKEY
    ) -> None:
        """A new client, which has no token yet."""
        opened = self.shop.ask("open", url=self.simulator.url, key=key, secret=secret, passkey=passkey)
        assert opened == {"answer": {}}

    def push(self, phone: str = RINGS, *, amount: object = 1000, description: str | None = "Fee") -> dict[str, Any]:
        url = self.callback_url
        return self.shop.ask("push", phone=phone, amount=amount, callback_url=url, description=description)

    def pushed(self, phone: str = RINGS, **changes: Any) -> str:
        """The id that the client reports of an accepted push."""
        said = self.push(phone, **changes)
        assert said.get("answer", {}).get("words") == "Success. Request accepted for processing", said
        made: str = said["answer"]["id"]
        return made

    def query(self, checkout_request_id: str) -> dict[str, Any]:
        return self.shop.ask("query", id=checkout_request_id)

    def type_on_handset(self, phone: str, **answer: str) -> None:
        """As the handset's page sends it."""
        assert post(f"{self.simulator.url}/control/phones/{phone}/answer", answer).status == 200


Station = Callable[..., Counter]  # a client's name and the simulator's settings → that client before a new simulator
