"""Several child processes, and if wanted the embedded PostgreSQL, run as one job: one starts it, one signal ends it.

Knows nothing of what the parts do. Never runs two of the same part, and leaves none behind: each is tied to us.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Final, Protocol

from rufaa import log
from rufaa.cli.passthrough import LAST_LINES, Forwarder, Sink
from rufaa.db import _tethered, tether
from rufaa.errors import Kind, RufaaError

DIE_WITH_PARENT: Final = "RUFAA_DIE_WITH_PARENT"
_LOOK_S: Final = 0.5  # at most this long between two looks at everything; signals and deaths wake us at once
_READY_POLL_S: Final = 0.1
_LOG_CHECK_S: Final = 60
_LAST_OUTPUT_S: Final = 1.0
_ROOM_LOOK_S: Final = 5.0


class PartFailed(RufaaError):
    """A part did not start, or does not stay up. ``data.part`` names it."""

    kind = Kind.UNAVAILABLE
    code = "part-failed"


class Server(Protocol):
    """What a job needs of PostgreSQL; ``rufaa.db.embedded.EmbeddedPostgres`` is it."""

    def start(self) -> None: ...

    def stop(self, *, hurry: Callable[[], bool]) -> None: ...

    def is_alive(self) -> bool: ...

    def rotate_log(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One child process. ``env`` is laid over our environment as it is when the part is started.

    ``ready`` is polled every 100 ms until it is true, and is cheap (a health request); None: ready when it runs. An
    exception counts as not ready. It must stop on SIGTERM. One that is ``early`` is started before all else, and told
    to go on by the end of its standard input.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often, and after what time, a part that died is started again."""

    first_s: float = 1.0
    longest_s: float = 30.0
    healthy_s: float = 60.0  # who lived as long as this starts counting anew
    most: int = 10  # rapid deaths in a row; one more ends the job

    def deaths(self, before: int, *, lived_s: float) -> int:
        """Deaths in a row, after one more that ended a life of ``lived_s``."""
        return 1 if lived_s >= self.healthy_s else before + 1

    def delay_s(self, deaths: int) -> float | None:
        """How long to wait after that many deaths in a row; None: give up. Nothing after none."""
        if deaths > self.most:
            return None
        return 0.0 if deaths <= 0 else float(min(self.first_s * 2 ** (deaths - 1), self.longest_s))


def run(
    parts: Sequence[Part],
    *,
    postgres: Server | None,
    on_ready: Callable[[], None],
    before_parts: Callable[[], None] | None = None,
    ready_timeout_s: float = 60.0,
    stop_timeout_s: float = 10.0,
    restarts: Restarts | None = None,
) -> int:
    """Run the job until it is told to stop. Returns the exit status: 0 after a signal, 1 after a failure.

    Starts PostgreSQL, calls ``before_parts`` once, starts the parts or has the early ones go on, waits until each is
    ready, calls ``on_ready``. Before that, a part that ends is a failure; from then on it is started again. SIGINT,
    SIGTERM and SIGHUP stop the parts, then PostgreSQL; a second one makes it quick. Call it from the main thread:
    signals come there, and the children are tied to it. With ``RUFAA_DIE_WITH_PARENT=1`` (or the parent's number) in
    the environment we are told to stop when our parent ends.
    """
    job = _Job(
        parts,
        postgres=postgres,
        ready_timeout_s=ready_timeout_s,
        stop_timeout_s=stop_timeout_s,
        restarts=restarts or Restarts(),
    )
    with job.signals():
        return job.run(before_parts=before_parts, on_ready=on_ready)


class _Stopped(BaseException):
    """A signal came. No ``except Exception`` on the way may swallow it."""


@dataclass(slots=True)
class _Running:
    """A part's life: ``process`` is None between a death and the next start, at ``due_at``."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    forwarders: list[Forwarder] = field(default_factory=list)
    last_lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    started_at: float = 0.0
    due_at: float = 0.0
    deaths: int = 0


class _Job:
    def __init__(
        self,
        parts: Sequence[Part],
        *,
        postgres: Server | None,
        ready_timeout_s: float,
        stop_timeout_s: float,
        restarts: Restarts,
    ) -> None:
        self._running = [_Running(part) for part in parts]
        self._width = max((len(part.name) for part in parts), default=0)
        self._postgres = postgres
        self._postgres_deaths = 0
        self._postgres_started_at = 0.0
        self._postgres_due_at: float | None = None
        self._disk_full = False
        self._ready_timeout_s = ready_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._restarts = restarts
        self._signals = 0
        self._interruptible = False
        self._log_checked_at = time.monotonic()
        missing = _left_out if log.writes_json() else None
        self._out, self._err = Sink(1, missing=missing), Sink(2, missing=missing)
        self._woken, self._waker = socket.socketpair()

    # -- signals ---------------------------------------------------------------------------------------------------

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Catch the signals that end the job, and be woken by a child's death; as before when the block ends."""
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        wakeup_before = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        before = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda _number, _frame: None)}
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # nohup
            before[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup_before)
            self._woken.close()
            self._waker.close()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self._interruptible:
            self._interruptible = False
            raise _Stopped

    @contextmanager
    def _interrupted_by_signals(self) -> Iterator[None]:
        """Around calls that block for long and clean up after themselves."""
        self._interruptible = True
        try:
            self._stop_if_told()  # also one that came just before
            yield
        finally:
            self._interruptible = False

    def _stop_if_told(self) -> None:
        if self._signals:
            self._interruptible = False
            raise _Stopped

    # -- a job's life ----------------------------------------------------------------------------------------------

    def run(self, *, before_parts: Callable[[], None] | None, on_ready: Callable[[], None]) -> int:
        try:
            self._tie_to_parent()
            for running in self._running:
                if running.part.early:
                    self._launch(running)
            with self._interrupted_by_signals():
                self._start_postgres()
                if before_parts is not None:
                    before_parts()
            for running in self._running:
                if running.part.early:
                    self._go_on(running)
                else:
                    self._launch(running)
            self._wait_until_ready()
            with suppress(BrokenPipeError):  # whoever read our output is gone; the job is not
                on_ready()
            while True:
                self._tend()
                self._sleep(_LOOK_S)
        except _Stopped:
            return 0
        except RufaaError as error:
            self._say(error.message)
            return 1
        finally:
            self._stop_everything()

    @staticmethod
    def _tie_to_parent() -> None:
        told = os.environ.pop(DIE_WITH_PARENT, "")  # ours alone: the parts have another parent
        if told not in ("", "0"):
            parent = os.getppid() if told == "1" or not told.isdigit() else int(told)
            _tethered.tie(signal.SIGTERM, parent=parent)

    def _start_postgres(self) -> None:
        if self._postgres is not None:
            self._postgres.start()
            self._postgres_started_at = time.monotonic()

    def _launch(self, running: _Running) -> None:
        part = running.part
        process = tether.spawn(
            part.argv,
            dies_with=signal.SIGTERM,
            env={**os.environ, **part.env},
            stdin=subprocess.PIPE if part.early else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        prefix = f"{part.name:{self._width}} | "
        running.last_lines = deque(maxlen=LAST_LINES)
        written = partial(log.child_line, part.name) if log.writes_json() else None
        running.forwarders = [
            Forwarder(stream, prefix=prefix, sink=sink, seen=running.last_lines.append, written=written)
            for stream, sink in ((process.stdout, self._out), (process.stderr, self._err))
        ]
        running.process = process
        running.started_at = time.monotonic()

    @staticmethod
    def _go_on(running: _Running) -> None:
        """An early part: all that it waits for is there."""
        assert running.process is not None
        if running.process.stdin is not None:
            with suppress(BrokenPipeError):
                running.process.stdin.close()

    def _wait_until_ready(self) -> None:
        """Raises ``PartFailed`` for a part that ends, or is not ready in time."""
        deadline = time.monotonic() + self._ready_timeout_s
        waiting = [running for running in self._running if running.part.ready is not None]
        while True:
            self._stop_if_told()
            for running in self._running:
                if running.process is not None and tether.has_ended(running.process):
                    raise self._failed(running, f"ended with {_ending(running.process)} before it was ready")
            self._tend_postgres(time.monotonic())
            waiting = [running for running in waiting if not _is_ready(running.part)]
            if not waiting:
                return
            if time.monotonic() >= deadline:
                raise self._failed(waiting[0], f"was not ready within {self._ready_timeout_s:g} s")
            self._sleep(_READY_POLL_S)

    def _tend(self) -> None:
        """One look at everything: start again what died, when its time has come."""
        self._stop_if_told()
        now = time.monotonic()
        self._tend_postgres(now)
        for running in self._running:
            if running.process is None:
                if now >= running.due_at:
                    self._launch(running)
                    self._go_on(running)
            elif tether.has_ended(running.process):
                ending = _ending(running.process)
                running.deaths = self._restarts.deaths(running.deaths, lived_s=now - running.started_at)
                delay_s = self._restarts.delay_s(running.deaths)
                if delay_s is None:
                    raise self._failed(running, f"ended with {ending}, for the {running.deaths}th time in a row")
                self._say(f"{running.part.name} ended with {ending}; it is started again in {delay_s:g} s.")
                running.process = None
                running.due_at = now + delay_s

    def _tend_postgres(self, now: float) -> None:
        if self._postgres is None:
            return
        if self._postgres_due_at is None and not self._postgres.is_alive():
            lived_s = now - self._postgres_started_at
            self._postgres_deaths = self._restarts.deaths(self._postgres_deaths, lived_s=lived_s)
            delay_s = self._restarts.delay_s(self._postgres_deaths - 1)  # the first time at once: all wait for it
            if delay_s is None:
                raise PartFailed(f"PostgreSQL ended for the {self._postgres_deaths}th time in a row.", part="postgres")
            self._say("PostgreSQL ended; it is started again.")
            self._postgres_due_at = now + delay_s
        if self._postgres_due_at is not None and now >= self._postgres_due_at:
            try:
                with self._interrupted_by_signals():
                    self._start_postgres()
            except RufaaError as error:
                if not _is_full_disk(error):
                    raise
                self._wait_for_room(error, now)
                return
            self._postgres_due_at = None
            self._disk_full = False
            self._say("PostgreSQL is back.")
        if now - self._log_checked_at >= _LOG_CHECK_S:
            self._log_checked_at = now
            self._postgres.rotate_log()

    def _wait_for_room(self, error: RufaaError, now: float) -> None:
        """The parts go on and answer "try again" until somebody makes room; then everything is as before."""
        if not self._disk_full:
            self._disk_full = True
            self._say(f"{error.message} It is tried again every {_ROOM_LOOK_S:g} s.")
        self._postgres_due_at = now + _ROOM_LOOK_S

    # -- the end ---------------------------------------------------------------------------------------------------

    def _stop_everything(self) -> None:
        told_again_after = max(self._signals, 1)

        def hurry() -> bool:
            return self._signals > told_again_after

        alive = [running for running in self._running if running.process is not None]
        for running in alive:
            if running.process is not None and not tether.has_ended(running.process):
                running.process.terminate()
        tether.wait_until(lambda: hurry() or _all_ended(alive), timeout_s=self._stop_timeout_s)
        for running in alive:
            if running.process is not None and not tether.has_ended(running.process):
                tether.kill_group(running.process)
                running.process.wait()
                self._say(f"{running.part.name} did not stop when told to; it was killed.")
        if self._postgres is not None:
            self._postgres.stop(hurry=hurry)
        for running in alive:
            for forwarder in running.forwarders:
                forwarder.finish(timeout_s=_LAST_OUTPUT_S)
        self._out.flush(timeout_s=_LAST_OUTPUT_S)
        self._err.flush(timeout_s=_LAST_OUTPUT_S)
        _let_go_of_a_broken_output()

    # -- telling ---------------------------------------------------------------------------------------------------

    def _failed(self, running: _Running, what: str) -> PartFailed:
        for forwarder in running.forwarders:
            if running.process is not None and running.process.returncode is not None:
                forwarder.finish(timeout_s=_LAST_OUTPUT_S)
        lines = [f"  {line.decode(errors='replace').rstrip()}" for line in list(running.last_lines)]
        output = "\n".join(["Its last output:", *lines]) if lines else "It printed nothing."
        return PartFailed(f"{running.part.name} {what}. {output}", part=running.part.name)

    def _say(self, message: str) -> None:
        if log.writes_json():
            self._err.offer(log.line("supervisor.said", level="warning", message=message))
            return
        for line in message.splitlines():
            self._err.offer(f"{'rufaa':{self._width}} | {line}\n".encode(errors="backslashreplace"))

    def _sleep(self, timeout_s: float) -> None:
        """Until a signal, a child's death, or the time."""
        readable, _, _ = select.select([self._woken], [], [], timeout_s)
        if readable:
            with suppress(BlockingIOError):
                self._woken.recv(4096)


def _left_out(lines: int) -> bytes:
    return log.line("supervisor.lines_left_out", level="warning", lines=lines)


def _is_full_disk(error: RufaaError) -> bool:
    """Said before the start, or quoted from the server's log after it."""
    return error.code == "disk-full" or "No space left on device" in error.message


def _is_ready(part: Part) -> bool:
    try:
        return part.ready is None or part.ready()
    except Exception:  # noqa: BLE001 - a health request fails in every way while its server starts
        return False


def _all_ended(running: Sequence[_Running]) -> bool:
    return all(one.process is None or tether.has_ended(one.process) for one in running)


def _ending(process: subprocess.Popen[bytes]) -> str:
    if process.returncode is not None and process.returncode < 0:
        try:
            return signal.Signals(-process.returncode).name
        except ValueError:
            return f"signal {-process.returncode}"
    return f"status {process.returncode}"


def _let_go_of_a_broken_output() -> None:
    """What Python still holds for a reader that is gone would turn our exit status into 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
