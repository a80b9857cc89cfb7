"""The command line: one file a command. ``python -m rufaa`` and ``rufaa`` are the same."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from rufaa import log
from rufaa.cli import ending
from rufaa.errors import RufaaError


def run() -> NoReturn:
    """The program: ``main``, and the end of the process."""
    try:
        main()
    except SystemExit as ended:
        ending.end(ended.code)
    ending.end()


def main() -> None:
    """Run a command; a refusal is one line on standard error and exit status 1.

    What fails otherwise is one line too, without the exception's text: it may quote a patient's row.
    """
    # What a start loads stays. Looked through after each 700 new objects, as is usual, it starts a tenth slower.
    gc.set_threshold(10_000, 10, 10)
    from rufaa.cli.commands import app  # noqa: PLC0415 - the commands import what they need

    log.catch_the_rest()
    try:
        app(sys.argv[1:])(prog_name="rufaa")
    except RufaaError as error:
        if log.writes_json():
            sys.stderr.write(log.line("refused", level="error", code=error.code, message=error.message).decode())
        else:
            print(f"rufaa: {error.message}", file=sys.stderr)
        raise SystemExit(1) from None
