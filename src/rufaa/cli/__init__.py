"""The command line: one file a command. ``python -m rufaa`` and ``rufaa`` are the same."""

from __future__ import annotations

import sys

from rufaa.errors import RufaaError


def main() -> None:
    """Run a command; a refusal is one line on standard error and exit status 1."""
    from rufaa.cli.commands import app  # noqa: PLC0415 - the commands import what they need

    try:
        app(prog_name="rufaa")
    except RufaaError as error:
        print(f"rufaa: {error.message}", file=sys.stderr)
        raise SystemExit(1) from None
