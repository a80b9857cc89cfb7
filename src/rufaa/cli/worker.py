"""``rufaa worker``: the loops that handle money, alone."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from typing import Final

import structlog

from rufaa import log
from rufaa.cli import starting
from rufaa.cli.database import database_of_role
from rufaa.cli.serve import need_worker_port
from rufaa.config import config

MADE_BY_A_BATCH: Final = 50_000
"""Objects, and more than a full batch of settlement makes."""


def command() -> None:
    """Send prompts, settle callbacks, ask about what is open. As many as wanted. Needs DATABASE_URL."""
    log.set_up(config().log)
    need_worker_port(config())
    starting.load("rufaa.cli.work")
    settings = database_of_role("worker")
    from rufaa.cli.work import WorkerStuck, work  # noqa: PLC0415 - needs Django set up

    # What is there now stays, and what a batch makes goes with it: the collector need look at neither again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(MADE_BY_A_BATCH)
    try:
        asyncio.run(work(settings))
    except WorkerStuck:
        # Threads that wait for a silent database would hold up an orderly exit for ever; the next process has none.
        structlog.get_logger().error("worker.stuck")
        logging.shutdown()
        os._exit(1)
