"""``rufaa worker``: the loops that handle money, alone."""

from __future__ import annotations

import asyncio

from rufaa import log
from rufaa.cli.database import check, need_migrated, use
from rufaa.cli.needs import database_url
from rufaa.config import config


def command() -> None:
    """Send prompts, settle callbacks, ask about what is open. As many as wanted. Needs DATABASE_URL."""
    log.set_up(config().log)
    url = database_url("worker")
    check(url)
    settings = use(url)
    need_migrated()
    from rufaa.cli.work import work  # noqa: PLC0415 - needs Django set up

    asyncio.run(work(settings))
