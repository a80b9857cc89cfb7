"""The sabotage itself: every break can be made and leaves a program, and a guard that nothing tests is told of."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sabotage.guards import GUARDS, Guard
from sabotage.run import ROOT, SCRIPT, NoSuchText, broken_text, chosen, main


def test_there_are_guards_and_each_has_its_name() -> None:
    assert len(GUARDS) >= 60
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_break_can_be_made_and_leaves_a_program(guard: Guard) -> None:
    broken = broken_text(guard, ROOT)

    assert broken != (ROOT / guard.file).read_text(encoding="utf-8")
    if guard.file.endswith(".py"):
        compile(broken, guard.file, "exec")


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_tests_that_should_see_it_are_there(guard: Guard) -> None:
    for test in guard.tests:
        file, _, name = test.partition("::")
        names = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")}
        assert not name or name.partition("[")[0] in names, test


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A repository with a guard, and a test that sees it."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "till.py").write_text(
        "def pay(amount, due):\n    if amount != due:\n        return 'refused'\n    if amount > 100:\n"
        "        return 'too much'\n    return 'paid'\n"
    )
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_till.py").write_text(
        "from till import pay\n\n\ndef test_amount():\n    assert pay(1, 2) == 'refused'\n\n\n"
        "def test_fails_anyway():\n    assert pay(1, 1) == 'nothing'\n"
    )
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


SEEN = Guard("seen", "any amount", "src/till.py", "amount != due", "False", ("tests/test_till.py::test_amount",))
UNSEEN = Guard("unseen", "no limit", "src/till.py", "amount > 100", "False", ("tests/test_till.py::test_amount",))


def test_a_guard_is_caught_and_put_right_again(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (toy / "src" / "till.py").read_text()

    assert main([SEEN], root=toy) == 0

    out = capsys.readouterr().out
    assert out.startswith("caught ")
    assert "1 of 1 caught" in out
    assert (toy / "src" / "till.py").read_text() == whole


def test_tables_are_made_by_the_broken_migration_and_not_by_the_script(toy: Path) -> None:
    files = {"src/app/migrations/0001.sql": "UNIQUE", SCRIPT: "UNIQUE"}
    for name, text in files.items():
        (toy / name).parent.mkdir(parents=True)
        (toy / name).write_text(text)
    (toy / "tests" / "test_tables.py").write_text(
        "from pathlib import Path\n\n\ndef test_unique():\n"
        f"    assert 'UNIQUE' in (Path({SCRIPT!r}).read_text() or Path('src/app/migrations/0001.sql').read_text())\n"
    )
    dropped = Guard("dropped", "two of one", "src/app/migrations/0001.sql", "UNIQUE", "", ("tests/test_tables.py",))

    assert main([dropped], root=toy) == 0


def test_a_guard_that_nothing_tests_survives_and_is_named(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([SEEN, UNSEEN], root=toy) == 1

    assert "1 of 2 caught" in (out := capsys.readouterr().out)
    assert "unseen: SURVIVED. Broken was: no limit." in out


def test_what_fails_anyway_catches_nothing(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([replace(SEEN, tests=("tests/test_till.py::test_fails_anyway",))], root=toy) == 1

    assert "its test fails without the break, too" in capsys.readouterr().out


def test_what_breaks_the_test_run_itself_is_no_catch(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([replace(SEEN, new="amount !=")], root=toy) == 1

    assert "UNCLEAR" in capsys.readouterr().out


@pytest.mark.parametrize("old", ["amount < due", "amount"])
def test_a_text_that_does_not_stand_there_once_is_an_error(toy: Path, old: str) -> None:
    with pytest.raises(NoSuchText, match=r"seen: its text stands \d times"):
        main([replace(SEEN, old=old)], root=toy)


def test_one_is_chosen_by_its_name_and_a_wrong_name_is_told_which_there_are() -> None:
    assert [guard.name for guard in chosen("late-start, secret")] == ["late-start", "secret"]
    assert chosen("") == list(GUARDS)
    with pytest.raises(SystemExit, match=r"There is no guard nonsense\. Use one of: live-prompt-per-fee, "):
        chosen("nonsense")
