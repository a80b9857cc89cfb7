"""``rufaa doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rufaa import __version__, clock
from rufaa.cli.diagnosis.examination import Examination, examine
from rufaa.cli.diagnosis.finding import Group, State
from rufaa.config import environment

_LOOKS: Final = {
    State.OK: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.PROBLEM: ("✗", "bold red"),
    State.NOT_CHECKED: ("–", "dim"),
}


def command(
    as_json: Annotated[bool, typer.Option("--json", help="For a program: one JSON object.")] = False,
    no_network: Annotated[bool, typer.Option("--no-network", help="Ask nobody but the database.")] = False,
) -> None:
    """Look at settings, secrets, disk, database, clock, M-Pesa and the public address; say what to do.

    Changes nothing, except that the access token of an M-Pesa account may be renewed. Takes 20 seconds at most. Exit
    status 1 where there is a problem.
    """
    logging.disable(logging.CRITICAL)  # pools and clients say on standard error what the findings say in sentences
    examination = examine(environment(), network=not no_network)
    if as_json:
        print(_as_json(examination))
    elif sys.stdout.isatty():
        _show(examination)
    else:
        _print(examination)
    _end(examination)


def _as_json(examination: Examination) -> str:
    hide = examination.hidden.out_of
    return json.dumps(
        {
            "version": __version__,
            "at": clock.now().isoformat(timespec="seconds"),
            "sound": examination.sound,
            "counts": {state.value: count for state, count in examination.counted().items()},
            "findings": [
                {
                    "group": each.group.value,
                    "code": each.code,
                    "state": each.state.value,
                    "found": hide(each.found),
                    "do": hide(each.do),
                }
                for each in examination.findings
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def _show(examination: Examination) -> None:
    """For eyes: a table a group, what to do under what was found."""
    console = Console(highlight=False)
    hide = examination.hidden.out_of
    for group in Group:
        here = [each for each in examination.findings if each.group is group]
        if not here:
            continue
        table = Table.grid(padding=(0, 1))
        table.add_column(width=3, justify="right")
        table.add_column()
        for each in here:
            sign, style = _LOOKS[each.state]
            text = Text(hide(each.found), style="dim" if each.state is State.NOT_CHECKED else "")
            if each.do:
                text.append(f"\n→ {hide(each.do)}", style=style)
            if each.state is not State.OK:
                text.append(f"  [{each.code}]", style="dim")
            table.add_row(Text(sign, style=style), text)
        console.print(Text(group.value, style="bold"))
        console.print(table)
    console.print()
    console.print(Text(_conclusion(examination), style="bold green" if examination.sound else "bold red"))


def _print(examination: Examination) -> None:
    """For pipes and logs: a line a finding, and one more for what to do."""
    hide = examination.hidden.out_of
    for each in examination.findings:
        print(f"{each.state.upper():<11}  {each.code}: {hide(each.found)}")
        if each.do:
            print(f"{'':<11}  → {hide(each.do)}")
    print(_conclusion(examination))


def _conclusion(examination: Examination) -> str:
    counts = examination.counted()
    problems, warnings = counts[State.PROBLEM], counts[State.WARNING]
    return (
        f"{_several(problems, 'problem')}, {_several(warnings, 'warning')}; {counts[State.OK]} are well,"
        f" {counts[State.NOT_CHECKED]} were not checked."
    )


def _several(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _end(examination: Examination) -> None:
    status = 0 if examination.sound else 1
    sys.stdout.flush()
    if not examination.all_ended:
        os._exit(status)  # a check that hangs would hold up an orderly exit
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        from rufaa.cli.migrate import close_connections  # noqa: PLC0415 - only where a database was used

        close_connections()
    raise SystemExit(status)
