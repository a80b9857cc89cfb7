"""``rufaa replay``: settle a stored report once more, after what kept it from being taken in was mended."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database


def command(
    report: Annotated[
        int, typer.Argument(min=1, help="The number of the stored report (inbox), as a task or the log says it.")
    ],
) -> None:
    """Settle a stored report that failed, could not be read, or was about something unknown.

    One that was taken in is refused, and where it still cannot be taken in nothing is changed.
    """
    with database():
        print(settled(report))


def settled(report: int) -> str:
    """Settle it, and say what it meant. Needs Django set up. Raises what ``ingest.replay`` raises."""
    from rufaa.cli.story_words import outcome  # noqa: PLC0415 - needs Django set up
    from rufaa.cli.work import HANDLERS  # noqa: PLC0415
    from rufaa.ingest.replay import AlreadyTakenIn, replay  # noqa: PLC0415

    try:
        done = replay(report, HANDLERS)
    except AlreadyTakenIn as error:
        meant = outcome(str(error.data["report"]), str(error.data["outcome"]))
        raise AlreadyTakenIn(f"{error.message} What it meant: {meant}.", **error.data) from None
    tasks = {0: "", 1: " The task that it had opened is closed."}.get(
        done.tasks_closed, f" The {done.tasks_closed} tasks that it had opened are closed."
    )
    new = f", as report {done.as_report}" if done.as_report != report else ""
    return f"Stored report {report} is taken in{new}: {outcome(done.kind, done.outcome)}.{tasks}"
