"""``rufaa reconcile``: one pass over all money that is not settled, by the worker's own rounds."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from rufaa import log
from rufaa.cli.database import database
from rufaa.config import config

SETTLED: Final = 0
WAITS_FOR_A_PERSON: Final = 3
STILL_OPEN: Final = 4
"""Exit statuses. 1 and 2 are a refusal and a wrong command line, as of every command."""


def command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask nobody and change nothing: say what is open and what would be asked.")
    ] = False,
    wait: Annotated[
        int, typer.Option(min=0, max=600, help="Seconds to wait for answers that M-Pesa posts to the server.")
    ] = 30,
) -> None:
    """Ask M-Pesa now about all money that is not settled, within each account's rate; a server may run meanwhile.

    That is: open prompts and those in review, claims, refunds in doubt, payments of unknown prompts, and Pull of the
    last 48 hours. Nothing is sent to a phone, and nothing is given back. Exit status 0 where nothing is left open, 3
    where something waits for a person, 4 where only M-Pesa is waited for.
    """
    log.set_up(config().log)
    with database() as given:
        from rufaa.cli.reconciling import reconcile  # noqa: PLC0415 - needs Django set up

        done = reconcile(given, dry_run=dry_run, wait_s=wait)
    for line in done.lines:
        print(line)
    if done.tasks:
        raise typer.Exit(WAITS_FOR_A_PERSON)
    raise typer.Exit(STILL_OPEN if done.left_open else SETTLED)
