"""``rufaa user add``: a person with a role in a facility."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database
from rufaa.errors import InvalidArgument
from rufaa.facilities.rights import Role

app = typer.Typer(help="People.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    facility: Annotated[str | None, typer.Option(help="A facility by name or id.")] = None,
    role: Annotated[Role | None, typer.Option(help="What the person is there.")] = None,
    full_name: Annotated[str, typer.Option(help="As other people write it.")] = "",
    operator: Annotated[bool, typer.Option(help="Runs the server; sees no patients.")] = False,
) -> None:
    """Add a person, or a role to a person. Prints the person's id; 'rufaa token' then lets them in."""
    if (facility is None) != (role is None):
        raise InvalidArgument("Give --facility and --role together.", argument="--facility")
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.operations import add_member, add_user  # noqa: PLC0415
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415

        def work(tx: Tx) -> str:
            person = add_user(tx, name, full_name=full_name, operator=operator)
            if facility is not None and role is not None:
                add_member(tx, person, facility_named(facility, argument="--facility"), role)
            return person.pk.hex

        print(unit(work))
