"""The virtual handset: a table of phones, and the stream that keeps it fresh.

A stream sends the whole picture whenever the journal grows (growth in between is sent once), so that a page that
reconnects has missed nothing. It is a task of the event loop, no thread. What is done on the page goes through the
control routes; what is paid by hand is a plain form besides, which needs no script.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from rufaa import phone as phones
from rufaa.phone import InvalidPhone, Phone
from rufaa.simulator import table, words
from rufaa.simulator.engine import Engine
from rufaa.simulator.owner import Message, is_test_phone
from rufaa.simulator.paybill import NOT_PAID, NotPaid
from rufaa.simulator.state import Prompt
from rufaa.simulator.switches import Switches
from rufaa.simulator.table import OnTable, local

_CONTENT_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_HEARTBEAT_S: Final = 15.0
_PACE_S: Final = 0.03  # between two pictures: a storm of prompts must not become a storm of pictures
_SHOWN: Final = 30  # messages of a phone
_KNOWN: Final = 12  # phones that do not lie on the table
_LONGEST_FIELD: Final = 40  # characters of a form's field


class Handset:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._switches = Switches(engine)
        self._closing = asyncio.Event()
        self._streams: set[asyncio.Event] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._table)
        router.add_get("/phone", self._add_phone)
        router.add_get("/phone/{phone}", self._phone_page)
        router.add_post("/phone/{phone}", self._pay)
        router.add_get("/handset/stream", self._stream, allow_head=False)
        for file in sorted(table.STATIC.iterdir()):
            if file.suffix in _CONTENT_TYPES:
                router.add_get(f"/static/{file.name}", self._static(file.name))

    async def close(self, _app: web.Application) -> None:
        """End the streams; the pages reconnect to whoever comes next."""
        self._closing.set()
        for stream in self._streams:
            stream.set()

    # ------------------------------------------------------------ what is shown

    def picture(self, on_table: Sequence[Phone]) -> dict[str, Any]:
        """All that moves on the page where ``on_table`` lie."""
        books = self._engine.books
        live = (each for each in map(books.live_on, books.on_phone) if each is not None and each.phone not in on_table)
        ringing = [each for each in live if self._engine.rings(each)]
        known = itertools.islice((each for each in reversed(books.history) if each not in on_table), _KNOWN)
        return {
            "phones": [self.phone(each) for each in on_table],
            "ringing": [{"phone": each.phone, "local": local(each.phone), "text": each.text} for each in ringing[-50:]],
            "known": [{"phone": each, "local": local(each), "balance": self._balance(each)} for each in known],
            "tills": [
                {"name": each.name, "shortCode": each.short_code, "balance": words.ksh(books.till(each.short_code))}
                for each in self._engine.settings.merchants
            ],
            "switches": self._switches.picture(),
            "others": self._switches.others(),
            "chaos": self._chaos(),
            "stands": self._engine.settings.manual_clock,
        }

    def phone(self, phone: Phone) -> dict[str, Any]:
        """What one phone shows."""
        books = self._engine.books
        live = books.live_on(phone)
        inbox = itertools.islice(self._engine.owner.inbox(phone), _SHOWN)
        return {
            "phone": phone,
            "local": local(phone),
            "balance": self._balance(phone),
            "manner": books.manner(phone),
            "prompt": self._prompt(live) if live is not None and self._engine.rings(live) else None,
            "unread": books.unread(phone),
            "messages": [_message(each) for each in inbox],
        }

    def _prompt(self, prompt: Prompt) -> dict[str, Any]:
        """``beganAt`` and ``endsAt`` in milliseconds since 1970, as JavaScript counts."""
        ends_at = prompt.created_at + timedelta(seconds=self._engine.settings.unanswered_after_s)
        return {
            "id": prompt.checkout_request_id,
            "text": prompt.text,
            "beganAt": round(prompt.created_at.timestamp() * 1000),
            "endsAt": round(ends_at.timestamp() * 1000),
        }

    def _balance(self, phone: Phone) -> str:
        return words.ksh(self._engine.books.wallet(phone))

    def _chaos(self) -> str | None:
        """What the random mode does, in one line."""
        swarm = self._engine.swarm
        if swarm is None:
            return None
        return f"Chaos {swarm.chaos.seed} is on: {', '.join(self._engine.chaos_kinds) or 'nothing'}."

    # ------------------------------------------------------------ pages

    def _static(self, name: str) -> Callable[[web.Request], Any]:
        path = table.STATIC / name
        text, content_type = path.read_text(encoding="utf-8"), _CONTENT_TYPES[path.suffix]

        async def file(_request: web.Request) -> web.Response:
            return web.Response(text=text, content_type=content_type, charset="utf-8", headers=_HEADERS)

        return file

    async def _table(self, request: web.Request) -> web.Response:
        """``?phone=…&phone=…``: these; without any, two that ring."""
        on_table = _phones_of(request) or list(table.AT_FIRST)
        return self._page([self._on_table(each) for each in on_table], wrong=request.query.get("wrong"))

    async def _add_phone(self, request: web.Request) -> web.Response:
        """The form's target: any way of writing a number, on to a table where that phone lies besides."""
        on_table = _phones_of(request)
        try:
            phone = phones.parse(request.query.get("number", ""), argument="number")
        except InvalidPhone:
            raise _see(table.address(on_table, wrong="no-number")) from None
        if not is_test_phone(phone) and phone not in self._engine.books.history:
            raise _see(table.address(on_table, wrong="no-test-phone"))
        if phone not in on_table and len(on_table) >= table.MOST:
            raise _see(table.address(on_table, wrong="too-many"))
        raise _see(table.address(list(dict.fromkeys([*on_table, phone]))) if on_table else f"/phone/{phone}")

    async def _phone_page(self, request: web.Request) -> web.Response:
        text = request.match_info["phone"]
        phone = phones.parse(text, argument="phone")
        if phone != text:
            raise _see(f"/phone/{phone}")
        paid, refused = request.query.get("paid"), request.query.get("refused")
        said = ""
        if paid in self._engine.books.movements:
            said = f"Paid: {paid}."
        elif refused is not None:
            said = f"Not paid. {NOT_PAID.get(refused, '')}"
        return self._page([self._on_table(phone, said=said)])

    def _page(self, on_table: list[OnTable], *, wrong: str | None = None) -> web.Response:
        settings = self._engine.settings
        first = settings.merchants[0]
        text = table.page(
            on_table,
            pin=settings.pin,
            business=first.till_number or first.short_code,
            wrong=wrong if wrong in table.WRONG else None,
        )
        return web.Response(text=text, content_type="text/html", charset="utf-8", headers=_HEADERS)

    def _on_table(self, phone: Phone, *, said: str = "") -> OnTable:
        return OnTable(phone, self._balance(phone), said)

    async def _pay(self, request: web.Request) -> web.Response:
        """The form Lipa na M-PESA. Back to the phone, with the receipt or with what was wrong."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise web.HTTPForbidden(text="This form is for the handset's own page.", headers=_HEADERS)
        phone = phones.parse(request.match_info["phone"], argument="phone")
        form = {name: str(value).strip()[:_LONGEST_FIELD] for name, value in (await request.post()).items()}
        shillings = form.get("amount", "").replace(",", "")
        try:
            payment = await self._engine.paybill.pay(
                phone,
                to=form.get("business", ""),
                reference=form.get("account", ""),
                shillings=int(shillings) if shillings.isascii() and shillings.isdigit() else shillings,
                pin=form.get("pin", ""),
            )
        except NotPaid as refused:
            said = {"refused": refused.why}
        else:
            said = {"paid": payment.receipt}
        raise _see(f"/phone/{phone}?{urlencode(said)}")

    # ------------------------------------------------------------ the stream

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """``?phone=…``: the pictures of a table. ``at`` is the simulator's time, in milliseconds since 1970."""
        on_table = _phones_of(request)
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        grew = asyncio.Event()
        self._streams.add(grew)
        stop_listening = self._engine.journal.listen(lambda _: grew.set())
        sent = None
        try:
            while not self._closing.is_set():
                grew.clear()
                picture = self.picture(on_table)
                if picture != sent:
                    at = round(self._engine.clock.now().timestamp() * 1000)
                    shown = json.dumps({"at": at, **picture})
                    await response.write(f"retry: 1000\ndata: {shown}\n\n".encode())
                    sent = picture
                    await asyncio.sleep(_PACE_S)
                try:
                    await asyncio.wait_for(grew.wait(), _HEARTBEAT_S)
                except TimeoutError:
                    await response.write(b": still here\n\n")
        except ConnectionError:
            pass  # the page was closed
        finally:
            stop_listening()
            self._streams.discard(grew)
        return response


def _message(message: Message) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "from": message.sender,
        "text": message.text,
        "when": words.day_and_time(message.at),
        "read": message.read,
    }


def _phones_of(request: web.Request) -> list[Phone]:
    """The phones that the address names, each once. Raises ``InvalidPhone``."""
    named = request.query.getall("phone", [])
    return list(dict.fromkeys(phones.parse(each, argument="phone") for each in named))[: table.MOST]


def _see(address: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(address, headers=_HEADERS)
