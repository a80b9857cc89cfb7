"""Projects of npm's in tests: a copy with its locked packages, so that the checkout stays as it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from demo_process import environment, need_program


def installed(source: Path, *, into: Path) -> Path:
    """A copy of ``source`` in the new folder ``into``, with what its lock names, as ``npm ci`` installs it."""
    need_program("node")
    npm = need_program("npm")
    shutil.copytree(source, into, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run([npm, "ci"], cwd=into, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return into
