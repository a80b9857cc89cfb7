"""A connection led by hand: what a driver does, without a socket, a task or a clock of its own.

Functions are answers of a table, so that every order of events can be tried. What a client relies on is checked with
each message that it gets: ``Listening`` is the client.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rufaa.sync import calls, timestamps
from rufaa.sync.calls import Failure, Outcome, Success
from rufaa.sync.connection import Connection
from rufaa.sync.effects import Effect, Limits, Run, Unwatch, Verify, Watch

SESSION = "58c092c8-fc58-4343-a01e-3198292810aa"
OWN = uuid.UUID("00000000-0000-4000-8000-000000000000")
START_NS = 1_795_000_000_000_000_000
ZERO = {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}


@dataclass
class Listening:
    """What a client makes of the messages, strictly: it fails where the real ones would lose something."""

    version: dict[str, Any] = field(default_factory=lambda: dict(ZERO))
    shown: dict[int, Any] = field(default_factory=dict)
    answered: dict[int, dict[str, Any]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    resolved: set[int] = field(default_factory=set)
    heard: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, text: str) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(text)
        self.heard.append(message)
        match message["type"]:
            case "Transition":
                self._transition(message)
            case "TransitionChunk":
                self.pieces.append(message)
                assert message["partNumber"] == len(self.pieces) - 1
                if len(self.pieces) == message["totalParts"]:
                    whole = "".join(piece["chunk"] for piece in self.pieces)
                    self.pieces = []
                    self._transition(json.loads(whole))
            case "MutationResponse" | "ActionResponse":
                assert not self.pieces
                request = message["requestId"]
                assert request not in self.answered
                self.answered[request] = message
                self.order.append(request)
        return message

    def _transition(self, message: dict[str, Any]) -> None:
        start, end = message["startVersion"], message["endVersion"]
        assert start == self.version, "a gap in the versions"
        assert timestamps.decode(end["ts"]) >= timestamps.decode(start["ts"])
        ids = [each["queryId"] for each in message["modifications"]]
        assert len(ids) == len(set(ids))
        for each in message["modifications"]:
            match each["type"]:
                case "QueryUpdated":
                    told = ("value", json.dumps(each["value"]))
                case "QueryFailed":
                    told = ("error", each["errorMessage"].partition("]")[2])
                case _:
                    self.shown.pop(each["queryId"], None)
                    continue
            assert each["logLines"] == []
            assert self.shown.get(each["queryId"]) != told, "told the same again"
            self.shown[each["queryId"]] = told
        self.version = end
        for request, answer in self.answered.items():
            if (
                not answer["success"]
                or answer["type"] == "ActionResponse"
                or timestamps.decode(answer["ts"]) <= timestamps.decode(end["ts"])
            ):
                self.resolved.add(request)


@dataclass
class Talk:
    """A connection and its client. ``answers`` gives a function's outcome for its name, arguments and caller."""

    answers: Callable[[str, Any, object], Outcome]
    limits: Limits = field(default_factory=Limits)
    chunked: bool = False
    now_s: float = 0.0
    ts_ns: int = START_NS
    client: Listening = field(default_factory=Listening)
    watching: dict[int, Watch] = field(default_factory=dict)
    running: Run | None = None
    acting: list[Run] = field(default_factory=list)
    marks: list[Any] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    connection: Connection = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.connection = Connection(self.limits, ts_ns=self.ts_ns, chunked=self.chunked, session=OWN)

    def say(self, **message: Any) -> None:
        self.say_text(json.dumps(message))

    def say_text(self, text: str) -> None:
        self._do(self.connection.receive(text, now_s=self.now_s, now_ms=1000))

    def connect(self, **more: Any) -> None:
        self.say(type="Connect", sessionId=SESSION, connectionCount=0, lastCloseReason="InitialConnect", **more)

    def modify(self, base: int, *modifications: dict[str, Any]) -> None:
        self.say(type="ModifyQuerySet", baseVersion=base, newVersion=base + 1, modifications=list(modifications))

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Verify(None):
                    self._do(self.connection.verified(None, now_s=self.now_s))
                case Verify(token) if token is not None and token.startswith("bad"):
                    self._do(self.connection.refused("The token is bad."))
                case Verify(token):
                    self._do(self.connection.verified(token, now_s=self.now_s))
                case Watch():
                    self.watching[effect.query] = effect
                case Unwatch(query):
                    self.watching.pop(query, None)
                case Run():
                    self.acting.append(effect)

    # --- what a driver does, one step each ----------------------------------------------------------------------------

    def learn(self, query: int) -> None:
        asked = self.watching[query]
        self._do(self.connection.learn(query, self.answers(asked.name, asked.args, asked.identity)))

    def learn_all(self) -> None:
        for query in list(self.watching):
            self.learn(query)

    def begin(self) -> None:
        if self.running is None:
            self.running = self.connection.next_mutation(now_s=self.now_s)
            if self.running is not None:
                self.begun.append(self.running.request)

    def finish(self) -> None:
        if self.running is not None:
            run, self.running = self.running, None
            outcome = self.answers(run.name, run.args, run.identity)
            if isinstance(outcome, Success):
                self.ts_ns += 1
            self.connection.mutated(run.request, outcome, ts_ns=self.ts_ns, now_s=self.now_s)

    def act(self) -> None:
        if self.acting:
            run = self.acting.pop(0)
            self.connection.acted(run.request, self.answers(run.name, run.args, run.identity))

    def mark(self) -> None:
        if self.connection.behind:
            self.marks.append(self.connection.mark())

    def catch_up(self) -> None:
        if self.marks:
            self.learn_all()
            self.connection.caught_up(self.marks.pop(0))

    def send(self) -> dict[str, Any] | None:
        text = self.connection.next(now_s=self.now_s, now_ns=START_NS)
        return None if text is None else self.client.hear(text)

    def settle(self) -> list[dict[str, Any]]:
        """Everything is done and sent; what was sent."""
        before = len(self.client.heard)
        moved = True
        while moved:
            self.learn_all()
            self.begin()
            self.finish()
            self.act()
            self.mark()
            self.catch_up()
            moved = self.send() is not None or self.running is not None or bool(self.acting or self.marks)
        return self.client.heard[before:]


def failed(text: str) -> Failure:
    return Failure(calls.message(text))
