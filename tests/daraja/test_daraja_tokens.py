"""The keeper of a token: one request for all who wait, renewed ahead of time, a refused token not given again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rufaa.daraja.credentials import Credentials
from rufaa.daraja.tokens import FetchedToken, MemoryTokens, TokenUnavailable


class Endpoint:
    """A token endpoint that answers when it is told to."""

    def __init__(self, *, lifetime_s: float = 3599.0) -> None:
        self.lifetime_s = lifetime_s
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.down = False

    async def fetch_token(self, credentials: Credentials) -> FetchedToken:  # noqa: ARG002 - the client's signature
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.down:
            raise TokenUnavailable("down", reason="http-503", retry_after_s=5.0)
        return FetchedToken(f"token-{number}", self.lifetime_s)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def story(tell: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(tell(), 10))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_token_is_kept_until_shortly_before_it_dies(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint, clock = Endpoint(), Clock()
        tokens = MemoryTokens(endpoint, paybill, monotonic=clock)
        assert await tokens.token() == "token-1"
        clock.now_s += 3599 - 120 - 0.1
        assert await tokens.token() == "token-1"
        clock.now_s += 0.1
        assert await tokens.token() == "token-2"
        assert endpoint.asked == 2

    story(tell)


def test_a_short_lived_token_is_used_for_half_its_life(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint, clock = Endpoint(lifetime_s=60), Clock()
        tokens = MemoryTokens(endpoint, paybill, monotonic=clock)
        await tokens.token()
        clock.now_s += 29.9
        assert await tokens.token() == "token-1"
        clock.now_s += 0.1
        assert await tokens.token() == "token-2"

    story(tell)


def test_the_life_counts_from_the_question(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint, clock = Endpoint(lifetime_s=600), Clock()
        tokens = MemoryTokens(endpoint, paybill, monotonic=clock)
        endpoint.open.clear()
        waiting = asyncio.create_task(tokens.token())
        await turns()
        clock.now_s += 480  # the answer took its time
        endpoint.open.set()
        assert await waiting == "token-1"
        assert await tokens.token() == "token-2"

    story(tell)


def test_all_who_wait_share_one_request(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint = Endpoint()
        tokens = MemoryTokens(endpoint, paybill)
        endpoint.open.clear()
        waiting = [asyncio.create_task(tokens.token()) for _ in range(50)]
        await turns()
        endpoint.open.set()
        assert set(await asyncio.gather(*waiting)) == {"token-1"}
        assert endpoint.asked == 1

    story(tell)


def test_fifty_refusals_of_one_token_are_one_renewal(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint = Endpoint()
        tokens = MemoryTokens(endpoint, paybill)
        await tokens.token()
        renewed = await asyncio.gather(*(tokens.token(rejected="token-1") for _ in range(50)))
        assert set(renewed) == {"token-2"}
        assert await tokens.token(rejected="token-1") == "token-2"  # late news of the old one
        assert await tokens.token() == "token-2"
        assert endpoint.asked == 2

    story(tell)


def test_a_failure_reaches_all_who_wait_and_is_not_remembered(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint = Endpoint()
        tokens = MemoryTokens(endpoint, paybill)
        endpoint.down = True
        came = await asyncio.gather(*(tokens.token() for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in came] == [TokenUnavailable] * 3
        assert endpoint.asked == 1
        endpoint.down = False
        assert await tokens.token() == "token-2"

    story(tell)


def test_a_waiter_that_leaves_does_not_take_the_others_along(paybill: Credentials) -> None:
    async def tell() -> None:
        endpoint = Endpoint()
        tokens = MemoryTokens(endpoint, paybill)
        endpoint.open.clear()
        first, second = asyncio.create_task(tokens.token()), asyncio.create_task(tokens.token())
        await turns()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        endpoint.open.set()
        assert await second == "token-1"
        assert endpoint.asked == 1

    story(tell)


def test_a_failure_that_nobody_waits_for_is_no_warning(paybill: Credentials) -> None:
    async def tell() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        endpoint = Endpoint()
        tokens = MemoryTokens(endpoint, paybill)
        endpoint.open.clear()
        endpoint.down = True
        waiting = asyncio.create_task(tokens.token())
        await turns()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        endpoint.open.set()
        await turns()
        assert tokens._fetching is None
        assert complaints == []

    story(tell)
