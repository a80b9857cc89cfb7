"""The peers as servers: what they need is set up, each in an environment and a database of its own; and the simulator.

Their processor time counts all processes of a server; PostgreSQL's is told apart.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from proc import processes
from processes import START_S

from ports import free_port

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
DJANGO: Final = HERE / "peers" / "django"
EXPRESS: Final = HERE / "peers" / "express"
VENV: Final = ROOT / ".venv-bench"
NOWHERE: Final = "http://127.0.0.1:1/callback"
"""Where callbacks of pushes go: phones ring for ever, and none comes."""
THREADS: Final = 4
"""Of each of gunicorn's workers, as its documentation shows; of these it advises two a core, and one more."""


class Missing(Exception):
    """A peer cannot run here; the sentence says what it lacks."""


class Server:
    """A command that listens on ``port`` of 127.0.0.1, with all that it starts; up when it is made."""

    def __init__(self, command: Sequence[str], *, port: int, folder: Path, settings: Mapping[str, str]) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it is read when the server did not start
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(settings),
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._await()

    @property
    def cpu_s(self) -> float:
        """Processor time of all its processes that live."""
        return sum(each.own_s for each in processes() if each.group == self._process.pid)

    def said(self) -> str:
        """The end of what it printed."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")[-2000:]

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # its own group: nobody else is in it
            self._process.wait()
        self._said.close()

    def _await(self) -> None:
        until = time.monotonic() + START_S
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                said = self.said()
                self.close()
                raise RuntimeError(f"{self.url} did not answer: {said}")
            time.sleep(0.1)


def simulator() -> Server:
    """The pretend Safaricom, as lenient as it can be: phones ring for ever, any time is taken, and old tokens live on.

    With the rules that Safaricom documents, mpesa-node's pushes would be refused: it stamps them in UTC, and its new
    token for each push kills the one of the push beside it.
    """
    port = free_port()
    ours = {"PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in ("src", "tests"))}
    return Server([sys.executable, str(Path(__file__)), str(port)], port=port, folder=ROOT, settings=ours)


def django(settings: Mapping[str, str]) -> Server:
    """The Django peer under gunicorn. Raises ``Missing``."""
    python = str(VENV / "bin" / "python")
    told = subprocess.run(
        ["sh", "tools/setup.sh", "bench"], cwd=ROOT, env=os.environ | {"VENV": VENV.name}, check=False
    )
    if told.returncode != 0 or not Path(python).exists():
        raise Missing(f"there is no {VENV.name}, and it could not be made")
    subprocess.run([python, "manage.py", "migrate", "-v", "0"], cwd=DJANGO, env=_environment(settings), check=True)
    port = free_port()
    workers = 2 * (os.cpu_count() or 1) + 1
    command = [python, "-m", "gunicorn", "shop.wsgi", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--worker-class", "gthread", "--threads", str(THREADS)]
    return Server(command, port=port, folder=DJANGO, settings=settings)


def express(settings: Mapping[str, str]) -> Server:
    """The Express peer. Raises ``Missing``."""
    programs = {name: shutil.which(name) for name in ("node", "npm")}
    if absent := [name for name, path in programs.items() if path is None]:
        raise Missing(f"there is no {' and no '.join(absent)}")
    made = EXPRESS / "node_modules" / ".package-lock.json"
    if not made.exists() or made.stat().st_mtime < (EXPRESS / "package-lock.json").stat().st_mtime:
        told = subprocess.run([str(programs["npm"]), "ci", "--silent"], cwd=EXPRESS, check=False)
        if told.returncode != 0:
            raise Missing("npm could not install what it needs")
    port = free_port()
    return Server(
        [str(programs["node"]), "server.js"],
        port=port,
        folder=EXPRESS,
        settings={**settings, "PORT": str(port), "NODE_ENV": "production"},
    )


def database(url: str, name: str) -> tuple[dict[str, str], str]:
    """A new database beside that of ``url``: as the variables that libpq and node-postgres read, and its address."""
    import psycopg
    from psycopg import conninfo, sql

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    told = conninfo.conninfo_to_dict(url) | {"dbname": name}
    variables = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    return {variable: str(told[key]) for variable, key in variables.items()}, conninfo.make_conninfo(url, dbname=name)


def postgres_cpu_s(postmaster: int) -> float:
    """Processor time of PostgreSQL with this number, of its sessions that live and of those that ended."""
    found = list(processes())
    return sum(each.own_s for each in found if each.parent == postmaster) + sum(
        each.own_s + each.ended_s for each in found if each.number == postmaster
    )


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's, without what is Rufaa's own, and without a proxy between two processes of one machine."""
    ours = ("RUFAA_", "MPESA_", "DATABASE_URL", "DJANGO_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours) and name != "PYTHONPATH"}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **settings}


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def simulate(port: int) -> None:
    """The simulator's own process."""
    from rufaa.simulator.config import SimulatorSettings
    from rufaa.simulator.server import run

    lenient = SimulatorSettings(
        unanswered_after_s=86_400.0, timestamp_tolerance_s=None, new_token_kills_old=False, query_rate=None
    )
    run(lenient, port=port)


if __name__ == "__main__":
    simulate(int(sys.argv[1]))
