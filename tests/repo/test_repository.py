"""The repository itself: nothing of any machine or person in it, modules that say what they are, migrations in step."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from django.core.management import call_command

ROOT: Final = Path(__file__).parents[2]
LONGEST: Final = 450  # lines of a module


@cache
def files() -> tuple[str, ...]:
    """What is committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def text_of(name: str) -> str:
    """Empty for what is no text."""
    raw = (ROOT / name).read_bytes()
    return "" if b"\0" in raw else raw.decode("utf-8", "replace")


def found(pattern: re.Pattern[str], *, within: str = "") -> Iterator[str]:
    for name in files():
        if not name.startswith(within):
            continue
        for number, line in enumerate(text_of(name).splitlines(), start=1):
            for match in pattern.finditer(line):
                yield f"{name}:{number}: {match[0]}"


def spelled(*parts: str) -> re.Pattern[str]:
    """A pattern put together, so that this file does not contain what it looks for."""
    return re.compile("".join(parts))


@pytest.mark.parametrize(
    "host",
    [
        spelled(r"pypi", r"\.org"),
        spelled(r"pythonhosted", r"\.org"),
        spelled(r"npm", r"js\.(?:org|com)"),
        spelled(r"registry", r"\.yarnpkg"),
        spelled(r"(?i)artifact", r"ory"),
        spelled(r"(?i)--(?:extra-)?index", r"-url"),
        spelled(r"proxy\.golang", r"\.org"),
    ],
    ids=lambda pattern: pattern.pattern,
)
def test_no_registry_is_named(host: re.Pattern[str]) -> None:
    assert list(found(host)) == []


@pytest.mark.parametrize("lock", ["requirements/server.txt", "requirements/dev.txt", "requirements/bench.txt"])
def test_the_locks_name_hashes_and_no_addresses(lock: str) -> None:
    text = text_of(lock)

    assert "--hash=sha256:" in text
    assert re.findall(r"https?://\S+", text) == []


def test_no_machine_is_named() -> None:
    """Absolute paths of whoever built it."""
    machine = spelled(r"(?<![\w.:/])/(?:wo", r"rk|ho", r"me|ro", r"ot|Us", r"ers)/[\w.]+")

    assert list(found(machine)) == []


ALLOWED: Final = re.compile(
    r"(?:254|0)708374149"  # Safaricom's own test number
    r"|(?:254|0)[71]\d\d00\d{4}"  # the demo's: the last four are the result code
    r"|25470801\d000|25470837000\d"  # as tests count them
    r"|(?:254|0)[71]12345678"  # how to write one, in messages
)


def test_no_phone_of_a_person_is_in_it() -> None:
    phones = re.compile(r"(?<![\w.-])\+?(254[17]\d{8}|0[17]\d{8})(?![\w])")
    strangers = [line for line in found(phones) if not ALLOWED.fullmatch(line.rpartition(" ")[2].lstrip("+"))]

    assert strangers == []
    assert list(found(spelled("2547486", "23870"))) == []


def test_the_search_for_phones_can_fail() -> None:
    assert not ALLOWED.fullmatch("2547" + "22123456")
    assert not ALLOWED.fullmatch("07" + "22123456")
    assert ALLOWED.fullmatch("254708001032")


def test_no_lock_that_writes_addresses_is_committed() -> None:
    assert [name for name in files() if Path(name).name in {"uv.lock", "poetry.lock", "yarn.lock"}] == []


def test_package_locks_say_no_addresses() -> None:
    for name in files():
        if Path(name).name == "package-lock.json":
            packages = json.loads(text_of(name)).get("packages", {})
            assert packages
            assert [path for path, package in packages.items() if "resolved" in package] == []


def test_nothing_is_left_to_do() -> None:
    assert list(found(spelled(r"\b(?:TO", r"DO|FIX", r"ME|XX", r"X)\b"))) == []


def modules() -> list[str]:
    return [name for name in files() if name.startswith("src/rufaa/") and name.endswith(".py")]


def test_there_are_modules_to_look_at() -> None:
    assert len(modules()) > 100


@pytest.mark.parametrize("name", modules())
def test_a_module_says_what_it_is_and_can_be_read(name: str) -> None:
    text = text_of(name)
    written_by_hand = not re.search(r"/migrations/(?:__init__|\d{4}_initial)\.py$", name)

    assert not written_by_hand or ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
    if "/migrations/" not in name:  # what Django wrote is as long as it is
        assert len(text.splitlines()) <= LONGEST, f"{name} is longer than {LONGEST} lines"


def test_the_migrations_are_in_step_with_the_models(database_url: str) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
