"""The commands as processes, databases of their own on the tests' server, and folders that PostgreSQL can pass."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg
import pytest

import warm
from beside import empty_database
from rufaa import __version__, secret
from rufaa.cli import proof
from rufaa.db import backup, restoring
from support import KEYS

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the account which runs PostgreSQL can pass; pytest's own are private."""
    with passable_folder() as made:
        yield made


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Another: where commands put what they throw away."""
    with passable_folder() as made:
        yield made


@contextmanager
def passable_folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="rufaa-backup-", dir="/tmp"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


class Commands:
    """``rufaa`` as an operator runs it, with nothing set but what is given."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self.temporary = temporary

    def environ(self, **settings: str) -> dict[str, str]:
        given = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(SOURCE),
            "RUFAA_DATA": str(self._folder / "data"),
            "RUFAA_SECRET_KEYS": KEYS[0],
            **settings,
        }
        return {name: text for name, text in given.items() if text}

    def __call__(
        self, *arguments: object, prefix: tuple[str, ...] = (), **settings: str
    ) -> subprocess.CompletedProcess[str]:
        if not prefix:
            return warm.rufaa(*map(str, arguments), env=self.environ(**settings), cwd=self._folder, timeout_s=120)
        return subprocess.run(
            [*prefix, sys.executable, "-m", "rufaa", *map(str, arguments)],
            # a limit of file sizes would cut compiled modules off
            env={"PYTHONDONTWRITEBYTECODE": "1", **self.environ(**settings)},
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *arguments: object, **settings: str) -> str:
        """The output of a command that must succeed, and say nothing else."""
        run = self(*arguments, **settings)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def refused(self, *arguments: object, prefix: tuple[str, ...] = (), **settings: str) -> str:
        """The one line of a command that must be refused."""
        run = self(*arguments, prefix=prefix, **{"RUFAA_LOG": "plain", **settings})
        assert (run.returncode, run.stdout) == (1, ""), run.stdout + run.stderr
        (line,) = run.stderr.splitlines()
        return line


@pytest.fixture
def rufaa(folder: Path, temporary: Path) -> Commands:
    return Commands(folder, temporary)


@pytest.fixture
def new_database(database_url: str) -> Iterator[Callable[[], str]]:
    """Empty databases, dropped at the end."""
    with ExitStack() as made:
        yield lambda: made.enter_context(empty_database(database_url, f"rufaa_backup_{uuid.uuid4().hex[:12]}"))


def back_up(url: str, target: Path) -> backup.Manifest:
    return backup.make(
        url,
        target,
        rufaa=__version__,
        figures=proof.FIGURES,
        key_fingerprints=[secret.fingerprint(key) for key in KEYS],
    )


@pytest.fixture
def copy_of(new_database: Callable[[], str], folder: Path) -> Callable[[str], str]:
    """The same database once more, to be tampered with."""

    def copied(url: str) -> str:
        file = folder / f"{uuid.uuid4().hex}.backup"
        other = new_database()
        restoring.load(other, file, back_up(url, file))
        file.unlink()
        return other

    return copied


def tamper(url: str, *statements: str) -> None:
    """Past every trigger, as nobody but a superuser can."""
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount != 0, statement


def rewritten(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The same backup with another manifest, and sums that agree with it."""
    members: dict[str, bytes] = {}
    with tarfile.open(file) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            members[member.name] = content.read()
    said = json.loads(members["manifest.json"])
    change(said)
    members["manifest.json"] = json.dumps(said).encode()
    members["SHA256SUMS"] = "".join(
        f"{sha256(members[name]).hexdigest()}  {name}\n" for name in ("database.dump", "manifest.json")
    ).encode()
    return _packed(file.with_name(f"{uuid.uuid4().hex}.backup"), members)


def _packed(target: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, BytesIO(content))
    return target


def failures(said: str) -> list[str]:
    """What each proof that failed is about."""
    return [line[2:].partition(": ")[0] for line in said.splitlines() if line.startswith("✗ ")]
