"""The types that front ends get, held by the real TypeScript compiler against pages on the real npm client."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo_process import ROOT, environment, need_program
from npm_project import installed
from rufaa.cli.commands import app
from rufaa.functions import load, typed

HERE = Path(__file__).parent
ERROR = re.compile(r"^(\w+\.ts)\((\d+),\d+\): error (TS\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages with the compiler, beside the types as the command prints them."""
    project = installed(HERE / "page", into=tmp_path_factory.mktemp("typed") / "page")
    printed = CliRunner().invoke(app(), ["functions", "--typescript"])
    assert printed.exit_code == 0, printed.output
    (project / "api.d.ts").write_text(printed.stdout, encoding="utf-8")
    return project


def compiled(page: Path) -> list[tuple[str, int, str]]:
    """What the compiler finds wrong: file, line, number of the error."""
    done = subprocess.run(
        [need_program("node"), "node_modules/typescript/bin/tsc"],
        cwd=page,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = [(name, int(line), code) for name, line, code in ERROR.findall(done.stdout)]
    assert (done.returncode != 0) == bool(found), done.stdout + done.stderr
    return found


def test_a_page_compiles_and_each_wrong_call_does_not(page: Path) -> None:
    """``wrong.ts`` marks its errors, and a mark without an error is one."""
    assert compiled(page) == []


def test_without_the_marks_every_wrong_call_is_an_error(page: Path) -> None:
    """The control: it is the wrong calls that the compiler refuses, one by one."""
    wrong = page / "wrong.ts"
    marked = wrong.read_text(encoding="utf-8")
    lines = [number + 1 for number, line in enumerate(marked.splitlines(), 1) if "@ts-expect-error" in line]
    wrong.write_text(marked.replace("@ts-expect-error", "error:"), encoding="utf-8")
    try:
        assert sorted({line for name, line, _ in compiled(page) if name == "wrong.ts"}) == lines
    finally:
        wrong.write_text(marked, encoding="utf-8")


def test_the_page_of_the_reference_is_what_the_command_prints(page: Path) -> None:
    printed = (page / "api.d.ts").read_text(encoding="utf-8")

    assert printed == (ROOT / "docs" / "reference" / "api.d.ts").read_text(encoding="utf-8") == typed.api()


def test_every_function_is_in_it(page: Path) -> None:
    text = (page / "api.d.ts").read_text(encoding="utf-8")
    whole = text.partition("declare const api: {")[2].partition("\n};")[0]
    listed = []
    for module in re.finditer(r"^  (\w+): \{\n(.*?)^  \};", whole, flags=re.MULTILINE | re.DOTALL):
        listed += [f"{module[1]}:{name}" for name in re.findall(r"^    (\w+): Function", module[2], flags=re.MULTILINE)]

    assert listed == [function.name for function in load().functions()]


def test_the_list_of_the_command_has_every_function() -> None:
    listed = CliRunner().invoke(app(), ["functions"]).stdout

    assert [line.split(" ")[0] for line in listed.splitlines()] == [function.name for function in load().functions()]
    assert "payments:getByReferral (query) {referralId: string} -> list of PaymentAttempt\n" in listed
