"""What the simulator's tests stand on: a merchant's client over real HTTP, and a listener for callbacks."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from rufaa import clock
from rufaa.simulator.config import SimulatorSettings
from rufaa.simulator.testing import RunningSimulator, running_simulator

NOON = datetime(2026, 11, 23, 6, 12, 0, 345_000, tzinfo=UTC)  # 9:12 AM in Nairobi


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(
    url: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = 20,
) -> Got:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return Got(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode())
    finally:
        connection.close()


@dataclass
class Client:
    """A merchant who speaks Daraja by hand."""

    sim: RunningSimulator
    callback_url: str
    token: str = ""
    patience_s: float = 20

    def authorize(self, *, key: str = "demo-key", secret: str = "demo-secret") -> str:
        basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
        got = self.get("/oauth/v1/generate?grant_type=client_credentials", {"Authorization": f"Basic {basic}"})
        assert got.status == 200, got.text
        self.token = got.json["access_token"]
        return self.token

    def ask(self, path: str, **how: Any) -> Got:
        return ask(self.sim.url, path, **how)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Got:
        return ask(self.sim.url, path, headers=headers, timeout_s=self.patience_s)

    def control(self, path: str, body: object, *, method: str = "POST") -> Got:
        return ask(
            self.sim.url,
            path,
            method=method,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )

    def post(self, path: str, body: object, *, content_type: str = "application/json", token: str | None = None) -> Got:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token if token is None else token}", "Content-Type": content_type}
        return ask(self.sim.url, path, method="POST", body=raw, headers=headers, timeout_s=self.patience_s)

    def signed(self, **fields: object) -> dict[str, object]:
        stamp = clock.daraja_timestamp(self.sim.now())
        password = base64.b64encode(f"174379demo-passkey{stamp}".encode()).decode()
        return {"BusinessShortCode": "174379", "Password": password, "Timestamp": stamp, **fields}

    def push_body(self, phone: str = "254708374149", **changes: object) -> dict[str, object]:
        fields: dict[str, object] = {
            "TransactionType": "CustomerPayBillOnline",
            "Amount": "1000",
            "PartyA": phone,
            "PartyB": "174379",
            "PhoneNumber": phone,
            "CallBackURL": self.callback_url,
            "AccountReference": "ABC123",
            "TransactionDesc": "Fee",
        }
        return {key: each for key, each in {**self.signed(), **fields, **changes}.items() if each is not ...}

    def push(self, phone: str = "254708374149", **changes: object) -> Got:
        return self.post("/mpesa/stkpush/v1/processrequest", self.push_body(phone, **changes))

    def pushed(self, phone: str = "254708374149", **changes: object) -> str:
        """The CheckoutRequestID of an accepted push."""
        got = self.push(phone, **changes)
        assert got.status == 200, got.text
        made = got.json["CheckoutRequestID"]
        assert isinstance(made, str)
        return made

    def query(self, checkout_request_id: object, **changes: object) -> Got:
        body = self.signed(CheckoutRequestID=checkout_request_id, **changes)
        return self.post("/mpesa/stkpushquery/v1/query", body)


@dataclass
class Listener:
    """Where callbacks arrive. ``status`` is its answer, which waits for ``hold`` if that is set."""

    url: str = ""
    status: int = 200
    hold: threading.Event | None = None
    bodies: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)

    @property
    def callbacks(self) -> list[dict[str, Any]]:
        return [json.loads(each)["Body"]["stkCallback"] for each in self.bodies]


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            heard.paths.append(self.path)
            heard.senders.append(str(self.client_address[0]))
            heard.headers.append({name.lower(): value for name, value in self.headers.items()})
            heard.bodies.append(raw.decode())
            if heard.hold is not None:
                heard.hold.wait(20)
            try:
                self.send_response(heard.status)
                self.send_header("Content-Length", "2")
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"{}")
            except ConnectionError:
                pass  # the sender has given up

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard.url = f"http://127.0.0.1:{server.server_port}/h/0123abcd"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield heard
        if heard.hold is not None:
            heard.hold.set()
        server.shutdown()
        thread.join()


Open = Callable[..., Client]


@pytest.fixture
def simulate(listener: Listener) -> Iterator[Open]:
    """Start a simulator with a manual clock (or the given settings) and a client that has a token."""
    with ExitStack() as stack:

        def start(**changes: Any) -> Client:
            settings = SimulatorSettings(**{"manual_clock": True, "start_at": NOON, "query_rate": None, **changes})
            running: AbstractContextManager[RunningSimulator] = running_simulator(settings)
            sim = stack.enter_context(running)
            client = Client(sim=sim, callback_url=listener.url)
            client.authorize()
            return client

        yield start


@pytest.fixture
def meet(listener: Listener) -> Callable[[RunningSimulator], Client]:
    """A client with a token of a simulator that the test runs itself."""

    def met(sim: RunningSimulator) -> Client:
        client = Client(sim=sim, callback_url=listener.url)
        client.authorize()
        return client

    return met


@pytest.fixture
def client(simulate: Open) -> Client:
    return simulate()


@pytest.fixture
def corpus() -> Path:
    """Real payloads, kept outside the project."""
    path = Path(os.environ.get("RUFAA_CORPUS", Path(__file__).parents[2] / ".." / "shared" / "daraja-corpus"))
    if not path.is_dir():
        pytest.skip(f"the corpus of real payloads is not at {path}; set RUFAA_CORPUS")
    return path
