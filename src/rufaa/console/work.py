"""The work list: what waits for whom, by status."""

from __future__ import annotations

from typing import Final

from rufaa.console import words
from rufaa.console.acting import Acting, Screen, screen
from rufaa.referrals import queries
from rufaa.referrals.machine import Status

PAGE: Final = 50


@screen
def work(acting: Acting) -> Screen:
    asked = acting.request.GET.get("status", "")
    status = Status(asked) if asked in set(Status) else None
    after = acting.request.GET.get("after") or None
    counts = queries.count_by_status(acting.actor)
    rows = queries.listed(acting.tx, acting.actor, status=status, after=after, limit=PAGE + 1)
    return Screen(
        "console/work.html",
        {
            "lanes": [(each, words.STATUS[each], counts[each]) for each in Status],
            "status": status,
            "counted_to": queries.COUNTED_TO,
            "rows": [(seen.referral, words.STATUS[seen.referral.state]) for seen in rows[:PAGE]],
            "more": rows[PAGE - 1].referral.pk.hex if len(rows) > PAGE else None,
        },
    )
