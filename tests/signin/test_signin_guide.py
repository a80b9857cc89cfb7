"""The guide quotes what callers are really told, and names commands and settings that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import typer.main

from rufaa.cli.commands import app
from rufaa.config import SETTINGS

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "howto" / "sign-in.md").read_text(encoding="utf-8")


def test_it_quotes_what_callers_are_told() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "rufaa" / "signin").glob("*.py"))
    section = GUIDE.partition("## When somebody is refused")[2].partition("\n## ")[0]
    quoted = [part.strip("… ") for part in re.findall(r"\*([^*]+)\*", section)]

    assert len(quoted) > 7
    for words in quoted:
        for piece in words.split("…"):
            assert piece.strip() in told, words


def test_its_commands_and_settings_are_there() -> None:
    root = typer.main.get_command(app())
    for line in re.findall(r"rufaa ((?:user|key|token|doctor)(?: [a-z]+)?)", GUIDE):
        name, _, action = line.partition(" ")
        command = root.commands[name]  # type: ignore[attr-defined]
        assert not hasattr(command, "commands") or action in command.commands, line
    named = set(re.findall(r"RUFAA_[A-Z_]+", GUIDE)) - {"RUFAA_KEY", "RUFAA_URL"}
    assert named <= set(SETTINGS)
