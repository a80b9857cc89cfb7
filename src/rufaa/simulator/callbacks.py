"""A callback: its text, written exactly as Safaricom writes it, and its one delivery (daraja.md §4, §12).

There is no retry: the outcome is told to the caller, and that was it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import aiohttp

from rufaa.clock import daraja_timestamp
from rufaa.simulator import codes
from rufaa.simulator.state import Prompt

_AT_ONCE: Final = 200  # deliveries; more would only exhaust the sockets of a small machine


def text(prompt: Prompt) -> str:
    """The body for an ended prompt. Amount is a JSON number with two places, which no JSON library writes by itself."""
    assert prompt.result_code is not None
    assert prompt.ended_at is not None
    head = (
        f'{{"Body":{{"stkCallback":{{"MerchantRequestID":{json.dumps(prompt.merchant_request_id)},'
        f'"CheckoutRequestID":{json.dumps(prompt.checkout_request_id)},'
        f'"ResultCode":{json.dumps(codes.on_the_wire(prompt.result_code))},'
        f'"ResultDesc":{json.dumps(prompt.result_desc)}'
    )
    if prompt.receipt is None:
        return head + "}}}"
    items = [
        f'{{"Name":"Amount","Value":{prompt.amount.decimal:.2f}}}',
        f'{{"Name":"MpesaReceiptNumber","Value":{json.dumps(prompt.receipt)}}}',
        *(['{"Name":"Balance"}'] if prompt.callback_balance else []),
        f'{{"Name":"TransactionDate","Value":{daraja_timestamp(prompt.ended_at)}}}',
        f'{{"Name":"PhoneNumber","Value":{prompt.payer}}}',
    ]
    return f'{head},"CallbackMetadata":{{"Item":[{",".join(items)}]}}}}}}}}'


@dataclass(frozen=True, slots=True)
class Delivery:
    """``answered`` with a status, ``refused`` (no connection, or it broke) or ``timeout``."""

    outcome: str
    status: int | None = None


class Deliverer:
    """Posts callbacks, each on a connection of its own: a kept one may be dead, and would lose the callback."""

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=_AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            trust_env=False,
        )

    async def deliver(self, url: str, body: str, *, short_code: str) -> Delivery:
        headers = {"Content-Type": "application/json;charset=UTF-8", "Businessshortcode": short_code}
        async with self._slots:
            try:
                async with self._session.post(
                    url, data=body.encode(), headers=headers, allow_redirects=False
                ) as response:
                    return Delivery("answered", response.status)
            except TimeoutError:
                return Delivery("timeout")
            except (aiohttp.ClientError, OSError, ValueError):  # ValueError: a URL that cannot be asked
                return Delivery("refused")

    async def close(self) -> None:
        await self._session.close()
