"""The virtual handset: a page of phones, a page for one phone, and the streams that keep both fresh.

A stream sends the whole picture whenever the journal grows (growth in between is sent once), so that a page that
reconnects has missed nothing. Answers go through the control routes; what is paid by hand is a plain form, which needs
no script. Pages are static files; what they show comes as JSON and is set as text, never as HTML, but for the phone's
number and the words about the form, which are escaped here.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from rufaa import phone as phones
from rufaa.phone import InvalidPhone, Phone
from rufaa.simulator import words
from rufaa.simulator.engine import Engine
from rufaa.simulator.paybill import NOT_PAID, NotPaid

_STATIC: Final = Path(__file__).parent / "static"
_CONTENT_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
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
_SHOWN: Final = 30  # messages, and phones
_LONGEST_FIELD: Final = 40  # characters of a form's field


class Handset:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closing = asyncio.Event()
        self._streams: set[asyncio.Event] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/", self._page("phones.html"))
        router.add_get("/phone", self._open_phone)
        router.add_get("/phone/{phone}", self._phone_page)
        router.add_post("/phone/{phone}", self._pay)
        router.add_get("/handset/phones", self._phones_stream, allow_head=False)
        router.add_get("/handset/phones/{phone}", self._phone_stream, allow_head=False)
        for file in sorted(_STATIC.iterdir()):
            if file.suffix in _CONTENT_TYPES and file.suffix != ".html":
                router.add_get(f"/static/{file.name}", self._page(file.name))

    async def close(self, _app: web.Application) -> None:
        """End the streams; the pages reconnect to whoever comes next."""
        self._closing.set()
        for stream in self._streams:
            stream.set()

    def phones(self) -> dict[str, Any]:
        """What the list shows: ringing phones first, then those used last."""
        books = self._engine.books
        ringing = [each for each in map(books.live_on, books.on_phone) if each is not None and self._engine.rings(each)]
        recent = itertools.islice(reversed(books.history), _SHOWN)
        return {
            "ringing": [{"phone": each.phone, "text": each.text} for each in ringing[-200:]],
            "phones": [{"phone": each, "balance": words.ksh(books.wallet(each))} for each in recent],
            "tills": [
                {"name": each.name, "shortCode": each.short_code, "balance": words.ksh(books.till(each.short_code))}
                for each in self._engine.settings.merchants
            ],
            "chaos": self._chaos(),
        }

    def phone(self, phone: Phone) -> dict[str, Any]:
        """What one phone shows."""
        books = self._engine.books
        live = books.live_on(phone)
        rings = live is not None and self._engine.rings(live)
        shown = itertools.islice(self._engine.owner.inbox(phone), _SHOWN)
        return {
            "phone": phone,
            "balance": words.ksh(books.wallet(phone)),
            "pin": self._engine.settings.pin,
            "prompt": {"id": live.checkout_request_id, "text": live.text} if rings and live is not None else None,
            "messages": [{"id": each.message_id, "text": each.text, "at": each.at.isoformat()} for each in shown],
        }

    def _chaos(self) -> str | None:
        """What the random mode does, in one line."""
        swarm = self._engine.swarm
        if swarm is None:
            return None
        return f"Chaos {swarm.chaos.seed} is on: {', '.join(self._engine.chaos_kinds) or 'nothing'}."

    def _page(self, name: str) -> Callable[[web.Request], Any]:
        path = _STATIC / name
        content_type = _CONTENT_TYPES[path.suffix]
        text = path.read_text(encoding="utf-8")

        async def page(_request: web.Request) -> web.Response:
            return web.Response(text=text, content_type=content_type, charset="utf-8", headers=_HEADERS)

        return page

    async def _open_phone(self, request: web.Request) -> web.Response:
        """The form's target: any way of writing a number, on to its page."""
        try:
            phone = phones.parse(request.query.get("number", ""), argument="number")
        except InvalidPhone:
            raise web.HTTPSeeOther("/?wrong-number=1", headers=_HEADERS) from None
        raise web.HTTPSeeOther(f"/phone/{phone}", headers=_HEADERS)

    async def _phone_page(self, request: web.Request) -> web.Response:
        text = request.match_info["phone"]
        phone = phones.parse(text, argument="phone")
        if phone != text:
            raise web.HTTPSeeOther(f"/phone/{phone}", headers=_HEADERS)
        paid, refused = request.query.get("paid"), request.query.get("refused")
        said = ""
        if paid in self._engine.books.movements:
            said = f"Paid: {paid}."
        elif refused is not None:
            said = "Not paid. " + NOT_PAID.get(refused, "")
        page = (
            (_STATIC / "phone.html")
            .read_text(encoding="utf-8")
            .replace("$PHONE", phone)
            .replace("$OPEN", "open" if said else "")
            .replace("$SAID", html.escape(said))
            .replace("$BUSINESS", html.escape(self._engine.settings.merchants[0].short_code))
        )
        return web.Response(text=page, content_type="text/html", charset="utf-8", headers=_HEADERS)

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
        raise web.HTTPSeeOther(f"/phone/{phone}?{urlencode(said)}", headers=_HEADERS)

    async def _phones_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, self.phones)

    async def _phone_stream(self, request: web.Request) -> web.StreamResponse:
        phone = phones.parse(request.match_info["phone"], argument="phone")
        return await self._stream(request, lambda: self.phone(phone))

    async def _stream(self, request: web.Request, picture: Callable[[], dict[str, Any]]) -> web.StreamResponse:
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        grew = asyncio.Event()
        self._streams.add(grew)
        stop_listening = self._engine.journal.listen(lambda _: grew.set())
        sent = None
        try:
            while not self._closing.is_set():
                grew.clear()
                shown = json.dumps(picture())
                if shown != sent:
                    await response.write(f"retry: 1000\ndata: {shown}\n\n".encode())
                    sent = shown
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
