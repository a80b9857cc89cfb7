"""``rufaa audit verify``, ``head``, ``show``: whether the audit is what was sealed, and what it says of a referral."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rufaa import clock
from rufaa.cli.database import database
from rufaa.errors import InvalidArgument

if TYPE_CHECKING:
    from rufaa.audit.queries import Noted

app = typer.Typer(help="The audit: who read and wrote patients' records.", no_args_is_help=True)

_HEAD: Final = re.compile(r"[1-9][0-9]{0,17}:[0-9a-f]{64}")
_LATE_S: Final = 60.0
_PAGE: Final = 1000


@app.command("verify")
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head that was noted down once: the chain has to have it still.")
    ] = None,
) -> None:
    """Walk the whole chain. Exit status 1 where an entry was changed, taken out, put in or moved, and the first broken
    block by name."""
    if head is not None and not _HEAD.fullmatch(head):
        raise InvalidArgument("--head: give it as 'rufaa audit head' printed it: number:hash.", argument="--head")
    with database():
        from rufaa.audit import queries  # noqa: PLC0415 - needs Django set up
        from rufaa.db.atomic import look  # noqa: PLC0415

        found = look(lambda tx: queries.verify(tx, noted=head))
        waits_s = look(queries.unsealed_for_s)
    if found.broken is not None:
        print(f"BROKEN at block {found.broken.number}: {found.broken.why}.", file=sys.stderr)
        print(f"The {found.blocks:,} blocks before it hold.", file=sys.stderr)
        raise SystemExit(1)
    print(f"The chain holds: {found.entries:,} entries in {found.blocks:,} blocks; {found.unsealed:,} not sealed yet.")
    if found.head is not None:
        print(f"Head: {found.head.name}")
    if waits_s is not None and waits_s > _LATE_S:
        print(f"Nothing was sealed for {waits_s:.0f} s: no worker runs, or it is stuck.", file=sys.stderr)


@app.command("head")
def head() -> None:
    """Print the chain's head, to be noted down outside of this server: whoever has it can show that nothing before it
    was changed since."""
    with database():
        from rufaa.audit import operations  # noqa: PLC0415 - needs Django set up
        from rufaa.db.atomic import look  # noqa: PLC0415

        found = look(operations.head)
    print("Nothing is sealed yet." if found is None else found.name)


@app.command("show")
def show(
    referral: Annotated[str, typer.Argument(help="A referral's id or account code, or its id in the app of before.")],
) -> None:
    """Who read and wrote a referral, oldest first: when, what, who, from where. Nothing that stands in it."""
    with database():
        from rufaa.audit import queries  # noqa: PLC0415 - needs Django set up
        from rufaa.db.atomic import Tx, look  # noqa: PLC0415

        def everything(tx: Tx) -> list[Noted]:
            which = queries.known(tx, referral.strip())
            found: list[Noted] = []
            while page := queries.entries(tx, which, after=found[-1].id if found else None, limit=_PAGE):
                found += page
            return found

        for each in reversed(look(everything)):
            print(_line(each))


def _line(entry: Noted) -> str:
    at = entry.at.astimezone(clock.EAT).strftime("%Y-%m-%d %H:%M:%S EAT")
    return f"{at}  {entry.kind:24} {entry.name or '-':24} {entry.channel} {entry.place}".rstrip()
