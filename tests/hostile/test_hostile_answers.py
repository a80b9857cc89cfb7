"""How an answer goes out: its head with its body, and never later than the event loop's next turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rufaa.gateway.connections import Together


class Line(asyncio.Transport):
    """Notes what goes out in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def whole(answer: Together) -> None:
    for part in (b"head ", b"body ", b"more"):
        answer.write(part)


async def without_a_body(answer: Together) -> None:
    answer.write(b"head")


async def body_later(answer: Together) -> None:
    answer.write(b"head")
    await asyncio.sleep(0)
    answer.write(b"body")


async def closed_at_once(answer: Together) -> None:
    answer.write(b"head")
    answer.close()


@pytest.mark.parametrize(
    ("answered", "pieces"),
    [
        (whole, [b"head body ", b"more"]),
        (without_a_body, [b"head"]),
        (body_later, [b"head", b"body"]),
        (closed_at_once, [b"head"]),
    ],
)
def test_an_answer_goes_out_in_these_pieces(
    answered: Callable[[Together], Awaitable[None]], pieces: list[bytes]
) -> None:
    line = Line()

    async def main() -> None:
        await answered(Together(line, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(main())

    assert line.pieces == pieces


def test_a_head_is_not_written_where_the_connection_was_closed_meanwhile() -> None:
    line = Line()

    async def main() -> None:
        Together(line, asyncio.get_running_loop()).write(b"head")
        line.close()
        await asyncio.sleep(0)

    asyncio.run(main())

    assert line.pieces == []
