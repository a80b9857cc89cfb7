"""The work list: what waits for whom, by status, and how any referral is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rufaa import clock, reads
from rufaa.console import words
from rufaa.console.acting import Acting, Screen, screen
from rufaa.facilities.rights import Right, Side
from rufaa.payments import queries as payments
from rufaa.payments.machine import PromptState
from rufaa.payments.queries import Summary
from rufaa.referrals import queries, search, told
from rufaa.referrals.machine import Priority, Status
from rufaa.referrals.models import Referral
from rufaa.referrals.queries import Box, Seen

PAGE: Final = 50
WAITING: Final = (
    Status.PENDING_ADMIN,
    Status.AWAITING_BIODATA,
    Status.PENDING_PAYMENT,
    Status.PAID,
    Status.CONFIRMED,
)
"""Lanes in which somebody waits: emergencies come first, then what waits longest. Elsewhere it is the newest."""
_LONG: Final = {
    Priority.ROUTINE: timedelta(days=1),
    Priority.URGENT: timedelta(hours=4),
    Priority.EMERGENCY: timedelta(),
}
_BOXES: Final = ((Box.ALL, _("All")), (Box.INCOMING, _("Incoming")), (Box.OUTGOING, _("Outgoing")))
_OTHERS: Final = "others:"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list."""

    row: Referral
    status: str | Promise
    looks: str
    since: datetime | None
    waits: bool
    long: bool
    prompt: str | Promise
    prompt_looks: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. What makes no sense there is as if it were not."""

    box: Box
    status: Status | None
    text: str
    after: str | None

    @classmethod
    def of(cls, query: QueryDict) -> Asked:
        box, status = query.get("box", ""), query.get("status", "")
        return cls(
            Box(box) if box in {each for each, _word in _BOXES} else Box.ALL,
            Status(status) if status in set(Status) else None,
            query.get("q", "").strip(),
            query.get("after") or None,
        )

    def link(self, **other: str | None) -> str:
        """The address of the same list, but for ``other``; its first page, where that does not say."""
        values = {"box": None if self.box is Box.ALL else self.box, "status": self.status, "q": self.text or None}
        return "?" + urlencode({name: value for name, value in {**values, **other}.items() if value})


@screen
def work(acting: Acting) -> Screen:
    asked = Asked.of(acting.request.GET)
    counts = queries.count_by_status(acting.tx, acting.actor, asked.box)
    rows, more = _rows(acting, asked)
    return Screen(
        "console/work.html",
        {
            "asked": asked,
            "all": asked.link(status=None),
            "lanes": [
                (words.STATUS[each], counts[each], each is asked.status, asked.link(status=each))
                for each in Status
                if counts[each] or each is asked.status
            ],
            "boxes": [(each, word) for each, word in _BOXES],
            "counted_to": queries.COUNTED_TO,
            "lines": _lines(acting, rows),
            "more": None if more is None else asked.link(after=more),
            "too_short": bool(asked.text) and not search.is_enough(asked.text),
            "longest": search.LONGEST,
            "may_create": bool(acting.actor.facilities_with(Right.CREATE, Side.REFERRING)),
        },
    )


def _rows(acting: Acting, asked: Asked) -> tuple[Sequence[Seen], str | None]:
    """One page of the list, and after what the next one begins."""
    if asked.text:
        found = search.found(
            acting.tx, acting.actor, asked.text, asked.box, status=asked.status, after=asked.after, limit=PAGE + 1
        )
        return _cut(found)
    if asked.status not in WAITING:
        return _cut(
            queries.listed(acting.tx, acting.actor, asked.box, status=asked.status, after=asked.after, limit=PAGE + 1)
        )
    rows: list[Seen] = []
    after, others = asked.after, False
    if after is not None and after.startswith(_OTHERS):
        after, others = after.removeprefix(_OTHERS) or None, True
    for emergency in (False,) if others else (True, False):
        rows += queries.listed(
            acting.tx,
            acting.actor,
            asked.box,
            status=asked.status,
            emergency=emergency,
            oldest_first=True,
            after=after,
            limit=PAGE + 1 - len(rows),
        )
        if len(rows) > PAGE:
            break
        after = None
    page, last = _cut(rows)
    if last is None or page[-1].referral.priority == Priority.EMERGENCY:
        return page, last
    return page, _OTHERS + last


def _cut(found: Sequence[Seen]) -> tuple[Sequence[Seen], str | None]:
    page = found[:PAGE]
    return page, page[-1].referral.pk.hex if len(found) > PAGE else None


def _lines(acting: Acting, rows: Sequence[Seen]) -> list[Line]:
    fees = [seen.referral.fee_id for seen in rows if seen.referral.fee_id is not None]
    money = payments.summaries(acting.tx, fees) if fees else {}
    since = told.since(acting.tx, [seen.referral.pk for seen in rows]) if rows else {}
    return [
        _line(
            seen.referral,
            since.get(seen.referral.pk),
            money.get(seen.referral.fee_id) if seen.referral.fee_id else None,
        )
        for seen in rows
    ]


def _line(row: Referral, since: datetime | None, money: Summary | None) -> Line:
    prompt, looks = _prompt(row, money)
    waits = row.state in WAITING
    aged = since is not None and clock.now() - since > _LONG[Priority(row.priority)]
    return Line(row, words.STATUS[row.state], words.LOOKS[row.state], since, waits, waits and aged, prompt, looks)


def _prompt(row: Referral, money: Summary | None) -> tuple[str | Promise, str]:
    """What the last prompt comes to, where the referral waits for it."""
    last = money.last if money is not None else None
    if last is None or row.state != Status.PENDING_PAYMENT:
        return "", ""
    if last.next_step_s is not None:
        reads.changes_in(last.next_step_s)
    if last.state is PromptState.PENDING:
        return _("Rings now"), "rings"
    if last.live:
        return _("Prompt under way"), "rings"
    return (_("Not paid yet"), "bad") if last.state in {PromptState.UNPAID, PromptState.REFUSED} else ("", "")
