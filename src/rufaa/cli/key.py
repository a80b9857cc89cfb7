"""``rufaa key add``, ``list`` and ``revoke``: the API keys by which programs prove who they are."""

from __future__ import annotations

import re
import sys
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rufaa import clock
from rufaa.cli.database import database
from rufaa.errors import InvalidArgument

if TYPE_CHECKING:
    from rufaa.signin.api_keys import Listed

app = typer.Typer(help="API keys of programs, each bound to a person.", no_args_is_help=True)

_FROM_NOW: Final = re.compile(r"([0-9]{1,5})([dh])")
_HOW: Final = "give a day (2027-06-30: good to its end in East Africa Time) or a time from now (90d, 12h)."


class InvalidTime(InvalidArgument):
    """A time on the command line is none, or lies too far away."""

    code = "invalid-time"


@app.command("add")
def add(
    user: Annotated[str, typer.Option(help="The sign-in name of the person whom the program acts as.")],
    name: Annotated[str, typer.Option(help="What the key is for: 'front end', 'export'.")],
    expires: Annotated[str | None, typer.Option(help="A day (2027-06-30), or a time from now (90d, 12h).")] = None,
) -> None:
    """Make an API key, and print it: it is never shown again. Whoever has it acts as that person until it expires or
    is revoked."""
    until = None if expires is None else _time(expires, now=clock.now())
    with database():
        from rufaa.db.atomic import Tx, unit  # noqa: PLC0415 - needs Django set up
        from rufaa.facilities.queries import actor_named  # noqa: PLC0415
        from rufaa.signin import api_keys  # noqa: PLC0415

        def work(tx: Tx) -> str:
            return api_keys.add(tx, actor_named(tx, user).user, name=name, expires_at=until)

        print(unit(work))
    if sys.stderr.isatty():
        print("Keep it now: only its digest is stored, and it is not shown again.", file=sys.stderr)


@app.command("list")
def list_() -> None:
    """List the API keys: prefix, person, what for, whether in force, when made, when last used."""
    with database():
        from rufaa.db.atomic import look  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import api_keys  # noqa: PLC0415

        for key in look(api_keys.listed):
            used = "never used" if key.last_used_at is None else f"last used {_day(key.last_used_at)}"
            print(f"{key.prefix}  {key.user}  {key.name}: {_standing(key)}; made {_day(key.created_at)}, {used}")


@app.command("revoke")
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's first letters, as 'rufaa key list' shows them.")],
) -> None:
    """Let a key count no more, at once, and no token that was issued for it. Saying it again changes nothing."""
    with database():
        from rufaa.db.atomic import unit  # noqa: PLC0415 - needs Django set up
        from rufaa.signin import api_keys  # noqa: PLC0415

        key = unit(lambda tx: api_keys.revoke(tx, prefix))
    print(f"{key.prefix} of {key.user} ({key.name}) counts no more.")


def _time(text: str, *, now: datetime) -> datetime:
    """The end of a day in East Africa Time, or a time from now. Raises ``InvalidTime``."""
    from_now = _FROM_NOW.fullmatch(text)
    try:
        if from_now is not None:
            number = int(from_now[1])
            return now + (timedelta(days=number) if from_now[2] == "d" else timedelta(hours=number))
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), clock.EAT)
    except (ValueError, OverflowError):
        raise InvalidTime(f"--expires {text!r}: {_HOW}", argument="--expires") from None


def _day(instant: datetime) -> str:
    return instant.astimezone(clock.EAT).strftime("%Y-%m-%d %H:%M EAT")


def _standing(key: Listed) -> str:
    if key.revoked_at is not None:
        return f"revoked {_day(key.revoked_at)}"
    if key.expired and key.expires_at is not None:
        return f"expired {_day(key.expires_at)}"
    if not key.user_active:
        return "not in force, since the person may not sign in"
    return "in force" if key.expires_at is None else f"in force until {_day(key.expires_at)}"
