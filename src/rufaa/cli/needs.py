"""What the long-running roles need before they start."""

from __future__ import annotations

from rufaa.config import config
from rufaa.db.embedded import running_url
from rufaa.errors import Kind, RufaaError


class NoDatabase(RufaaError):
    """No database is given, and no embedded one runs over the data folder."""

    kind = Kind.UNAVAILABLE
    code = "no-database"


def database_url(role: str) -> str:
    """The database of a role that runs alone: DATABASE_URL, or the embedded one of a running ``rufaa serve``."""
    given = config()
    url = given.database_url or running_url(given.data)
    if url is None:
        raise NoDatabase(
            f"rufaa {role} needs a database: set DATABASE_URL, or run 'rufaa serve', which brings its own."
        )
    return url
