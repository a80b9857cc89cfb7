"""A mail server as far as smtplib speaks to one: it keeps what it takes, and goes wrong when told to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message


@dataclass
class PostOffice:
    """``wrong``: what it answers instead at a command, say ``{"RCPT": "550 nobody"}``; "" cuts the connection."""

    port: int = 0
    taken: list[Message] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """On a free port of loopback, until the end of the block."""
    office = PostOffice()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            while line := self.rfile.readline():
                command = line[:4].decode().strip().upper()
                if command == "QUIT":
                    self._say("221 bye")
                    return
                if command == "DATA" and "DATA" not in office.wrong:
                    self._say("354 go on")
                    letter = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        if not part:
                            return
                        letter += part
                    office.taken.append(message_from_bytes(letter))
                    command = "TAKE"
                answer = office.wrong.get(command, "250 fine")
                if not answer:
                    return
                self._say(answer)

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        office.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield office
        finally:
            server.shutdown()
            thread.join()
