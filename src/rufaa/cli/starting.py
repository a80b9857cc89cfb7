"""Starts that overlap: what a server runs is loaded while its database is still being started.

A process that is *early* sets Django up and loads its modules, which needs no database, and then waits until its
standard input ends. From then on it is like any other. What brings the database up to date is such a process, too: it
ends when it has done so, and so the supervisor, who lives as long as the server, never loads Django.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rufaa import log
from rufaa.cli import ending
from rufaa.config import config
from rufaa.db import tether
from rufaa.errors import Kind, RufaaError

EARLY: Final = "RUFAA_EARLY"
"""In the environment of an early process: 1."""
_TIDY_END_S: Final = 10.0


class NotPrepared(RufaaError):
    """The database could not be brought up to date, or the server does not start with it."""

    kind = Kind.UNAVAILABLE
    code = "not-prepared"


def load(*modules: str) -> None:
    """Where this process is early: load them, and wait to be told to go on. Nothing otherwise."""
    if os.environ.pop(EARLY, "") != "1":
        return
    from rufaa.cli.database import use  # noqa: PLC0415 - only who is early has to be quick here

    url = config().database_url
    assert url is not None
    use(url)
    for module in modules:
        importlib.import_module(module)
    sys.stdin.buffer.read()


class Preparation:
    """A process that brings the database up to date once it is there: ``finish`` tells it, and waits for it."""

    def __init__(self, *, env: Mapping[str, str], backup_first: bool) -> None:
        self._process = tether.spawn(
            [sys.executable, "-m", __name__, "backup" if backup_first else "no-backup"],
            dies_with=signal.SIGTERM,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **env, EARLY: "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=2,
        )

    def finish(self) -> Path | None:
        """Where the backup is that was made before. Raises ``NotPrepared`` with what there is to say."""
        try:
            answer, _ = self._process.communicate()
        except BaseException:  # we are told to stop
            self.end()
            raise
        try:
            told: dict[str, Any] = json.loads(answer)
        except ValueError:
            raise NotPrepared("The database could not be brought up to date.") from None
        if "refused" in told:
            raise NotPrepared(told["refused"])
        return None if told["kept"] is None else Path(told["kept"])

    def end(self) -> None:
        """Whatever it does. What it has begun in the database is rolled back."""
        if not tether.has_ended(self._process):
            self._process.send_signal(signal.SIGINT)
            tether.wait_until(lambda: tether.has_ended(self._process), timeout_s=_TIDY_END_S)
            tether.kill_group(self._process)
            self._process.wait()


@contextmanager
def preparation(*, env: Mapping[str, str], backup_first: bool) -> Iterator[Preparation]:
    """Under way from here; ended when the block ends."""
    process = Preparation(env=env, backup_first=backup_first)
    try:
        yield process
    finally:
        process.end()


def prepare(*, backup_first: bool) -> Path | None:
    """Check the database and bring it up to date; where the backup is that was made before."""
    from rufaa.cli import production, restored  # noqa: PLC0415 - needs Django set up
    from rufaa.cli.database import check  # noqa: PLC0415
    from rufaa.cli.migrate import close_connections, migrate  # noqa: PLC0415

    now = config()
    assert now.database_url is not None
    check(now.database_url)
    kept = migrate(now, backup_first=backup_first)
    production.check_database(now)
    restored.warn()
    close_connections()
    return kept


def _main(word: str) -> None:
    log.set_up(config().log)
    log.catch_the_rest()
    try:
        load("rufaa.cli.migrate", "rufaa.cli.production", "rufaa.cli.restored", "rufaa.db.law")
        kept = prepare(backup_first=word == "backup")
        told = {"kept": None if kept is None else str(kept)}
    except RufaaError as error:
        told = {"refused": error.message}
    except KeyboardInterrupt:  # not wanted any more
        raise SystemExit(1) from None
    print(json.dumps(told), flush=True)
    ending.end()


if __name__ == "__main__":
    _main(sys.argv[1])
