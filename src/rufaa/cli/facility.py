"""``rufaa facility add`` and ``list``."""

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
