"""A claim measured in a process of its own: one process has one Django, and that one database."""

from __future__ import annotations

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from figures import Figure


def measured(name: str, quick: bool) -> list[Figure]:
    """What the claim's module says. Raises what it raises."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, name, quick).result()


def _measured(name: str, quick: bool) -> list[Figure]:
    figures: list[Figure] = importlib.import_module(name).measured(quick)
    return figures
