"""The embedded server's log: one file, kept small, whose end is quoted when something fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 10 * 1024 * 1024
_QUOTED_LINES: Final = 10
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Log:
    path: Path

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A file descriptor for a child's output. It appends, so that ``rotate`` may empty the file at any time."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def since(self, begin: int) -> str:
        """What was written after byte ``begin``; at most the last 64 KiB of it."""
        with self.path.open("rb") as file:
            file.seek(max(begin, self.size() - _READ_BYTES))
            return file.read(_READ_BYTES).decode(errors="replace")

    def quoted(self, begin: int = 0) -> str:
        """The last lines since ``begin``, to end an error message with."""
        lines = [f"  {line}" for line in self.since(begin).splitlines()[-_QUOTED_LINES:]]
        return "\n".join([f"The end of {self.path}:", *lines])

    def rotate(self) -> None:
        """Move the content to ``….log.1`` if it is over 10 MiB. A running server goes on in the emptied file."""
        with suppress(FileNotFoundError):
            if self.size() > LIMIT_BYTES:
                shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
                os.truncate(self.path, 0)
