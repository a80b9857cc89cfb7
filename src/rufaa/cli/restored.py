"""``rufaa restored``: what a restored server does not know, until a person has compared it with M-Pesa's statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import structlog
import typer

from rufaa.cli.database import database
from rufaa.db.atomic import Tx, unit
from rufaa.errors import InvalidArgument
from rufaa.payments import restored
from rufaa.payments.restored import ToFindOut


def command(
    compared: Annotated[
        str | None,
        typer.Option(
            help="Say that the money since was compared with the M-Pesa statement: by whom, and what was found."
        ),
    ] = None,
) -> None:
    """Show which restores nobody has compared with the M-Pesa statement yet, and what is held up by them."""
    if compared is not None and not compared.strip():
        raise InvalidArgument(
            "--compared: say who compared it, and what was found. It is kept for ever.", argument="compared"
        )
    with database():
        if compared is not None:
            ended = unit(lambda tx: restored.compared(tx, compared))
            print("Noted. Phones are asked for old fees again." if ended else "There is nothing to compare.")
            return
        for line in unit(lambda tx: list(told(tx))):
            print(line)


def told(tx: Tx) -> Iterator[str]:
    """The restores in words; what to do comes with those that nobody has compared."""
    every = restored.restorations(tx)
    if not every:
        yield "This server was never restored from a backup."
    for each in every:
        backup, here = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (each.backup_at, each.restored_at))
        yield f"Restored on {here} from a backup of {backup}."
        if each.compared_at is not None:
            yield f"  Compared with the M-Pesa statement on {each.compared_at:%Y-%m-%d %H:%M} UTC: {each.compared}"
    if any(each.compared_at is None for each in every):
        yield from _to_do(restored.to_find_out(tx))


def _to_do(found: ToFindOut) -> Iterator[str]:
    yield "  Money between the two may be missing here, and so may referrals. Compare with the M-Pesa statement:"
    yield f"  {found.open_fees} open fees may have been paid meanwhile: no phone is asked for one without a reason."
    yield "  Money may have been given back meanwhile: what came before the restore goes back to nobody until then."
    yield f"  {found.unclear_prompts} prompts are being asked about, or wait for a person."
    yield f"  {found.unknown_callbacks} callbacks are kept whose prompts are not here: each may be money."
    yield '  Then: rufaa restored --compared "who, and what was found"'


def warn() -> None:
    """At each start, as loud as a log is, until somebody has compared."""
    for each in unit(restored.not_compared):
        structlog.get_logger().error(
            "restored.not_compared",
            backup_at=each.backup_at.isoformat(),
            restored_at=each.restored_at.isoformat(),
            what="Money since the backup may be missing here. Compare with the M-Pesa statement: rufaa restored",
        )
