"""What may be looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from observability.scraping import TOKEN
from support import Running, running_gateway


@pytest.fixture
def watched(database: str) -> Iterator[Running]:
    """A gateway that shows its metrics to who has the token."""
    with running_gateway(database, RUFAA_METRICS_TOKEN=TOKEN) as running:
        yield running
