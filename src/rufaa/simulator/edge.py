"""What every Daraja request passes through: scripted faults, refusals in Daraja's form, and the journal.

A request that the simulator itself fails on is journalled and answered as Daraja's 500.003.1001; it never shows a fault
of its own. The endpoints are bound here to their functions, which know no aiohttp.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from rufaa.simulator import answers, c2b_endpoints, order_endpoints, pull_endpoints, stk
from rufaa.simulator.answers import Answer, Refused, Throttled
from rufaa.simulator.chaos import NOTHING, Drawn
from rufaa.simulator.checks import Asked
from rufaa.simulator.config import C2bVersion
from rufaa.simulator.engine import Engine
from rufaa.simulator.faults import Fault, FaultKind, Operation
from rufaa.simulator.orders import OrderKind
from rufaa.simulator.presets import PRESETS
from rufaa.simulator.query import Queries
from rufaa.simulator.rates import SpikeArrest

LONGEST_BODY: Final = 64 * 1024
_JOURNALLED: Final = 20_000  # characters of a body; more is noise

_MAINTENANCE: Final = ("maintenance", "html-503")  # both are seen, and take turns by the clock's seconds

_SUBJECTS: Final[Mapping[Operation, tuple[str, ...]]] = {  # the fields that say what a request is about
    Operation.TOKEN: (),
    Operation.PUSH: ("PhoneNumber",),
    Operation.QUERY: ("CheckoutRequestID",),
    Operation.C2B_REGISTER: ("ShortCode",),
    Operation.C2B_SIMULATE: ("Msisdn",),
    Operation.STATUS: ("TransactionID", "OriginalConversationID"),
    Operation.REVERSAL: ("TransactionID",),
    Operation.B2C: ("OriginatorConversationID",),
    Operation.PULL_REGISTER: ("ShortCode",),
    Operation.PULL: ("ShortCode", "OffSetValue"),
}

Handler = Callable[[web.Request, bytes, Drawn], Awaitable["Effect"]]


@dataclass(frozen=True, slots=True)
class Effect:
    """The answer to a request that took effect; ``checkout_request_id`` if it made a prompt."""

    answer: Answer
    checkout_request_id: str | None = None


class Daraja:
    """The endpoints as aiohttp handlers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        settings = engine.settings
        self._push_limit = None if settings.push_rate is None else SpikeArrest(settings.push_rate)
        query_limit = None if settings.query_rate is None else SpikeArrest(settings.query_rate)
        self._queries = Queries(engine, limit=query_limit)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for path, methods, operation, handler in (
            ("/oauth/v1/generate", ("GET",), Operation.TOKEN, self._token),
            ("/mpesa/stkpush/v1/processrequest", ("POST",), Operation.PUSH, self._push),
            ("/mpesa/stkpushquery/v1/query", ("POST",), Operation.QUERY, self._query),
            ("/mpesa/c2b/{version:v[12]}/registerurl", ("POST",), Operation.C2B_REGISTER, self._register),
            ("/mpesa/c2b/{version:v[12]}/simulate", ("POST",), Operation.C2B_SIMULATE, self._simulate),
            ("/mpesa/transactionstatus/v1/query", ("POST",), Operation.STATUS, self._order(OrderKind.STATUS)),
            ("/mpesa/reversal/v1/request", ("POST",), Operation.REVERSAL, self._order(OrderKind.REVERSAL)),
            ("/pulltransactions/v1/register", ("POST",), Operation.PULL_REGISTER, self._pull_register),
            ("/pulltransactions/v1/query", self._engine.settings.pull_method.allowed, Operation.PULL, self._pull),
            ("/mpesa/b2c/v3/paymentrequest", ("POST",), Operation.B2C, self._order(OrderKind.B2C)),
        ):
            router.add_route("*", path, self._edge(handler, methods=methods, operation=operation))
        router.add_route("*", "/{nowhere:(?:oauth|mpesa|pulltransactions)/.*}", self._edge(self._nowhere))

    async def _token(self, request: web.Request, _body: bytes, _drawn: Drawn) -> Effect:
        answer = self._engine.tokens.generate(
            authorization=request.headers.get("Authorization", ""),
            grant_type=request.query.get("grant_type"),
            now=self._engine.clock.now(),
        )
        return Effect(answer)

    async def _push(self, request: web.Request, body: bytes, drawn: Drawn) -> Effect:
        answer, prompt = stk.push(
            self._engine,
            _asked(request, body),
            limit=self._push_limit,
            drawn=drawn,
        )
        return Effect(answer, prompt.checkout_request_id)

    async def _query(self, request: web.Request, body: bytes, _drawn: Drawn) -> Effect:
        return Effect(self._queries.answer(_asked(request, body)))

    async def _register(self, request: web.Request, body: bytes, _drawn: Drawn) -> Effect:
        return Effect(c2b_endpoints.register(self._engine, _asked(request, body), version=_version(request)))

    async def _simulate(self, request: web.Request, body: bytes, _drawn: Drawn) -> Effect:
        return Effect(c2b_endpoints.simulate(self._engine, _asked(request, body), version=_version(request)))

    def _order(self, kind: OrderKind) -> Handler:
        async def ordered(request: web.Request, body: bytes, drawn: Drawn) -> Effect:
            return Effect(order_endpoints.order(self._engine, _asked(request, body), kind=kind, drawn=drawn))

        return ordered

    async def _pull_register(self, request: web.Request, body: bytes, _drawn: Drawn) -> Effect:
        return Effect(pull_endpoints.register(self._engine, _asked(request, body)))

    async def _pull(self, request: web.Request, body: bytes, drawn: Drawn) -> Effect:
        return Effect(pull_endpoints.query(self._engine, _asked(request, body), drawn=drawn))

    async def _nowhere(self, _request: web.Request, _body: bytes, _drawn: Drawn) -> Effect:
        raise answers.no_resource()

    def _edge(
        self, handler: Handler, *, methods: tuple[str, ...] | None = None, operation: Operation | None = None
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = b""
            try:
                body = await request.read()
                answer = await self._answer(request, body, handler, methods=methods, operation=operation)
            except web.HTTPRequestEntityTooLarge:
                answer = self._refusal(answers.bad_payload())
            except Exception as error:  # noqa: BLE001 - whatever it is, Daraja would say the same
                self._engine.error(request.path, error)
                answer = self._refusal(answers.internal_error())
            self._journal(request, body, answer)
            if answer is None:
                return _cut(request)
            if answer.torn:
                return await self._tear(request, answer)
            return web.Response(
                status=answer.status, body=answer.body.encode(), headers={"Content-Type": answer.content_type}
            )

        return handle

    async def _answer(
        self,
        request: web.Request,
        body: bytes,
        handler: Handler,
        *,
        methods: tuple[str, ...] | None,
        operation: Operation | None,
    ) -> Answer | None:
        """None: the connection is to be cut."""
        drawn = NOTHING
        fault: Fault | None = None
        if operation is not None:
            drawn = self._engine.draw(operation, _subject(operation, body))
            if operation is not Operation.TOKEN and self._engine.books.under_maintenance(self._engine.clock.now()):
                return self._under_maintenance()
            fault = self._fault(operation, drawn, before_effect=True)
        if fault is not None:
            match fault.kind:
                case FaultKind.REQUEST_LOST:
                    return None
                case FaultKind.TOKEN_KILLED:
                    self._engine.tokens.kill_bearer(request.headers.get("Authorization"))
                case FaultKind.TOKEN_SHORT_LIVED:
                    self._engine.tokens.next_life_s = fault["for_s"]
                case _:
                    return _instead(fault)
        try:
            if methods is not None and request.method not in methods:
                raise answers.wrong_method()
            effect = await handler(request, body, drawn)
        except Refused as refused:
            return self._refusal(refused)
        except Throttled as throttled:
            return answers.gateway_throttle(throttled.rate)
        after = None if operation is None else self._fault(operation, drawn, before_effect=False)
        if after is not None:
            return await self._spoiled(effect, after)
        if effect.checkout_request_id is not None:
            self._engine.answered(effect.checkout_request_id)
        return effect.answer

    def _fault(self, operation: Operation, drawn: Drawn, *, before_effect: bool) -> Fault | None:
        """The answer fault for this moment: the script's, else the one that chance has drawn."""
        scripted = self._engine.faults.take_answer(operation, before_effect=before_effect)
        if scripted is not None:
            return scripted
        if drawn.answer is None or drawn.answer.before_effect is not before_effect:
            return None
        self._engine.fault_used(drawn.answer)
        return drawn.answer

    def _under_maintenance(self) -> Answer:
        name = _MAINTENANCE[self._engine.clock.now().second % len(_MAINTENANCE)]
        preset = PRESETS[name]
        return Answer(preset.status, preset.body, preset.content_type)

    async def _spoiled(self, effect: Effect, fault: Fault) -> Answer | None:
        answer = effect.answer
        match fault.kind:
            case FaultKind.ANSWER_LOST:
                return None
            case FaultKind.ANSWER_DELAYED:
                await self._engine.clock.sleep(fault["delay_s"])
                return answer
            case FaultKind.ANSWER_TRUNCATED:
                return replace(answer, body=answer.body[: len(answer.body) // 2])
            case FaultKind.ANSWER_TORN:
                return replace(answer, torn=True)
            case FaultKind.ANSWER_REPLACED | FaultKind.ANSWER_PRESET:
                return _instead(fault)
            case FaultKind.CALLBACK_FIRST:
                if effect.checkout_request_id is not None:
                    await self._engine.deliver_first(effect.checkout_request_id)
                return answer
            case FaultKind.ID_REPEATED:
                own = effect.checkout_request_id
                if own is None:
                    return answer
                said = self._engine.repeat_id(own, everywhere=fault["everywhere"])
                return replace(answer, body=answer.body.replace(own, said))
            case _:
                raise ValueError(f"{fault.kind} is not about answers")

    @staticmethod
    async def _tear(request: web.Request, answer: Answer) -> web.StreamResponse:
        """Promise the whole answer, send half of it and cut the connection."""
        whole = answer.body.encode()
        response = web.StreamResponse(
            status=answer.status, headers={"Content-Type": answer.content_type, "Content-Length": str(len(whole))}
        )
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        if request.transport is not None:
            request.transport.close()  # what is written is sent first
        return response

    def _refusal(self, refused: Refused) -> Answer:
        return answers.envelope(refused, request_id=self._engine.chance.merchant_request_id())

    def _journal(self, request: web.Request, body: bytes, answer: Answer | None) -> None:
        """The Authorization header is left out; status None means that the connection was cut."""
        self._engine.journal.write(
            self._engine.clock.now(),
            "exchange",
            {
                "method": request.method,
                "path": request.path_qs,
                "body": body.decode(errors="replace")[:_JOURNALLED],
                "status": None if answer is None else answer.status,
                "answer": None if answer is None else answer.body[:_JOURNALLED],
            },
        )


def _subject(operation: Operation, body: bytes) -> str:
    """What a request is about, as far as it can be read: chance asks for it before anything is checked."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    return "/".join(str(said.get(name, ""))[:100] for name in _SUBJECTS[operation])


def _asked(request: web.Request, body: bytes) -> Asked:
    return Asked(request.headers.get("Authorization"), request.headers.get("Content-Type", ""), body)


def _version(request: web.Request) -> C2bVersion:
    return C2bVersion(request.match_info["version"])


def _instead(fault: Fault) -> Answer:
    if fault.kind is FaultKind.ANSWER_PRESET:
        preset = PRESETS[fault["preset"]]
        return Answer(preset.status, preset.body, preset.content_type)
    return Answer(fault["status"], fault["body"], fault["content_type"])


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere
