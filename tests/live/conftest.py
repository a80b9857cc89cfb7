"""The real clients, against a real gateway."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from demo_process import ROOT, need_program
from live.clients import HERE, Client, running
from npm_project import installed


class Start(Protocol):
    def __call__(self, url: str, **settings: str) -> Client: ...


@pytest.fixture(scope="session")
def npm_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with npm's ``convex``, as the example locks it, and the program that leads a client."""
    project = installed(ROOT / "examples" / "seed", into=tmp_path_factory.mktemp("live") / "npm")
    shutil.copy(HERE / "client.mjs", project)
    return project


@pytest.fixture
def npm(npm_project: Path) -> Iterator[Start]:
    """Starts an npm client that talks to an address; it ends with the test."""
    with ExitStack() as stack:
        yield lambda url, **settings: stack.enter_context(
            running([need_program("node"), "client.mjs"], cwd=npm_project, url=url, **settings)
        )


@pytest.fixture
def python(tmp_path: Path) -> Iterator[Start]:
    """Starts a Python client that talks to an address; it ends with the test."""
    with ExitStack() as stack:
        yield lambda url, **settings: stack.enter_context(
            running([sys.executable, str(HERE / "client.py")], cwd=tmp_path, url=url, **settings)
        )
