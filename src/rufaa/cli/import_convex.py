"""``rufaa import-convex``: bring the data of an app on Convex over, from its snapshot export."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from rufaa.cli.database import database
from rufaa.errors import InvalidArgument

if TYPE_CHECKING:
    from rufaa.moving.operations import Choices, Told


class _Trial(Exception):
    """Nothing is to be changed: the transaction is rolled back."""


def command(
    export: Annotated[Path, typer.Argument(help="The zip that 'npx convex export' wrote.")],
    by: Annotated[str, typer.Option(help="Who brings it, by sign-in name: the history names this person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only said what would be done.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Where the report of every document is written; else in this folder, named as the export."),
    ] = None,
    facility: Annotated[
        list[str] | None, typer.Option(help="'NAME THERE=NAME HERE' of a facility; may be given several times.")
    ] = None,
    person: Annotated[
        list[str] | None, typer.Option(help="'ID THERE=NAME HERE' of a person; may be given several times.")
    ] = None,
    physician: Annotated[
        str | None, typer.Option(help="Whose the referrals are whose own physician is nobody here, by sign-in name.")
    ] = None,
    referring: Annotated[
        str | None, typer.Option(help="Where referrals come from that do not say it: a facility by name or id.")
    ] = None,
) -> None:
    """Bring referrals and claims of payments over, and keep every document as it was. A trial run without --yes."""
    places, people = _pairs("--facility", facility), _pairs("--person", person)
    with database():
        from rufaa.moving.operations import Choices  # noqa: PLC0415 - needs Django set up

        choices = Choices(by, places, people, physician=physician, referring=referring)
        for line in moved(export, choices, yes=yes, report=report or Path(f"{export.stem}-report.jsonl")):
            print(line)


def moved(export: Path, choices: Choices, *, yes: bool, report: Path) -> list[str]:
    """Do it, or try it, and say what became of it. Needs Django set up. Raises what ``moving.operations`` raises."""
    from rufaa.db.atomic import Tx, look, unit  # noqa: PLC0415 - needs Django set up
    from rufaa.facilities.queries import actor_named  # noqa: PLC0415
    from rufaa.moving import export as exports  # noqa: PLC0415
    from rufaa.moving.operations import bring  # noqa: PLC0415

    by = look(lambda tx: actor_named(tx, choices.by)).user
    part = report.with_name(f"{report.name}.part")
    with exports.opened(export) as opened:
        opened.check()
        with _private(part) as file:
            tally = _Tally(file)

            def work(tx: Tx) -> None:
                tally.begin()  # a transaction that PostgreSQL wants repeated begins anew
                bring(tx, opened, choices, tell=tally.note)
                file.flush()
                os.fsync(file.fileno())
                if not yes:
                    raise _Trial

            try:
                with suppress(_Trial):
                    unit(work, actor=by)
                part.replace(report)
            finally:
                part.unlink(missing_ok=True)
    return tally.lines(yes=yes, report=report)


class _Tally:
    """Counts what is told, and writes a line of JSON about each document."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._counts: Counter[tuple[str, str]] = Counter()
        self._whys: Counter[tuple[str, str]] = Counter()

    def begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._counts.clear()
        self._whys.clear()

    def note(self, told: Told) -> None:
        before = told.before and told.outcome != "aside"
        self._counts[told.table, "before" if before else str(told.outcome)] += 1
        self._whys.update((told.table, why) for why in told.why if not before)
        entry = {
            "table": told.table,
            "line": told.line,
            "id": told.id,
            "outcome": str(told.outcome),
            "before": told.before,
            "why": list(told.why),
            "referral": None if told.referral is None else told.referral.hex,
        }
        self._file.write(json.dumps(entry) + "\n")

    def lines(self, *, yes: bool, report: Path) -> list[str]:
        """What is printed: numbers for each table, and how often each thing did not fit."""
        words = {
            "brought": "brought over" if yes else "would be brought over",
            "before": "dealt with by an earlier run",
            "kept": "kept as they are, with nothing made of them",
            "aside": "aside: they do not fit, and are tried again at the next run",
        }
        lines = []
        for table in sorted({table for table, _ in self._counts}):
            lines.append(f"{table}:")
            for outcome, meaning in words.items():
                if count := self._counts[table, outcome]:
                    lines.append(f"{count:9}  {meaning}")
            whys = sorted(self._whys.items(), key=lambda item: (-item[1], item[0]))
            lines += [f"{count:9}  - {why}" for (noted, why), count in whys if noted == table]
        lines.append(f"Each document is in {report}.")
        lines.append("It is done." if yes else "Nothing was changed. To do it, say --yes.")
        return lines


def _private(path: Path) -> IO[str]:
    """A new file that only its owner reads: it tells of patients' referrals."""
    if path.with_suffix("").is_dir():
        raise InvalidArgument("The report is a file, and this is a folder.", argument="--report")
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(f"The report cannot be written: {error.strerror}.", argument="--report") from None


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for each in given or ():
        there, equals, here = each.partition("=")
        if not (there.strip() and equals and here.strip()):
            raise InvalidArgument(f"Write {option} as 'there=here'.", argument=option)
        pairs[there.strip()] = here.strip()
    return pairs
