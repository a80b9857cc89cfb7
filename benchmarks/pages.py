"""``make bench-pages``: how long pages of people take with 100,000 referrals in the database, and how heavy they are.

A PostgreSQL of its own that syncs to the disk and ``rufaa gateway``, and here one reader at a time, all on one machine.
Milliseconds are from the request's first byte to the answer's last one; bytes are as they go over the wire to a browser
that takes gzip. Prints a table and writes JSON (``--json``). Figures depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from processes import Gateway
from town import database

REFERRALS: Final = 100_000
ROUNDS: Final = 100
GOAL_MS: Final = 100.0
"""Of the 95th percentile of every page (the goal of the design)."""
_PARTS: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Figures:
    page: str
    p50_ms: float
    p95_ms: float
    worst_ms: float
    kb: float  # the page alone
    first_kb: float  # with everything that it needs, into an empty cache


class Reader:
    """Somebody's browser: one connection that is kept, and one session."""

    def __init__(self, url: str, session: str | None) -> None:
        there = urlsplit(url)
        self._to = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
        self._headers = {"Accept-Encoding": "gzip", "Accept-Language": "en"}
        if session is not None:
            self._headers["Cookie"] = f"sessionid={session}"

    def get(self, path: str) -> tuple[float, int, bytes]:
        """Milliseconds, bytes over the wire, and the body as it came."""
        began = time.perf_counter()
        self._to.request("GET", path, headers=self._headers)
        answer = self._to.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status} {answer.headers.get('Location', '')}")
        return took, len(body) + len(str(answer.headers)), body

    def read(self, name: str, path: str, rounds: int) -> Figures:
        times = sorted(self.get(path)[0] for _ in range(rounds))
        _, size, body = self.get(path)
        text = gunzipped(body).decode()
        parts = sum(self.get(part)[1] for part in sorted(set(_PARTS.findall(text))))
        return Figures(
            page=name,
            p50_ms=round(times[len(times) // 2], 1),
            p95_ms=round(times[int(len(times) * 0.95)], 1),
            worst_ms=round(times[-1], 1),
            kb=round(size / 1000, 1),
            first_kb=round((size + parts) / 1000, 1),
        )


def gunzipped(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def session_of(user: object) -> str:
    """A session as signing in makes it."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from rufaa.facilities.models import User

    row = User.objects.get(pk=user)
    session = SessionStore()
    session[SESSION_KEY] = str(row.pk)
    session[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    session[HASH_SESSION_KEY] = row.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def fill(world: Any, count: int) -> tuple[str, str]:
    """So many referrals that wait, and some whose prompt rings. One of those, and its token."""
    from crowd import many
    from support import execute, value

    many(world, count)
    ringing = [world.prompted(f"25470800{number:04d}")[0] for number in range(20)]
    for table in ("referral", "particulars", "fee", "prompt", "history"):
        execute(f"ANALYZE {table}")
    token = value("SELECT token FROM referral WHERE id = %(id)s", id=ringing[0])
    return ringing[0], str(token)


def measured(referrals: int, rounds: int) -> list[Figures]:
    with database() as url:
        from support import make_world

        world = make_world()
        one, token = fill(world, referrals)
        staff, finance = session_of(world.admin.user), session_of(world.finance.user)
        gateway = Gateway(url)
        try:
            admin, money, patient = (Reader(gateway.url, each) for each in (staff, finance, None))
            return [
                admin.read("work list", "/work/", rounds),
                admin.read("a lane of it", "/work/?status=pending-admin", rounds),
                admin.read("search by name", "/work/?q=patient777+ot", rounds),
                admin.read("search by phone", "/work/?q=99777", rounds),
                admin.read("referral", f"/referrals/{one}/", rounds),
                admin.read("who saw it", f"/referrals/{one}/audit/", rounds),
                admin.read("new referral", "/referrals/new/", rounds),
                admin.read("facility", "/settings/", rounds),
                money.read("money", "/money/", rounds),
                patient.read("patient's page", f"/r/{token}", rounds),
                patient.read("sign-in", "/sign-in/", rounds),
            ]
        finally:
            gateway.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-pages", description="Measure the pages of people.")
    parser.add_argument("--referrals", type=int, default=REFERRALS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures = measured(options.referrals, options.rounds)
    print(f"{options.referrals:,} referrals, {options.rounds} readings each; goal: p95 at most {GOAL_MS:.0f} ms")
    print(f"{'page':<18}{'p50 ms':>8}{'p95 ms':>8}{'worst':>8}{'kB':>8}{'first kB':>10}")
    for row in figures:
        late = "" if row.p95_ms <= GOAL_MS else "  missed"
        print(f"{row.page:<18}{row.p50_ms:>8}{row.p95_ms:>8}{row.worst_ms:>8}{row.kb:>8}{row.first_kb:>10}{late}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in figures], indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
