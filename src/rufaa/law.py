"""What every state machine shares: the shape of its table and of a decision. Pure; knows no noun.

A noun's ``machine.py`` has the table. Python asks ``decide``; PostgreSQL has the same rows in ``law`` and refuses
every writer that breaks them; ``docs/states.md`` and the tests are made from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rufaa.errors import Sentence, sentence

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)
S_co = TypeVar("S_co", bound=StrEnum, covariant=True)


@dataclass(frozen=True, slots=True)
class Moved(Generic[S_co]):
    """Lawful, and something changes."""

    state: S_co


@dataclass(frozen=True, slots=True)
class Ignored:
    """Lawful, and nothing changes: a doubled callback, a failure after the money."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Unlawful. ``allowed`` lists the events that the state does take."""

    why: Sentence
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine(Generic[State, Event]):
    """One noun's law. ``first`` are the lawful births; ``ignored`` are events that a state hears without moving."""

    name: str
    states: type[State]
    events: type[Event]
    first: Mapping[Event, State]
    transitions: Mapping[tuple[State, Event], State]
    ignored: Mapping[tuple[State, Event], str]

    def decide(self, state: State, event: Event) -> Moved[State] | Ignored | Refused:
        target = self.transitions.get((state, event))
        if target is not None:
            return Moved(target)
        why = self.ignored.get((state, event))
        if why is not None:
            return Ignored(why)
        allowed = self.allowed(state)
        options = ", ".join(allowed) or "nothing: it is final"
        return Refused(
            sentence(
                "A %(name)s that is %(state)s does not take %(event)s; it takes %(options)s.",
                name=self.name,
                state=state,
                event=event,
                options=options,
            ),
            allowed,
        )

    def allowed(self, state: State) -> tuple[str, ...]:
        """The events that move ``state``, in the table's order."""
        return tuple(str(event) for (source, event) in self.transitions if source == state)

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """(machine, from, event, to) for the database; births come from the empty state."""
        for event, target in self.first.items():
            yield self.name, "", str(event), str(target)
        for (source, event), target in self.transitions.items():
            yield self.name, str(source), str(event), str(target)
