"""What Daraja answers: its error envelopes, the gateway's faults, and the form of an accepted push.

Shapes and statuses are those of ``daraja.md`` §1-§5 and §11b. Only forms live here; who gets which is decided
elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from rufaa.simulator.config import Rate

JSON: Final = "application/json;charset=UTF-8"
HTML: Final = "text/html;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, as text."""

    status: int
    body: str
    content_type: str = JSON
    torn: bool = False  # half of it is sent, and the connection cut


class Refused(Exception):
    """Daraja refuses the request with its envelope (a ``requestId`` is added on the way out)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.status = status
        self.code = code
        self.message = message


class Throttled(Exception):
    """The gateway refuses the request for its rate."""

    def __init__(self, rate: Rate) -> None:
        super().__init__("spike arrest")
        self.rate = rate


def invalid(field: str) -> Refused:
    return Refused(400, "400.002.02", f"Bad Request - Invalid {field}")


def bad_payload() -> Refused:
    return Refused(400, "400.002.05", "Invalid Request Payload")


def missing_authorization() -> Refused:
    return Refused(404, "404.001.04", "Invalid Authentication Header")


def stale_token() -> Refused:
    """For a token that was good once."""
    return Refused(404, "404.001.03", "Invalid Access Token")


def unknown_token(token: str) -> Refused:
    return Refused(401, "401.002.01", f"Error Occurred - Invalid Access Token - {token}")


def no_product() -> Refused:
    """The app has no such product, or another version of it; no new token helps (daraja.md §2, §6)."""
    return Refused(
        401, "401.003.01", "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
    )


def urls_registered() -> Refused:
    """In production the addresses are registered once (daraja.md §6)."""
    return Refused(500, "500.003.1001", "Urls are already registered")


def no_merchant() -> Refused:
    return Refused(500, "500.001.1001", "Merchant does not exist")


def wrong_credentials() -> Refused:
    return Refused(500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


def subscriber_locked() -> Refused:
    return Refused(
        500,
        "500.001.1001",
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
    )


def spike_arrest() -> Refused:
    return Refused(500, "500.003.02", "Error Occurred: Spike Arrest Violation")


def being_processed() -> Refused:
    return Refused(500, "500.001.1001", "The transaction is being processed")


def does_not_exist() -> Refused:
    return Refused(500, "500.001.1001", "The transaction does not Exist")


def bare_error() -> Refused:
    """Between correct answers 4 of 19 were so (daraja.md §5)."""
    return Refused(500, "500.001.1001", "")


def maintenance() -> Refused:
    return Refused(500, "500.002.1001", "Service is currently under maintenance")


def duplicate_originator() -> Refused:
    """A payout under this id was taken before; what became of it is not said (daraja.md §10)."""
    return Refused(500, "500.002.1001", "Duplicate OriginatorConversationID")


def pull_refused() -> Refused:
    """Pull's own code for fields and windows that it does not take (daraja.md §10)."""
    return Refused(400, "400.001", "Bad Request")


def pull_stale_token() -> Refused:
    """Pull's own code for a token that is none."""
    return Refused(401, "401.001", "Invalid Access Token")


def no_resource() -> Refused:
    return Refused(404, "404.001.01", "Resource not found")


def wrong_method() -> Refused:
    return Refused(405, "405.001", "Method Not Allowed")


def internal_error() -> Refused:
    return Refused(500, "500.003.1001", "Internal Server Error")


def envelope(refused: Refused, *, request_id: str) -> Answer:
    body = {"requestId": request_id, "errorCode": refused.code, "errorMessage": refused.message}
    return Answer(refused.status, json.dumps(body))


def gateway_throttle(rate: Rate) -> Answer:
    """Apigee's fault, word for word as logged (daraja.md §5); it carries no errorCode of Daraja's form."""
    words = (
        f"Spike arrest violation. Allowed rate : MessageRate{{messagesPerPeriod={rate.messages}, "
        f"periodInMicroseconds={rate.period_s * 1_000_000}, maxBurstMessageCount={float(rate.burst)}}}"
    )
    code = "policies.ratelimit.SpikeArrestViolation"
    return Answer(429, json.dumps({"fault": {"faultstring": words, "detail": {"errorcode": code}}}))


def accepted(*, merchant_request_id: str, checkout_request_id: str) -> Answer:
    words = "Success. Request accepted for processing"
    return Answer(
        200,
        json.dumps(
            {
                "MerchantRequestID": merchant_request_id,
                "CheckoutRequestID": checkout_request_id,
                "ResponseCode": "0",
                "ResponseDescription": words,
                "CustomerMessage": words,
            }
        ),
    )
