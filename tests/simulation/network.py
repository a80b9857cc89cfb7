"""The network without sockets: requests to Safaricom and callbacks from it, byte for byte, and what goes wrong there.

The Daraja client runs as it is over ``Session``; the simulator's own handlers answer. A callback goes through the
gateway's own endpoint. Real sockets are tests/contracts' and tests/money's.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from types import SimpleNamespace, TracebackType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, MultiDict

from rufaa.simulator.callbacks import Delivery
from rufaa.simulator.edge import Daraja
from rufaa.simulator.engine import Engine
from simulation.nodes import Gateway, Node
from simulation.strands import NODE, Hub

SAFARICOM: Final = "http://safaricom.example"
LISTED: Final = "127.0.0.1"
"""The address from which callbacks are believed."""
FORGER: Final = "127.0.0.2"
_CALLBACK_TIMEOUT_S: Final = 5.0
Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Routes:
    """In the place of aiohttp's router: which handler a path has."""

    def __init__(self) -> None:
        self._handlers: list[tuple[re.Pattern[str], Handler]] = []

    def add_route(self, _method: str, path: str, handler: Handler) -> None:
        pattern = re.sub(r"\{(\w+):([^{}]+)\}", r"(?P<\1>\2)", path)  # aiohttp's form of a named part
        self._handlers.append((re.compile(pattern), handler))

    def find(self, request: Request) -> Handler:
        for pattern, handler in self._handlers:
            match = pattern.fullmatch(request.path)
            if match is not None:
                request.match_info = match.groupdict()
                return handler
        raise AssertionError(f"{request.path} has no handler, not even of what is not there")


class Request:
    """As much of an aiohttp request as the simulator's handlers look at."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(url)
        self.method = method
        self.path = parts.path
        self.path_qs = parts.path + (f"?{parts.query}" if parts.query else "")
        self.query = MultiDict(parse_qsl(parts.query))
        self.headers = CIMultiDict(headers)
        self.content_type = self.headers.get("Content-Type", "").partition(";")[0]
        self.match_info: dict[str, str] = {}
        self.transport = self
        self.cut = False
        self.torn = False
        self._body = body

    async def read(self) -> bytes:
        return self._body

    def abort(self) -> None:
        self.cut = True


class _Daraja(Daraja):
    @staticmethod
    async def _tear(request: Any, answer: Any) -> web.Response:
        """Half an answer needs a socket: the one who asked is told that it is torn."""
        request.torn = True
        return web.Response(
            status=answer.status, body=answer.body.encode(), headers={"Content-Type": answer.content_type}
        )


class Network:
    """Who can reach whom, and how badly."""

    def __init__(self, hub: Hub, engine: Engine, *, public_url: str) -> None:
        self.hub = hub
        self.public_url = public_url
        self.engine = engine
        self.gateways: list[Gateway] = []
        self.refused_share = 0.0  # of the requests: no connection
        self.dropped_share = 0.0  # of the requests: written, and lost on the way there or back
        self.latency_s = 0.2
        self.acknowledged: Counter[str] = Counter()
        """How many reports to each path were answered 200."""
        self._routes = Routes()
        _Daraja(engine).add_routes(self._routes)  # type: ignore[arg-type]
        engine.deliverer = Deliverer(self)  # type: ignore[assignment]

    @property
    def chance(self) -> Any:
        return self.hub.chance

    async def latency(self) -> None:
        await asyncio.sleep(self.chance.uniform(0.01, self.latency_s))

    async def serve(self, request: Request) -> web.StreamResponse:
        """Safaricom's side: it goes on whether or not the one who asked lives."""
        handler = self._routes.find(request)
        context = copy_context()
        context.run(NODE.set, None)
        return await asyncio.shield(
            asyncio.get_running_loop().create_task(self._handle(handler, request), context=context)
        )

    async def _handle(self, handler: Handler, request: Request) -> Any:
        return await handler(request)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        source: str,
        timeout_s: float = _CALLBACK_TIMEOUT_S,
    ) -> Delivery:
        """Post to one of the gateways; there is nobody else to post to."""
        await self.latency()
        gateways = [each for each in self.gateways if not each.node.dead]
        if not gateways or self.chance.random() < self.refused_share:
            self.hub.counts["callback found nobody"] += 1
            return Delivery("refused")
        gateway = self.chance.choice(gateways)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await gateway.receive(urlsplit(url).path, body, headers, source=source)
        except TimeoutError:
            self.hub.counts["callback timed out"] += 1
            return Delivery("timeout")
        if answer is None:
            self.hub.counts["callback broke off"] += 1
            return Delivery("refused")
        status, text = answer
        if status == 503:
            self.hub.counts["callback refused by 503"] += 1
        elif status == 200:
            self.acknowledged[urlsplit(url).path] += 1
        return Delivery("answered", status, text)


class Deliverer:
    """In the place of the simulator's: a callback's one delivery."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def deliver(self, url: str, body: str, *, short_code: str, forged: bool = False) -> Delivery:
        return await self._network.post(url, body.encode(), _headers(short_code), source=FORGER if forged else LISTED)

    async def ask(self, url: str, body: str, *, short_code: str, timeout_s: float) -> Delivery:
        return await self._network.post(url, body.encode(), _headers(short_code), source=LISTED, timeout_s=timeout_s)

    async def close(self) -> None:
        """Nothing is open."""


def _headers(short_code: str) -> dict[str, str]:
    return {"Content-Type": "application/json;charset=UTF-8", "Businessshortcode": short_code}


class Session:
    """In the place of an aiohttp session, for one process: its requests go to the simulator."""

    def __init__(self, network: Network) -> None:
        self.cookie_jar = aiohttp.DummyCookieJar()
        self.trace_configs: list[aiohttp.TraceConfig] = []
        self.closed = False
        self._network = network

    def request(self, method: str, url: str, **given: Any) -> _Exchange:
        return _Exchange(self, self._network, method, url, **given)


class _Exchange:
    def __init__(
        self,
        session: Session,
        network: Network,
        method: str,
        url: str,
        *,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        trace_request_ctx: object,
        **_: object,
    ) -> None:
        self._session = session
        self._network = network
        self._request = Request(method, url, headers, data or b"")
        self._timeout_s = timeout.total
        self._trace = trace_request_ctx

    async def __aenter__(self) -> _Response:
        node: Node = NODE.get()
        await node.alive()
        async with asyncio.timeout(self._timeout_s):
            response = await self._exchange()
        await node.alive()
        return response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    async def _exchange(self) -> _Response:
        network = self._network
        await self._tell("on_request_start")
        await network.latency()
        drawn = network.chance.random()
        if drawn < network.refused_share:
            network.hub.counts["request found no connection"] += 1
            raise aiohttp.ClientConnectionError("refused (by the simulation)")
        await self._tell("on_request_headers_sent")
        if drawn < network.refused_share + network.dropped_share:
            network.hub.counts["request lost on its way"] += 1
            if network.chance.random() < 0.5:
                await asyncio.Event().wait()  # until the caller has had enough
            raise aiohttp.ServerDisconnectedError
        await network.latency()
        served = await network.serve(self._request)
        await network.latency()
        if self._request.cut:
            raise aiohttp.ServerDisconnectedError
        if drawn > 1 - network.dropped_share:
            network.hub.counts["answer lost on its way"] += 1
            raise aiohttp.ServerDisconnectedError
        assert isinstance(served, web.Response)
        return _Response(served.status, dict(served.headers), bytes(served.body or b""), torn=self._request.torn)

    async def _tell(self, what: str) -> None:
        context = SimpleNamespace(trace_request_ctx=self._trace)
        for config in self._session.trace_configs:
            await getattr(config, what).send(self._session, context, None)


class _Response:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, *, torn: bool) -> None:
        self.status = status
        self.headers = CIMultiDict(headers)
        self.content = self
        self._torn = torn
        self._body = body[: len(body) // 2] if torn else body

    async def read(self, _at_most: int) -> bytes:
        body, self._body = self._body, b""
        if not body and self._torn:
            raise aiohttp.ClientPayloadError("half an answer (by the simulation)")
        return body
