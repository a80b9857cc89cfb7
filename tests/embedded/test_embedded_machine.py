"""What the machine decides of PostgreSQL's settings."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Final

import pytest

from embedded.test_embedded_start import show
from rufaa.db._pg_settings import for_machine
from rufaa.db.embedded import EmbeddedPostgres, Settings

GB: Final = 1 << 30
Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.mark.parametrize(
    ("memory", "said", "buffers"),
    [
        (64 * GB, "max", "512MB"),
        (64 * GB, str(4 * GB), "256MB"),
        (64 * GB, "9223372036854771712", "512MB"),  # the older interface where there is no limit
        (4 * GB, str(64 * GB), "256MB"),
        (1 * GB, "max", "128MB"),
        (4 * GB, None, "256MB"),
        (4 * GB, "what?", "256MB"),
    ],
)
def test_pages_in_memory_are_a_sixteenth_of_what_we_may_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, memory: int, said: str | None, buffers: str
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": memory // 4096}[name])
    limit = tmp_path / "memory.max"
    if said is not None:
        limit.write_text(f"{said}\n", encoding="ascii")

    assert for_machine(tmp_path, cgroups=[limit])["shared_buffers"] == buffers


@pytest.mark.parametrize(("free", "log"), [(500 * GB, "4096MB"), (16 * GB, "2048MB"), (2 * GB, "1024MB")])
def test_the_write_ahead_log_may_take_an_eighth_of_the_free_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, log: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000 * GB, 0, free))

    assert for_machine(tmp_path)["max_wal_size"] == log


def test_the_server_runs_with_them(data: Path) -> None:
    with EmbeddedPostgres(Settings(data=data, fast_unsafe=True)) as postgres:
        told = for_machine(data)
        buffers, log = show(postgres, "shared_buffers", "max_wal_size")

    assert buffers == told["shared_buffers"]
    assert int(told["max_wal_size"][:-2]) == int(log[:-2]) * {"MB": 1, "GB": 1024}[log[-2:]]
