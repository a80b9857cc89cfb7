"""Hands on what child processes print, line by line, to our own output. Nothing here can make a child wait, or stop us.

Never: what the lines mean. Who wants them otherwise than with a prefix gives a function for it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Final

_LIMIT_BYTES: Final = 1024 * 1024
_LINE_LIMIT_BYTES: Final = 64 * 1024
LAST_LINES: Final = 20


class Sink:
    """Writes to a file descriptor from a thread of its own.

    Holds at most 1 MiB: when the reader of our output is too slow, lines are left out and counted. When it is gone, all
    lines are thrown away.
    """

    def __init__(self, descriptor: int, *, missing: Callable[[int], bytes] | None = None) -> None:
        self._descriptor = descriptor
        self._missing = missing or (lambda lines: b"(%d lines left out: the reader was too slow)\n" % lines)
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._writing = False
        self._gone = False
        self._changed = threading.Condition()
        threading.Thread(target=self._write_on, name=f"sink-{descriptor}", daemon=True).start()

    def offer(self, line: bytes) -> None:
        """Have ``line`` written soon, or left out. Never waits for the reader."""
        with self._changed:
            if self._gone or self._size + len(line) > _LIMIT_BYTES:
                self._left_out += 1
                return
            if self._left_out:
                self._lines.append(self._missing(self._left_out))
                self._left_out = 0
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()

    def flush(self, *, timeout_s: float) -> bool:
        """Wait until all is written or thrown away. False if the reader did not take it in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._lines and not self._writing, timeout=timeout_s)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._lines))
                chunk = b"".join(self._lines)
                self._lines.clear()
                self._size = 0
                self._writing = True
            try:
                while chunk and not self._gone:
                    chunk = chunk[os.write(self._descriptor, chunk) :]
            except OSError:  # a pipe without a reader, a terminal that is gone, a full disk
                self._gone = True


class Forwarder:
    """Reads one stream of a child to its end and offers each line, with a prefix, to a sink.

    ``written`` makes of a line what is seen and offered in its place, without the prefix.
    """

    def __init__(
        self,
        stream: IO[bytes],
        *,
        prefix: str,
        sink: Sink,
        seen: Callable[[bytes], None],
        written: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._stream = stream
        self._prefix = b"" if written is not None else prefix.encode()
        self._written = written or (lambda line: line)
        self._sink = sink
        self._seen = seen
        self._thread = threading.Thread(target=self._forward, name=f"forward-{prefix.strip()}", daemon=True)
        self._thread.start()

    def finish(self, *, timeout_s: float) -> None:
        """Wait for the end of the stream, which a grandchild may hold open."""
        self._thread.join(timeout_s)

    def _forward(self) -> None:
        with self._stream:
            while line := self._stream.readline(_LINE_LIMIT_BYTES):
                whole = self._written(line if line.endswith(b"\n") else line + b"\n")
                self._seen(whole)
                self._sink.offer(self._prefix + whole)
