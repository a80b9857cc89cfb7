"""Long runs: more kills and more variants, with ``RUFAA_LONG=1`` (CONTRIBUTING.md). The rest stays within minutes."""

from __future__ import annotations

import os

import pytest

LONG = bool(os.environ.get("RUFAA_LONG"))
only_long = pytest.mark.skipif(not LONG, reason="NOT RUN: a long run, RUFAA_LONG=1 runs it")
