"""``rufaa gateway``: the public port alone."""

from __future__ import annotations

import uvicorn

from rufaa import log
from rufaa.cli.database import database_of_role
from rufaa.config import config


def command() -> None:
    """Serve callbacks, the function API and pages on RUFAA_HOST and RUFAA_PORT. Needs DATABASE_URL."""
    log.set_up(config().log)
    settings = database_of_role("gateway")
    from rufaa.gateway.app import Gateway  # noqa: PLC0415 - needs Django set up

    uvicorn.run(
        Gateway(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",  # of uvicorn's own; ours are events
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose X-Forwarded-For is believed is ours to say, see ingest.address
        timeout_graceful_shutdown=8,
    )
