"""A snapshot export of Convex, read with care: a zip that a stranger may have made. No Django, and nothing is unpacked.

It has a folder for each table with one JSON document a line in ``documents.jsonl``. ``_tables`` lists the tables and is
no data; ``_storage`` lists the stored files, whose bytes stay in the zip; what else lies beside the documents is
Convex's description of them. Every size is bounded by what was really read, never by what the zip says of itself.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from rufaa.errors import InvalidArgument
from rufaa.sync import values
from rufaa.sync.values import InvalidJson, InvalidValue, Value

_DOCUMENTS: Final = re.compile(r"((?:[A-Za-z0-9_-]{1,64}/){0,6}[A-Za-z0-9_-]{1,64})/documents\.jsonl")
_CHUNK: Final = 1 << 20
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class BadExport(InvalidArgument):
    """The file is no snapshot export of Convex, is damaged, or is larger than an export may be."""

    code = "bad-export"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a zip is read, in bytes of what is in it. Convex's own limit of a document is 1 MiB."""

    line: int = 8 << 20
    total: int = 8 << 30
    documents: int = 5_000_000
    entries: int = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One document, or what should have been one. Either ``document`` is there, or ``fault`` says why not."""

    table: str
    number: int  # from 1, in its file
    raw: bytes  # as it stands in the file; empty where it is too long to be kept
    document: dict[str, Value] | None
    fault: str


class Export:
    """An export whose list of contents was read. Reading tables may still find damage: ``BadExport``."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._path = path
        self._archive = archive
        self._limits = limits
        self._entries = _tables(archive, limits)

    @property
    def tables(self) -> list[str]:
        """The tables with documents, by name; those of components are ``_components/…``."""
        return sorted(self._entries)

    def lines(self, table: str) -> Iterator[Line]:
        """Every line of a table that is not blank. Raises ``BadExport`` past a limit, and where the zip is damaged."""
        with self._file(self._entries[table]) as file:
            for number, raw in _lines(file, self._limits.line):
                if raw is None:
                    yield Line(table, number, b"", None, f"The line has more than {self._limits.line} bytes.")
                elif raw.strip():
                    yield _parsed(table, number, raw)

    @contextmanager
    def _file(self, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """What is in an entry, in a buffer, since the zip's own reading of lines is slow."""
        with _damage(), self._archive.open(entry) as compressed:
            yield io.BufferedReader(cast("io.RawIOBase", compressed), _CHUNK)

    def check(self) -> dict[str, int]:
        """Read everything once, so that what is wrong with the whole file is found before anything is written.

        Returns how many lines each table has. Raises ``BadExport``.
        """
        counts: dict[str, int] = {}
        documents = total = 0
        for table, entry in self._entries.items():
            counts[table] = 0
            with self._file(entry) as file:
                for _, size, blank in _sizes(file):
                    total += size
                    if total > self._limits.total:
                        raise BadExport(f"The export has more than {self._limits.total} bytes of documents in it.")
                    if blank:
                        continue
                    counts[table] += 1
                    documents += 1
                    if documents > self._limits.documents:
                        raise BadExport(f"The export has more than {self._limits.documents} documents.")
        return counts


@contextmanager
def opened(path: Path, limits: Limits | None = None) -> Iterator[Export]:
    """The export at ``path``. Raises ``BadExport``."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise BadExport(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise BadExport(f"{path} is a folder. Give the zip that npx convex export wrote.") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadExport(f"{path} is no zip that can be read: {error}") from None
    with archive:
        yield Export(path, archive, limits or Limits())


def _tables(archive: zipfile.ZipFile, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    if len(listed) > limits.entries:
        raise BadExport(f"The zip has {len(listed)} entries; an export has at most {limits.entries}.")
    tables: dict[str, zipfile.ZipInfo] = {}
    for entry in listed:
        if not entry.filename.endswith("documents.jsonl"):
            continue
        match = _DOCUMENTS.fullmatch(entry.filename)
        if match is None:
            raise BadExport(f"The zip has an entry of a strange name: {values.shorten(entry.filename)}")
        if match[1] in tables:
            raise BadExport(f"The zip has {match[1]} twice.")
        if entry.flag_bits & 1:
            raise BadExport("The zip is encrypted. Give one without a password.")
        if entry.compress_type not in _METHODS:
            raise BadExport(f"The zip has {match[1]} compressed in a way that no export is.")
        if match[1].rpartition("/")[2] != "_tables":
            tables[match[1]] = entry
    if not tables:
        raise BadExport("The zip has no documents in it: it is no snapshot export of Convex.")
    return dict(sorted(tables.items()))


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise BadExport(f"The zip is damaged: {error}. Export once more.") from None


def _lines(file: IO[bytes], longest: int) -> Iterator[tuple[int, bytes | None]]:
    """Each line without its end; None for one that is too long, of which no more than a piece is held at a time."""
    number = 0
    while raw := file.readline(longest + 2):
        number += 1
        if len(raw.rstrip(b"\r\n")) <= longest and (raw.endswith(b"\n") or len(raw) < longest + 2):
            yield number, raw.rstrip(b"\r\n")
            continue
        while raw and not raw.endswith(b"\n"):
            raw = file.readline(_CHUNK)
        yield number, None


def _sizes(file: IO[bytes]) -> Iterator[tuple[int, int, bool]]:
    """Number, bytes and blankness of each piece of a line; pieces of a long line after the first count as blank."""
    number, begun = 0, False
    while raw := file.readline(_CHUNK):
        number += not begun
        yield number, len(raw), begun or not raw.strip()
        begun = not raw.endswith(b"\n")


def _parsed(table: str, number: int, raw: bytes) -> Line:
    try:
        document = values.decode(values.loads(raw))
    except (InvalidJson, InvalidValue) as error:
        return Line(table, number, raw, None, f"The line is no document: {error}.")
    if not isinstance(document, dict):
        return Line(table, number, raw, None, "The line is no document: it is JSON, but no object.")
    return Line(table, number, raw, document, "")
