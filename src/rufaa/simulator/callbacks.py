"""A callback: its text, written exactly as Safaricom writes it, and its one delivery (daraja.md §4, §12).

There is no retry: the outcome is told to the caller, and that was it. Forged ones leave from another address, so that a
server that looks at the sender can tell.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from rufaa.clock import daraja_timestamp
from rufaa.simulator import codes
from rufaa.simulator.plans import PhoneForm
from rufaa.simulator.state import Prompt

_AT_ONCE: Final = 200  # deliveries; more would only exhaust the sockets of a small machine

Value: TypeAlias = object


class Raw(str):
    """JSON text that is written as it is: ``1000.00`` is a number that no JSON library writes so."""

    __slots__ = ()


def result(prompt: Prompt, *, phone_form: PhoneForm) -> dict[str, Value]:
    """The callback of an ended prompt."""
    assert prompt.result_code is not None
    if prompt.receipt is None:
        return failure(prompt, code=prompt.result_code, words=prompt.result_desc or "")
    return success(prompt, receipt=prompt.receipt, phone_form=phone_form, words=prompt.result_desc or "")


def failure(prompt: Prompt, *, code: str, words: str) -> dict[str, Value]:
    return _callback(_head(prompt, code=code, words=words))


def success(prompt: Prompt, *, receipt: str, phone_form: PhoneForm, words: str) -> dict[str, Value]:
    """``prompt`` need not be paid: a forger writes the same."""
    balance: list[dict[str, Value]] = [{"Name": "Balance"}] if prompt.callback_balance else []
    items: list[dict[str, Value]] = [
        {"Name": "Amount", "Value": Raw(f"{prompt.amount.decimal:.2f}")},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        *balance,
        {"Name": "TransactionDate", "Value": Raw(daraja_timestamp(prompt.ended_at or prompt.created_at))},
    ]
    if phone_form is not PhoneForm.ABSENT:
        items.append({"Name": "PhoneNumber", "Value": shown_phone(prompt.payer, phone_form)})
    return _callback({**_head(prompt, code=codes.PAID, words=words), "CallbackMetadata": {"Item": items}})


def shown_phone(phone: str, form: PhoneForm) -> Value:
    """``phone`` as a number, or masked (daraja.md §4)."""
    match form:
        case PhoneForm.MASKED_END:
            return f"0{phone[3:9]}***"
        case PhoneForm.MASKED_MIDDLE:
            return f"{phone[:6]}***{phone[9:]}"
        case _:
            return Raw(phone)


def _head(prompt: Prompt, *, code: str, words: str) -> dict[str, Value]:
    return {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.shown_id,
        "ResultCode": codes.on_the_wire(code),
        "ResultDesc": words,
    }


def _callback(fields: dict[str, Value]) -> dict[str, Value]:
    return {"Body": {"stkCallback": fields}}


def write(value: Value) -> str:
    """JSON without spaces, with ``Raw`` as it is."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{write(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


@dataclass(frozen=True, slots=True)
class Delivery:
    """``answered`` with a status, ``refused`` (no connection, or it broke) or ``timeout``."""

    outcome: str
    status: int | None = None
    text: str = ""  # of the answer, where it was asked for


class Deliverer:
    """Posts callbacks, each on a connection of its own: a kept one may be dead, and would lose the callback.

    ``forger_address``: the loopback address that a forger posts from to a loopback address, where this machine has it.
    """

    def __init__(self, *, timeout_s: float, forger_address: str | None = None) -> None:
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session = _session(timeout_s)
        usable = forger_address is not None and _is_ours(forger_address)
        self._forger = _session(timeout_s, address=forger_address) if usable else None

    async def deliver(self, url: str, body: str, *, short_code: str, forged: bool = False) -> Delivery:
        session = self._forger if forged and self._forger is not None and _is_loopback(url) else self._session
        return await self._post(session, url, body, short_code=short_code)

    async def ask(self, url: str, body: str, *, short_code: str, timeout_s: float) -> Delivery:
        """Deliver it, and read the answer, within ``timeout_s``."""
        return await self._post(self._session, url, body, short_code=short_code, timeout_s=timeout_s)

    async def _post(
        self, session: aiohttp.ClientSession, url: str, body: str, *, short_code: str, timeout_s: float | None = None
    ) -> Delivery:
        headers = {"Content-Type": "application/json;charset=UTF-8", "Businessshortcode": short_code}
        limit = aiohttp.ClientTimeout(total=self._timeout_s if timeout_s is None else timeout_s)
        async with self._slots:
            try:
                async with session.post(
                    url, data=body.encode(), headers=headers, allow_redirects=False, timeout=limit
                ) as response:
                    text = "" if timeout_s is None else (await response.read()).decode()
                    return Delivery("answered", response.status, text)
            except TimeoutError:
                return Delivery("timeout")
            except (aiohttp.ClientError, OSError, ValueError):  # ValueError: a URL that cannot be asked, no UTF-8
                return Delivery("refused")

    async def close(self) -> None:
        await self._session.close()
        if self._forger is not None:
            await self._forger.close()


def _session(timeout_s: float, *, address: str | None = None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            force_close=True, limit=_AT_ONCE, local_addr=None if address is None else (address, 0)
        ),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        trust_env=False,
    )


def _is_ours(address: str) -> bool:
    """Not every system has more than 127.0.0.1."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _is_loopback(url: str) -> bool:
    """Whether ``url`` is on IPv4 loopback, which alone can be reached from another loopback address."""
    try:
        host = urlsplit(url).hostname or ""
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
