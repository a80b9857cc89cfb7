"""Free ports for servers of tests: below those that the system gives to who asks for none.

A port that the system gave is free only until the next connection of any process takes it, and between our looking and
the server's listening lie seconds. Linux gives from 32768 on (``ip_local_port_range``), so ours are lower; each process
has some of its own, given in turn, so that two that look at the same moment do not find the same.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import cycle
from typing import Final

_FIRST: Final = 20_000
_EACH: Final = 300
_PROCESSES: Final = 42


def _ours() -> Iterator[int]:
    first = _FIRST + os.getpid() % _PROCESSES * _EACH
    return cycle(range(first, first + _EACH))


_next = _ours()


def free_port() -> int:
    """A port on loopback where nobody listens, not given before but long ago."""
    return next(port for port in _next if is_free(port))


def port_pair() -> int:
    """A free port whose next one is free, too: the simulator takes it."""
    port = free_port()
    while (following := free_port()) != port + 1:
        port = following
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
