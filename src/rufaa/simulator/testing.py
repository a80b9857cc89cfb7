"""The simulator inside a test: its own thread and event loop, a free port, and methods for any thread.

Waiting is for the journal to grow, never for time to pass. Nothing here changes how the simulator behaves.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator import server
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.engine import Engine
from rufaa.simulator.faults import Fault
from rufaa.simulator.journal import Entry
from rufaa.simulator.movements import Movement
from rufaa.simulator.notices import Notice
from rufaa.simulator.orders import Order
from rufaa.simulator.owner import Message
from rufaa.simulator.registrations import PullRegistration, Urls
from rufaa.simulator.state import Answer, Cancelled, PinEntered, Prompt, PutAside

T = TypeVar("T")
_PATIENCE_S = 30.0


class RunningSimulator:
    """A simulator that listens at ``url``. All methods are synchronous and thread-safe."""

    def __init__(self, *, url: str, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self._engine = engine
        self._loop = loop
        self._grown = threading.Condition()
        self._version = 0
        engine.journal.listen(self._note)

    def advance(self, seconds: float) -> None:
        """Move the manual clock; what falls due has happened, and been called back, on return."""
        self._do(self._engine.advance(seconds))

    def now(self) -> datetime:
        """The simulator's time; what a client under test must stamp its requests with, if the clock is manual."""
        return self._call(self._engine.clock.now)

    def answer(self, phone: str, *, pin: str | None = None) -> Prompt:
        """Type the PIN (the right one by default) on the phone that rings. Raises ``NotRinging``."""
        return self._reply(phone, PinEntered(self._engine.settings.pin if pin is None else pin))

    def cancel(self, phone: str) -> Prompt:
        return self._reply(phone, Cancelled())

    def ignore(self, phone: str) -> Prompt:
        return self._reply(phone, PutAside())

    def pay(
        self, phone: str, short_code: str, reference: str = "", shillings: object = 1000, *, pin: str | None = None
    ) -> str:
        """Lipa na M-PESA by hand: the receipt number. Raises ``NotPaid``, whose ``why`` says what is wrong.

        ``short_code`` is a paybill, which wants a ``reference``, or a till's own number, which wants none.
        """
        pin = self._engine.settings.pin if pin is None else pin
        paid = self._do(
            self._engine.paybill.pay(Phone(phone), to=short_code, reference=reference, shillings=shillings, pin=pin)
        )
        return paid.receipt

    @property
    def certificate(self) -> str:
        """PEM text: what a client encrypts an initiator's password with."""
        return self._engine.key.certificate

    def orders(self) -> list[Order]:
        """Every order that was acknowledged, as it stands, oldest first."""
        return self._call(lambda: list(self._engine.books.orders.values()))

    def registered(self, short_code: str) -> Urls | None:
        """The C2B addresses of a short code."""
        return self._call(lambda: self._engine.books.urls.get(short_code))

    def pull_registered(self, short_code: str) -> PullRegistration | None:
        return self._call(lambda: self._engine.books.pull.get(short_code))

    def movements(self) -> list[Movement]:
        """All money that moved into and out of tills, oldest first."""
        return self._call(lambda: list(self._engine.books.movements.values()))

    def notices(self) -> list[Notice]:
        """All that was or will be posted besides the callbacks of prompts, in the order of planning."""
        return self._call(lambda: list(self._engine.books.notices))

    def prompts(self) -> list[Prompt]:
        """Every prompt that was accepted, oldest first."""
        return self._call(lambda: list(self._engine.books.prompts.values()))

    def till(self, short_code: str) -> Money:
        return self._call(lambda: self._engine.books.till(short_code))

    def wallet(self, phone: str) -> Money:
        return self._call(lambda: self._engine.books.wallet(Phone(phone)))

    def messages(self, phone: str) -> list[Message]:
        """What the phone was told, by M-Pesa and by others, newest first."""
        return self._call(lambda: list(self._engine.owner.inbox(Phone(phone))))

    def set_wallet(self, phone: str, balance: Money) -> None:
        self._call(lambda: self._engine.set_wallet(Phone(phone), balance))

    def journal(self, *, since: int = 0) -> list[Entry]:
        return self._call(lambda: self._engine.journal.since(since))

    def script(self, *faults: Fault) -> None:
        for fault in faults:
            self._call(lambda each=fault: self._engine.script(each))  # type: ignore[misc]

    def calm(self) -> None:
        """No faults from here on: neither scripted ones nor chance's, and no maintenance."""

        def calmed() -> None:
            self._engine.faults.clear()
            self._engine.set_chaos(None)
            self._engine.end_maintenance()

        self._call(calmed)

    def wait_until(self, holds: Callable[[], bool], *, timeout_s: float = _PATIENCE_S) -> None:
        """Return once ``holds()``; it is asked again whenever the journal grows. Raises ``TimeoutError``."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._grown:
                seen = self._version
            if holds():
                return
            with self._grown:
                if not self._grown.wait_for(lambda: self._version != seen, deadline - time.monotonic()):  # noqa: B023
                    raise TimeoutError(f"Not so within {timeout_s} s; the journal has {len(self.journal())} entries.")

    def _reply(self, phone: str, answer: Answer) -> Prompt:
        return self._do(self._engine.answer(Phone(phone), answer))

    def _note(self, _entry: Entry) -> None:
        with self._grown:
            self._version += 1
            self._grown.notify_all()

    def _call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return self._do(called())

    def _do(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(_PATIENCE_S * 4)


@contextmanager
def running_simulator(settings: SimulatorSettings | None = None) -> Iterator[RunningSimulator]:
    """A simulator on a free port of 127.0.0.1, stopped on the way out."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    runner: web.AppRunner | None = None
    try:
        starting = server.start(settings or SimulatorSettings(), host="127.0.0.1", port=0)
        runner, url = asyncio.run_coroutine_threadsafe(starting, loop).result(_PATIENCE_S)
        assert runner.app is not None
        yield RunningSimulator(url=url, engine=runner.app[server.ENGINE], loop=loop)
    finally:
        if runner is not None:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()
