"""The queries that one client watches: what it shows of each, and what it should. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from rufaa.sync import calls, messages, pages
from rufaa.sync.calls import Failure, Outcome, Success
from rufaa.sync.effects import Effect, Limits, Unwatch, Watch
from rufaa.sync.messages import Add, BadMessage
from rufaa.sync.runtime import Identity
from rufaa.sync.values import JsonValue, dumps


@dataclass(slots=True)
class _Query:
    """``told`` is what the client shows; ``outcome`` what it should, None while that is not known yet."""

    name: str
    args: JsonValue
    size: int
    since_s: float
    journal: str | None = None
    outcome: Outcome | None = None
    told: Outcome | None = None

    def keep_border(self, journal: str) -> None:
        self.journal = journal
        self.args = pages.bordered(self.args, journal)

    @property
    def changed(self) -> bool:
        if self.outcome is None or self.outcome is self.told:
            return False
        return self.told is None or not calls.same(self.told, self.outcome)


class QuerySet:
    """Grows and shrinks as the client asks. Raises ``BadMessage`` for what it cannot ask."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._queries: dict[int, _Query] = {}
        self._size = 0
        self._removed: set[int] = set()

    def add(self, add: Add, *, identity: Identity | None, now_s: float) -> list[Effect]:
        if add.query in self._queries:
            raise BadMessage(f"ModifyQuerySet: query {add.query} is there already")
        size = 0 if add.fault is not None else len(dumps(add.args))
        if len(self._queries) >= self._limits.queries:
            raise BadMessage(f"A connection watches at most {self._limits.queries} queries at once")
        if self._size + size > self._limits.query_bytes:
            raise BadMessage(f"The arguments of all watched queries have at most {self._limits.query_bytes} characters")
        query = _Query(add.name, add.args, size, now_s)
        if add.journal is not None and pages.is_open(add.args):
            query.keep_border(add.journal)
        self._queries[add.query] = query
        self._size += size
        self._removed.discard(add.query)
        if add.fault is not None:
            query.outcome = Failure(calls.message(add.fault), invalid=True)
            return []
        return [Watch(add.query, query.name, query.args, identity)]

    def remove(self, query: int) -> list[Effect]:
        if query not in self._queries:
            raise BadMessage(f"ModifyQuerySet: there is no query {query} to remove")
        self._size -= self._queries.pop(query).size
        self._removed.add(query)
        return [Unwatch(query)]

    def ask_anew(self, *, identity: Identity | None, now_s: float) -> list[Effect]:
        """All answers of before were somebody else's."""
        effects: list[Effect] = []
        for number, query in self._queries.items():
            if query.name:
                query.outcome, query.since_s = None, now_s
                effects.append(Watch(number, query.name, query.args, identity))
        return effects

    def learn(self, query: int, outcome: Outcome, *, identity: Identity | None) -> list[Effect]:
        """The answer of a watched query now. A page is watched within its border from its first answer on."""
        known = self._queries.get(query)
        if known is None:
            return []
        known.outcome = outcome
        if not isinstance(outcome, Success) or not pages.is_open(known.args):
            return []
        border = pages.border(outcome.text)
        if border is None:
            return []
        known.keep_border(border)
        return [Watch(query, known.name, known.args, identity)]

    @property
    def has_news(self) -> bool:
        """Whether the client shows something that is no longer so."""
        return any(query.changed for query in self._queries.values())

    def complete_at_s(self) -> float:
        """From when on no answer is waited for, though some are missing; 0.0: none is."""
        missing = (query.since_s for query in self._queries.values() if query.outcome is None)
        return max((since_s + self._limits.patience_s for since_s in missing), default=0.0)

    def tell(self) -> list[str]:
        """The modifications that make true what the client shows, as many as fit: the others are news still."""
        modifications = [messages.removed(query) for query in sorted(self._removed)]
        self._removed.clear()
        size = 0
        for number, query in self._queries.items():
            if not query.changed:
                continue
            assert query.outcome is not None
            text = messages.updated(number, query.outcome, journal=query.journal)
            if size and size + len(text) > self._limits.transition:
                break
            size += len(text)
            modifications.append(text)
            query.told = query.outcome
        return modifications
