"""The settings that the embedded server is started with, each with its reason. Given on its command line, so that they
win over postgresql.conf.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
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
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",  # short queries; and containers give /dev/shm only 64 MB
    "random_page_cost": "1.1",  # solid state, or in memory; 4 reads whole tables to find a batch's five hundred rows
    "wal_buffers": "4MB",  # touched at once, whatever is written; a thirty-second of shared_buffers would be 16
    "io_method": "sync",  # three processes less; where pages are read one by one, others gain nothing
    "max_logical_replication_workers": "0",  # nobody subscribes here
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
_MB: Final = 1 << 20
_GB: Final = 1 << 30
_CGROUPS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may have, by either version of the kernel's interface."""


def for_machine(data: Path, *, cgroups: Sequence[Path] = _CGROUPS) -> dict[str, str]:
    """The settings that the machine decides: its memory, and what is free on the disk of ``data``.

    Where hundreds of thousands of phones ring, a payment touches some sixty pages anywhere in the tables. With 128 MB
    most of them come from outside of PostgreSQL, and with a checkpoint each GB of write-ahead log (PostgreSQL's
    defaults) each is written whole again and again. A facility touches neither limit.
    """
    buffers = _between(128 * _MB, _memory(cgroups) // 16, 512 * _MB)
    log = _between(_GB, shutil.disk_usage(data).free // 8, 4 * _GB)
    return {"shared_buffers": f"{buffers // _MB}MB", "max_wal_size": f"{log // _MB}MB"}


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _memory(cgroups: Sequence[Path]) -> int:
    """Bytes that we may have: the machine's, or less in a container that is given less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in cgroups:
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            limits.append(int(path.read_text(encoding="ascii")))
    return min(limits)


# Loses data when the machine crashes: for tests only.
FAST_UNSAFE: Final[Mapping[str, str]] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
