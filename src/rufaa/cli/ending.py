"""How commands end: at once when all is done, and like an error where one is stopped in the middle."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn


@contextmanager
def cleaning_up() -> Iterator[None]:
    """For a command that would leave something behind: SIGTERM and SIGHUP raise ``SystemExit`` here, so that files and
    servers of ours are removed on the way out."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(code: Any = 0) -> NoReturn:
    """As ``sys.exit``, whose ``code`` it takes: threads are waited for, what is registered for the end is done, and
    what was printed is handed out. A reader who has gone, as ``head`` has, is no fault.

    But Python does not take the process apart, object by object: of all that Rufaa loads that takes a fourth of the
    time of a short command, and gives back what the system takes back anyway.
    """
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
    threading._shutdown()  # type: ignore[attr-defined] # what Python itself does first at its end
    atexit._run_exitfuncs()  # and next
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError, AttributeError):  # None where the process was started without it
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
