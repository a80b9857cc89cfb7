"""``rufaa serve``: gateway and worker as one job, with the embedded PostgreSQL where no other is given."""

from __future__ import annotations

import errno
import socket
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from rufaa import log
from rufaa.cli import production, starting, supervise
from rufaa.config import Config, config, local_url
from rufaa.db.embedded import EmbeddedPostgres, Settings
from rufaa.errors import Kind, RufaaError

_STOP_S: Final = 10.0
"""Above the 8 s that a gateway gives to what it still answers, once it has been drained."""


class PortTaken(RufaaError):
    """Another program listens where we are to listen."""

    kind = Kind.UNAVAILABLE
    code = "port-taken"


def command(
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no backup before migrations, where there is another one.")
    ] = False,
) -> None:
    """Run the server: gateway and worker, and a PostgreSQL of its own unless DATABASE_URL names another."""
    log.set_up(config().log)
    given = config()
    production.check_settings(given)
    need_port(given.host, given.port)
    need_worker_port(given)

    def ready() -> None:
        print(f"ready {given.public_url}", flush=True)

    raise SystemExit(run(given, env={}, on_ready=ready, backup_first=not no_backup))


def run(
    given: Config,
    *,
    env: Mapping[str, str],
    on_ready: Callable[[], None],
    prepare: Callable[[Config], None] | None = None,
    more: tuple[supervise.Part, ...] = (),
    backup_first: bool = True,
) -> int:
    """The job of ``serve`` and ``demo``: PostgreSQL, migrations, ``prepare``, then the parts. Returns its status."""
    postgres = None if given.database_url else EmbeddedPostgres(Settings(data=given.data))
    url = given.database_url or (postgres.url() if postgres else "")

    here = {**env, "DATABASE_URL": url}
    parts = (
        *more,
        part("gateway", env=here, early=True, ready=lambda: answers(f"{local_url(given.host, given.port)}/readyz")),
        part("worker", env=here, early=True),
    )
    with starting.preparation(env=here, backup_first=backup_first) as preparation:

        def before_parts() -> None:
            kept = preparation.finish()  # whatever comes in between, it has ended before PostgreSQL is stopped
            if kept is not None:
                print(f"backed up before migrating: {kept}", flush=True)
            if prepare is not None:
                _prepare(prepare, url)

        return supervise.run(
            parts,
            postgres=postgres,
            before_parts=before_parts,
            on_ready=on_ready,
            stop_timeout_s=_STOP_S + given.drain_s,
        )


def _prepare(prepare: Callable[[Config], None], url: str) -> None:
    from rufaa.cli.database import use  # noqa: PLC0415 - without more to prepare this process needs no Django
    from rufaa.cli.migrate import close_connections  # noqa: PLC0415

    prepare(use(url))
    close_connections()  # the supervisor needs no database any more, and its pool must not warn at the exit


def part(
    name: str,
    *arguments: str,
    env: Mapping[str, str],
    ready: Callable[[], bool] | None = None,
    early: bool = False,
) -> supervise.Part:
    """A role of Rufaa as a child process of the same Python."""
    if early:
        env = {**env, starting.EARLY: "1"}
    source = str(Path(__file__).parents[2])
    return supervise.Part(
        name=name,
        argv=[sys.executable, "-m", "rufaa", name, *arguments],
        env={"PYTHONPATH": source, "PYTHONUNBUFFERED": "1", **env},
        ready=ready,
        early=early,
    )


def need_port(host: str, port: int, *, what: str = "the server", change: str = "PORT=… (make) or RUFAA_PORT") -> None:
    """Refuse a port that is taken before anything is started. Raises ``PortTaken``.

    A part that finds out by itself would die again and again, and whoever has the port might answer our health requests
    in its place.
    """
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: no waiting for old connections
            try:
                probe.bind(address)
            except OSError as error:
                taken = error.errno == errno.EADDRINUSE
                why = "is taken by another program" if taken else f"cannot be used: {error.strerror}"
                raise PortTaken(f"Port {port}, for {what}, {why}. Choose another by {change}.", port=port) from None


def need_worker_port(given: Config) -> None:
    """As ``need_port``, for what a worker shows; nothing where it shows nothing."""
    if given.worker_metrics_port is not None:
        need_port("127.0.0.1", given.worker_metrics_port, what="the worker", change="RUFAA_WORKER_METRICS_PORT")


def answers(url: str) -> bool:
    """Whether a GET is answered with 200 within a second."""
    with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 - an address of our own making
        return bool(response.status == 200)
