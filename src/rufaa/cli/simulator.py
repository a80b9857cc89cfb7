"""``rufaa simulator``: the pretend Safaricom alone, for any Daraja developer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free port.")] = 8001,
    host: Annotated[str, typer.Option(help="The control routes have no guard: loopback only.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Ids, receipts and alternations come from it.")] = 1,
    journal: Annotated[
        Path | None, typer.Option(help="Keep what happened in this file, and know it again after a restart.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Keep the security credential's key in this file, and its certificate beside it (.crt)."),
    ] = None,
    chaos: Annotated[
        int | None, typer.Option(min=0, metavar="SEED", help="Let things go wrong by chance: one seed is one story.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Do not say when it is ready.")] = False,
) -> None:
    """Run a pretend Safaricom with a virtual handset. Short code 174379, demo-key, demo-secret, demo-passkey."""
    from rufaa.simulator.config import Chaos, SimulatorSettings  # noqa: PLC0415 - other commands need no aiohttp
    from rufaa.simulator.server import run  # noqa: PLC0415

    settings = SimulatorSettings(seed=seed, journal=journal, key=key, chaos=None if chaos is None else Chaos(chaos))
    run(settings, host=host, port=port, announce=not quiet)
