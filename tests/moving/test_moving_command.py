"""``rufaa import-convex`` as a person runs it: what it says, its report, its refusals, and its death in the middle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import psycopg
import pytest
from typer.testing import CliRunner

from moving.exports import convex_id, lines, payment, people, referral, write
from rufaa.cli.commands import app
from rufaa.cli.import_convex import moved
from rufaa.errors import InvalidArgument
from rufaa.moving.export import BadExport, Limits
from rufaa.moving.operations import Choices
from support import World, check_books, unchanged, value, wait_until

BY: Final = Choices(by="operator")


def export(folder: Path, *more: dict[str, object]) -> Path:
    documents = [referral(1, status="paid"), referral(2), referral(3, priority="ASAP"), *more]
    return write(
        folder / "snapshot.zip",
        {"users": people(), "referrals": documents, "payments": [payment(1, of=1), payment(2, of=9)]},
    )


def test_what_is_printed_for_a_trial_and_for_the_real_thing(world: World, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"

    with unchanged():
        tried = moved(export(tmp_path), BY, yes=False, report=report)
    done = moved(export(tmp_path), BY, yes=True, report=report)
    again = moved(export(tmp_path), BY, yes=True, report=report)

    assert tried == [
        "payments:",
        "        1  would be brought over",
        "        1  aside: they do not fit, and are tried again at the next run",
        "        1  - Its referral was not brought.",
        "referrals:",
        "        2  would be brought over",
        "        1  aside: they do not fit, and are tried again at the next run",
        "        1  - There it is paid; here it is pending-payment, until its money is proved.",
        "        1  - priority is none of: Routine, Urgent, Emergency.",
        "users:",
        "        1  kept as they are, with nothing made of them",
        f"Each document is in {report}.",
        "Nothing was changed. To do it, say --yes.",
    ]
    assert done == [line.replace("would be brought", "brought") for line in tried[:-1]] + ["It is done."]
    assert again[0:3] == [
        "payments:",
        "        1  dealt with by an earlier run",
        "        1  aside: they do not fit, and are tried again at the next run",
    ]
    assert "There it is paid" not in "".join(again)


def test_the_report_has_every_document_and_is_its_owners(world: World, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    report.write_text("of an earlier run")

    moved(export(tmp_path), BY, yes=True, report=report)

    told = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert [(line["table"], line["line"], line["outcome"]) for line in told] == [
        ("referrals", 1, "brought"),
        ("referrals", 2, "brought"),
        ("referrals", 3, "aside"),
        ("payments", 1, "brought"),
        ("payments", 2, "aside"),
        ("users", 1, "kept"),
    ]
    assert told[1] == {
        "table": "referrals", "line": 2, "id": convex_id(2), "outcome": "brought", "before": False, "why": [],
        "referral": value("SELECT id FROM referral WHERE former_id = %(id)s", id=convex_id(2)).hex,
    }  # fmt: skip
    assert "Wafula" not in report.read_text(encoding="utf-8")
    assert report.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.jsonl", "snapshot.zip"]


def test_an_export_that_is_too_large_is_refused_before_anything_is_done(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rufaa.moving.export.Limits", lambda: Limits(documents=5))

    with unchanged(), pytest.raises(BadExport, match="more than 5 documents"):
        moved(export(tmp_path), BY, yes=True, report=tmp_path / "report.jsonl")

    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.zip"]


@pytest.mark.parametrize("where", ["missing/report.jsonl", "folder"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_done(
    world: World, tmp_path: Path, where: str
) -> None:
    (tmp_path / "folder").mkdir()

    with unchanged(), pytest.raises(InvalidArgument, match="report"):
        moved(export(tmp_path), BY, yes=True, report=tmp_path / where)


@pytest.mark.parametrize("option", ["--facility", "--person"])
@pytest.mark.parametrize("pair", ["there", "=here", "there=", " = "])
def test_a_pair_without_both_halves_is_refused(tmp_path: Path, option: str, pair: str) -> None:
    done = CliRunner().invoke(app(), ["import-convex", "x.zip", "--by", "operator", option, pair])

    assert done.exit_code != 0
    assert isinstance(done.exception, InvalidArgument)
    assert str(done.exception) == f"Write {option} as 'there=here'."


def test_who_brings_it_has_to_be_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["import-convex", "x.zip"])

    assert done.exit_code == 2
    assert "--by" in re.sub(r"\x1b\[[\d;]*m", "", done.output)


AS_A_PROCESS: Final = """
import sys
from pathlib import Path
import django
django.setup()
from rufaa.cli.import_convex import moved
from rufaa.moving.operations import Choices
moved(Path(sys.argv[1]), Choices(by="operator"), yes=True, report=Path(sys.argv[2]))
"""


def test_a_death_in_the_middle_leaves_nothing_and_the_next_run_does_it_all(world: World, tmp_path: Path) -> None:
    """The process stops at a row that another transaction holds, and is killed there."""
    path, report = export(tmp_path), tmp_path / "report.jsonl"
    body = lines([referral(2)]).rstrip(b"\n")
    with psycopg.connect(os.environ["DATABASE_URL"]) as holder, psycopg.connect(os.environ["DATABASE_URL"]) as watch:
        watch.autocommit = True
        holder.execute(
            "INSERT INTO brought (id, source, document, digest, body, outcome, why)"
            " VALUES (gen_random_uuid(), 'referrals', %s, %s, %s, 'kept', '[]')",
            (convex_id(2), hashlib.sha256(body).hexdigest(), body),
        )
        process = subprocess.Popen([sys.executable, "-c", AS_A_PROCESS, str(path), str(report)])
        try:
            wait_until(
                lambda: (
                    watch.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND query LIKE '%brought%' AND pid <> pg_backend_pid()"
                    ).fetchone()
                    == (1,)
                ),
                what="the import waiting for the row",
            )
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        holder.rollback()
        wait_until(
            lambda: (
                watch.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchone()
                == (0,)
            ),
            what="the end of the dead process's transaction",
        )

    assert value("SELECT count(*) FROM referral") == value("SELECT count(*) FROM brought") == 0
    assert not report.exists()
    assert moved(path, BY, yes=True, report=report)[-1] == "It is done."
    assert (value("SELECT count(*) FROM referral"), value("SELECT count(*) FROM brought")) == (2, 6)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.jsonl", "snapshot.zip"]
    check_books()
