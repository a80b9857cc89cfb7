"""``rufaa task``: what a person has to look at and is nobody's, and giving it to a facility's finance people."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from rufaa import ids
from rufaa.cli.account import By, somebody
from rufaa.cli.database import database
from rufaa.errors import InvalidArgument

if TYPE_CHECKING:
    from rufaa.payments.unassigned import Task

app = typer.Typer(
    help="Questions for a person that are nobody's: money on a shared account, reports nobody can read.",
    no_args_is_help=True,
)


@app.command("list")
def list_() -> None:
    """List them: id, since when, what and why. All others are on the money page of whose they are."""
    with database():
        from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
        from rufaa.payments.unassigned import tasks  # noqa: PLC0415

        found = look(tasks)
        if not found:
            print("Every question for a person is somebody's.")
        for task in found:
            print("\n".join(_described(task)))


@app.command("assign")
def assign(
    task: Annotated[str, typer.Argument(help="Its id, as 'rufaa task list' prints it.")],
    facility: Annotated[str, typer.Argument(help="Whose it is: a facility by name or id.")],
    by: By = None,
) -> None:
    """Give it to the finance people of a facility, with its money. It stays theirs."""
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415
        from rufaa.payments import unassigned  # noqa: PLC0415

        wanted = _id(task)

        def work(tx: Tx) -> str:
            whose = facility_named(facility, argument="facility")
            unassigned.assign(tx, wanted, whose, by=by or somebody())
            return str(whose.name)

        print(f"It is with the finance people of {unit(work)} now.")


def _id(text: str) -> uuid.UUID:
    identifier = ids.from_wire(text)
    if identifier is None:
        raise InvalidArgument("task: this is no id. See: rufaa task list", argument="task")
    return identifier


def _described(task: Task) -> list[str]:
    number = task.receipt_number or "without a number yet"
    money = f" Receipt {number}, of which {task.free} waits." if task.free else ""
    report = f" Stored report {task.inbox}: rufaa replay {task.inbox}, once it can be read." if task.inbox else ""
    return [f"{task.id.hex}  {task.opened_at:%Y-%m-%d %H:%M} UTC  {task.kind}", f"  {task.why}{money}{report}"]
