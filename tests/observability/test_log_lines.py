"""What no code of ours writes comes out as events without texts too: libraries, warnings, the interpreter's last words,
stray prints. Real processes say it; what they print is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from observability.canaries import EMAIL, PAYS, canary, search
from rufaa import log
from rufaa.daraja import codes

SOURCE = Path(__file__).parents[2] / "src"
WORDS = f"{canary('Text')} {PAYS} {EMAIL}"
HEAD = f"""
import asyncio, logging, sys, threading, warnings
from rufaa import log
log.set_up("json")
WORDS = {WORDS!r}
"""

CHAIN = """
try:
    int(WORDS)
except ValueError as error:
    raise RuntimeError(WORDS) from error
"""
THREAD = """
def fail():
    raise OSError(98, WORDS)
thread = threading.Thread(target=fail)
thread.start()
thread.join()
"""
NEVER_RETRIEVED = """
async def fail():
    raise ValueError(WORDS)
async def main():
    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    del task
asyncio.run(main())
"""
CALLBACK = """
def fail(words):
    raise ValueError(words)
async def main():
    asyncio.get_running_loop().call_soon(fail, WORDS)
    await asyncio.sleep(0)
asyncio.run(main())
"""
UNRAISABLE = """
class Thing:
    def __del__(self):
        raise ValueError(WORDS)
Thing()
"""
MISTAKE = """
import structlog
structlog.get_logger("rufaa.x").info("x.y", phone="0711 000 000", nested={"mail": "kanari.zebaki@example.org"})
"""

CASES = {  # what is run, the event that comes of it, and what else its line says
    "uncaught": ("raise KeyError(WORDS)", "uncaught", "KeyError at "),
    "a chain": (CHAIN, "uncaught", "; from ValueError at "),
    "a thread": (THREAD, "uncaught", "OSError[EADDRINUSE] at "),
    "unraisable": (UNRAISABLE, "uncaught", "ValueError at "),
    "a warning": ("warnings.warn(WORDS, UserWarning)", "py.warnings", "UserWarning"),
    "never retrieved": (NEVER_RETRIEVED, "asyncio", "Task exception was never retrieved"),
    "a callback of the loop": (CALLBACK, "asyncio", "ValueError at "),
    "arguments": ("logging.getLogger('django.request').error('Bad: %s', WORDS)", "django.request", "Bad: %s"),
    "a sentence": ("logging.getLogger('lib').error('no ' + WORDS)", "lib", "<string>:"),
    "an exception": ("logging.getLogger('uvicorn.error').error(ValueError(WORDS))", "uvicorn.error", "ValueError"),
    "arguments that do not fit": ("logging.getLogger('lib').error('so many: %d', WORDS)", "lib", "so many: %d"),
    "ours by mistake": (MISTAKE, "x.y", "[private]"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_nobody_of_us_wrote_is_an_event_without_its_text(case: str) -> None:
    code, event, told = CASES[case]

    done = subprocess.run(
        [sys.executable, "-c", HEAD + code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert list(search({"output": done.stdout + done.stderr}, secrets={})) == []
    assert [line["event"] for line in lines] == [event]
    for line in lines:
        assert {"event", "level", "time"} <= line.keys()
        assert told in json.dumps(line)


def test_plain_logs_keep_texts_back_as_well() -> None:
    code = HEAD.replace('"json"', '"plain"') + "logging.getLogger('lib').error('no ' + WORDS); raise KeyError(WORDS)"

    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )

    assert list(search({"output": done.stderr}, secrets={})) == []
    assert "rufaa: uncaught KeyError at <string>:" in done.stderr
    assert done.returncode == 1


def child(printed: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(log.child_line("worker", printed.encode() + b"\n"))
    return told


def test_a_childs_event_goes_on_with_its_part() -> None:
    event = {"event": "prompt.answered", "level": "info", "time": "2026-01-01T00:00:00Z", "prompt": "ab"}

    assert child(json.dumps(event)) == {"part": "worker", **event}


@pytest.mark.parametrize(
    "printed", [WORDS, json.dumps({"name": WORDS}), json.dumps(WORDS), f"    code({WORDS!r})", "", "{"]
)
def test_a_stray_print_is_counted_and_not_repeated(printed: str) -> None:
    told = child(printed)

    assert (told["event"], told["part"], told["withheld_bytes"]) == ("part.printed", "worker", len(printed) + 1)
    assert WORDS not in json.dumps(told)


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        (f'  File "/a/b.py", line 3, in work {WORDS}', '  File "/a/b.py", line 3, in work'),
        (f"psycopg.errors.UniqueViolation: duplicate key {WORDS}", "psycopg.errors.UniqueViolation"),
        (f"KeyError: {WORDS}", "KeyError"),
        ("Fatal Python error: Segmentation fault", "Fatal Python error: Segmentation fault"),
        ("rufaa: RUFAA_PORT='x': use a number", "rufaa: RUFAA_PORT='x': use a number"),
    ],
)
def test_the_last_words_of_a_child_are_repeated_without_its_data(printed: str, told: str) -> None:
    assert child(printed)["text"] == told


@pytest.mark.parametrize(
    ("text", "blotted"),
    [
        ("0711000000", "[private]"),
        ("to +254 711-000-000.", "to [private]."),
        ("711000000", "[private]"),
        ("ws_CO_23112026091545711000000", "[private]"),
        (f"/h/{'a' * 32}-{'b' * 32}", f"/h/{'a' * 32}[private]"),
        ("Authorization: Bearer abc.def", "Authorization: [private]"),
        ("postgresql://rufaa:secret@host/db", "postgresql://[private]@host/db"),
        ("mail kanari@example.org now", "mail [private] now"),
        ("01a207ab42ba7fa986501b69877ed457", "01a207ab42ba7fa986501b69877ed457"),
        ("254711***000", "254711***000"),
        ("/a/b.py:711 in f", "/a/b.py:711 in f"),
    ],
)
def test_the_last_guard_blots_out_what_has_the_form_of_a_secret(text: str, blotted: str) -> None:
    assert log.blotted(text) == blotted


@pytest.mark.parametrize(
    ("code", "told"),
    [
        *(
            (code, code)
            for code in ("", "0", "1032", "500.003.02", "http-503", "timeout", "BW-JMS-100039", "SFC_IC0003")
        ),
        *((code, "other") for code in ("711000000", PAYS, canary("Code"), "Jane", "1032 Jane")),
    ],
)
def test_a_code_from_outside_is_logged_only_where_its_form_holds_no_person(code: str, told: str) -> None:
    assert codes.loggable(code) == told


SUPERVISOR = """
from rufaa.cli import supervise
child = "import sys; print({words!r}); print({words!r}, file=sys.stderr); int({words!r})"
part = supervise.Part("talker", [sys.executable, "-c", child.format(words=WORDS)], ready=lambda: False)
sys.exit(supervise.run([part], postgres=None, on_ready=lambda: None))
"""


def test_a_supervisor_hands_on_no_stray_print_not_even_when_it_gives_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + SUPERVISOR],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert list(search({"output": done.stdout + done.stderr}, secrets={})) == []
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    printed = [line for line in lines if line["event"] == "part.printed"]
    assert [line["part"] for line in printed] == ["talker"] * len(printed)
    assert [line["withheld_bytes"] for line in printed if "withheld_bytes" in line][:2] == [len(WORDS) + 1] * 2
    assert "ValueError" in [line.get("text") for line in printed]
    assert "talker ended with status 1 before it was ready" in lines[-1]["message"]
