"""The list of commands, whose modules are loaded one by one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import typer.main

from rufaa.cli import commands
from rufaa.cli.commands import COMMANDS

CLI: Final = Path(commands.__file__).parent


def test_it_names_every_module_that_is_a_command() -> None:
    modules = {
        path.stem.replace("_", "-")
        for path in CLI.glob("*.py")
        if any(line.startswith(("def command(", "app = typer.Typer(")) for line in path.read_text().splitlines())
    }
    assert set(COMMANDS) == modules
    assert list(typer.main.get_command(commands.app()).commands) == list(COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("words", "loaded"), [(["token", "--user", "x"], ["token"]), (["user", "add"], ["user"])])
def test_the_command_that_is_called_is_loaded_alone(words: list[str], loaded: list[str]) -> None:
    assert list(typer.main.get_command(commands.app(words)).commands) == loaded  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [[], ["--help"], ["tokn"]])
def test_all_are_there_where_none_is_named(words: list[str]) -> None:
    assert list(typer.main.get_command(commands.app(words)).commands) == list(COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["token"], {"aiohttp", "uvicorn", "rufaa.simulator"}),
        (["functions"], {"aiohttp", "uvicorn", "rufaa.simulator"}),  # with all operations, but nobody is called
        (["serve"], {"aiohttp", "uvicorn", "rufaa.simulator", "django", "cryptography", "rich.console"}),
    ],
)
def test_a_command_loads_nothing_that_only_others_need(words: list[str], unwanted: set[str]) -> None:
    """What ``serve`` itself loads stays as long as the server runs."""
    code = (
        f"import sys; from rufaa.cli import commands; commands.app({words});"
        f" print({unwanted} & sys.modules.keys() or 'nothing')"
    )
    environ = {**os.environ, "PYTHONPATH": str(CLI.parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "nothing\n"
