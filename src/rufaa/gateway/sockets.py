"""WebSockets that cannot be held open, or filled, by whoever reads nothing or says too much.

uvicorn closes politely, which for a peer that does not read means never. Here who neither reads nor answers is cut off;
unfinished frames have a size each and together; and one that is too large for ever is told so, since the npm client
would send it again and again. What a message means is decided elsewhere.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode

from rufaa.sync.messages import fatal_error

FRAME_BYTES: Final = 16 * 1024 * 1024 + 2000
"""Of one message, as of a body of the HTTP function API."""
_MUST_FIT: Final = 64 * 1024
_BUSY: Final = "TooManyConcurrentRequests"


class Socket(WebSocketsSansIOProtocol):
    """One WebSocket. The attributes of the class are its limits."""

    silent_s: ClassVar[float] = 40.0
    """From a ping to its answer, if nothing that was sent before is taken meanwhile either."""
    unfinished_bytes: ClassVar[int] = 64 * 1024 * 1024
    """Of all frames of this process that have not come to their end."""

    unfinished = 0  # bytes since the last message
    _waiting_bytes = 0  # to be taken by the peer, when it was pinged
    _took_some = False
    _deaf = False

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self.unfinished += len(data)
        super().data_received(data)
        if self.unfinished > _MUST_FIT and not self.transport.is_closing() and self._too_much():
            self._end(1013, _BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        self.unfinished = 0
        super().connection_lost(exc)

    def send_receive_event_to_app(self) -> None:
        self.unfinished = 0
        if self.curr_msg_data_type == "text" and not _is_unicode(self.frames):  # uvicorn logs each with its traceback
            self.frames = []
            self.conn.send_close(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def resume_writing(self) -> None:
        self._took_some = True
        super().resume_writing()

    def send_keepalive_ping(self) -> None:
        super().send_keepalive_ping()
        self._waiting_bytes, self._took_some = self.transport.get_write_buffer_size(), False

    def keepalive_timeout(self) -> None:
        waiting_bytes = self.transport.get_write_buffer_size()
        if self._took_some or waiting_bytes < self._waiting_bytes:  # a slow line, on which the ping has yet to come
            self._waiting_bytes, self._took_some = waiting_bytes, False
            self.pong_timer = self.loop.call_later(self.silent_s, self.keepalive_timeout)
            return
        self.pong_timer = None
        self.transport.abort()

    def handle_parser_exception(self) -> None:
        """End it with the code that the parser chose, and go on reading, so that the peer sees why."""
        code = self.conn.close_sent.code if self.conn.close_sent is not None else 1002
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})
        if isinstance(self.conn.parser_exc, PayloadTooBig):
            self._write_first(fatal_error(f"A message has at most {FRAME_BYTES} bytes"))
        self._leave()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def _too_much(self) -> bool:
        held = sum(each.unfinished for each in self.connections if isinstance(each, Socket))
        return held > self.unfinished_bytes

    def _end(self, code: int, reason: str) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.fail(code, reason)
        self._leave()

    def _write_first(self, text: str) -> None:
        self.transport.write(Frame(Opcode.TEXT, text.encode()).serialize(mask=False))

    def _leave(self) -> None:
        """Say what there is to say, hear nothing more, and be gone in ``close_timeout`` whatever the peer does."""
        self._deaf = True
        self.unfinished = 0
        self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
        self.transport.write_eof()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()


def _is_unicode(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


def settings() -> dict[str, Any]:
    """What uvicorn has to be told for these sockets. Compression would cost each of them more than it holds besides."""
    return {
        "ws": Socket,
        "ws_max_size": FRAME_BYTES,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": Socket.silent_s,
        "ws_per_message_deflate": False,
    }
