"""``rufaa functions``: what the function API of this version has."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import set_up


def command(
    typescript: Annotated[
        bool, typer.Option("--typescript", help="Print the types for front ends instead, as an api.d.ts.")
    ] = False,
) -> None:
    """List the functions of the function API with their arguments. Needs no database."""
    set_up()
    from rufaa.functions import load, typed  # noqa: PLC0415 - needs Django set up

    if typescript:
        print(typed.api(), end="")
        return
    for function in load().functions():
        kinds = ", ".join(function.kinds)
        arguments = ", ".join(parameter.text for parameter in function.parameters)
        print(f"{function.name} ({kinds}) {{{arguments}}} -> {typed.answer(function).text}")
