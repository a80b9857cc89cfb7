"""A backlog of reports is settled two batches at a time, and anything less by one."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rufaa.cli import work
from rufaa.db.aside import Aside
from rufaa.ingest.loop import BATCH


class Inbox:
    """Stands for the inbox: hands out batches, and says how many were in work at once."""

    def __init__(self, reports: int, *, meet: int) -> None:
        self.reports = reports
        self.at_once = self.most = 0
        self._lock = threading.Lock()
        self._meeting = threading.Barrier(meet)

    def settle(self, *_: object) -> int:
        with self._lock:
            first = self.at_once == self.most == 0
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            taken = min(BATCH, self.reports)
            self.reports -= taken
        if not first and taken:
            self._meeting.wait(10)  # broken, and so an error, where nobody comes
        with self._lock:
            self.at_once -= 1
        return taken


def rounds(inbox: Inbox, monkeypatch: pytest.MonkeyPatch, count: int) -> list[float | None]:
    monkeypatch.setattr(work, "settle_inbox", inbox.settle)
    aside = Aside(threads=3, name="test")

    async def main() -> list[float | None]:
        return [await work.settle(aside) for _ in range(count)]

    try:
        return asyncio.run(main())
    finally:
        aside.close()


def test_a_backlog_is_settled_two_batches_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(7 * BATCH, meet=2)

    assert rounds(inbox, monkeypatch, 2) == [0.0, None]
    assert (inbox.reports, inbox.most) == (0, 2)


def test_a_round_ends_before_a_backlog_without_end_does(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(1000 * BATCH, meet=2)

    assert rounds(inbox, monkeypatch, 1) == [0.0]
    assert inbox.reports == (1000 - 1 - 2 * work._BATCHES) * BATCH


@pytest.mark.parametrize(("reports", "again"), [(0, None), (1, 0.0), (BATCH - 1, 0.0)])
def test_less_than_a_batch_is_settled_by_one(
    reports: int, again: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(reports, meet=1)

    assert rounds(inbox, monkeypatch, 1) == [again]
    assert (inbox.reports, inbox.most) == (0, 1)
