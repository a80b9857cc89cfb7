"""Bodies that are whole before a page's thread has their request, and none that is larger than any page takes.

A page holds a thread while it is made. A form that trickles in would hold one for a minute, and a few of those would
keep everybody from every page. So a body is received here, on the event loop: in memory while it is small, else on the
disk. What is in it is looked at elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from rufaa.config import MB
from rufaa.gateway.connections import PATIENT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_BYTES: Final = 3 * MB
"""Of a form without a file. Django itself takes 2.5 MB of texts, and says so on a page."""
IN_MEMORY: Final = 16 * 1024
"""Of one body; a larger one is on the disk, without a name there."""
ON_DISK: Final = 256 * MB
"""Of all bodies of this process that are being received or worked on. Beyond, who sends is told to try again."""
_UPLOADS: Final = re.compile(r"/referrals/[^/]+/attach/")
_CHUNK: Final = 64 * 1024


class _TooLarge(Exception):
    """The body is larger than what its address takes."""


class _Full(Exception):
    """There is no room for more of bodies at this moment."""


class _Gone(Exception):
    """The sender hung up half-way."""


class Bodies:
    """An ASGI application in front of another, which gets each request once its body is there.

    ``upload_bytes``: of a form with a file, which may come slowly, as from a phone at the edge of its network.
    """

    def __init__(self, application: Application, *, upload_bytes: int) -> None:
        self._application = application
        self._upload_bytes = upload_bytes
        self._on_disk = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _has_body(scope):
            await self._application(scope, receive, send)
            return
        uploads = _UPLOADS.fullmatch(scope["path"]) is not None
        most = self._upload_bytes if uploads else FORM_BYTES
        if _declared(scope) > most:
            await _answer(send, 413, _too_large(most))
            return
        if uploads:
            scope[PATIENT] = True
        with SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            try:
                await self._receive(receive, body, most)
            except _Gone:
                return
            except _TooLarge:
                await _answer(send, 413, _too_large(most))
                return
            except _Full:
                await _answer(send, 503, _FULL, (b"retry-after", b"5"))
                return
            else:
                await self._application(scope, _replayed(body), send)
            finally:
                self._on_disk -= _spilled(body)

    async def _receive(self, receive: Receive, body: IO[bytes], most: int) -> None:
        """Raises ``_TooLarge``, ``_Full``, ``_Gone``."""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            if body.tell() + len(part) > most:
                raise _TooLarge
            before = _spilled(body)
            body.write(part)
            self._on_disk += _spilled(body) - before
            if self._on_disk > ON_DISK:
                raise _Full
            if not message.get("more_body", False):
                return


def _spilled(body: IO[bytes]) -> int:
    """How much of a body that was written to its end is on the disk: all of it, or nothing."""
    body.seek(0, 2)
    return body.tell() if body.tell() > IN_MEMORY else 0


def _replayed(body: IO[bytes]) -> Receive:
    size = body.seek(0, 2)
    body.seek(0)

    async def receive() -> Message:
        part = body.read(_CHUNK)
        return {"type": "http.request", "body": part, "more_body": body.tell() < size}

    return receive


def _has_body(scope: Scope) -> bool:
    names = {name: value for name, value in scope["headers"] if name in {b"content-length", b"transfer-encoding"}}
    return b"transfer-encoding" in names or names.get(b"content-length", b"0").strip() != b"0"


def _declared(scope: Scope) -> int:
    """What the sender says; 0 where it says nothing. The parser has let digits through alone."""
    return max((int(value) for name, value in scope["headers"] if name == b"content-length"), default=0)


def _page(*sentences: str) -> bytes:
    """In both languages, since nobody has been asked for theirs."""
    said = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Rufaa</title>{said}"
    ).encode()


def _too_large(most: int) -> bytes:
    return _page(
        f"This is too large: at most {most // MB} MB can be sent here. Nothing was kept; go back and send less.",
        f"Hii ni kubwa mno: hadi MB {most // MB} zinaweza kutumwa hapa. Hakuna kilichohifadhiwa; rudi utume kidogo.",
    )


_FULL: Final = _page(
    "Too much is being sent here at this moment. Nothing was kept; go back and try again in a few seconds.",
    "Vitu vingi vinatumwa hapa kwa sasa. Hakuna kilichohifadhiwa; rudi ujaribu tena baada ya sekunde chache.",
)


async def _answer(send: Send, status: int, page: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})
    await send({"type": "http.response.body", "body": page})
