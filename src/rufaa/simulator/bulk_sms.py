"""Africa's Talking's bulk SMS, as far as Rufaa uses it: a message in, its report out, and what a phone writes back.

Written from its documentation ("Sending", "Delivery reports", "Incoming messages"). Like the real one it knows no key:
the same message twice is two. What is sent lies on the virtual handset.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import StrEnum
from typing import Any, Final

import aiohttp
from aiohttp import web

from rufaa.errors import InvalidArgument
from rufaa.phone import InvalidPhone, Phone, parse
from rufaa.simulator.control import body_of, phone_of
from rufaa.simulator.engine import Engine

_MOST_FAULTS: Final = 100
SHORT_CODE: Final = "22384"
"""What people write to."""
_COST: Final = "KES 0.8000"


class SmsFault(StrEnum):
    """What goes wrong with the next message."""

    LOST_ANSWER = "lost-answer"  # it is taken, and the connection is cut
    SERVER_ERROR = "server-error"  # it is not taken; the answer is a 500, as of one that was
    THROTTLED = "throttled"
    KEY_REFUSED = "key-refused"
    BAD_PHONE = "bad-phone"
    BLACKLISTED = "blacklisted"
    NO_CREDIT = "no-credit"
    GATEWAY_ERROR = "gateway-error"
    NO_RECIPIENT = "no-recipient"
    NONSENSE = "nonsense"  # it is taken, and the answer cannot be read
    NO_REPORT = "no-report"
    REPORT_TWICE = "report-twice"
    REPORT_FIRST = "report-first"  # before the answer
    UNDELIVERED = "undelivered"


_STATUS: Final = {
    SmsFault.BAD_PHONE: (403, "InvalidPhoneNumber"),
    SmsFault.BLACKLISTED: (406, "UserInBlacklist"),
    SmsFault.NO_CREDIT: (405, "InsufficientBalance"),
    SmsFault.GATEWAY_ERROR: (501, "GatewayError"),
}


class BulkSms:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reports_url: str | None = None
        self._incoming_url: str | None = None
        self._faults: deque[SmsFault] = deque()
        self._taken = 0
        self._posting: set[asyncio.Task[None]] = set()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/version1/messaging", self._message)
        router.add_post("/control/sms", self._set)
        router.add_post("/control/phones/{phone}/replies", self._reply)

    async def close(self, _app: web.Application) -> None:
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)

    async def _set(self, request: web.Request) -> web.Response:
        """``{"reports_url": …, "incoming_url": …, "next": ["lost-answer"]}``, each as one likes."""
        body = await body_of(request, allowed={"reports_url", "incoming_url", "next"})
        faults = body.get("next", [])
        if (
            not isinstance(faults, list)
            or len(faults) > _MOST_FAULTS
            or any(each not in list(SmsFault) for each in faults)
        ):
            raise InvalidArgument(f"next is a list of {', '.join(SmsFault)}.", argument="next")
        for name in ("reports_url", "incoming_url"):
            if name in body and not (isinstance(body[name], str) and body[name].startswith("http")):
                raise InvalidArgument(f"{name} is an address.", argument=name)
        self._reports_url = body.get("reports_url", self._reports_url)
        self._incoming_url = body.get("incoming_url", self._incoming_url)
        self._faults.extend(SmsFault(each) for each in faults)
        return web.json_response({"taken": self._taken, "next": list(self._faults)})

    async def _message(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        fault = self._faults.popleft() if self._faults else None
        if not request.headers.get("apiKey") or fault is SmsFault.KEY_REFUSED:
            return web.Response(status=401, text="The supplied authentication is invalid")
        if fault is SmsFault.THROTTLED:
            return web.Response(status=429, text="Too Many Requests")
        if fault is SmsFault.SERVER_ERROR:
            return web.Response(status=500, text="Internal Server Error")
        if not all(isinstance(form.get(name), str) and form[name] for name in ("username", "to", "message")):
            return web.Response(status=400, text="Request is missing required form field")
        number, sender = str(form["to"]), str(form.get("from") or "AFRICASTKNG")
        if fault is SmsFault.NO_RECIPIENT:
            return web.json_response({"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}, status=201)
        try:
            phone = parse(number)
        except InvalidPhone:
            fault = SmsFault.BAD_PHONE
        if fault in _STATUS:
            code, status = _STATUS[fault]
            return _answer(number, code, status, "None", cost="0")
        self._engine.owner.receive(phone, sender=sender, text=str(form["message"]))
        self._taken += 1
        message_id = f"ATXid_{self._taken:032x}"
        if fault is SmsFault.REPORT_FIRST:
            await self._report(message_id, phone, "Success")
        elif fault is not SmsFault.NO_REPORT:
            self._later(self._report(message_id, phone, "Failed" if fault is SmsFault.UNDELIVERED else "Success"))
        if fault is SmsFault.REPORT_TWICE:
            self._later(self._report(message_id, phone, "Success"))
        if fault is SmsFault.LOST_ANSWER:
            assert request.transport is not None
            request.transport.close()
        if fault is SmsFault.NONSENSE:
            return web.Response(status=201, text="<html>")
        return _answer(number, 101, "Success", message_id)

    async def _reply(self, request: web.Request) -> web.Response:
        """``{"text": "STOP"}``: whoever holds the phone writes to us. 409 where nobody wants to hear."""
        phone = phone_of(request)
        body = await body_of(request, allowed={"text"})
        text = body.get("text")
        if not isinstance(text, str) or not text.strip():
            raise InvalidArgument("text says something.", argument="text")
        if self._incoming_url is None:
            raise InvalidArgument("Nobody asked to be told of what phones write: set incoming_url.", argument="text")
        form = {
            "from": f"+{phone}",
            "to": SHORT_CODE,
            "text": text,
            "id": f"in-{self._taken}",
            "date": f"{self._engine.clock.now():%Y-%m-%d %H:%M:%S}",
        }
        status = await _post(self._incoming_url, form)
        return web.json_response({"status": status})

    async def _report(self, message_id: str, phone: Phone, status: str) -> None:
        if self._reports_url is None:
            return
        form = {"id": message_id, "status": status, "phoneNumber": f"+{phone}", "networkCode": "63902"}
        if status == "Failed":
            form["failureReason"] = "UserIsInactive"
        await _post(self._reports_url, form)

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)


async def _post(url: str, form: dict[str, str]) -> int | None:
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(url, data=form, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError):
        return None  # as the real one: it does not say


def _answer(number: str, code: int, status: str, message_id: str, *, cost: str = _COST) -> web.Response:
    recipient = {"statusCode": code, "number": number, "status": status, "cost": cost, "messageId": message_id}
    told = {"Message": f"Sent to {int(code == 101)}/1 Total Cost: {cost}", "Recipients": [recipient]}
    return web.json_response({"SMSMessageData": told}, status=201)
