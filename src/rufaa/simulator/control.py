"""The control routes: what tests and the handset ask and do. For loopback only; no secret guards them.

A body must be ``application/json``, so that no page of another site can post here without a preflight, which
is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rufaa import phone as phones
from rufaa.errors import InvalidArgument, Kind, RufaaError
from rufaa.money import Money
from rufaa.phone import Phone
from rufaa.simulator.config import Chaos
from rufaa.simulator.engine import Engine
from rufaa.simulator.events import UrlsRemoved
from rufaa.simulator.faults import KINDS, Fault, FaultKind, Operation
from rufaa.simulator.journal import to_data
from rufaa.simulator.paybill import NotPaid
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.shapes import FIELDS, SHAPES
from rufaa.simulator.state import Answer, Cancelled, PinEntered, PutAside

_STATUSES: Final = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.UNAVAILABLE: 503,
}
_ACTIONS: Final[dict[str, Answer]] = {"cancel": Cancelled(), "ignore": PutAside()}


class NotRegistered(RufaaError):
    """There is no registration of this short code."""

    kind = Kind.NOT_FOUND
    code = "not-registered"


def refusals(engine: Engine) -> Middleware:
    """Turn refusals into ``{"error": code, "message": …}``, for every route that is not Daraja's."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RufaaError as error:
            return _refusal(error.code, error.message, status=_STATUSES[error.kind], more=_data(error))
        except web.HTTPNotFound:
            return _refusal("no-such-route", "There is nothing here.", status=404)
        except web.HTTPException:
            raise  # a redirect, a wrong method, a body that is too large
        except Exception as error:  # noqa: BLE001 - journalled, and told without its inside
            engine.error(request.path, error)
            return _refusal("internal-error", "The simulator failed; its journal says how.", status=500)

    return refuse


def _refusal(code: str, message: str, *, status: int, more: Mapping[str, object] | None = None) -> web.Response:
    return web.json_response({"error": code, "message": message, **(more or {})}, status=status)


def _data(error: RufaaError) -> Mapping[str, object]:
    return error.data if isinstance(error, NotPaid) else {}


class Control:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get("/control/journal", self._journal)
        router.add_get("/control/prompts", self._prompts)
        router.add_get("/control/wallets", self._wallets)
        router.add_post("/control/wallets/{phone}", self._set_wallet)
        router.add_get("/control/tills", self._tills)
        router.add_get("/control/clock", self._clock)
        router.add_post("/control/clock", self._advance)
        router.add_get("/control/faults", self._faults)
        router.add_post("/control/faults", self._script)
        router.add_delete("/control/faults", self._forget_faults)
        router.add_get("/control/faults/kinds", self._kinds)
        router.add_get("/control/faults/presets", self._presets)
        router.add_get("/control/faults/shapes", self._shapes)
        router.add_get("/control/maintenance", self._maintenance)
        router.add_post("/control/maintenance", self._maintain)
        router.add_delete("/control/maintenance", self._end_maintenance)
        router.add_get("/control/chaos", self._chaos)
        router.add_post("/control/chaos", self._start_chaos)
        router.add_delete("/control/chaos", self._stop_chaos)
        router.add_post("/control/phones/{phone}/answer", self._answer)
        router.add_post("/control/phones/{phone}/pay", self._pay)
        router.add_get("/control/movements", self._movements)
        router.add_get("/control/notices", self._notices)
        router.add_get("/control/orders", self._orders)
        router.add_get("/control/certificate", self._certificate)
        router.add_get("/control/pull", self._pull)
        router.add_get("/control/c2b", self._c2b)
        router.add_delete("/control/c2b/{short_code}", self._remove_urls)

    async def _journal(self, request: web.Request) -> web.Response:
        """``?since=n``: the entries after number n (default 0)."""
        text = request.query.get("since", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise InvalidArgument("since is the number of the last entry that you have.", argument="since")
        return web.json_response({"entries": [each.to_json() for each in self._engine.journal.since(int(text))]})

    async def _prompts(self, _request: web.Request) -> web.Response:
        return web.json_response({"prompts": [to_data(each) for each in self._engine.books.prompts.values()]})

    async def _wallets(self, _request: web.Request) -> web.Response:
        wallets = self._engine.books.wallets
        return web.json_response({"wallets": {phone: {"balance_cents": each.cents} for phone, each in wallets.items()}})

    async def _set_wallet(self, request: web.Request) -> web.Response:
        phone = phone_of(request)
        body = await body_of(request, allowed={"balance_cents"})
        cents = body.get("balance_cents")
        if type(cents) is not int or not 0 <= cents <= 10**12:
            raise InvalidArgument("balance_cents is a whole number of cents, not below 0.", argument="balance_cents")
        self._engine.set_wallet(phone, Money(cents))
        return web.json_response({"balance_cents": cents})

    async def _tills(self, _request: web.Request) -> web.Response:
        merchants = self._engine.settings.merchants
        return web.json_response(
            {
                "tills": {
                    each.short_code: {
                        "name": each.name,
                        "balance_cents": self._engine.books.till(each.short_code).cents,
                    }
                    for each in merchants
                }
            }
        )

    async def _clock(self, _request: web.Request) -> web.Response:
        return web.json_response(self._time())

    async def _advance(self, request: web.Request) -> web.Response:
        body = await body_of(request, allowed={"advance_s"})
        seconds = _seconds(body.get("advance_s"))
        await self._engine.advance(seconds)
        return web.json_response(self._time())

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"faults": [each.to_data() for each in self._engine.faults.waiting]})

    async def _script(self, request: web.Request) -> web.Response:
        """One fault, or ``{"faults": [...]}``: all of them or, if one makes no sense, none."""
        body = await body_of(request)
        many = body.get("faults", [body])
        if not isinstance(many, list):
            raise InvalidArgument("faults is a list.", argument="faults")
        for fault in [fault_of(each) for each in many]:
            self._engine.script(fault)
        return await self._faults(request)

    async def _forget_faults(self, _request: web.Request) -> web.Response:
        self._engine.forget_faults()
        return web.json_response({"faults": []})

    async def _kinds(self, _request: web.Request) -> web.Response:
        """Every kind of fault, with its parameters and what they are if not given."""
        return web.json_response(
            {
                "kinds": {
                    kind: {"line": about.line, "on": sorted(about.on), "parameters": dict(about.parameters)}
                    for kind, about in KINDS.items()
                }
            }
        )

    async def _presets(self, _request: web.Request) -> web.Response:
        """The answers that ``answer-preset`` knows; ``accepted`` may be true with those that ``may_ring``."""
        return web.json_response(
            {
                "presets": {
                    name: {"line": each.line, "status": each.status, "may_ring": each.may_ring}
                    for name, each in PRESETS.items()
                }
            }
        )

    async def _shapes(self, _request: web.Request) -> web.Response:
        """What ``callback-tampered`` knows: shapes with a line each, and fields."""
        return web.json_response({"shapes": {name: each.line for name, each in SHAPES.items()}, "fields": FIELDS})

    async def _maintenance(self, _request: web.Request) -> web.Response:
        window = self._engine.books.maintenance
        now = self._engine.clock.now()
        shown = None if window is None or window.until <= now else to_data(window)
        return web.json_response({"maintenance": shown})

    async def _maintain(self, request: web.Request) -> web.Response:
        """``{"for_s": 600, "delay_s": 0}``; both may be left out."""
        body = await body_of(request, allowed={"for_s", "delay_s"})
        self._engine.script(Fault(FaultKind.MAINTENANCE, **body))
        return await self._maintenance(request)

    async def _end_maintenance(self, request: web.Request) -> web.Response:
        self._engine.end_maintenance()
        return await self._maintenance(request)

    async def _chaos(self, _request: web.Request) -> web.Response:
        swarm = self._engine.swarm
        told = None if swarm is None else {**to_data(swarm.chaos), "kinds": self._engine.chaos_kinds}
        return web.json_response({"chaos": told})

    async def _start_chaos(self, request: web.Request) -> web.Response:
        """``{"seed": 7}``, and ``"rate"``: above 0, at most 1."""
        body = await body_of(request, allowed={"seed", "rate"})
        seed, rate = body.get("seed"), body.get("rate", Chaos(0).rate)
        if type(seed) is not int or not 0 <= seed <= 10**12:
            raise InvalidArgument("seed is a whole number from 0 on.", argument="seed")
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            raise InvalidArgument("rate is a number above 0 and at most 1.", argument="rate")
        self._engine.set_chaos(Chaos(seed, rate))
        return await self._chaos(request)

    async def _stop_chaos(self, request: web.Request) -> web.Response:
        self._engine.set_chaos(None)
        return await self._chaos(request)

    async def _answer(self, request: web.Request) -> web.Response:
        """``{"pin": "1234"}`` or ``{"action": "cancel" | "ignore"}``; with ``"prompt"``, only if that one rings."""
        phone = phone_of(request)
        body = await body_of(request, allowed={"pin", "action", "prompt"})
        prompt = await self._engine.answer(phone, _answer_of(body), checkout_request_id=_text_or_none(body, "prompt"))
        return web.json_response({"state": prompt.state, "result_code": prompt.result_code, "receipt": prompt.receipt})

    async def _pay(self, request: web.Request) -> web.Response:
        """``{"to": "174379", "reference": "…", "shillings": 1000}``; with ``"pin"`` if it is to be a wrong one."""
        phone = phone_of(request)
        body = await body_of(request, allowed={"to", "reference", "shillings", "pin"})
        to, reference, pin = (_text_or_none(body, name) for name in ("to", "reference", "pin"))
        if to is None:
            raise InvalidArgument("to is the number of a paybill or of a till.", argument="to")
        payment = await self._engine.paybill.pay(
            phone,
            to=to,
            reference=reference or "",
            shillings=body.get("shillings"),
            pin=self._engine.settings.pin if pin is None else pin,
        )
        return web.json_response({"receipt": payment.receipt})

    async def _movements(self, _request: web.Request) -> web.Response:
        return web.json_response({"movements": [to_data(each) for each in self._engine.books.movements.values()]})

    async def _notices(self, _request: web.Request) -> web.Response:
        return web.json_response({"notices": [to_data(each) for each in self._engine.books.notices]})

    async def _orders(self, _request: web.Request) -> web.Response:
        return web.json_response({"orders": [to_data(each) for each in self._engine.books.orders.values()]})

    async def _certificate(self, _request: web.Request) -> web.Response:
        """PEM: what an initiator's password is encrypted with."""
        return web.Response(text=self._engine.key.certificate, content_type="application/x-pem-file")

    async def _pull(self, _request: web.Request) -> web.Response:
        pull = self._engine.books.pull
        return web.json_response({"pull": {short_code: to_data(each) for short_code, each in pull.items()}})

    async def _c2b(self, _request: web.Request) -> web.Response:
        urls = self._engine.books.urls
        return web.json_response({"c2b": {short_code: to_data(each) for short_code, each in urls.items()}})

    async def _remove_urls(self, request: web.Request) -> web.Response:
        """What two operators do in Safaricom's portal."""
        short_code = request.match_info["short_code"]
        if short_code not in self._engine.books.urls:
            raise NotRegistered("No addresses are registered for this short code.")
        self._engine.record(UrlsRemoved(short_code))
        return await self._c2b(request)

    def _time(self) -> dict[str, object]:
        now = self._engine.clock.now().isoformat(timespec="milliseconds")
        return {"now": now, "manual": self._engine.settings.manual_clock}


def fault_of(body: object) -> Fault:
    """A fault from JSON. Raises ``InvalidArgument``."""
    if not isinstance(body, dict):
        raise InvalidArgument("A fault is an object.", argument="fault")
    try:
        kind = FaultKind(body.get("kind", ""))
        on = None if "on" not in body else Operation(body["on"])
    except ValueError as error:
        kinds, operations = ", ".join(FaultKind), ", ".join(Operation)
        raise InvalidArgument(f"kind is one of {kinds}; on is one of {operations}.", argument="kind") from error
    given = {name: value for name, value in body.items() if name not in {"kind", "on"}}
    return Fault(kind, on=on, **given)


def phone_of(request: web.Request) -> Phone:
    """The phone that the route names. Raises ``InvalidPhone``."""
    return phones.parse(request.match_info["phone"], argument="phone")


async def body_of(request: web.Request, *, allowed: set[str] | None = None) -> Mapping[str, Any]:
    """The object that was sent. Raises ``InvalidArgument``, also where it has a name that is not ``allowed``."""
    if request.content_type != "application/json":
        raise InvalidArgument("Send application/json.", argument="Content-Type")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("The body is not JSON.", argument="body") from error
    if not isinstance(body, dict):
        raise InvalidArgument("The body is not an object.", argument="body")
    unknown = set(body) - allowed if allowed is not None else set()
    if unknown:
        raise InvalidArgument(f"Unknown: {', '.join(sorted(unknown))[:80]}.", argument="body")
    return body


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**8 or math.isnan(value):
        raise InvalidArgument("advance_s is a number of seconds, not below 0.", argument="advance_s")
    return float(value)


def _answer_of(body: Mapping[str, Any]) -> Answer:
    pin, action = body.get("pin"), body.get("action")
    if isinstance(pin, str) and len(pin) <= 20 and action is None:
        return PinEntered(pin)
    if pin is None and isinstance(action, str) and action in _ACTIONS:
        return _ACTIONS[action]
    raise InvalidArgument('Give either a "pin" or an "action": "cancel" or "ignore".', argument="pin")


def _text_or_none(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidArgument(f"{name} is text.", argument=name)
    return value
