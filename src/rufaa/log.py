"""Logs are events: a name and ids. Never a patient's name, a diagnosis, a token or a whole phone number.

Ours are written so. What libraries say is not ours: of it only the place and a text that is known to be constant is
kept, since the rest quotes what was being worked on. Whatever has the form of a phone or a secret is blotted out last.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final, TextIO

# structlog takes rich along where it can, for tracebacks in colours, which we never draw: 5 MB in each process. It is
# hidden while structlog is loaded (None says that there is no such module), and there again for texts of help.
_hidden = "rich" not in sys.modules
if _hidden:
    sys.modules["rich"] = None  # type: ignore[assignment]
import structlog  # noqa: E402
from structlog.typing import EventDict, Processor, WrappedLogger  # noqa: E402

if _hidden:
    del sys.modules["rich"]

_QUIET: Final = ("uvicorn.access", "aiohttp.access", "psycopg.pool")
_OURS: Final = "rufaa."
_CONSTANT: Final = frozenset(
    {
        # what libraries say in so many words, without a placeholder; else a message is one that was put together
        "Application shutdown failed. Exiting.",
        "Application startup failed. Exiting.",
        "Exception in ASGI application",
        "Future exception was never retrieved",
        "Invalid HTTP request received.",
        "Task exception was never retrieved",
        "Task was destroyed but it is pending!",
        "Unclosed client session",
        "Unclosed connection",
        "Unclosed connector",
        "Unhandled exception in event loop",
    }
)
_WARNING: Final = re.compile(r"(?P<at>[^\n]*?:\d+): (?P<category>\w+): ")
_PRIVATE: Final = re.compile(
    r"(?P<callback>/h/[0-9a-f]{32})-[0-9a-f]{32}"
    r"|ws_CO_\w+"  # the last nine digits are a phone's (daraja.md §1)
    r"|(?<![0-9A-Za-z])\+?(?:254|0)?[ -]?[17](?:[ -]?\d){8}(?![0-9A-Za-z])"  # a phone, however it is written
    r"|\bey[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|\brk_[0-9a-f]{9,}"  # an API key; its prefix alone is none
    r"|(?i:\b(?:bearer|basic) [\w.~+/=-]+)"
    r"|(?<=://)[^\s/@:]*:[^\s/@]*(?=@)"  # a password in an address
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
)
_is_plain: Final = re.compile(r"[a-z._-]{0,40}|[0-9a-f]{32}").fullmatch  # an event's name, an id: none of the above
_CRASH: Final = re.compile(
    r'Traceback \(most recent call last\):|  File "[^"]+", line \d+, in \S+|Fatal Python error: [\w :-]+|rufaa: .*'
    r"|(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Violation|Interrupt|Exit)\b)"
)
_state: Final = {"json": False}


def set_up(form: str) -> None:
    """``form``: json, plain, or auto (plain on a terminal, else json). Goes to standard error."""
    plain = form == "plain" or (form == "auto" and sys.stderr.isatty())
    _state["json"] = not plain
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _exception_without_texts,
        _blotted,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), timestamp_key="time") if plain else _as_json
    )
    lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[*shared, last],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_without_foreign_texts, *shared],
            pass_foreign_args=True,
            use_get_message=False,  # arguments that do not fit would cost the event
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a record that cannot be written would be printed with its arguments
    for noisy in _QUIET:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    catch_the_rest()


def writes_json() -> bool:
    """Whether this process was set up to write its log as JSON lines."""
    return _state["json"]


class _Lines:
    """Where our own events go, each as a line at once. A line that cannot be written is lost, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        try:  # noqa: SIM105 - it is done for each event
            self._stream.write(line + "\n")
        except (OSError, ValueError):  # a full disk; closed, since the process ends
            pass

    debug = info = warning = error = critical = write


_encode: Final = json.JSONEncoder(default=repr).encode


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _encode(event)


# --- exceptions ------------------------------------------------------------------------------------------------------


def catch_the_rest() -> None:
    """What nobody catches ends as one line without its text, from whichever thread, and at the exit too."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda given: _say_uncaught(given.exc_value)
    sys.unraisablehook = lambda given: _say_uncaught(given.exc_value)


def _uncaught(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, tb)
    else:
        _say_uncaught(error)


def _say_uncaught(error: BaseException | None) -> None:
    what = "nothing" if error is None else trace(error)
    if _state["json"]:
        sys.stderr.write(line("uncaught", level="critical", error=what).decode())
    else:
        sys.stderr.write(f"rufaa: uncaught {what}\n")


def trace(error: BaseException) -> str:
    """Types and places of an exception and its causes, without their texts: ``KeyError at f.py:3 in g``.

    Texts quote what was being worked on: PostgreSQL's name whole rows, and frames hold keys and phone numbers. What an
    exception has by number or by the name of a rule is told: ``OSError[EADDRINUSE]``, ``UniqueViolation[23505 name]``.
    """
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < 5:
        frames = traceback.extract_tb(cause.__traceback__)[-8:]
        places = " < ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
        name = type(cause).__name__ + _number(cause)
        parts.append(f"{name} at {places}" if places else name)
        cause = cause.__cause__ or cause.__context__
    return "; from ".join(parts)


def _number(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"[{errno.errorcode[error.errno]}]"
    state = getattr(error, "sqlstate", None)
    if not isinstance(state, str):
        return ""
    rule = getattr(getattr(error, "diag", None), "constraint_name", None) or getattr(error, "constraint_name", None)
    return f"[{state} {rule}]" if isinstance(rule, str) else f"[{state}]"


def _exception_without_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if given:
        error = given if isinstance(given, BaseException) else sys.exc_info()[1]
        if isinstance(given, tuple):
            error = given[1]
        if isinstance(error, BaseException):
            event["error"] = trace(error)
    return event


# --- what is not ours ------------------------------------------------------------------------------------------------


def _without_foreign_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's record as an event of its logger's name: where it was written, and what is certainly constant."""
    record: logging.LogRecord | None = event.get("_record")
    args = event.pop("positional_args", None)
    if record is None:
        return event
    if record.name.startswith(_OURS):  # "function.failed request_id=… error=…"
        name, _, told = (str(record.msg) % args if args else str(record.msg)).partition(" ")
        return {**event, "event": name, **({"said": told} if told else {})}
    event["event"] = record.name
    event["at"] = f"{PurePath(record.pathname).name}:{record.lineno} in {record.funcName}"
    if isinstance(record.msg, BaseException):
        event["error"] = trace(record.msg)
    elif record.name == "py.warnings":
        warned = _WARNING.match(str(args[0]) if args else str(record.msg))
        if warned is not None:
            event["at"], event["said"] = warned["at"], warned["category"]
    else:
        said = str(record.msg).partition("\n")[0].strip()
        if (args or said in _CONSTANT) and re.search(r"[A-Za-z]{3}", said):
            event["said"] = said  # with its placeholders: what stands for them is not told
    status = getattr(record, "status_code", None)
    if isinstance(status, int):
        event["status"] = status
    return event


def _blotted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The last guard, for what should not have been given at all."""
    for name, value in event.items():
        if isinstance(value, str) and _is_plain(value):
            continue
        if name not in {"time", "level"} and not name.startswith("_"):
            event[name] = _blotted_value(value)
    return event


def _blotted_value(value: Any) -> Any:
    match value:
        case str():
            return blotted(value)
        case dict():
            return {name: _blotted_value(each) for name, each in value.items()}
        case list() | tuple():
            return [_blotted_value(each) for each in value]
        case _:
            return value


def blotted(text: str) -> str:
    """``text`` without what has the form of a phone, an e-mail address, a token, a callback's secret, a password."""
    if _is_plain(text):
        return text
    return _PRIVATE.sub(lambda found: f"{found['callback'] or ''}[private]", text)


# --- lines of a supervisor -------------------------------------------------------------------------------------------


def line(event: str, *, level: str, **values: object) -> bytes:
    """One event as a JSON line, past the loggers."""
    told = {name: blotted(value) if isinstance(value, str) else value for name, value in values.items()}
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "level": level, "time": at, **told}).encode() + b"\n"


def child_line(part: str, printed: bytes) -> bytes:
    """What a child printed as a JSON line with its ``part``: its events as they are.

    Anything else is a stray print, which may hold anything: only what Python says when it dies, and our own refusals,
    is repeated; of the rest it is told how long it was.
    """
    try:
        told = json.loads(printed)
    except ValueError:
        told = None
    if isinstance(told, dict) and {"event", "level", "time"} <= told.keys():
        return json.dumps({"part": part, **told}).encode() + b"\n"
    text = printed.decode(errors="replace").rstrip()
    known = _CRASH.match(text)
    if known is None:
        return line("part.printed", level="warning", part=part, withheld_bytes=len(printed))
    return line("part.printed", level="error", part=part, text=known["type"] or known[0])
