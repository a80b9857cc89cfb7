"""What a backup says of itself, and what a restore of it is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rufaa.db.catalog import Table
from rufaa.errors import Kind, RufaaError

FORMAT: Final = 1
"""Of the file. A reader refuses a higher one."""


class DamagedBackup(RufaaError):
    """The file is no whole backup. Nothing was restored."""

    kind = Kind.CONFLICT
    code = "backup-damaged"


class NewerBackup(RufaaError):
    """The backup was made by a newer Rufaa. Nothing was restored."""

    kind = Kind.CONFLICT
    code = "backup-newer"


@dataclass(frozen=True, slots=True)
class Manifest:
    """``migrations`` are ``app.name``; ``figures`` are sums that matter, in the words of who made the backup.

    ``key_fingerprints`` tell which secret keys belong to the database, the first being the one that seals; they open
    nothing. ``postgres`` and ``pg_dump`` are major versions.
    """

    rufaa: str
    made_at: datetime
    postgres: int
    pg_dump: int
    database_bytes: int
    migrations: tuple[str, ...]
    tables: Mapping[str, Table]
    figures: Mapping[str, int]
    key_fingerprints: tuple[str, ...]
    dump_bytes: int
    dump_sha256: str

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    def to_json(self) -> bytes:
        said = {
            "format": FORMAT,
            "rufaa": self.rufaa,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "postgres": self.postgres,
            "pg_dump": self.pg_dump,
            "database_bytes": self.database_bytes,
            "migrations": list(self.migrations),
            "tables": {name: {"rows": table.rows, "digest": table.digest} for name, table in self.tables.items()},
            "figures": dict(self.figures),
            "key_fingerprints": list(self.key_fingerprints),
            "dump_bytes": self.dump_bytes,
            "dump_sha256": self.dump_sha256,
        }
        return json.dumps(said, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, *, path: Path) -> Manifest:
        """Raises ``NewerBackup`` before anything else is looked at, ``DamagedBackup`` where something is missing."""
        try:
            said = json.loads(text)
            if int(said["format"]) > FORMAT:
                raise NewerBackup(
                    f"{path} was made by Rufaa {said['rufaa']}, whose backups this version ({FORMAT}) cannot read. Use"
                    " that version."
                )
            return cls(
                rufaa=str(said["rufaa"]),
                made_at=datetime.fromisoformat(said["made_at"]),
                postgres=int(said["postgres"]),
                pg_dump=int(said["pg_dump"]),
                database_bytes=int(said["database_bytes"]),
                migrations=tuple(map(str, said["migrations"])),
                tables={
                    str(name): Table(int(table["rows"]), str(table["digest"])) for name, table in said["tables"].items()
                },
                figures={str(name): int(number) for name, number in said["figures"].items()},
                key_fingerprints=tuple(map(str, said["key_fingerprints"])),
                dump_bytes=int(said["dump_bytes"]),
                dump_sha256=str(said["dump_sha256"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedBackup(f"{path} has a manifest that cannot be read: {type(error).__name__}.") from None
