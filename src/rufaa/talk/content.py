"""What a file is, by its first bytes, and the name it is shown and saved under. Pure.

Neither what a browser calls it nor its name says what a file is; and its name is never the name of anything here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

LONGEST_NAME: Final = 120
"""Characters of a name, its ending included."""


class FileKind(StrEnum):
    """The files that are taken, as media types. None of them is run or drawn by a browser on a page of ours."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"


ENDINGS: Final[Mapping[FileKind, tuple[str, ...]]] = {
    FileKind.PDF: (".pdf",),
    FileKind.JPEG: (".jpg", ".jpeg"),
    FileKind.PNG: (".png",),
}
"""Each kind's usual endings; the first is given to a name that has none of them."""
_FIRST_BYTES: Final[Mapping[FileKind, bytes]] = {
    FileKind.PDF: b"%PDF-",
    FileKind.JPEG: b"\xff\xd8\xff",
    FileKind.PNG: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
}


def kind_of(content: bytes) -> FileKind | None:
    """What ``content`` begins as; None: nothing that is taken."""
    return next((kind for kind, first in _FIRST_BYTES.items() if content.startswith(first)), None)


def name_of(given: str, kind: FileKind) -> str:
    """``given`` without the folders before it and without what cannot be seen, with an ending of ``kind``.

    A PDF that comes as ``x.html`` is saved as ``x.html.pdf``: the ending says to a computer what to open it with.
    """
    last = given.replace("\\", "/").rpartition("/")[2]
    seen = " ".join("".join(sign if sign.isprintable() else " " for sign in last).split()).strip(". ") or "file"
    ending = next((each for each in ENDINGS[kind] if seen.lower().endswith(each)), None)
    if ending is None:
        ending = ENDINGS[kind][0]
        stem = seen
    else:
        stem = seen[: -len(ending)]
    return (stem[: LONGEST_NAME - len(ending)].rstrip(". ") or "file") + ending
