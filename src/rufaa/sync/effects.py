"""What a connection asks of whoever drives it, and what it may ask for at most."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TypeAlias

from rufaa.sync.runtime import Identity
from rufaa.sync.values import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may ask for, and how long its answers wait for each other."""

    queries: int = 1000  # watched at once
    query_bytes: int = 1024 * 1024  # of the arguments of all of them, as JSON
    mutations: int = 1000  # waiting for their turn
    actions: int = 100  # running at once
    transition: int = 8 * 1024 * 1024  # characters, about; what does not fit comes in the next
    chunk: int = 4 * 1024 * 1024  # characters of a Transition above which a client that can has it in pieces
    opening_s: float = 0.2  # after a first Authenticate the queries follow at once, or none do
    hold_s: float = 1.0  # a running mutation holds Transitions back
    patience_s: float = 5.0  # a query that has no answer yet holds them back


@dataclass(frozen=True, slots=True)
class Verify:
    """Find out who that is (None: nobody), then call ``verified`` or ``refused``; hand no other message in before."""

    token: str | None


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch this, and call ``learn`` with each answer. Takes the place of an earlier one of the same number."""

    query: int
    name: str
    args: JsonValue
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Unwatch:
    query: int


@dataclass(frozen=True, slots=True)
class Run:
    """A mutation or an action to run as ``identity``, then ``mutated`` or ``acted``."""

    session: uuid.UUID
    request: int
    name: str
    args: JsonValue
    identity: Identity | None


Effect: TypeAlias = Verify | Watch | Unwatch | Run


@dataclass(frozen=True, slots=True)
class End:
    """The connection is to be closed when what is left to send has been sent."""

    code: int
    reason: str
