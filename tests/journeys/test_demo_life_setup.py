"""The set-up behind ``make demo`` and ``make test``, with a Python that only writes down what it is told to install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo_process import ROOT, environment, need_program

PYTHON = f"""#!/bin/sh
# Makes virtual environments that hold this script as their Python, and writes down what pip and uv are asked for.
case "$1 $2" in
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/pyvenv.cfg" ;;
"-m pip" | "-m uv")
    [ "$3" = --version ] && exit 0
    echo "$2 $3 $4" >>told
    [ ! -e broken ] ;;
*) exec "{sys.executable}" "$@" ;;
esac
"""
ALL = ["pip install --quiet", "uv pip sync", "uv pip install"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the set-up needs of a checkout, in a folder whose name has a space."""
    need_program("make")
    made = tmp_path / "a checkout"
    (made / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "tools/setup.sh"):
        shutil.copy(ROOT / name, made / name)
    shutil.copytree(ROOT / "requirements", made / "requirements")
    write_python(made / "python", PYTHON)
    return made


def write_python(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def make(checkout: Path, goal: str, python: str = "./python") -> tuple[int, list[str]]:
    """Run a goal. Its status and what it wrote to standard error, without make's own last line."""
    done = subprocess.run(
        ["make", goal, f"PYTHON={python}"], cwd=checkout, env=environment(), capture_output=True, text=True, check=False
    )
    return done.returncode, [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]


def told(checkout: Path) -> list[str]:
    path = checkout / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_the_first_time_says_one_line_and_the_second_does_nothing(checkout: Path) -> None:
    status, said = make(checkout, "env")
    assert (status, told(checkout)) == (0, ALL)
    assert said == [
        "rufaa: setting up .venv with what Rufaa needs, locked by hash. This is done once, and takes a minute."
    ]

    assert make(checkout, "env") == (0, [])
    assert told(checkout) == []


@pytest.mark.parametrize("changed", ["requirements/server.txt", "pyproject.toml"])
def test_a_changed_lock_is_followed(checkout: Path, changed: str) -> None:
    make(checkout, "env")
    told(checkout)

    with (checkout / changed).open("a") as file:
        file.write("# newer\n")

    assert make(checkout, "env")[0] == 0
    assert told(checkout) == ALL


def test_a_checkout_that_was_moved_is_set_up_anew(checkout: Path) -> None:
    make(checkout, "env")
    told(checkout)

    moved = checkout.rename(checkout.with_name("elsewhere"))

    assert make(moved, "env")[0] == 0
    assert told(moved) == ALL


def test_an_interrupted_set_up_heals(checkout: Path) -> None:
    (checkout / "broken").touch()
    status, said = make(checkout, "env")
    assert status != 0
    assert said[-1] == "rufaa: the set-up did not come to its end; the next make takes it up again."
    assert told(checkout) == ALL[:1]

    (checkout / "broken").unlink()

    assert make(checkout, "env")[0] == 0
    assert told(checkout) == ALL
    assert make(checkout, "env") == (0, [])


def test_an_environment_for_tests_serves_the_demo_too(checkout: Path) -> None:
    make(checkout, "env-dev")
    (checkout / ".venv" / "bin" / "pytest").touch()
    told(checkout)

    assert make(checkout, "env") == (0, [])
    assert make(checkout, "env-dev") == (0, [])
    assert told(checkout) == []


def test_a_python_that_is_gone_is_replaced(checkout: Path) -> None:
    make(checkout, "env")
    told(checkout)
    write_python(checkout / ".venv" / "bin" / "python", "#!/nowhere/python\n")

    assert make(checkout, "env")[0] == 0

    assert told(checkout) == ALL
    assert (checkout / ".venv" / "bin" / "python").read_text() == PYTHON


OLD = '#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" || exit 1\n'
SPLIT = f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac\n'


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (OLD, r"rufaa: \./python is Python 3\.9\.2; Rufaa needs Python 3\.11 or newer\."),
        (
            SPLIT,
            r"rufaa: Python's venv module is missing\. Install it: apt install python3-venv \(or python3\.\d+-venv\)",
        ),
        (None, r"rufaa: there is no \./python\. PYTHON=… names the Python to use\."),
    ],
)
def test_what_is_missing_is_one_line(checkout: Path, script: str | None, line: str) -> None:
    (checkout / "python").unlink()
    if script is not None:
        write_python(checkout / "python", script)

    status, said = make(checkout, "demo")

    assert status != 0
    assert len(said) == 1
    assert re.fullmatch(line, said[0]), said
    assert not (checkout / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "mine").touch()

    status, said = make(checkout, "env")

    assert status != 0
    assert said[0].endswith(".venv exists and is no virtual environment; move it away.")
    assert (checkout / ".venv" / "mine").exists()


def test_make_alone_lists_every_goal(checkout: Path) -> None:
    help_ = subprocess.run(["make"], cwd=checkout, env=environment(), capture_output=True, text=True, check=True).stdout

    goals = re.findall(r"^([a-z-]+):(?! export)", (checkout / "Makefile").read_text(), re.MULTILINE)
    listed = re.findall(r"^  make ([a-z-]+)  +\S", help_, re.MULTILINE)
    assert listed == list(dict.fromkeys(goal for goal in goals if not goal.startswith("env")))
    assert told(checkout) == []


def test_locks_have_a_hash_for_each_package_and_no_address() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, path
        for pinned in re.split(r"\n(?=\S)", text):
            if not pinned.startswith("#"):
                assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", pinned), pinned
                assert "--hash=sha256:" in pinned, pinned
