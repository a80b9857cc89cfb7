"""``rufaa token``: a token for a person, for setAuth and Authorization headers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from rufaa import clock
from rufaa.cli.database import database
from rufaa.config import Config


def command(
    user: Annotated[str, typer.Option(help="The person's sign-in name.")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 7, help="How long it is good for, a week at most.")] = 12,
) -> None:
    """Print a token for a person. Whoever has it acts as that person until it expires. What lasts is 'rufaa key'."""
    with database() as config:
        print(token_for(user, config=config, lifetime=timedelta(hours=hours)))


def token_for(name: str, *, config: Config, lifetime: timedelta) -> str:
    """A token for the person with this sign-in name. Raises ``UnknownUser``."""
    from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities import queries  # noqa: PLC0415
    from rufaa.signin import tokens  # noqa: PLC0415

    actor = look(lambda tx: queries.actor_named(tx, name))
    return tokens.issue(actor.user, keys=config.secret_keys, now=clock.now(), lifetime=lifetime)
