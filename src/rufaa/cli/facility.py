"""``rufaa facility``: add one, list them, and what is asked of who signs in there."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database

app = typer.Typer(help="Facilities.", no_args_is_help=True)


@app.command("add")
def add(name: Annotated[str, typer.Argument(help="Its name, as people write it.")]) -> None:
    """Add a facility; saying it again changes nothing. Prints its id."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.operations import add_facility  # noqa: PLC0415

        print(unit(lambda tx: add_facility(tx, name)).pk.hex)


@app.command("list")
def list_() -> None:
    """List the facilities: id and name."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.models import Facility  # noqa: PLC0415

        for facility in unit(lambda _: list(Facility.objects.order_by("name"))):
            print(facility.pk.hex, facility.name)


@app.command("second-factor")
def second_factor(
    name: Annotated[str, typer.Argument(help="A facility by name or id.")],
    required: Annotated[bool, typer.Option("--required/--optional", help="Whether people need one to see a page.")],
) -> None:
    """Say whether a password is enough for the people of a facility, or an app or a passkey is needed besides."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.operations import require_second_factor  # noqa: PLC0415
        from rufaa.facilities.queries import facility_named  # noqa: PLC0415

        unit(lambda tx: require_second_factor(tx, facility_named(name, argument="name"), required))
    print(f"{name}: a second factor is {'required' if required else 'optional'}.")
