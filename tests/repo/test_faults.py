"""The page of faults and the tests that bear their numbers say the same."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
PAGE: Final = TESTS.parent / "docs" / "reference" / "faults.md"
NUMBERS: Final = (*range(1, 38), 43, 44, 45, 51, 52)  # of what concerns push, callback, query, process and time
NOT_SHOWN: Final = {33, 45}  # by no test alone: the page says why
_ROW: Final = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)


@cache
def page() -> dict[int, set[str]]:
    """Each fault of the page with the tests that it names."""
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) == len({number for number, *_ in rows})
    return {int(number): set(re.findall(r"`([^`]+::[^`]+)`", tests)) for number, _, _, tests in rows}


@cache
def marked() -> dict[int, set[str]]:
    """Each fault with the tests that bear its number."""
    found = defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    for number in mark.args:
                        found[ast.literal_eval(number)].add(f"{file.relative_to(TESTS)}::{node.name}")
    return found


def test_every_fault_has_its_row() -> None:
    assert sorted(page()) == sorted(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_fault_is_shown_by_the_tests_that_bear_its_number(number: int) -> None:
    """The page names no test that is not there, and no test bears a number that the page does not tell."""
    assert page()[number] == marked().get(number, set())
    assert bool(page()[number]) == (number not in NOT_SHOWN)


def test_no_test_bears_another_number() -> None:
    assert set(marked()) <= set(NUMBERS)
