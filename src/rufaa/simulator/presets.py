"""The answers that Safaricom gives instead of its own when something is wrong, by name (daraja.md §1-§5, §11b).

``may_ring``: whether such an answer leaves open if the push took effect. One that does not is a refusal: scripted as
``accepted``, it would be a lie that nobody has seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rufaa.simulator.answers import HTML, JSON

_REQUEST_ID: Final = "847c-4573-85db-96a68dacad1910007"


@dataclass(frozen=True, slots=True)
class Preset:
    line: str
    status: int
    body: str
    may_ring: bool
    content_type: str = JSON


def _envelope(line: str, status: int, code: str, message: str, *, may_ring: bool = False) -> Preset:
    body = {"requestId": _REQUEST_ID, "errorCode": code, "errorMessage": message}
    return Preset(line, status, json.dumps(body), may_ring)


def _apigee(line: str, status: int, code: str, words: str, *, may_ring: bool = False) -> Preset:
    return Preset(line, status, json.dumps({"fault": {"faultstring": words, "detail": {"errorcode": code}}}), may_ring)


def _page(title: str) -> str:
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"


_SPIKE_ARREST: Final = (
    "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5, "
    "periodInMicroseconds=60000000, maxBurstMessageCount=1.0}"
)
_SOAP: Final = {
    "Envelope": {"Body": {"Fault": {"faultcode": "Server", "faultstring": "The service is not available."}}}
}

PRESETS: Final[Mapping[str, Preset]] = {
    # turned away at the gateway
    "apigee-spike-arrest": _apigee(
        "429, the gateway's fault for too many requests.", 429, "policies.ratelimit.SpikeArrestViolation", _SPIKE_ARREST
    ),
    "apigee-quota": _apigee(
        "429, the gateway's fault for a used-up quota.", 429, "policies.ratelimit.QuotaViolation",
        "Rate limit quota violation. Quota limit exceeded. Identifier : _default",
    ),
    "too-many-requests": Preset("429 and nothing more.", 429, "", may_ring=False),
    "spike-arrest": _envelope(
        "500.003.02 as an envelope: spike arrest.", 500, "500.003.02", "Error Occurred: Spike Arrest Violation"
    ),
    "quota": _envelope(
        "500.003.03 as an envelope: quota used up.", 500, "500.003.03", "Error Occurred: Quota Violation"
    ),
    # refused
    "bad-request": _envelope("400.002.02, a field is wrong.", 400, "400.002.02", "Bad Request - Invalid PhoneNumber"),
    "invalid-checkout-id": _envelope(
        "400.002.02 of a query: asked too early.", 400, "400.002.02", "Bad Request - Invalid CheckoutRequestID"
    ),
    "stale-token": _envelope("404.001.03, the token is dead.", 404, "404.001.03", "Invalid Access Token"),
    "stale-token-400": _envelope("400.003.01, the same in other words.", 400, "400.003.01", "Invalid Access Token"),
    "stale-token-401": _envelope(
        "401.002.01, the same again.", 401, "401.002.01", "Error Occurred - Invalid Access Token - 1234"
    ),
    "no-product": _envelope(
        "401.003.01, which no new token helps: the app lacks the product.", 401, "401.003.01",
        "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found",
    ),
    "no-merchant": _envelope(
        "500.001.1001, the short code is not known.", 500, "500.001.1001", "Merchant does not exist"
    ),
    "wrong-credentials": _envelope(
        "500.001.1001, the passkey is wrong.", 500, "500.001.1001", "[MerchantValidate] - Wrong credentials"
    ),
    "phone-locked": _envelope(
        "500.001.1001, another session lives on the phone.", 500, "500.001.1001",
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    ),
    # unclear: what was asked may have happened
    "bare-1001": _envelope(
        "500.001.1001 without words, which says nothing.", 500, "500.001.1001", "", may_ring=True
    ),
    "bare-1001-200": _envelope("The same with HTTP 200.", 200, "500.001.1001", "", may_ring=True),
    "being-processed": _envelope(
        "500.001.1001, in flight.", 500, "500.001.1001", "The transaction is being processed", may_ring=True
    ),
    "does-not-exist": _envelope(
        "500.001.1001, of an id that is known.", 500, "500.001.1001", "The transaction does not Exist", may_ring=True
    ),
    "system-busy": _envelope(
        "500.003.02, which here is no throttling.", 500, "500.003.02",
        "System is busy. Please try again in few minutes.", may_ring=True,
    ),
    "internal-error": _envelope("500.003.1001.", 500, "500.003.1001", "Internal Server Error", may_ring=True),
    "internal-error-200": _envelope(
        "An envelope with an error, and HTTP 200.", 200, "500.003.1001", "Internal Server Error", may_ring=True
    ),
    "maintenance": _envelope(
        "500.002.1001, as an envelope.", 500, "500.002.1001", "Service is currently under maintenance", may_ring=True
    ),
    "apigee-outage": _apigee(
        "500, the gateway's fault when nothing answers behind it.", 500,
        "messaging.adaptors.http.flow.UnexpectedEOFAtTarget", "Unexpected EOF at target", may_ring=True,
    ),
    "apigee-timeout": _apigee(
        "504, the gateway's fault when it waited too long.", 504,
        "messaging.adaptors.http.flow.GatewayTimeout", "Gateway Timeout", may_ring=True,
    ),
    "soap-fault": Preset("500, a fault in SOAP's form.", 500, json.dumps(_SOAP), may_ring=True),
    "html-403": Preset("403, a page of the firewall.", 403, _page("403 Forbidden"), True, HTML),
    "html-503": Preset("503, a page.", 503, _page("503 Service Unavailable"), True, HTML),
    "html-200": Preset("200 with a page.", 200, _page("Welcome"), True, HTML),
    "empty-200": Preset("200 and nothing more.", 200, "", may_ring=True),
    "empty-object": Preset("200 and {}.", 200, "{}", may_ring=True),
    "no-id": Preset(
        "200, accepted, without a CheckoutRequestID.", 200,
        '{"ResponseCode": "0", "ResponseDescription": "Success. Request accepted for processing"}', may_ring=True,
    ),
    "redirect": Preset("302 to nowhere.", 302, "", may_ring=True),
}  # fmt: skip
