"""All commands under their names; the module of each is loaded when it is wanted, since most need much that others do
not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

import typer

COMMANDS: Final = (
    "demo",
    "serve",
    "gateway",
    "worker",
    "migrate",
    "backup",
    "restore",
    "restored",
    "simulator",
    "token",
    "explain",
    "replay",
    "reconcile",
    "functions",
    "import-convex",
    "doctor",
    "user",
    "key",
    "facility",
    "price",
    "account",
    "task",
    "sms",
    "audit",
)
"""As ``rufaa --help`` lists them. Each is a module here, with a ``command``, or with an ``app`` of several."""


def app(words: Sequence[str] = ()) -> typer.Typer:
    """The command line that takes ``words``: with the one command that the first of them names, else with all."""
    made = typer.Typer(
        help="Patient referrals whose fee is collected by M-Pesa, without losing a shilling.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        callback=lambda: None,  # so that one command alone has a name, too
    )
    for name in [name for name in COMMANDS if name in words[:1]] or COMMANDS:
        module = import_module(f"rufaa.cli.{name.replace('-', '_')}")
        if hasattr(module, "app"):
            made.add_typer(module.app, name=name)
        else:
            made.command(name)(module.command)
    return made
