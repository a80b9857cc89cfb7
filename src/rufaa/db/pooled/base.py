"""Django's name for the module of a backend's ``DatabaseWrapper``."""

from __future__ import annotations

import select
import time
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

_FRESH_S: Final = 10.0
"""As long as TCP itself says nothing (``keepalives_idle``)."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Its pool's own check asks PostgreSQL something, which is a way there and back for each transaction. What has
    ended at the other end can be read, so that a look at the socket finds the same; one that froze answers neither.
    Of a server that vanished without a word nothing can be read: a connection that lay unused for long is asked.
    """

    def _configure_connection(self, connection: Any) -> bool:
        connection.unused_since = time.monotonic()
        return bool(super()._configure_connection(connection))  # type: ignore[misc]

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.unused_since = time.monotonic()
        super()._close()  # type: ignore[misc]

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        for _ in range(self.pool.max_size if self.pool else 0):
            if is_usable(connection):
                break
            connection.close()
            self.pool.putconn(connection)  # which drops it, and opens another
            connection = super().get_new_connection(conn_params)
        return connection


def is_usable(connection: psycopg.Connection[Any]) -> bool:
    """Whether PostgreSQL is still there, as far as we have heard."""
    if connection.closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    if not socket.poll(0) and time.monotonic() - getattr(connection, "unused_since", 0.0) < _FRESH_S:
        return True
    try:  # it may have ended, or there is a word that nobody waits for: of a setting that was changed, say
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        return False
    return True
