"""``make sabotage``: breaks the guards one at a time in a scratch copy, and shows which test catches each.

A guard whose removal nothing notices is a missing test. ``ONLY=name,name`` takes some. What caught a break is run once
more in the copy as it stands, since a test that fails anyway catches nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rufaa.db.embedded import EmbeddedPostgres, Settings
from sabotage.guards import GUARDS, Guard

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 600
TEMPLATE: Final = "rufaa_sabotage"
SCRIPT: Final = "src/rufaa/db/fresh.sql"
"""What makes the tables of an empty database in the migrations' place, whole where a migration is broken."""
_CAUGHT: Final = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+::[^\s\[]+)", re.MULTILINE)
_IN_SETUP: Final = re.compile(r"^_+ ERROR (?:at setup of|collecting) ", re.MULTILINE)

_MIGRATE: Final = (
    "import django; django.setup(); from rufaa.cli.migrate import migrate; from rufaa.config import config;"
    " migrate(config())"  # as tests do: the command would refuse a server that may lose data
)


class NoSuchText(Exception):
    """The text that a break replaces does not stand exactly once in its file: the guard has moved."""


@dataclass(frozen=True)
class Verdict:
    """What became of one break. ``by``: the test that caught it."""

    guard: Guard
    word: str  # caught, SURVIVED or UNCLEAR
    by: str
    took_s: float


def broken_text(guard: Guard, root: Path) -> str:
    """The file without its guard. Raises ``NoSuchText``."""
    text = (root / guard.file).read_text(encoding="utf-8")
    count = text.count(guard.old)
    if count != 1:
        raise NoSuchText(f"{guard.name}: its text stands {count} times in {guard.file}, not once: {guard.old[:80]!r}")
    return text.replace(guard.old, guard.new)


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """What is committed, or would be, in a folder of its own that is gone afterwards."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rufaa-sabotage-") as folder:
        copy = Path(folder)
        copy.chmod(0o711)  # as root PostgreSQL runs as another account
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, copy / name)
        yield copy


@contextmanager
def one_server() -> Iterator[None]:
    """One PostgreSQL for all runs, and a migrated database to copy: to make them takes longer than most tests."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rufaa-sabotage-") as folder:
        Path(folder).chmod(0o711)  # as root PostgreSQL runs as another account
        server = EmbeddedPostgres(Settings(data=Path(folder), fast_unsafe=True))
        server.start()
        try:
            server.create_database(TEMPLATE)
            settings = {
                "DATABASE_URL": server.url(TEMPLATE),
                "DJANGO_SETTINGS_MODULE": "rufaa.settings",
                "RUFAA_DATA": f"{folder}/rufaa",
                "RUFAA_MODE": "demo",
                "RUFAA_SECRET_KEYS": "a secret of the tests that is long enough",
            }
            subprocess.run([sys.executable, "-c", _MIGRATE], env={**os.environ, **settings}, check=True)
            os.environ |= {"DATABASE_URL": server.url("postgres"), "RUFAA_TESTS_TEMPLATE": TEMPLATE}
            yield
        finally:
            for name in ("DATABASE_URL", "RUFAA_TESTS_TEMPLATE"):
                os.environ.pop(name, None)
            server.stop()


def makes_tables(guard: Guard) -> bool:
    """Whether its break is in what a database is made by."""
    return "/migrations/" in guard.file or guard.file.endswith("machine.py")


def run_tests(copy: Path, tests: Sequence[str], *more: str, migrate: bool = False) -> tuple[int, str]:
    """pytest over ``tests`` in the copy: its exit code and its words. ``migrate``: with tables made by the copy."""
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy / 'tests'}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # every run would compile all modules again
    if migrate:
        environment.pop("RUFAA_TESTS_TEMPLATE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *more, *tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end within {PATIENCE_S} s"
    return done.returncode, done.stdout + done.stderr


def sabotage(guard: Guard, copy: Path) -> Verdict:
    """Break it, run its tests, and put it right again."""
    broken = {guard.file: broken_text(guard, copy)}
    if makes_tables(guard) and (copy / SCRIPT).is_file():
        broken[SCRIPT] = ""
    whole = {name: (copy / name).read_text(encoding="utf-8") for name in broken}
    began = time.monotonic()
    try:
        _write(copy, broken)
        code, words = run_tests(copy, guard.tests, "-x", migrate=makes_tables(guard))
    finally:
        _write(copy, whole)
    took_s = time.monotonic() - began
    found = _CAUGHT.search(words)
    if code == 0:
        return Verdict(guard, "SURVIVED", "", took_s)
    if code == 1 and found is not None and _IN_SETUP.search(words) is None:
        return Verdict(guard, "caught", found[1], took_s)
    return Verdict(guard, "UNCLEAR", words.strip().rpartition("\n")[2][:120], took_s)


def _write(copy: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (copy / name).write_text(text, encoding="utf-8")


def fail_anyway(copy: Path, tests: Sequence[str]) -> set[str]:
    """Those of ``tests`` that fail in the copy as it stands."""
    if not tests:
        return set()
    code, words = run_tests(copy, sorted(set(tests)))
    found = set(_CAUGHT.findall(words))
    return found if code in {0, 1} else set(tests)


def chosen(only: str) -> list[Guard]:
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = sorted(set(names) - {guard.name for guard in GUARDS})
    if unknown:
        raise SystemExit(
            f"There is no guard {', '.join(unknown)}. Use one of: {', '.join(guard.name for guard in GUARDS)}."
        )
    return [guard for guard in GUARDS if not names or guard.name in names]


def main(guards: Sequence[Guard], *, root: Path = ROOT) -> int:
    """The table, line by line; 0 if every break was caught."""
    began = time.monotonic()
    for guard in guards:
        broken_text(guard, root)  # all are there before the first is tried
    with copied(root) as copy, one_server():
        verdicts = []
        for guard in guards:
            verdict = sabotage(guard, copy)
            verdicts.append(verdict)
            print(
                f"{verdict.word:8}  {verdict.took_s:5.1f} s  {guard.name:32}  {verdict.by.rpartition('/')[2]}",
                flush=True,
            )
        anyway = fail_anyway(copy, [verdict.by for verdict in verdicts if verdict.word == "caught"])
    bad = [verdict for verdict in verdicts if verdict.word != "caught" or verdict.by in anyway]
    print(f"\n{len(verdicts) - len(bad)} of {len(verdicts)} caught, in {time.monotonic() - began:.0f} s.")
    for verdict in bad:
        why = "its test fails without the break, too" if verdict.word == "caught" else verdict.word
        print(f"{verdict.guard.name}: {why}. Broken was: {verdict.guard.what}.")
    return 1 if bad else 0


def _stop(*_: object) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # the copy and the server are cleared away all the same
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names of guards, with commas")
    raise SystemExit(main(chosen(parser.parse_args().only)))
