"""Somebody who answers like Daraja, as cheaply as can be, in a process of its own: tokens, pushes, status queries.

Each push is accepted and told on standard output: the phone, and when the whole of it had arrived, in seconds of the
system's monotonic clock. Whoever asks about one hears that it is still under way.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import Any, Final

import uvloop
from storm import whole

_PHONE: Final = re.compile(rb'"PhoneNumber": ?"?(\d+)')
_TOKEN: Final = b'{"access_token": "a-token-of-the-sink", "expires_in": "3599"}'
_WAITING: Final = (
    b'{"requestId": "1", "errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}'
)
_TAKEN: Final = (
    b'{"MerchantRequestID": "m-%d", "CheckoutRequestID": "ws_CO_%d", "ResponseCode": "0",'
    b' "ResponseDescription": "Success. Request accepted for processing",'
    b' "CustomerMessage": "Success. Request accepted for processing"}'
)


class Sink:
    """Runs from here to ``close``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._told = self._process.stdout
        self.port = int(self._told.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def next(self) -> tuple[str, float]:
        """The next push: its phone and its time. Waits for it."""
        phone, at = self._told.readline().split()
        return phone.decode(), float(at)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class _Connection(asyncio.Protocol):
    """Answers one request after the other."""

    pushes = 0

    def __init__(self, tell: Any) -> None:
        self._tell = tell
        self._got = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        if whole(self._got):
            request, self._got = self._got, b""
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        path = request[: request.index(b"\r\n")].split()[1]
        if path.startswith(b"/oauth/"):
            self._say(b"200 OK", _TOKEN)
        elif path.startswith(b"/mpesa/stkpushquery/"):
            self._say(b"500 Internal Server Error", _WAITING)
        else:
            at = asyncio.get_running_loop().time()
            number = _Connection.pushes = _Connection.pushes + 1
            self._say(b"200 OK", _TAKEN % (number, number))
            phone = _PHONE.search(request)
            self._tell(b"%s %.9f\n" % (phone[1] if phone else b"-", at))

    def _say(self, status: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


async def _listen() -> None:
    loop = asyncio.get_running_loop()
    out, _ = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout)
    server = await loop.create_server(lambda: _Connection(out.write), "127.0.0.1", 0)
    out.write(b"%d\n" % server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_listen())
