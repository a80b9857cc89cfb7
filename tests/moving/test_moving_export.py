"""Reading an export with care: its form, its bounds, and what a stranger may have put into it."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from moving.exports import README, people, referral, write
from rufaa.moving import export
from rufaa.moving.export import BadExport, Limits, Line

LIMITS = Limits(line=1000, total=100_000, documents=50, entries=20)


def read(path: Path, table: str, limits: Limits = LIMITS) -> list[Line]:
    with export.opened(path, limits) as opened:
        return list(opened.lines(table))


def archive(path: Path, *entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, body in entries:
            made.writestr(name, body)
    return path


def test_tables_and_their_documents(tmp_path: Path) -> None:
    path = write(
        tmp_path / "export.zip",
        {"referrals": [referral(1), referral(2)], "users": people(), "_storage": [], "_components/mail/sent": [{}]},
    )

    with export.opened(path) as opened:
        assert opened.tables == ["_components/mail/sent", "_storage", "referrals", "users"]
        assert opened.check() == {"_components/mail/sent": 1, "_storage": 0, "referrals": 2, "users": 1}
        one, two = opened.lines("referrals")

    assert (one.number, one.fault, two.number) == (1, "", 2)
    assert one.document is not None
    assert (one.document["_id"], one.document["stkSentCount"]) == (referral(1)["_id"], 0.0)
    assert b'"patientName": "Jane Wafula 1"' in one.raw
    assert not one.raw.endswith(b"\n")


def test_lines_that_are_no_documents_are_told_and_the_others_read(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "e.zip",
        (
            "t/documents.jsonl",
            b'{"_id": "a"}\n\n  \r\nnonsense\n[1]\n{"a": NaN}\n{"a": "\\ud800"}\n{"a": 1e999}\n\xff\n'
            + b"[" * 900
            + b'\n{"$odd": 1}\r\n{"_id": "b"}',
        ),
    )

    found = read(path, "t")

    assert [line.number for line in found if line.document is not None] == [1, 12]
    assert [(line.number, line.fault) for line in found if line.document is None] == [
        (4, "The line is no document: Expecting value (at character 0)."),
        (5, "The line is no document: it is JSON, but no object."),
        (6, "The line is no document: NaN is not JSON."),
        (7, "The line is no document: A string has an unpaired surrogate (at a)."),
        (8, "The line is no document: A number is out of range."),
        (9, "The line is no document: The text is not UTF-8."),
        (10, "The line is no document: Expecting value (at character 900)."),
        (11, "The line is no document: $odd is not a form of value that is taken here."),
    ]
    assert [line.raw for line in found[1:3]] == [b"nonsense", b"[1]"]


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (1002, False), (5000, False)])
def test_a_line_as_long_as_the_limit_is_read_and_a_longer_one_is_passed_over(
    tmp_path: Path, size: int, fits: bool
) -> None:
    long = b'{"a":"' + b"x" * (size - 8) + b'"}'
    for ending in (b"\n", b"\r\n"):
        path = archive(tmp_path / f"{len(ending)}.zip", ("t/documents.jsonl", long + ending + b'{"_id": "b"}\n'))

        first, second = read(path, "t")

        assert (first.document is not None, first.raw == long) == (fits, fits)
        assert first.fault == ("" if fits else "The line has more than 1000 bytes.")
        assert second.document == {"_id": "b"}


def test_a_line_of_a_gigabyte_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, made.open("t/documents.jsonl", "w") as file:
        for _ in range(64):
            file.write(b" " * (1 << 20))
    limits = replace(Limits(), total=1 << 40)
    tracemalloc.start()
    try:
        with export.opened(path, limits) as opened:
            assert opened.check() == {"t": 0}
            (line,) = opened.lines("t")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert line.fault == f"The line has more than {8 << 20} bytes."
    assert most < 40 << 20


def test_a_bomb_is_refused_by_what_comes_out_of_it(tmp_path: Path) -> None:
    path = archive(tmp_path / "bomb.zip", ("t/documents.jsonl", b"0" * 1_000_000))
    assert path.stat().st_size < 2000

    with export.opened(path, LIMITS) as opened, pytest.raises(BadExport, match="more than 100000 bytes"):
        opened.check()


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "lie.zip", ("t/documents.jsonl", b'{"a": 1}\n' * 100), method=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[60:64] = b"XXXX"
    path.write_bytes(raw)

    with export.opened(path) as opened, pytest.raises(BadExport, match="damaged"):
        opened.check()
    with export.opened(path) as opened, pytest.raises(BadExport, match="damaged"):
        list(opened.lines("t"))


def test_too_many_documents_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "many.zip", ("a/documents.jsonl", b"{}\n" * 30), ("b/documents.jsonl", b"{}\n" * 21))

    with export.opened(path, LIMITS) as opened, pytest.raises(BadExport, match="more than 50 documents"):
        opened.check()


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "entries.zip", *((f"t{number}/documents.jsonl", b"") for number in range(21)))

    with pytest.raises(BadExport, match="21 entries"), export.opened(path, LIMITS):
        pass


STRANGE = (
    *("../referrals/documents.jsonl", "/etc/documents.jsonl", "a/../b/documents.jsonl", "documents.jsonl"),
    *(
        "a\\b/documents.jsonl",
        "a b/documents.jsonl",
        "é/documents.jsonl",
        "a//documents.jsonl",
        f"{'a' * 65}/documents.jsonl",
    ),
    *("C:/documents.jsonl", "xdocuments.jsonl", "a/b/c/d/e/f/g/h/documents.jsonl"),
)


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_refused_and_nothing_is_unpacked(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "names.zip", ("t/documents.jsonl", b""), (name, b"{}"))

    with pytest.raises(BadExport, match="strange name"), export.opened(path):
        pass

    assert [entry.name for entry in tmp_path.iterdir()] == ["names.zip"]


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def encrypted(path: Path) -> Path:
    archive(path, ("t/documents.jsonl", b"{}"), method=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    listing = raw.index(b"PK\x01\x02")
    raw[6] |= 1
    raw[listing + 8] |= 1
    path.write_bytes(raw)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda path: path, "There is no file"),
        (folder, "is a folder"),
        (lambda path: (path.write_bytes(b"not a zip"), path)[1], "is no zip"),
        (lambda path: (path.write_bytes(b""), path)[1], "is no zip"),
        (archive, "no documents in it"),
        (lambda path: archive(path, ("README.md", README.encode())), "no documents in it"),
        (lambda path: archive(path, ("_tables/documents.jsonl", b"{}")), "no documents in it"),
        (lambda path: archive(path, ("t/documents.jsonl", b""), ("t/documents.jsonl", b"")), "has t twice"),
        (
            lambda path: archive(path, ("t/documents.jsonl", b""), method=zipfile.ZIP_BZIP2),
            "in a way that no export is",
        ),
        (encrypted, "encrypted"),
    ],
)
def test_what_is_no_export_is_refused_with_a_reason(tmp_path: Path, made: Callable[[Path], Path], says: str) -> None:
    path = made(tmp_path / "export.zip")

    with pytest.raises(BadExport, match=says), export.opened(path):
        pass
