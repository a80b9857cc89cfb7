"""``rufaa explain``: one payment's story in plain words, from the first click to the books."""

from __future__ import annotations

from typing import Annotated

import typer

from rufaa.cli.database import database


def command(
    what: Annotated[
        str,
        typer.Argument(
            help="The id of a referral, prompt, refund or claim, an account code, a receipt number, a phone, or the"
            " number of a stored report."
        ),
    ],
) -> None:
    """Tell what happened: every move, who made it, every report from M-Pesa and what it meant, where the money is."""
    with database():
        from rufaa.cli.story import tell  # noqa: PLC0415 - needs Django set up
        from rufaa.db.atomic import unit  # noqa: PLC0415

        for line in unit(lambda tx: tell(tx, what)):
            print(line)
