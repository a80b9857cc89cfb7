"""Posts notices when they are due, each once; what became of it is journalled (daraja.md §12: there is no retry)."""

from __future__ import annotations

from rufaa.simulator import events
from rufaa.simulator.core import Core
from rufaa.simulator.notices import FORGED


class Postman:
    def __init__(self, core: Core) -> None:
        self._core = core

    def expect(self, *, since: int = 0) -> None:
        """Post what has not been posted, from place ``since`` among all notices on."""
        for place, notice in enumerate(self._core.books.notices):
            if place >= since and not notice.sent:
                self._post_at(place)

    def _post_at(self, place: int) -> None:
        self._core.at(self._core.books.notices[place].due, lambda: self._post(place))

    async def _post(self, place: int) -> None:
        notice = self._core.books.notices[place]
        delivery = await self._core.deliverer.deliver(
            notice.url, notice.body, short_code=notice.short_code, forged=notice.tells in FORGED
        )
        self._core.record(
            events.NoticeSent(place, notice.tells, notice.about, outcome=delivery.outcome, status=delivery.status)
        )
