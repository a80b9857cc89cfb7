"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from repo.tools import tool
from rufaa.errors import RufaaError
from rufaa.payments.machine import MACHINES
from rufaa.referrals.machine import MACHINE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return tool("generate")


def test_no_page_is_stale(generate: ModuleType) -> None:
    assert generate.stale() == [], "run python tools/generate.py"


def test_a_page_is_the_same_every_time(generate: ModuleType) -> None:
    for made in generate.PAGES.values():
        assert made() == made()


def test_a_stale_page_is_named_and_fails_the_check(
    generate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: on another root all pages are missing; made there, none is; changed, one is."""
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "prepare", lambda: None)
    monkeypatch.setattr(sys, "argv", ["generate.py"])
    assert generate.main() == 0
    (tmp_path / "docs" / "states.md").write_text("something else")
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    capsys.readouterr()

    assert generate.main() == 1

    assert capsys.readouterr().out == "docs/states.md is stale: run python tools/generate.py\n"


def test_the_command_checks_without_any_settings() -> None:
    """As continuous integration runs it: a process of its own, nothing set, nothing written."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate.py"), "--check"],
        env={"PATH": ""},
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (ROOT / "tools" / "rufaa-data").exists()


def test_an_edge_without_a_reason_is_an_error(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = dict(generate.WHY)
    del reasons["fee", "pay"]
    reasons["fee", "forget"] = "no such edge"
    monkeypatch.setattr(generate, "WHY", reasons)

    with pytest.raises(SystemExit) as refused:
        generate.states()

    assert "('fee', 'deferred', 'pay'), ('fee', 'due', 'pay')" in str(refused.value)
    assert "('fee', 'forget')" in str(refused.value)


def test_every_move_stands_in_the_page_of_states() -> None:
    page = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    for machine in (MACHINE, *MACHINES):
        section = page.partition(f"\n## {machine.name.title()}\n")[2].partition("\n## ")[0]
        for (state, event), target in machine.transitions.items():
            assert f"| `{state}` | `{event}` | `{target}` |" in section
            assert f"    {state.replace('-', '_')} --> {target.replace('-', '_')}: {event}\n" in section
        assert section.count(" --> ") - section.count("[*]") == len(machine.transitions)


def test_error_codes_are_stable_words_and_each_means_one_thing(generate: ModuleType) -> None:
    generate.modules()
    errors = set(generate._subclasses(RufaaError))
    own = {error for error in errors if "code" in vars(error)}
    convex = {"InvalidCursor"}  # a word of the Convex client's own

    assert {error.code for error in own if not re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)} <= convex
    assert len({error.code for error in own}) == len({(error.code, error.kind, error.__name__) for error in own})
    assert [error.__name__ for error in errors if not (error.__doc__ or "").strip()] == []
