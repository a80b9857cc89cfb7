"""Questions of several loops at the same moment, in one transaction.

A worker at rest asks every few seconds, for each of its loops, when more is due. Each alone would be a transaction and
a connection of its own, for a query that takes a fraction of what those take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import OperationalError

from rufaa.db.aside import Aside, DatabaseSilent
from rufaa.db.atomic import Tx, look, sqlstate

Question = Callable[[Tx], float | None]


@dataclass(frozen=True, slots=True)
class _Asked:
    question: Question
    answer: asyncio.Future[float | None]


class Questions:
    def __init__(self, aside: Aside) -> None:
        self._aside = aside
        self._asked: list[_Asked] = []
        self._asking: set[asyncio.Task[None]] = set()

    def about(self, question: Question) -> Callable[[], Awaitable[float | None]]:
        """Asks ``question``, together with all that is asked in the same turn of the event loop.

        Raises what the question raises, which harms none of the others, and ``DatabaseSilent``.
        """
        return partial(self._ask, question)

    async def _ask(self, question: Question) -> float | None:
        asked = _Asked(question, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if len(self._asked) == 1:
            task = asyncio.create_task(self._answer())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return await asked.answer

    async def _answer(self) -> None:
        asked, self._asked = self._asked, []
        await self._answer_in_one(asked)

    async def _answer_in_one(self, asked: Sequence[_Asked]) -> None:
        try:
            answers = await self._aside.run(lambda: look(lambda tx: [each.question(tx) for each in asked]))
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            if len(asked) == 1 or _is_away(error):
                for each in asked:
                    if not each.answer.done():
                        each.answer.set_exception(error)
            else:
                await asyncio.gather(*(self._answer_in_one([each]) for each in asked))
        else:
            for each, answer in zip(asked, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)


def _is_away(error: Exception) -> bool:
    """Whether it is the database that failed, so that nobody would hear more alone."""
    if isinstance(error, OperationalError):
        return sqlstate(error) is None  # PostgreSQL did not say it: it was not reached
    return isinstance(error, DatabaseSilent)
