"""The messages of the WebSocket (protocol §5.4, §5.5): reading what clients send, writing what they get.

What a message says is decided here and nowhere else; what follows from it is ``connection``'s. A mutation or an action
that can be told apart at all is never malformed: what is wrong with it is its ``fault``, and becomes its answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from rufaa.sync import names, timestamps, values
from rufaa.sync.calls import ApplicationFailure, Failure, Outcome, Success
from rufaa.sync.values import JsonValue, shorten

_U32: Final = 2**32 - 1
PING: Final = '{"type":"Ping"}'


class BadMessage(Exception):
    """The frame is none of the protocol's messages. The text is for the client's log, and quotes no argument."""


@dataclass(frozen=True, slots=True)
class Connect:
    """``max_observed_ns`` is 0 for a client that has seen nothing; ``skew_ms`` needs ``client_ms``, None if absent."""

    session: uuid.UUID
    max_observed_ns: int
    client_ms: int | None


@dataclass(frozen=True, slots=True)
class Add:
    """Watch a query. ``name`` is canonical; with a ``fault`` it cannot be watched, and fails with that."""

    query: int
    name: str
    args: JsonValue
    journal: str | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    query: int


@dataclass(frozen=True, slots=True)
class ModifyQuerySet:
    base: int
    new: int
    modifications: tuple[Add | Remove, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A mutation or an action. With a ``fault`` it is not run, and fails with that."""

    request: int
    name: str
    args: JsonValue
    fault: str | None = None


class Mutation(Request):
    """Answered in order, and run at most once for its session and number."""


class Action(Request):
    """Answered when it is done."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """``token`` None: as nobody from now on. ``admin``: with a key, and none is accepted here."""

    base: int
    token: str | None
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Telemetry; nobody reads it."""


Message: TypeAlias = Connect | ModifyQuerySet | Mutation | Action | Authenticate | Event


def read(text: str) -> Message:
    """The message in a text frame. Raises ``BadMessage``."""
    try:
        parsed = values.loads(text.encode())
    except UnicodeEncodeError:
        raise BadMessage("The frame is not Unicode") from None
    except values.InvalidJson as error:
        raise BadMessage(f"The frame is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise BadMessage("A message is a JSON object")
    match parsed.get("type"):
        case "Connect":
            return _connect(parsed)
        case "ModifyQuerySet":
            return _modify_query_set(parsed)
        case "Mutation":
            return Mutation(_count(parsed, "requestId"), *_called(parsed))
        case "Action":
            return Action(_count(parsed, "requestId"), *_called(parsed))
        case "Authenticate":
            return _authenticate(parsed)
        case "Event":
            return Event()
        case str() as other:
            raise BadMessage(f"There is no message of type {shorten(other)}")
        case _:
            raise BadMessage("A message has a type, which is a string")


def _connect(fields: Mapping[str, JsonValue]) -> Connect:
    session = fields.get("sessionId")
    try:
        if not isinstance(session, str) or len(session) != 36:
            raise ValueError
        read_session = uuid.UUID(session)
    except ValueError:
        raise BadMessage("Connect: sessionId is a UUID") from None
    observed = fields.get("maxObservedTimestamp")
    try:
        observed_ns = 0 if observed is None else timestamps.decode(observed)
    except timestamps.BadTimestamp as error:
        raise BadMessage(f"Connect: maxObservedTimestamp: {error}") from None
    client_ms = fields.get("clientTs")
    if isinstance(client_ms, bool) or not isinstance(client_ms, int | float | None):
        raise BadMessage("Connect: clientTs is a number")
    return Connect(read_session, observed_ns, None if client_ms is None else int(client_ms))


def _modify_query_set(fields: Mapping[str, JsonValue]) -> ModifyQuerySet:
    listed = fields.get("modifications")
    if not isinstance(listed, list):
        raise BadMessage("ModifyQuerySet: modifications is a list")
    modifications = tuple(_modification(each) for each in listed)
    return ModifyQuerySet(_count(fields, "baseVersion"), _count(fields, "newVersion"), modifications)


def _modification(fields: JsonValue) -> Add | Remove:
    if not isinstance(fields, dict):
        raise BadMessage("ModifyQuerySet: a modification is an object")
    match fields.get("type"):
        case "Add":
            journal = fields.get("journal")
            if not isinstance(journal, str | None):
                raise BadMessage("ModifyQuerySet: a journal is a string or null")
            name, args, fault = _called(fields)
            return Add(_count(fields, "queryId"), name, args, journal, fault)
        case "Remove":
            return Remove(_count(fields, "queryId"))
        case _:
            raise BadMessage("ModifyQuerySet: a modification is an Add or a Remove")


def _authenticate(fields: Mapping[str, JsonValue]) -> Authenticate:
    base, token = _count(fields, "baseVersion"), fields.get("value")
    match fields.get("tokenType"):
        case "None":
            return Authenticate(base, None)
        case "Admin":
            return Authenticate(base, None, admin=True)
        case "User" if isinstance(token, str):
            return Authenticate(base, token)
        case _:
            raise BadMessage("Authenticate: tokenType is User with a value, or None")


def _called(fields: Mapping[str, JsonValue]) -> tuple[str, JsonValue, str | None]:
    """The canonical name, the arguments, and what is wrong with them."""
    path, args = fields.get("udfPath"), fields.get("args")
    if fields.get("componentPath") is not None:
        return "", None, "There are no components here"
    if not isinstance(path, str):
        return "", None, "udfPath is missing: the function's name, a string"
    if not isinstance(args, dict | list):
        return "", None, "args is missing: a list of one object"
    try:
        return names.canonical(path), args, None
    except names.BadName as error:
        return "", None, str(error)


def _count(fields: Mapping[str, JsonValue], name: str) -> int:
    """A number that counts: an integer of 32 bits. Raises ``BadMessage``."""
    number = fields.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _U32:
        raise BadMessage(f"{name} is an integer from 0 to 4294967295")
    return number


# --- what the server says ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """How much of the query set and of the authentication a client was answered to, and as of when (protocol §5.3)."""

    query_set: int = 0
    identity: int = 0
    ts_ns: int = 0

    @property
    def text(self) -> str:
        ts = timestamps.encode(self.ts_ns)
        return f'{{"querySet":{self.query_set},"identity":{self.identity},"ts":"{ts}"}}'


def transition(start: Version, end: Version, modifications: Sequence[str], *, skew_ms: int | None, now_ns: int) -> str:
    """``modifications`` are written by ``updated`` and ``removed``."""
    clock = "" if skew_ms is None else f',"clientClockSkew":{skew_ms},"serverTs":{now_ns}'
    listed = ",".join(modifications)
    return (
        f'{{"type":"Transition","startVersion":{start.text},"endVersion":{end.text},"modifications":[{listed}]{clock}}}'
    )


def updated(query: int, outcome: Outcome, *, journal: str | None = None) -> str:
    """What has become of a query. ``errorData`` is there exactly for an application's error, ``logLines`` always."""
    match outcome:
        case Success(text):
            return (
                f'{{"type":"QueryUpdated","queryId":{query},"value":{text},"logLines":[],'
                f'"journal":{values.dumps(journal)}}}'
            )
        case Failure(message):
            failed = f'"errorMessage":{values.dumps(message)}'
        case ApplicationFailure(message, data):
            failed = f'"errorMessage":{values.dumps(message)},"errorData":{values.dumps(data)}'
        case _:
            assert_never(outcome)
    return f'{{"type":"QueryFailed","queryId":{query},{failed},"logLines":[],"journal":null}}'


def removed(query: int) -> str:
    return f'{{"type":"QueryRemoved","queryId":{query}}}'


def mutation_response(request: int, outcome: Outcome, *, ts_ns: int) -> str:
    """``ts_ns`` is the commit's, and counts only where the mutation succeeded."""
    ts = f'"{timestamps.encode(ts_ns)}"' if isinstance(outcome, Success) else "null"
    return f'{{"type":"MutationResponse","requestId":{request},{_result(outcome)},"ts":{ts},"logLines":[]}}'


def action_response(request: int, outcome: Outcome) -> str:
    return f'{{"type":"ActionResponse","requestId":{request},{_result(outcome)},"logLines":[]}}'


def auth_error(message: str, *, identity: int, attempted: bool) -> str:
    """``identity`` is the one last sent; ``attempted``: it answers an Authenticate."""
    tried = "true" if attempted else "false"
    return (
        f'{{"type":"AuthError","error":{values.dumps(message)},"baseVersion":{identity},"authUpdateAttempted":{tried}}}'
    )


def fatal_error(message: str) -> str:
    return f'{{"type":"FatalError","error":{values.dumps(message)}}}'


def chunks(text: str, *, characters: int, name: str) -> list[str]:
    """A big Transition in pieces of at most ``characters`` (protocol §5.14). ``name`` tells it from others."""
    pieces = [text[start : start + characters] for start in range(0, len(text), characters)]
    return [
        f'{{"type":"TransitionChunk","chunk":{values.dumps(piece)},"partNumber":{number},'
        f'"totalParts":{len(pieces)},"transitionId":{values.dumps(name)}}}'
        for number, piece in enumerate(pieces)
    ]


def _result(outcome: Outcome) -> str:
    match outcome:
        case Success(text):
            return f'"success":true,"result":{text}'
        case Failure(message):
            return f'"success":false,"result":{values.dumps(message)}'
        case ApplicationFailure(message, data):
            return f'"success":false,"result":{values.dumps(message)},"errorData":{values.dumps(data)}'
        case _:
            assert_never(outcome)
