"""A finding: what was looked at, how it is, and what to do. The codes are stable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, or will not for long
    PROBLEM = "problem"  # it does not work, or money or data are in danger
    NOT_CHECKED = "not checked"


class Group(StrEnum):
    """In the order in which they are shown."""

    SETTINGS = "Settings"
    SECRETS = "Secrets"
    MACHINE = "This machine"
    DATABASE = "Database"
    CLOCK = "Clock"
    MPESA = "M-Pesa"
    ADDRESS = "Public address"
    PEOPLE = "Facilities, prices, people"
    WORK = "Work in hand"


CODES: Final[Mapping[str, Group]] = {
    "settings": Group.SETTINGS,
    "unknown-setting": Group.SETTINGS,
    "mode": Group.SETTINGS,
    "simulator-in-production": Group.SETTINGS,
    "secret-keys": Group.SECRETS,
    "secret-file": Group.SECRETS,
    "weak-secret-key": Group.SECRETS,
    "data-folder": Group.MACHINE,
    "disk-space": Group.MACHINE,
    "inodes": Group.MACHINE,
    "file-system": Group.MACHINE,
    "database": Group.DATABASE,
    "database-durability": Group.DATABASE,
    "database-migrated": Group.DATABASE,
    "database-connections": Group.DATABASE,
    "demo-database": Group.DATABASE,
    "real-database": Group.DATABASE,
    "clock-database": Group.CLOCK,
    "clock-moved": Group.CLOCK,
    "clock-daraja": Group.CLOCK,
    "timestamp": Group.CLOCK,
    "mpesa-settings": Group.MPESA,
    "mpesa-account": Group.MPESA,
    "mpesa-keys": Group.MPESA,
    "mpesa-passkey": Group.MPESA,
    "mpesa-token": Group.MPESA,
    "mpesa-stored": Group.MPESA,
    "mpesa-prices": Group.MPESA,
    "no-callbacks-in-production": Group.MPESA,
    "account-held": Group.MPESA,
    "c2b-registered": Group.MPESA,
    "pull-registered": Group.MPESA,
    "account-reference": Group.MPESA,
    "prompt-text": Group.MPESA,
    "public-url": Group.ADDRESS,
    "public-dns": Group.ADDRESS,
    "public-tls": Group.ADDRESS,
    "public-health": Group.ADDRESS,
    "public-callback-path": Group.ADDRESS,
    "public-body": Group.ADDRESS,
    "trusted-proxies": Group.ADDRESS,
    "callback-addresses": Group.ADDRESS,
    "callbacks-arrive": Group.ADDRESS,
    "facilities": Group.PEOPLE,
    "facility-without-price": Group.PEOPLE,
    "facility-without-administrator": Group.PEOPLE,
    "people-without-role": Group.PEOPLE,
    "api-keys": Group.PEOPLE,
    "openid-links": Group.PEOPLE,
    "openid-issuers": Group.PEOPLE,
    "server-connected": Group.WORK,
    "inbox": Group.WORK,
    "prompts-due": Group.WORK,
    "questions-due": Group.WORK,
    "tasks": Group.WORK,
    "tasks-nobodys": Group.WORK,
    "receipts-awaiting": Group.WORK,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``found`` and ``do`` are a sentence each; what is no more than seen has nothing to do."""

    code: str
    state: State
    found: str
    do: str = ""

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code
        assert bool(self.do) == (self.state in {State.WARNING, State.PROBLEM}), self.code

    @property
    def group(self) -> Group:
        return CODES[self.code]


def ok(code: str, found: str) -> Finding:
    return Finding(code, State.OK, found)


def warning(code: str, found: str, do: str) -> Finding:
    return Finding(code, State.WARNING, found, do)


def problem(code: str, found: str, do: str) -> Finding:
    return Finding(code, State.PROBLEM, found, do)


def not_checked(code: str, why: str) -> Finding:
    return Finding(code, State.NOT_CHECKED, why)


def named(names: list[str], *, most: int = 5) -> str:
    """``A, B and 3 more``."""
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more} more"


def span(seconds: float) -> str:
    """``40 s``, ``12 min``, ``5 h``, ``3 days``: whole, rounded down."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
