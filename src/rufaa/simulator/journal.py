"""What happened, in order: every Daraja request with its answer, and every event of a prompt.

In memory always; as JSON lines in a file if one is given, each written before anything acts on it. A restarted
simulator reads them back. A torn last line is dropped: nothing had acted on it. Damage before the last line is refused.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import io
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

from rufaa.errors import Kind, RufaaError
from rufaa.money import Money
from rufaa.simulator import events

EVENT_KINDS: Final[dict[str, type[Any]]] = {
    "prompt-created": events.PromptCreated,
    "prompt-put-aside": events.PromptPutAside,
    "prompt-held": events.PromptHeld,
    "prompt-ended": events.PromptEnded,
    "callback-sent": events.CallbackSent,
    "wallet-set": events.WalletSet,
    "cash-paid-in": events.CashPaidIn,
    "sms-received": events.SmsReceived,
    "inbox-read": events.InboxRead,
    "phone-set": events.PhoneSet,
    "id-repeated": events.IdRepeated,
    "query-planned": events.QueryPlanned,
    "query-misled": events.QueryMisled,
    "maintenance": events.MaintenanceSet,
    "payment-made": events.PaymentMade,
    "notice-planned": events.NoticePlanned,
    "notice-sent": events.NoticeSent,
    "urls-registered": events.UrlsRegistered,
    "urls-removed": events.UrlsRemoved,
    "pull-registered": events.PullRegistered,
    "order-taken": events.OrderTaken,
    "order-ended": events.OrderEnded,
}
_KIND_OF: Final = {event: kind for kind, event in EVENT_KINDS.items()}


class JournalDamaged(RufaaError):
    """A line before the last one is not an entry. ``data.line`` counts from 1."""

    kind = Kind.UNAVAILABLE
    code = "journal-damaged"


class JournalInUse(RufaaError):
    """Another simulator writes this journal; two would mix their numbers."""

    kind = Kind.CONFLICT
    code = "journal-in-use"


@dataclass(frozen=True, slots=True)
class Entry:
    """``n`` counts from 1 without gaps. ``kind`` is an event's, or one of ``started``, ``exchange``, ``clock``,
    ``validation``, ``fault-scripted``, ``fault-used``, ``faults-forgotten``, ``chaos``, ``internal-error``."""

    n: int
    at: datetime
    kind: str
    data: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, "at": self.at.isoformat(timespec="milliseconds"), "kind": self.kind, **self.data}


class Journal:
    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._listeners: list[Callable[[Entry], None]] = []
        self._file: io.FileIO | None = None
        if path is not None:
            self._file = _locked(path)
            try:
                self.entries = _read(path)
            except JournalDamaged:
                self._file.close()
                raise

    def write(self, at: datetime, kind: str, data: Mapping[str, Any]) -> Entry:
        entry = Entry(n=len(self.entries) + 1, at=at, kind=kind, data=data)
        if self._file is not None:
            _append(self._file, json.dumps(entry.to_json()).encode() + b"\n")
        self.entries.append(entry)
        for listener in list(self._listeners):
            listener(entry)
        return entry

    def write_event(self, at: datetime, event: events.Event) -> Entry:
        return self.write(at, _KIND_OF[type(event)], to_data(event))

    def since(self, n: int) -> list[Entry]:
        """The entries after number ``n``."""
        return self.entries[max(0, n) :]

    def listen(self, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call ``listener`` after each entry, in the event loop's thread, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def event_of(entry: Entry) -> events.Event | None:
    """The event behind an entry; None if the entry is none."""
    kind = EVENT_KINDS.get(entry.kind)
    return None if kind is None else cast("events.Event", _from_data(kind, entry.data))


def _locked(path: Path) -> io.FileIO:
    """The file, open to append, for as long as it is open ours alone. Raises ``JournalInUse``."""
    file = path.open("ab", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise JournalInUse(f"Another simulator writes the journal {path}.") from error
    return file


def _append(file: io.FileIO, line: bytes) -> None:
    """The whole line or, on a full disk, nothing of it and ``OSError``."""
    end = file.seek(0, io.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, "the journal's line was cut short")
    except OSError:
        file.truncate(end)
        raise


def _read(path: Path) -> list[Entry]:
    raw = path.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):  # torn: cut it off, so that the next line does not grow out of it
        with path.open("r+b") as file:
            file.truncate(whole)
    entries = []
    for line, text in enumerate(raw[:whole].splitlines(), start=1):
        try:
            data = json.loads(text)
            entry = Entry(n=data.pop("n"), at=datetime.fromisoformat(data.pop("at")), kind=data.pop("kind"), data=data)
            event_of(entry)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise JournalDamaged(f"Line {line} of the journal {path} cannot be read: {error}", line=line) from error
        if entry.n != line:
            raise JournalDamaged(f"Line {line} of the journal {path} says it is number {entry.n}.", line=line)
        entries.append(entry)
    return entries


def to_data(value: object) -> Any:
    """Values as JSON: amounts as ``…_cents``, instants in ISO 8601, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {}
        for each in dataclasses.fields(value):
            item = getattr(value, each.name)
            out[_key(value.__class__, each.name)] = item.cents if isinstance(item, Money) else to_data(item)
        return out
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [to_data(each) for each in value]
    return value


def _key(owner: type[Any], name: str) -> str:
    return f"{name}_cents" if Money in _alternatives(_hints(owner)[name]) else name


_HINTS: Final[dict[Any, dict[str, Any]]] = {}  # reading them is slow: the annotations' text is evaluated each time


def _hints(owner: Any) -> dict[str, Any]:
    if owner not in _HINTS:
        _HINTS[owner] = typing.get_type_hints(owner)
    return _HINTS[owner]


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


_READERS: Final[dict[Any, Callable[[Any], Any]]] = {
    Money: Money,
    datetime: datetime.fromisoformat,
}


def _from_data(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):  # only ``X | None`` is used
        inner = next(each for each in typing.get_args(hint) if each is not type(None))
        return None if value is None else _from_data(inner, value)
    if typing.get_origin(hint) is tuple:
        return tuple(_from_data(typing.get_args(hint)[0], each) for each in value)
    if hint in _READERS:
        return _READERS[hint](value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if dataclasses.is_dataclass(hint):
        hints = _hints(hint)
        keys = {each: _key(cast("type[Any]", hint), each.name) for each in dataclasses.fields(hint)}
        arguments = {  # a field that came later is not in an older journal, and has its default
            each.name: value[key] for each, key in keys.items() if key in value or each.default is dataclasses.MISSING
        }
        return cast("type[Any]", hint)(**{name: _from_data(hints[name], item) for name, item in arguments.items()})
    return value
