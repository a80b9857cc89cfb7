"""What all parts of the engine share: the journal and the books, the clock and chance, the faults that wait.

Everything runs in one event loop; each change is journalled before it is made.
"""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import Any

from rufaa import clock as real_time
from rufaa.simulator import events, initiator
from rufaa.simulator.books import Books
from rufaa.simulator.callbacks import Deliverer
from rufaa.simulator.chance import Chance
from rufaa.simulator.chaos import NOTHING, Drawn, Swarm
from rufaa.simulator.clock import Action, Clock, ManualClock, RealClock
from rufaa.simulator.config import Chaos, SimulatorSettings
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.initiator import Key
from rufaa.simulator.journal import Journal, event_of, to_data
from rufaa.simulator.oauth import Tokens
from rufaa.simulator.script import Script


class Core:
    """Made inside a running event loop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.journal = Journal(settings.journal)
        self.books = Books(opening_balance=settings.wallet_balance)
        starts = 0
        for entry in self.journal.entries:
            starts += entry.kind == "started"
            event = event_of(entry)
            if event is not None:
                self.books.apply(event)
        self.clock: Clock = self._clock()
        self.chance = Chance(settings.seed, start=starts)
        self.tokens = Tokens(settings, self.chance)
        self.faults = Script(self.fault_used)
        self.deliverer = Deliverer(timeout_s=settings.callback_timeout_s, forger_address=settings.forger_address)
        self._kept_key = None if settings.key is None else initiator.kept_in(settings.key)
        self._starts = starts
        self._promised: set[str] = set()
        self.note("started", {"start": starts, "seed": settings.seed})
        self.swarm: Swarm | None = None
        if settings.chaos is not None:
            self.set_chaos(settings.chaos)

    @property
    def key(self) -> Key:
        """What opens a SecurityCredential."""
        return self._kept_key or initiator.of_this_process()

    # ------------------------------------------------------------ what happened

    def record(self, event: events.Event) -> None:
        self.journal.write_event(self.clock.now(), event)
        self.books.apply(event)

    def note(self, kind: str, data: dict[str, Any]) -> None:
        """Journal what changes nothing in the books."""
        self.journal.write(self.clock.now(), kind, data)

    def error(self, where: str, error: BaseException) -> None:
        """Journal a fault of the simulator itself."""
        lines = traceback.format_exception(error)
        self.note("internal-error", {"where": where, "error": "".join(lines)[-4000:]})

    def at(self, due: datetime, action: Action) -> None:
        """Do it when it is due; what goes wrong then is journalled, since nobody waits for it."""

        async def guarded() -> None:
            try:
                await action()
            except Exception as error:  # noqa: BLE001 - the last line of defence
                self.error("clock", error)

        self.clock.call_at(due, guarded)

    async def advance(self, seconds: float) -> None:
        """Move a manual clock, and return when all that fell due has happened. Raises ``ClockIsReal``."""
        await self.clock.advance(seconds)
        self.note("clock", {"advanced_s": seconds})

    def new_receipt(self) -> str:
        """One that no money has moved under, and none will but that of who asked."""
        made = self.chance.receipt(at=self.clock.now(), taken=self.books.receipts | self._promised)
        self._promised.add(made)
        return made

    async def close(self) -> None:
        await self.clock.close()
        await self.deliverer.close()
        self.journal.close()

    # ------------------------------------------------------------ what goes wrong

    def script(self, fault: Fault, *, switch: str | None = None) -> None:
        self.note("fault-scripted", {"fault": fault.to_data()})
        if fault.kind is FaultKind.MAINTENANCE:
            self.begin(fault)
        else:
            self.faults.add(fault, switch=switch)

    def forget_faults(self, switch: str | None = None) -> None:
        """No fault waits any more; or none that ``switch`` has put there."""
        if switch is None:
            self.faults.clear()
        else:
            self.faults.remove(switch)
        self.note("faults-forgotten", {"switch": switch})

    def begin(self, maintenance: Fault) -> None:
        """A maintenance window; it takes the place of the one before."""
        self.fault_used(maintenance)
        since = self.clock.now() + timedelta(seconds=maintenance["delay_s"])
        self.record(events.MaintenanceSet(since, since + timedelta(seconds=maintenance["for_s"])))

    def end_maintenance(self) -> None:
        now = self.clock.now()
        self.record(events.MaintenanceSet(now, now))

    def set_chaos(self, chaos: Chaos | None) -> None:
        """Start the random mode, or stop it."""
        self.swarm = None if chaos is None else Swarm(chaos, start=self._starts)
        told = (
            {"seed": None, "rate": None, "kinds": []}
            if chaos is None
            else {**to_data(chaos), "kinds": self.chaos_kinds}
        )
        self.note("chaos", told)

    @property
    def chaos_kinds(self) -> list[str]:
        """The kinds of faults that the random mode has on."""
        return [] if self.swarm is None else [str(kind) for kind in self.swarm.shares]

    def draw(self, operation: Operation, subject: str = "") -> Drawn:
        """What chance has for this request. A maintenance window that it draws has begun."""
        if self.swarm is None:
            return NOTHING
        drawn = self.swarm.draw(operation, subject)
        if drawn.maintenance is not None and not self.books.under_maintenance(self.clock.now()):
            self.begin(drawn.maintenance)
        return drawn

    def draw_payment(self, phone: str, *, short_code: str) -> Drawn:
        """What chance has for a payment by hand."""
        if self.swarm is None:
            return NOTHING
        return self.swarm.draw_payment(phone, pulled=short_code in self.books.pull)

    def fault_used(self, fault: Fault) -> None:
        self.note("fault-used", {"fault": fault.to_data()})

    def _clock(self) -> Clock:
        if not self.settings.manual_clock:
            return RealClock()
        start = self.settings.start_at or real_time.now()
        last = self.journal.entries[-1].at if self.journal.entries else start
        return ManualClock(max(start, last))
