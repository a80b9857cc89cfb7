"""The control routes about phones and switches: what the handset does, and what else writes to a phone."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from rufaa.errors import InvalidArgument
from rufaa.simulator.control import body_of, phone_of
from rufaa.simulator.engine import Engine
from rufaa.simulator.owner import Message
from rufaa.simulator.state import Manner
from rufaa.simulator.switches import Switches

_AT_ONCE: Final = 100  # messages in one answer


class PhoneControl:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._switches = Switches(engine)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/control/phones/{phone}/messages", self._messages)
        router.add_post("/control/phones/{phone}/messages", self._receive)
        router.add_post("/control/phones/{phone}/read", self._read)
        router.add_post("/control/phones/{phone}/cash", self._pay_in)
        router.add_post("/control/phones/{phone}/manner", self._set_manner)
        router.add_get("/control/switches", self._all)
        router.add_delete("/control/switches", self._all_off)
        router.add_post("/control/switches/{name}", self._switch_on)
        router.add_delete("/control/switches/{name}", self._switch_off)

    async def _messages(self, request: web.Request) -> web.Response:
        phone = phone_of(request)
        inbox = [_shown(each) for each, _ in zip(self._engine.owner.inbox(phone), range(_AT_ONCE), strict=False)]
        return web.json_response({"unread": self._engine.books.unread(phone), "messages": inbox})

    async def _receive(self, request: web.Request) -> web.Response:
        """``{"from": "RUFAA", "text": "…"}``: an SMS that is not M-Pesa's. It is stored once for each call; with a
        ``"key"``, once for that."""
        phone = phone_of(request)
        body = await body_of(request, allowed={"from", "text", "key"})
        sms = self._engine.owner.receive(phone, sender=body.get("from"), text=body.get("text"), key=body.get("key", ""))
        return web.json_response(_shown(sms), status=201)

    async def _read(self, request: web.Request) -> web.Response:
        """``{}``: all that is there has been read."""
        phone = phone_of(request)
        await body_of(request, allowed=set())
        self._engine.owner.read(phone)
        return web.json_response({"unread": self._engine.books.unread(phone)})

    async def _pay_in(self, request: web.Request) -> web.Response:
        """``{"shillings": 1000}``, given to an agent."""
        phone = phone_of(request)
        body = await body_of(request, allowed={"shillings"})
        cash = self._engine.owner.pay_in(phone, body.get("shillings"))
        return web.json_response({"receipt": cash.receipt, "balance_cents": cash.wallet_after.cents})

    async def _set_manner(self, request: web.Request) -> web.Response:
        """``{"manner": "off"}``."""
        phone = phone_of(request)
        manner = (await body_of(request, allowed={"manner"})).get("manner")
        if manner not in list(Manner):
            raise InvalidArgument(f"manner is one of {', '.join(Manner)}.", argument="manner")
        self._engine.owner.set_manner(phone, Manner(manner))
        return web.json_response({"manner": manner})

    async def _all(self, _request: web.Request) -> web.Response:
        return web.json_response({"switches": self._switches.picture()})

    async def _all_off(self, request: web.Request) -> web.Response:
        self._switches.all_off()
        return await self._all(request)

    async def _switch_on(self, request: web.Request) -> web.Response:
        """``{"times": "once" | "always"}``, and ``"seconds"`` where the switch has some."""
        body = await body_of(request, allowed={"times", "seconds"})
        if body.get("times") not in ("once", "always"):
            raise InvalidArgument("times is once or always.", argument="times")
        name = request.match_info["name"]
        self._switches.switch_on(name, always=body["times"] == "always", seconds=body.get("seconds"))
        return await self._all(request)

    async def _switch_off(self, request: web.Request) -> web.Response:
        self._switches.switch_off(request.match_info["name"])
        return await self._all(request)


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "from": message.sender,
        "text": message.text,
        "at": message.at.isoformat(timespec="milliseconds"),
        "read": message.read,
    }
