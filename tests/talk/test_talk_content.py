"""What a file is, and what it is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rufaa.talk.content import ENDINGS, LONGEST_NAME, FileKind, kind_of, name_of

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.4\n%\xe2\xe3", FileKind.PDF),
        (b"%PDF-2.0", FileKind.PDF),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", FileKind.JPEG),
        (b"\xff\xd8\xff\xe1\x00\x10Exif", FileKind.JPEG),
        (PNG + b"\x00", FileKind.PNG),
        (b"", None),
        (b"%PDF", None),
        (b" %PDF-1.4", None),
        (b"\xff\xd8", None),
        (PNG[:-1], None),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 20, None),
        (b"<html><script>alert(1)</script>", None),
        (b"GIF89a", None),
        (b"MZ\x90\x00", None),
        (b"PK\x03\x04", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"RIFF....WEBP", None),
        (b"\x00" * 128 + b"DICM", None),
    ],
)
def test_a_file_is_what_it_begins_as(content: bytes, kind: FileKind | None) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    ("given", "kind", "name"),
    [
        ("lab.pdf", FileKind.PDF, "lab.pdf"),
        ("LAB.PDF", FileKind.PDF, "LAB.pdf"),
        ("photo.jpeg", FileKind.JPEG, "photo.jpeg"),
        ("photo", FileKind.JPEG, "photo.jpg"),
        ("x.html", FileKind.PDF, "x.html.pdf"),
        ("x.exe", FileKind.PNG, "x.exe.png"),
        ("x.pdf.exe", FileKind.PDF, "x.pdf.exe.pdf"),
        ("../../etc/passwd", FileKind.PDF, "passwd.pdf"),
        ("C:\\Users\\jane\\scan.pdf", FileKind.PDF, "scan.pdf"),
        ("a/b\\c.pdf", FileKind.PDF, "c.pdf"),
        ("..", FileKind.PDF, "file.pdf"),
        ("", FileKind.PDF, "file.pdf"),
        (".pdf", FileKind.PDF, "pdf.pdf"),
        ("folder/", FileKind.PDF, "file.pdf"),
        ('say "cheese".jpg', FileKind.JPEG, 'say "cheese".jpg'),
        ("two\r\nlines\x00.pdf", FileKind.PDF, "two lines.pdf"),
        ("invoice\u202efdp.exe", FileKind.PDF, "invoice fdp.exe.pdf"),
        ("Ünïcødé maoni 😀.png", FileKind.PNG, "Ünïcødé maoni 😀.png"),
        ("x" * 500 + ".pdf", FileKind.PDF, "x" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)
def test_what_it_is_called(given: str, kind: FileKind, name: str) -> None:
    assert name_of(given, kind) == name


@given(some.text(), some.sampled_from(FileKind))
def test_whatever_it_is_called_it_has_a_name_that_is_no_path_and_says_its_kind(given: str, kind: FileKind) -> None:
    name = name_of(given, kind)

    assert 1 <= len(name) <= LONGEST_NAME
    assert name.isprintable()
    assert not set(name) & set("/\\")
    assert name.lower().endswith(ENDINGS[kind])
    assert not name.startswith(".")
    assert name_of(name, kind) == name
