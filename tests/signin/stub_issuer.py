"""An OpenID issuer on loopback: a real HTTP server that publishes keys, signs tokens with them, and can go wrong."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rufaa import clock

DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/keys"
AUDIENCE: Final = "rufaa-web"
SUBJECT: Final = "auth|6f1c"

MADE: Final[dict[str, Any]] = {
    # made once: an RSA key takes a tenth of a second
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
MADE["PS256"] = MADE["RS256"]


def jwk_of(private: Any, algorithm: str, *, kid: str | None = "one", **more: object) -> dict[str, object]:
    """The published half of a key; ``...`` leaves a member out."""
    told = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
    for name in ("key_ops", "kid"):
        told.pop(name, None)
    full = {**told, "use": "sig", "alg": algorithm, **({} if kid is None else {"kid": kid}), **more}
    return {name: value for name, value in full.items() if value is not ...}


def part(fields: object) -> str:
    raw = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class StubIssuer:
    """``answers`` are what it serves by path: anything that JSON can say, bytes as they are, a status, or
    a status with one of these."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.answers: dict[str, Any] = {DISCOVERY: {"issuer": url, "jwks_uri": url + KEYS}}
        self.publish(jwk_of(MADE["ES256"], "ES256"))

    def publish(self, *keys: dict[str, object]) -> None:
        self.answers[KEYS] = {"keys": list(keys)}

    def count(self, path: str = KEYS) -> int:
        return self.asked.count(path)

    def claims(self, **more: object) -> dict[str, object]:
        """Good ones, but for what the test says; ``...`` leaves one out."""
        now = int(clock.now().timestamp())
        full = {"iss": self.url, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + 600, **more}
        return {name: value for name, value in full.items() if value is not ...}

    def token(
        self,
        *,
        algorithm: str = "ES256",
        key: Any = None,
        header: dict[str, object] | None = None,
        raw: bytes | None = None,
        **claims: object,
    ) -> str:
        """Signed by ``key`` and ``algorithm``, whatever header and claims say."""
        head = {"alg": algorithm, "typ": "JWT", "kid": "one", **(header or {})}
        head = {name: value for name, value in head.items() if value is not ...}
        text = f"{part(head)}.{part(raw if raw is not None else self.claims(**claims))}"
        signer = jwt.get_algorithm_by_name(algorithm)
        private = MADE[algorithm] if key is None else key
        return f"{text}.{part(signer.sign(text.encode(), signer.prepare_key(private)))}"


@contextmanager
def running_issuer() -> Iterator[StubIssuer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.asked.append(self.path)
            if not stub.may_answer.wait(20):
                return
            answer = stub.answers.get(self.path, 404)
            if isinstance(answer, str):  # an address to go to instead
                self.send_response(302)
                self.send_header("Location", answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            status, body = (answer, b"") if isinstance(answer, int) else (status, body)
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # who asked may have heard enough
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = StubIssuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        stub.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
