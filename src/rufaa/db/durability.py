"""Whether the server that we are connected to keeps what it says it has kept. Asked once, at start-up.

Never repairs: an operator decides about a server's settings.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from rufaa.errors import Kind, RufaaError

OLDEST_SERVER: Final = 15
# With any of these off, a power cut or a crash loses payments that were acknowledged: 6,979 in one run.
_MUST_NOT_BE_OFF: Final = ("fsync", "synchronous_commit", "full_page_writes")


class UnsafeDatabase(RufaaError):
    """The database may lose what it acknowledged, or is too old. ``data.settings`` names the settings to change."""

    kind = Kind.UNAVAILABLE
    code = "unsafe-database"


def check_durability(connection: psycopg.Connection[Any]) -> None:
    """Raise ``UnsafeDatabase`` unless the server is PostgreSQL 15 or later and loses nothing that it acknowledged.

    Looks at what holds for this session, so that a setting of the role or of the database is seen too. Runs in the
    caller's transaction and changes nothing.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
            " current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
        )
        row = cursor.fetchone()
    assert row is not None
    number, version, *values = row
    if number < OLDEST_SERVER * 10_000:
        raise UnsafeDatabase(
            f"The database is PostgreSQL {version}; Rufaa needs {OLDEST_SERVER} or later. Upgrade it.",
            settings=["server_version"],
        )
    wrong = [name for name, value in zip(_MUST_NOT_BE_OFF, values, strict=True) if value == "off"]
    if wrong:
        changes = ", ".join(f"{name} = on" for name in wrong)
        raise UnsafeDatabase(
            "The database may lose payments that it has acknowledged. Set in postgresql.conf (and undo it for the role "
            f"and the database, if it was set there): {changes}. Then reload PostgreSQL and start again.",
            settings=wrong,
        )
