"""One WebSocket's side of the protocol (§5.6 – §5.10), pure: messages in, messages out, no socket, no clock, no task.

It keeps what a client was told and what it asked for, and says what may be sent when. Who drives it does what the
effects ask for, reports back, and takes ``next`` messages as fast as the client reads them. So at most one Transition
is ever written ahead of a slow reader: later changes become part of the next.

Convex reads all queries of a Transition from one snapshot. Here they are the latest answers, so the order is kept by
waiting: while a mutation runs, and until everything that was committed before its answer has been heard, no Transition
is sent. ``hold_s`` and ``patience_s`` bound that wait.
"""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Final, assert_never

from rufaa.sync import calls, messages
from rufaa.sync.calls import Failure, Outcome
from rufaa.sync.effects import Effect, End, Limits, Run, Verify
from rufaa.sync.messages import (
    Action,
    Add,
    Authenticate,
    BadMessage,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    Remove,
    Version,
)
from rufaa.sync.query_set import QuerySet
from rufaa.sync.runtime import Identity

_MOST_SKEW_MS: Final = 2**53


@dataclass(slots=True)
class _Asked:
    """A mutation that waits for its turn, or an action, with who asked for it."""

    message: Mutation | Action
    identity: Identity | None
    size: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the answers to mutations have come: after what is committed now was heard, ``caught_up`` takes it."""

    answered: int
    ts_ns: int


@dataclass(slots=True)
class Connection:
    """``ts_ns`` is what this server has seen, ``chunked`` whether the client takes a Transition in pieces.

    ``session`` is the connection's own: npm's client never says Connect on the first one where it was told to expect a
    login, and its mutations there are of no session that it would name again.
    """

    limits: Limits
    ts_ns: int
    chunked: bool
    session: uuid.UUID
    end: End | None = None
    spoken: bool = False
    identity: Identity | None = None
    unsettled: bool = False  # some of what is learnt is newer than the rest, which comes shortly
    _skew_ms: int | None = None
    _told: Version = field(default_factory=Version)
    _query_set: int = 0
    _identities: int = 0
    _verifying: bool = False
    _queries: QuerySet = field(init=False)
    _outgoing: deque[str] = field(default_factory=deque)
    _pieces: deque[str] = field(default_factory=deque)
    held: int = 0  # characters of the frames whose mutation or action waits or runs
    _mutations: deque[_Asked] = field(default_factory=deque)
    _running: _Asked | None = None
    _running_since_s: float = 0.0
    _acting: dict[int, int] = field(default_factory=dict)  # the size of each frame
    _opened: bool = False  # the first burst is over as far as can be told
    _opens_at_s: float | None = None  # otherwise it is over then
    _forced: bool = False  # a Transition is due whether or not anything changed
    _answered: int = 0  # mutations
    _answered_ts_ns: int = 0
    _answered_at_s: float = 0.0
    _heard: int = 0  # of the answered ones: those before whose Transition everything was heard
    _followed: int = 0  # of the answered ones: those that a Transition followed
    _transitions: int = 0

    def __post_init__(self) -> None:
        self._queries = QuerySet(self.limits)

    # --- what comes in ------------------------------------------------------------------------------------------------

    def receive(self, text: str, *, now_s: float, now_ms: int) -> list[Effect]:
        """Take a text frame. ``now_s`` is any clock that never goes back, ``now_ms`` since 1970."""
        if self.end is not None:
            return []
        assert not self._verifying, "the driver waits for Verify"
        try:
            message = messages.read(text)
            if isinstance(message, Connect) and self.spoken:
                raise BadMessage("Connect comes first on a connection, and once")
            self.spoken = True
            return self._take(message, size=len(text), now_s=now_s, now_ms=now_ms)
        except BadMessage as error:
            return self._fail(str(error))

    def receive_bytes(self) -> list[Effect]:
        """Take a binary frame: the protocol has none."""
        return [] if self.end is not None else self._fail("Messages are text frames")

    def _take(self, message: messages.Message, *, size: int, now_s: float, now_ms: int) -> list[Effect]:
        match message:
            case Connect():
                self.session = message.session
                self.ts_ns = max(self.ts_ns, message.max_observed_ns)
                if message.client_ms is not None and abs(message.client_ms - now_ms) <= _MOST_SKEW_MS:
                    self._skew_ms = message.client_ms - now_ms
                return []
            case ModifyQuerySet():
                return self._modify(message, now_s=now_s)
            case Mutation():
                if len(self._mutations) >= self.limits.mutations:
                    return self._close(1013, "TooManyConcurrentMutations")
                self._mutations.append(_Asked(message, self.identity, size))
                self.held += size
                return []
            case Action():
                return self._act(message, size=size)
            case Authenticate():
                return self._authenticate(message)
            case Event():
                return []
            case _:
                assert_never(message)

    def _modify(self, message: ModifyQuerySet, *, now_s: float) -> list[Effect]:
        if message.base != self._query_set or message.new != message.base + 1:
            raise BadMessage(
                f"Base version {message.base} passed up doesn't match the current version {self._query_set}"
                if message.base != self._query_set
                else "ModifyQuerySet: newVersion is baseVersion + 1"
            )
        effects: list[Effect] = []
        for each in message.modifications:
            match each:
                case Add():
                    effects += self._queries.add(each, identity=self.identity, now_s=now_s)
                case Remove(query):
                    effects += self._queries.remove(query)
                case _:
                    assert_never(each)
        self._query_set = message.new
        self._opened = True
        return effects

    def _act(self, action: Action, *, size: int) -> list[Effect]:
        if action.fault is not None:
            self.acted(action.request, Failure(calls.message(action.fault), invalid=True))
            return []
        if action.request in self._acting:
            raise BadMessage(f"Action {action.request} is running already")
        if len(self._acting) >= self.limits.actions:
            return self._close(1013, "TooManyConcurrentRequests")
        self._acting[action.request] = size
        self.held += size
        return [Run(self.session, action.request, action.name, action.args, self.identity)]

    def _authenticate(self, message: Authenticate) -> list[Effect]:
        if message.base != self._identities:
            raise BadMessage(
                f"Base version {message.base} passed up doesn't match the current identity version {self._identities}"
            )
        self._verifying = True
        if message.admin:
            return self.refused("Admin keys are not accepted here. Sign in with a token of this server.")
        if message.token is not None and not message.token.isascii():  # half a surrogate pair can be written nowhere
            return self.refused("This is not a token.")
        return [Verify(message.token)]

    def verified(self, identity: Identity | None, *, now_s: float) -> list[Effect]:
        """From here on the client is ``identity``. If that is somebody else, everything it watches is asked anew."""
        self._verifying = False
        self._identities += 1
        if self._opens_at_s is None:
            self._opens_at_s = now_s + self.limits.opening_s
        known, self.identity = self.identity == identity, identity
        return [] if known else self._queries.ask_anew(identity=identity, now_s=now_s)

    def refused(self, why: str, *, attempted: bool = True) -> list[Effect]:
        """The token was refused; not ``attempted``: it has run out meanwhile."""
        if self.end is None:
            self._outgoing.append(messages.auth_error(why, identity=self._told.identity, attempted=attempted))
            self._close(1000, "")
        return []

    # --- what has become of it ----------------------------------------------------------------------------------------

    def learn(self, query: int, outcome: Outcome) -> list[Effect]:
        """The answer of a watched query now. A page is watched within its border from its first answer on."""
        return self._queries.learn(query, outcome, identity=self.identity)

    def next_mutation(self, *, now_s: float) -> Run | None:
        """The mutation whose turn it is, if none runs. One that cannot be run is answered by itself.

        It waits for the Transition after the one before, so that no answer shows a write twice; ``hold_s`` at most.
        """
        while (turn_s := self.turn_s()) is not None and turn_s <= now_s:
            asked = self._mutations.popleft()
            message = asked.message
            self._running, self._running_since_s = asked, now_s
            if message.fault is None:
                return Run(self.session, message.request, message.name, message.args, asked.identity)
            self.mutated(message.request, Failure(calls.message(message.fault), invalid=True), ts_ns=0, now_s=now_s)
        return None

    def turn_s(self) -> float | None:
        """When the next mutation may be begun, if nothing happens before; None: none waits, or one runs."""
        if not self._mutations or self._running is not None or self.end is not None:
            return None
        return self._answered_at_s + self.limits.hold_s if self._followed < self._answered else 0.0

    def mutated(self, request: int, outcome: Outcome, *, ts_ns: int, now_s: float) -> None:
        """The running mutation is done. ``ts_ns`` is its commit's, 0 where there was none."""
        assert self._running is not None
        assert self._running.message.request == request
        self.held -= self._running.size
        self._running = None
        self._answer(messages.mutation_response(request, outcome, ts_ns=ts_ns))
        self._answered += 1
        self._answered_ts_ns = max(self._answered_ts_ns, ts_ns)
        self._answered_at_s = now_s
        self._opened = True

    def acted(self, request: int, outcome: Outcome) -> None:
        """An action is done."""
        self.held -= self._acting.pop(request, 0)
        self._answer(messages.action_response(request, outcome))
        self._forced = self._opened = True

    def _answer(self, text: str) -> None:
        if self.end is None:  # after why it ended nothing is said
            self._outgoing.append(text)

    @property
    def behind(self) -> bool:
        """Whether a mutation was answered since the last ``mark`` that ``caught_up`` took."""
        return self._heard < self._answered and self.end is None

    def mark(self) -> Mark:
        return Mark(self._answered, self._answered_ts_ns)

    def caught_up(self, mark: Mark) -> None:
        """All that was committed before ``mark`` was taken has been heard and learnt."""
        self._heard = max(self._heard, mark.answered)
        self.ts_ns = max(self.ts_ns, mark.ts_ns)

    # --- what goes out ------------------------------------------------------------------------------------------------

    def next(self, *, now_s: float, now_ns: int) -> str | None:
        """The next message, or None: look again at ``look_again_s``, or when something has happened."""
        if self._pieces:
            return self._pieces.popleft()
        if self._outgoing:
            return self._outgoing.popleft()
        due_s = self.look_again_s()
        if due_s is None or due_s > now_s:
            return None
        return self._transition(now_ns=now_ns)

    def look_again_s(self) -> float | None:
        """When a Transition may be sent, if nothing happens before; None: there is nothing to tell."""
        if self.end is not None or self.unsettled or not self._has_news:
            return None
        if self._followed < self._answered and self._heard == self._followed:
            return None  # caught_up will be called
        waits = [self._queries.complete_at_s()]
        if not self._opened and self._opens_at_s is not None:
            waits.append(self._opens_at_s)
        if self._running is not None and self._followed == self._answered:
            waits.append(self._running_since_s + self.limits.hold_s)
        return max(waits)

    @property
    def _has_news(self) -> bool:
        return (
            self._forced
            or self._followed < self._answered
            or self._told.query_set < self._query_set
            or self._told.identity < self._identities
            or self._queries.has_news
        )

    def _transition(self, *, now_ns: int) -> str:
        modifications = self._queries.tell()
        end = Version(self._query_set, self._identities, self.ts_ns)
        written = messages.transition(self._told, end, modifications, skew_ms=self._skew_ms, now_ns=now_ns)
        self._told = end
        self._followed = self._heard
        self._forced = False
        self._transitions += 1
        if not self.chunked or len(written) <= self.limits.chunk:
            return written
        self._pieces.extend(messages.chunks(written, characters=self.limits.chunk, name=str(self._transitions)))
        return self._pieces.popleft()

    def _fail(self, why: str) -> list[Effect]:
        """What retrying cannot mend: the npm client stops for good."""
        self._outgoing.append(messages.fatal_error(why))
        return self._close(1000, "")

    def _close(self, code: int, reason: str) -> list[Effect]:
        if self.end is None:
            self.end = End(code, reason)
            self.held -= sum(asked.size for asked in self._mutations)
            self._mutations.clear()
        return []
