"""One demo for all journeys that do not end it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo_process import Demo, running_demo


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """``rufaa demo`` as a process on free ports. Each test makes referrals of its own."""
    with running_demo() as running:
        yield running
