"""Puts the simulator together as an aiohttp application, and runs it until told to stop."""

from __future__ import annotations

import asyncio
import signal
from typing import Final

from aiohttp import web

from rufaa.errors import Kind, RufaaError
from rufaa.simulator import control, edge
from rufaa.simulator.bulk_sms import BulkSms
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.control import Control
from rufaa.simulator.control_phones import PhoneControl
from rufaa.simulator.edge import Daraja
from rufaa.simulator.engine import Engine
from rufaa.simulator.handset import Handset

ENGINE: Final = web.AppKey("engine", Engine)
_SHUTDOWN_S: Final = 1.0  # streams end by themselves; a held answer is not waited for


class PortTaken(RufaaError):
    """Somebody else listens there."""

    kind = Kind.UNAVAILABLE
    code = "port-taken"


def create_app(settings: SimulatorSettings) -> web.Application:
    """The application. Call inside a running event loop; its journal is open from here to its clean-up."""
    engine = Engine(settings)
    handset = Handset(engine)
    bulk_sms = BulkSms(engine)
    app = web.Application(client_max_size=edge.LONGEST_BODY, middlewares=[control.refusals(engine)])
    app[ENGINE] = engine
    Daraja(engine).add_routes(app.router)
    Control(engine).add_routes(app.router)
    PhoneControl(engine).add_routes(app.router)
    bulk_sms.add_routes(app.router)
    handset.add_routes(app.router)
    app.on_shutdown.append(handset.close)
    app.on_shutdown.append(bulk_sms.close)
    app.on_cleanup.append(_close)
    return app


def run(settings: SimulatorSettings, *, host: str = "127.0.0.1", port: int, announce: bool = True) -> None:
    """Serve until SIGTERM or SIGINT. Port 0 takes a free one. Prints one line when ready, unless not to ``announce``.

    The control routes have no guard: give another ``host`` than loopback only on a network of your own. Raises
    ``PortTaken``.
    """
    asyncio.run(_serve(settings, host=host, port=port, announce=announce))


async def start(settings: SimulatorSettings, *, host: str, port: int) -> tuple[web.AppRunner, str]:
    """A running server and its URL. The caller cleans the runner up. Raises ``PortTaken``."""
    runner = web.AppRunner(create_app(settings), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortTaken(f"The simulator cannot listen on {host}:{port}: {error.strerror}.", port=port) from error
    shown = f"[{host}]" if ":" in host else host
    return runner, f"http://{shown}:{runner.addresses[0][1]}"


async def _serve(settings: SimulatorSettings, *, host: str, port: int, announce: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    runner, url = await start(settings, host=host, port=port)
    try:
        if announce:
            print(f"simulator ready {url}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _close(app: web.Application) -> None:
    await app[ENGINE].close()
