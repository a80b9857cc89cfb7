"""A PostgreSQL that loses nothing, one for all tests of real processes: those refuse the fast and unsafe one of the
other tests. Its database is emptied before each test, as theirs is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from rufaa.cli.migrate import close_connections, migrate
from rufaa.config import config
from rufaa.db.embedded import EmbeddedPostgres, Settings

NAME: Final = "durable"


@contextmanager
def running() -> Iterator[EmbeddedPostgres]:
    """The server, with a migrated database."""
    data = Path(tempfile.mkdtemp(prefix="rufaa-durable-"))
    data.chmod(0o711)  # as root PostgreSQL runs as another account
    try:
        with EmbeddedPostgres(Settings(data=data)) as postgres:
            postgres.create_database(NAME)
            with connected_to(postgres.url(NAME)):
                migrate(config())
            yield postgres
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """The test's own connections lead there."""
    here = connection.settings_dict
    before = {name: here[name] for name in ("NAME", "HOST", "PORT", "USER")}
    given = conninfo_to_dict(url)
    close_connections()
    here |= {"NAME": given["dbname"], "HOST": given["host"], "PORT": given["port"], "USER": given["user"]}
    try:
        yield
    finally:
        close_connections()
        here |= before
