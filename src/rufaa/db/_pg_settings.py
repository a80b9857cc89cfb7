"""The settings that the embedded server is started with, each with its reason. Given on its command line, so that they
win over postgresql.conf.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PORT: Final = 5432  # only names the socket's file; there is no TCP

SERVER_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",  # no TCP at all
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "cluster_name": "rufaa",
    "fsync": "on",  # these three are the defaults; said here so that no postgresql.conf changes them
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",  # enough for a facility, small enough for a 1 GB machine
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",  # short queries; and containers give /dev/shm only 64 MB
    "jit": "off",  # not in the build; a plan that waits for a compiler would be slower here anyway
    "timezone": "UTC",
    "log_timezone": "UTC",
    "client_connection_check_interval": "10s",  # a killed client's statement must not hold its locks for long
    "log_destination": "stderr",
    "logging_collector": "off",  # our file; rotate_log keeps it small
    "log_line_prefix": "%m [%p] ",
    "log_lock_waits": "on",
    "log_checkpoints": "off",  # a line every five minutes, for ever
    # Statements, their parameters and the DETAIL of an error hold names and phones: none of it goes into a log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
# Loses data when the machine crashes: for tests only.
FAST_UNSAFE: Final[Mapping[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
