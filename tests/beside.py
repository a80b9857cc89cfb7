"""Databases beside that of the tests, on the same server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg


def sibling(url: str, name: str) -> str:
    """The address of another database on the server of ``url``."""
    parts = urlsplit(url)
    # urlunsplit drops an empty authority, and "postgresql:/name" is no address
    return urlunsplit(parts._replace(path=f"/{name}")).replace(f"postgresql:/{name}", f"postgresql:///{name}")


@contextmanager
def empty_database(url: str, name: str) -> Iterator[str]:
    """The address of a new database with nothing in it, on the server of ``url``; dropped when the block ends."""
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield sibling(url, name)
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
