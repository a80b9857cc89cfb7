"""The real Daraja client against the real simulator, over HTTP: each is the other's test."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rufaa.daraja.client import Daraja, MemoryTokens, Timeouts, TokenSource, new_session
from rufaa.daraja.credentials import Credentials
from rufaa.daraja.messages import Malformed, StkCallback, parse_stk_callback
from rufaa.daraja.outcomes import PushOutcome, QueryOutcome
from rufaa.phone import Phone
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import RunningSimulator, running_simulator
from support import FEE, RINGS, credentials

T = TypeVar("T")


@dataclass
class Merchant:
    """Speaks to one simulator through the client; each call has a loop and a session of its own."""

    simulator: RunningSimulator
    account: Credentials
    callback_url: str
    tokens: TokenSource | None = None
    callbacks: list[bytes] = field(default_factory=list)

    def run(self, work: Callable[[Daraja, TokenSource], Awaitable[T]]) -> T:
        async def main() -> T:
            async with new_session() as session:
                daraja = Daraja(session, timeouts=Timeouts(connect_s=2, total_s=5))
                return await work(daraja, self.tokens or MemoryTokens(daraja, self.account))

        return asyncio.run(main())

    def push(self, phone: str = RINGS, **changes: Any) -> PushOutcome:
        return self.run(lambda daraja, tokens: self.pushing(daraja, tokens, phone, **changes))

    async def pushing(self, daraja: Daraja, tokens: TokenSource, phone: str = RINGS, **changes: Any) -> PushOutcome:
        account = replace(self.account, **{k: changes.pop(k) for k in list(changes) if hasattr(self.account, k)})
        said: dict[str, Any] = {
            "phone": Phone(phone),
            "amount": FEE,
            "account_reference": "ABC123",
            "description": "Referral fee",
            "callback_url": self.callback_url,
            "at": self.simulator.now(),
        }
        return await daraja.stk_push(account, tokens, **{**said, **changes})

    def query(self, checkout_request_id: str, *, at: datetime | None = None) -> QueryOutcome:
        when = at or self.simulator.now()
        return self.run(
            lambda daraja, tokens: daraja.stk_query(
                self.account, tokens, checkout_request_id=checkout_request_id, at=when
            )
        )

    def called_back(self) -> list[StkCallback | Malformed]:
        return [parse_stk_callback(body) for body in self.callbacks]


@pytest.fixture
def merchant() -> Iterator[Callable[..., Merchant]]:
    """Opens a simulator with these settings, and a merchant beside it that keeps the callbacks."""
    kept: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ExitStack() as stack, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def open_one(**settings: Any) -> Merchant:
            given = SimulatorSettings(**{"manual_clock": True, "query_rate": None, **settings})
            simulator = stack.enter_context(running_simulator(given))
            return Merchant(
                simulator,
                credentials(simulator.url),
                f"http://127.0.0.1:{server.server_port}/h/0123",
                callbacks=kept,
            )

        yield open_one
        server.shutdown()
        thread.join()


@pytest.fixture
def one(merchant: Callable[..., Merchant]) -> Merchant:
    return merchant()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Real payloads. They are not part of the project."""
    folder = Path(os.environ.get("RUFAA_CORPUS") or Path(__file__).parents[3] / "shared" / "daraja-corpus")
    if not (folder / "index.tsv").is_file():
        pytest.skip(f"no corpus at {folder}: set RUFAA_CORPUS")
    return folder
