"""How tests start Debian's Chromium."""

from __future__ import annotations

from playwright.sync_api import expect

expect.set_options(timeout=20_000)  # for all of a process: five seconds are too few on a busy machine

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Without a sandbox, since CI is root; and nothing that asks anybody for anything."""
